# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Faults that strike one run, and what must be true afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from faults.boundaries import Course, Hold
from faults.scenes import Scene, attempts, contents, deployment_status, remains
from faults.workshop import Outcome, Run
from integration.cluster import Database
from integration.sessions import Holder, held, wait_until

Place = tuple[int, str]
Case = TypeVar("Case")

_GONE = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s"
_OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'steady.postgresql%'"


@dataclass(frozen=True)
class Struck:
    """A run that a fault has struck: what it was, where, and how it ended.

    surely: whether the place says what the journal must say of the steps; a fault that takes its time can strike later.
    forgets: whether the server may have lost the last transaction that did not wait for the disk.
    """

    scene: Scene
    database: Database
    action: str
    place: Place
    outcome: Outcome
    surely: bool = True
    forgets: bool = False

    def __str__(self) -> str:
        call = self.course.calls[self.place[0]].label
        return f"{self.scene.operation.name}, {self.action}, {self.place[1]} call {self.place[0]} ({call})"

    @property
    def course(self) -> Course:
        return self.scene.course(self.action)

    @property
    def begun(self) -> bool:
        """Whether the attempt is in the journal."""
        number, side = self.place
        return number + (side == "after") > self.course.begins

    @property
    def ended(self) -> bool:
        """Whether the run had nothing more to write."""
        return self.place == (len(self.course.calls) - 1, "after")


def begin(scene: Scene, database: Database, action: str) -> None:
    """Bring the database to where the action begins."""
    if action == "rollback":
        assert scene.run(database, "deploy").result["status"] == "succeeded"


def stopped(scene: Scene, database: Database, action: str, place: Place, **more: Any) -> Run:
    """A run that has stopped there."""
    run = scene.start(database, action, stop=list(place), **more)
    assert run.until("stopped") == "stopped", run.end()
    return run


def converges(struck: Struck, again: Outcome | None = None) -> None:
    """The same command again finishes it; the journal tells both attempts truly; then everything is as before."""
    scene, database = struck.scene, struck.database
    again = again or scene.run(database, struck.action)
    assert not again.error, again.error
    assert again.result["status"] == {"deploy": "succeeded", "rollback": "rolled_back"}[struck.action], again
    if struck.action == "deploy":
        scene.check_deployed(database)
        _check_journal(struck, again, [])
        undone = scene.run(database, "rollback")
        assert undone.result.get("status") == "rolled_back", undone
    else:
        _check_journal(struck, again, [("deploy", "succeeded")])
    scene.check_undone(database)
    assert deployment_status(database) == "rolled_back"


def undoes(struck: Struck) -> None:
    """The rollback right after the fault finds out what is there, and takes it away."""
    scene, database = struck.scene, struck.database
    undone = scene.run(database, "rollback")
    if not struck.begun and undone.error:  # the first deployment ever: the journal knows of nothing to undo
        assert re.match("There is no (journal|deployment in the journal)", undone.error), undone
        assert "nothing was changed" in undone.error
    else:
        assert undone.result.get("status") == "rolled_back", undone
    assert contents(database, scene.operation) == scene.before
    # What was invalid before the deployment is so still, where no step had begun.
    assert struck.course.steps_at(*struck.place) == [] or remains(database) == []
    if struck.begun:
        assert deployment_status(database) == "rolled_back"
        assert [one[:2] for one in attempts(database)][1:] == [("rollback", "succeeded")]


def _check_journal(struck: Struck, again: Outcome, before: list[tuple[str, str]]) -> None:
    told = attempts(struck.database)
    assert [one[:2] for one in told[: len(before)]] == before
    told = told[len(before) :]
    assert not any("running" in (status, *steps) for _direction, status, steps in told), told
    action, outcome = struck.action, struck.outcome
    if outcome.result or struck.ended:
        assert not again.result["changed"]
        assert [one[:2] for one in told] == [(action, "succeeded")], told
        return
    assert told[-1][:2] == (action, "succeeded"), told
    assert set(told[-1][2]) <= {"done"}, told
    if not struck.surely:
        assert all(status in ("failed", "interrupted") for _action, status, _steps in told[:-1]), told
        return
    assert len(told) == (2 if struck.begun else 1), told
    if struck.begun:
        ends = ("interrupted",) if outcome.died else ("interrupted", "failed")
        assert (told[0][0], told[0][1] in ends) == (action, True), told
        ways = (False, True) if struck.forgets else (False,)
        assert told[0][2] in [struck.course.steps_at(*struck.place, forgets=way) for way in ways], told


def each(cases: Sequence[Case], strike: Callable[[Case], None]) -> int:
    """Strike all of them, two at a time; fails with all that went wrong. Returns how many there were."""

    def one(case: Case) -> str | None:
        try:
            strike(case)
        except Exception as error:  # told below, with all others
            return f"{case}: {type(error).__name__}: {error}"
        return None

    with ThreadPoolExecutor(2) as pool:
        wrong = [text for text in pool.map(one, cases) if text is not None]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n\n" + "\n\n".join(wrong)
    return len(cases)


# -- at a boundary -----------------------------------------------------------------------------------------------------


def killed(scene: Scene, database: Database, action: str, place: Place) -> Struck:
    """The module's process gets SIGKILL."""
    begin(scene, database, action)
    run = stopped(scene, database, action, place)
    run.kill()
    return Struck(scene, database, action, place, run.end())


def session_ended(scene: Scene, database: Database, action: str, place: Place) -> Struck:
    """pg_terminate_backend: before a call, of the session that is about to speak; after it, of all that the run has."""
    begin(scene, database, action)
    run = stopped(scene, database, action, place)
    whose = f" AND pid = {run.backend}" if place[1] == "before" else ""
    ended = database.execute(f"SELECT pid, pg_terminate_backend(pid) {_OURS}{whose}")
    assert ended
    for pid, _ended in ended:
        _gone(database, pid)
    run.go()
    outcome = run.end()
    assert not outcome.died
    return Struck(scene, database, action, place, outcome)


# -- inside a call -----------------------------------------------------------------------------------------------------


@contextmanager
def standing(
    scene: Scene, database: Database, action: str, place: Place, **more: Any
) -> Iterator[tuple[Run, list[Holder]]]:
    """A run that has stopped at a boundary; nobody else is needed for that."""
    yield stopped(scene, database, action, place, **more), []


@contextmanager
def inside(
    scene: Scene, database: Database, action: str, hold: Hold, **more: Any
) -> Iterator[tuple[Run, list[Holder]]]:
    """A run that waits in the middle of a call, and those who keep it waiting; they let go at the end of the block."""
    run = stopped(scene, database, action, (hold.number, "before"), **more)
    with ExitStack() as stack:
        holders = [stack.enter_context(held(database, *hold.statements))]
        run.go()
        if hold.guarded:
            assert run.until("refused") == "refused"
        else:
            _wait_for(database, run, holders[0])
            if hold.second:
                holders.append(stack.enter_context(held(database, *hold.statements)))
                holders[0].release()
                _wait_for(database, run, holders[1])
        yield run, holders


def _wait_for(database: Database, run: Run, holder: Holder) -> None:
    """Wait until the run's session waits for the holder."""
    wait_until(lambda: database.value("SELECT %s = ANY (pg_blocking_pids(%s))", (holder.pid, run.backend)))


def _gone(database: Database, backend: int) -> None:
    wait_until(lambda: database.value(_GONE, (backend,)))


def killed_inside(scene: Scene, database: Database, action: str, hold: Hold, *, finishes: bool) -> None:
    """SIGKILL in the middle. finishes: the server process is let finish its statement before the run is repeated.

    Otherwise it still waits when the same command comes again, which has to end it.
    """
    begin(scene, database, action)
    with inside(scene, database, action, hold) as (run, holders):
        run.kill()
        struck = Struck(scene, database, action, hold.boundary, run.end())
        if finishes or hold.guarded:  # a guarded call waits for nothing at the server
            holders[-1].release()
            _gone(database, run.backend)
            again = None
        else:
            again = scene.start(database, action)
            _gone(database, run.backend)
            holders[-1].release()
        converges(struck, again.end() if again else None)


def ended_inside(scene: Scene, database: Database, action: str, hold: Hold, function: str) -> None:
    """pg_terminate_backend or pg_cancel_backend in the middle of a statement."""
    begin(scene, database, action)
    with inside(scene, database, action, hold) as (run, holders):
        assert database.value(f"SELECT {function}(%s)", (run.backend,))
        assert run.until("refused") == "refused"
        holders[-1].release()
        outcome = run.end()
    assert not outcome.died
    converges(Struck(scene, database, action, hold.boundary, outcome))
