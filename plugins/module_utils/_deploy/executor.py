# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out a plan: under the lock policy, side by side where that is harmless, each step in the journal."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import (
    Any,
    Callable,
    ContextManager,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Set,
    Tuple,
)

from .._connection.deployment_lock import still_held
from .._connection.liveness import end_on_server
from .._connection.owners import Rights, as_role
from .._connection.rights import theirs
from .._connection.session import Session
from .._connection.stop import STOP
from .._connection.target import Target
from .._connection.translation import translate
from .._kinds.registry import kind_named
from .._locks.blockers import Blocker, ages_are_hidden, blockers_of_tables, describe_blockers, old_sessions
from .._locks.lag import read_replicas, wait_for_replicas
from .._locks.locks import DEADLOCK, Holders, LockPolicy, holders, run_guarded
from .._locks.prisma_lock import PrismaLock
from .._locks.watch import Line, Watch
from .._locks.yielding import yielding
from .._model.kept_rows import Keeping
from .._model.plan import ACCESS_EXCLUSIVE, Lock, Step, Unit
from .._model.unit_rights import rights_of_unit
from .._planning.planning import answers_of
from .._support.driver import psycopg2
from .._support.errors import LockNotAvailable, SteadyError
from .._support.progress import Progress
from .keeping import bringing_back, keeping_rows, kept_after
from .left import Left, read_left

__all__ = ["Executor", "Recorder", "StepResult", "prove"]

_WATCH_SECONDS = 1.0
_CLEANUP_SECONDS = 20.0
_DRAIN_SECONDS = 0.25
_TAKEN = ("42P07", "42710", "42701")  # duplicate_table, duplicate_object, duplicate_column
_ROWS = ("23502", "23503", "23505", "23514")  # not_null_violation, foreign_key_, unique_, check_violation
_MENDS = {
    "23502": "give the rows a value",
    "23503": "mend the rows that refer to no row",
    "23505": "make the keys unique",
    "23514": "mend the rows",
    # program_limit_exceeded: "index row requires 9616 bytes, maximum size is 8191".
    "54000": "make the longest values shorter, or change the migration: an index of a part of them or of their digest "
    "(an expression such as md5(column)), or with method hash",
}


class Recorder(Protocol):
    """Who is told of each step; the journal, or nobody. Called from one thread at a time."""

    def begins(self, number: int, step: Step) -> None: ...

    def ends(self, number: int, step: Step, result: StepResult) -> None: ...

    def mark(self, number: int, step: Step) -> List[str]: ...

    def kept(self, number: int) -> str: ...


@dataclass
class StepResult:
    """What came of a step. status: done | failed | not started. Times in milliseconds.

    attempts: 1 and one more for each attempt to take a lock that had to be repeated. ended: the sessions that were
    cancelled or terminated for its sake (steady_on_blocker). notes: what is worth knowing of how it went. unit: the
    number of the one that ran last. begun: whether the journal has it. made: whether the server has made something new
    for it. lost: whether an answer was lost. known: whether it is known that the server is not at work on it any more.
    """

    step: Step
    status: str = "not started"
    attempts: int = 0
    lock_wait_ms: float = 0.0
    duration_ms: float = 0.0
    started_at: Optional[float] = None
    after: Optional[Mapping[str, Any]] = None
    error: Optional[SteadyError] = None
    ended: List[Dict[str, Any]] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)
    unit: int = 0
    begun: bool = False
    made: bool = False
    lost: bool = False
    known: bool = True

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
            **({"source": step.source} if step.source else {}),
            **({"lasting": True} if step.lasting else {}),
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
        if self.ended:
            result["ended_sessions"] = list(self.ended)
        return result


@dataclass
class Executor:
    """One run of a plan's steps.

    control: the session that holds the deployment lock; it also watches, and is used by one thread at a time.
    settings: statements for each session that changes something. most_lag_s: how far replicas may be behind when a
    step begins; None: they are not looked at. prisma: Prisma's lock, to be held when a step begins. settled: whether
    a step's object is as the run wants it, asked when an answer was lost. left: what a failed step has left.
    guarding: around each attempt at a lock.
    """

    target: Target
    control: Session
    schema: Optional[str]
    policy: LockPolicy
    parallel: int
    recorder: Recorder
    read_after: Callable[[Session, Step], Optional[Mapping[str, Any]]]
    recheck: Callable[[Session, Step], None]
    settings: Sequence[str] = ()
    most_lag_s: Optional[float] = None
    progress: Progress = field(default_factory=lambda: Progress(None))
    prisma: Optional[PrismaLock] = None
    settled: Callable[[Session, Step], bool] = lambda _session, _step: False
    left: Callable[[Session, Step], Left] = read_left
    guarding: Callable[[], ContextManager[Any]] = nullcontext
    _idle: queue.SimpleQueue[Session] = field(default_factory=queue.SimpleQueue)
    _sessions: List[Session] = field(default_factory=list)
    # What earlier steps of this run left at their places: a later step on the same object begins from there.
    _left: Dict[Tuple[str, Tuple[str, str], str], Optional[Mapping[str, Any]]] = field(default_factory=dict)
    # The sessions that were named already as those that builds have to wait for.
    _told: Set[Tuple[Optional[int], Optional[str], str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._watch = Watch(self.target, self.control, self.schema, self.policy, self.progress, self.prisma)

    def run(self, steps: Sequence[Step], first: int = 1) -> List[StepResult]:
        """Carry out the steps in order; neighbours that take no lock that traffic feels, side by side by table.

        first: the number of the first of them.

        After a failure nothing further is begun; what runs is let finish. Never raises for a failed step: it is in
        the results.
        """
        results = [StepResult(step) for step in steps]
        try:
            for group in _groups(results, first):
                if any(result.status == "failed" for result in results):
                    break
                self._run_group(group)
        finally:
            for session in self._sessions:
                session.close()
            self._watch.close()
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
            pending: Set[Future[None]] = {pool.submit(self._run_lane, lane, stop) for lane in waiting}
            while pending:
                finished, pending = wait(pending, timeout=_WATCH_SECONDS, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                if pending:
                    self._watch.look()

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
        line = self._watch.begins(number, f"{step.action} {step.kind.replace('_', ' ')} {step.object}")
        session: Optional[Session] = None
        try:
            STOP.check()
            self._before(result, line)
            STOP.check()
            session = self._take_session()
            with self._watch.use() as control:
                still_held(control)
                present = self._from_here(step)
                self.recheck(control, present)
                self.recorder.begins(number, present)
            result.begun = True
            with theirs(session):
                for result.unit, unit in enumerate(step.units):
                    self._run_unit(session, unit, result, line, number)
            prove(session, step)
            result.status = "done"
            result.notes.extend(kept_after(session, result.step, lambda kept: self.recorder.mark(number, kept)))
        except SteadyError as error:
            result.status, result.error = "failed", error
        except psycopg2.Error as error:
            result.status, result.error = "failed", self._failure(session, step, error)
        if result.error is not None and result.begun and session is not None:
            with STOP.finishing(session), STOP.finishing(self.control):
                session = self._clean_up(session, result, line, result.error)
        result.duration_ms = (time.monotonic() - started) * 1000.0
        result.notes.extend(_ended_text(entry) for entry in result.ended)
        if result.begun:
            self._report(number, step, result)
        if session is not None:
            self._idle.put(session)
        self._watch.ends(number, result.status)

    def _before(self, result: StepResult, line: Line) -> None:
        """Wait until the step may begin, and say whom it will wait for. Raises SteadyError, psycopg2.Error."""
        step = result.step
        if self.prisma is not None:
            self.prisma.take(self._watch.use, self.policy.patience_s, line.enter)
        if self.most_lag_s is not None:
            lag = wait_for_replicas(self._replicas, self.most_lag_s, self.policy.patience_s, line.enter)
            if lag["who"]:
                result.notes.append(f"{step.object}: {lag['waited_s']:.0f} s for {'; '.join(lag['who'])}")
            if lag["hidden"]:
                result.notes.append("there are replicas whose lag this role may not see (GRANT pg_monitor)")
        if kind_named(step.kind).builds:
            with self._watch.use() as control:
                found = old_sessions(control, [step.table], self.policy.blockers.after_s, self._own())
                hidden = ages_are_hidden(control)
            new = [one for one in found if (one.pid, one.gid, one.table) not in self._told]
            self._told.update((one.pid, one.gid, one.table) for one in new)
            if hidden:
                result.notes.append(
                    "how old the transactions of other roles are cannot be seen by this one (GRANT pg_read_all_stats): "
                    "builds may have to wait for some of them"
                )
            result.notes.extend(f"{step.object} begins although it will have to wait: {one.text}" for one in new)
            line.waiting = "; ".join(f"it will have to wait for {one.brief}" for one in found[:3])
        line.enter("")

    def _replicas(self) -> Any:
        with self._watch.use() as control:
            return read_replicas(control)

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
            with STOP.finishing(self.control), self._watch.use() as control:
                result.after = self.read_after(control, step)
                if self._of_others(result, result.after):
                    result.after = None
                self._left[(step.kind, step.table, step.name)] = result.after
                self.recorder.ends(number, step, result)
        except (psycopg2.Error, LockNotAvailable) as error:
            if result.error is None:
                result.status = "failed"
                result.error = translate(
                    error,
                    f"{step.object} was changed, but the journal could not be written",
                    "the next run of the same command finds the change and goes on",
                )

    def _as_owner(self, unit: Unit, result: StepResult, number: int) -> Unit:
        """The unit, run by the owner of its tables. Raises SteadyError when nobody may run it."""
        if not unit.evaluates and unit.keeping is None:
            return unit
        with self._watch.use() as control:
            rights = rights_of_unit(control, unit) if unit.evaluates else Rights()
            if rights.problem:
                raise SteadyError(rights.problem)
            if unit.keeping is not None:
                return self._with_rows(control, unit, unit.keeping, rights.role, result, number)
        role = as_role(rights.role)
        return replace(unit, statements=(*role, *unit.statements), transaction=True) if role else unit

    def _with_rows(
        self, control: Session, unit: Unit, keeping: Keeping, role: Optional[str], result: StepResult, number: int
    ) -> Unit:
        """The unit, with what keeps the rows that it writes, or brings them back. Raises SteadyError."""
        try:
            if keeping.kept:
                return bringing_back(control, unit, keeping, role)
            unit, image = keeping_rows(control, unit, keeping, role, self.recorder.kept(number))
        except SteadyError as error:
            error.what = f"{result.step.label}: {error.what}"
            raise
        result.step = replace(result.step, after={**(result.step.after or {}), **image})
        return unit

    def _run_unit(self, session: Session, unit: Unit, result: StepResult, line: Line, number: int) -> None:
        unit = self._as_owner(unit, result, number)
        if kind_named(result.step.kind).of_journal:
            unit = replace(unit, statements=(*unit.statements, *self.recorder.mark(number, result.step)))
        if unit.guarded:
            self._run_guarded(session, unit, result, line)
        elif unit.transaction:
            self._run_statement(session, unit, "; ".join(["BEGIN", *unit.statements, "COMMIT"]), result, line)
        else:
            if unit.drains:
                self._drain(unit, result, line)
            for statement in unit.statements:
                self._run_statement(session, unit, statement, result, line)

    def _drain(self, unit: Unit, result: StepResult, line: Line) -> None:
        """Wait for whoever uses the table now, before anything is changed.

        DROP INDEX CONCURRENTLY makes the index invalid first and waits then, for all who may use it (PostgreSQL
        documentation, DROP INDEX): one that is cancelled in that wait leaves it invalid. Raises LockNotAvailable.
        """
        whole = replace(unit, locks=tuple(Lock(ACCESS_EXCLUSIVE, lock.table) for lock in unit.locks))
        started = time.monotonic()
        first: Optional[Holders] = None
        blockers: List[Blocker] = []
        while True:
            STOP.check()
            with self._watch.use() as control:
                now = holders(control, whole)
            first = now if first is None else first & now
            if not first:
                line.waiting = ""
                return
            blockers = self._blockers(whole, result, line) or blockers
            waited = time.monotonic() - started
            if waited > self.policy.patience_s:
                raise LockNotAvailable(
                    f"{result.step.label}: it waited {waited:.0f} s for transactions that use the table.",
                    describe_blockers(blockers),
                    "end these transactions, or raise steady_lock_patience",
                    sqlstate="55P03",
                    facts={"blockers": [blocker.as_dict() for blocker in blockers]},
                    rerun=True,
                )
            line.enter("waiting for transactions that use the table")
            time.sleep(_DRAIN_SECONDS)

    def _run_guarded(self, session: Session, unit: Unit, result: StepResult, line: Line) -> None:
        line.enter("trying for its lock")
        try:
            taken = run_guarded(
                session,
                unit,
                self.policy,
                lambda: self._blockers(unit, result, line),
                yielding=lambda: self._yielding(session, unit),
                holding=lambda: self._holders(unit),
                guarding=self.guarding,
            )
        except LockNotAvailable as error:
            result.attempts += error.facts.get("attempts", 1) - 1
            result.lock_wait_ms += error.facts.get("lock_wait_ms", 0.0)
            if unit.as_written:
                error.what = f"{result.step.label}: {error.what}"
            raise
        result.made = True
        result.attempts += taken.attempts - 1
        result.lock_wait_ms += taken.lock_wait_ms
        line.enter("")
        line.waiting = ""

    def _run_statement(self, session: Session, unit: Unit, statement: str, result: StepResult, line: Line) -> None:
        """One that nobody waits for, however long it takes. The victim of a deadlock is run again."""
        started = time.monotonic()
        while True:
            try:
                self._execute(session, statement, result, line)
                result.made = result.made or unit.builds
                return
            except psycopg2.Error as error:
                if session.connection.closed:
                    raise
                if unit.transaction:
                    session.execute("ROLLBACK")
                if error.pgcode != DEADLOCK or time.monotonic() - started > self.policy.patience_s:
                    raise
            result.attempts += 1
            if unit.builds:
                self._sweep(session, result, line)  # the invalid index that it left owns the name

    def _execute(self, session: Session, statement: str, result: StepResult, line: Line) -> None:
        """One that may take any time is looked at meanwhile: whom it waits for, and whether an answer will come."""
        with self._watch.running(session, line, result.ended):
            session.execute(statement)

    def _holders(self, unit: Unit) -> Holders:
        """Not asked in the step's own session, which has the migration's path meanwhile."""
        if not unit.locks or unit.locks[0].mode != ACCESS_EXCLUSIVE:
            return frozenset()
        with self._watch.use() as control:
            return holders(control, unit)

    @contextmanager
    def _yielding(self, session: Session, unit: Unit) -> Iterator[List[int]]:
        try:
            looker = self._take_session()
        except SteadyError:  # no connection is free: without this look the attempt's own lock_timeout ends it
            yield []
            return
        try:
            with yielding(looker, session.pid, [unit]) as cancelled:
                yield cancelled
        finally:
            self._idle.put(looker)

    def _own(self) -> List[int]:
        return [self.control.pid, *(session.pid for session in self._sessions)]

    def _blockers(self, unit: Unit, result: StepResult, line: Line) -> List[Blocker]:
        """Who is in the way now; those that the policy gives free are ended."""
        if not unit.locks:
            return []
        with self._watch.use() as control:
            found = blockers_of_tables(control, unit, self._own())
            self._watch.end_blockers(control, found, self._own(), result.ended)
        line.waiting = "; ".join(blocker.brief for blocker in found[:3])
        return found

    def _failure(self, session: Optional[Session], step: Step, error: Any) -> SteadyError:
        blockers = self._watch.given_up(session) if session is not None else None
        if blockers is not None:
            return LockNotAvailable(
                f"{step.label}: it waited {self.policy.patience_s:.0f} s for other transactions.",
                blockers,
                "end these transactions, or raise steady_lock_patience",
                sqlstate="55P03",
                rerun=True,
            )
        problem = translate(error, step.label)
        if step.asserted and problem.sqlstate == "22P02":
            problem.what = f"{step.label}: {step.asserted}."
        mend = _MENDS.get(problem.sqlstate or "")
        if mend is not None:
            problem.advise(mend, rerun=True)
        return problem

    def _clean_up(self, session: Session, result: StepResult, line: Line, failure: SteadyError) -> Session:
        """Take away what a failed build leaves (an invalid index slows every write), and say what is there then.

        The session to go on with: another one where this one was lost.
        """
        if session.connection.closed:
            result.lost = True
            try:
                session = self._after_a_loss(session, result, failure)
            except (psycopg2.Error, SteadyError):
                result.known = False
                failure.left = (
                    f"whether the server is still at work on {result.step.object} is not known; the next run of the "
                    "same command finds out first, and ends it"
                )
                return session
        if result.error is None:
            return session
        if result.step.cleanup and failure.sqlstate not in _TAKEN:
            try:
                self._execute(session, f"SET lock_timeout TO '{int(_CLEANUP_SECONDS * 1000)}ms'", result, line)
                self._sweep(session, result, line)
                self._execute(session, "SET lock_timeout TO '0'", result, line)
            except (psycopg2.Error, SteadyError):
                pass  # what is there all the same is read below
        if failure.sqlstate in _ROWS:
            failure.why = self._rows_against(session, result, line) or failure.why
        failure.left = "; ".join(text for text in (failure.left, self._what_is_left(result)) if text)
        return session

    def _rows_against(self, session: Session, result: StepResult, line: Line) -> str:
        """The rows that a constraint found, which came after they were asked for; empty where they are gone again."""
        try:
            with self._watch.running(session, line, result.ended):
                session.execute(f"SET lock_timeout TO '{int(_CLEANUP_SECONDS * 1000)}ms'")
                found = answers_of(session, result.step.checks)
                session.execute("SET lock_timeout TO '0'")
        except (psycopg2.Error, SteadyError):
            return ""
        return "; ".join(problem.text for problem in found if not problem.permission)

    def _sweep(self, session: Session, result: StepResult, line: Line) -> None:
        """Drop what a failed build has left; not what another session made under its name. Raises psycopg2.Error."""
        with self._watch.use() as control:
            image = self.left(control, result.step).image
        if not self._of_others(result, image):
            for statement in result.step.cleanup:
                self._execute(session, statement, result, line)

    def _of_others(self, result: StepResult, image: Optional[Mapping[str, Any]]) -> bool:
        """Whether another session has made what stands at the place of a step that failed: it found nothing there, or
        an index to be built anew, and the server has made nothing for it.

        An index that our own CREATE INDEX CONCURRENTLY left behind is invalid (CREATE INDEX, "Building Indexes
        Concurrently"); a key of ours is there once its transaction is.
        """
        step = self._from_here(result.step)
        if image is None or not image.get("valid", True):
            return False
        if step.before is not None and step.before.get("valid", True):
            return False
        taken = result.error is not None and result.error.sqlstate in _TAKEN
        return result.status != "done" and not result.lost and (taken or not result.made)

    def _after_a_loss(self, lost: Session, result: StepResult, failure: SteadyError) -> Session:
        """The answer to a statement was lost: end it at the server, and let the catalog say how it ended.

        The session that takes its place. Raises SteadyError, psycopg2.Error when that cannot be known.
        """
        step = result.step
        if self._watch.unreachable:
            raise SteadyError("the server does not answer")
        session = self._take_session()
        failure.left = end_on_server(session, lost.pid, self.target.parameters["application_name"])
        if result.unit == len(step.units) - 1 and self.settled(session, step):
            result.status, result.error = "done", None
            result.notes.append(f"{step.object}: an answer was lost ({failure.what}); the catalog says that it is done")
        return session

    def _what_is_left(self, result: StepResult) -> str:
        step = result.step
        try:
            with self._watch.use() as control:
                left = self.left(control, step)
        except (psycopg2.Error, SteadyError):
            return f"what is left of {step.object} could not be read; the next run of the same command finds out"
        if self._of_others(result, left.image):
            return f"another session has made {step.object}: it is as that session made it"
        return left.text

    def _take_session(self) -> Session:
        try:
            while True:
                session = self._idle.get_nowait()
                if not session.connection.closed:
                    return session
        except queue.Empty:
            session = self.target.session(self.schema)
            self._sessions.append(session)
            try:
                for statement in self.settings:
                    session.execute(statement)
            except psycopg2.Error as error:
                raise translate(error, "A further session could not be prepared") from None
            return session


def prove(session: Session, step: Step) -> None:
    """Raise SteadyError when the step did all that it said, and the catalog is not as it promised all the same."""
    for check in step.proof:
        rows = session.rows(check.question)
        if rows:
            total = rows[0].pop("total")
            names = ", ".join(str(value) for row in rows for name, value in row.items() if name != "total")
            raise SteadyError(
                f"{step.label}: {check.message(total)}: {names}" + (", …" if total > len(rows) else ""),
                "",
                check.mends,
            )


def _groups(results: Sequence[StepResult], first: int = 1) -> List[List[Tuple[int, StepResult]]]:
    """Consecutive steps that may run side by side, or a single one that may not, each with its number."""
    groups: List[List[Tuple[int, StepResult]]] = []
    for number, result in enumerate(results, first):
        if result.step.parallel and groups and groups[-1][-1][1].step.parallel:
            groups[-1].append((number, result))
        else:
            groups.append([(number, result)])
    return groups


def _ended_text(entry: Mapping[str, Any]) -> str:
    return (
        f'{entry["how"]}: pid {entry["pid"]} (user "{entry["user"]}", application "{entry["application"]}", '
        f"{entry['state']}, transaction open for {entry['age_s']:.0f} s): {entry['query']}"
    )
