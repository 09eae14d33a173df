# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The lock policy on a real server: nobody waits longer than the budget, and who is in the way is named."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy import executor as _executor
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Database
from integration.sessions import OLD_SNAPSHOT, Probe, Watch, background, builders, held, wait_until

pytestmark = pytest.mark.postgres

BUDGET_MS = 100
# What a busy machine adds to any statement.
SLACK_MS = 50

NAME = "Order_customerId_fkey"
KEY = {
    "name": NAME,
    "table": "Order",
    "columns": ["customerId"],
    "references": {"table": "Customer", "columns": ["id"]},
    "on_delete": "cascade",
}
CASCADE = 'FOREIGN KEY ("customerId") REFERENCES "Customer"(id) ON UPDATE CASCADE ON DELETE CASCADE'
RESTRICT = CASCADE.replace("DELETE CASCADE", "DELETE RESTRICT")

CHILD = 'UPDATE "Order" SET total = total + 1 WHERE id = 1'
PARENT = "UPDATE \"Customer\" SET name = 'diagnosis 4711' WHERE id = 'c1'"
READS = 'SELECT count(*) FROM "Order" JOIN "Customer" c ON c.id = "customerId" WHERE "Order".id < 50'
WRITES = (
    'UPDATE "Order" SET total = total + 1 WHERE id = 700',
    "UPDATE \"Customer\" SET email = 'x' WHERE id = 'c200'",
)


def traffic(database: Database, stack: ExitStack) -> list[Probe]:
    """An application that reads and writes both tables."""
    return [stack.enter_context(Probe(database, READS)), stack.enter_context(Probe(database, *WRITES))]


def assert_nobody_waited(probes: list[Probe]) -> None:
    """No statement took longer than the budget."""
    for probe in probes:
        assert probe.errors == []
        assert len(probe.times_ms) > 50
        assert max(probe.times_ms) <= BUDGET_MS + SLACK_MS


@pytest.mark.parametrize("statement", [CHILD, PARENT, 'SELECT 1 FROM "Customer" FOR UPDATE'])
def test_an_idle_transaction_is_waited_for_and_nobody_else_waits(database: Database, statement: str) -> None:
    with ExitStack() as stack:
        writes = ('UPDATE "Order" SET total = 2 WHERE id = 700',)
        probes = [stack.enter_context(Probe(database, READS)), stack.enter_context(Probe(database, *writes))]
        holder = stack.enter_context(held(database, statement, seconds=3))
        started = time.monotonic()
        result = database.apply(foreign_keys=[KEY], budget_ms=BUDGET_MS)
        ended = time.monotonic()
    assert holder.released_at is not None
    assert holder.released_at < ended
    assert database.foreign_keys("Order") == {NAME: CASCADE}
    (step,) = result["steps"]
    assert step["attempts"] > 3
    assert 2000 < step["lock_wait_ms"] < (ended - started) * 1000
    assert_nobody_waited(probes)


def test_a_wait_that_outlasts_the_first_attempts(database: Database) -> None:
    """After three seconds some attempts queue, for a part of the budget."""
    with ExitStack() as stack:
        probes = traffic(database, stack)
        queue = "SELECT mode FROM pg_locks WHERE locktype = 'relation' AND NOT granted AND mode LIKE 'ShareRow%'"
        watch = stack.enter_context(Watch(database, queue))
        stack.enter_context(held(database, CHILD, seconds=6))
        database.apply(foreign_keys=[KEY], budget_ms=BUDGET_MS)
    assert database.foreign_keys("Order") == {NAME: CASCADE}
    assert_nobody_waited(probes)
    assert (("ShareRowExclusiveLock",),) in watch.answers, "no attempt queued"


def test_a_table_that_is_never_free(database: Database) -> None:
    """At every instant somebody holds a row: an attempt that never queues would never succeed."""
    stop = threading.Event()

    def work(row: int) -> None:
        connection = database.connect(application_name="busy")
        with connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("BEGIN")
                cursor.execute('UPDATE "Order" SET total = total + 1 WHERE id = %s', (row,))
                time.sleep(0.012)
                cursor.execute("COMMIT")
        connection.close()

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(10, 16)]
    with ExitStack() as stack:
        probes = traffic(database, stack)
        for worker in workers:
            worker.start()
            time.sleep(0.002)
        try:
            result = database.apply(foreign_keys=[KEY], budget_ms=BUDGET_MS)
        finally:
            stop.set()
            for worker in workers:
                worker.join()
    assert result["status"] == "succeeded"
    assert_nobody_waited(probes)


@pytest.mark.parametrize("statement", [CHILD, PARENT])
def test_when_the_patience_is_used_up_the_one_in_the_way_is_named(database: Database, statement: str) -> None:
    with ExitStack() as stack:
        probes = traffic(database, stack) if statement == CHILD else []
        holder = stack.enter_context(held(database, statement, application_name="till 7"))
        before = database.dump()
        started = time.monotonic()
        with pytest.raises(SteadyError) as failure:
            database.apply(foreign_keys=[KEY], budget_ms=BUDGET_MS, patience_s=2.0)
        assert 1.8 < time.monotonic() - started < 6
        assert database.dump() == before
    message = str(failure.value)
    for part in (f"pid {holder.pid}", 'user "postgres"', 'application "till 7"', "idle in transaction", "open for"):
        assert part in message
    assert "UPDATE" in message
    assert "4711" not in message
    assert "diagnosis" not in message
    assert "steady_lock_patience" in failure.value.todo
    assert failure.value.sqlstate == "55P03"
    (blocker, *_others) = failure.value.facts["blockers"]
    assert blocker["pid"] == holder.pid
    assert 0 < blocker["age_s"] < 60
    assert_nobody_waited(probes)
    assert database.foreign_keys("Order") == {NAME: RESTRICT}
    # The same command goes on once the way is free.
    assert database.apply(foreign_keys=[KEY])["attempt"] == 2


def test_a_prepared_transaction_in_the_way_is_named(database: Database) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(CHILD)
        cursor.execute("PREPARE TRANSACTION 'forgotten'")
    with pytest.raises(SteadyError, match="prepared transaction"):
        database.apply(foreign_keys=[KEY], patience_s=1.0)
    database.execute("ROLLBACK PREPARED 'forgotten'")


def test_an_old_snapshot_holds_an_index_up_until_the_patience_is_used_up(database: Database) -> None:
    before = database.dump()
    with ExitStack() as stack:
        probes = traffic(database, stack)
        holder = stack.enter_context(held(database, *OLD_SNAPSHOT, application_name="report"))
        with pytest.raises(SteadyError) as failure:
            database.apply(indexes=[{"table": "Order", "columns": ["note"]}], patience_s=2.0)
    message = str(failure.value)
    assert f"pid {holder.pid}" in message
    assert 'application "report"' in message
    assert "idle in transaction" in message
    assert set(database.indexes("Order")) == {"Order_pkey", "Order_customerId_idx"}
    assert database.dump() == before
    assert_nobody_waited(probes)
    assert database.apply(indexes=[{"table": "Order", "columns": ["note"]}])["attempt"] == 2


def test_an_invalid_index_that_cannot_be_taken_away_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader's transaction has read the table itself, so that DROP INDEX CONCURRENTLY waits for it, too."""
    monkeypatch.setattr(_executor, "_CLEANUP_SECONDS", 1.0)
    entry = {"table": "Order", "name": "wanted", "columns": ["note"]}
    with held(database, OLD_SNAPSHOT[0], 'SELECT count(*) FROM "Order"'):
        with pytest.raises(SteadyError, match=r"public\.wanted is there and INVALID"):
            database.apply(indexes=[entry], patience_s=1.5)
        assert database.indexes("Order")["wanted"].startswith("INVALID")
    assert database.apply(indexes=[entry])["steps"][0]["action"] == "repair"
    assert database.indexes("Order")["wanted"] == 'CREATE INDEX wanted ON public."Order" USING btree (note)'
    database.rollback()
    assert "wanted" not in database.indexes("Order")


def test_a_wait_for_an_old_snapshot_harms_nobody_and_ends_with_it(database: Database) -> None:
    with ExitStack() as stack:
        probes = traffic(database, stack)
        snapshot = stack.enter_context(held(database, *OLD_SNAPSHOT))
        deployment = stack.enter_context(
            background(lambda: database.apply(indexes=[{"table": "Order", "columns": ["note"]}]))
        )
        wait_until(lambda: [row for row in builders(database) if row[2] == "waiting for old snapshots"])
        time.sleep(0.5)
        snapshot.release()
        assert deployment.result()["status"] == "succeeded"
    assert_nobody_waited(probes)


def test_readers_wait_no_longer_for_nullability_either(database: Database) -> None:
    columns = [{"table": "Order", "name": "note", "nullable": False}]
    with ExitStack() as stack:
        probes = traffic(database, stack)
        stack.enter_context(held(database, 'SELECT count(*) FROM "Order"', seconds=2))
        (step,) = database.apply(columns=columns, budget_ms=BUDGET_MS)["steps"]
    assert step["attempts"] > 3
    assert step["lock_wait_ms"] > 1000
    assert database.nullable("Order", "note") is False
    assert_nobody_waited(probes)
