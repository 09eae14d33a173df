# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock policy: how a statement gets a lock that ordinary reads or writes would feel. The only place for it.

A statement that waits for such a lock makes everything behind it wait too. So attempts with NOWAIT come first: they
never queue, and nobody waits behind them. On a table that is never free they may never succeed; then attempts that
wait for a fraction of the budget come in between, with pauses in which traffic drains; every other one of these is
polite: it ends as soon as anybody waits behind it. When the patience is used up, the sessions in the way are named and
nothing is left behind.
"""

from __future__ import annotations

import random
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import AbstractSet, Any, Callable, ContextManager, Iterator, List, Optional, Tuple

from .._connection.liveness import answers
from .._connection.session import Session
from .._connection.stop import STOP
from .._model.kept_rows import SCHEMA
from .._model.plan import SHARE_UPDATE_EXCLUSIVE, Lock, Unit, lock_statement
from .._support.driver import psycopg2
from .._support.errors import LockNotAvailable
from .._support.sqltext import qualified
from .blockers import AUTOVACUUM, Blocker, BlockerPolicy, describe_blockers

__all__ = ["LATER", "Holders", "LockAttempt", "LockPolicy", "Taken", "deadlock_timeout_ms", "holders", "run_guarded"]

# SQLSTATEs after which the same attempt may succeed later (appendix A): lock_not_available, deadlock_detected, and
# query_canceled, which is our own statement_timeout when the transaction was slow to finish.
LATER = ("55P03", "40P01", "57014")
DEADLOCK = "40P01"
_DEADLOCK_MS = 1000  # the default of deadlock_timeout (20.12)
_ENDLESS_MS = 10 * 24 * 3600 * 1000.0  # for a statement that may take as long as it takes
_MOST_BEYOND = 20  # attempts that wrote rows which were not kept before
_NAMED = 3  # tables of one unit that a message names; the rest is counted

# (table, virtual transaction): transactions of others, each with a table on which it holds a lock.
Holders = AbstractSet[Tuple[Tuple[str, str], str]]
_HOLDERS = (
    "SELECT w.number::int AS number, l.virtualtransaction AS transaction"
    " FROM unnest(%s::text[]) WITH ORDINALITY AS w(name, number)"
    " JOIN pg_catalog.pg_locks AS l ON l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(w.name)"
    " WHERE l.granted AND l.database = (SELECT oid FROM pg_catalog.pg_database"
    "  WHERE datname = pg_catalog.current_database()) AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()"
)


@dataclass(frozen=True)
class LockAttempt:
    """lock_timeout_ms: None for NOWAIT, else how long the whole attempt may queue. pause_s: before the next one.

    polite: it ends as soon as somebody waits behind it.
    """

    lock_timeout_ms: Optional[int]
    pause_s: float
    polite: bool = False


@dataclass(frozen=True)
class LockPolicy:
    """budget_ms: the longest that one attempt may make anybody wait. patience_s: how long to go on trying.

    blockers: what may be done about the sessions in the way. deadlock_ms: the server's deadlock_timeout.
    """

    budget_ms: int = 100
    patience_s: float = 600.0
    blockers: BlockerPolicy = BlockerPolicy()
    deadlock_ms: int = _DEADLOCK_MS

    def attempts(self) -> Iterator[LockAttempt]:
        """The endless schedule; whoever follows it stops at the patience. Pauses are shortest first.

        NOWAIT alone at first. From the 21st attempt on, after two seconds, every eighth is polite: it queues for six
        tenths of the budget, or until anybody waits behind it. From the 25th on, after three, every eighth queues for
        a quarter, a half, then six tenths of the budget, whoever waits: if all were polite, a table that somebody
        always waits for would never be changed. The rest of the budget is for the statements themselves.
        """
        pause, number = 0.05, 0
        shares = (0.25, 0.5, 0.6)
        while True:
            number += 1
            queued = number - 24
            if queued > 0 and queued % 8 == 1:
                share = shares[min(queued // 8, len(shares) - 1)]
                yield LockAttempt(max(1, int(self.budget_ms * share)), min(4 * pause, 5.0))
            elif number > 20 and number % 8 == 5:
                yield LockAttempt(max(1, int(self.budget_ms * shares[-1])), pause, polite=True)
            else:
                yield LockAttempt(None, pause)
            pause = min(pause * 1.08, 1.0)


@dataclass
class Taken:
    """What it took to run a guarded unit."""

    attempts: int = 0
    lock_wait_ms: float = 0.0


def deadlock_timeout_ms(session: Session) -> int:
    """How long a session waits for a lock before the server looks for a deadlock. Raises psycopg2.Error."""
    query = "SELECT setting::int AS ms FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
    return int(session.one(query)["ms"])


def script(unit: Unit, attempt: LockAttempt, budget_ms: int, deadlock_ms: int = _DEADLOCK_MS) -> str:
    """The whole transaction in one message: no network round trip passes while the lock is held.

    lock_timeout counts for each table by itself, so it is statement_timeout that bounds the time to queue for all of
    them; it counts for each statement by itself, so they share what is left of the budget.

    A transaction that has the second table and wants the first waits for us, and we for it, until our time is over.
    Where the server would look for that deadlock sooner, it is the application that it would end: there an attempt
    queues for its first table only, and takes the others with NOWAIT.
    """
    queue_ms = attempt.lock_timeout_ms or 0
    if unit.as_written:
        return _as_written(unit, queue_ms, budget_ms)
    nowait = " NOWAIT" if not queue_ms or queue_ms >= deadlock_ms else ""
    first = [lock_statement(replace(unit, locks=(replace(unit.locks[0], only=True),)))] if queue_ms and nowait else []
    statement_ms = max(1, (budget_ms - queue_ms) // len(unit.statements))
    parts = [
        "BEGIN",
        # COMMIT is under the lock, too: it waits neither for the disk nor for a standby (documentation, 28.4).
        "SET LOCAL synchronous_commit TO off",
        f"SET LOCAL lock_timeout TO '{queue_ms}ms'",
        f"SET LOCAL statement_timeout TO '{queue_ms or max(budget_ms, 1)}ms'",
        *first,
        lock_statement(unit) + nowait,
        f"SET LOCAL statement_timeout TO '{statement_ms}ms'",
        *unit.statements,
        "COMMIT",
    ]
    return "; ".join(parts)


def _as_written(unit: Unit, queue_ms: int, budget_ms: int) -> str:
    """The same for a statement of the migration, which may need locks that are not known beforehand.

    For each of them it waits a part of the budget at most, and then all of it is rolled back.
    """
    known = [lock_statement(unit) + ("" if queue_ms else " NOWAIT")] if unit.locks else []
    parts = [
        "BEGIN",
        # As above. What a crash would lose is both the statement and the journal's line of it.
        *(["SET LOCAL synchronous_commit TO off"] if unit.locks else []),
        f"SET LOCAL lock_timeout TO '{queue_ms or max(1, budget_ms // 2)}ms'",
        *known,
        f"SET LOCAL statement_timeout TO '{_limit_ms(unit, budget_ms)}ms'",
        *unit.statements,
        "COMMIT",
    ]
    return "; ".join(parts)


def _limit_ms(unit: Unit, budget_ms: int) -> int:
    """How long each statement of a unit may run, in milliseconds; 0: as long as it takes."""
    return max(1, budget_ms) if unit.limit_ms is None else unit.limit_ms


def holders(session: Session, unit: Unit) -> Holders:
    """Who holds any lock on the unit's tables: all that conflicts with ACCESS EXCLUSIVE. Raises psycopg2.Error."""
    tables = [lock.table for lock in unit.locks]
    rows = session.rows(_HOLDERS, ([qualified(*table) for table in tables],))
    return frozenset((tables[row["number"] - 1], row["transaction"]) for row in rows)


def run_guarded(
    session: Session,
    unit: Unit,
    policy: LockPolicy,
    watcher: Callable[[], List[Blocker]],
    clock: Tuple[Callable[[], float], Callable[[float], None]] = (time.monotonic, time.sleep),
    yielding: Callable[[], ContextManager[Any]] = nullcontext,
    holding: Callable[[], Holders] = frozenset,
    guarding: Callable[[], ContextManager[Any]] = nullcontext,
) -> Taken:
    """Run the unit under the policy. Raises LockNotAvailable, or psycopg2.Error for what no patience mends.

    watcher: asked for the sessions in the way, from another session, when an attempt has failed. yielding: cancels
    the session's statement from another session when others wait behind it. holding: who has a lock now that an
    attempt would need; asked before one that does not queue. guarding: around each attempt.

    A lock that is granted is in the WAL, and a hot standby takes it, too (PostgreSQL documentation, 26.4.2), also when
    the next table of the attempt is not free and all of it is rolled back. So no attempt is made while a transaction
    goes on that was there at the look before, and tables that were not free come first: for them an attempt queues.
    """
    now, sleep = clock
    started = now()
    taken = Taken()
    blockers: List[Blocker] = []
    slow = beyond = 0
    seen: Optional[Holders] = None
    for attempt in policy.attempts():
        STOP.check()
        taken.attempts += 1
        tried = now()
        held = holding()
        stay = held if seen is None else held & seen
        seen = held
        busy = {table for table, _transaction in held}
        ordered = replace(unit, locks=tuple(sorted(unit.locks, key=lambda lock: lock.table not in busy)))
        try:
            if not stay or attempt.lock_timeout_ms is not None:
                expected = (_limit_ms(unit, policy.budget_ms) or _ENDLESS_MS) if unit.as_written else policy.budget_ms
                with guarding(), yielding() if attempt.polite else nullcontext(), answers(session, expected):
                    session.execute(script(ordered, attempt, policy.budget_ms, policy.deadlock_ms))
                taken.lock_wait_ms = (tried - started) * 1000.0
                return taken
        except psycopg2.Error as error:
            if getattr(error, "pgcode", None) is None or session.connection.closed:
                raise
            session.execute("ROLLBACK")
            beyond += _beyond(error)
            if error.pgcode not in LATER and not _beyond(error):
                raise
            if beyond > _MOST_BEYOND:
                raise _never_the_same(taken) from None
            # An attempt that queues has the same SQLSTATE when its time to queue is over.
            slow += error.pgcode == "57014" and attempt.lock_timeout_ms is None
            # An attempt that queues may have been cancelled for the sake of who waits behind it.
            if unit.as_written and error.pgcode == "57014" and attempt.lock_timeout_ms is None:
                raise _too_slow(_limit_ms(unit, policy.budget_ms), taken) from None
        if taken.attempts % 10 == 1 or now() - started > policy.patience_s:
            blockers = watcher() or blockers
            if unit.locks and any(blocker.backend == AUTOVACUUM for blocker in blockers):
                _ask_autovacuum_to_go(session, unit)
        if now() - started > policy.patience_s:
            raise _gave_up(unit, policy, taken, blockers, now() - started, slow)
        sleep(attempt.pause_s * random.uniform(0.75, 1.25))
    raise AssertionError("the schedule of attempts has no end")


def _beyond(error: Any) -> bool:
    """Whether a statement wrote a row that was not among those that were locked and kept before: it came in between."""
    diag = getattr(error, "diag", None)
    return error.pgcode == "23502" and diag is not None and diag.schema_name == SCHEMA


def _ask_autovacuum_to_go(session: Session, unit: Unit) -> None:
    """Wait as only a vacuum does: for SHARE UPDATE EXCLUSIVE, behind which neither reads nor writes wait.

    After deadlock_timeout the server itself ends an autovacuum that somebody waits for, which no attempt of ours is
    long enough for; one that prevents wraparound it lets go on, and then we give up here and go on trying.
    """
    harmless = Unit((), tuple(Lock(SHARE_UPDATE_EXCLUSIVE, lock.table) for lock in unit.locks))
    timeout = (
        "SELECT pg_catalog.set_config('lock_timeout', (1000 OPERATOR(pg_catalog.+) (1000"
        " OPERATOR(pg_catalog.*) extract(epoch FROM pg_catalog.current_setting('deadlock_timeout')::interval)))"
        "::int::text, true)"
    )
    try:
        session.execute("; ".join(["BEGIN", timeout, lock_statement(harmless), "COMMIT"]))
    except psycopg2.Error as error:
        if getattr(error, "pgcode", None) is None or session.connection.closed:
            raise
        session.execute("ROLLBACK")
        if error.pgcode not in LATER:
            raise


def _too_slow(limit_ms: int, taken: Taken) -> LockNotAvailable:
    """A statement as it is written is not tried again: it would take as long the next time."""
    return LockNotAvailable(
        f"it was not done within {limit_ms} ms, and was rolled back.",
        "what it locks stays locked until it is done, and it has more to do than that",
        "split it into smaller ones, or let it run as long as it takes with a comment before the statement: -- steady: "
        "accept blocks_writes because …",
        "nothing of it is left",
        sqlstate="57014",
        facts={"attempts": taken.attempts},
    )


def _never_the_same(taken: Taken) -> LockNotAvailable:
    return LockNotAvailable(
        f"it wrote rows that were not there, or not meant, when its rows were looked for just before ({taken.attempts} "
        "attempts).",
        "its condition means other rows each time it is asked, or others write such rows all the time",
        "write a condition that means the same rows each time, or run it when these writers rest",
        "nothing of it is left",
        sqlstate="23502",
        facts={"attempts": taken.attempts},
        rerun=True,
    )


def _gave_up(
    unit: Unit, policy: LockPolicy, taken: Taken, blockers: List[Blocker], waited: float, slow: int
) -> LockNotAvailable:
    if not unit.locks:
        return LockNotAvailable(
            f"its locks were not free in {waited:.0f} s ({taken.attempts} attempts).",
            "other sessions hold locks that the statement needs (pg_locks shows them)",
            "end their transactions, or raise steady_lock_patience",
            "nothing of it is left",
            sqlstate="55P03",
            facts={"attempts": taken.attempts, "lock_wait_ms": waited * 1000.0},
            rerun=True,
        )
    tables = ", ".join(qualified(*lock.table) for lock in unit.locks[:_NAMED])
    if len(unit.locks) > _NAMED:
        tables += f" and {len(unit.locks) - _NAMED:,} more tables"
    return LockNotAvailable(
        f"No {unit.locks[0].mode} lock on {tables} in {waited:.0f} s ({taken.attempts} attempts).",
        describe_blockers(blockers),
        "raise steady_lock_budget: the lock was there, and the statements took longer than it allows"
        if slow > taken.attempts // 2
        else "end these sessions' transactions, or raise steady_lock_patience",
        f"no attempt made others wait longer than steady_lock_budget ({policy.budget_ms} ms)",
        sqlstate="55P03",
        facts={
            "blockers": [blocker.as_dict() for blocker in blockers],
            "attempts": taken.attempts,
            "lock_wait_ms": waited * 1000.0,
        },
        rerun=True,
    )
