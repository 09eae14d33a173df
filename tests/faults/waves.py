# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Faults of the whole server, its network or its disk: many runs stand still at their places when one strikes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import psycopg2

from faults import strikes
from faults.boundaries import Hold
from faults.scenes import Pool, Scene
from faults.workshop import Run
from integration.cluster import Database
from integration.sessions import Holder

# Runs that stand still at the same time: each has three sessions and a database.
_AT_A_TIME = 36


@dataclass(frozen=True)
class Case:
    """One run to be struck: at a boundary, or held in the middle of a call."""

    scene: Scene
    action: str
    place: strikes.Place | Hold

    @property
    def boundary(self) -> strikes.Place:
        """The place as a boundary."""
        return self.place.boundary if isinstance(self.place, Hold) else self.place


@dataclass
class Wave:
    """One fault for many runs.

    strike: makes it happen while all runs stand still. mend: makes it good when all have ended.
    where: the host of their addresses; None: the socket. surely: the fault strikes at once, not when it is felt.
    forgets: the server loses what does not wait for the disk.
    """

    strike: Callable[[], None]
    mend: Callable[[], None] = lambda: None
    where: str | None = None
    pool: Pool | None = None
    surely: bool = True
    forgets: bool = False

    def over(self, cases: Sequence[Case]) -> int:
        """Strike all of them; fails with all that went wrong. Returns how many there were."""
        for first in range(0, len(cases), _AT_A_TIME):
            self._over(cases[first : first + _AT_A_TIME])
        return len(cases)

    def _over(self, cases: Sequence[Case]) -> None:
        with ExitStack() as stack:
            databases = [stack.enter_context(case.scene.database(self.pool)) for case in cases]
            pairs = list(zip(cases, databases))
            strikes.each(pairs, lambda pair: strikes.begin(pair[0].scene, pair[1], pair[0].action))
            # What the tests did so far must survive; from here on it is the engine's own settings that count.
            databases[0].execute("CHECKPOINT")
            runs: list[tuple[Run, list[Holder]]] = []
            for case, database in zip(cases, databases):
                runs.append(stack.enter_context(self._standing(case, database)))
            self.strike()
            for case, (run, _holders) in zip(cases, runs):
                if not isinstance(case.place, Hold):
                    run.go()
            outcomes = [run.end() for run, _holders in runs]
            for _run, holders in runs:
                for holder in holders:
                    _let_go(holder)
            self.mend()
            struck = [
                strikes.Struck(case.scene, database, case.action, case.boundary, outcome, self.surely, self.forgets)
                for case, database, outcome in zip(cases, databases, outcomes)
            ]
            assert not any(outcome.died for outcome in outcomes)
            strikes.each(struck, strikes.converges)

    def _standing(self, case: Case, database: Database) -> AbstractContextManager[tuple[Run, list[Holder]]]:
        url = database.url(host=self.where) if self.where else database.url()
        if isinstance(case.place, Hold):
            return strikes.inside(case.scene, database, case.action, case.place, url=url)
        return strikes.standing(case.scene, database, case.action, case.place, url=url)


def _let_go(holder: Holder) -> None:
    """End what held a run; its session may have gone with the server."""
    try:
        holder.release()
    except psycopg2.Error:
        holder.released_at = time.monotonic()
