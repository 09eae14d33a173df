# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session on the target: what is asked, since when, and whoever cancels it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .._support.driver import extensions, psycopg2
from .._support.errors import SteadyError
from .._support.values import sample_rows, server_texts
from .stop import STOP

__all__ = ["Session"]


class Session:
    """One autocommitting connection. Not for two threads at a time.

    pid: of its server process. What a pooler names at connection start is not it (54.2.2): Target asks for it.
    schema: that of the migration, whose texts are read with it (_rights.theirs); None where there is no such text.
    since: when the statement began that runs now. why: set by whoever cancels that, and raised in place of the server's
    error. blocked: it was seen to wait for a lock. finishing: what runs is no longer cancelled by a stop (_stop).
    patience: whoever bounds its waits (_patience). shows_rows: values of rows may be in what leaves the database.
    """

    def __init__(self, connection: Any, schema: Optional[str] = None, shows_rows: bool = False) -> None:
        self.connection = connection
        self.schema = schema
        self.shows_rows = shows_rows
        self.pid: int = connection.info.backend_pid
        self.since: Optional[float] = None
        self.why: Optional[SteadyError] = None
        self.blocked = False
        self.finishing = 0
        self.patience: Any = None
        STOP.sessions.add(self)

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """A statement: since when it runs can be seen, and whoever cancels it says why."""
        self.since, self.why = time.monotonic(), None
        try:
            with self.connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            if isinstance(error, psycopg2.errors.QueryCanceled) and self.why is not None:
                raise self.why from None  # pylint: disable=raising-bad-type
            error.shows_rows = self.shows_rows  # for translate()
            raise
        finally:
            self.since = None

    def execute(self, statement: str, parameters: Optional[Any] = None) -> int:
        """Run it; the number of rows concerned. Raises psycopg2.Error."""
        with self.asking() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)

    def rows(self, statement: str, parameters: Optional[Any] = None) -> List[Dict[str, Any]]:
        """All rows as dictionaries. Raises psycopg2.Error."""
        with self.asking() as cursor:
            cursor.execute(statement, parameters)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def texts(self, statement: str) -> Tuple[List[str], List[Tuple[Optional[str], ...]]]:
        """Names of columns, and rows in which every value is the server's own text. Raises psycopg2.Error."""
        with self.asking():
            return server_texts(self.connection, statement)

    def samples(self, statement: str) -> List[Dict[str, Any]]:
        """Rows whose values mean the same to the server when they are given back. Raises psycopg2.Error."""
        with self.asking():
            return sample_rows(self.connection, statement)

    def one(self, statement: str, parameters: Optional[Any] = None) -> Dict[str, Any]:
        """The first row. Raises psycopg2.Error; IndexError when there is none."""
        return self.rows(statement, parameters)[0]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction, an error within leaves the rest of it usable; outside of one, nothing to do."""
        inside = self.connection.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE
        if inside:
            self.execute("SAVEPOINT steady")
        try:
            yield
        except psycopg2.Error:
            if inside and not self.connection.closed:
                self.execute("ROLLBACK TO SAVEPOINT steady")
            raise
        if inside:
            self.execute("RELEASE SAVEPOINT steady")

    def lost(self) -> bool:
        """Whether the server has nothing more to say to this session."""
        try:
            self.execute("SELECT 1")
        except psycopg2.Error:
            return True
        return False

    def close(self) -> None:
        if self.patience is not None:
            self.patience.end()
        try:
            self.connection.close()
        except psycopg2.Error:  # the other side may be gone already
            pass
