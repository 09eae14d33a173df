# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Ctrl-C, SIGTERM and a controller that is gone: nothing more begins, what waits ends, and the journal says so."""

from __future__ import annotations

import signal
import subprocess
from contextlib import AbstractContextManager
from typing import Any

import pytest

from integration.cluster import Database
from integration.killable import deployment_process
from integration.sessions import OLD_SNAPSHOT, builders, held, wait_until

pytestmark = pytest.mark.postgres

# As a module's process is: it listens, works, and says at its end what became of it.
PROGRAM = """
import json, signal, sys
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._connection.stop import STOP
url, operator, migration = json.load(sys.stdin)
# Whoever runs the tests in the background has made them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
STOP.listen()
try:
    apply(migration, Options(url, operator=operator))
except SteadyError as error:
    print(error, file=sys.stderr)
    sys.exit(7)
"""
NAME = "Order_customerId_fkey"
KEY = {
    "name": NAME,
    "table": "Order",
    "columns": ["customerId"],
    "references": {"table": "Customer", "columns": ["id"]},
    "on_delete": "cascade",
}
INDEX = {"table": "Order", "name": "wanted", "columns": ["note"]}
OURS = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'steady%' AND datname = current_database()"
RUNNING = "SELECT 1 FROM pg_class WHERE relname = 'step' AND relnamespace = to_regnamespace('steady')"


def deployment(database: Database, migration: dict[str, Any]) -> AbstractContextManager[subprocess.Popen[str]]:
    """A deployment as a module makes it, which can be asked to stop, and what it says."""
    return deployment_process(database, migration, PROGRAM, subprocess.PIPE)


def ended(process: subprocess.Popen[str]) -> str:
    """It ends soon; what it said."""
    assert process.stderr is not None
    assert process.wait(15) == 7
    return process.stderr.read()


def journal(database: Database) -> list[tuple[Any, ...]]:
    return database.execute(
        "SELECT d.status, a.status, s.status FROM steady.deployment d JOIN steady.attempt a ON a.deployment_id = d.id"
        " LEFT JOIN steady.step s ON s.deployment_id = d.id AND s.attempt = a.number ORDER BY a.number, s.number"
    )


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "gone"])
def test_a_run_that_tries_for_a_lock_is_stopped_s11(database: Database, how: str) -> None:
    """S11: the lock comes free later, and nothing is changed any more."""
    before = database.foreign_keys("Order")
    migration = {"id": "m", "foreign_keys": [KEY], "indexes": [INDEX]}
    with held(database, 'LOCK TABLE "Customer" IN SHARE MODE'), deployment(database, migration) as process:
        wait_until(lambda: database.execute(RUNNING) and database.execute("SELECT 1 FROM steady.step OFFSET 1"))
        if how == "gone":
            assert process.stdout is not None
            process.stdout.close()
        else:
            process.send_signal(getattr(signal, how))
        said = ended(process)
    assert ("the process that started it is gone" if how == "gone" else how) in said
    assert database.foreign_keys("Order") == before
    assert not database.execute(OURS)
    assert journal(database) == [("interrupted", "interrupted", "done"), ("interrupted", "interrupted", "failed")]
    again = database.apply(migration)
    assert (again["status"], again["attempt"]) == ("succeeded", 2)


def test_a_build_that_waits_is_cancelled_and_cleaned_up_s11(database: Database) -> None:
    """S11: CREATE INDEX CONCURRENTLY waits for an old snapshot; its invalid index goes, too."""
    second = {**INDEX, "name": "second", "columns": ["status"]}
    with held(database, *OLD_SNAPSHOT), deployment(database, {"id": "m", "indexes": [INDEX, second]}) as process:
        wait_until(lambda: builders(database))
        process.send_signal(signal.SIGTERM)
        said = ended(process)
    assert "The run was stopped: SIGTERM" in said
    assert "nothing of public.wanted is there" in said
    assert set(database.indexes("Order")) == {"Order_pkey", "Order_customerId_idx"}
    assert journal(database) == [("interrupted", "interrupted", "failed")]


def test_a_plan_that_waits_is_stopped_s11(database: Database) -> None:
    """S11: before anything was begun."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'steady%' AND wait_event_type = 'Lock'"
    migration = {"id": "m", "indexes": [{**INDEX, "where": "total > 0"}]}
    lock = 'LOCK TABLE "Order" IN ACCESS EXCLUSIVE MODE'
    with held(database, lock), deployment(database, migration) as process:
        wait_until(lambda: database.execute(waiting))
        process.send_signal(signal.SIGINT)
        assert "SIGINT" in ended(process)
    assert not database.journal()
