# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A run that did nothing never looks green, and every failure counts in every batch, whatever tags are chosen."""

from __future__ import annotations

import json

import pytest

from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, held_lock, is_migrated

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

PLAYBOOKS = ("deploy", "rollback", "verify", "backup", "restore", "monitor", "review")
HOSTS = ("a", "b", "c")


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_no_host_is_a_failure(new_desk: NewDesk, playbook: str) -> None:
    """D: a wrong -i path, and an address in the environment that must not be taken instead."""
    desk = new_desk()
    run = desk.command(
        "ansible-playbook",
        *("-i", str(desk.folder / "no" / "inventory"), playbook_path(playbook)),
        env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"},
    )
    assert run.status != 0
    assert "The inventory has no host, so nothing was done." in run.output
    assert run.recap["localhost"]["failed"] == 1
    assert run.recap["localhost"]["ok"] == 0


def playbook_path(playbook: str) -> str:
    return f"steady.postgresql.{playbook}"


@pytest.fixture(scope="module")
def desk(new_desk: NewDesk) -> Desk:
    desk = new_desk(*HOSTS)
    desk.inventory(steady_lock_patience="1s", steady_backup_elsewhere="by the test")
    return desk


def _migrated(desk: Desk) -> list[str]:
    return [host for host in HOSTS if is_migrated(desk.databases[host])]


def test_a_failure_counts_whatever_tags_are_chosen(desk: Desk) -> None:
    """S18: --tags apply went on with the next batch, and --skip-tags always ended with 0."""
    with held_lock(desk.databases["a"], "CashDrawer"):
        only = desk.play("deploy", "--tags", "apply", steady_serial=2)
    assert only.status != 0
    assert _migrated(desk) == ["b"]
    for choice in (["--skip-tags", "always"], ["--tags", "apply", "--skip-tags", "always"]):
        skipped = desk.play("deploy", *choice, steady_serial=2)
        assert skipped.status != 0
        assert "--skip-tags always skips the stop after a failure" in skipped.output
        assert _migrated(desk) == ["b"]


def test_a_host_that_cannot_be_reached_counts(desk: Desk) -> None:
    """S18: b is unreachable; neither its batch nor the next one is deployed, unless that many may fail."""
    assert desk.play("rollback", "--limit", "a,b").status == 0
    assert _migrated(desk) == []
    path = desk.folder / "hosts.json"
    inventory = json.loads(path.read_text())
    inventory["all"]["hosts"]["b"].update(
        ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1, ansible_ssh_retries=0
    )
    path.write_text(json.dumps(inventory))
    lost = desk.play("deploy", steady_serial=2)
    assert lost.status != 0
    assert lost.recap["b"]["unreachable"] == 1
    assert "other hosts failed or cannot be reached: b." in " ".join(lost.output.split())
    assert _migrated(desk) == []
    allowed = desk.play("deploy", steady_serial=2, steady_max_fail_percentage=50)
    assert allowed.status != 0
    assert _migrated(desk) == ["a", "c"]
