# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A rollback after a failure: what the deployment left is undone, what others made under that name since stays (S5)."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import background, held, wait_until

pytestmark = pytest.mark.postgres

KEY = {"table": "c", "name": "k", "columns": ["pid"], "references": {"table": "p", "columns": ["id"]}}
INDEX = {"table": "c", "name": "i", "columns": ["x", "pid"]}


@pytest.fixture
def tables(cluster: Cluster) -> Database:
    database = cluster.database()
    database.execute(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, pid int, x int);"
        "CREATE INDEX ON c (pid); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1, 1)"
    )
    return database


def refused(database: Database, says: str) -> None:
    """The rollback says so, and does the rest when it is told to; what it says of is left."""
    before = database.dump()
    with pytest.raises(SteadyError, match=says):
        database.rollback()
    assert database.dump() == before
    database.rollback(partial=True)
    assert database.dump() == before


def test_s5_a_key_that_was_made_after_a_step_that_failed_stays(tables: Database) -> None:
    with held(tables, "LOCK TABLE p IN SHARE MODE"), pytest.raises(SteadyError, match="lock"):
        tables.apply(foreign_keys=[KEY], patience_s=1.0)
    tables.execute("ALTER TABLE c ADD CONSTRAINT k FOREIGN KEY (pid) REFERENCES p ON DELETE RESTRICT")
    refused(tables, 'foreign_key "k" .* which the deployment had not left there: it was changed')


def test_s5_an_index_that_was_made_after_a_step_that_failed_stays(tables: Database) -> None:
    with held(tables, "LOCK TABLE c IN SHARE UPDATE EXCLUSIVE MODE"), pytest.raises(SteadyError, match="it waited"):
        tables.apply(indexes=[INDEX], patience_s=1.0)
    assert "i" not in tables.indexes("c")
    tables.execute("CREATE INDEX i ON c (pid, x)")
    refused(tables, 'index "i" .* which the deployment had not left there: it was changed')


def test_s5_what_another_session_makes_while_a_step_waits_for_it_stays(tables: Database) -> None:
    """The name is taken when the step begins: neither the clean-up nor the rollback touches what has it."""
    with held(tables, "CREATE INDEX i ON c (x)") as maker, background(lambda: tables.apply(indexes=[INDEX])) as run:
        wait_until(lambda: tables.value("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"))
        maker.release()
        error = run.exception()
    assert isinstance(error, SteadyError)
    assert error.sqlstate == "42P07"
    assert "another session has made public.i: it is as" in error.left
    assert "i" in tables.indexes("c")
    refused(tables, 'index "i"')


def test_s5_what_was_made_between_two_attempts_comes_back(tables: Database) -> None:
    migration = {"id": "two", "foreign_keys": [{**KEY, "on_delete": "cascade"}]}
    with held(tables, "LOCK TABLE p IN SHARE MODE"), pytest.raises(SteadyError, match="lock"):
        tables.apply(migration, patience_s=1.0)
    tables.execute("ALTER TABLE c ADD CONSTRAINT k FOREIGN KEY (pid) REFERENCES p ON DELETE RESTRICT")
    before = tables.dump()
    result = tables.apply(migration)
    assert (result["attempt"], [step["action"] for step in result["steps"]]) == (2, ["replace"])
    tables.rollback()
    assert tables.dump() == before


def test_s5_what_a_failed_step_did_leave_is_undone(tables: Database) -> None:
    """An orphan comes after the check: the key stands NOT VALID, and goes."""
    before = tables.dump()
    orphan = held(tables, "INSERT INTO c VALUES (2, 7, 7)")
    with orphan as writer, background(lambda: tables.apply(foreign_keys=[KEY])) as run:
        wait_until(lambda: tables.journal() and tables.value("SELECT count(*) > 0 FROM steady.step"))
        writer.release()
        error = run.exception()
    assert isinstance(error, SteadyError)
    assert tables.foreign_keys("c")["k"].endswith("NOT VALID")
    tables.rollback()
    assert tables.dump() == before
