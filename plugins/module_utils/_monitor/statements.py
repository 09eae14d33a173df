# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of the application by pg_stat_statements, where it is installed: which became slower."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from .._connection.session import Session
from .._connection.translation import translate
from .._support.driver import psycopg2
from .._support.sqltext import compose, identifier, raw

__all__ = ["changes", "read_statements"]

_TOP = 200
#: A statement is compared only when both sides have that many calls: a mean of few says nothing.
_CALLS = 20


def read_statements(session: Session) -> Dict[str, Any]:
    """{available, why, statements: [{queryid, calls, total_ms, rows, query}]}, those with the most time first.

    Queries have no constants: pg_stat_statements keeps them normalised. Never raises psycopg2.Error.
    """
    try:
        found = session.rows(
            "SELECT n.nspname AS schema, e.extversion AS version FROM pg_catalog.pg_extension e"
            " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'"
        )
        if not found:
            return _none("pg_stat_statements is not installed in this database: CREATE EXTENSION pg_stat_statements")
        # total_time until 1.7 (PostgreSQL 12), total_exec_time since.
        rows = session.rows(
            compose(
                "SELECT s.queryid::text AS queryid, pg_catalog.sum(s.calls)::int8 AS calls,"
                " pg_catalog.sum(s.total_exec_time)::float8 AS total_ms, pg_catalog.sum(s.rows)::int8 AS rows,"
                " pg_catalog.min(pg_catalog.left(s.query, 300)) AS query FROM {view} s"
                " WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database"
                "  WHERE datname = pg_catalog.current_database()) AND s.queryid IS NOT NULL"
                " GROUP BY s.queryid ORDER BY 3 DESC LIMIT {top}",
                view=identifier(found[0]["schema"], "pg_stat_statements"),
                top=raw(str(_TOP)),
            )
        )
    except psycopg2.Error as error:
        # Not in shared_preload_libraries, or not for this role.
        return _none(f"pg_stat_statements cannot be read: {translate(error).what}")
    return {"available": True, "why": "", "statements": [_plain(row) for row in rows]}


def _none(why: str) -> Dict[str, Any]:
    return {"available": False, "why": why, "statements": []}


def _plain(row: Mapping[str, Any]) -> Dict[str, Any]:
    return {**row, "query": " ".join((row["query"] or "").split()), "total_ms": round(row["total_ms"], 1)}


def changes(
    before: List[Mapping[str, Any]], between: List[Mapping[str, Any]], now: List[Mapping[str, Any]], factor: float
) -> List[Dict[str, Any]]:
    """Statements whose mean time since `between` is by that factor longer than in all time until `before`.

    before: what stood there before the change; between: right after it; now: what stands there. All counters grow from
    the server's start, so the mean of a time is a difference of sums by a difference of calls. Counters that shrank
    were reset, and are left out. Returns [{query, before_ms, after_ms, calls, factor}], the worst first.
    """
    first = {one["queryid"]: one for one in before}
    middle = {one["queryid"]: one for one in between}
    slower = []
    for row in now:
        known, start = first.get(row["queryid"]), middle.get(row["queryid"])
        mean_before = _mean(known, None)
        mean_after = _mean(row, start)
        if mean_before is None or mean_after is None or mean_after < mean_before * factor:
            continue
        slower.append(
            {
                "query": row["query"],
                "before_ms": round(mean_before, 3),
                "after_ms": round(mean_after, 3),
                "calls": row["calls"] - (start["calls"] if start else 0),
                "factor": round(mean_after / mean_before, 1) if mean_before else None,
            }
        )
    return sorted(slower, key=lambda one: -(one["after_ms"] - one["before_ms"]) * one["calls"])


def _mean(row: Optional[Mapping[str, Any]], start: Optional[Mapping[str, Any]]) -> Optional[float]:
    if row is None:
        return None
    calls = row["calls"] - (start["calls"] if start else 0)
    total = row["total_ms"] - (start["total_ms"] if start else 0.0)
    return total / calls if calls >= _CALLS and total >= 0 else None
