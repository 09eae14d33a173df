# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A folder of migrations in SQL by playbook: what is pending is deployed in order, each as a deployment of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.playbooks.conftest import NewDesk

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOST = "clinic"
FILES = {
    "20250101_tags": "CREATE TABLE tag (id int PRIMARY KEY, name text);\nCREATE INDEX tag_name_idx ON tag (name);",
    "20250102_sales": 'ALTER TABLE "Sale" ADD COLUMN tag_id int;\n'
    'ALTER TABLE "Sale" ADD CONSTRAINT "Sale_tag_id_fkey" FOREIGN KEY (tag_id) REFERENCES tag (id);',
    "20250103_reads": "SELECT 1;",
    "20250104_renamed": "-- steady: accept breaks_running_application because new\nALTER TABLE tag RENAME TO label;",
}
CHECK = """-- steady: accept fails_on_data because it is tried
-- steady: accept breaks_running_application because it is tried
ALTER TABLE "Appointment" ADD CONSTRAINT two CHECK (notes <> 'wrong');
"""


def write(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "migration.sql").write_text(FILES[name] + "\n")


def test_what_is_pending_is_deployed_in_order(new_desk: NewDesk) -> None:
    desk = new_desk(HOST)
    desk.inventory()
    database = desk.databases[HOST]
    before = database.dump()
    folder = desk.folder / "prisma" / "migrations"
    names = sorted(FILES)
    write(folder, names[:2])
    said = {"steady_migration": "prisma/migrations"}

    check = desk.play("deploy", "--check", "--diff", **said)
    assert (check.status, check.recap[HOST]["changed"]) == (0, 1), check.output
    assert "CREATE TABLE tag" in check.output
    assert "20250102_sales: planned when the migrations before have been deployed" in check.output
    assert database.dump() == before

    deploy = desk.play("deploy", **said)
    assert deploy.status == 0, deploy.output
    result = desk.result(HOST)
    assert [(one["migration_id"], one["status"]) for one in result["deployments"]] == [
        ("20250101_tags", "succeeded"),
        ("20250102_sales", "succeeded"),
    ]
    assert {step["status"] for step in result["steps"]} == {"done"}
    assert len(result["steps"]) == sum(one["steps"] for one in result["deployments"]) == 4
    assert "20250102_sales" in (desk.latest(HOST) / "report.html").read_text()
    assert "migration 20250102_sales: succeeded, 2 steps" in deploy.output

    again = desk.play("deploy", **said)
    assert (again.status, again.recap[HOST]["changed"], desk.result(HOST)["changed"]) == (0, 0, False)

    write(folder, names[2:])
    stale = desk.play("verify", **said)
    assert stale.status != 0
    assert "migration 20250104_renamed: it is pending" in stale.output
    more = desk.play("deploy", **said)
    assert more.status == 0, more.output
    assert [one["migration_id"] for one in desk.result(HOST)["deployments"]] == names[2:]
    assert database.value("SELECT to_regclass('label') IS NOT NULL AND to_regclass('tag') IS NULL")
    verify = desk.play("verify", **said)
    assert verify.status == 0, verify.output

    for _unused in names:
        rollback = desk.play("rollback", **said)
        assert rollback.status == 0, rollback.output
    assert database.dump() == before


def test_one_that_fails_keeps_those_before_and_the_next_run_goes_on(new_desk: NewDesk) -> None:
    desk = new_desk(HOST)
    desk.inventory()
    database = desk.databases[HOST]
    folder = desk.folder / "db"
    folder.mkdir()
    (folder / "1_one.sql").write_text("CREATE TABLE one (id int);\n")
    (folder / "2_two.sql").write_text(CHECK)
    (folder / "10_ten.sql").write_text("CREATE TABLE ten (id int);\n")
    database.execute('UPDATE "Appointment" SET notes = \'wrong\' WHERE id = (SELECT min(id) FROM "Appointment")')
    failed = desk.play("deploy", steady_migration="./db")
    assert failed.status != 0
    assert "2_two: " in failed.output
    assert "not begun: 10_ten" in failed.output
    assert [one["status"] for one in desk.result(HOST)["deployments"]] == ["succeeded", "failed", "not begun"]
    assert database.value("SELECT to_regclass('one') IS NOT NULL AND to_regclass('ten') IS NULL")
    database.execute("UPDATE \"Appointment\" SET notes = NULL WHERE notes = 'wrong'")
    resumed = desk.play("deploy", steady_migration="./db")
    assert resumed.status == 0, resumed.output
    assert [one["migration_id"] for one in desk.result(HOST)["deployments"]] == ["2_two", "10_ten"]
    assert database.value("SELECT to_regclass('ten') IS NOT NULL")


def test_what_cannot_be_carried_out_matters_only_while_it_is_pending(new_desk: NewDesk) -> None:
    desk = new_desk(HOST)
    desk.inventory()
    database = desk.databases[HOST]
    before = database.dump()
    folder = desk.folder / "db"
    folder.mkdir()
    (folder / "1_old.sql").write_text('VACUUM "Sale";\n')
    (folder / "2_new.sql").write_text("CREATE TABLE two (id int);\n")
    refused = desk.play("deploy", steady_migration="./db")
    assert refused.status != 0
    assert "db/1_old.sql:1" in refused.output
    assert database.dump() == before
    wrong = desk.play("deploy", steady_migration="./db", steady_baseline="1_odl")
    assert wrong.status != 0
    assert 'the baseline "1_odl" is none of its 2 migrations, such as 1_old' in wrong.output
    deploy = desk.play("deploy", steady_migration="./db", steady_baseline="1_old")
    assert deploy.status == 0, deploy.output
    assert [one["migration_id"] for one in desk.result(HOST)["deployments"]] == ["2_new"]
    (folder / "2_new.sql").write_text("CREATE TABLE two (id bigint);\n")
    edited = desk.play("deploy", steady_migration="./db", steady_baseline="1_old")
    assert edited.status == 0, edited.output
    assert "2_new was deployed with other content" in edited.output


def test_one_that_is_refused_at_its_turn_names_the_deployment_before_it(new_desk: NewDesk) -> None:
    """The report's command undoes what was deployed, and not a deployment that there is not."""
    desk = new_desk(HOST)
    desk.inventory()
    folder = desk.folder / "db"
    folder.mkdir()
    (folder / "1_one.sql").write_text("CREATE TABLE one (id int);\n")
    (folder / "2_two.sql").write_text("ALTER TABLE nothing ADD COLUMN a int;\n")
    failed = desk.play("deploy", steady_migration="./db")
    assert failed.status != 0
    result = desk.result(HOST)
    one, two = result["deployments"]
    assert (one["status"], two["status"], two["deployment_id"]) == ("succeeded", "failed", None)
    assert (result["changed"], result["deployment_id"]) == (True, one["deployment_id"])
    assert result["undo"].endswith(one["deployment_id"])
    assert desk.play("rollback").status == 0
    assert desk.databases[HOST].value("SELECT to_regclass('one')") is None
