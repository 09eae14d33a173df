# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who waits behind us: seen from a session of its own, and the attempt that they wait for is ended at once."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Iterator, List, Sequence

from .._connection.liveness import answers
from .._connection.session import Session
from .._model.plan import Unit
from .._support.driver import psycopg2
from .._support.errors import SteadyError
from .._support.sqltext import qualified

__all__ = ["yielding"]

# As often as the question itself costs little beside the wait that it saves.
_EVERY_SECONDS = 0.005

# Ended only while it still waits itself: once it has its locks, it is done sooner than a cancel would end it.
_QUESTION = (
    "SELECT pg_catalog.pg_cancel_backend(a.pid) AS cancelled FROM pg_catalog.pg_stat_activity a"
    " WHERE a.pid = %(pid)s AND a.wait_event_type = 'Lock' AND EXISTS"
    " (SELECT FROM pg_catalog.pg_locks l WHERE NOT l.granted AND l.locktype = 'relation'"
    "  AND l.relation IN (SELECT pg_catalog.to_regclass(name) FROM unnest(%(tables)s::text[]) AS t(name))"
    "  AND l.pid <> a.pid AND a.pid = ANY (pg_catalog.pg_blocking_pids(l.pid)))"
)


@contextmanager
def yielding(looker: Session, pid: int, units: Sequence[Unit]) -> Iterator[List[int]]:
    """While the block waits for the locks of the units in session pid, cancel that as soon as somebody waits behind it.

    looker: a session that nobody else uses meanwhile. The list that is given has an entry after a cancel. When the
    block has ended no cancel is on its way any more: it could hit the session's next statement.
    """
    cancelled: List[int] = []
    over = threading.Event()
    tables = sorted({qualified(*lock.table) for unit in units for lock in unit.locks})

    def look() -> None:
        try:
            while not over.wait(_EVERY_SECONDS) and not cancelled:
                with answers(looker):
                    if looker.rows(_QUESTION, {"pid": pid, "tables": tables}):
                        cancelled.append(pid)
        except (psycopg2.Error, SteadyError):
            pass  # without this look the attempt's own lock_timeout ends it

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield cancelled
    finally:
        over.set()
        thread.join()
