# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be known of an INSERT, UPDATE or DELETE so that the rows that it writes can be kept for a rollback."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from .parsing import written
from .scene import Place
from .statements.query import WRITES
from .tree import kind_of_node, walk

__all__ = ["keep_rows"]


def keep_rows(node: Any, place: Place) -> Mapping[str, Any] | None:
    """As an entry of `statements` has it. None where RETURNING alone does not say which rows: other statements in WITH
    write some, too, MERGE and DO UPDATE do this or that, and a RETURNING of its own is in the way.
    """
    command, relation = WRITES[kind_of_node(node)], node.relation
    returning = getattr(node, "returningClause", None) or getattr(node, "returningList", None)
    if command == "MERGE" or returning:
        return None
    if any(one is not node and kind_of_node(one) in WRITES for one in walk(node)):
        return None
    conflict = node.onConflictClause if command == "INSERT" else None
    if conflict is not None and conflict.action.name == "ONCONFLICT_UPDATE":
        return None
    if any(kind_of_node(one) == "CurrentOfExpr" for one in walk(node)):
        return None
    schema, table = place
    alias = relation.alias.aliasname if relation.alias is not None else relation.relname
    kept: dict[str, Any] = {"command": command, "table": table}
    if schema is not None:
        kept["schema"] = schema
    if alias != table:
        kept["alias"] = alias
    if command == "UPDATE":
        kept["columns"] = list(dict.fromkeys(target.name for target in node.targetList))
        kept["locking"] = _locking(node, alias)
    return kept


def _locking(node: Any, alias: str) -> str:
    """The query that locks the rows of an UPDATE: the same FROM and WHERE."""
    ast, enums = importlib.import_module("pglast.ast"), importlib.import_module("pglast.enums")
    query = ast.SelectStmt(
        targetList=(ast.ResTarget(val=ast.ColumnRef(fields=(ast.String(sval=alias), ast.A_Star()))),),
        fromClause=(node.relation, *(node.fromClause or ())),
        whereClause=node.whereClause,
        withClause=node.withClause,
        lockingClause=(
            ast.LockingClause(
                lockedRels=(ast.RangeVar(relname=alias, inh=True),),
                strength=enums.LockClauseStrength.LCS_FORNOKEYUPDATE,
                waitPolicy=enums.LockWaitPolicy.LockWaitBlock,
            ),
        ),
        groupDistinct=False,
        all=False,
        op=enums.SetOperation.SETOP_NONE,
        limitOption=enums.LimitOption.LIMIT_OPTION_DEFAULT,
    )
    return written(query)
