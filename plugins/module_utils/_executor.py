# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""Carrying out a plan: under the lock policy, side by side where that is harmless, each step in the journal."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol, Sequence, Set, Tuple

from ansible_collections.steady.postgresql.plugins.module_utils._deployment_lock import still_held
from ansible_collections.steady.postgresql.plugins.module_utils._driver import psycopg2
from ansible_collections.steady.postgresql.plugins.module_utils._errors import LockNotAvailable, SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._locks import (
    Blocker,
    LockPolicy,
    blockers_of_session,
    blockers_of_tables,
    describe_blockers,
    run_guarded,
)
from ansible_collections.steady.postgresql.plugins.module_utils._plan import Step, Unit
from ansible_collections.steady.postgresql.plugins.module_utils._session import Session, Target, translate

__all__ = ["Executor", "Recorder", "StepResult", "prove"]

_WATCH_SECONDS = 1.0
_CLEANUP_SECONDS = 20.0


class Recorder(Protocol):
    """Who is told of each step; the journal, or nobody. Called from one thread at a time."""

    def begins(self, number: int, step: Step) -> None: ...

    def ends(self, number: int, step: Step, result: StepResult) -> None: ...


@dataclass
class StepResult:
    """What came of a step. status: done | failed | not started. Times in milliseconds.

    attempts: 1 and one more for each attempt to take a lock that had to be repeated.
    """

    step: Step
    status: str = "not started"
    attempts: int = 0
    lock_wait_ms: float = 0.0
    duration_ms: float = 0.0
    started_at: Optional[float] = None
    after: Optional[Mapping[str, Any]] = None
    error: Optional[SteadyError] = None

    def as_dict(self) -> Dict[str, Any]:
        """The entry of steps[] in result.json."""
        step = self.step
        result: Dict[str, Any] = {
            "kind": step.kind,
            "object": step.object,
            "table": f"{step.table[0]}.{step.table[1]}",
            "name": step.name,
            "action": step.action,
            "summary": step.summary,
            "status": self.status,
            "sql": step.statements,
            "locks": step.locks,
            "attempts": self.attempts,
            "lock_wait_ms": round(self.lock_wait_ms, 1),
            "duration_ms": round(self.duration_ms, 1),
        }
        if self.started_at is not None:
            # With milliseconds: most steps are shorter than a second, and the report draws them on one line of time.
            began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.started_at))
            result["started_at"] = f"{began}.{int(self.started_at % 1 * 1000):03d}Z"
        if self.error is not None:
            result["error"] = str(self.error)
        return result


@dataclass
class Executor:
    """One run of a plan's steps.

    control: the session that holds the deployment lock; it also watches, and is used by one thread at a time.
    """

    target: Target
    control: Session
    schema: str
    policy: LockPolicy
    parallel: int
    recorder: Recorder
    read_after: Callable[[Session, Step], Optional[Mapping[str, Any]]]
    recheck: Callable[[Session, Step], None]
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _idle: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)
    _running: Dict[int, float] = field(default_factory=dict)
    _given_up: Dict[int, str] = field(default_factory=dict)
    _sessions: List[Session] = field(default_factory=list)
    # What earlier steps of this run left at their places: a later step on the same object begins from there.
    _left: Dict[Tuple[str, Tuple[str, str], str], Optional[Mapping[str, Any]]] = field(default_factory=dict)

    def run(self, steps: Sequence[Step]) -> List[StepResult]:
        """Carry out the steps in order; neighbours that take no lock that traffic feels, side by side by table.

        After a failure nothing further is begun; what runs is let finish. Never raises for a failed step: it is in
        the results.
        """
        results = [StepResult(step) for step in steps]
        try:
            for group in _groups(results):
                if any(result.status == "failed" for result in results):
                    break
                self._run_group(group)
        finally:
            for session in self._sessions:
                session.close()
        return results

    def _run_group(self, group: List[Tuple[int, StepResult]]) -> None:
        """A group is a list of steps that may run side by side; those of one table one after another."""
        lanes: Dict[Tuple[str, str], List[Tuple[int, StepResult]]] = {}
        for item in group:
            lanes.setdefault(item[1].step.table, []).append(item)
        waiting = list(lanes.values())
        workers = max(1, min(self.parallel, len(waiting)))
        stop = threading.Event()
        with ThreadPoolExecutor(max_workers=workers) as pool:
            pending: Set[Future] = {pool.submit(self._run_lane, lane, stop) for lane in waiting}
            while pending:
                finished, pending = wait(pending, timeout=_WATCH_SECONDS, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                if pending:
                    self._watch()

    def _run_lane(self, lane: List[Tuple[int, StepResult]], stop: threading.Event) -> None:
        for number, result in lane:
            if stop.is_set():
                return
            self._run_step(number, result)
            if result.status == "failed":
                stop.set()

    def _run_step(self, number: int, result: StepResult) -> None:
        step = result.step
        started = time.monotonic()
        result.started_at, result.attempts = time.time(), 1
        session: Optional[Session] = None
        begun = False
        try:
            session = self._take_session()
            with self._mutex:
                still_held(self.control)
                present = self._from_here(step)
                self.recheck(self.control, present)
                self.recorder.begins(number, present)
            begun = True
            for unit in step.units:
                self._run_unit(session, unit, result)
            prove(session, step)
            result.status = "done"
        except SteadyError as error:
            result.status, result.error = "failed", error
        except psycopg2.Error as error:
            result.status, result.error = "failed", self._failure(session, step, error)
        if result.error is not None and begun and session is not None:
            self._clean_up(session, step, result.error)
        result.duration_ms = (time.monotonic() - started) * 1000.0
        if begun:
            self._report(number, step, result)
        if session is not None:
            self._idle.put(session)

    def _from_here(self, step: Step) -> Step:
        """The step as it stands now: what an earlier step of this run made is what it begins with."""
        key = (step.kind, step.table, step.name)
        if key not in self._left:
            return step
        left = self._left[key]
        return replace(step, before=dict(left) if left is not None else None)

    def _report(self, number: int, step: Step, result: StepResult) -> None:
        """What stands there now, into the journal. A journal that cannot be written fails the step."""
        try:
            with self._mutex:
                result.after = self.read_after(self.control, step)
                self._left[(step.kind, step.table, step.name)] = result.after
                self.recorder.ends(number, step, result)
        except psycopg2.Error as error:
            if result.error is None:
                result.status = "failed"
                result.error = translate(
                    error,
                    f"{step.object} was changed, but the journal could not be written",
                    "the next run of the same command finds the change and goes on",
                )

    def _run_unit(self, session: Session, unit: Unit, result: StepResult) -> None:
        if unit.guarded:
            try:
                taken = run_guarded(session, unit, self.policy, lambda: self._blockers(unit))
            except LockNotAvailable as error:
                result.attempts += error.facts["attempts"] - 1
                result.lock_wait_ms += error.facts["lock_wait_ms"]
                raise
            result.attempts += taken.attempts - 1
            result.lock_wait_ms += taken.lock_wait_ms
            return
        self._running[session.pid] = time.monotonic()
        try:
            if unit.transaction:
                session.execute("; ".join(["BEGIN", *unit.statements, "COMMIT"]))
            else:
                for statement in unit.statements:
                    session.execute(statement)
        except psycopg2.Error:
            if unit.transaction and not session.connection.closed:
                session.execute("ROLLBACK")
            raise
        finally:
            self._running.pop(session.pid, None)

    def _blockers(self, unit: Unit) -> List[Blocker]:
        own = [self.control.pid, *(session.pid for session in self._sessions)]
        with self._mutex:
            return blockers_of_tables(self.control, unit, own)

    def _watch(self) -> None:
        """End statements that wait for others (old snapshots, a table's lock) for longer than the patience.

        Such a wait harms nobody, but it would go on as long as the other transaction does.
        """
        pids = list(self._running)
        if not pids:
            return
        try:
            with self._mutex:
                rows = self.control.rows(
                    "SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid = ANY (%s) AND wait_event_type = 'Lock'",
                    (pids,),
                )
                blocked = {row["pid"] for row in rows}
                for pid in pids:
                    if pid not in blocked:
                        if pid in self._running:
                            self._running[pid] = time.monotonic()
                    elif time.monotonic() - self._running.get(pid, time.monotonic()) > self.policy.patience_s:
                        self._given_up[pid] = describe_blockers(blockers_of_session(self.control, pid))
                        self.control.execute("SELECT pg_catalog.pg_cancel_backend(%s)", (pid,))
        except psycopg2.Error:
            # The control session is gone. The step that runs is let finish; the next one asks still_held().
            return

    def _failure(self, session: Optional[Session], step: Step, error: Any) -> SteadyError:
        blockers = self._given_up.pop(session.pid, None) if session is not None else None
        if blockers is not None:
            return LockNotAvailable(
                f"{step.action} {step.kind} {step.object}: other transactions were waited for, for "
                f"{self.policy.patience_s:.0f} s.",
                blockers,
                "end these transactions, or raise steady_lock_patience; then run the same command again",
                "nobody was kept waiting meanwhile",
                "55P03",
            )
        problem = translate(error, f"{step.action} {step.kind} {step.object}")
        if problem.sqlstate == "23505":
            problem.todo = "make the keys unique, then run the same command again"
        return problem

    def _clean_up(self, session: Session, step: Step, failure: SteadyError) -> None:
        """Take away what a failed build leaves (an invalid index slows every write), or say that it is there."""
        # A relation of that name that is there already is somebody else's: duplicate_table, duplicate_object.
        if not step.cleanup or failure.sqlstate in ("42P07", "42710"):
            failure.left = "; ".join(text for text in (failure.left, step.leftover) if text)
            return
        try:
            if session.connection.closed:
                session = self._take_session()
            session.execute(f"SET lock_timeout TO '{int(_CLEANUP_SECONDS * 1000)}ms'")
            for statement in step.cleanup:
                session.execute(statement)
            session.execute("SET lock_timeout TO '0'")
            failure.left = failure.left or "no invalid index was left behind"
        except (psycopg2.Error, SteadyError):
            failure.left = (
                f"an invalid index may be left behind on {step.table[1]}; it slows writes. "
                "The next run of the same command repairs it"
            )

    def _take_session(self) -> Session:
        try:
            while True:
                session = self._idle.get_nowait()
                if not session.connection.closed:
                    return session
        except queue.Empty:
            session = self.target.session(self.schema)
            with self._mutex:
                self._sessions.append(session)
            return session


def prove(session: Session, step: Step) -> None:
    """Raise SteadyError when the step did all that it said, and the catalog is not as it promised all the same."""
    for check in step.proof:
        rows = session.rows(check.sql)
        if rows:
            total = rows[0].pop("total")
            names = ", ".join(str(value) for row in rows for name, value in row.items() if name != "total")
            raise SteadyError(
                f"{step.action} {step.kind} {step.object}: {check.message(total)}: {names}"
                + (", …" if total > len(rows) else ""),
                "",
                check.mends,
            )


def _groups(results: Sequence[StepResult]) -> List[List[Tuple[int, StepResult]]]:
    """Consecutive steps that may run side by side, or a single one that may not. Numbers count from 1."""
    groups: List[List[Tuple[int, StepResult]]] = []
    for number, result in enumerate(results, 1):
        if result.step.parallel and groups and groups[-1][-1][1].step.parallel:
            groups[-1].append((number, result))
        else:
            groups.append([(number, result)])
    return groups
