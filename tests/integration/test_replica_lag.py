# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A real streaming replica that falls behind: waited for before the first step and between steps, with a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import OPERATOR, Cluster, Database
from integration.conftest import _fill_shop
from integration.sessions import background, builders, held, wait_until
from integration.standby import Standby, standby_of
from lab.server import SUPERUSER, Server

pytestmark = pytest.mark.postgres

INDEX = {"table": "Order", "columns": ["note"]}
LAG = "SELECT coalesce(extract(epoch FROM replay_lag), 0)::float8 FROM pg_stat_replication WHERE state = 'streaming'"


def lag(primary: Server) -> float:
    """Of the only replica, in seconds, as the primary says it."""
    return primary.execute(LAG)[0][0]


@pytest.fixture(scope="module")
def primary(postgres_major: int) -> Iterator[Server]:
    settings = {"autovacuum": "off", "jit": "off", "max_slot_wal_keep_size": "64MB", "checkpoint_timeout": "1h"}
    with Server.start(postgres_major, settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Standby]:
    with standby_of(primary) as made:
        wait_until(lambda: primary.execute(LAG))
        yield made


@pytest.fixture
def shop(primary: Server) -> Iterator[Database]:
    cluster = Cluster(primary, {})
    yield cluster.database(cluster.template("shop", _fill_shop))
    cluster.clean_up()
    primary.drop_database("template_shop")


def deploy(database: Database, *indexes: dict[str, Any], user: str = SUPERUSER, **more: Any) -> dict[str, Any]:
    options = {"most_lag_s": 1.0, **more}
    patience = options.pop("patience_s", 20.0)
    migration = {"id": "test", "indexes": list(indexes or (INDEX,))}
    url = database.url(user)
    return apply(migration, Options(url, policy=LockPolicy(patience_s=patience), operator=OPERATOR, **options))


@pytest.fixture
def behind(primary: Server, standby: Standby, shop: Database) -> Iterator[None]:
    """The replica has stopped to replay, while the application goes on writing."""
    standby.execute("SELECT pg_wal_replay_pause()")
    stop = threading.Event()

    def write() -> None:
        connection = shop.connect()
        with connection.cursor() as cursor:
            while not stop.wait(0.05):
                try:
                    cursor.execute('UPDATE "Order" SET total = total + 1 WHERE id = 3')
                except psycopg2.Error:
                    return
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: lag(primary) > 1.3)
    yield
    stop.set()
    writer.join()
    standby.execute("SELECT pg_wal_replay_resume()")
    wait_until(lambda: lag(primary) < 1.0)


def test_nothing_is_begun_while_a_replica_is_behind_and_then_it_goes_on(
    shop: Database, standby: Standby, behind: None
) -> None:
    with background(lambda: deploy(shop)) as deployment:
        time.sleep(1.5)
        assert "Order_note_idx" not in shop.indexes("Order")
        assert not deployment.done()
        standby.execute("SELECT pg_wal_replay_resume()")
        result = deployment.result()
    assert "Order_note_idx" in shop.indexes("Order")
    (note,) = [note for note in result["notes"] if "replica" in note]
    assert "replica beside (streaming) is behind by" in note


def test_after_the_patience_it_gives_up_with_a_word(shop: Database, behind: None) -> None:
    before = shop.dump()
    with pytest.raises(SteadyError) as failure:
        deploy(shop, patience_s=1.5)
    assert shop.dump() == before
    assert "Replicas stay behind" in str(failure.value)
    assert "replica beside" in str(failure.value)
    assert "steady_max_replica_lag" in failure.value.todo
    assert shop.value("SELECT count(*) FROM steady.step") == 0


def test_nobody_looks_when_that_is_off(shop: Database, behind: None) -> None:
    assert deploy(shop, most_lag_s=None)["status"] == "succeeded"


def test_the_replica_is_looked_at_between_steps(primary: Server, standby: Standby, shop: Database) -> None:
    """The first of two builds on one table waits for a writer; meanwhile the replica stops to replay."""
    both = (INDEX, {"table": "Order", "columns": ["total"]})
    with ExitStack() as stack:
        writer = stack.enter_context(held(shop, 'UPDATE "Order" SET total = 0 WHERE id = 5'))
        deployment = stack.enter_context(background(lambda: deploy(shop, *both)))
        wait_until(lambda: [row for row in builders(shop) if "waiting for writers" in row[2]])
        standby.execute("SELECT pg_wal_replay_pause()")
        wait_until(lambda: shop.execute('UPDATE "Order" SET note = note WHERE id = 9') or lag(primary) > 1.3)
        writer.release()
        wait_until(lambda: shop.execute("SELECT 1 FROM steady.step WHERE number = 1 AND status = 'done'"))
        time.sleep(1.0)
        assert shop.value("SELECT count(*) FROM steady.step") == 1
        standby.execute("SELECT pg_wal_replay_resume()")
        result = deployment.result()
    assert [note for note in result["notes"] if "public.Order_total_idx" in note and "replica beside" in note]
    assert {"Order_note_idx", "Order_total_idx"} <= set(shop.indexes("Order"))


def test_a_slot_that_is_about_to_be_broken_is_waited_for(primary: Server, shop: Database) -> None:
    """Its WAL is more than max_slot_wal_keep_size, and the next checkpoint would take it away."""
    primary.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")
    try:
        for _number in range(6):
            shop.execute("SELECT pg_logical_emit_message(false, 'fill', repeat('x', 16 * 1024 * 1024))")
        status = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'forgotten'"
        assert primary.execute(status) == [("unreserved",)]
        with pytest.raises(SteadyError, match=r"slot forgotten \(not used\) has .* MB of WAL"):
            deploy(shop, patience_s=0.5)
    finally:
        primary.execute("SELECT pg_drop_replication_slot('forgotten')")


def test_replicas_that_the_role_may_not_see_are_mentioned(shop: Database, standby: Standby) -> None:
    shop.execute("CREATE ROLE deployer LOGIN")
    try:
        shop.execute('ALTER TABLE "Order" OWNER TO deployer; GRANT CREATE ON SCHEMA public TO deployer')
        shop.execute(f"GRANT CREATE ON DATABASE {shop.name} TO deployer")
        notes = deploy(shop, user="deployer")["notes"]
        assert [note for note in notes if "pg_monitor" in note]
    finally:
        shop.execute("REASSIGN OWNED BY deployer TO postgres; DROP OWNED BY deployer; DROP ROLE deployer")
