# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns of the table that a statement is about, without the table's name before them.

Drizzle writes CREATE INDEX … WHERE "Sale"."total" > 0. The server forgets the table's name, and a definition with it
cannot be tried on a copy of the table, which has another name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .parsing import Parsed, parse_query, tokens_of
from .tree import kind_of_node, walk

__all__ = ["with_plain_names"]


def with_plain_names(parsed: Parsed) -> Parsed:
    """CREATE INDEX or ALTER TABLE without the table's name before columns. Its text stays as it is written."""
    node = parsed.node
    if kind_of_node(node) not in ("IndexStmt", "AlterTableStmt"):
        return parsed
    found = [one for one in walk(node) if kind_of_node(one) == "ColumnRef" and _is_of(one, node.relation)]
    if not found:
        return parsed
    tokens = tokens_of(parsed.code)
    numbers = {token.start: number for number, token in enumerate(tokens)}
    code = parsed.code
    for one in sorted(found, key=lambda one: one.location, reverse=True):
        # Each name before the last is followed by a dot.
        end = tokens[numbers[one.location] + 2 * (len(one.fields) - 1)].start
        code = code[: one.location] + code[end:]
    nodes = parse_query(code)
    return parsed if nodes is None else replace(parsed, code=code, node=nodes[0])


def _is_of(reference: Any, relation: Any) -> bool:
    """Whether a column is called table.column or schema.table.column, of this table."""
    *before, last = [getattr(part, "sval", None) for part in reference.fields]
    own = [relation.schemaname or "public", relation.relname]
    return last is not None and len(before) in (1, 2) and before == own[-len(before) :]
