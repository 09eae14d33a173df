# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What stands in the way of a change on a live database, made for real.

Each is a context manager: it is there when the block begins, for so many seconds or until the block ends, and all of
it is gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2

from lab.server import Server
from lab.sessions import Holder, held, wait_until

# At most a page in 0.1 to 0.4 s.
_SLOW = {"autovacuum_vacuum_cost_delay": 100, "autovacuum_vacuum_cost_limit": 1}
# The least that PostgreSQL takes for autovacuum_freeze_max_age.
_WRAPAROUND_AGE = 100_000
_READER_FACTOR = 3
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Place:
    """A database, and two of its tables that a foreign key joins; their names as SQL has them.

    hold_child, hold_parent: statements that lock a row which nobody else uses. column: some column of the child.
    """

    server: Server
    name: str
    child: str
    column: str
    hold_child: str
    hold_parent: str

    def connect(self, **parameters: Any) -> Any:
        """A psycopg2 connection in autocommit."""
        return self.server.connect(self.name, **parameters)

    def execute(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run it in a connection of its own; its rows."""
        return self.server.execute(statement, parameters, database=self.name)


Blocker = Callable[[Place, float], AbstractContextManager[Any]]


@contextmanager
def nobody(_place: Place, _seconds: float) -> Iterator[None]:
    """The way is free."""
    yield


def idle_on_child(place: Place, seconds: float) -> AbstractContextManager[Holder]:
    """Somebody has changed a row of the child, and does nothing more."""
    return held(place, place.hold_child, seconds=seconds)


def idle_on_parent(place: Place, seconds: float) -> AbstractContextManager[Holder]:
    """The same of the parent."""
    return held(place, place.hold_parent, seconds=seconds)


def reader(place: Place, seconds: float) -> AbstractContextManager[Holder]:
    """Somebody reads in one snapshot, three times as long as the others are there."""
    read = f"SELECT count({place.column}) FROM {place.child}"
    return held(place, "BEGIN ISOLATION LEVEL REPEATABLE READ", read, seconds=_READER_FACTOR * seconds)


@contextmanager
def long_select(place: Place, seconds: float) -> Iterator[None]:
    """One statement that reads the child all the time."""
    with _statement(place, f"SELECT count({place.column}) FROM {place.child}, pg_sleep({seconds})"):
        yield


@contextmanager
def other_migration(place: Place, seconds: float) -> Iterator[None]:
    """Another tool wants to change the child, politely: it queues for 50 ms, twice a second, behind somebody idle."""
    over = threading.Event()

    def insist() -> None:
        connection = place.connect(application_name="other migration", options="-c lock_timeout=50ms")
        with contextlib.closing(connection), connection.cursor() as cursor:
            while not over.wait(0.5):
                with contextlib.suppress(psycopg2.errors.LockNotAvailable):
                    cursor.execute(f"ALTER TABLE {place.child} OWNER TO CURRENT_USER")

    thread = threading.Thread(target=insist, daemon=True)
    with held(place, f"SELECT count({place.column}) FROM {place.child}", seconds=seconds):
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def dump(place: Place, seconds: float) -> Iterator[None]:
    """pg_dump, whose output nobody takes: it stands still in the first table, its locks and its snapshot being held."""
    command = [place.server.installation.client("pg_dump"), f"--dbname={place.server.url(place.name)}"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        wait_until(lambda: _locked(place, "application_name = 'pg_dump'", "AccessShareLock"))
        yield
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def autovacuum(place: Place, seconds: float) -> AbstractContextManager[None]:
    """An autovacuum of the child that does not get on; the server ends it when somebody has waited a second for it."""
    return _vacuum(place, seconds, {"autovacuum_vacuum_threshold": 1, "autovacuum_vacuum_scale_factor": 0})


def wraparound(place: Place, seconds: float) -> AbstractContextManager[None]:
    """The same against wraparound: the server does not end it."""
    with _ONE_AT_A_TIME:  # transactions age the tables of all databases
        (age,) = place.execute("SELECT age(relfrozenxid) FROM pg_class WHERE oid = %s::regclass", (place.child,))[0]
        if age <= _WRAPAROUND_AGE:
            spend = f"FOR n IN 0..{_WRAPAROUND_AGE - age} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP"
            connection = place.connect(options="-c synchronous_commit=off")
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute(f"DO $$ BEGIN {spend}; END $$")
    return _vacuum(place, seconds, {"autovacuum_freeze_max_age": _WRAPAROUND_AGE})


BLOCKERS: Mapping[str, Blocker] = {
    "nobody": nobody,
    "idle transaction, child": idle_on_child,
    "idle transaction, parent": idle_on_parent,
    "long SELECT": long_select,
    "pg_dump": dump,
    "autovacuum": autovacuum,
    "autovacuum against wraparound": wraparound,
    "another migration": other_migration,
    "REPEATABLE READ reader": reader,
}


@contextmanager
def eager_autovacuum(server: Server) -> Iterator[None]:
    """Within the block, the server looks every second for what to vacuum."""
    server.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    server.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        server.execute("ALTER SYSTEM RESET autovacuum_naptime")
        server.execute("SELECT pg_reload_conf()")


@contextmanager
def _vacuum(place: Place, seconds: float, reasons: Mapping[str, int]) -> Iterator[None]:
    options = {**_SLOW, **reasons}
    settings = ", ".join(f"{name} = {value}" for name, value in options.items())
    place.execute(f"ALTER TABLE {place.child} SET ({settings})")
    ended = threading.Event()

    def end() -> None:
        if ended.is_set():
            return
        ended.set()
        reset = threading.Thread(target=_reset, args=(place, list(options)), daemon=True)
        reset.start()
        while reset.is_alive():
            reset.join(0.2)
            place.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'autovacuum worker' AND datname = current_database()"
            )

    timer = threading.Timer(seconds, end)
    try:
        place.execute(f"UPDATE {place.child} SET {place.column} = {place.column} WHERE ctid < '(40,0)'")
        wait_until(lambda: _locked(place, "backend_type = 'autovacuum worker'", "ShareUpdateExclusiveLock"), 60)
        timer.start()
        yield
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        end()


def _reset(place: Place, options: list[str]) -> None:
    """Take the reasons for a vacuum away: this queues behind the vacuum, and is the next when that is ended."""
    while True:
        try:
            place.execute(f"ALTER TABLE {place.child} RESET ({', '.join(options)})")
            return
        except psycopg2.errors.DeadlockDetected:  # with a build of the table, which waits for all transactions
            continue


@contextmanager
def _statement(place: Place, statement: str) -> Iterator[None]:
    """A statement that runs in a session of its own, until it ends or the block does."""
    connection = place.connect(application_name="long statement")
    pid = connection.info.backend_pid

    def run() -> None:
        cancelled = contextlib.suppress(psycopg2.errors.QueryCanceled)
        with cancelled, contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: _locked(place, f"pid = {pid}", "AccessShareLock"))
        yield
    finally:
        place.execute("SELECT pg_cancel_backend(%s)", (pid,))
        thread.join()


def _locked(place: Place, who: str, mode: str) -> bool:
    """Whether such a session has that lock on the child."""
    return bool(
        place.execute(
            "SELECT 1 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
            f" WHERE l.relation = %s::regclass AND l.mode = %s AND l.granted AND {who}",
            (place.child, mode),
        )
    )
