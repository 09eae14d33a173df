# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps run side by side, what the journal is told, and what a failed step may take away."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.executor import Executor, StepResult, _groups
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.left import Left
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._model import plan
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    DataCheck,
    Lock,
    Step,
    Unit,
    guarded,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from unit.builders import FakeSession, server_error

SALE, TENANT, PET = ("public", "Sale"), ("public", "Tenant"), ("public", "Pet")


def build(name: str, of: tuple[str, str] = SALE, **more: Any) -> Step:
    return Step("index", of, name, "create", (plan.build(of, f"CREATE {name}"),), **more)


def drop(name: str, of: tuple[str, str] = SALE) -> Step:
    return Step("foreign_key", of, name, "drop", (guarded(ACCESS_EXCLUSIVE, [of], f"DROP {name}"),))


@pytest.mark.parametrize(
    ("steps", "groups"),
    [
        ([], []),
        ([build("a")], [[1]]),
        ([build("a"), build("b", TENANT), build("c")], [[1, 2, 3]]),
        ([drop("a"), drop("b", TENANT)], [[1], [2]]),
        ([drop("a"), build("b"), build("c"), drop("d"), build("e")], [[1], [2, 3], [4], [5]]),
        ([build("a"), drop("b"), build("c")], [[1], [2], [3]]),
    ],
)
def test_neighbours_that_traffic_cannot_feel_form_a_group_and_the_order_is_kept(
    steps: list[Step], groups: list[list[int]]
) -> None:
    made = _groups([StepResult(step) for step in steps])
    assert [[number for number, _result in group] for group in made] == groups
    assert [result.step for group in made for _number, result in group] == steps


class Run:
    """A run whose server, journal and clock are lists: `refused` statements fail with their SQLSTATE."""

    def __init__(
        self, refused: dict[str, str | None] | None = None, journal: dict[str, str | None] | None = None
    ) -> None:
        self.refused = refused or {}
        self.sent: list[str] = []
        self.recorded: list[tuple[str, int, str]] = []
        self.sessions: list[FakeSession] = []
        self.control = FakeSession()
        self.journal = journal or {}
        self.there: dict[str, Any] | None = None

    def session(self, _schema: str) -> FakeSession:
        self.sessions.append(FakeSession(self.answer, pid=len(self.sessions)))
        return self.sessions[-1]

    def answer(self, statement: str) -> Any:
        if "pg_locks" in statement:
            return []
        self.sent.append(statement)
        return next((server_error(code) for word, code in self.refused.items() if word in statement), 0)

    def begins(self, number: int, step: Step) -> None:
        self.recorded.append(("begins", number, step.name))
        if "begins" in self.journal:
            raise server_error(self.journal["begins"], "no room")

    def ends(self, number: int, step: Step, result: StepResult) -> None:
        self.recorded.append((result.status, number, step.name))
        if "ends" in self.journal:
            raise server_error(self.journal["ends"], "no room")

    def left(self, _session: Any, step: Step) -> Left:
        self.sent.append("what is left?")
        if self.there is not None:
            return SimpleNamespace(image=self.there, text="")  # type: ignore[return-value]
        return Left(step, None, {})

    def run(self, *steps: Step, recheck: Any = lambda _session, _step: None) -> list[StepResult]:
        executor = Executor(
            self,
            self.control,
            "public",
            LockPolicy(),
            2,
            self,
            lambda _session, step: {"name": step.name},
            recheck,
            left=self.left,
        )  # type: ignore[arg-type]
        return executor.run(steps)


class TestRun:
    def test_every_step_is_in_the_journal_before_its_first_statement_and_after_its_last(self) -> None:
        run = Run()
        results = run.run(build("a"), drop("b"))
        assert [result.status for result in results] == ["done", "done"]
        assert run.recorded == [("begins", 1, "a"), ("done", 1, "a"), ("begins", 2, "b"), ("done", 2, "b")]
        assert run.sent[0] == "CREATE a"
        assert run.sent[1].startswith("BEGIN; SET LOCAL synchronous_commit TO off; SET LOCAL lock_timeout")
        assert results[0].after == {"name": "a"}
        assert all(session.connection.closed for session in run.sessions)

    def test_one_table_is_worked_on_by_one_session_at_a_time_and_in_order(self) -> None:
        run = Run()
        run.run(build("a"), build("b", TENANT), build("c"), build("d"), build("e", PET))
        assert [statement for statement in run.sent if statement[-1] in "acd"] == ["CREATE a", "CREATE c", "CREATE d"]
        assert len(run.sessions) <= 2

    def test_a_transaction_goes_in_one_message_and_is_rolled_back_when_it_fails(self) -> None:
        unit = Unit(("A", "B"), (Lock(SHARE_UPDATE_EXCLUSIVE, SALE),), transaction=True)
        run = Run({"A": "57014"})
        assert run.run(Step("index", SALE, "a", "replace", (unit,)))[0].status == "failed"
        assert run.sent == ["BEGIN; A; B; COMMIT", "ROLLBACK", "what is left?"]

    def test_after_a_failure_nothing_further_is_begun(self) -> None:
        run = Run({"CREATE b": "23505"})
        results = run.run(build("a"), build("b"), build("c"), drop("d"))
        assert [result.status for result in results] == ["done", "failed", "not started", "not started"]
        assert results[1].error is not None
        assert results[1].error.sqlstate == "23505"
        assert "make the keys unique" in results[1].error.todo
        assert [entry for entry in run.recorded if entry[0] == "failed"] == [("failed", 2, "b")]

    def test_what_was_changed_by_somebody_else_is_not_touched(self) -> None:
        def recheck(_session: Any, step: Step) -> None:
            raise SteadyError(f"{step.name} was changed")

        run = Run()
        (result,) = run.run(build("a", cleanup=("DROP a",)), recheck=recheck)
        assert (result.status, str(result.error)) == ("failed", "a was changed")
        assert (run.sent, run.recorded) == ([], [])

    def test_a_later_step_on_the_same_object_begins_with_what_the_earlier_one_left(self) -> None:
        seen: list[Any] = []
        run = Run()
        again = replace(drop("a"), kind="index", action="attach")
        results = run.run(build("a"), build("b"), again, recheck=lambda _session, step: seen.append(step.before))
        assert seen == [None, None, {"name": "a"}]
        assert results[2].step.before is None, "the plan stays as it was"

    @pytest.mark.parametrize(("rows", "status"), [([], "done"), ([{"partition": "p", "total": 11}], "failed")])
    def test_a_step_is_done_when_what_it_promised_is_so(self, rows: list[dict[str, Any]], status: str) -> None:
        run = Run()
        run.answer = lambda statement: rows if statement == "SELECT p" else 0  # type: ignore[method-assign]
        check = DataCheck(SALE, "SELECT p", "1 is missing", "{total} are missing", "run it again")
        (result,) = run.run(build("a", proof=(check,)))
        assert result.status == status
        if result.error is not None:
            assert str(result.error).startswith("create index public.a: 11 are missing: p, …\nWhat to do: run it again")

    def test_without_a_journal_entry_nothing_is_begun(self) -> None:
        run = Run(journal={"begins": "53100"})
        (result,) = run.run(build("a", cleanup=("DROP a",)))
        assert (result.status, run.sent) == ("failed", [])

    def test_a_journal_that_cannot_be_written_afterwards_fails_the_step(self) -> None:
        (result,) = Run(journal={"ends": "53100"}).run(build("a"))
        assert result.status == "failed"
        assert "public.a was changed, but the journal could not be written: no room" in str(result.error)


class TestCleanUp:
    """A build that fails leaves an invalid index, which slows every write."""

    STEP = build("a", cleanup=("DROP INDEX CONCURRENTLY IF EXISTS a",))

    def test_what_a_failed_build_leaves_is_taken_away(self) -> None:
        run = Run({"CREATE a": "57014"})
        (result,) = run.run(self.STEP)
        assert run.sent == [
            "CREATE a",
            "SET lock_timeout TO '20000ms'",
            "what is left?",
            "DROP INDEX CONCURRENTLY IF EXISTS a",
            "SET lock_timeout TO '0'",
            "what is left?",
        ]
        assert result.error is not None
        assert result.error.left == "nothing of public.a is there"

    def test_the_catalog_is_asked_also_when_it_cannot_be_taken_away(self) -> None:
        run = Run({"CREATE a": "57014", "DROP INDEX": "55P03"})
        (result,) = run.run(self.STEP)
        assert result.error is not None
        assert run.sent[-1] == "what is left?"

    def test_nothing_is_taken_away_where_nothing_can_be_left(self) -> None:
        run = Run({"CREATE a": "57014"})
        run.run(build("a"))
        assert run.sent == ["CREATE a", "what is left?"]

    @pytest.mark.parametrize("sqlstate", ["42P07", "42710"])
    def test_an_index_that_somebody_else_made_meanwhile_under_this_name_is_not_ours_to_drop(
        self, sqlstate: str
    ) -> None:
        """Time passes between the look at the catalog and CREATE INDEX: leftovers are dropped, old snapshots waited
        for. When it says "already exists" then, the index of this name is not what this step made."""
        run = Run({"CREATE a": sqlstate})
        (result,) = run.run(self.STEP)
        assert result.status == "failed"
        assert not any(statement.startswith("DROP INDEX") for statement in run.sent)
        assert result.after is None

    def test_a_valid_index_is_not_what_a_build_that_failed_has_left(self) -> None:
        """Another session was quicker, and ours was cancelled while it waited for that."""
        run = Run({"CREATE a": "57014"})
        run.there = {"name": "a", "valid": True}
        (result,) = run.run(self.STEP)
        assert not any(statement.startswith("DROP INDEX") for statement in run.sent)
        assert result.error is not None
        assert result.error.left == "another session has made public.a: it is as that session made it"
        assert result.after is None

    def test_what_a_build_made_before_a_later_statement_failed_is_ours(self) -> None:
        step = Step("index", SALE, "a", "create", (*build("a").units, *build("b").units), cleanup=self.STEP.cleanup)
        run = Run({"CREATE b": "57014"})
        run.there = {"name": "a", "valid": True}
        run.run(step)
        assert any(statement.startswith("DROP INDEX") for statement in run.sent)


def test_a_result_has_the_keys_of_result_json() -> None:
    result = StepResult(build("a", summary="why"), "failed", 3, 12.345, 1234.567, 0.0, error=SteadyError("what", "why"))
    assert result.as_dict() == {
        "kind": "index",
        "object": "public.a",
        "table": "public.Sale",
        "name": "a",
        "action": "create",
        "summary": "why",
        "status": "failed",
        "sql": ["CREATE a"],
        "locks": ['SHARE UPDATE EXCLUSIVE on "public"."Sale" (reads and writes go on)'],
        "attempts": 3,
        "lock_wait_ms": 12.3,
        "duration_ms": 1234.6,
        "started_at": "1970-01-01T00:00:00.000Z",
        "error": "what\nWhy: why",
    }
    assert not {"started_at", "error"} & set(StepResult(build("a")).as_dict())
