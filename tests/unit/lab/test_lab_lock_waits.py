# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A wait for a lock is told with its length and with those because of whom, and what is in the way is really there."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab.blockers import BLOCKERS, Place, eager_autovacuum
from lab.lock_waits import LockLog, worst_ms
from lab.server import Server
from lab.sessions import held

pytestmark = pytest.mark.postgres

WAIT_MS = 300


@pytest.fixture(scope="module")
def server(postgres_major: int) -> Iterator[Server]:
    """A server that logs who connects, with two tables that a key joins."""
    with Server.start(postgres_major, settings={"log_connections": "on"}) as one:
        one.create_database("two")
        one.psql(
            database="two",
            script="CREATE TABLE parent (id int PRIMARY KEY, note text);"
            "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, note text);"
            "INSERT INTO parent SELECT n, 'x' FROM generate_series(1, 9000) AS n;"
            "INSERT INTO child SELECT n, n, repeat('x', 200) FROM generate_series(1, 9000) AS n;",
        )
        yield one


@pytest.fixture
def place(server: Server) -> Place:
    """Where somebody stands in the way."""
    hold = "UPDATE {} SET note = note WHERE id = 9000"
    return Place(server, "two", "child", "note", hold.format("child"), hold.format("parent"))


def test_a_wait_is_told_with_its_cause(server: Server, place: Place) -> None:
    log = LockLog(server)
    options = "-c log_lock_waits=on -c deadlock_timeout=10ms"
    with held(place, "LOCK TABLE child IN SHARE MODE", seconds=WAIT_MS / 1000, application_name="the cause"):
        connection = place.connect(application_name="the application", options=options)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM child WHERE id = 1")
        connection.close()
    (wait,) = log.read()
    assert (wait.application, wait.mode, wait.holders) == ("the application", "RowExclusiveLock", ("the cause",))
    assert WAIT_MS * 0.7 < wait.ms < WAIT_MS * 3
    assert wait.caused_by("the c")
    assert not wait.caused_by("somebody")
    assert wait.database == place.execute("SELECT oid::bigint FROM pg_database WHERE datname = 'two'")[0][0]


def test_who_stands_before_it_in_the_queue_is_a_cause_too(server: Server, place: Place) -> None:
    """A reader has the lock, a change queues behind it, and a writer behind both."""
    log = LockLog(server)
    options = "-c log_lock_waits=on -c deadlock_timeout=10ms"
    with (
        held(place, "SELECT 1 FROM child", seconds=WAIT_MS / 1000, application_name="reader"),
        BLOCKERS["another migration"](place, 1.0),
    ):
        connection = place.connect(application_name="the application", options=options)
        with connection.cursor() as cursor:
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                cursor.execute("UPDATE child SET note = note WHERE id = 2")
        connection.close()
    caused = [wait for wait in log.read() if wait.caused_by("other migration")]
    assert 20 < worst_ms(caused) < 200, "it queues for 50 ms"


@pytest.mark.parametrize("name", [name for name in BLOCKERS if name != "nobody"])
def test_who_is_in_the_way_is_there_and_gone_afterwards(server: Server, place: Place, name: str) -> None:
    locked = (
        "SELECT count(*) FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = 'two')"
        " AND relation IN ('child'::regclass, 'parent'::regclass) AND granted"
    )
    schema = server.dump_schema("two")
    with eager_autovacuum(server), BLOCKERS[name](place, 30):
        assert place.execute(locked)[0][0] > 0
    assert place.execute(locked) == [(0,)]
    assert server.dump_schema("two") == schema
