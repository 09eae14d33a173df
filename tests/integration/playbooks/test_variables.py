# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A run with a variable that is not valid, or with tags that choose nothing, is a failure before anything is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integration.playbooks.desk import NOWHERE, Desk

pytestmark = pytest.mark.slow

PLAYBOOKS = ("deploy", "rollback", "verify", "backup", "restore", "monitor")
HOST = "clinic"


def _desk(folder: Path, **variables: Any) -> Desk:
    """A desk whose database cannot be reached: none of this gets as far."""
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "steady_database_url": NOWHERE,
        "steady_migration": "schema_optimizations",
    }
    hosts = {"all": {"hosts": {HOST: {}}, "vars": {**common, **variables}}}
    (folder / "hosts.json").write_text(json.dumps(hosts))
    return Desk(folder)


@pytest.mark.parametrize("playbook", [*PLAYBOOKS, "review"])
def test_every_variable_is_checked_in_the_first_task(tmp_path: Path, playbook: str) -> None:
    """N1: of the inventory and of -e, with --check; all that is wrong at once, and the secret is not shown."""
    desk = _desk(
        tmp_path,
        steady_lock_patience="300",
        steady_backup_elsewhere="barman",
        steady_webhook_url="hooks.example/T0SECRET",
        steady_serial=1,
        steady_own="x",
        steady_backup_dir="/backups/{{ steady_own }}",
    )
    run = desk.play(playbook, "--check", steady_lock_patince="5m", backup_prof="restore", steady_on_blocker="cancel")
    assert run.status != 0
    assert run.recap[HOST] == {**dict.fromkeys(run.recap[HOST], 0), "failed": 1}
    assert "7 variables are not valid:" in run.output
    for words in (
        "steady_lock_patince: there is no such variable; steady_lock_patience is meant?",
        "backup_prof: there is no such variable; backup_proof is meant?",
        'steady_lock_patience: "300" is not a duration',
        'steady_backup_elsewhere: "barman" is no sentence',
        "steady_webhook_url: is not an address",
        "steady_serial: is read from the command line only",
        "steady_on_blocker: cancel needs",
        "no database was contacted",
    ):
        assert words in run.output
    assert "T0SECRET" not in run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_run_that_did_nothing_is_a_failure(tmp_path: Path, playbook: str) -> None:
    """D: a tag that is misspelt left a pipeline green."""
    for options in (["--tags", "aply"], ["--tags", "aply", "--check"]):
        run = _desk(tmp_path).play(playbook, *options)
        assert run.status != 0
        assert f"{HOST}: nothing was run." in run.output
        assert "Traceback" not in run.output
