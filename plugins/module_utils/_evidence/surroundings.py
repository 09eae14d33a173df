# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads from the catalog what reach() searches, and from a plan which tables a statement writes to."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple

from .._connection.session import Session
from .reach import ForeignKey, Function, Rule, Surroundings, Trigger

__all__ = ["read_surroundings", "written_tables"]

# pg_trigger.tgtype (src/include/catalog/pg_trigger.h).
_EVENTS = (("insert", 4), ("delete", 8), ("update", 16))
_EVENT_OF = {"Insert": ("insert",), "Update": ("update",), "Delete": ("delete",)}
_ALL = ("insert", "update", "delete")


def read_surroundings(session: Session) -> Surroundings:
    """All tables, foreign keys, triggers, rules and functions that are not PostgreSQL's own. Raises psycopg2.Error."""
    parts: Dict[int, List[int]] = {}
    for row in session.rows("SELECT inhparent::int8 AS parent, inhrelid::int8 AS child FROM pg_catalog.pg_inherits"):
        parts.setdefault(row["parent"], []).append(row["child"])
    return Surroundings(
        tables={
            row["oid"]: (row["schema"], row["name"], row["kind"])
            for row in session.rows(
                "SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind"
                " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'p', 'f', 'v')"
                " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
            )
        },
        parts=parts,
        keys=[
            ForeignKey(row["conrelid"], row["confrelid"], row["on_delete"], row["on_update"])
            for row in session.rows(
                "SELECT conrelid::int8, confrelid::int8, confdeltype::text AS on_delete, confupdtype::text AS on_update"
                " FROM pg_catalog.pg_constraint WHERE contype = 'f'"
            )
        ],
        triggers=[
            Trigger(
                row["tgname"],
                row["tgrelid"],
                row["tgfoid"],
                tuple(event for event, bit in _EVENTS if row["tgtype"] & bit),
            )
            for row in session.rows(
                "SELECT tgname, tgrelid::int8, tgfoid::int8, tgtype FROM pg_catalog.pg_trigger"
                " WHERE NOT tgisinternal AND tgenabled <> 'D'"
            )
        ],
        rules=[
            Rule(row["rulename"], row["ev_class"], row["text"])
            for row in session.rows(
                "SELECT r.rulename, r.ev_class::int8, pg_catalog.pg_get_ruledef(r.oid) AS text"
                " FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class"
                " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " WHERE r.ev_type <> '1' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
            )
        ],
        functions={
            row["oid"]: Function(
                row["proname"], row["body"] or "", row["language"], row["trusted"], row["extension"] or ""
            )
            for row in session.rows(
                "SELECT p.oid::int8 AS oid, p.proname, l.lanname AS language, e.extname AS extension,"
                " l.lanpltrusted OR l.lanname = 'sql' AS trusted,"
                " CASE WHEN l.lanname NOT IN ('c', 'internal') THEN p.prosrc END AS body"
                " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
                " JOIN pg_catalog.pg_language l ON l.oid = p.prolang"
                " LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
                " AND d.objid = p.oid AND d.deptype = 'e' LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
                " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND l.lanname <> 'internal'"
            )
        },
    )


def written_tables(plan: Any, around: Surroundings) -> List[Tuple[int, str]]:
    """The tables that a plan (EXPLAIN (VERBOSE, FORMAT JSON)) writes to, each with the event."""
    by_name = {(schema, name): oid for oid, (schema, name, _kind) in around.tables.items()}
    found: Set[Tuple[int, str]] = set()
    for node in _nodes(plan):
        if node.get("Node Type") != "ModifyTable":
            continue
        events = _EVENT_OF.get(str(node.get("Operation")), _ALL)
        for target in (node, *node.get("Target Tables", ())):
            oid = by_name.get((target.get("Schema"), target.get("Relation Name")))
            if oid is not None:
                # An insert with ON CONFLICT updates, too.
                more = ("update",) if node.get("Conflict Resolution") == "UPDATE" else ()
                found.update((oid, event) for event in (*events, *more))
    return sorted(found)


def _nodes(plan: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(plan, list):
        for item in plan:
            yield from _nodes(item)
    elif isinstance(plan, dict):
        if "Node Type" in plan:
            yield plan
        for key in ("Plan", "Plans"):
            yield from _nodes(plan.get(key))
