# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deployment at a time in a database: an advisory lock that ends with its session, however that ends."""

from __future__ import annotations

import time

from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, SteadyError
from .session import Session
from .translation import translate

__all__ = ["still_held", "take_deployment_lock"]

# "steady" in ASCII. Advisory locks belong to one database, so the key needs no database in it.
_KEY = 0x737465616479
_PATIENCE_SECONDS = 3.0


def take_deployment_lock(session: Session) -> None:
    """Take the lock for the life of the session. Raises SteadyError that names the holder.

    It is polled: a session that waits inside pg_advisory_lock holds a snapshot, for which every
    CREATE INDEX CONCURRENTLY of the holder would wait in turn.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not session.one("SELECT pg_catalog.pg_try_advisory_lock(%s) AS taken", (_KEY,))["taken"]:
        if time.monotonic() > deadline:
            raise _held(session)
        time.sleep(0.25)


def _held(session: Session) -> SteadyError:
    rows = session.rows(
        "SELECT a.pid, a.usename::text, a.application_name, a.client_addr::text,"
        " to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS since"
        " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.classid = %s AND l.objid = %s"
        " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
        (_KEY >> 32, _KEY & 0xFFFFFFFF),
    )
    why = (
        "its session could not be seen"
        if not rows
        else (
            'pid {pid}, user "{usename}", from {where}, application "{application_name}", since {since} UTC'.format(
                where=rows[0]["client_addr"] or "a local socket", **rows[0]
            )
        )
    )
    return SteadyError(
        "Another deployment, rollback, backup or restore is at work in this database.",
        why,
        "wait until it is done, then run the same command again; if its process is gone, the server notices within a "
        "minute, or at once with: SELECT pg_terminate_backend(" + (str(rows[0]["pid"]) if rows else "<pid>") + ")",
        NOTHING_CHANGED,
        sqlstate="55P03",
    )


def still_held(session: Session) -> None:
    """Raise SteadyError when the session that holds the lock is gone: then somebody else may be at work."""
    try:
        session.execute("SELECT 1")
    except psycopg2.Error as error:
        problem = translate(error, "The session that holds the deployment lock was lost")
        problem.advise("", rerun=True)
        raise problem from None
