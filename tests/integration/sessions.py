# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Other sessions on the database of a test: ones that are in the way, and ones that measure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg2

from integration.cluster import Database
from lab.sessions import Holder, held, wait_until

__all__ = ["OLD_SNAPSHOT", "Holder", "Probe", "Watch", "background", "builders", "held", "wait_until"]

# Holds every CREATE INDEX CONCURRENTLY up: it waits for all transactions that could still see the table without it.
OLD_SNAPSHOT = ("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1")


@contextmanager
def background(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Work in a thread beside the block; at its end it is waited for, and its error raised if nobody asked for it."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def builders(database: Database) -> list[tuple[int, str, str]]:
    """The CREATE INDEXes that are at work: process, table, phase. Those of the journal's own tables are left out."""
    return database.execute(
        "SELECT p.pid, p.relid::regclass::text, p.phase FROM pg_stat_progress_create_index p"
        " JOIN pg_class c ON c.oid = p.relid"
        " WHERE p.datname = current_database() AND c.relnamespace::regnamespace::text <> 'steady'"
    )


class Probe(threading.Thread):
    """An application: one statement after another, each with the time that it took."""

    def __init__(self, database: Database, *statements: str, pause: float = 0.004) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._statements = statements
        self._pause = pause
        self._stop_asked = threading.Event()
        self.times_ms: list[float] = []
        self.errors: list[str] = []

    def run(self) -> None:
        connection = self._database.connect(application_name="probe")
        try:
            with connection.cursor() as cursor:
                while not self._stop_asked.is_set():
                    for statement in self._statements:
                        started = time.perf_counter()
                        try:
                            cursor.execute(statement)
                        except psycopg2.Error as error:
                            self.errors.append(error.pgcode or str(error))
                        self.times_ms.append((time.perf_counter() - started) * 1000)
                    time.sleep(self._pause)
        finally:
            connection.close()

    def __enter__(self) -> Probe:
        self.start()
        wait_until(lambda: self.times_ms)
        return self

    def __exit__(self, *_error: Any) -> None:
        self._stop_asked.set()
        self.join()


class Watch(threading.Thread):
    """Asks one question without pause and keeps every different answer, in the order in which they came."""

    def __init__(self, database: Database, question: str) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._question = question
        self._stop_asked = threading.Event()
        self.answers: list[tuple[Any, ...]] = []
        self.asked = 0

    def run(self) -> None:
        connection = self._database.connect(application_name="watch")
        try:
            with connection.cursor() as cursor:
                while not self._stop_asked.is_set():
                    cursor.execute(self._question)
                    rows = tuple(cursor.fetchall())
                    self.asked += 1
                    if not self.answers or self.answers[-1] != rows:
                        self.answers.append(rows)
        finally:
            connection.close()

    def __enter__(self) -> Watch:
        self.start()
        wait_until(lambda: self.asked)
        return self

    def __exit__(self, *_error: Any) -> None:
        self._stop_asked.set()
        self.join()
