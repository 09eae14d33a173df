# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The traffic's figures can be believed: it counts what the database has, and does not overlook a wait or an error."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg2
import pytest

from lab import clinic
from lab.profiles import CLINIC
from lab.server import Server
from lab.traffic import APPLICATION_NAME, Traffic, TrafficResult, Transaction

pytestmark = pytest.mark.postgres

LOCK_MS = 300


@pytest.fixture(scope="module")
def server(postgres_major: int) -> Iterator[Server]:
    """A server with a small clinic."""
    with Server.start(postgres_major) as one:
        one.create_database("clinic")
        clinic.load(one.url("clinic"), 0.002)
        yield one


def _count(server: Server, condition: str = "true") -> int:
    query = f'SELECT count(*) FROM "Appointment" WHERE {condition}'
    return int(server.execute(query, database="clinic")[0][0])


def test_it_counts_every_transaction_and_catches_a_lock(server: Server) -> None:
    """As many as the database has rows; and all that came while the table was locked waited."""
    before = _count(server)
    with Traffic(server, "clinic") as traffic:
        time.sleep(1)
        connection = server.connect("clinic")
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute('LOCK TABLE "CashDrawer" IN ACCESS EXCLUSIVE MODE')
            locked = time.time()
            time.sleep(LOCK_MS / 1000)
            unlocked = time.time()
        connection.close()
        time.sleep(1)
        result = traffic.stop()
    assert result.errors == ()
    assert result.count == _count(server) - before > 100
    meanwhile = result.between(locked, unlocked)
    assert 10 < meanwhile.count < result.count
    # The first transaction to come waits for nearly all of the time, and those that queue are counted from when they
    # were due, not from when one of the four connections was free.
    assert result.worst_ms == meanwhile.worst_ms > LOCK_MS * 0.7
    assert sum(one.ms > LOCK_MS * 0.3 for one in meanwhile.transactions) > 4
    assert result.p50_ms < LOCK_MS * 0.3


def test_each_transaction_changes_all_four_tables(server: Server) -> None:
    """By index: the row numbers lead to rows that exist."""
    server.execute("SELECT pg_stat_reset()", database="clinic")
    traffic = Traffic(server, "clinic", replace(CLINIC, rate=200)).start()
    time.sleep(0.5)
    result = traffic.stop()
    # Backends report their figures when they end, at the latest.
    deadline = time.monotonic() + 10
    done: dict[str, int] = {}
    while time.monotonic() < deadline and done.get("User", 0) < result.count:
        time.sleep(0.1)
        rows = server.execute("SELECT relname, n_tup_ins + n_tup_upd FROM pg_stat_user_tables", database="clinic")
        done = dict(rows)
    assert result.count > 20
    assert {table: done[table] for table in ("Appointment", "Sale", "CashDrawer", "User")} == dict.fromkeys(
        ("Appointment", "Sale", "CashDrawer", "User"), result.count
    )


def test_a_client_that_gives_up_is_an_error(server: Server) -> None:
    """One of four: the others go on, and the result still says it."""
    traffic = Traffic(server, "clinic").start()
    time.sleep(0.3)
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s LIMIT 1"
    assert server.execute(f"SELECT pg_terminate_backend(({query}))", (APPLICATION_NAME,)) == [(True,)]
    time.sleep(0.5)
    result = traffic.stop()
    assert result.count > 20
    assert any("aborted" in error for error in result.errors)


def test_traffic_that_ends_by_itself_is_an_error(server: Server) -> None:
    """A server that stops under it."""
    traffic = Traffic(server, "clinic").start()
    time.sleep(0.3)
    server.restart("immediate")
    time.sleep(0.3)
    result = traffic.stop()
    assert any("ended by itself" in error for error in result.errors)


def test_it_leaves_no_connection(server: Server) -> None:
    """Even where the block around it fails."""
    with pytest.raises(ZeroDivisionError), Traffic(server, "clinic"):
        raise ZeroDivisionError
    deadline = time.monotonic() + 10
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    while server.execute(query, (APPLICATION_NAME,)) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_a_clinic_it_does_not_start(server: Server) -> None:
    """The error comes at once, not as a result without transactions."""
    with pytest.raises(psycopg2.errors.UndefinedTable):
        Traffic(server, "postgres").start()


def test_the_figures() -> None:
    """Percentiles are waits that really occurred; without a transaction there is no figure."""
    result = TrafficResult(tuple(Transaction(0.0, wait / 1000) for wait in (*range(1, 101), 1500)))
    assert (result.count, result.over_1s) == (101, 1)
    assert [round(figure) for figure in (result.p50_ms, result.p99_ms, result.p999_ms, result.worst_ms)] == [
        *(51, 100, 1500, 1500),
    ]
    assert result.between(1.2, 9.0).count == 1
    assert math.isnan(TrafficResult(()).worst_ms)
    assert math.isnan(TrafficResult(()).p99_ms)
