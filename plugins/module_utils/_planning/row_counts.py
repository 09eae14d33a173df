# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Row counts before and after, and whether the application's own writes explain the difference.

The database is live: rows come and go while a deployment runs. So beside each count the server's counters of inserted
and deleted rows are kept; a difference that they cover is the application's, any other is a loss.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from .._connection.owners import acting_as, rights_for
from .._connection.session import Session
from .._model.plan import Problem
from .._support.errors import SteadyError
from .._support.problem import nearest
from .._support.sqltext import compose, identifier, qualified

__all__ = [
    "CountResult",
    "NotCountable",
    "compare",
    "count_problems",
    "count_rows",
    "counters",
    "explained_counts",
    "settle",
]

# A busy backend reports its counters at most once a second, an idle one within ten (monitoring statistics, 27.2).
_COUNTER_LAG_SECONDS = 12.0


@dataclass(frozen=True)
class CountResult:
    """The verdict on one table. status: ok | failed | skipped."""

    table: str
    status: str
    detail: str
    before: Optional[int] = None
    after: Optional[int] = None


def counters(session: Session, schema: str, tables: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Rows inserted and deleted so far, by table with all that inherit from it, and the statistics' last reset."""
    # Inside a transaction the values would be those of its first look.
    rows = session.rows(
        # Partitions inherit, too.
        "WITH RECURSIVE tree(root, oid) AS ("
        "SELECT c.relname, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = ANY (%s)"
        " UNION SELECT t.root, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid)"
        " SELECT t.root AS name, pg_catalog.sum(s.n_tup_ins)::bigint AS inserted,"
        " pg_catalog.sum(s.n_tup_del)::bigint AS deleted,"
        " (SELECT stats_reset::text FROM pg_catalog.pg_stat_database"
        "  WHERE datname = pg_catalog.current_database()) AS reset"
        " FROM tree t JOIN pg_catalog.pg_stat_all_tables s ON s.relid = t.oid GROUP BY t.root",
        (schema, list(tables)),
    )
    return {row.pop("name"): row for row in rows}


def count_problems(session: Session, schema: str, tables: Sequence[str]) -> Tuple[Problem, ...]:
    """Why tables of unchanged_counts cannot be counted. Raises psycopg2.Error."""
    if not tables:
        return ()
    rows = session.rows(
        "SELECT c.relname AS name, c.oid, pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_select,"
        " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,"
        " current_user::text AS role"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        (schema,),
    )
    there = {row["name"]: row for row in rows}
    problems = []
    for table in tables:
        rights = rights_for(session, [(schema, table)])
        if rights.problem:
            problems.append(Problem(f"unchanged_counts: {rights.problem}", permission=True))
        if table not in there:
            guess = nearest(table, list(there))
            meant = f'did you mean "{guess}"?' if guess else "correct the name"
            problems.append(Problem(f'unchanged_counts: there is no table "{table}" in schema "{schema}"; {meant}'))
        elif not there[table]["may_use_schema"]:
            grant = compose(
                "GRANT USAGE ON SCHEMA {schema} TO {role}",
                schema=identifier(schema),
                role=identifier(there[table]["role"]),
            )
            text = f"permission denied: the rows of {qualified(schema, table)} cannot be counted; {grant}"
            problems.append(Problem(text, permission=True))
        elif not there[table]["may_select"]:
            grant = compose(
                "GRANT SELECT ON {table} TO {role}",
                table=identifier(schema, table),
                role=identifier(there[table]["role"]),
            )
            text = f"permission denied: the rows of {qualified(schema, table)} cannot be counted; {grant}"
            problems.append(Problem(text, permission=True))
    return tuple(problems)


class NotCountable(SteadyError):
    """The rows of a table can be counted with nobody's rights."""


def count_rows(session: Session, schema: str, table: str) -> int:
    """Exactly, and all of them: row_security is off, so a hidden row is an error and not a smaller number."""
    rights = rights_for(session, [(schema, table)])
    if rights.problem:
        raise NotCountable(f"The rows of {qualified(schema, table)} cannot be counted.", rights.problem)
    question = compose("SELECT pg_catalog.count(*) AS rows FROM {table}", table=identifier(schema, table))
    with acting_as(session, rights.role):
        return int(session.one(question)["rows"])


def explained_counts(session: Session, schema: str, tables: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Counts, the counters read before them, as the journal keeps them: {table: {rows, inserted, deleted, reset}}."""
    figures = counters(session, schema, tables)
    none = {"inserted": 0, "deleted": 0, "reset": None}
    return {table: {"rows": count_rows(session, schema, table), **figures.get(table, none)} for table in tables}


def compare(table: str, before: Mapping[str, Any], rows: int, after: Mapping[str, Any]) -> CountResult:
    """The verdict on one table from figures alone. after: counters read later than rows were counted."""
    change = rows - before["rows"]
    if change == 0:
        return CountResult(table, "ok", f"{rows} rows, as before", before["rows"], rows)
    inserted, deleted = after["inserted"] - before["inserted"], after["deleted"] - before["deleted"]
    words = f"{before['rows']} rows before, {rows} now ({change:+d}); "
    words += f"written in between: {inserted} inserted, {deleted} deleted"
    if before["reset"] != after["reset"] or inserted < 0 or deleted < 0:
        return CountResult(
            table, "skipped", words + "; the server's counters were reset in between", before["rows"], rows
        )
    status = "ok" if -deleted <= change <= inserted else "failed"
    return CountResult(table, status, words, before["rows"], rows)


def settle(
    session: Session, schema: str, before: Mapping[str, Mapping[str, Any]], rows: Mapping[str, int]
) -> Dict[str, CountResult]:
    """The verdicts, waiting for counters that lag behind where a difference is not yet explained."""
    deadline = time.monotonic() + _COUNTER_LAG_SECONDS
    while True:
        figures = counters(session, schema, list(rows))
        none = {"inserted": 0, "deleted": 0, "reset": None}
        verdicts = {
            table: compare(table, before[table], count, figures.get(table, none)) for table, count in rows.items()
        }
        if all(verdict.status != "failed" for verdict in verdicts.values()) or time.monotonic() > deadline:
            return verdicts
        time.sleep(0.5)
