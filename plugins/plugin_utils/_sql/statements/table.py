# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables: created, dropped, emptied."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import Place, SqlScene, dotted
from ..tree import kind_of_node
from .column import facts
from .constraint import take_names
from .query import query_hazards

__all__ = ["HANDLERS", "drop_table"]


_TEMPORARY = (
    "a temporary table goes with its session, and each step may run in another one: write what reads it as one "
    "statement (WITH), or make a table and drop it again"
)


def _create(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    table = scene.place(node.relation)
    foreign = kind_of_node(node) == "CreateForeignTableStmt"
    base = node.base if foreign else node
    kind = "CREATE FOREIGN TABLE" if foreign else "CREATE TABLE"
    if foreign:
        table = scene.place(base.relation)
    effect = Effect(kind, f"table {dotted(*table)}")
    if base.if_not_exists:
        effect.notes.append("IF NOT EXISTS: a table of this name is left as it is, whatever its columns are")
    if base.relation.relpersistence == "t":
        effect.mend = _TEMPORARY
    scene.take(table)
    scene.make("table", table, surely=not base.if_not_exists)
    parents = []
    for element in (*(base.tableElts or ()), *(base.constraints or ())):
        parents += _element(element, table, scene)
    if base.partbound is not None:
        parent = dotted(*scene.place(base.inhRelations[0]))
        effect.notes.append(f"it locks {parent} for an instant, and scans its default partition if there is one")
    live = [parent for parent in parents if parent != table and not scene.is_new("table", parent)]
    if live:
        named = ", ".join(dict.fromkeys(dotted(*parent) for parent in live))
        effect.notes.append(f"its foreign keys lock {named} for an instant")
    return effect


def _element(element: Any, table: Place, scene: SqlScene) -> list[Place]:
    """Takes the names that an element of CREATE TABLE takes; the tables that it refers to."""
    if kind_of_node(element) == "Constraint":
        take_names(element, table, scene)
        return [scene.place(element.pktable)] if element.contype.name == "CONSTR_FOREIGN" else []
    if kind_of_node(element) != "ColumnDef":
        return []
    for constraint in element.constraints or ():
        take_names(constraint, table, scene, element.colname)
    references = facts(element).references
    return [scene.place(references.pktable)] if references is not None else []


def drop_table(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    """DROP TABLE, with one or several names."""
    places = [scene.named(one) for one in node.objects]
    effect = Effect("DROP TABLE", f"table {', '.join(dotted(*place) for place in places)}")
    for place in places:
        if not scene.is_surely_new("table", place):
            about = dotted(*place)
            effect.hazard("data_loss", about, "All rows of the table are deleted.")
            also = " CASCADE drops views and foreign keys that depend on it, too." if _cascades(node) else ""
            effect.hazard("breaks_running_application", about, f"Code that uses the table fails.{also}")
        scene.forget("table", place)
        scene.release(place)
    return effect


def _cascades(node: Any) -> bool:
    return bool(node.behavior.name == "DROP_CASCADE")


def _truncate(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    places = [scene.place(relation) for relation in node.relations]
    effect = Effect("TRUNCATE", f"table {', '.join(dotted(*place) for place in places)}")
    for place in places:
        if not scene.is_surely_new("table", place):
            also = " CASCADE empties the tables that refer to it, too." if _cascades(node) else ""
            effect.hazard("data_loss", dotted(*place), f"All rows are deleted.{also}")
            effect.hazard("blocks_reads", dotted(*place), "Reads and writes wait for the lock.")
    return effect


def _create_as(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.place(node.into.rel)
    view = node.objtype.name == "OBJECT_MATVIEW"
    kind = "CREATE MATERIALIZED VIEW" if view else "CREATE TABLE AS"
    effect = Effect(kind, f"{'materialized view' if view else 'table'} {dotted(*place)}")
    if node.into.rel.relpersistence == "t":
        effect.mend = _TEMPORARY
    scene.take(place)
    scene.make("table", place, surely=not node.if_not_exists)
    query_hazards(effect, node.query, scene)
    return effect


HANDLERS = {
    "CreateStmt": _create,
    "CreateForeignTableStmt": _create,
    "TruncateStmt": _truncate,
    "CreateTableAsStmt": _create_as,
}
