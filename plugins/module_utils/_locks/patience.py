# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning, counting, verifying and the journal may wait for a lock, too: with an end, and with the name of whom.

A statement that works may take any time. One that waits for a lock is seen from another session, which is opened only
when a statement takes longer than an instant; after the patience it is cancelled.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Optional

from .._connection.session import Session
from .._connection.target import Target
from .._support.driver import psycopg2
from .._support.errors import LockNotAvailable, SteadyError
from .blockers import blockers_of_session, describe_blockers

__all__ = ["Patience"]

_EVERY_SECONDS = 0.25
_WAITS = "SELECT FROM pg_catalog.pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


class Patience(threading.Thread):
    """Watches over one session until it is closed. say: told whom it waits for, again and again."""

    def __init__(self, target: Target, session: Session, patience_s: float) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._session = session
        self._patience_s = patience_s
        self._over = threading.Event()
        self._looker: Optional[Session] = None
        self._blocked_at: Optional[float] = None
        self._statement: Optional[float] = None
        self.say: Callable[[str], Any] = lambda _text: None
        self.start()

    def end(self) -> None:
        """The session is closed: no cancel is on its way any more when this returns, or soon after."""
        self._over.set()

    def run(self) -> None:
        """Whatever goes wrong here leaves the session waiting, and no worse."""
        try:
            while not self._over.wait(_EVERY_SECONDS):
                since = self._session.since
                if since is None or time.monotonic() - since < _EVERY_SECONDS:
                    self._session.blocked = False
                    continue
                try:
                    self._look(since)
                except (psycopg2.Error, SteadyError):
                    self._close()  # no connection is free, or this one was lost: tried again
        finally:
            self._close()

    def _look(self, since: float) -> None:
        if self._looker is None:
            self._looker = self._target.session(None)
        if since != self._statement:
            self._statement, self._blocked_at = since, None
        waits = bool(self._looker.rows(_WAITS, (self._session.pid,)))
        self._session.blocked = waits
        if not waits:
            self._blocked_at = None
            return
        now = time.monotonic()
        self._blocked_at = self._blocked_at or now
        found = blockers_of_session(self._looker, self._session.pid)
        self.say("waiting for a lock that is held by " + ("; ".join(one.brief for one in found[:3]) or "others"))
        if now - self._blocked_at < self._patience_s or self._session.since != since:
            return
        self._session.why = LockNotAvailable(
            f"A question to the database waited for a lock for {now - self._blocked_at:.0f} s.",
            describe_blockers(found),
            "end these sessions' transactions, or raise steady_lock_patience",
            "the statement that waited was cancelled",
            "55P03",
            {"blockers": [one.as_dict() for one in found]},
            rerun=True,
        )
        self._looker.execute("SELECT pg_catalog.pg_cancel_backend(%s)", (self._session.pid,))

    def _close(self) -> None:
        if self._looker is not None:
            self._looker.close()
            self._looker = None
