# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What was done reaches the operator, also where the report cannot be written."""

from __future__ import annotations

import re
import shlex

import pytest

from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, is_migrated, is_untouched, journal
from lab.installations import installation

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

HOST = "clinic"
#: All begin with the same task file.
PLAYBOOKS = ("deploy", "monitor")


def _programs(desk: Desk, before_the_dump: str) -> str:
    """A folder with PostgreSQL's programs, of which pg_dump runs this first: in the middle of a deployment."""
    folder = desk.folder / "programs"
    folder.mkdir()
    for program in installation().bin_dir.iterdir():
        (folder / program.name).symlink_to(program)
    real = shlex.quote(str(installation().bin_dir / "pg_dump"))
    (folder / "pg_dump").unlink()
    (folder / "pg_dump").write_text(f'#!/bin/sh\n[ "$1" = --version ] || {{ {before_the_dump}; }}\nexec {real} "$@"\n')
    (folder / "pg_dump").chmod(0o755)
    return str(folder)


@pytest.fixture(scope="module")
def desk(new_desk: NewDesk) -> Desk:
    """A desk with one database that no test changes."""
    return new_desk(HOST)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_an_artifacts_folder_that_cannot_be_written_is_refused_first(desk: Desk, playbook: str) -> None:
    """T1: before the database is contacted, with the place, the reason and the variable."""
    (desk.folder / "taken").write_text("a file\n")
    run = desk.play(playbook, steady_artifacts_dir="taken/below", steady_confirm=desk.databases[HOST].name)
    assert run.status == 2
    assert run.recap[HOST] == {**dict.fromkeys(run.recap[HOST], 0), "failed": 1}
    for words in (
        "The report of this run could not be written",
        "taken/below",
        "Not a directory",
        "set steady_artifacts_dir",
        "no database was contacted",
    ):
        assert words in run.output
    assert "Traceback" not in run.output
    assert is_untouched(desk.databases[HOST])


def test_a_folder_where_latest_should_point_is_refused_first(desk: Desk) -> None:
    """T1: all that the end of a run writes is tried; with --check nothing is written, nor tried."""
    artifacts = desk.folder / "odd"
    (artifacts / HOST / "latest").mkdir(parents=True)
    run = desk.play("verify", steady_artifacts_dir=str(artifacts))
    assert (run.status, "Is a directory" in run.output) == (2, True)
    with desk.nothing_written():
        assert desk.play("deploy", "--check", steady_artifacts_dir=str(artifacts)).status == 0


def test_what_was_done_is_said_when_the_report_fails_at_the_end(new_desk: NewDesk) -> None:
    """T1: the steps, how to undo, the backup; that only the report failed; and who was not begun because of it."""
    desk = new_desk("a", "b", "c")
    blocked = f"rm -rf {desk.folder}/artifacts/a; touch {desk.folder}/artifacts/a"
    programs = _programs(desk, blocked)
    run = desk.play("deploy", steady_programs_dir=programs, steady_serial=2)
    assert run.status == 2
    assert "Traceback" not in run.output
    said = run.output[run.output.index("TASK [steady.postgresql.report : Show the result]") :]
    for words in (
        f"{desk.databases['a'].name}: 11 steps done",
        "to undo: ansible-playbook",
        "backup proven",
        str(desk.folder / "backups" / "a"),
        "Only the report failed: the deployment itself did not.",
        "also in the database's journal",
        "not begun yet: c",
        "The report could not be written to artifacts/a: File exists.",
    ):
        assert words in said, said
    assert "is not concerned" not in run.output
    assert is_migrated(desk.databases["a"])
    assert is_migrated(desk.databases["b"])
    assert f"{desk.databases['b'].name}: 11 steps done" in run.said_by("b")
    assert [row[0] for row in journal(desk.databases["a"])] == ["succeeded"]
    assert is_untouched(desk.databases["c"])
    # T5: the command runs as it is printed, with what came by -e.
    (command,) = re.findall(r"to undo: (ansible-playbook .*)", run.said_by("b"))
    assert f"-e steady_programs_dir={programs}" in command
    assert "steady_serial" not in command
    undone = desk.command(*shlex.split(command))
    assert undone.status == 0, undone.output
    assert desk.result("b")["status"] == "rolled_back"
    assert list(undone.recap) == ["b"]


def test_a_python_that_does_not_start_is_named(desk: Desk) -> None:
    """T6: what it said, and the variable that chooses another one; a report is left."""
    python = desk.folder / "python"
    python.write_text("#!/bin/sh\necho 'Fatal Python error: no module encodings' >&2\nexit 1\n")
    python.chmod(0o755)
    for interpreter, words in ((str(python), "Fatal Python error"), ("/nope/python", "/nope/python")):
        run = desk.play("verify", ansible_python_interpreter=interpreter)
        assert run.status == 2
        assert "The module did not start on its host (exit status" in run.output
        assert words in run.output
        assert "set ansible_python_interpreter" in run.output
        assert "deserialization" not in run.output
        assert "did not start" in desk.result(HOST)["error"]
