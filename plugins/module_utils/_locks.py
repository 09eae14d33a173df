# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""The lock policy: how a statement gets a lock that ordinary reads or writes would feel. The only place for it.

A statement that waits for such a lock makes everything behind it wait too. So attempts with NOWAIT come first: they
never queue, and nobody waits behind them. On a table that is never free they may never succeed; then attempts that
wait for a fraction of the budget come in between, with pauses in which traffic drains. When the patience is used up,
the sessions in the way are named and nothing is left behind.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.steady.postgresql.plugins.module_utils._driver import psycopg2
from ansible_collections.steady.postgresql.plugins.module_utils._errors import LockNotAvailable
from ansible_collections.steady.postgresql.plugins.module_utils._plan import Unit, lock_statement
from ansible_collections.steady.postgresql.plugins.module_utils._session import Session
from ansible_collections.steady.postgresql.plugins.module_utils._sqltext import mask_literals, qualified

__all__ = ["Attempt", "Blocker", "LockPolicy", "Taken", "blockers_of_tables", "describe_blockers", "run_guarded"]

# SQLSTATEs after which the same attempt may succeed later (appendix A): lock_not_available, deadlock_detected, and
# query_canceled, which is our own statement_timeout when the transaction was slow to finish.
_LATER = ("55P03", "40P01", "57014")

_CONFLICTS = {
    # PostgreSQL documentation, table 13.2 "Conflicting Lock Modes".
    "SHARE": (
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ),
    "SHARE ROW EXCLUSIVE": (
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ),
    "ACCESS EXCLUSIVE": (
        "AccessShareLock",
        "RowShareLock",
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ),
}


@dataclass(frozen=True)
class Attempt:
    """lock_timeout_ms: None for NOWAIT, else how long the whole attempt may queue. pause_s: before the next one."""

    lock_timeout_ms: Optional[int]
    pause_s: float


@dataclass(frozen=True)
class LockPolicy:
    """budget_ms: the longest that one attempt may make anybody wait. patience_s: how long to go on trying."""

    budget_ms: int = 100
    patience_s: float = 600.0

    def attempts(self) -> Iterator[Attempt]:
        """The endless schedule; whoever follows it stops at the patience. Pauses are shortest first.

        About three seconds of NOWAIT alone; from then on every eighth attempt queues, for a quarter, a half, then
        six tenths of the budget: the rest of it is for the statements themselves.
        """
        pause, number = 0.05, 0
        shares = (0.25, 0.5, 0.6)
        while True:
            number += 1
            queued = number - 24
            if queued > 0 and queued % 8 == 1:
                share = shares[min(queued // 8, len(shares) - 1)]
                yield Attempt(max(1, int(self.budget_ms * share)), min(4 * pause, 5.0))
            else:
                yield Attempt(None, pause)
            pause = min(pause * 1.08, 1.0)


@dataclass(frozen=True)
class Blocker:
    """A session in the way. age_s: of its transaction. query: with its constants masked."""

    pid: Optional[int]
    user: str
    application: str
    state: str
    age_s: Optional[float]
    mode: str
    table: str
    query: str
    waiting: bool = False

    def as_dict(self) -> Dict[str, Any]:
        return {
            key: getattr(self, key)
            for key in ("pid", "user", "application", "state", "age_s", "mode", "table", "query", "waiting")
        }

    @property
    def text(self) -> str:
        who = f"pid {self.pid}" if self.pid is not None else "a prepared transaction"
        age = f", transaction open for {self.age_s:.0f} s" if self.age_s is not None else ""
        verb = "waits for" if self.waiting else "holds"
        return (
            f'{who} (user "{self.user}", application "{self.application}", {self.state}{age}) {verb} {self.mode} on '
            f"{self.table}; its query: {self.query or 'not visible to this role'}"
        )


@dataclass
class Taken:
    """What it took to run a guarded unit."""

    attempts: int = 0
    lock_wait_ms: float = 0.0


def _blocker(row: Dict[str, Any]) -> Blocker:
    return Blocker(
        row["pid"],
        row["usename"] or "?",
        row["application_name"] or "",
        row["state"] or "?",
        row["age"],
        row["mode"] or "",
        row["table_name"] or "",
        mask_literals(row["query"] or ""),
        bool(row["waiting"]),
    )


def blockers_of_tables(session: Session, unit: Unit, own: Sequence[int]) -> List[Blocker]:
    """Who holds, or queues for, a lock that the unit's locks conflict with. Empty when the way is free."""
    rows = session.rows(
        "SELECT a.pid, a.usename::text, a.application_name,"
        " coalesce(a.state, a.backend_type, 'prepared transaction') AS state,"
        " extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS age,"
        " l.mode, NOT l.granted AS waiting, w.name AS table_name, a.query"
        " FROM unnest(%s::text[], %s::text[]) AS w(name, regclass)"
        " JOIN pg_catalog.pg_locks l ON l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(w.regclass)"
        " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.mode = ANY (%s) AND (l.pid IS NULL OR l.pid <> ALL (%s))"
        " ORDER BY l.granted DESC, a.xact_start LIMIT 20",
        (
            [f"{lock.table[0]}.{lock.table[1]}" for lock in unit.locks],
            [qualified(*lock.table) for lock in unit.locks],
            list(_CONFLICTS[unit.locks[0].mode]),
            list(own),
        ),
    )
    return [_blocker(row) for row in rows]


def blockers_of_session(session: Session, pid: int) -> List[Blocker]:
    """Who keeps a session of ours waiting, by the server's own account."""
    rows = session.rows(
        "SELECT a.pid, a.usename::text, a.application_name, coalesce(a.state, a.backend_type) AS state,"
        " extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS age,"
        " 'a lock or an old snapshot' AS mode,"
        " false AS waiting, pg_catalog.current_database()::text AS table_name, a.query"
        " FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(%s)) AS b(pid)"
        " JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid",
        (pid,),
    )
    return [_blocker(row) for row in rows]


def describe_blockers(blockers: Sequence[Blocker]) -> str:
    return "; ".join(blocker.text for blocker in blockers) or "nobody could be seen (they were gone a moment later)"


def script(unit: Unit, attempt: Attempt, budget_ms: int) -> str:
    """The whole transaction in one message: no network round trip passes while the lock is held.

    lock_timeout counts for each table by itself, so they share the time to queue; statement_timeout counts for each
    statement by itself, so they share what is left of the budget.
    """
    queue_ms = attempt.lock_timeout_ms or 0
    nowait = " NOWAIT" if attempt.lock_timeout_ms is None else ""
    table_ms = max(1, queue_ms // len(unit.locks)) if queue_ms else 0
    statement_ms = max(1, (budget_ms - queue_ms) // len(unit.statements))
    parts = [
        "BEGIN",
        f"SET LOCAL lock_timeout TO '{table_ms}ms'",
        f"SET LOCAL statement_timeout TO '{max(budget_ms, 1)}ms'",
        lock_statement(unit) + nowait,
        f"SET LOCAL statement_timeout TO '{statement_ms}ms'",
        *unit.statements,
        "COMMIT",
    ]
    return "; ".join(parts)


def run_guarded(
    session: Session,
    unit: Unit,
    policy: LockPolicy,
    watcher: Callable[[], List[Blocker]],
    clock: Tuple[Callable[[], float], Callable[[float], None]] = (time.monotonic, time.sleep),
) -> Taken:
    """Run the unit under the policy. Raises LockNotAvailable, or psycopg2.Error for what no patience mends.

    watcher: asked for the sessions in the way, from another session, when an attempt has failed.
    """
    now, sleep = clock
    started = now()
    taken = Taken()
    blockers: List[Blocker] = []
    slow = 0
    for attempt in policy.attempts():
        taken.attempts += 1
        tried = now()
        try:
            session.execute(script(unit, attempt, policy.budget_ms))
            taken.lock_wait_ms = (tried - started) * 1000.0
            return taken
        except psycopg2.Error as error:
            if getattr(error, "pgcode", None) is None or session.connection.closed:
                raise
            session.execute("ROLLBACK")
            if error.pgcode not in _LATER:
                raise
            slow += error.pgcode == "57014"
        if taken.attempts % 10 == 1 or now() - started > policy.patience_s:
            blockers = watcher() or blockers
        if now() - started > policy.patience_s:
            raise _gave_up(unit, policy, taken, blockers, now() - started, slow)
        sleep(attempt.pause_s * random.uniform(0.75, 1.25))
    raise AssertionError("the schedule of attempts has no end")


def _gave_up(
    unit: Unit, policy: LockPolicy, taken: Taken, blockers: List[Blocker], waited: float, slow: int
) -> LockNotAvailable:
    tables = ", ".join(qualified(*lock.table) for lock in unit.locks)
    return LockNotAvailable(
        f"No {unit.locks[0].mode} lock on {tables} in {waited:.0f} s ({taken.attempts} attempts).",
        describe_blockers(blockers),
        "raise steady_lock_budget: the lock was there, and the statements took longer than it allows; "
        "then run the same command again"
        if slow > taken.attempts // 2
        else "end these sessions' transactions, or raise steady_lock_patience; then run the same command again",
        "this step changed nothing, and no attempt made anybody wait longer than steady_lock_budget "
        f"({policy.budget_ms} ms)",
        sqlstate="55P03",
        facts={
            "blockers": [blocker.as_dict() for blocker in blockers],
            "attempts": taken.attempts,
            "lock_wait_ms": waited * 1000.0,
        },
    )
