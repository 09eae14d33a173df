# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock policy: its schedule, and what it does with the server's answers.

What the statements do on a server is for the integration tests: here the server is a list of answers, the clock too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._locks import blockers as _blockers
from ansible_collections.steady.postgresql.plugins.module_utils._locks import locks as _locks
from ansible_collections.steady.postgresql.plugins.module_utils._locks.blockers import (
    Blocker,
    blockers_of_session,
    blockers_of_tables,
    describe_blockers,
)
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import (
    LockAttempt,
    LockPolicy,
    Taken,
    run_guarded,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import (
    ACCESS_EXCLUSIVE,
    SHARE,
    SHARE_ROW_EXCLUSIVE,
    Unit,
    guarded,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.driver import psycopg2
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import LockNotAvailable
from unit.builders import FakeSession, server_error

DRAWER, USER = ("public", "CashDrawer"), ("public", "User")
SWAP = guarded(ACCESS_EXCLUSIVE, [DRAWER, USER], "ALTER TABLE a", "ALTER TABLE b")
DROP_NOT_NULL = guarded(ACCESS_EXCLUSIVE, [DRAWER], "ALTER TABLE c")
DEFAULTS = LockPolicy()
HOLDER = Blocker(815, "app", "web", "idle in transaction", 20.4, "RowExclusiveLock", "public.User", "SELECT ?")
QUEUED = Blocker(816, "app", "web", "active", None, "AccessShareLock", "public.User", "", waiting=True)


def attempts(policy: LockPolicy, count: int = 400) -> list[LockAttempt]:
    return list(itertools.islice(policy.attempts(), count))


class TestSchedule:
    def test_attempts_that_never_queue_come_first_for_about_three_seconds(self) -> None:
        first = [attempt for attempt in attempts(LockPolicy(), 24) if not attempt.polite]
        assert {attempt.lock_timeout_ms for attempt in first} == {None}
        assert 2.5 < sum(attempt.pause_s for attempt in first) < 4

    def test_one_that_gives_way_comes_before_each_that_does_not(self) -> None:
        numbered = list(enumerate(attempts(LockPolicy(budget_ms=100), 60), 1))
        assert {number: attempt.lock_timeout_ms for number, attempt in numbered if attempt.polite} == dict.fromkeys(
            (21, 29, 37, 45, 53), 60
        )

    def test_then_every_eighth_queues_for_a_growing_share_of_the_budget(self) -> None:
        queued = {
            number: attempt.lock_timeout_ms
            for number, attempt in enumerate(attempts(LockPolicy(budget_ms=100), 60), 1)
            if attempt.lock_timeout_ms is not None and not attempt.polite
        }
        assert queued == {25: 25, 33: 50, 41: 60, 49: 60, 57: 60}

    @given(st.integers(1, 60_000))
    def test_a_queue_is_shorter_than_the_budget_and_never_endless(self, budget: int) -> None:
        """lock_timeout 0 would mean: wait without end."""
        timeouts = [attempt.lock_timeout_ms for attempt in attempts(LockPolicy(budget_ms=budget))]
        assert all(timeout is None or 1 <= timeout <= max(1, budget * 0.6) for timeout in timeouts)

    def test_traffic_drains_after_every_attempt_and_longest_after_one_that_queued(self) -> None:
        schedule = attempts(LockPolicy())
        nowait = [attempt.pause_s for attempt in schedule if attempt.lock_timeout_ms is None or attempt.polite]
        assert nowait[0] == 0.05
        assert nowait == sorted(nowait)
        assert max(nowait) == 1.0
        for before, attempt in itertools.pairwise(schedule):
            assert 0 < attempt.pause_s <= 5
            if attempt.lock_timeout_ms is not None:
                assert attempt.polite or attempt.pause_s > 2 * before.pause_s
                assert before.lock_timeout_ms is None, "two that queue never follow each other"

    def test_a_patience_of_ten_minutes_is_enough_for_many_attempts_and_does_not_hammer(self) -> None:
        elapsed = list(itertools.accumulate(attempt.pause_s for attempt in attempts(LockPolicy(), 1000)))
        in_ten_minutes = sum(1 for moment in elapsed if moment < 600)
        assert 200 < in_ten_minutes < 700


class TestScript:
    """The whole transaction in one message."""

    def test_lock_statements_and_commit_go_to_the_server_in_one_message(self) -> None:
        parts = _locks.script(SWAP, LockAttempt(None, 0.05), 100).split("; ")
        assert [part for part in parts if not part.startswith("SET LOCAL ")] == [
            "BEGIN",
            'LOCK TABLE "public"."CashDrawer", "public"."User" IN ACCESS EXCLUSIVE MODE NOWAIT',
            "ALTER TABLE a",
            "ALTER TABLE b",
            "COMMIT",
        ]

    def test_both_timeouts_are_set_before_the_lock_whatever_the_session_has(self) -> None:
        before = _locks.script(SWAP, LockAttempt(25, 0.05), 100).split("LOCK TABLE", maxsplit=1)[0]
        assert "SET LOCAL lock_timeout TO " in before
        assert "SET LOCAL statement_timeout TO " in before

    def test_queued_the_tables_share_the_time_though_each_is_waited_for_by_itself(self) -> None:
        """One that is free at once leaves all of it to the other: lock_timeout alone would have to be divided."""
        before, after = _locks.script(SWAP, LockAttempt(60, 1.0), 100).split("LOCK TABLE")
        assert "SET LOCAL statement_timeout TO '60ms'" in before
        assert "NOWAIT" not in after
        assert "SET LOCAL statement_timeout TO '1ms'" in _locks.script(SWAP, LockAttempt(1, 1.0), 100)

    def test_nothing_is_waited_for_while_a_lock_is_held_where_deadlock_timeout_is_short(self) -> None:
        """Else the application that has the second table and wants the first is ended as the victim of a deadlock."""
        _before, first, rest = _locks.script(SWAP, LockAttempt(60, 1.0), 100, 60).split("LOCK TABLE")
        assert first == ' ONLY "public"."CashDrawer" IN ACCESS EXCLUSIVE MODE; '
        assert rest.startswith(' "public"."CashDrawer", "public"."User" IN ACCESS EXCLUSIVE MODE NOWAIT; ')

    @pytest.mark.parametrize("unit", [DROP_NOT_NULL, SWAP], ids=["one statement", "two tables, two statements"])
    @pytest.mark.parametrize("queue_ms", [None, 25, 60])
    def test_queue_and_statements_together_stay_within_the_budget(self, unit: Unit, queue_ms: int | None) -> None:
        """statement_timeout counts for each statement of a message by itself (measured on 18: three of 250 ms pass
        a timeout of 300 ms), so that the rest of the budget has to be shared out among them."""
        budget = 100
        waited = held = 0
        timeouts = {"lock_timeout": 0, "statement_timeout": 0}
        for statement in _locks.script(unit, LockAttempt(queue_ms, 1.0), budget).split("; "):
            setting = re.fullmatch(r"SET LOCAL (\w+) TO '(\d+)ms'", statement)
            if setting:
                timeouts[setting[1]] = int(setting[2])
            elif statement.startswith("LOCK TABLE"):
                waited += 0 if statement.endswith(" NOWAIT") else timeouts["statement_timeout"]
            elif statement.startswith("ALTER TABLE"):
                held += timeouts["statement_timeout"]
        assert held > 0
        assert waited + held <= budget


class Clock:
    """Time that passes only in pauses and in attempts."""

    def __init__(self, attempt_s: float = 0.0) -> None:
        self.now_s = 1000.0
        self.attempt_s = attempt_s
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds


class Table:
    """A server that answers one attempt after another; what is not foreseen succeeds. None for a success."""

    def __init__(self, clock: Clock, answers: Sequence[str | None], ever: str | None = None) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.ever = ever
        self.session = FakeSession(self.answer)

    def answer(self, statement: str) -> Any:
        if statement == "ROLLBACK":
            return 0
        self.clock.now_s += self.clock.attempt_s
        sqlstate = self.answers.pop(0) if self.answers else self.ever
        return 0 if sqlstate is None else server_error(sqlstate)

    def run(
        self, unit: Unit = SWAP, policy: LockPolicy = DEFAULTS, seen: Sequence[Sequence[Blocker]] = ()
    ) -> tuple[Taken, int]:
        """What it took, and how often the watcher was asked. seen: what it says, then nobody."""
        said = iter(seen)
        asked = itertools.count()

        def watcher() -> list[Blocker]:
            next(asked)
            return list(next(said, ()))

        clock = (self.clock.now, self.clock.sleep)
        taken = run_guarded(self.session, unit, policy, watcher, clock)  # type: ignore[arg-type]
        return taken, next(asked)


class TestRunGuarded:
    def test_a_free_table_is_locked_at_once(self) -> None:
        table = Table(clock := Clock(), [])
        taken, asked = table.run()
        assert (taken, asked, clock.pauses) == (Taken(1, 0.0), 0, [])
        assert table.session.statements == [_locks.script(SWAP, LockAttempt(None, 0.05), 100)]

    @pytest.mark.parametrize("sqlstate", ["55P03", "40P01", "57014"])
    def test_what_patience_mends_is_tried_again_after_a_rollback_and_a_pause(self, sqlstate: str) -> None:
        """Lock not available, deadlock, and our own statement_timeout."""
        table = Table(clock := Clock(), [sqlstate] * 3)
        taken, _asked = table.run()
        nowait = _locks.script(SWAP, LockAttempt(None, 0.05), 100)
        assert table.session.statements == [nowait, "ROLLBACK"] * 3 + [nowait]
        assert taken.attempts == 4
        assert taken.lock_wait_ms == pytest.approx(sum(clock.pauses) * 1000)
        for pause, planned in zip(clock.pauses, attempts(LockPolicy()), strict=False):
            assert 0.75 * planned.pause_s <= pause <= 1.25 * planned.pause_s

    def test_runs_that_compete_drift_apart(self) -> None:
        first, second = Clock(), Clock()
        for clock in (first, second):
            Table(clock, ["55P03"] * 20).run()
        assert first.pauses != second.pauses

    def test_the_schedule_is_followed_to_the_attempts_that_queue(self) -> None:
        table = Table(Clock(), ["55P03"] * 24)
        table.run(policy=LockPolicy(budget_ms=200))
        assert table.session.statements[-1] == _locks.script(SWAP, LockAttempt(50, 1.0), 200)

    @pytest.mark.parametrize("sqlstate", ["42501", "23505", "42P01", "53100", "25006"])
    def test_what_no_patience_mends_comes_out_at_once(self, sqlstate: str) -> None:
        table = Table(clock := Clock(), ["55P03", sqlstate])
        with pytest.raises(psycopg2.Error) as caught:
            table.run()
        assert caught.value.pgcode == sqlstate
        assert table.session.statements[-1] == "ROLLBACK"
        assert len(clock.pauses) == 1

    @pytest.mark.parametrize(("sqlstate", "closed"), [(None, 0), ("57P01", 1), ("55P03", 2)])
    def test_a_lost_connection_comes_out_and_is_not_used_again(self, sqlstate: str | None, closed: int) -> None:
        session = FakeSession(lambda _statement: server_error(sqlstate))
        session.connection.closed = closed
        with pytest.raises(psycopg2.Error):
            run_guarded(session, SWAP, LockPolicy(), list)  # type: ignore[arg-type]
        assert len(session.statements) == 1

    @pytest.mark.parametrize("patience", [0.5, 10.0, 600.0])
    def test_it_gives_up_when_the_patience_is_used_up_and_not_much_later(self, patience: float) -> None:
        table = Table(clock := Clock(attempt_s=0.1), [], ever="55P03")
        with pytest.raises(LockNotAvailable):
            table.run(policy=LockPolicy(patience_s=patience), seen=[[HOLDER]] * 1000)
        longest_pause = 5 * 1.25
        assert patience < clock.now_s - 1000.0 <= patience + longest_pause + 0.1
        assert table.session.statements[-1] == "ROLLBACK"

    def test_it_says_who_was_in_the_way_and_what_to_do(self) -> None:
        table = Table(Clock(attempt_s=0.01), [], ever="55P03")
        with pytest.raises(LockNotAvailable) as caught:
            table.run(policy=LockPolicy(budget_ms=80, patience_s=1.0), seen=[[HOLDER, QUEUED]] * 9)
        error = caught.value
        assert re.fullmatch(
            r'No ACCESS EXCLUSIVE lock on "public"."CashDrawer", "public"."User" in 1 s \(\d+ attempts\)\.', error.what
        )
        assert error.why == f"{HOLDER.text}; {QUEUED.text}"
        assert "steady_lock_patience" in error.todo
        assert "steady_lock_budget (80 ms)" in error.left
        assert error.sqlstate == "55P03"
        assert error.facts["blockers"] == [HOLDER.as_dict(), QUEUED.as_dict()]
        assert f"({error.facts['attempts']} attempts)" in error.what
        assert error.facts["lock_wait_ms"] >= 1000

    def test_whoever_was_seen_last_is_named_when_the_last_look_finds_nobody(self) -> None:
        table = Table(Clock(attempt_s=0.01), [], ever="55P03")
        with pytest.raises(LockNotAvailable) as caught:
            table.run(policy=LockPolicy(patience_s=0.3), seen=[[HOLDER]])
        assert caught.value.why == HOLDER.text

    def test_when_nobody_was_ever_seen_it_says_so(self) -> None:
        table = Table(Clock(attempt_s=0.01), [], ever="55P03")
        with pytest.raises(LockNotAvailable, match="no blocking session could be seen"):
            table.run(policy=LockPolicy(patience_s=0.3))

    def test_statements_that_are_too_slow_for_the_budget_are_no_matter_of_patience(self) -> None:
        """The lock was there each time, and then statement_timeout: more patience would not mend it."""
        table = Table(Clock(attempt_s=0.1), [], ever="57014")
        with pytest.raises(LockNotAvailable) as caught:
            table.run(policy=LockPolicy(patience_s=1.0))
        assert "steady_lock_budget" in caught.value.todo

    def test_an_attempt_whose_time_to_queue_is_over_is_not_too_slow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It has the same SQLSTATE."""
        monkeypatch.setattr(LockPolicy, "attempts", lambda _policy: iter([LockAttempt(60, 0.1)] * 1000))
        with pytest.raises(LockNotAvailable) as caught:
            Table(Clock(), [], ever="57014").run(policy=LockPolicy(patience_s=1.0))
        assert "steady_lock_patience" in caught.value.todo

    def test_the_watcher_is_asked_seldom(self) -> None:
        """It costs a query on pg_locks."""
        taken, asked = Table(Clock(), ["55P03"] * 40).run()
        assert (taken.attempts, asked) == (41, 4)


class TestBlockers:
    def test_in_words(self) -> None:
        assert HOLDER.text == (
            'pid 815 (user "app", application "web", idle in transaction, transaction open for 20 s) holds '
            "RowExclusiveLock on public.User; its query: SELECT ?"
        )
        assert QUEUED.text == (
            'pid 816 (user "app", application "web", active) waits for AccessShareLock on public.User; its query: '
            "not visible to this role"
        )
        prepared = Blocker(None, "?", "", "prepared transaction", None, "RowExclusiveLock", "public.User", "")
        assert prepared.text.startswith("a prepared transaction (user ")
        assert describe_blockers([HOLDER, prepared]) == f"{HOLDER.text}; {prepared.text}"

    def test_as_facts(self) -> None:
        assert HOLDER.as_dict() == {
            "pid": 815,
            "user": "app",
            "application": "web",
            "state": "idle in transaction",
            "age_s": 20.4,
            "mode": "RowExclusiveLock",
            "table": "public.User",
            "query": "SELECT ?",
            "waiting": False,
            "backend": "client backend",
        }

    ROW: ClassVar[dict[str, Any]] = dict.fromkeys(
        ("pid", "usename", "application_name", "state", "age", "mode", "table_name", "query", "waiting", "backend")
    )

    @pytest.mark.parametrize("find", ["tables", "session"])
    def test_the_parameters_of_a_query_are_never_shown(self, find: str) -> None:
        row = {
            **self.ROW,
            "pid": 1,
            "backend": "client backend",
            "query": "UPDATE t SET name = 'Frau Müller' WHERE id = 4711",
            "waiting": True,
        }
        session: Any = FakeSession(lambda _statement: [row])
        found = blockers_of_tables(session, SWAP, [2]) if find == "tables" else blockers_of_session(session, 3)
        (blocker,) = found
        assert blocker.waiting
        assert blocker.query == "UPDATE t SET name = ? WHERE id = ?"

    @pytest.mark.parametrize(
        ("mode", "harmless"),
        [
            (SHARE, {"AccessShareLock", "RowShareLock", "ShareLock"}),
            (SHARE_ROW_EXCLUSIVE, {"AccessShareLock", "RowShareLock"}),
            (ACCESS_EXCLUSIVE, set()),
        ],
    )
    def test_only_modes_that_conflict_are_in_the_way(self, mode: str, harmless: set[str]) -> None:
        """PostgreSQL documentation, table 13.2."""
        modes = (
            "AccessShare RowShare RowExclusive ShareUpdateExclusive Share ShareRowExclusive Exclusive AccessExclusive"
        )
        assert set(_blockers._CONFLICTS[mode]) == {f"{name}Lock" for name in modes.split()} - harmless
