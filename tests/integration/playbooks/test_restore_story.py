# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The demo's clinic: deployed to with a proven backup, written to, brought back from that backup, and back again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._support.commands import variable
from integration.ansible_command import ROOT
from integration.backup.backing_up import Application, Shop
from integration.cluster import Database
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, Run, check_result, is_migrated
from lab.installations import installation

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOST = "clinic"  # of inventories/demo
LATER = """
INSERT INTO "Customer" (id, "tenantId", email, name, "updatedAt")
SELECT 'later-' || g, (SELECT id FROM "Tenant" LIMIT 1), g || '@later.example', 'Later ' || g, now()
  FROM generate_series(1, 3) g;
DELETE FROM "SaleItem" WHERE id IN (SELECT id FROM "SaleItem" ORDER BY id LIMIT 2);
"""


@dataclass
class Story:
    """The runs in their order, and what there was to see between them."""

    database: Database
    before: dict[str, int]
    written: dict[str, int]
    deploy: Run
    check: Run
    unconfirmed: Run
    restore: Run
    restored: dict[str, Any]
    after: dict[str, int]
    longest: float
    migrated: bool
    undo: Run
    undone: dict[str, int]


def _rows(database: Database) -> dict[str, int]:
    tables = ("Customer", "SaleItem", "Pet")
    return {table: database.value(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))) for table in tables}


@pytest.fixture(scope="module")
def story(new_desk: NewDesk) -> Iterator[Story]:
    """All of it, told once, with the demo's own inventory."""
    desk = new_desk(HOST)
    database = desk.databases[HOST]
    told: dict[str, Any] = {"database": database, "before": _rows(database)}
    told["deploy"] = _play(desk, "deploy")
    database.execute(LATER)
    told["written"] = _rows(database)
    with database.nothing_written(), desk.nothing_written():
        told["check"] = _play(desk, "restore", "--check")
    told["unconfirmed"] = _play(desk, "restore")
    shop = Shop(database.server, database.name, desk.folder, "")
    with Application(shop, question='SELECT count(*) FROM "Pet"') as application:
        told["restore"] = _play(desk, "restore", "-e", json.dumps({"steady_confirm": database.name}))
    told["longest"], told["after"] = application.longest, _rows(database)
    told["restored"], told["migrated"] = desk.result(HOST), is_migrated(database)
    told["undo"] = _play(desk, "restore", "--tags", "undo", "-e", json.dumps({"steady_confirm": database.name}))
    told["undone"] = _rows(database)
    yield Story(**told)
    for name in shop.databases():
        if name != database.name:
            database.server.drop_database(name)


def _play(desk: Desk, playbook: str, *options: str) -> Run:
    variables = {
        "steady_backup_dir": str(desk.folder / "backups"),
        "steady_artifacts_dir": str(desk.folder / "artifacts"),
        "steady_programs_dir": str(installation().bin_dir),
    }
    inventory, file = ROOT / "inventories" / "demo", ROOT / "playbooks" / f"{playbook}.yml"
    arguments = ["-i", str(inventory), str(file), "-e", json.dumps(variables), *options]
    return desk.command("ansible-playbook", *arguments, env={"DATABASE_URL": desk.databases[HOST].url()})


def test_the_deployment_took_a_proven_backup_and_says_how_to_go_back(story: Story) -> None:
    assert story.deploy.status == 0, story.deploy.output
    said = story.deploy.said_by(HOST)
    assert "backup proven: " in said
    command = next(line for line in said.splitlines() if "to go back to the backup" in line)
    assert re.search(r"restore\.yml .*--limit clinic .*-e steady_backup=\S+ -e .*steady_confirm", command)


def test_check_says_what_would_be_lost(story: Story) -> None:
    assert story.check.status == 0, story.check.output
    said = story.check.said_by(HOST)
    assert "would be restored; nothing was changed" in said
    _says_what_is_lost(story, said, "now", "in the backup")


def test_nothing_happens_without_the_name(story: Story) -> None:
    assert story.unconfirmed.status == 2
    assert variable("steady_confirm", story.database.name) in " ".join(story.unconfirmed.output.split())
    assert "nothing was changed" in story.unconfirmed.output


def test_the_restore_brings_the_rows_back_and_says_which_are_lost(story: Story) -> None:
    assert story.restore.status == 0, story.restore.output
    assert story.after == story.before
    assert not story.migrated, "the backup is from before the deployment"
    said = story.restore.said_by(HOST)
    _says_what_is_lost(story, said, "before", "now")
    kept = story.restored["restore"]["kept_database"]
    assert kept in said
    assert f'DROP DATABASE "{kept}"' in said
    undo = next(line for line in said.splitlines() if "to undo" in line)
    assert re.search(r"restore\.yml .*--limit clinic .*--tags undo -e .*steady_confirm", undo)
    check_result(story.restored)


def test_the_application_is_back_within_a_second(story: Story) -> None:
    assert story.longest < 1.0


def test_undo_brings_back_what_was_written_meanwhile(story: Story) -> None:
    assert story.undo.status == 0, story.undo.output
    assert story.undone == story.written
    assert is_migrated(story.database)
    said = story.undo.said_by(HOST)
    assert "is what it was before the restore" in said
    assert "to undo" not in said


def _says_what_is_lost(story: Story, said: str, then: str, now: str) -> None:
    lines = [line.strip() for line in said.splitlines()]
    for table, change in (("Customer", 3), ("SaleItem", -2)):
        before = story.before[table]
        assert f"public.{table}: {before + change} rows {then}, {before} rows {now}" in lines
    assert not any("public.Pet" in line for line in lines)
