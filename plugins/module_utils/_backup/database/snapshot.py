# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot that a dump and the counts that prove it share."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..._connection.session import Session
from ..._support.driver import psycopg2
from ..._support.errors import Refused
from ..._support.sqltext import compose, identifier, literal
from .contents import count_tables, read_contents, sequence_values
from .of_extensions import lost_with_extensions
from .settings import database_facts, owners_of, role_names, superuser_objects

__all__ = ["Snapshot", "refuse_unreadable"]


class Snapshot:
    """A transaction that sees one moment, exported for pg_dump (snapshot synchronization functions, 9.28.5).

    name: for pg_dump --snapshot. excluded: schemas that are left out. taken_at: when, in UTC. contents, facts, roles,
    owners and of_superusers as the manifest has them.
    """

    def __init__(self, session: Session, lock_wait_ms: int, excluded: Sequence[str] = ()) -> None:
        self._session = session
        self._excluded = excluded
        self._thread: Optional[threading.Thread] = None
        self._error: Optional[BaseException] = None
        # However long the dump takes: an idle session is what this one is for.
        session.execute("SET idle_in_transaction_session_timeout TO 0")
        session.execute(compose("SET lock_timeout TO {wait}", wait=literal(f"{lock_wait_ms}ms")))
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = session.one(
            "SELECT pg_catalog.pg_export_snapshot() AS name, to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC',"
            """ 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS taken_at"""
        )
        self.name: str = row["name"]
        self.taken_at: str = row["taken_at"]
        self.facts = database_facts(session)
        self.roles = role_names(session)
        self.owners = owners_of(session, excluded)
        self.of_superusers = superuser_objects(session, excluded)
        self.contents: Dict[str, Any] = read_contents(session, excluded)
        self.left_out: List[str] = lost_with_extensions(session, excluded)

    def narrow(self, excluded: Sequence[str], has_rows: Callable[[Dict[str, Any]], bool]) -> None:
        """For a method that takes fewer objects than tables' rows, and not of all tables. Raises psycopg2.Error."""
        self.contents["objects"] = read_contents(self._session, excluded)["objects"]
        self.contents["tables"] = [table for table in self.contents["tables"] if has_rows(table)]

    def count_beside(self) -> None:
        """Begin to count all rows, in a thread: the session is not to be used before counted()."""
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        try:
            # The largest first: what is left to count after the dump is little.
            tables: List[Dict[str, Any]] = sorted(self.contents["tables"], key=lambda one: -one["bytes"])
            count_tables(self._session, tables)
        except BaseException as error:  # raised where somebody can tell it
            self._error = error

    def check(self) -> None:
        """Raise what the counting raised, as soon as it did: without it the rest is for nothing."""
        if self._error is not None:
            raise self._error

    def counted(self, watch: Callable[[int, int], None]) -> None:
        """Wait for the counts; then see how far the sequences went. Raises what the counting raised.

        watch gets the bytes of the tables that are counted, and those of all.
        """
        tables = self.contents["tables"]
        total = sum(table["bytes"] for table in tables)
        counting = True
        while counting:
            watch(sum(table["bytes"] for table in tables if table["rows"] is not None), total)
            if self._thread is not None:
                self._thread.join(0.5)
            counting = self._thread is not None and self._thread.is_alive()
        self.check()
        after = {(one["schema"], one["name"]): one for one in sequence_values(self._session, self._excluded)}
        for sequence in self.contents["sequences"]:
            found = after.get((sequence["schema"], sequence["name"]), sequence)
            sequence["value_after"] = found["value"]

    def close(self) -> None:
        """Let the snapshot go: from here on nobody waits for it."""
        if self._thread is not None and self._thread.is_alive():
            try:
                self._session.connection.cancel()
            except psycopg2.Error:  # the server is gone; what went wrong before says so
                pass
            self._thread.join(10)
        self._session.close()


def refuse_unreadable(session: Session, excluded: Sequence[str] = ()) -> None:
    """Raise Refused with all tables and sequences that the role may not read whole. Raises psycopg2.Error."""
    reasons = []
    role = session.one("SELECT current_user::text AS role")["role"]
    rows = session.rows(
        "SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,"
        " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usage,"
        " pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable,"
        " c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid) AS hidden"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f')"
        " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL (%s::text[])"
        # Of an extension's tables pg_dump reads those that it has named as its configuration.
        " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
        " WHERE d.objid = c.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_class'::regclass"
        " AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND c.oid <> ALL (coalesce(e.extconfig, '{}')))"
        " ORDER BY 1, 2",
        (list(excluded),),
    )
    for schema in sorted({row["schema"] for row in rows if not row["usage"]}):
        grant = compose("GRANT USAGE ON SCHEMA {schema} TO {role}", schema=identifier(schema), role=identifier(role))
        reasons.append(f"schema {schema} may not be used: {grant}")
    for row in rows:
        what = "SEQUENCE " if row["kind"] == "S" else ""
        name = identifier(row["schema"], row["name"])
        if not row["readable"]:
            grant = f"GRANT SELECT ON {what}" + compose("{name} TO {role}", name=name, role=identifier(role))
            reasons.append(f"{row['schema']}.{row['name']} may not be read: {grant}")
        elif row["hidden"]:
            reasons.append(f"row level security hides rows of {row['schema']}.{row['name']} from role {role}")
    if reasons:
        raise Refused(
            "This role cannot back up the whole database:",
            reasons,
            "grant it what is missing (pg_read_all_data on PostgreSQL 14 and newer), and for row level security: "
            + compose("ALTER ROLE {role} BYPASSRLS", role=identifier(role))
            + ", or use a role that has both for the backup: backup_database_url",
        )
