# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What is locked and looked at: no more than the change needs, no sooner than it helps, no more often than it must."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection import session as _session
from ansible_collections.steady.postgresql.plugins.module_utils._deploy import executor as _executor
from ansible_collections.steady.postgresql.plugins.module_utils._locks.wait_watch import WaitWatch
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import background, held, wait_until

pytestmark = pytest.mark.postgres

HEIRS = """
CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE rch () INHERITS (r);
CREATE TABLE par (id int, rid int CONSTRAINT k REFERENCES r); CREATE TABLE ch () INHERITS (par);
"""
KEY = {"table": "par", "name": "k", "columns": ["rid"], "references": {"table": "r", "columns": ["id"]}}


def test_children_that_inherit_are_not_locked_b_own_5(cluster: Cluster) -> None:
    """B own 5: a key concerns the parents alone, and ALTER TABLE locks no more."""
    database = cluster.database()
    database.execute(HEIRS)
    with held(database, "SELECT * FROM ch", "INSERT INTO ch VALUES (1, 1)", "INSERT INTO rch VALUES (1)"):
        assert database.apply(foreign_keys=[{**KEY, "state": "absent"}], patience_s=2)["changed"]
        assert database.apply({"id": "n", "foreign_keys": [KEY]}, patience_s=2)["changed"]
        replaced = {"id": "o", "foreign_keys": [{**KEY, "on_delete": "cascade"}]}
        assert database.apply(replaced, patience_s=2)["changed"]
        assert database.rollback(patience_s=2)["status"] == "rolled_back"
    with (
        held(database, "SELECT * FROM par", application_name="till 7"),
        pytest.raises(SteadyError, match="till 7"),
    ):
        database.apply({"id": "p", "foreign_keys": [{**KEY, "state": "absent"}]}, patience_s=1)


def test_attempts_that_would_fail_are_not_made_s6(database: Database) -> None:
    """S6: a granted lock is in the WAL, and a standby takes it. While a transaction is in the way, there is none."""
    name = "Order_customerId_fkey"
    key = {
        "name": name,
        "table": "Order",
        "columns": ["customerId"],
        "references": {"table": "Customer", "columns": ["id"]},
        "on_delete": "cascade",
    }

    def both_stand() -> bool:
        keys = database.foreign_keys("Order")
        return len(keys) == 2 and not any("NOT VALID" in one for one in keys.values())

    def written() -> str:
        return database.value("SELECT pg_current_wal_insert_lsn()::text")

    with (
        held(database, 'SELECT 1 FROM "Order"') as holder,
        background(lambda: database.apply(foreign_keys=[key])) as deployment,
    ):
        wait_until(both_stand)
        time.sleep(0.3)
        before = written()
        time.sleep(1.0)
        assert written() == before
        holder.release()
        assert deployment.result()["steps"][0]["attempts"] > 3


def test_an_index_is_not_dropped_while_its_table_is_used_s16(database: Database) -> None:
    """S16: the reader is waited for before the index is made invalid, and named."""
    migration = {"id": "m", "indexes": [{"table": "Order", "name": "Order_customerId_idx", "state": "absent"}]}
    before = database.indexes("Order")
    with (
        held(database, 'SELECT 1 FROM "Order"', application_name="till 7") as holder,
        pytest.raises(SteadyError, match="till 7") as failure,
    ):
        database.apply(migration, patience_s=1.0)
    assert f"pid {holder.pid}" in failure.value.why
    assert "public.Order_customerId_idx stands as it was" in failure.value.left
    assert database.indexes("Order") == before
    assert database.apply(migration)["attempt"] == 2


def test_a_drop_that_was_cancelled_is_said_and_undone_s16(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """S16: the reader came after the look. What is left is what the catalog says, and a rollback brings it back."""
    migration = {"id": "m", "indexes": [{"table": "Order", "name": "Order_customerId_idx", "state": "absent"}]}
    before = database.indexes("Order")
    monkeypatch.setattr(_executor.Executor, "_drain", lambda *_arguments: None)
    with held(database, 'SELECT 1 FROM "Order"'), pytest.raises(SteadyError) as failure:
        database.apply(migration, patience_s=1.5)
    assert "public.Order_customerId_idx is there and INVALID" in failure.value.left
    assert database.indexes("Order")["Order_customerId_idx"].startswith("INVALID")
    database.rollback()
    assert database.indexes("Order") == before


def test_locks_are_looked_at_often_only_while_traffic_could_feel_it_s29(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S29: once a second else."""
    rows, looks = _session.Session.rows, []

    def counting(self: Any, statement: str, parameters: Any = None) -> Any:
        if "waiting AS MATERIALIZED" in statement:
            looks.append(time.monotonic())
        return rows(self, statement, parameters)

    monkeypatch.setattr(_session.Session, "rows", counting)
    target = database.options().target(database.options().address(), "test")
    ours, _server = target.first_session("public")
    with WaitWatch(target) as watch:
        wait_until(lambda: looks)
        time.sleep(1.5)
        assert len(looks) <= 4
        seldom = len(looks)
        with watch.guarding():
            time.sleep(1.0)
        assert len(looks) - seldom > 3
    ours.close()
