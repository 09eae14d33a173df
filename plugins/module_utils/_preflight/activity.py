# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at work at this moment, and would hold the change up. Pure functions of the facts."""

from __future__ import annotations

import re
from typing import Any, List, Mapping

from .._support.duration import duration_text
from .._support.sqltext import mask_literals
from .facts import Facts
from .finding import Judgement, found, good

__all__ = ["hidden_session", "idle_in_transaction", "old_transaction", "prepared_transaction", "running_vacuum"]

IDLE_SECONDS = 10.0
_MOST = 10
_IDLE = ("idle in transaction", "idle in transaction (aborted)")
_NOTHING = "nothing is to be changed, so no session can hold it up"


def _who(row: Mapping[str, Any]) -> str:
    """The session and what it does; its query without constants, which are the application's data."""
    words = f'pid {row["pid"]} (role "{row["role"] or "?"}", application "{row["application_name"] or ""}"'
    words += f", {row['state'] or row['backend_type'] or '?'})"
    tables = sorted({lock["table"] for lock in row["locks"] or () if lock["granted"]})
    if tables:
        words += f" with locks on {', '.join(tables)}"
    query = mask_literals(row["query"] or "", 120)
    return words + (f"; its query: {query}" if query and not row["hidden"] else "")


def _open(facts: Facts, idle: bool, seconds: float) -> List[str]:
    """The transactions that are open for so long. Index builds wait for every one of them in this database."""
    return [
        f"{_who(row)}: transaction open for {duration_text(row['age_s'])}"
        for row in facts.sessions
        if (row["state"] in _IDLE) is idle
        and row["age_s"] is not None
        and row["age_s"] > seconds
        and not _maintenance(row)
    ]


def old_transaction(facts: Facts) -> Judgement:
    """Statements and transactions that run for long."""
    if not facts.plan.steps:
        return good(_NOTHING)
    old = _open(facts, False, facts.old_s)
    if not old:
        return good(f"no transaction at work is older than {duration_text(facts.old_s)}")
    return found(old[:_MOST], "wait for them, or end them: SELECT pg_cancel_backend(pid)")


def idle_in_transaction(facts: Facts) -> Judgement:
    """Transactions that somebody left open."""
    if not facts.plan.steps:
        return good(_NOTHING)
    idle = _open(facts, True, IDLE_SECONDS)
    if not idle:
        return good(f"no session is idle in a transaction for longer than {duration_text(IDLE_SECONDS)}")
    return found(
        idle[:_MOST],
        "end these transactions: commit, or SELECT pg_terminate_backend(pid); idle_in_transaction_session_timeout "
        "keeps new ones away",
    )


def prepared_transaction(facts: Facts) -> Judgement:
    """Two-phase transactions: they hold their locks across restarts, until somebody ends them by name."""
    if not facts.plan.steps:
        return good(_NOTHING)
    if not facts.prepared:
        return good("no transaction is prepared in this database")
    return found(
        [
            f'"{row["gid"]}" of role "{row["role"]}", prepared {duration_text(row["age_s"])} ago'
            + (f", with locks on {', '.join(row['tables'])}" if row["tables"] else "")
            for row in facts.prepared[:_MOST]
        ],
        "COMMIT PREPARED or ROLLBACK PREPARED them, unless their transaction manager is at work on them",
    )


def _maintenance(row: Mapping[str, Any]) -> bool:
    return row["backend_type"] == "autovacuum worker" or bool(
        re.match(r"(?is)\s*(vacuum|analyze|reindex|create\s+(unique\s+)?index|cluster)\b", row["query"] or "")
    )


def running_vacuum(facts: Facts) -> Judgement:
    """VACUUM, ANALYZE and index builds on the migration's tables: each excludes ours (SHARE UPDATE EXCLUSIVE)."""
    running, stubborn = [], False
    for row in facts.sessions:
        tables = sorted({lock["table"] for lock in row["locks"] or () if lock["mode"] == "ShareUpdateExclusiveLock"})
        if not tables:
            continue
        stubborn = stubborn or "to prevent wraparound" in (row["query"] or "")
        running.append(f"{_who(row)}: since {duration_text(row['age_s'])}" if row["age_s"] is not None else _who(row))
    if not running:
        return good("no vacuum, analyze or index build is at work on the migration's tables")
    return found(
        running[:_MOST],
        "wait until it is done; "
        + ("it prevents wraparound and does not give way" if stubborn else "an autovacuum gives way"),
    )


def hidden_session(facts: Facts) -> Judgement:
    """Sessions whose state this role may not see: the look at them is partial."""
    hidden = sum(1 for row in facts.sessions if row["hidden"])
    if not hidden:
        return good(f"all {len(facts.sessions)} other sessions of this database can be seen")
    return found(
        [
            f"state, age and query of {hidden} of {len(facts.sessions)} other sessions are hidden from role "
            f'"{facts.server.role}": whether one of them blocks the deployment cannot be seen'
        ],
        f'as an administrator: GRANT pg_read_all_stats TO "{facts.server.role}"',
    )
