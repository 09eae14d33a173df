# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""COMMIT: under a lock it waits for nothing, and a synchronous standby that is away keeps no run and no reader up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._journal import journal as _journal
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from integration.cluster import Cluster, Database
from integration.sessions import Probe, wait_until
from integration.standby import standby_of

pytestmark = pytest.mark.postgres

TABLE = "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g"
# Stops between ALTER TABLE and COMMIT, and lets the standby's receiver stand still.
STOP = """
CREATE FUNCTION zz() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.t') THEN
    COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; kill -STOP {pid}';
  END IF; END $$;
CREATE EVENT TRIGGER zz ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION zz();
"""


@contextmanager
def waiting_for(database: Database, names: str, **settings: str) -> Iterator[None]:
    """The whole server asks for synchronous standbys, and no client has a weaker synchronous_commit of its own."""
    values = {"synchronous_standby_names": names, **settings}
    for name, value in values.items():
        database.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    database.execute("SELECT pg_reload_conf()")
    wait_until(lambda: database.value("SHOW synchronous_standby_names") == names)
    try:
        yield
    finally:
        for name in values:
            database.execute(f"ALTER SYSTEM RESET {name}")
        database.execute("SELECT pg_reload_conf()")
        wait_until(lambda: database.value("SHOW synchronous_standby_names") == "")


def synchronous_role(cluster: Cluster, database: Database) -> str:
    """A role whose commits wait for standbys; the tests' server is configured with `off`."""
    role = cluster.role("waiter", "LOGIN SUPERUSER")
    database.execute("ALTER ROLE waiter SET synchronous_commit = 'on'")
    return role


def findings(database: Database, user: str) -> dict[str, Any]:
    result = preflight({"id": "x", "columns": []}, database.options(user, check=True), None, None)
    return {one["name"]: one for one in result["preflight"]}


def test_a_synchronous_standby_that_is_away_holds_nothing_up_b19a(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B19 a: said by the preflight, waited for once with an end, and told in the result."""
    monkeypatch.setattr(_journal, "_STANDBY_SECONDS", 1.0)
    database = cluster.database()
    database.execute(TABLE)
    role = synchronous_role(cluster, database)
    with waiting_for(database, "s1"):
        finding = findings(database, role)["synchronous_standby"]
        assert finding["status"] == "warning"
        assert "0 of 1 are connected" in finding["evidence"][0]
        started = time.monotonic()
        result = database.apply(
            columns=[{"table": "t", "name": "x", "nullable": False}],
            indexes=[{"table": "t", "columns": ["x"]}],
            user=role,
        )
        assert time.monotonic() - started < 8
        assert any("no synchronous standby ('s1') confirmed within 1 s" in note for note in result["notes"])
        undone = database.rollback(user=role)
        assert undone["status"] == "rolled_back"
        assert any("no synchronous standby" in note for note in undone["notes"])
    assert findings(database, role)["synchronous_standby"]["status"] == "ok"


def test_a_standby_that_stands_still_between_statement_and_commit_b19b(cluster: Cluster) -> None:
    """B19 b: nobody waits behind our COMMIT, and the column is changed."""
    database = cluster.database()
    database.execute(TABLE)
    role = synchronous_role(cluster, database)
    with standby_of(database.server) as standby:
        wait_until(lambda: database.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"))
        ((pid,),) = wait_until(lambda: standby.execute("SELECT pid FROM pg_stat_wal_receiver"))
        with waiting_for(database, "beside"):
            database.execute("SET synchronous_commit = local;" + STOP.format(pid=pid))
            reads = Probe(database, "SELECT count(*) FROM t")
            writes = Probe(database, "UPDATE t SET x = x + 1 WHERE id = 1")
            try:
                with reads, writes:
                    started = time.monotonic()
                    result = database.apply(columns=[{"table": "t", "name": "x", "nullable": False}], user=role)
                    assert time.monotonic() - started < 12
                assert max(reads.times_ms) < 250
                assert max(writes.times_ms) < 250
                assert result["steps"][0]["status"] == "done"
                assert not database.nullable("t", "x")
            finally:
                os.kill(pid, signal.SIGCONT)


def test_commit_is_under_no_lock_that_waits_for_the_disk_s7(cluster: Cluster) -> None:
    """S7: commit_delay holds a COMMIT that flushes up for 100 ms; readers feel nothing of it."""
    database = cluster.database()
    database.execute(TABLE)
    role = synchronous_role(cluster, database)
    with waiting_for(database, "", commit_delay="100000", commit_siblings="0", fsync="on"):
        with Probe(database, "SELECT count(*) FROM t") as reads:
            for nullable in (False, True):
                database.apply(columns=[{"table": "t", "name": "x", "nullable": nullable}], user=role)
        assert max(reads.times_ms) < 80


def test_an_answer_that_is_lost_is_looked_up_in_the_catalog_s7(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S7: the change is committed and its answer never comes: the step is done, as the catalog says."""
    database = cluster.database()
    database.execute(TABLE)
    from ansible_collections.steady.postgresql.plugins.module_utils._connection import session as _session

    execute = _session.Session.execute

    def lossy(self: Any, statement: str, parameters: Any = None) -> int:
        rows = execute(self, statement, parameters)
        if "DROP NOT NULL" in statement:
            execute(self, "SELECT pg_terminate_backend(pg_backend_pid())")
        return rows

    database.execute("ALTER TABLE t ALTER x SET NOT NULL")
    monkeypatch.setattr(_session.Session, "execute", lossy)
    result = database.apply(columns=[{"table": "t", "name": "x", "nullable": True}])
    assert result["status"] == "succeeded"
    assert result["steps"][0]["status"] == "done"
    assert any("the catalog says that it is done" in note for note in result["notes"])
    assert database.nullable("t", "x")
    assert database.value("SELECT status FROM steady.step") == "done"
