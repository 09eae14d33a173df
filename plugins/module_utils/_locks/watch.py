# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eye on our sessions while they work: how far they are, who keeps them waiting, whether they are still there."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from .._connection.liveness import answers, sever
from .._connection.session import Session
from .._connection.target import Target
from .._support.driver import psycopg2
from .._support.errors import SteadyError
from .._support.progress import Progress
from .blockers import Blocker, blockers_of_session, describe_blockers, end_blockers
from .locks import LockPolicy
from .prisma_lock import PrismaLock

__all__ = ["Line", "Watch"]

# An answer needs that long at most to travel: a server process that was done with a statement before will not answer.
_ANSWER_SECONDS = 5.0
# How long to go on trying for another session when the first one is lost.
_SECOND_SECONDS = 8.0

_QUESTION = (
    "SELECT a.pid, coalesce(a.wait_event_type = 'Lock', false) AS blocked, a.state,"
    " extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::float8 AS since,"
    " p.phase, p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total, p.lockers_done, p.lockers_total"
    " FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = a.pid"
    " WHERE a.pid = ANY (%s)"
)


@dataclass
class Line:
    """What a person is told of a step. over: what came of it, once it is over."""

    doing: str
    started: float
    phase: str = ""
    phase_started: float = 0.0
    done: Optional[float] = None
    total: Optional[float] = None
    unit: str = "blocks"
    waiting: str = ""
    over: str = ""
    ended: float = 0.0

    def enter(self, phase: str, done: Optional[float] = None, total: Optional[float] = None, unit: str = "") -> None:
        """Where the step is."""
        if phase != self.phase:
            self.phase, self.phase_started = phase, time.monotonic()
        self.done, self.total, self.unit = done, total, unit

    def as_dict(self) -> Dict[str, Any]:
        now = self.ended or time.monotonic()
        what = self.over or self.phase
        return {
            "name": self.doing,
            "over": bool(self.over),
            "doing": f"{self.doing}: {what}" if what else self.doing,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "elapsed": round(now - self.started, 1),
            "phase_elapsed": round(now - (self.phase_started or self.started), 1),
            "waiting": self.waiting,
        }


@dataclass
class _Statement:
    """One that runs. free_at: when it was last seen not waiting. ended: those that the policy ended for its sake."""

    session: Session
    line: Line
    ended: List[Dict[str, Any]]
    free_at: float = field(default_factory=time.monotonic)
    gone_at: Optional[float] = None


class Watch:
    """Looks from the control session, which it gives to one thread at a time.

    unreachable: the server answers on no connection, neither old nor new.
    """

    def __init__(
        self,
        target: Target,
        control: Session,
        schema: Optional[str],
        policy: LockPolicy,
        progress: Progress,
        prisma: Optional[PrismaLock],
    ) -> None:
        self._target = target
        self._control = control
        self._schema = schema
        self._policy = policy
        self._progress = progress
        self._prisma = prisma
        self._mutex = threading.Lock()
        self._lines: Dict[int, Line] = {}
        self._running: Dict[int, _Statement] = {}
        self._given_up: Dict[int, str] = {}
        self._second: Optional[Session] = None
        self._lost_at: Optional[float] = None
        self.unreachable = False

    @contextmanager
    def use(self) -> Iterator[Session]:
        """The control session. What is asked within the block is short: the server answers in time or it is lost."""
        with self._mutex, answers(self._control):
            yield self._control

    # -- what the steps tell ---------------------------------------------------------------------------------------

    def begins(self, number: int, doing: str) -> Line:
        """A step begins; its line."""
        self._lines[number] = line = Line(doing, time.monotonic())
        return line

    def ends(self, number: int, status: str) -> None:
        """A step is over."""
        line = self._lines[number]
        line.over, line.ended, line.done, line.waiting = status, time.monotonic(), None, ""

    @contextmanager
    def running(self, session: Session, line: Line, ended: List[Dict[str, Any]]) -> Iterator[None]:
        """A statement runs that may take any time and blocks nobody meanwhile."""
        self._given_up.pop(session.pid, None)  # of an earlier statement, which was done before the cancel came
        self._running[session.pid] = _Statement(session, line, ended)
        try:
            yield
        finally:
            with self._mutex:  # a look that is at this statement is over first: what it ended is in the list then
                self._running.pop(session.pid, None)

    def given_up(self, session: Session) -> Optional[str]:
        """Who was waited for, when the session's statement was cancelled for want of patience."""
        return self._given_up.pop(session.pid, None)

    def end_blockers(
        self, session: Session, found: Sequence[Blocker], own: Sequence[int], ended: List[Dict[str, Any]]
    ) -> None:
        """End those that the policy gives free; the others are waited for. ended: gets each, once.

        They are looked at every second: one that may not be ended, or does not go at once, is found again and again.
        """
        known = [_ended_key(entry) for entry in ended]
        new = end_blockers(session, self._policy.blockers, found, own)
        ended.extend(entry for entry in new if _ended_key(entry) not in known)

    def close(self) -> None:
        if self._second is not None:
            self._second.close()

    # -- looking ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Called every second or so."""
        if self._running:
            try:
                if self._control.connection.closed:
                    self._look_without_control()
                else:
                    with self.use() as session:
                        self._look(session)
            except (psycopg2.Error, SteadyError):
                pass  # the next look finds the session closed
        self._progress.show([line.as_dict() for _number, line in sorted(self._lines.items())])

    def _look(self, session: Session) -> None:
        """Within the mutex: a statement that is looked at here is not over, and its session at no later one."""
        running = dict(self._running)
        rows = {row["pid"]: row for row in session.rows(_QUESTION, (list(running),))}
        for pid, statement in running.items():
            row = rows.get(pid)
            # After an error in a transaction it is idle in that.
            if row is None or ((row["state"] or "").startswith("idle") and row["since"] > _ANSWER_SECONDS):
                self._never_answers(statement)
                continue
            statement.gone_at = None
            _show(statement.line, row)
            if row["blocked"]:
                self._blocked(session, pid, statement)
            else:
                statement.free_at, statement.line.waiting = time.monotonic(), ""

    def _blocked(self, session: Session, pid: int, statement: _Statement) -> None:
        """It waits for others (old snapshots, a table's lock). That harms nobody, but goes on as long as they do."""
        found = blockers_of_session(session, pid)
        statement.line.waiting = "; ".join(blocker.brief for blocker in found[:3])
        if self._prisma is not None:
            self._prisma.lend(session)
        self.end_blockers(session, found, list(self._running), statement.ended)
        if time.monotonic() - statement.free_at > self._policy.patience_s:
            self._given_up[pid] = describe_blockers(found)
            session.execute("SELECT pg_catalog.pg_cancel_backend(%s)", (pid,))

    def _never_answers(self, statement: _Statement) -> None:
        """The server is not at work on it any more, and we still wait: the connection is dead."""
        now = time.monotonic()
        statement.gone_at = statement.gone_at or now
        if now - statement.gone_at > _ANSWER_SECONDS:
            sever(statement.session)

    def _look_without_control(self) -> None:
        """The control session is lost. What runs is let finish, if the server can still be asked whether it does."""
        self._lost_at = self._lost_at or time.monotonic()
        if self._second is None or self._second.connection.closed:
            try:
                self._second = self._target.session(self._schema)
            except SteadyError:
                if time.monotonic() - self._lost_at > _SECOND_SECONDS:
                    self.unreachable = True
                    for statement in list(self._running.values()):
                        sever(statement.session)
                return
        with self._mutex, answers(self._second):
            self._look(self._second)


def _ended_key(entry: Mapping[str, Any]) -> List[Any]:
    return [entry[key] for key in ("pid", "user", "application", "query", "how")]


def _show(line: Line, row: Mapping[str, Any]) -> None:
    """How far a build is, as pg_stat_progress_create_index says it (PostgreSQL documentation, 27.4.4).

    Counters of an earlier phase stay there: which ones count is in the phase's name.
    """
    phase = row["phase"]
    if phase is None:
        return
    if phase.startswith("waiting"):
        line.enter(f"{phase} ({row['lockers_done']} of {row['lockers_total']} gone)" if row["lockers_total"] else phase)
    elif "tuples" in phase:
        line.enter(phase, row["tuples_done"], row["tuples_total"], "rows")
    elif row["blocks_total"] and row["blocks_done"] < row["blocks_total"]:
        line.enter(phase, row["blocks_done"], row["blocks_total"], "blocks")
    else:
        line.enter(phase)
