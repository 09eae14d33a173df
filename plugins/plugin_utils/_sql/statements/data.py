# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows: INSERT, UPDATE, DELETE, MERGE, COPY."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import Place, SqlScene, dotted
from ..tree import kind_of_node

__all__ = ["HANDLERS"]

_VERBS = {"InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE"}


def _write(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    verb = _VERBS[kind_of_node(node)]
    place = scene.place(node.relation)
    about = dotted(*place)
    effect = Effect(verb, f"rows of {about}")
    if scene.is_surely_new("table", place):
        return effect
    if verb == "INSERT":
        conflict = node.onConflictClause
        if conflict is None or conflict.action.name != "ONCONFLICT_UPDATE":
            return effect
    if verb == "DELETE" or (verb == "MERGE" and _deletes(node)):
        effect.hazard("data_loss", about, "Rows are deleted.")
    which = "all rows" if getattr(node, "whereClause", None) is None and verb in ("UPDATE", "DELETE") else "its rows"
    effect.hazard("blocks_writes", about, f"Writes of {which} wait until the statement's transaction ends.")
    if verb != "DELETE" and not _only_new_columns(node, scene, place):
        effect.hazard("not_reversible", about, "The values from before are not kept.")
    return effect


def _only_new_columns(node: Any, scene: SqlScene, place: Place) -> bool:
    """Whether an UPDATE fills what this file adds: nothing was there before."""
    targets = node.targetList if kind_of_node(node) == "UpdateStmt" else ()
    return bool(targets) and all(scene.is_surely_new("column", place, target.name) for target in targets)


def _deletes(node: Any) -> bool:
    return any(clause.commandType.name == "CMD_DELETE" for clause in node.mergeWhenClauses or ())


def _copy(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    about = dotted(*scene.place(node.relation)) if node.relation is not None else "a query"
    direction = "FROM" if node.is_from else "TO"
    effect = Effect(f"COPY {direction}", f"rows of {about}")
    if node.is_program:
        effect.hazard("leaves_database", about, "It runs a program on the database server.")
    elif node.filename:
        effect.hazard("leaves_database", about, "It reads or writes a file of the database server.")
    elif not node.is_from:
        effect.instead = "It is not run: it only reads."
        effect.entries = ()
    else:
        effect.mend = "load the rows with psql, before or after this migration: deploy.yml loads none"
    return effect


HANDLERS = {
    "InsertStmt": _write,
    "UpdateStmt": _write,
    "DeleteStmt": _write,
    "MergeStmt": _write,
    "CopyStmt": _copy,
}
