# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much each index is used, altogether and since the deployment that made it. No user table is read for that."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from .._connection.session import Session
from .._journal.trust import read_journal_state

__all__ = ["judge_usage", "read_usage"]

_COUNTERS = ("scans", "tuples_read", "tuples_fetched")

_NOW = """
SELECT s.schemaname AS schema, s.relname AS table, s.indexrelname AS index, s.indexrelid::int8 AS oid,
  s.idx_scan AS scans, s.idx_tup_read AS tuples_read, s.idx_tup_fetch AS tuples_fetched,
  (c.relpages::int8 * pg_catalog.current_setting('block_size')::int8) AS bytes,
  i.indisvalid AND i.indisready AS valid, i.indisunique OR i.indisprimary OR i.indisexclusion AS needed
FROM pg_catalog.pg_stat_user_indexes s
JOIN pg_catalog.pg_class c ON c.oid = s.indexrelid JOIN pg_catalog.pg_index i ON i.indexrelid = s.indexrelid
WHERE s.schemaname NOT IN ('steady', 'steady_kept') AND (%(schema)s::text IS NULL OR s.schemaname = %(schema)s)
ORDER BY s.schemaname, s.relname, s.indexrelname
"""

_RESET = """
SELECT extract(epoch FROM stats_reset)::float8 AS reset,
  to_char(stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS reset_at
FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()
"""

# The newest deployment that made the index and still stands; its age by the server's clock.
_MADE = """
SELECT DISTINCT ON (s.table_schema, s.name) s.table_schema AS schema, s.name AS index, s.deployment_id,
  extract(epoch FROM pg_catalog.clock_timestamp() - s.finished_at)::float8 AS age_s,
  extract(epoch FROM s.finished_at)::float8 AS made,
  to_char(s.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS made_at, s.before IS NULL AS created
FROM steady.step s JOIN steady.deployment d ON d.id = s.deployment_id
JOIN steady.attempt a ON a.deployment_id = s.deployment_id AND a.number = s.attempt
WHERE s.kind = 'index' AND s.status = 'done' AND s.after IS NOT NULL AND a.direction = 'deploy'
  AND d.status <> 'rolled_back'
ORDER BY s.table_schema, s.name, s.finished_at DESC
"""

# What was counted right after the deployment: its own measurements are no use by the application.
_BASELINE = """
SELECT DISTINCT ON (deployment_id) deployment_id, content -> 'counters' AS counters
FROM steady.evidence WHERE deployment_id IS NOT NULL AND moment = 'after' AND content ? 'counters'
ORDER BY deployment_id, taken_at DESC
"""


def read_usage(session: Session, schema: Optional[str], unused_after_s: float) -> Dict[str, Any]:
    """{stats_reset, indexes}, each index with what judge_usage() says of it. Raises psycopg2.Error."""
    reset = session.one(_RESET)
    usable = read_journal_state(session).usable
    made = {(row["schema"], row["index"]): row for row in (session.rows(_MADE) if usable else ())}
    baselines: Dict[str, Dict[int, Mapping[str, Any]]] = {}
    for row in session.rows(_BASELINE) if usable and _has_evidence(session) else ():
        counters = row["counters"] or {}
        baselines[row["deployment_id"]] = {int(one["oid"]): one for one in counters.get("indexes", [])}
    indexes = []
    for row in session.rows(_NOW, {"schema": schema}):
        maker = made.get((row["schema"], row["index"]))
        baseline = baselines.get(maker["deployment_id"], {}).get(row["oid"]) if maker else None
        indexes.append(judge_usage(row, maker, baseline, reset, unused_after_s))
    return {"stats_reset": reset["reset_at"], "indexes": indexes}


def _has_evidence(session: Session) -> bool:
    """Not every older journal has that table."""
    return bool(
        session.one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_class"
            " WHERE relnamespace = pg_catalog.to_regnamespace('steady') AND relname = 'evidence') AS there"
        )["there"]
    )


def judge_usage(
    row: Mapping[str, Any],
    maker: Optional[Mapping[str, Any]],
    baseline: Optional[Mapping[str, Any]],
    reset: Mapping[str, Any],
    unused_after_s: float,
) -> Dict[str, Any]:
    """One index: {schema, table, index, bytes, valid, scans, tuples_read, tuples_fetched, deployment_id, made_at,
    since, use, note}.

    The counters are those since the deployment that made it, where there is one: since then minus what was counted
    right after it. since: from when on they count: deployment | reset | always. use: used | unused | not used yet |
    kept by a constraint. An index is unused only when it could have been used for long enough: unused_after_s.
    """
    counters = {key: int(row[key] or 0) for key in _COUNTERS}
    since, note = "always", ""
    watched_s: Optional[float] = None
    if maker is not None:
        since, watched_s = "deployment", maker["age_s"]
        lost = reset["reset"] is not None and maker["made"] is not None and reset["reset"] > maker["made"]
        smaller = baseline is not None and any(counters[key] < int(baseline[key] or 0) for key in _COUNTERS)
        if lost or smaller:
            since = "reset"
            when = f" at {reset['reset_at']}" if lost else ""
            note = f"the server's statistics were reset{when}: counted since then"
            watched_s = min(watched_s, maker["age_s"] - (reset["reset"] - maker["made"])) if lost else None
        elif baseline is not None:
            counters = {key: counters[key] - int(baseline[key] or 0) for key in _COUNTERS}
    if counters["scans"] > 0:
        use = "used"
    elif row["needed"]:
        use = "kept by a constraint"
    else:
        use = "unused" if watched_s is None or watched_s >= unused_after_s else "not used yet"
        if watched_s is None and since == "reset":
            use, note = "not used yet", note + "; for how long is not known"
    return {
        **{key: row[key] for key in ("schema", "table", "index", "bytes", "valid")},
        **counters,
        "deployment_id": maker["deployment_id"] if maker else None,
        "made_at": maker["made_at"] if maker else None,
        "created": bool(maker and maker["created"]),
        "since": since,
        "use": use,
        "note": note,
    }
