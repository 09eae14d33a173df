# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Whoever waits for a backup or a restore is told what it is at, at least every five seconds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.restoring import restore as restore_module
from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking import backup as backup_module
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.progress import Progress
from integration.cluster import Database
from integration.playbooks import progress
from integration.playbooks.conftest import NewDesk
from lab.installations import installation

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


def test_of_a_backup_and_a_restore(new_desk: NewDesk) -> None:
    desk = new_desk("clinic")
    desk.databases["clinic"].execute(progress.SLOW)
    waiting = progress.backup(desk, "clinic")
    assert len(waiting) >= 2
    blocked = r"clinic: backing up waits for a locked table \(blocked by pid \d+ .*nightly export"
    assert any(re.match(blocked, line) for line in waiting)
    restoring = [line for line in progress.restore(desk, "clinic") if "restoring" in line]
    assert restoring
    for line in restoring:
        assert re.match(r"clinic: restoring: \d+ of \d+ objects, \d+ %, \d+ s", line)


@pytest.fixture
def phases(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said to be done, in its order."""
    told: list[str] = []

    class Told(Progress):
        def say(self, doing: str, *arguments: Any, **more: Any) -> None:
            if not told or told[-1] != doing:
                told.append(doing)
            super().say(doing, *arguments, **more)

    for module in (backup_module, restore_module):
        monkeypatch.setattr(module, "Progress", Told)
    return told


def test_nothing_that_can_take_long_is_done_in_silence(
    clinic_database: Database, tmp_path: Path, phases: list[str]
) -> None:
    """Every phase of both says what it is; some are too short here to be seen from outside."""
    options = Options(clinic_database.url())
    shared = {"programs_dir": str(installation().bin_dir), "progress_file": str(tmp_path / "progress")}
    folder = str(tmp_path / "backups")
    backup_module.backup({"directory": folder, "proof": "restore", "copy_to": [str(tmp_path / "c")], **shared}, options)
    assert phases == [
        "taking a snapshot",
        "backing up",
        "counting the rows of the snapshot",
        "writing down roles and tablespaces",
        "comparing the backup's table of contents with the catalog",
        "reading the whole backup",
        "hashing the backup",
        "restoring",
        "counting the restored rows",
        "forcing the backup to disk",
        f"copying the backup to {tmp_path / 'c'}",
        f"reading the copy in {tmp_path / 'c'}",
    ]
    phases.clear()
    confirmed = {"backup": folder, "confirm": clinic_database.name, **shared}
    restore_module.restore(confirmed, options)
    assert phases == [
        "counting the rows of the live database",
        "reading the files of the backup",
        "restoring",
        "counting the restored rows",
        "gathering planner statistics (ANALYZE)",
        "counting the rows of the live database",
        "exchanging the databases",
    ]
    assert not (tmp_path / "progress").exists()
    for (name,) in clinic_database.server.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (f"{clinic_database.name}_pre_",)
    ):
        clinic_database.server.drop_database(name)
