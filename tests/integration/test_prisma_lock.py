# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Beside `prisma migrate deploy`: its advisory lock is waited for, and keeps it out while we are at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._locks import prisma_lock as _prisma_lock
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import background, builders, held, wait_until
from lab.server import SUPERUSER

pytestmark = pytest.mark.postgres

# What Prisma's schema engine sends.
PRISMA = "SELECT pg_advisory_lock(72707369)"
HELD = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369 AND granted"
WAITS = HELD.replace("AND granted", "AND NOT granted")
INDEX = [{"table": "Order", "columns": ["note"]}]


@contextmanager
def prisma(database: Database) -> Iterator[int]:
    """A `prisma migrate deploy` that is at work; its process id in the server."""
    connection = database.connect(application_name="prisma")
    try:
        with connection.cursor() as cursor:
            cursor.execute(PRISMA)
        yield connection.info.backend_pid
    finally:
        connection.close()


@pytest.mark.parametrize("what", ["deployment", "rollback"])
def test_it_is_waited_for(database: Database, what: str) -> None:
    if what == "rollback":
        database.apply(indexes=INDEX)
    before = set(database.indexes("Order"))
    with ExitStack() as stack:
        at_work = stack.enter_context(ExitStack())
        at_work.enter_context(prisma(database))
        work = database.rollback if what == "rollback" else lambda: database.apply(indexes=INDEX)
        running = stack.enter_context(background(work))
        wait_until(lambda: database.execute("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'steady%'"))
        time.sleep(1.0)
        assert not running.done()
        assert set(database.indexes("Order")) == before
        at_work.close()
        assert running.result()["changed"]
    assert set(database.indexes("Order")) != before


def test_after_the_patience_it_gives_up_with_a_word(database: Database) -> None:
    before = database.dump()
    with prisma(database) as pid, pytest.raises(SteadyError) as failure:
        database.apply(indexes=INDEX, patience_s=1.0)
    assert "prisma migrate is at work" in str(failure.value)
    assert f"pid {pid}" in str(failure.value)
    assert failure.value.sqlstate == "55P03"
    assert database.dump() == before


def test_a_plan_does_not_wait_for_it(database: Database) -> None:
    with prisma(database):
        assert database.apply(indexes=INDEX, check=True)["status"] == "planned"


def test_it_is_kept_out_while_we_are_at_work(database: Database) -> None:
    with (
        held(database, 'UPDATE "Order" SET total = 0 WHERE id = 1') as writer,
        background(lambda: database.apply(indexes=INDEX)) as deployment,
    ):
        wait_until(lambda: [row for row in builders(database) if "waiting" in row[2]])
        assert len(database.execute(HELD)) == 1
        assert not database.value("SELECT pg_try_advisory_lock(72707369)")
        writer.release()
        deployment.result()
    wait_until(lambda: not database.execute(HELD))


@pytest.mark.parametrize("sees", [True, False], ids=["seen", "of another role, whose queries are hidden"])
def test_a_process_that_prisma_left_waiting_does_not_block_our_build(
    cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch, sees: bool
) -> None:
    """It waits for our lock with a snapshot for which our build waits, and its client has gone after ten seconds."""
    monkeypatch.setattr(_prisma_lock, "_LONGER_THAN_PRISMA_SECONDS", 2.0)
    user = SUPERUSER if sees else cluster.role("deployer")
    if not sees:
        database.execute(
            f'ALTER TABLE "Order" OWNER TO {user}; GRANT CREATE ON SCHEMA public TO {user};'
            f" GRANT CREATE ON DATABASE {database.name} TO {user}"
        )
    got: list[Any] = []

    def wait_for_it() -> None:
        connection = database.connect(application_name="prisma")
        try:
            with connection.cursor() as cursor:
                cursor.execute(PRISMA)
            got.append(True)
        except psycopg2.Error as error:
            got.append(error)
        finally:
            connection.close()

    waiter = threading.Thread(target=wait_for_it)
    with (
        held(database, 'UPDATE "Order" SET total = 0 WHERE id = 1') as writer,
        background(lambda: database.apply(indexes=INDEX, user=user, patience_s=10.0)) as deployment,
    ):
        wait_until(lambda: [row for row in builders(database) if "waiting" in row[2]])
        waiter.start()
        wait_until(lambda: database.execute(WAITS))
        writer.release()
        wait_until(lambda: [row for row in builders(database) if row[2] == "waiting for old snapshots"])
        assert deployment.result()["status"] == "succeeded"
    waiter.join(10)
    assert got == [True]
