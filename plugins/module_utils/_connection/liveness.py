# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that die without a word: noticed in under 30 s, and what the server still does for them is ended.

TCP's keepalives (see _session) notice a peer that is gone. They do not notice a proxy that answers them and forwards
nothing. So short statements have a limit of their own here, and those that may take hours are looked at from another
session: when the server is not at work on them any more, their answer will never come.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import contextmanager
from typing import Iterator

from .._support.driver import psycopg2
from .._support.errors import SteadyError
from .session import Session

__all__ = ["SILENT_SECONDS", "answers", "end_on_server", "sever"]

# Longer than any of our short statements takes on a server that is alive; with connect_timeout (10 s) under 30 s.
SILENT_SECONDS = 12.0
_GONE_SECONDS = 15.0


def sever(session: Session) -> None:
    """Shut the connection from this side: whoever waits for its answer gets an error at once."""
    try:
        with socket.socket(fileno=os.dup(session.connection.fileno())) as copy:
            copy.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg2.Error):
        pass  # it is closed already


@contextmanager
def answers(session: Session, expected_ms: float = 0.0) -> Iterator[None]:
    """Within the block the server answers in time (expected_ms and SILENT_SECONDS), or the connection is severed."""
    over = threading.Event()

    def late() -> None:
        while not over.wait(SILENT_SECONDS + expected_ms / 1000.0):
            if not session.blocked:  # one that waits for a lock is alive, and has an end of its own (_patience)
                sever(session)
                return

    threading.Thread(target=late, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def end_on_server(session: Session, pid: int, application: str) -> str:
    """Find out what the server still does for a connection of ours that was lost, and end it. In words.

    pid, application: of the lost connection's server process; the process id may be somebody else's by now.
    Raises SteadyError when it does not end, psycopg2.Error.
    """
    query = (
        "FROM pg_catalog.pg_stat_activity WHERE pid = %s AND application_name = %s AND usename = session_user"
        " AND datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()"
    )
    deadline = time.monotonic() + _GONE_SECONDS
    said = "the server had ended what it was doing"
    while rows := session.rows(
        "SELECT state = 'active' AS active, pg_catalog.pg_terminate_backend(pid) " + query, (pid, application)
    ):
        if rows[0]["active"]:
            said = "the server was still at work on it; that was ended before anything else was done"
        if time.monotonic() > deadline:
            raise SteadyError(
                "A server process of a lost connection does not end.",
                f"pid {pid}",
                "wait until it is gone from pg_stat_activity",
                rerun=True,
            )
        time.sleep(0.1)
    return said
