# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at work in the database, and what keeps whom: one look at pg_stat_activity, judged by thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional

from .._connection.session import Session
from .._support.duration import milliseconds
from .._support.sqltext import mask_literals

__all__ = ["THRESHOLD_ARGUMENTS", "Thresholds", "judge", "read_activity"]

_SHOWN = 50
_HIDDEN = "<insufficient privilege>"

# Ages are the server's own: its clock and ours need not agree.
_SESSIONS = """
SELECT a.pid, a.usename::text AS role, a.application_name AS application, a.client_addr::text AS client, a.state,
  a.wait_event_type, a.wait_event, a.query,
  extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start)::float8 AS query_s,
  extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS transaction_s,
  extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::float8 AS state_s,
  CASE WHEN a.wait_event_type = 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) ELSE '{}' END AS blocked_by
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
  -- Of sessions that it may not see, a role is not told the type either.
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
ORDER BY a.xact_start NULLS LAST, a.pid
"""


# The options of every module that looks at sessions; documented in doc_fragments/thresholds.py.
THRESHOLD_ARGUMENTS: Dict[str, Any] = {
    "slow_query": {"type": "str", "default": "5s"},
    "blocked": {"type": "str", "default": "1s"},
    "idle_in_transaction": {"type": "str", "default": "60s"},
    "long_transaction": {"type": "str", "default": "5m"},
    "show_literals": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Thresholds:
    """From when on a session is worth a word, in seconds."""

    slow_s: float = 5.0
    blocked_s: float = 1.0
    idle_in_transaction_s: float = 60.0
    transaction_s: float = 300.0

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Thresholds:
        """From a module's options; what is not given stays. Raises ValueError."""
        named = {
            "slow_s": "slow_query",
            "blocked_s": "blocked",
            "idle_in_transaction_s": "idle_in_transaction",
            "transaction_s": "long_transaction",
        }
        given = {
            key: milliseconds(str(parameters[option]), option) / 1000.0
            for key, option in named.items()
            if parameters.get(option) is not None
        }
        return cls(**given)


def judge(row: Mapping[str, Any], thresholds: Thresholds) -> List[str]:
    """Why a session is worth a word: slow, blocked, idle in transaction, long transaction. Empty when it is not."""
    state = row["state"] or ""
    reasons = []
    if row["blocked_by"] and (row["query_s"] or 0.0) >= thresholds.blocked_s:
        reasons.append("blocked")
    elif state == "active" and (row["query_s"] or 0.0) >= thresholds.slow_s:
        reasons.append("slow")
    if state.startswith("idle in transaction") and (row["state_s"] or 0.0) >= thresholds.idle_in_transaction_s:
        reasons.append("idle in transaction")
    if (row["transaction_s"] or 0.0) >= thresholds.transaction_s:
        reasons.append("long transaction")
    return reasons


def read_activity(session: Session, thresholds: Thresholds, show_literals: bool = False) -> Dict[str, Any]:
    """{connections, active, hidden, sessions}. Raises psycopg2.Error.

    sessions: those that are worth a word, at most 50, with reasons, ages in seconds, blocked_by (process ids), blocking
    (how many wait for it) and the query, its constants masked. hidden: how many sessions this role may not see.
    """
    rows = session.rows(_SESSIONS)
    blocking: Dict[int, int] = {}
    for row in rows:
        for pid in row["blocked_by"]:
            blocking[pid] = blocking.get(pid, 0) + 1
    found = []
    for row in rows:
        reasons = judge(row, thresholds)
        if row["pid"] in blocking:
            reasons.append("blocks others")
        if reasons:
            found.append(_shown(row, reasons, blocking.get(row["pid"], 0), show_literals))
    return {
        "connections": len(rows),
        "active": sum(1 for row in rows if row["state"] == "active"),
        "hidden": sum(1 for row in rows if row["query"] == _HIDDEN),
        "sessions": found[:_SHOWN],
    }


def _shown(row: Mapping[str, Any], reasons: List[str], blocking: int, literals: bool) -> Dict[str, Any]:
    query: Optional[str] = row["query"]
    if query == _HIDDEN:
        query = None
    elif query is not None and not literals:
        query = mask_literals(query)
    kept = ("pid", "role", "application", "client", "state", "wait_event_type", "wait_event", "blocked_by")
    ages = {
        key: round(row[key], 1) if row[key] is not None else None for key in ("query_s", "transaction_s", "state_s")
    }
    return {**{key: row[key] for key in kept}, **ages, "reasons": reasons, "blocking": blocking, "query": query}
