# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much room tables, indexes, columns and the database take, and the counters of index use. Reads only."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Sequence, Set, Tuple

from .._connection.owners import as_role, rights_for
from .._connection.session import Session
from .._migration.migration import Migration
from .._support import entry as _entry
from .._support.driver import psycopg2
from .._support.sqltext import compose, identifier, raw

__all__ = ["read_counters", "read_storage", "tables_of"]

# So many values of a column are weighed, in blocks taken here and there of a larger table.
_WEIGHED_ROWS = 10_000
_TOLD_SECONDS = 0.6


def tables_of(migration: Migration, data: Mapping[str, Any]) -> List[str]:
    """The tables that the migration changes, and those whose columns a promise is about."""
    changed = {specification.table for section in migration.objects.values() for specification in section}
    return sorted(changed | {table for table, _name in _columns(data)})


def _columns(data: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """The columns that the migration changes or that a promise is about."""
    found: Set[Tuple[str, str]] = set()
    for _position, column in _entry.mappings(data, "columns"):
        found.add((column["table"], column["name"]))
    for _position, promise in _entry.mappings(data, "promises"):
        found.update((column["table"], column["name"]) for _number, column in _entry.mappings(promise, "columns"))
    return sorted(found)


def read_storage(session: Session, schema: str, migration: Migration, data: Mapping[str, Any]) -> Dict[str, Any]:
    """{database: bytes, tables: {name: [bytes, bytes of its indexes]}, indexes: {name: bytes}, columns: {table.name:
    mean bytes of a value}}. Raises psycopg2.Error where the connection is lost."""
    tables = tables_of(migration, data)
    sizes = session.rows(
        "SELECT c.relname AS name, pg_catalog.pg_table_size(c.oid) AS bytes, pg_catalog.pg_indexes_size(c.oid) AS more"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = ANY (%s)",
        (schema, tables),
    )
    indexes = session.rows(
        "SELECT c.relname AS name, pg_catalog.pg_relation_size(c.oid) AS bytes FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind IN ('i', 'I') AND c.relname = ANY (%s)",
        (schema, [specification.name for specification in migration.objects["indexes"]]),
    )
    whole = session.one("SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) AS bytes")
    return {
        "database": whole["bytes"],
        "tables": {row["name"]: [row["bytes"], row["more"]] for row in sizes},
        "indexes": {row["name"]: row["bytes"] for row in indexes},
        "columns": {
            f"{table}.{name}": width
            for table, name in _columns(data)
            for width in [_width(session, schema, table, name)]
            if width is not None
        },
    }


def _width(session: Session, schema: str, table: str, column: str) -> Any:
    """Mean bytes of a value as it is stored, of a sample; None where it cannot be looked at."""
    size = session.rows(
        "SELECT c.reltuples::float8 AS rows, c.relkind::text AS kind FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        (schema, table),
    )
    if not size or size[0]["kind"] not in ("r", "p"):
        return None
    part = ""
    if size[0]["rows"] > _WEIGHED_ROWS:
        part = f"TABLESAMPLE SYSTEM ({100.0 * _WEIGHED_ROWS / size[0]['rows']:.4f}) REPEATABLE (1)"
    question = compose(
        "SELECT pg_catalog.round(pg_catalog.avg(pg_catalog.pg_column_size({column})), 2)::float8 AS width"
        " FROM {table} {part}",
        column=identifier(column),
        table=identifier(schema, table),
        part=raw(part),
    )
    rights = rights_for(session, [(schema, table)])
    if rights.problem:
        return None
    begun = ["BEGIN TRANSACTION READ ONLY", "SET LOCAL statement_timeout TO 5000", *as_role(rights.role)]
    try:
        session.execute("; ".join(begun))
        try:
            return session.one(question)["width"]
        finally:
            if not session.connection.closed:
                session.execute("ROLLBACK")
    except psycopg2.Error as error:
        if error.pgcode is None:
            raise
        return None


def read_counters(session: Session, schema: str, tables: Sequence[str]) -> Dict[str, Any]:
    """How often each index of the tables was used so far, for whoever asks later what came since.

    {at, stats_reset, indexes: [{schema, table, index, oid, scans, tuples_read, tuples_fetched, bytes}]}. What the
    session itself has used is in them.
    """
    _tell_what_was_used(session)
    moment = session.one(
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS at,"
        " (SELECT stats_reset::text FROM pg_catalog.pg_stat_database"
        "  WHERE datname = pg_catalog.current_database()) AS stats_reset"
    )
    indexes = session.rows(
        "SELECT schemaname AS schema, relname AS table, indexrelname AS index, indexrelid::int8 AS oid,"
        " idx_scan AS scans, idx_tup_read AS tuples_read, idx_tup_fetch AS tuples_fetched,"
        " pg_catalog.pg_relation_size(indexrelid) AS bytes"
        " FROM pg_catalog.pg_stat_user_indexes WHERE schemaname = %s AND relname = ANY (%s)"
        " ORDER BY relname, indexrelname",
        (schema, list(tables)),
    )
    return {**moment, "indexes": indexes}


def _tell_what_was_used(session: Session) -> None:
    """Our own measurements are no use by the application: let the server count them before the counters are read.

    A session tells what it did at the end of a transaction, but not again within a second (PostgreSQL documentation,
    27.2.2 "Viewing Statistics"); since 15 it can be asked to.
    """
    if session.connection.server_version >= 150000:
        session.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
    else:
        time.sleep(_TOLD_SECONDS)
        session.execute("SELECT 1")
        time.sleep(_TOLD_SECONDS)
