# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A database that belongs to an enemy, worked on by a superuser: none of its code runs with the superuser's rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking.backup import backup
from ansible_collections.steady.postgresql.plugins.module_utils._evidence.evidence import Wanted, take_evidence
from ansible_collections.steady.postgresql.plugins.module_utils._monitor.monitor import monitor
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.hostile import fill, marks
from integration.sessions import held

pytestmark = pytest.mark.postgres

MIGRATION: dict[str, Any] = {
    "id": "hostile",
    "columns": [
        {"table": "Order", "name": "note", "nullable": False},
        {"table": "Order", "name": "customerId", "nullable": False},
    ],
    "indexes": [
        {"table": "Order", "name": "u", "columns": ["id", "note"], "unique": True, "where": "note <> 'x'"},
        {"table": "Customer", "name": "c", "columns": [{"expression": "lower(email)"}], "unique": True},
    ],
    "foreign_keys": [
        {
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "cascade",
        }
    ],
    "verification": {
        "unchanged_counts": ["Order", "Customer"],
        "queries": [{"name": "view", "sql": "SELECT count(*) AS n FROM shown", "expect": "[0].n > `0`"}],
    },
    "probes": [
        {
            "name": "update",
            "sql": "UPDATE \"Order\" SET note = 'y' WHERE id = %(id)s RETURNING id",
            "params": 'SELECT id FROM "Order" LIMIT 1',
            "expect": "rowcount == `1`",
            "leaves_database": True,
        },
        {
            "name": "delete",
            "sql": 'DELETE FROM "Customer" WHERE id = 1',
            "expect": "rowcount == `1`",
            "leaves_database": True,
        },
        {
            "name": "insert",
            "sql": 'INSERT INTO "Order" (id, "customerId") VALUES (99, 1)',
            "expect": "rowcount == `1`",
            "leaves_database": True,
        },
    ],
    "queries": [
        {
            "name": "measured",
            "sql": 'SELECT * FROM "Order" WHERE note = %(note)s',
            "sample_by": {"table": "Order", "column": "note"},
        }
    ],
}


class Hostile:
    """The database, and what its code has left."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def marks(self) -> set[str]:
        """What ran with a superuser's rights, by the places that name themselves; they are forgotten then."""
        return marks(self.database.server)


@pytest.fixture
def hostile(cluster: Cluster) -> Hostile:
    cluster.role("mallory")
    database = cluster.database()
    fill(database)
    return Hostile(database)


def test_s28_nothing_of_the_owner_runs_as_the_deployer(hostile: Hostile) -> None:
    """S28, S1, S14: check, deploy, again, verify, evidence, roll back."""
    database = hostile.database
    ran: dict[str, set[str]] = {}
    assert database.apply(MIGRATION, check=True)["changed"]
    ran["check"] = hostile.marks()
    try:
        preflight(MIGRATION, database.options(check=True))
    except SteadyError as error:
        pytest.fail(str(error))
    ran["preflight"] = hostile.marks()
    before = take_evidence(MIGRATION, Wanted("before"), database.options())["evidence"]["before"]
    ran["before"] = hostile.marks()
    assert {found["status"] for found in before["probes"].values()} == {"tried"}, before["probes"]
    assert before["queries"]["measured"]["status"] == "measured", before
    # There are locks of others to look at.
    with held(database, "LOCK TABLE public._prisma_migrations IN ACCESS SHARE MODE"):
        assert database.apply(MIGRATION)["changed"]
    ran["deploy"] = hostile.marks()
    assert not database.apply(MIGRATION)["changed"]
    ran["again"] = hostile.marks()
    found = database.verify(MIGRATION)
    ran["verify"] = hostile.marks()
    assert [one for one in found["verification"] if one["status"] != "ok"] == []
    assert found["queries"][0]["rows"] == [{"n": 50}]
    take_evidence(MIGRATION, Wanted("after"), database.options())
    ran["after"] = hostile.marks()
    database.rollback(check=True)
    ran["rollback --check"] = hostile.marks()
    database.rollback()
    ran["rollback"] = hostile.marks()
    assert ran == {moment: set() for moment in ran}


def test_s28_backup_and_monitor(hostile: Hostile, tmp_path: Path) -> None:
    """S28: counting rows for a backup and reading it run nothing. Restoring it is another thing (docs/backups.md)."""
    database = hostile.database
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o700)
    programs = str(database.server.installation.bin_dir)
    backup({"programs_dir": programs, "directory": str(folder), "proof": "read"}, database.options())
    assert hostile.marks() == set()
    assert monitor({}, database.options())
    assert hostile.marks() == set()


def test_an_event_trigger_of_somebody_else_is_refused_before_anything(hostile: Hostile) -> None:
    """Kind 1: the function of an event trigger can be replaced by its owner, whoever made the trigger."""
    database = hostile.database
    database.execute(
        "SET ROLE mallory; CREATE FUNCTION public.fired() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM public.mark('event trigger'); END $$; RESET ROLE;"
        " CREATE EVENT TRIGGER fired ON ddl_command_end EXECUTE FUNCTION public.fired()"
    )
    hostile.marks()
    said = 'the event trigger "fired" would run the function public.fired() with the rights of "postgres"'
    for work in (
        lambda: database.apply(MIGRATION, check=True),
        lambda: preflight(MIGRATION, database.options()),
        lambda: take_evidence(MIGRATION, Wanted("before"), database.options()),
        lambda: database.apply(MIGRATION),
    ):
        with pytest.raises(SteadyError) as refused:
            work()
        assert said in str(refused.value)
    assert hostile.marks() == set()
    # As advised.
    database.execute("ALTER EVENT TRIGGER fired DISABLE")
    hostile.marks()
    assert database.apply(MIGRATION)["changed"]
    assert hostile.marks() == set()


def test_s28_where_no_owner_can_be_asked_the_plan_says_why(hostile: Hostile, cluster: Cluster) -> None:
    """S28: RLS that is forced on the owner hides rows from it; with code of its own on the table, nobody is asked."""
    database = hostile.database
    database.execute('ALTER TABLE "Order" ENABLE ROW LEVEL SECURITY; ALTER TABLE "Order" FORCE ROW LEVEL SECURITY')
    index = {"id": "i", "indexes": [{"table": "Order", "columns": ["id", "note"], "unique": True}]}
    (said,) = database.apply(index, check=True)["missing_privileges"]
    assert "would run code of others" in said
    assert "row-level security" in said
    with pytest.raises(SteadyError, match="would run code of others"):
        database.apply(index)
    assert hostile.marks() == set()
    database.execute("ALTER ROLE mallory BYPASSRLS")
    assert database.apply(index)["changed"]
    assert hostile.marks() == set()


def test_s2_a_planted_journal_is_refused_and_never_read(hostile: Hostile) -> None:
    """S2: the owner of the database makes the journal first."""
    database = hostile.database
    database.execute(
        "CREATE SCHEMA steady AUTHORIZATION mallory; SET ROLE mallory;"
        " CREATE FUNCTION steady.evil() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM public.mark('journal'); RETURN new; END $$;"
        " CREATE TABLE steady.deployment (id text DEFAULT public.same('id', 'x'::text), migration_id text,"
        "  migration jsonb, status text, started_at timestamptz, finished_at timestamptz, counts_before jsonb);"
        " CREATE TABLE steady.step (deployment_id text); CREATE TABLE steady.attempt (status text);"
        " CREATE TABLE steady.evidence (id bigint);"
        " CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON steady.deployment FOR EACH ROW EXECUTE FUNCTION steady.evil()"
    )
    hostile.marks()
    for work in (
        lambda: database.apply(MIGRATION, check=True),
        lambda: database.apply(MIGRATION),
        database.rollback,
        lambda: preflight(MIGRATION, database.options()),
        lambda: take_evidence(MIGRATION, Wanted("before"), database.options()),
    ):
        with pytest.raises(SteadyError, match="journal"):
            work()
    assert database.verify({"id": "x"})["verification"][-1]["status"] == "skipped"
    assert hostile.marks() == set()
