# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognising a transaction-pooling endpoint, by what it does and not only by its name.

Behind such an endpoint session state is not ours: advisory locks are stranded, SETs are lost, and
CREATE INDEX CONCURRENTLY runs in somebody else's session.
"""

from __future__ import annotations

import re
import select
import time
from typing import Any, Dict, Optional, Set

from .._support.driver import extensions, psycopg2
from .._support.errors import ConnectionProblem

__all__ = ["direct_address", "pooled_by_name", "refuse_pooler_by_name", "refuse_transaction_pooling"]

_ANSWER_SECONDS = 5.0
_LOOKS = 50
# The setting ends with the message, and so leaves no trace in a pool's session.
_OWN_PROCESS = "SET LOCAL statement_timeout TO 0; SELECT pg_catalog.pg_backend_pid()"


def pooled_by_name(parameters: Dict[str, str]) -> Optional[str]:
    """Why host and port alone say that this is a transaction pooler; None when they do not."""
    host, port = parameters.get("host", "").lower(), parameters.get("port", "5432")
    if re.search(r"-pooler\.[^,]*neon\.(tech|build)$", host):
        return "a Neon host name with -pooler is its transaction pooler"
    if host.endswith((".supabase.com", ".supabase.co")) and port == "6543":
        return "port 6543 of Supabase is its transaction pooler"
    return None


def direct_address(parameters: Dict[str, str]) -> str:
    """The address to use instead, as far as the pooled one tells it."""
    host, port = parameters.get("host", "").lower(), parameters.get("port", "5432")
    neon = re.match(r"^([^.]+)-pooler(\..+)$", host)
    if neon:
        unpooled = " (Vercel's DATABASE_URL_UNPOOLED or POSTGRES_URL_NON_POOLING)"
        return f"host {neon.group(1)}{neon.group(2)}{unpooled}"
    if ".supabase." in host:
        project = re.match(r"^[^.]+\.(\w+)$", parameters.get("user", "")) or re.match(
            r"^db\.(\w+)\.supabase\.co$", host
        )
        direct = f"host db.{project.group(1)}.supabase.co" if project else "the project's direct host"
        return f"{direct}, port 5432 (or the session pooler: this host, port 5432)"
    return f"PostgreSQL's own host and port (usually 5432) instead of {host or 'this host'}, port {port}"


def _refusal(parameters: Dict[str, str], why: str) -> ConnectionProblem:
    return ConnectionProblem(
        "The address leads to a transaction pooler (such as PgBouncer with pool_mode=transaction).",
        f"{why}; behind it locks and settings of a session are lost, and indexes cannot be built concurrently",
        f"connect directly: {direct_address(parameters)}",
        "nothing was changed",
    )


def refuse_pooler_by_name(parameters: Dict[str, str]) -> None:
    """Raise ConnectionProblem for addresses that providers have named as transaction poolers."""
    why = pooled_by_name(parameters)
    if why:
        raise _refusal(parameters, why)


class _Second:
    """A second connection, asked for the server process that serves it.

    Asynchronous, since a pool of one session would keep a blocking one waiting without end.
    """

    def __init__(self, parameters: Dict[str, str]) -> None:
        self._deadline = time.monotonic() + _ANSWER_SECONDS
        self._connection = psycopg2.connect(**parameters, async_=1)
        self._answers = self._wait()

    def backend(self) -> Optional[int]:
        """The process; None when no answer comes in time."""
        if not self._answers:
            return None
        cursor = self._connection.cursor()
        cursor.execute(_OWN_PROCESS)
        self._answers = self._wait()
        return int(cursor.fetchone()[0]) if self._answers else None

    def close(self) -> None:
        self._connection.close()

    def _wait(self) -> bool:
        while True:
            state = self._connection.poll()
            if state == extensions.POLL_OK:
                return True
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                return False
            reads = [self._connection] if state == extensions.POLL_READ else []
            writes = [self._connection] if state == extensions.POLL_WRITE else []
            select.select(reads, writes, [], remaining)


def refuse_transaction_pooling(connection: Any, parameters: Dict[str, str]) -> None:
    """Raise ConnectionProblem when the connection's server process is not its own.

    PostgreSQL names the process at connection start (BackendKeyData, 54.2.2); a pooler names something else there.
    Only then is the closer look needed: two open connections are asked in turn, again and again, since with other
    clients in between they are often served by two processes for a while. Where sessions are kept, each has one
    process of its own; in a shared pool they meet in one (when it is quiet) or change theirs (when it is busy).
    """
    cursor = connection.cursor()

    def backend() -> int:
        cursor.execute(_OWN_PROCESS)
        return int(cursor.fetchone()[0])

    first = backend()
    if first == connection.info.backend_pid:
        return
    seconds: Set[int] = set()
    second = _Second(parameters)
    try:
        for _look in range(_LOOKS):
            other = second.backend()
            if other is not None:
                seconds.add(other)
            mine = backend()
            if first in seconds:
                raise _refusal(parameters, f"two open connections were served by one server process ({first})")
            if mine != first:
                raise _refusal(
                    parameters, f"one open connection was served by two server processes ({first}, then {mine})"
                )
            if len(seconds) > 1:
                raise _refusal(parameters, "one open connection was served by two server processes")
    finally:
        second.close()
