# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a database: every object that a complete dump has, the rows of each table, the value of each sequence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..._connection.owners import Rights, acting_as, rights_for, tables_of_others
from ..._connection.session import Session
from ..._support.driver import extensions
from ..._support.sqltext import compose, identifier, literal

__all__ = ["count_tables", "differences", "read_contents", "read_tables", "sequence_values"]

# Sequences that one statement asks for: of many thousands it would not be parsed (54001).
_SLICE = 200

# (catalog, oid) is also what an archive's table of contents says of each entry: names need no parsing.
# What pg_dump leaves to something else is left out here, too: members of extensions, what partitions inherit, internal
# functions and triggers, indexes behind constraints, invalid indexes (pg_dump.c: getIndexes, getConstraints,
# getTriggers, getFuncs). Indexes, constraints, triggers, policies and rules are no members themselves: they are left
# out with an extension's table (_backup/of_extensions.py). Objects below 16384 belong to every database.
_OBJECTS = """
WITH mine AS (
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
     AND nspname <> ALL (%(left_out)s::text[])
), theirs AS (
  SELECT objid AS oid FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_class'::regclass AND deptype = 'e'
), found AS (
  SELECT 'pg_catalog.pg_class'::regclass AS catalog, c.oid FROM pg_catalog.pg_class c
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relnamespace IN (SELECT oid FROM mine)
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
   WHERE t.relnamespace IN (SELECT oid FROM mine) AND t.relkind IN ('r', 'p', 'm')
     AND t.oid NOT IN (SELECT oid FROM theirs)
     AND (i.indisvalid OR t.relkind = 'p') AND i.indisready
     AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
                      WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x'))
  UNION ALL
  SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class t ON t.oid = k.conrelid AND t.relnamespace IN (SELECT oid FROM mine)
   WHERE t.oid NOT IN (SELECT oid FROM theirs)
     AND (k.contype IN ('p', 'u', 'x') OR (k.contype = 'f' AND k.conparentid = 0)
          OR (k.contype = 'c' AND NOT k.convalidated AND k.conislocal))
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::regclass, p.oid FROM pg_catalog.pg_proc p
   WHERE p.pronamespace IN (SELECT oid FROM mine)
     AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
  UNION ALL
  SELECT 'pg_catalog.pg_trigger'::regclass, g.oid FROM pg_catalog.pg_trigger g
    JOIN pg_catalog.pg_class t ON t.oid = g.tgrelid AND t.relnamespace IN (SELECT oid FROM mine)
   WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND t.oid NOT IN (SELECT oid FROM theirs)
  UNION ALL
  SELECT 'pg_catalog.pg_policy'::regclass, p.oid FROM pg_catalog.pg_policy p
    JOIN pg_catalog.pg_class t ON t.oid = p.polrelid AND t.relnamespace IN (SELECT oid FROM mine)
   WHERE t.oid NOT IN (SELECT oid FROM theirs)
  UNION ALL
  SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid FROM pg_catalog.pg_rewrite w
    JOIN pg_catalog.pg_class t ON t.oid = w.ev_class AND t.relnamespace IN (SELECT oid FROM mine)
   WHERE w.rulename <> '_RETURN' AND t.oid NOT IN (SELECT oid FROM theirs)
  UNION ALL
  SELECT 'pg_catalog.pg_type'::regclass, y.oid FROM pg_catalog.pg_type y
    LEFT JOIN pg_catalog.pg_class t ON t.oid = y.typrelid
   WHERE y.typnamespace IN (SELECT oid FROM mine) AND (y.typtype IN ('e', 'd', 'r') OR t.relkind = 'c')
  UNION ALL
  SELECT 'pg_catalog.pg_namespace'::regclass, oid FROM mine
  UNION ALL
  SELECT 'pg_catalog.pg_extension'::regclass, oid FROM pg_catalog.pg_extension
  UNION ALL
  SELECT 'pg_catalog.pg_publication'::regclass, oid FROM pg_catalog.pg_publication
  UNION ALL
  SELECT 'pg_catalog.pg_event_trigger'::regclass, oid FROM pg_catalog.pg_event_trigger
  UNION ALL
  SELECT 'pg_catalog.pg_foreign_server'::regclass, oid FROM pg_catalog.pg_foreign_server
  UNION ALL
  SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid FROM pg_catalog.pg_foreign_data_wrapper
  UNION ALL
  SELECT 'pg_catalog.pg_collation'::regclass, oid FROM pg_catalog.pg_collation
   WHERE collnamespace IN (SELECT oid FROM mine)
  UNION ALL
  SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid FROM pg_catalog.pg_statistic_ext
   WHERE stxnamespace IN (SELECT oid FROM mine)
)
SELECT f.catalog::oid::int AS catalog, f.oid::bigint AS oid, o.type, o.identity
  FROM found f, pg_catalog.pg_identify_object(f.catalog, f.oid, 0) o
 WHERE f.oid >= 16384
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = f.catalog AND d.objid = f.oid AND d.deptype = 'e')
 ORDER BY o.type, o.identity
"""

_TABLES = """
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       -- About as many: asking for the size itself would wait for a session that has locked the table.
       (greatest(c.relpages, 1) + coalesce(t.relpages, 0)) * pg_catalog.current_setting('block_size')::bigint AS bytes
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
 WHERE c.relkind IN ('r', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND n.nspname <> ALL (%(left_out)s::text[])
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname
"""

_SEQUENCES = """
SELECT n.nspname AS schema, c.relname AS name, s.seqincrement AS increment
  FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND n.nspname <> ALL (%(left_out)s::text[])
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname
"""


def read_contents(session: Session, excluded: Sequence[str] = ()) -> Dict[str, Any]:
    """All but the rows: {objects, tables, sequences, large_objects, extensions}. Raises psycopg2.Error.

    excluded: schemas to leave out, with all that is in them.
    objects: [{catalog, oid, type, identity}]; tables: [{oid, schema, name, kind, bytes, rows}], rows None until they
    are counted; sequences: as sequence_values gives them.
    """
    return {
        "objects": session.rows(_OBJECTS, {"left_out": list(excluded)}),
        "tables": read_tables(session, excluded),
        "sequences": sequence_values(session, excluded),
        "large_objects": session.one("SELECT pg_catalog.count(*) AS n FROM pg_catalog.pg_largeobject_metadata")["n"],
        "extensions": [
            f"{row['extname']} {row['extversion']}"
            for row in session.rows("SELECT extname, extversion FROM pg_catalog.pg_extension ORDER BY extname")
        ],
    }


def read_tables(session: Session, excluded: Sequence[str] = ()) -> List[Dict[str, Any]]:
    """The tables, as read_contents has them. Takes no lock on any. Raises psycopg2.Error."""
    return [{**row, "rows": None} for row in session.rows(_TABLES, {"left_out": list(excluded)})]


def sequence_values(session: Session, excluded: Sequence[str] = ()) -> List[Dict[str, Any]]:
    """[{schema, name, increment, value, called}]. A sequence belongs to no snapshot: it is read as it stands."""
    found = session.rows(_SEQUENCES, {"left_out": list(excluded)})
    for first in range(0, len(found), _SLICE):
        parts = [
            compose(
                "SELECT {number}::int AS number, last_value, is_called FROM {name}",
                number=literal(str(number)),
                name=identifier(row["schema"], row["name"]),
            )
            for number, row in enumerate(found[first : first + _SLICE], first)
        ]
        with locks_given_back(session):
            for row in session.rows(" UNION ALL ".join(parts)):
                found[row["number"]].update(value=row["last_value"], called=row["is_called"])
    return found


@contextmanager
def locks_given_back(session: Session) -> Iterator[None]:
    """Of what is only read within, no lock is left to a transaction that is open (13.3.1, on savepoints).

    A table is locked with all its indexes; of thousands of them the server's lock table would be full.
    """
    inside = session.connection.info.transaction_status == extensions.TRANSACTION_STATUS_INTRANS
    if inside:
        session.execute("SAVEPOINT steady_look")
    yield
    if inside:
        session.execute("ROLLBACK TO SAVEPOINT steady_look; RELEASE SAVEPOINT steady_look")


def count_tables(
    session: Session, tables: List[Dict[str, Any]], counted: Optional[Callable[[Dict[str, Any]], None]] = None
) -> None:
    """Fill in the rows of each table itself, without its children. Foreign tables hold none. Raises psycopg2.Error."""
    others = tables_of_others(session)
    for table in tables:
        if table["kind"] == "r":
            key = (table["schema"], table["name"])
            rights = rights_for(session, [key]) if key in others else Rights()
            with locks_given_back(session), acting_as(session, rights.role):
                table["rows"] = _count(session, identifier(*key), copied=bool(rights.problem))
            if counted is not None:
                counted(table)


class _Lines:
    """What COPY sends, counted: in its text format each row is a line, and no line break is within one (COPY)."""

    def __init__(self) -> None:
        self.rows = 0

    def write(self, data: Any) -> int:
        self.rows += data.count("\n" if isinstance(data, str) else b"\n")
        return len(data)


def _count(session: Session, name: Any, copied: bool) -> int:
    """copied: all rows are read by COPY, which plans nothing, so that no predicate of an index is looked at."""
    if not copied:
        return int(session.one(compose("SELECT pg_catalog.count(*) AS n FROM ONLY {name}", name=name))["n"])
    lines = _Lines()
    with session.asking() as cursor:
        cursor.copy_expert(compose("COPY {name} TO STDOUT", name=name), lines)
    return lines.rows


def differences(before: Mapping[str, Any], found: Mapping[str, Any]) -> List[str]:
    """In words, what a restored database lacks or has too much, against the contents that its dump was taken from."""
    wrong: List[str] = []
    there, wanted = _named(found), _named(before)
    wrong += [f"missing: {name}" for key, name in wanted.items() if key not in there]
    wrong += [f"not in the backup: {name}" for key, name in there.items() if key not in wanted]
    rows = {(one["schema"], one["name"]): one["rows"] for one in found["tables"]}
    for table in before["tables"]:
        key = (table["schema"], table["name"])
        if key in rows and table["kind"] == "r" and rows[key] != table["rows"]:
            wrong.append(f"{key[0]}.{key[1]}: {rows[key]} rows, {table['rows']} in the backup")
    values = {(one["schema"], one["name"]): one for one in found["sequences"]}
    for sequence in before["sequences"]:
        key = (sequence["schema"], sequence["name"])
        if key in values and not sequence_fits(sequence, values[key]):
            wrong.append(
                f"sequence {key[0]}.{key[1]}: {values[key]['value']}, {sequence['value']} to "
                f"{sequence.get('value_after', sequence['value'])} in the backup"
            )
    if before["large_objects"] != found["large_objects"]:
        wrong.append(f"{found['large_objects']} large objects, {before['large_objects']} in the backup")
    return wrong


def sequence_fits(sequence: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether a value lies between those read before and after the dump. A sequence that cycles may have any."""
    first, last = sequence["value"], sequence.get("value_after", sequence["value"])
    if (first > last) == (sequence["increment"] > 0) and first != last:
        return True
    return bool(min(first, last) <= found["value"] <= max(first, last))


def _named(contents: Mapping[str, Any]) -> Dict[Tuple[str, str], str]:
    return {(one["type"], one["identity"]): f"{one['type']} {one['identity']}" for one in contents["objects"]}
