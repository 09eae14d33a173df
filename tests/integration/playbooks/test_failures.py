# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What an operator reads when the input is wrong: one message, no traceback, a report, and nothing was touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import NOWHERE, Desk, Run, is_untouched

pytestmark = [pytest.mark.slow]

HOST = "clinic"
BAD_MIGRATION = """\
id: bad
indexs:
  - {table: Sale, columns: [tenantId]}
indexes:
  - {table: Sale, colums: [tenantId]}
  - {table: 7, columns: [tenantId]}
foreign_keys:
  - {name: x, table: Sale, columns: [a, b], references: {table: User, columns: [id]}}
"""


@dataclass
class Failure:
    """A run that failed, and its report where it left one."""

    run: Run
    result: dict[str, Any] | None
    page: str


def _failure(desk: Desk, run: Run) -> Failure:
    if not desk.runs(HOST):
        return Failure(run, None, "")
    return Failure(run, desk.result(HOST), (desk.latest(HOST) / "report.html").read_text())


@pytest.fixture(scope="module")
def bad_file(new_desk: NewDesk) -> Failure:
    """A migration file with a mistake of each sort, and an address where nobody answers."""
    desk = new_desk()
    (desk.folder / "bad.yml").write_text(BAD_MIGRATION)
    return _failure(desk, desk.play("deploy", "-i", f"{HOST},", *_LOCAL, steady_migration="./bad.yml", **_ADDRESS))


@pytest.fixture(scope="module")
def no_migration(new_desk: NewDesk) -> Failure:
    """Nothing says what to deploy."""
    desk = new_desk()
    return _failure(desk, desk.play("deploy", "-i", f"{HOST},", *_LOCAL, steady_migration="", **_ADDRESS))


@pytest.fixture(scope="module")
def no_address(new_desk: NewDesk) -> Failure:
    """Neither steady_database_url nor DATABASE_URL."""
    desk = new_desk()
    return _failure(desk, desk.play("deploy", "-i", f"{HOST},", *_LOCAL, steady_migration="schema_optimizations"))


@pytest.fixture(scope="module")
def nobody_answers(new_desk: NewDesk) -> Failure:
    """The address leads to a port on which nobody listens."""
    desk = new_desk()
    variables = {"steady_migration": "schema_optimizations", **_ADDRESS}
    return _failure(desk, desk.play("deploy", "-i", f"{HOST},", *_LOCAL, **variables))


_LOCAL = ("-e", "ansible_connection=local", "-e", "ansible_python_interpreter={{ ansible_playbook_python }}")
_ADDRESS = {"steady_database_url": NOWHERE}
ALL = ("bad_file", "no_migration", "no_address", "nobody_answers")


@pytest.mark.parametrize("name", ALL)
def test_it_fails_in_one_message_without_traceback(name: str, request: pytest.FixtureRequest) -> None:
    """With the exit status that Ansible has for a failed host, and in a length that fits a screen."""
    run = request.getfixturevalue(name).run
    assert run.status == 2
    assert run.recap[HOST]["failed"] == 1
    assert "Traceback" not in run.output
    assert "This should not have happened" not in run.output
    assert "is undefined" not in run.output
    assert len(run.output.splitlines()) < 80


@pytest.mark.parametrize("name", ALL)
def test_it_leaves_a_report_that_says_failed(name: str, request: pytest.FixtureRequest) -> None:
    """Nothing is known of the database, and the report stands all the same."""
    failure = request.getfixturevalue(name)
    assert failure.result is not None
    assert (failure.result["action"], failure.result["status"]) == ("deploy", "failed")
    assert failure.result["error"]
    assert failure.result["database"] is None
    assert '<span class="status failed">failed</span>' in failure.page


def test_all_mistakes_of_a_file_come_at_once(bad_file: Failure) -> None:
    """Each with file and line, and the nearest thing that would be right."""
    output = bad_file.run.output
    assert 'bad.yml:2: indexs: unknown key "indexs"; did you mean "indexes"?' in output
    assert 'bad.yml:5: indexes[0].colums: unknown key "colums"; did you mean "columns"?' in output
    assert "bad.yml:6: indexes[1].table: must be a string" in output
    assert "bad.yml:8: foreign_keys[0].references.columns: has 1 column" in output
    assert "bad.yml:3:" not in output  # what is beneath an unknown key is not judged


@pytest.mark.parametrize("name", ["bad_file", "no_migration", "no_address"])
def test_the_database_is_not_contacted(name: str, request: pytest.FixtureRequest) -> None:
    """It could not be (nobody answers there), and that is not what the operator has to mend."""
    output = request.getfixturevalue(name).run.output
    assert "the database was not contacted" in output
    assert "No connection" not in output


def test_a_missing_migration_says_how_to_name_one(no_migration: Failure) -> None:
    """The variable, and where it looks."""
    assert "steady_migration" in no_migration.run.output


def test_a_missing_address_says_how_to_give_one(no_address: Failure) -> None:
    """Both ways, and an example."""
    for part in ("steady_database_url", "DATABASE_URL", "postgresql://"):
        assert part in no_address.run.output


def test_no_connection_says_where_to(nobody_answers: Failure) -> None:
    """Host and port, as the address has them."""
    assert "127.0.0.1" in nobody_answers.run.output
    assert "port 1" in nobody_answers.run.output


@pytest.mark.postgres
def test_a_rollback_of_what_never_was(new_desk: NewDesk) -> None:
    """T2: says that there is no journal, leaves a report, and makes no journal on the way."""
    desk = new_desk(HOST)
    run = desk.play("rollback", steady_deployment="20260101T000000Z-0000")
    assert run.status == 2
    assert "There is no journal in database" in run.output
    assert "Traceback" not in run.output
    assert is_untouched(desk.databases[HOST])
    assert "FAILED" in run.said_by(HOST)
    assert "of 0 steps" not in run.said_by(HOST)
    assert desk.result(HOST)["status"] == "failed"


@pytest.mark.postgres
def test_an_artifacts_folder_that_cannot_be_written(new_desk: NewDesk) -> None:
    """Refused before the database is contacted (all of it: test_told.py)."""
    desk = new_desk(HOST)
    (desk.folder / "taken").write_text("a file\n")
    run = desk.play("verify", steady_artifacts_dir="taken")
    assert run.status == 2
    assert "The report of this run could not be written: taken" in run.output
    assert "steady_artifacts_dir" in run.output
    assert "Traceback" not in run.output
