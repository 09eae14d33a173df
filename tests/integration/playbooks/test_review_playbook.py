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
    common = {"ansible_connection": "local", "steady_database_url": NOWHERE, "steady_migration": "two"}
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
    run = with_inventory(desk, {"a": {}, "b": {}, "c": {"steady_migration": "three.yml"}})
    assert run.status == 0
    assert run.output.count("index Pet_name_idx") == 2
    assert "b: the same migrations and decisions as a: its review is this one, too" in run.output
    assert {path.name for path in (desk.folder / "artifacts").iterdir()} == {"a", "c"}


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
