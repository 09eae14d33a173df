# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows: INSERT, UPDATE, DELETE, MERGE, COPY."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import SqlScene, dotted
from ..tree import kind_of_node
from .query import WRITES, only_reads, query_hazards

__all__ = ["HANDLERS"]


def _write(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    effect = Effect(WRITES[kind_of_node(node)], f"rows of {dotted(*scene.place(node.relation))}")
    query_hazards(effect, node, scene)
    return effect


def _copy(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    about = dotted(*scene.place(node.relation)) if node.relation is not None else "a query"
    direction = "FROM" if node.is_from else "TO"
    effect = Effect(f"COPY {direction}", f"rows of {about}")
    if node.is_program:
        effect.hazard("leaves_database", about, "It runs a program on the database server.")
    elif node.filename:
        effect.hazard("leaves_database", about, "It reads or writes a file of the database server.")
    elif not node.is_from and node.query is not None and not only_reads(node.query):
        effect.summary = "rows of a query that does more than read"
    elif not node.is_from:
        effect.instead = "It is not run: it only reads."
        effect.entries = ()
    else:
        effect.mend = "load the rows with psql, before or after this migration: deploy.yml loads none"
    if node.query is not None:
        query_hazards(effect, node.query, scene)
    return effect


HANDLERS = {
    "InsertStmt": _write,
    "UpdateStmt": _write,
    "DeleteStmt": _write,
    "MergeStmt": _write,
    "CopyStmt": _copy,
}
