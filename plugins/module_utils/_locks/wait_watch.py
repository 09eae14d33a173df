# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long other sessions wait for the locks of a deployment, by the server's own account, looked at again and again.

A wait shorter than the pause between two looks may go unseen, and one that is seen was up to that much longer.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

from .._connection.liveness import sever
from .._connection.session import Session
from .._connection.target import Target
from .._support.driver import psycopg2
from .._support.errors import SteadyError

__all__ = ["WaitWatch"]

# While a statement is under way that traffic could feel, and else. A look at pg_locks holds the lock manager up for an
# instant that grows with the number of locks: between two there is time for many such instants.
_PAUSE_S = 0.025
_IDLE_S = 1.0
_REST = 4
_PATIENCE_S = 1.0
# pg_locks is there for every role to see. pg_blocking_pids() is asked only about sessions that wait, since it holds all
# of the lock manager up for an instant. Autovacuum, which has no user, gives way by itself.
_WAITING = """
WITH ours AS MATERIALIZED (
  SELECT array_agg(pid) AS pids FROM pg_catalog.pg_stat_activity
  WHERE application_name = pg_catalog.current_setting('application_name')),
waiting AS MATERIALIZED (
  SELECT l.pid, min({waitstart}) AS since FROM pg_catalog.pg_locks l WHERE NOT l.granted GROUP BY l.pid)
SELECT w.pid, (extract(epoch FROM pg_catalog.clock_timestamp() - w.since) * 1000)::float8 AS ms
FROM waiting w CROSS JOIN ours o JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid AND a.usesysid IS NOT NULL
WHERE w.pid <> ALL (o.pids) AND pg_catalog.pg_blocking_pids(w.pid) && o.pids
"""


class WaitWatch(threading.Thread):
    """Watches while its block runs. All our sessions have the same application_name by then."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._over = threading.Event()
        self._longest_ms = 0.0
        self._pause_s = _PAUSE_S
        self._guarded = 0
        self._mutex = threading.Lock()
        self._wake = threading.Event()
        self._broken = False
        self._session: Optional[Session] = None

    def __enter__(self) -> WaitWatch:
        self.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._over.set()
        self._wake.set()
        self.join(_PATIENCE_S)
        if self.is_alive():
            # Its network is gone, so that no answer ever comes: the deployment does not wait for that.
            self._broken = True
            if self._session is not None:
                sever(self._session)
                self.join(_PATIENCE_S)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Around what traffic could feel: it is looked at often meanwhile."""
        with self._mutex:
            self._guarded += 1
        self._wake.set()
        try:
            yield
        finally:
            with self._mutex:
                self._guarded -= 1

    @property
    def seen(self) -> Optional[Dict[str, Any]]:
        """{longest_ms, looked_every_ms}; None when it could not look all the time."""
        if self._broken:
            return None
        return {"longest_ms": round(self._longest_ms, 1), "looked_every_ms": int(self._pause_s * 1000)}

    def run(self) -> None:
        """Looks until the block is over. Whatever goes wrong here is not the deployment's concern."""
        try:
            self._session = session = self._target.session(None)
            # pg_locks.waitstart is there from 14 on; before, what was seen from look to look counts.
            dated = session.connection.server_version >= 140000
            question = _WAITING.format(waitstart="l.waitstart" if dated else "NULL::timestamptz")
            first: Dict[int, float] = {}
            while True:
                began = time.monotonic()
                self._wake.clear()
                rows = session.rows(question)
                looked = time.monotonic()
                first = {row["pid"]: first.get(row["pid"], looked) for row in rows}
                for row in rows:
                    waited = row["ms"] if row["ms"] is not None else (looked - first[row["pid"]]) * 1000
                    self._longest_ms = max(self._longest_ms, waited)
                rest = max(_PAUSE_S, (looked - began) * _REST)
                self._pause_s = max(self._pause_s, rest)
                if self._over.wait(rest):
                    return
                if not self._guarded and not rows:
                    self._wake.wait(_IDLE_S)
                    if self._over.is_set():
                        return
        except (psycopg2.Error, SteadyError):
            self._broken = True
        finally:
            if self._session is not None:
                self._session.close()
