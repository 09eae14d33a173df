# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A change from its plan to its end: check, deploy, deploy again, verify, roll back, roll back again, verify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql

from integration.cluster import Cluster, Database
from integration.playbooks import desk as desks
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, Run

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOST = "clinic"
READER = "only_reads"


@dataclass
class Story:
    """The runs in their order, and what there was to see between them."""

    desk: Desk
    database: Database
    copy: Database  # of before
    before: str
    rows: dict[str, int]
    check: Run
    reader_check: Run
    deploy: Run
    deployed: dict[str, Any]
    deployed_plan: str
    deployed_dump: str
    deploy_log: str
    migrated: bool
    indexes: dict[str, Any]
    again: Run
    again_result: dict[str, Any]
    reader_check_after: Run
    verify: Run
    verify_result: dict[str, Any]
    rollback_check: Run
    rollback: Run
    rolled_back: dict[str, Any]
    rollback_plan: str
    rolled_back_dump: str
    rollback_again: Run
    rollback_again_result: dict[str, Any]
    verify_after: Run
    verify_after_result: dict[str, Any]


def _rows(database: Database) -> dict[str, int]:
    tables = [name for (name,) in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    count = sql.SQL("SELECT count(*) FROM {}")
    return {table: database.value(count.format(sql.Identifier(table))) for table in tables}


def _make_reader(cluster: Cluster, database: Database) -> None:
    """A role that can look at the application's tables and do nothing else, not even by mistake."""
    cluster.role(READER)
    role = sql.Identifier(READER)
    for statement in (
        "ALTER ROLE {} SET default_transaction_read_only = on",
        "GRANT USAGE ON SCHEMA public TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}",
    ):
        database.execute(sql.SQL(statement).format(role))


@pytest.fixture(scope="module")
def story(new_desk: NewDesk, module_cluster: Cluster) -> Iterator[Story]:
    """All of it, told once. What must write nothing is watched while it runs."""
    desk = new_desk(HOST)
    desk.inventory()
    database = desk.databases[HOST]
    server = database.server
    database.execute(sql.SQL("ALTER DATABASE {} SET log_statement = 'ddl'").format(sql.Identifier(database.name)))
    _make_reader(module_cluster, database)
    copy = module_cluster.database(database.name, "copy for psql")
    told: dict[str, Any] = {"desk": desk, "database": database, "copy": copy}
    told["before"], told["rows"] = database.dump(), _rows(database)

    with database.nothing_written(), desk.nothing_written():
        told["check"] = desk.play("deploy", "--check", "--diff")
        told["reader_check"] = desk.play("deploy", "--check", "--diff", steady_database_url=database.url(READER))

    logged = len(server.log())
    told["deploy"] = desk.play("deploy")
    told["deploy_log"] = server.log()[logged:]
    told["deployed"], told["deployed_plan"] = desk.result(HOST), desk.plan(HOST)
    told["migrated"], told["indexes"] = desks.is_migrated(database), desks.composite_indexes(database)
    told["deployed_dump"] = database.dump()

    with database.nothing_written():
        told["again"] = desk.play("deploy")
    told["again_result"] = desk.result(HOST)
    with database.nothing_written(), desk.nothing_written():
        told["reader_check_after"] = desk.play("deploy", "--check", steady_database_url=database.url(READER))
    with database.nothing_written():
        told["verify"] = desk.play("verify")
    told["verify_result"] = desk.result(HOST)
    with database.nothing_written(), desk.nothing_written():
        told["rollback_check"] = desk.play("rollback", "--check", "--diff")

    # As the deployment said that it is undone.
    undo = re.search(r"rollback\.yml.* -e (steady_deployment=\S+)", told["deploy"].output)
    told["rollback"] = desk.play("rollback", "-e", undo.group(1) if undo else "steady_deployment=not-said")
    told["rolled_back"], told["rollback_plan"] = desk.result(HOST), desk.plan(HOST)
    told["rolled_back_dump"] = database.dump()
    told["rollback_again"] = desk.play("rollback")
    told["rollback_again_result"] = desk.result(HOST)
    with database.nothing_written():
        told["verify_after"] = desk.play("verify")
    told["verify_after_result"] = desk.result(HOST)
    yield Story(**told)
    database.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(READER)))


# -- check -------------------------------------------------------------------------------------------------------------


def test_check_shows_the_plan_that_is_then_carried_out(story: Story) -> None:
    """Word for word: statements, locks, what is there already, hash."""
    assert story.check.status == 0
    assert story.check.recap[HOST]["failed"] == 0
    assert story.check.recap[HOST]["changed"] == 1
    assert story.deployed_plan in story.check.output
    assert story.deployed["plan_hash"] in story.check.output


def test_check_reports_what_the_run_then_did(story: Story) -> None:
    """Statement for statement, in the same order."""
    said = [f"{statement};" for step in story.deployed["steps"] for statement in step["sql"]]
    assert len(said) == 14  # a column, nine indexes, four for the foreign key
    assert story.check.statements == said


def test_the_server_was_given_these_statements_and_no_others(story: Story) -> None:
    """By the server's own log: each once, and nothing else that changes a table of the application."""
    said = [statement for step in story.deployed["steps"] for statement in step["sql"]]
    assert {statement: story.deploy_log.count(statement) for statement in said} == dict.fromkeys(said, 1)
    changing = re.findall(r'(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX \S+ .* ON|DROP \w+) "public"', story.deploy_log)
    assert len(changing) == len(said)


def test_check_names_the_lock_of_each_statement_and_its_table(story: Story) -> None:
    """As PostgreSQL's documentation has them (13.3.1, ALTER TABLE, CREATE INDEX)."""
    locks = {(step["object"].rpartition(".")[2], lock) for step in story.deployed["steps"] for lock in step["locks"]}
    found = {(name, lock.split(" (")[0]) for name, lock in locks}
    assert ("openedById", 'ACCESS EXCLUSIVE on "public"."CashDrawer"') in found
    assert ("CashDrawer_openedById_fkey", 'SHARE ROW EXCLUSIVE on "public"."User"') in found
    for index, (table, _unused) in desks.NINE_INDEXES.items():
        assert (index, f'SHARE UPDATE EXCLUSIVE on "public"."{table}"') in found
    for _unused, lock in locks:
        assert f"--   lock: {lock}\n" in story.check.output


def test_check_says_that_nothing_was_changed(story: Story) -> None:
    """In words, with the number of steps."""
    assert "11 steps planned, nothing was changed" in story.check.said_by(HOST)


def test_check_with_diff_does_not_ask_for_diff(story: Story) -> None:
    """What stands above need not be asked for."""
    assert "add --diff" not in story.check.output


def test_a_role_that_can_only_read_sees_the_same_plan(story: Story) -> None:
    """And what it would need to carry it out."""
    assert story.reader_check.status == 0
    assert story.deployed_plan in story.reader_check.output
    assert story.deployed["plan_hash"] in story.reader_check.output


def test_a_role_that_can_only_read_is_told_what_it_would_need(story: Story) -> None:
    """Each table that it does not own, with the GRANT."""
    said = story.reader_check.said_by(HOST)
    missing = [line for line in said.splitlines() if "missing privilege" in line]
    for table in {table for table, _unused in desks.NINE_INDEXES.values()}:
        assert any(table in line for line in missing), table
    assert any("GRANT" in line and READER in line for line in missing)


def test_a_role_that_can_only_read_may_check_what_is_deployed(story: Story) -> None:
    """Though it may not read the journal."""
    assert story.reader_check_after.status == 0
    assert story.reader_check_after.recap[HOST]["changed"] == 0


# -- deploy ------------------------------------------------------------------------------------------------------------


def test_deploy_brings_the_database_to_what_the_migration_says(story: Story) -> None:
    """By questions to the catalog that share nothing with the collection."""
    assert story.deploy.status == 0
    assert story.deploy.recap[HOST]["changed"] == 2  # the backup and the database
    assert story.indexes == desks.NINE_INDEXES
    assert story.migrated


def test_deploy_reports_its_success(story: Story) -> None:
    """Every step done, every check of the verification ok."""
    result = story.deployed
    assert (result["action"], result["status"], result["changed"]) == ("deploy", "succeeded", True)
    assert (result["host"], result["database"], result["attempt"]) == (HOST, story.database.name, 1)
    assert len(result["steps"]) == 11
    assert {check["kind"] for check in result["verification"]} == {"structure", "count", "query"}
    assert {check["status"] for check in result["verification"]} == {"ok"}
    said = story.deploy.said_by(HOST)
    assert "11 steps done" in said
    assert "19 of 19 checks ok" in said
    assert f"{result['deployment_id']}/report.html" in said


def test_deploy_shows_what_works_now_and_what_was_promised(story: Story) -> None:
    """Tried and measured before and after; also what the change does not keep. Nothing that was tried stayed."""
    result = story.deployed
    works, *others = result["probes"]
    assert (works["before"]["status"], works["after"]["status"]) == ("failed", "ok")
    assert {probe["after"]["rolled_back"]["transaction"] for probe in result["probes"]} == {"aborted"}
    # What the guide promises, and this change does not do.
    assert [probe["status"] for probe in others] == ["failed"] * 3
    assert len(result["queries"]) == 7
    for query in result["queries"]:
        assert query["speedup"] > 0
        assert [sample["sample"] for sample in query["samples"]] == ["large", "median", "small"]
    promises = {promise["claim"]: promise["status"] for promise in result["promises"]}
    assert promises["75% storage savings for decimal fields"] == "not_held"
    assert promises["Product deletion: no longer blocked by sales"] == "not_held"
    assert promises["Dashboard loading: 30-50% faster overall"] == "not_measured"
    assert result["waits"]["longest_ms"] <= 100
    said = story.deploy.said_by(HOST)
    assert "ok: a user who opened a cash drawer can be deleted: works now; before: " in said
    assert "NOT HELD: 75% storage savings for decimal fields: 0 % smaller" in said
    report = (story.desk.runs(HOST)[0] / "report.html").read_text()
    assert "Promises beside what was measured" in report
    assert "upcoming appointments of a tenant" in report


def test_a_database_with_nothing_to_do_is_not_measured_again(story: Story) -> None:
    """It would take time, and say nothing."""
    assert (story.again_result["probes"], story.again_result["storage"]) == ([], None)
    assert not story.again.has_run("Try the probes and measure the queries")


def test_the_undo_that_deploy_prints_can_be_typed(story: Story) -> None:
    """A whole command, for this host only: it is read at night, by someone who never saw the playbook."""
    undo = next(line.strip() for line in story.deploy.said_by(HOST).splitlines() if "to undo" in line)
    assert "ansible-playbook " in undo
    assert f"--limit {HOST}" in undo
    assert undo.endswith(f"-e steady_deployment={story.deployed['deployment_id']}")


def test_a_second_deploy_changes_nothing(story: Story) -> None:
    """Not a byte in the database (the fixture watched), and it says so."""
    assert story.again.status == 0
    assert story.again.recap[HOST]["changed"] == 0
    result = story.again_result
    assert (result["status"], result["changed"], result["steps"]) == ("succeeded", False, [])
    assert len(result["present"]) == 11
    assert "nothing to do" in story.again.said_by(HOST)
    assert result["deployment_id"] != story.deployed["deployment_id"]


def test_verify_says_that_all_is_well(story: Story) -> None:
    """Structure, row counts against those before the deployment, queries."""
    assert story.verify.status == 0
    assert story.verify.recap[HOST]["changed"] == 0
    result = story.verify_result
    assert (result["action"], result["status"]) == ("verify", "succeeded")
    assert {check["status"] for check in result["verification"]} == {"ok"}
    assert "is what its migration says" in story.verify.said_by(HOST)


# -- rollback ----------------------------------------------------------------------------------------------------------


def test_rollback_check_shows_what_rollback_then_does(story: Story) -> None:
    """Word for word, the last change first."""
    assert story.rollback_check.status == 0
    assert story.rollback_plan in story.rollback_check.output
    assert story.rollback_check.statements == [
        f"{statement};" for step in story.rolled_back["steps"] for statement in step["sql"]
    ]
    assert [step["kind"] for step in story.rolled_back["steps"]] == ["foreign_key", *["index"] * 9, "column"]


def test_rollback_leads_back_exactly(story: Story) -> None:
    """pg_dump finds no difference, every row is there, and the journal knows."""
    assert story.rollback.status == 0
    assert story.rolled_back_dump == story.before
    assert _rows(story.database) == story.rows
    assert story.database.helpers() == []
    assert desks.journal(story.database) == [("rolled_back", "deploy rollback", "succeeded succeeded")]


def test_rollback_reports_what_it_undid(story: Story) -> None:
    """Under the deployment's own id."""
    result = story.rolled_back
    assert (result["action"], result["status"], result["changed"]) == ("rollback", "rolled_back", True)
    assert result["deployment_id"] == story.deployed["deployment_id"]
    assert result["attempt"] == 2
    assert "11 steps undone" in story.rollback.said_by(HOST)


def test_a_second_rollback_changes_nothing(story: Story) -> None:
    """And is no failure."""
    assert story.rollback_again.status == 0
    assert story.rollback_again.recap[HOST]["changed"] == 0
    result = story.rollback_again_result
    assert (result["status"], result["changed"], result["steps"]) == ("rolled_back", False, [])
    assert story.database.dump() == story.before


def test_the_report_of_a_rollback_survives_the_next_one(story: Story) -> None:
    """A run that found nothing to do does not take the place of the evidence of the one that did it."""
    evidence = [Path(folder / "result.json").read_text() for folder in story.desk.runs(HOST)]
    done = [text for text in evidence if '"action": "rollback"' in text and '"changed": true' in text]
    assert len(done) == 1


def test_verify_after_the_rollback_names_each_difference(story: Story) -> None:
    """And changes nothing (the fixture watched); the exit status is Ansible's for a failure."""
    assert story.verify_after.status == 2
    result = story.verify_after_result
    assert (result["action"], result["status"]) == ("verify", "failed")
    wrong = {check["name"] for check in result["verification"] if check["status"] == "failed"}
    assert wrong == {
        "column CashDrawer.openedById",
        "foreign_key CashDrawer.CashDrawer_openedById_fkey",
        *(f"index {table}.{index}" for index, (table, _unused) in desks.NINE_INDEXES.items()),
    }
    assert "11 of" in story.verify_after.output
    assert "Traceback" not in story.verify_after.output


def test_verify_is_not_told_of_steps(story: Story) -> None:
    """A verification has none to count."""
    said = story.verify_after.said_by(HOST)
    assert "FAILED" in said
    assert "steps were done and stay" not in said


# -- what is left ------------------------------------------------------------------------------------------------------


def test_each_run_left_a_folder_and_none_says_planned(story: Story) -> None:
    """Six runs that were no checks: each has result.json, plan.sql and report.html."""
    runs = story.desk.runs(HOST)
    assert len(runs) == 6
    for run in runs:
        assert {path.name for path in run.iterdir()} == desks.ARTIFACTS
        assert '"status": "planned"' not in (run / "result.json").read_text()


def test_plan_sql_leads_a_copy_to_the_same_schema(story: Story) -> None:
    """Run by psql on a fresh copy; and the rollback's leads back."""
    copy = story.copy
    assert copy.dump() == story.before
    copy.server.psql(script=story.deployed_plan, database=copy.name)
    assert copy.dump() == story.deployed_dump
    copy.server.psql(script=story.rollback_plan, database=copy.name)
    assert copy.dump() == story.before
