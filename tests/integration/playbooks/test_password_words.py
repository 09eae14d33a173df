# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Passwords that are words of the output (A18): a secret hides itself, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, is_migrated

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

# A letter, a status, a part of each date and of many hashes; "database" stands for the database's own name.
PASSWORDS = ("e", "failed", "20", "database")
# What Ansible writes in the place of a secret, and no line under a task's name.
MASKED = re.compile(r"(?<!\*)\*{8}(?!\*)|VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
HOSTS = [f"host{number}" for number in range(len(PASSWORDS))]


@pytest.fixture(scope="module")
def desk(new_desk: NewDesk) -> Iterator[Desk]:
    desk = new_desk(*HOSTS)
    path = desk.inventory()
    inventory = json.loads(path.read_text())
    for host, password in zip(HOSTS, PASSWORDS):
        database = desk.databases[host]
        secret = database.name if password == "database" else password
        inventory["all"]["hosts"][host]["steady_database_url"] = database.server.url(database.name, "postgres", secret)
    path.write_text(json.dumps(inventory))
    return desk


def test_a_deployment_and_its_rollback_say_what_they_did(desk: Desk) -> None:
    deployed = desk.play("deploy", backup_fetch_to=str(desk.folder / "fetched"))
    assert deployed.status == 0, deployed.output
    for host in HOSTS:
        result = desk.result(host)
        assert (result["status"], result["action"]) == ("succeeded", "deploy")
        assert result["backup"]["status"] == "proven"
        assert result["plan_hash"] == desk.result(HOSTS[0])["plan_hash"]
        assert desk.databases[host].name in json.dumps(result, ensure_ascii=False)
        assert is_migrated(desk.databases[host])
    rolled_back = desk.play("rollback")
    assert rolled_back.status == 0, rolled_back.output
    assert not any(is_migrated(desk.databases[host]) for host in HOSTS)
    for output in (deployed.output, rolled_back.output):
        assert not MASKED.search(output)


def test_a_refused_migration_is_red(desk: Desk) -> None:
    run = desk.play("deploy", steady_migration={"id": "wrong", "indexes": [{"table": "Nowhere", "columns": ["a"]}]})
    assert run.status != 0
    assert all(run.recap[host]["failed"] for host in HOSTS)
