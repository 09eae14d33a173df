# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""backup.yml --tags verify: proves what is there, takes nothing, and says what it found."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from integration.playbooks.conftest import NewDesk
from lab.installations import installation

HOST = "clinic"


@pytest.mark.postgres
def test_a_backup_and_then_a_dump_of_somebody_elses(new_desk: NewDesk) -> None:
    desk = new_desk(HOST)
    assert desk.play("backup").status == 0
    (made,) = (desk.folder / "backups" / HOST).iterdir()

    run = desk.play("backup", "--tags", "verify")
    assert run.status == 0, run.output
    assert not run.has_run("Back up the database")
    assert "the backup is proven again" in run.said_by(HOST)
    result = desk.result(HOST)
    assert (result["action"], result["changed"], result["backup"]["proven_before"]) == ("backup_verify", False, 2)
    assert "restore.yml" in result["restore_command"]
    assert [path.name for path in (desk.folder / "backups" / HOST).iterdir()] == [made.name], "none was taken"

    dump = desk.folder / "clinic.sql"
    program = f"{installation().bin_dir}/pg_dump"
    subprocess.run([program, f"--file={dump}", desk.databases[HOST].url()], check=True)
    run = desk.play("backup", "--tags", "verify", steady_backup=str(dump), backup_compare=True)
    assert run.status == 0, run.output
    said = run.said_by(HOST)
    assert "the dump is proven as far as that goes" in said
    assert "it has no checksum" in said
    result = desk.result(HOST)
    assert (result["restore_command"], result["backup"]["differences"]) == (None, [])

    (made / "manifest.json").write_text(json.dumps({**json.loads((made / "manifest.json").read_text()), "bytes": 1}))
    dump.write_text(dump.read_text()[:-100])
    for backup, words in [(made, "was changed after it was written"), (dump, "it is cut off")]:
        run = desk.play("backup", "--tags", "verify", steady_backup=str(backup))
        assert run.status != 0
        assert words in run.output
        assert "FAILED: the backup is not proven" in run.said_by(HOST)
        assert desk.result(HOST)["backup"]["status"] == "failed"


@pytest.mark.postgres
def test_without_any_database(new_desk: NewDesk, tmp_path: Path) -> None:
    """Where a copy of a backup is, there need not be a way to its server."""
    desk = new_desk(HOST)
    assert desk.play("backup").status == 0
    backups = desk.folder / "backups" / HOST
    run = desk.play("backup", "--tags", "verify", steady_database_url="", steady_backup=str(backups))
    assert run.status == 0, run.output
    assert "the backup is proven again" in run.said_by(HOST)
