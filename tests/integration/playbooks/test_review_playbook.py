# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""review.yml as people and pipelines run it: with and without an inventory, and never with a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from integration.ansible_command import ROOT
from integration.playbooks.desk import NOWHERE, Desk, Run

pytestmark = pytest.mark.slow

SCHEMA = json.loads((ROOT / "docs" / "review.schema.json").read_text(encoding="utf-8"))
YAML = """\
---
id: two-indexes
indexes:
  - {table: Pet, columns: [name]}
  - {table: Pet, columns: [species]}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder with a migration in YAML, and a database that no review may contact."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "two.yml").write_text(YAML)
    return Desk(tmp_path)


def review(desk: Desk, *options: str, **variables: Any) -> Run:
    """As installed, without an inventory."""
    run = desk.command("ansible-playbook", "steady.postgresql.review", "-e", json.dumps(variables), *options)
    assert "Traceback" not in run.output
    return run


def with_inventory(desk: Desk, hosts: dict[str, dict[str, Any]], **variables: Any) -> Run:
    python = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    common = {**python, "steady_database_url": NOWHERE, "steady_migration": "two"}
    (desk.folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": {**common, **variables}}}))
    return desk.play("review")


def document(desk: Desk, host: str = "localhost") -> dict[str, Any]:
    """review.json of the newest review, as its schema says."""
    content = json.loads((desk.folder / "artifacts" / host / "latest-review" / "review.json").read_text())
    assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(content)] == []
    return content


def last_line(run: Run) -> str:
    return next(line for line in reversed(run.output.splitlines()) if " understood: " in line).strip()


def test_a_migration_in_yaml_needs_no_decision(desk: Desk) -> None:
    run = review(desk, steady_migration="two")
    assert run.status == 0
    assert "migrations/two.yml:4  online as written        index Pet_name_idx of public.Pet" in run.output
    assert last_line(run) == "2 of 2 statements understood: 2 as written, 0 another way, 0 need a decision"
    content = document(desk)
    assert (content["passed"], [one["line"] for one in content["migrations"][0]["statements"]]) == (True, [4, 5])


def test_check_mode_says_the_same_and_writes_nothing(desk: Desk) -> None:
    with desk.nothing_written():
        run = review(desk, "--check", steady_migration="two")
    assert run.status == 0
    assert "2 of 2 statements understood" in run.output


def test_every_mistake_of_a_file_is_said_with_its_line_and_the_rest_is_reviewed(desk: Desk) -> None:
    (desk.folder / "wrong.yml").write_text("id: x\nindexes:\n  - {table: Pet, colums: [name]}\n")
    run = review(desk, steady_migration=["wrong.yml", "two", "missing.sql"], steady_review_formats=["github", "gitlab"])
    assert run.status != 0
    assert 'wrong.yml:3: indexes[0].colums: unknown key "colums"' in run.output
    assert "missing.sql: there is no such file, folder or migration" in run.output
    assert "migrations/two.yml:4  online as written" in run.output
    assert "; 2 files cannot be read" in last_line(run)
    assert "\n::error file=wrong.yml,line=3,col=1,title=cannot_be_read::" in run.output
    assert "no database was contacted" in run.output
    assert len(document(desk)["unreadable"]) == 2
    quality = desk.folder / "artifacts" / "localhost" / "latest-review" / "gl-code-quality-report.json"
    assert {one["location"]["path"] for one in json.loads(quality.read_text())} == {"wrong.yml", "missing.sql"}


def test_nothing_to_review_is_no_failure_but_no_migration_is_one(desk: Desk) -> None:
    """A pull request without a changed file passes; a variable that was forgotten does not."""
    assert review(desk, steady_migration=[]).status == 0
    forgotten = review(desk)
    assert forgotten.status != 0
    assert "No migration is named." in forgotten.output


def test_hosts_that_ask_for_the_same_get_one_review(desk: Desk) -> None:
    (desk.folder / "three.yml").write_text(YAML.replace("two-indexes", "three"))
    other = {"steady_migration": "three.yml"}
    run = with_inventory(desk, {"a": {}, "b": {}, "c": other, "d": {"review_migration": "three.yml"}})
    assert run.status == 0
    assert run.output.count("index Pet_name_idx") == 3
    assert "b: the same migrations and decisions as a: its review is this one, too" in run.output
    assert {path.name for path in (desk.folder / "artifacts").iterdir()} == {"a", "c", "d"}


def test_hosts_whose_task_differs_are_all_reviewed(desk: Desk) -> None:
    """A value of the task is not one of the inventory: the same variables may mean another migration there."""
    (desk.folder / "three.yml").write_text(YAML.replace("two-indexes", "three"))
    role = {"name": "steady.postgresql.review"}
    task = {"name": "Review", "ansible.builtin.import_role": role, "vars": {"review_migration": "{{ own }}"}}
    playbook = desk.folder / "own.yml"
    playbook.write_text(json.dumps([{"name": "Own", "hosts": "all", "gather_facts": False, "tasks": [task]}]))
    with_inventory(desk, {"a": {"own": "two"}, "b": {"own": "three.yml"}})
    run = desk.play(playbook)
    assert run.status == 0
    assert run.output.count("index Pet_name_idx") == 2
    assert document(desk, "b")["migrations"][0]["id"] == "three"


def test_no_choice_of_tags_leaves_the_review_out(desk: Desk) -> None:
    """D: a tag that is misspelt left a pipeline green."""
    assert "2 of 2 statements understood" in review(desk, "--tags", "reviw", steady_migration="two").output
    skipped = review(desk, "--skip-tags", "always", steady_migration="two")
    assert skipped.status != 0
    assert "--skip-tags always skips" in skipped.output


def test_an_artifacts_folder_that_cannot_be_written_to_fails_after_the_review_is_said(desk: Desk) -> None:
    (desk.folder / "file").write_text("")
    run = review(desk, steady_migration="two", steady_artifacts_dir=str(desk.folder / "file"))
    assert run.status != 0
    assert "2 of 2 statements understood" in run.output
    assert "The files of this review could not be written" in run.output
    assert "Set steady_artifacts_dir to a folder" in run.output


def test_a_list_is_for_reviews_alone(desk: Desk) -> None:
    with_inventory(desk, {"a": {}}, steady_migration=["two", "three"])
    run = desk.play("verify")
    assert run.status != 0
    assert "several migrations at once are for review.yml" in run.output


# -- migrations in SQL -------------------------------------------------------------------------------------------------

EXAMPLES = Path(__file__).parent / "review"
PRISMA = str(EXAMPLES / "prisma" / "migrations")
BRANCH = f"{PRISMA}/20251015120000_branch/migration.sql"
ACCEPTED = [
    {"hazard": hazard, "object": "public.Sale.notes", "because": "moved to a table of their own in version 4.2"}
    for hazard in ("data_loss", "breaks_running_application")
]


def test_a_folder_of_prisma_is_reviewed_statement_by_statement(desk: Desk) -> None:
    run = review(desk, steady_migration=PRISMA, steady_review_formats=["github"])
    assert run.status != 0
    assert last_line(run) == "4 of 4 statements understood: 1 as written, 2 another way, 1 needs a decision"
    assert (
        "20251014090000_sale/migration.sql:2  carried out another way  index Sale_tenantId_createdAt_idx" in run.output
    )
    assert f"{BRANCH}:8  needs a decision         column notes of Sale" in run.output
    assert "before the statement:  -- steady: accept data_loss because …" in run.output
    assert f"\n::error file={BRANCH},line=8,col=1,title=data_loss%3A Sale.notes::" in run.output
    content = document(desk)
    assert [one["id"] for one in content["migrations"]] == ["20251014090000_sale", "20251015120000_branch"]
    assert content["counts"]["need_decision"] == 1
    log = json.loads((desk.folder / "artifacts" / "localhost" / "latest-review" / "review.sarif").read_text())
    lines = [one["locations"][0]["physicalLocation"]["region"]["startLine"] for one in log["runs"][0]["results"]]
    assert {8} == set(lines)


def test_decisions_of_the_inventory_let_it_pass_and_are_repeated(desk: Desk) -> None:
    needless = {"hazard": "blocks_reads", "object": "Sale", "because": "at night"}
    run = with_inventory(desk, {"a": {}}, steady_migration=PRISMA, steady_accept=[*ACCEPTED, needless])
    assert run.status == 0
    assert run.output.count("Because: moved to a table of their own in version 4.2") == 2
    assert "steady_accept[2] (blocks_reads, Sale) is about no hazard of these migrations." in run.output
    assert last_line(run).endswith("1 decided, 0 need a decision")
    markdown = (desk.folder / "artifacts" / "a" / "latest-review" / "review.md").read_text()
    assert "| data\\_loss: Sale.notes | moved to a table of their own in version 4.2 |" in markdown


def test_a_deployment_knows_the_same_decisions(desk: Desk) -> None:
    """Without them it stops before it connects; with them it goes on to the database, which is not there."""
    (desk.folder / "seller.sql").write_text('ALTER TABLE "Sale" ALTER COLUMN "sellerId" SET NOT NULL;\n')
    accepted = {"hazard": "breaks_running_application", "object": "{{ table }}.sellerId", "because": "always written"}
    with_inventory(
        desk, {"a": {}}, table="public.Sale", steady_accept=[accepted], steady_backup_elsewhere="by the test"
    )
    for playbook in ("deploy", "verify"):
        run = desk.play(playbook, steady_migration="seller.sql", steady_accept=[])
        assert run.status != 0
        assert "needs a decision: breaks_running_application on Sale.sellerId" in run.output
        assert "database was not contacted" in run.output
        run = desk.play(playbook, steady_migration="seller.sql")
        assert run.status != 0
        assert "needs a decision" not in run.output
        assert "Connection refused" in run.output


def test_decisions_of_the_file_let_it_pass(desk: Desk) -> None:
    run = review(desk, steady_migration=str(EXAMPLES / "numbered" / "2_decided.sql"))
    assert run.status == 0
    assert "Because: no report reads the notes since March" in run.output
    assert "1 of 1 statement understood" in run.output


def test_a_file_of_another_database_is_named_with_line_and_column_and_the_others_are_reviewed(desk: Desk) -> None:
    run = review(desk, steady_migration=str(EXAMPLES / "numbered"))
    assert run.status != 0
    assert "10_wrong.sql:2:14: " in run.output
    assert "MySQL" in run.output
    assert last_line(run).endswith("1 decided, 0 need a decision; 1 file cannot be read")


def test_names_of_a_file_are_obeyed_by_nothing(desk: Desk) -> None:
    """By no terminal and no runner of GitHub, whose commands may stand on any line of the output."""
    (desk.folder / "odd it's; 100%.sql").write_text(
        'CREATE INDEX "a\n::error::b \x1b]0;x\x07##[error]" ON "Sale" ("x|y", "c`d");\nDROP TABLE "::set-output::x";\n'
    )
    run = desk.command(
        *("ansible-playbook", "steady.postgresql.review", "-e", '{"steady_migration": "*.sql"}'),
        env={"GITHUB_ACTIONS": "true"},
    )
    assert "odd it's; 100%.sql:1  carried out another way  index a ::error::b" in run.output
    assert "\x1b]" not in run.output
    said = run.output.index("::stop-commands::"), run.output.index("odd it's"), run.output.index(" understood: ")
    assert list(said) == sorted(said)
    outside = run.output[: said[0]] + run.output[run.output.index("\n::", said[2]) + 2 :].partition("::\n")[2]
    assert not [line for line in outside.splitlines() if line.strip().startswith("::")]


def test_a_password_in_a_file_is_shown_nowhere(desk: Desk) -> None:
    (desk.folder / "role.sql").write_text("CREATE ROLE reporting LOGIN PASSWORD 'hunter2';\n")
    run = review(desk, "-vvv", steady_migration="role.sql", steady_review_formats=["github", "gitlab"])
    assert "role reporting" in run.output
    files = [path for path in desk.folder.rglob("*") if path.is_file() and path.name != "role.sql"]
    assert len(files) > 5
    assert not [path for path in files if "hunter2" in path.read_text()]
    assert "hunter2" not in run.output


def test_the_yaml_form_is_a_migration_and_is_never_written_over_another(desk: Desk) -> None:
    form = desk.folder / "migrations" / "sale.yml"
    first = f"{PRISMA}/20251014090000_sale"
    with desk.nothing_written():
        assert (
            f"{form} would be written"
            in review(desk, "--check", steady_migration=first, steady_convert_to=str(form)).output
        )
    run = review(desk, steady_migration=first, steady_convert_to=str(form))
    assert (run.status, run.recap["localhost"]["changed"]) == (0, 1)
    again = review(desk, steady_migration=first, steady_convert_to=str(form))
    assert (again.status, again.recap["localhost"]["changed"]) == (0, 0)
    of_form = review(desk, steady_migration="sale")
    assert of_form.status == 0
    assert "3 of 3 statements understood" in of_form.output
    for name in ("Sale_tenantId_createdAt_idx", "Sale_status_idx"):
        assert f"index {name}" in of_form.output
    form.write_text("id: mine\n")
    refused = review(desk, steady_migration=first, steady_convert_to=str(form))
    assert refused.status != 0
    assert "exists already, with another content" in refused.output
    assert form.read_text() == "id: mine\n"


def test_the_yaml_form_leaves_out_what_nobody_decided(desk: Desk) -> None:
    (desk.folder / "mixed.sql").write_text(
        'CREATE INDEX a_idx ON "Sale" (a);\nALTER TABLE "Sale" DROP COLUMN notes;\nVACUUM "Sale";\n'
    )
    run = review(desk, steady_migration="mixed.sql", steady_convert_to="migrations/mixed.yml")
    assert run.status != 0
    text = (desk.folder / "migrations" / "mixed.yml").read_text()
    assert "# mixed.sql:2 is not in this file, because it needs a decision: column notes of Sale" in text
    assert "# mixed.sql:3 is not in this file, because deploy.yml does not carry it out yet: VACUUM of" in text
    assert "1 of 1 statement understood" in review(desk, steady_migration="mixed").output
    (desk.folder / "twice.sql").write_text(
        'CREATE INDEX a_idx ON "Sale" (a);\nDROP TABLE "Sale";\nCREATE INDEX a_idx ON "Sale" (b);\n'
    )
    twice = review(desk, steady_migration="twice.sql", steady_convert_to="migrations/twice.yml")
    assert "The migration has no YAML form:" in twice.output
    assert "twice.sql:3:1: a_idx is made already" in twice.output
    assert "without the statements that are not ready for it (1)" in twice.output
    assert not (desk.folder / "migrations" / "twice.yml").exists()
    several = review(desk, steady_migration=PRISMA, steady_convert_to="migrations/several.yml")
    assert "steady_convert_to writes one migration; steady_migration has 2" in several.output
