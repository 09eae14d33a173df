# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The journal on a real server: what it says, who may write it, one deployment at a time, and after a crash."""

from __future__ import annotations

import re
import signal
import threading
import time
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._run.options import COLLECTION_VERSION
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.ansible_command import run_module
from integration.cluster import OPERATOR, Cluster, Database
from integration.killable import deployment_process
from integration.sessions import OLD_SNAPSHOT, background, builders, held, wait_until

pytestmark = pytest.mark.postgres

INDEX = {"table": "Order", "name": "wanted", "columns": ["note"]}
MIGRATION: dict[str, Any] = {
    "id": "2026-one",
    "description": "a bit of everything: 100 %, ö",
    "columns": [{"table": "Order", "name": "customerId", "nullable": True}],
    "indexes": [INDEX],
    "foreign_keys": [
        {
            "name": "Order_customerId_fkey",
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "set_null",
        }
    ],
}
DEFINITION = 'CREATE INDEX wanted ON public."Order" USING btree (note)'


def row(database: Database, statement: str) -> dict[str, Any]:
    """The only row as a dictionary."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        (values,) = cursor.fetchall()
        return dict(zip([column.name for column in cursor.description], values))


def blocked_build(database: Database) -> list[tuple[int, str, str]]:
    """The builds that wait for an old snapshot."""
    return [one for one in builders(database) if one[2] == "waiting for old snapshots"]


# -- what it says ------------------------------------------------------------------------------------------------------


def test_what_it_says_of_a_success(database: Database, postgres_major: int) -> None:
    result = database.apply(MIGRATION)
    deployment = row(database, "SELECT * FROM steady.deployment")
    assert deployment["id"] == result["deployment_id"]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", deployment["id"])
    assert (deployment["migration_id"], deployment["status"]) == ("2026-one", "succeeded")
    assert deployment["migration"] == MIGRATION
    assert deployment["started_at"] < deployment["finished_at"]
    attempt = row(database, "SELECT * FROM steady.attempt")
    assert (attempt["deployment_id"], attempt["number"], attempt["direction"]) == (deployment["id"], 1, "deploy")
    assert (attempt["status"], attempt["error"]) == ("succeeded", None)
    assert (attempt["operator"], attempt["database_role"]) == (OPERATOR, "postgres")
    assert attempt["plan_hash"] == result["plan_hash"]
    assert attempt["collection_version"] == COLLECTION_VERSION
    assert attempt["server_version"].startswith(str(postgres_major))
    steps = database.execute(
        "SELECT number, kind, table_schema, table_name, name, action, status, error, statements, before, after"
        " FROM steady.step ORDER BY number"
    )
    assert [step[:8] for step in steps] == [
        (1, "column", "public", "Order", "customerId", "alter", "done", None),
        (2, "index", "public", "Order", "wanted", "create", "done", None),
        (3, "foreign_key", "public", "Order", "Order_customerId_fkey", "replace", "done", None),
    ]
    assert [step[8] for step in steps] == [step["sql"] for step in result["steps"]]
    before, after = zip(*[step[9:] for step in steps])
    assert (before[0]["nullable"], after[0]["nullable"]) == (False, True)
    assert before[1] is None
    assert after[1]["valid"] is True
    assert (before[2]["on_delete"], after[2]["on_delete"]) == ("restrict", "set_null")
    assert (before[2]["on_update"], after[2]["on_update"]) == ("cascade", "cascade")
    figures = "SELECT count(*) FROM steady.step WHERE attempts >= 1 AND lock_wait_ms >= 0 AND duration_ms > 0"
    assert database.value(figures) == 3


def test_what_it_says_of_a_failure(database: Database) -> None:
    with held(database, 'SELECT * FROM "Order" WHERE id = 1'), pytest.raises(SteadyError) as failure:
        database.apply(MIGRATION, patience_s=1.0)
    assert row(database, "SELECT status, finished_at IS NOT NULL AS ended FROM steady.deployment") == {
        "status": "failed",
        "ended": True,
    }
    attempt = row(database, "SELECT status, error FROM steady.attempt")
    assert attempt["status"] == "failed"
    assert "No ACCESS EXCLUSIVE lock" in attempt["error"]
    step = row(database, "SELECT kind, status, error, before, after FROM steady.step")
    assert (step["kind"], step["status"]) == ("column", "failed")
    assert "No ACCESS EXCLUSIVE lock" in step["error"]
    assert step["before"]["nullable"] is False
    assert step["after"]["nullable"] is False
    facts = failure.value.facts
    assert (facts["status"], facts["deployment_id"]) == ("failed", database.value("SELECT id FROM steady.deployment"))
    assert [step["status"] for step in facts["steps"]] == ["failed", "not started", "not started"]
    # The same command goes on with the same deployment.
    result = database.apply(MIGRATION)
    assert (result["deployment_id"], result["attempt"]) == (facts["deployment_id"], 2)
    assert database.execute("SELECT number, status FROM steady.attempt ORDER BY 1") == [(1, "failed"), (2, "succeeded")]
    assert database.value("SELECT status FROM steady.deployment") == "succeeded"


def test_a_run_with_nothing_to_do_writes_nothing(database: Database) -> None:
    database.apply(MIGRATION)
    with database.nothing_written():
        assert database.apply(MIGRATION)["changed"] is False


def test_without_a_journal_nothing_of_it_is_made(database: Database) -> None:
    assert database.apply(MIGRATION, journal=False)["changed"] is True
    assert database.indexes("Order")["wanted"] == DEFINITION
    assert database.journal() is False
    assert database.apply(MIGRATION, journal=False)["changed"] is False


def test_a_journal_of_a_newer_version_is_not_touched(database: Database) -> None:
    database.apply(MIGRATION)
    database.execute("COMMENT ON SCHEMA steady IS 'steady.postgresql journal, version 99'")
    before = database.dump()
    with pytest.raises(SteadyError, match="was written by a newer"):
        database.apply({"id": "two", "indexes": [{"table": "Order", "columns": ["total"]}]})
    assert database.dump() == before
    assert database.value("SELECT count(*) FROM steady.deployment") == 1


def test_a_plan_that_was_approved_is_the_one_that_is_carried_out(database: Database) -> None:
    approved = database.apply(MIGRATION, check=True)["plan_hash"]
    database.execute('CREATE INDEX wanted ON "Order" (total)')
    with database.nothing_changed(), pytest.raises(SteadyError, match="not as it was when the plan was made"):
        database.apply(MIGRATION, plan_hash=approved)
    database.execute("DROP INDEX wanted")
    assert database.apply(MIGRATION, plan_hash=approved)["plan_hash"] == approved


# -- one at a time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["apply", "rollback"])
def test_a_second_one_is_refused_within_seconds(database: Database, what: str) -> None:
    other = {"id": "other", "indexes": [{"table": "Customer", "columns": ["name"]}]}
    database.apply({"id": "zero", "indexes": [{"table": "Category", "columns": ["name"]}]})
    with held(database, *OLD_SNAPSHOT) as snapshot, background(lambda: database.apply(MIGRATION)) as first:
        wait_until(lambda: blocked_build(database))
        deployment = database.value("SELECT id FROM steady.deployment WHERE status = 'running'")
        started = time.monotonic()
        with pytest.raises(SteadyError) as refusal:
            database.apply(other) if what == "apply" else database.rollback()
        assert time.monotonic() - started < 8
        # Check mode looks and keeps nobody waiting.
        assert database.apply(other, check=True)["changed"] is True
        snapshot.release()
        assert first.result()["status"] == "succeeded"
    message = str(refusal.value)
    assert "Another deployment, rollback, backup or restore is at work" in message
    assert f'application "steady.postgresql {deployment}"' in message
    assert 'user "postgres"' in message
    assert re.search(r"since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", message)
    assert "nothing was changed" in message
    assert "Customer_name_idx" not in database.indexes("Customer")
    assert "Category_name_idx" in database.indexes("Category")


def test_two_databases_of_one_server_do_not_wait_for_each_other(cluster: Cluster, database: Database) -> None:
    other = cluster.database(cluster.templates["shop"])
    with held(database, *OLD_SNAPSHOT) as snapshot, background(lambda: database.apply(MIGRATION)) as first:
        wait_until(lambda: blocked_build(database))
        assert other.apply(MIGRATION)["status"] == "succeeded"
        assert not first.done()
        snapshot.release()


def test_a_killed_one_is_taken_over_by_the_same_command(database: Database) -> None:
    before = database.dump()
    with held(database, *OLD_SNAPSHOT) as snapshot:
        with deployment_process(database, MIGRATION) as process:
            ((pid, _table, _phase),) = wait_until(lambda: blocked_build(database), 30)
            process.send_signal(signal.SIGKILL)
            process.wait()
        deployment = database.value("SELECT id FROM steady.deployment")
        assert database.value("SELECT status FROM steady.deployment") == "running"
        # The server process of the dead one goes on waiting, and holds its index.
        assert database.value("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,)) == 1
        release = threading.Timer(2.0, snapshot.release)
        release.start()
        result = database.apply(MIGRATION)
        release.join()
    assert database.value("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,)) == 0
    assert (result["status"], result["deployment_id"], result["attempt"]) == ("succeeded", deployment, 2)
    assert database.execute("SELECT number, status FROM steady.attempt ORDER BY 1") == [
        (1, "interrupted"),
        (2, "succeeded"),
    ]
    assert database.indexes("Order")["wanted"] == DEFINITION
    assert database.nullable("Order", "customerId") is True
    assert "ON DELETE SET NULL" in database.foreign_keys("Order")["Order_customerId_fkey"]
    assert database.apply(MIGRATION)["changed"] is False
    database.rollback()
    assert database.dump() == before


def test_a_killed_one_can_be_rolled_back_at_once(database: Database) -> None:
    before = database.dump()
    with held(database, *OLD_SNAPSHOT) as snapshot:
        with deployment_process(database, MIGRATION) as process:
            wait_until(lambda: blocked_build(database), 30)
            process.send_signal(signal.SIGKILL)
            process.wait()
        snapshot.release()
        assert database.rollback()["status"] == "rolled_back"
    assert database.dump() == before
    assert database.helpers() == []


def test_one_that_lost_only_its_last_line_is_finished(database: Database) -> None:
    """All steps are done, and the process dies before it says so."""
    first = database.apply(MIGRATION)["deployment_id"]
    database.execute("UPDATE steady.deployment SET status = 'running'; UPDATE steady.attempt SET status = 'running'")
    result = database.apply(MIGRATION)
    assert (result["changed"], result["deployment_id"]) == (False, first)
    assert database.value("SELECT status FROM steady.deployment") == "succeeded"


def test_the_session_with_the_lock_is_ended_by_somebody(database: Database) -> None:
    """Somebody else could be at work from then on: nothing further is begun."""
    lock = "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"

    def deploy() -> SteadyError:
        with pytest.raises(SteadyError) as failure:
            database.apply(MIGRATION)
        return failure.value

    with held(database, *OLD_SNAPSHOT) as snapshot, background(deploy) as deployment:
        wait_until(lambda: blocked_build(database))
        database.execute("SELECT pg_terminate_backend(%s)", (database.value(lock),))
        snapshot.release()
    assert "Traceback" not in str(deployment.result())
    assert "RESTRICT" in database.foreign_keys("Order")["Order_customerId_fkey"]
    result = database.apply(MIGRATION)
    assert (result["status"], result["attempt"]) == ("succeeded", 2)


# -- who may write it --------------------------------------------------------------------------------------------------


def give_tables(database: Database, role: str) -> None:
    """Make the role the owner of all tables, able to create in the schema."""
    database.execute(f'GRANT CREATE ON SCHEMA public TO {role}; ALTER TABLE "Order" OWNER TO {role}')
    database.execute(f'ALTER TABLE "Customer" OWNER TO {role}; ALTER TABLE "Category" OWNER TO {role}')


def grants(message: str) -> list[str]:
    """The GRANTs that a message offers."""
    return re.findall(r'GRANT .+? TO "[^"]+"', message)


def test_a_role_that_may_not_create_a_schema_is_told_the_grant(cluster: Cluster, database: Database) -> None:
    role = cluster.role()
    give_tables(database, role)
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(MIGRATION, user=role)
    assert f'CREATE on database "{database.name}" is missing for role "{role}"' in str(refusal.value)
    (grant,) = grants(str(refusal.value))
    database.execute(grant)
    result = database.apply(MIGRATION, user=role)
    assert result["status"] == "succeeded"
    assert database.value("SELECT database_role FROM steady.attempt") == role


def test_a_journal_of_somebody_else(cluster: Cluster, database: Database) -> None:
    role = cluster.role()
    give_tables(database, role)
    database.execute(f"GRANT CREATE ON DATABASE {database.name} TO {role}")
    database.apply({"id": "zero", "indexes": [{"table": "Category", "columns": ["name"]}]})
    before = database.dump()
    with pytest.raises(SteadyError) as refusal:
        database.apply(MIGRATION, user=role)
    assert database.dump() == before
    assert "The journal in schema steady cannot be used" in str(refusal.value)
    for grant in grants(str(refusal.value)):
        database.execute(grant)
    assert database.apply(MIGRATION, user=role)["status"] == "succeeded"
    assert database.rollback(user=role)["status"] == "rolled_back"


@pytest.mark.parametrize("privileges", ["", "GRANT SELECT ON ALL TABLES IN SCHEMA steady TO app"])
def test_a_journal_that_may_be_read_in_part(cluster: Cluster, database: Database, privileges: str) -> None:
    """Rights on some of it: again one message with the GRANT, and nothing begun."""
    role = cluster.role()
    give_tables(database, role)
    database.apply({"id": "zero", "indexes": [{"table": "Category", "columns": ["name"]}]})
    database.execute(f"GRANT USAGE ON SCHEMA steady TO {role};{privileges}")
    before = database.dump()
    with pytest.raises(SteadyError) as refusal:
        database.apply(MIGRATION, user=role)
    assert database.dump() == before
    found = grants(str(refusal.value))
    assert found
    for grant in found:
        database.execute(grant)
    assert database.apply(MIGRATION, user=role)["status"] == "succeeded"


def test_an_empty_schema_steady_made_by_the_administrator(cluster: Cluster, database: Database) -> None:
    role = cluster.role()
    give_tables(database, role)
    database.execute(f"CREATE SCHEMA steady AUTHORIZATION {role}")
    assert database.apply(MIGRATION, user=role)["status"] == "succeeded"


# -- the module --------------------------------------------------------------------------------------------------------


def test_the_module_reads_and_writes_nothing(database: Database) -> None:
    arguments = {"database_url": database.url()}
    with database.nothing_written():
        empty = run_module("journal_info", arguments)
    assert (empty["failed"], empty["changed"], empty["deployments"]) == (False, False, [])
    first = database.apply(MIGRATION)["deployment_id"]
    second = database.apply({"id": "two", "indexes": [{"table": "Customer", "columns": ["name"]}]})["deployment_id"]
    with database.nothing_written():
        listed = run_module("journal_info", arguments)
        one = run_module("journal_info", {**arguments, "deployment_id": first}, "--check")
    assert {(entry["id"], entry["migration_id"], entry["status"]) for entry in listed["deployments"]} == {
        (first, "2026-one", "succeeded"),
        (second, "two", "succeeded"),
    }
    assert one["changed"] is False
    assert [entry["id"] for entry in one["deployments"]] == [first]
    assert [(step["kind"], step["status"]) for step in one["steps"]] == [
        ("column", "done"),
        ("index", "done"),
        ("foreign_key", "done"),
    ]


AUDITED = """
CREATE TABLE audit_log (tag text);
CREATE FUNCTION audited() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO audit_log VALUES (tg_tag); END$$;
CREATE EVENT TRIGGER "who; did" ON ddl_command_end EXECUTE FUNCTION audited();
"""


def test_an_event_trigger_that_would_stop_the_journal_is_named_beforehand(database: Database) -> None:
    """Its function finds audit_log by the search_path of psql, and not by ours."""
    migration = {"id": "audited", "indexes": [{"table": "Order", "columns": ["total"], "name": "by_total"}]}
    database.execute(AUDITED)
    with database.nothing_written():
        database.apply(migration, check=True)  # which runs no code of others, and cannot tell
    with database.nothing_changed(), pytest.raises(SteadyError) as refused:
        database.apply(migration)
    for words in ('"audit_log" does not exist', 'event trigger "who; did"', "search_path"):
        assert words in str(refused.value)
    database.execute("ALTER FUNCTION audited() SET search_path TO public")
    assert database.apply(migration)["changed"] is True
    assert database.value("SELECT count(*) > 0 FROM audit_log WHERE tag = 'CREATE INDEX'") is True


def test_a_table_that_an_event_trigger_forbids_for_reasons_of_its_own_says_nothing(database: Database) -> None:
    database.execute(AUDITED.replace("INSERT INTO audit_log VALUES (tg_tag)", "RAISE NOTICE '%', tg_tag"))
    migration = {"id": "audited", "indexes": [{"table": "Order", "columns": ["total"], "name": "by_total"}]}
    assert database.apply(migration, check=True)["changed"] is True
