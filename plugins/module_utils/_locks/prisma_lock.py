# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prisma's own lock: as long as we are at work, `prisma migrate deploy` is not, and the other way round.

Its schema engine takes the advisory lock 72707369 for a deployment, waits for it for 10 s, and then fails with P1002.
We hold it from before the plan is made until the end. Two things follow for whoever waits for it in the server:

- it holds a snapshot meanwhile, for which every concurrent build waits, so that we never wait for it in this way: it is
  polled;
- after its 10 s Prisma closes the connection, but its server process does not notice that while it waits for the lock.
  Our build would wait for that process, and that process for us. So when somebody has waited for longer than Prisma
  does, we let go of the lock for a moment: the process gets it, finds nobody to answer to, and ends. Should somebody
  be there all the same, it is their turn, and our next step waits for them.
"""

from __future__ import annotations

import time
from typing import Callable, ContextManager, Dict, List, Optional

from .._connection.session import Session
from .._connection.stop import STOP
from .._support.errors import NOTHING_CHANGED, SteadyError
from .blockers import SESSION, Blocker, blocker_of, describe_blockers

__all__ = ["PrismaLock"]

KEY = 72707369
_LONGER_THAN_PRISMA_SECONDS = 15.0
_POLL_SECONDS = 0.25

# Advisory locks with one bigint key: its upper half is classid, its lower half objid (documentation, pg_locks).
_ROWS = (
    ", l.mode, NOT l.granted AS waiting, 'Prisma''s advisory lock' AS table_name"
    " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = %s AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    " AND a.pid <> pg_catalog.pg_backend_pid()"
)


class PrismaLock:
    """The lock, held by the session that also holds the deployment lock, while it is not lent."""

    def __init__(self) -> None:
        self._held = False
        # Since when each process was seen to wait for it, by our clock: pg_stat_activity shows the age of another
        # role's query to pg_read_all_stats alone.
        self._waiting: Dict[Optional[int], float] = {}

    def take(self, use: Callable[[], ContextManager[Session]], patience_s: float, say: Callable[[str], None]) -> None:
        """Take it if we do not have it. Raises SteadyError after the patience, psycopg2.Error.

        use: gives the session. say: told again and again while somebody else has the lock.
        """
        started = time.monotonic()
        while not self._held:
            STOP.check()
            with use() as session:
                self._held = _try(session)
                holders = [] if self._held else _sessions(session, "l.granted")
            if self._held:
                return
            if time.monotonic() - started > patience_s:
                raise SteadyError(
                    f"prisma migrate is at work in this database; the run waited {patience_s:.0f} s for it.",
                    describe_blockers(holders),
                    "let it end, or raise steady_lock_patience",
                    NOTHING_CHANGED,
                    "55P03",
                    {"blockers": [holder.as_dict() for holder in holders]},
                    rerun=True,
                )
            say("waiting for prisma migrate to end: " + "; ".join(holder.brief for holder in holders))
            time.sleep(_POLL_SECONDS)

    def release(self, session: Session) -> None:
        """Let go of it for good. Raises psycopg2.Error."""
        if self._held:
            session.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (KEY,))
            self._held = False

    def lend(self, session: Session) -> None:
        """Let go of it when somebody has waited for longer than Prisma does; have it again as soon as it is free."""
        if not self._held:
            self._held = _try(session)
            return
        now = time.monotonic()
        waiting = _sessions(session, "NOT l.granted")
        self._waiting = {one.pid: self._waiting.get(one.pid, now) for one in waiting}
        if any(now - since > _LONGER_THAN_PRISMA_SECONDS for since in self._waiting.values()):
            session.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (KEY,))
            self._held, self._waiting = False, {}


def _try(session: Session) -> bool:
    return bool(session.one("SELECT pg_catalog.pg_try_advisory_lock(%s) AS taken", (KEY,))["taken"])


def _sessions(session: Session, condition: str) -> List[Blocker]:
    return [blocker_of(row) for row in session.rows(f"{SESSION}{_ROWS} AND {condition}", (KEY,))]
