# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What a run leaves: a page that is sound whatever the names in the database are, and a result as its schema says."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from psycopg2 import sql

from integration.ansible_command import ROOT
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, Run, check_result
from integration.playbooks.page import Page

HOST = "clinic"
TABLE = "</script><b>x"
INDEX = '"><img src=x onerror=alert(1)> {{ 7 * 7 }} {% raw %} ü'
QUERY = "<script>alert('query')</script> {{ lookup('pipe', 'id') }}"


@dataclass
class Evil:
    """A deployment on a database whose names try to break out of the page, and its rollback."""

    desk: Desk
    deploy: Run
    result: dict[str, Any]
    page: Page
    plan: str
    plan_dump: str
    deployed_dump: str
    rollback: Run
    rollback_page: Page


@pytest.fixture(scope="module")
def evil(new_desk: NewDesk) -> Evil:
    """The index and a query of the migration have such names, and the table."""
    desk = new_desk(HOST)
    database = desk.databases[HOST]
    database.execute(sql.SQL("CREATE TABLE {} (id int, {} int)").format(sql.Identifier(TABLE), sql.Identifier("a&b")))
    other = f"{database.name} copy"
    database.server.drop_database(other)
    database.server.create_database(other, database.name)
    migration = {
        "id": "evil-names",
        "indexes": [{"name": INDEX, "table": TABLE, "columns": ["a&b"]}],
        "verification": {
            "unchanged_counts": [TABLE],
            "queries": [{"name": QUERY, "sql": "SELECT '<i>answer</i>' AS a", "expect": "length(@) == `1`"}],
        },
    }
    (desk.folder / "evil.yml").write_text(json.dumps(migration))
    deploy = desk.play("deploy", steady_migration="evil.yml")
    result, plan, deployed_dump = desk.result(HOST), desk.plan(HOST), database.dump()
    page = _page(desk.latest(HOST))
    try:
        database.server.psql(script=plan, database=other)
        plan_dump = database.server.dump_schema(other)
    finally:
        database.server.drop_database(other)
    rollback = desk.play("rollback")
    return Evil(desk, deploy, result, page, plan, plan_dump, deployed_dump, rollback, _page(desk.latest(HOST)))


def _page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text())


@pytest.mark.postgres
@pytest.mark.slow
def test_names_are_only_names(evil: Evil) -> None:
    """In the database, in the result and in the plan, which psql runs."""
    assert evil.deploy.status == 0
    assert evil.rollback.status == 0
    assert [(step["name"], step["table"]) for step in evil.result["steps"]] == [(INDEX, f"public.{TABLE}")]
    assert QUERY in {check["name"] for check in evil.result["verification"]}
    assert evil.plan_dump == evil.deployed_dump


@pytest.mark.postgres
@pytest.mark.slow
def test_the_page_is_well_formed_and_shows_names_as_they_are(evil: Evil) -> None:
    """Of the deployment and of the rollback."""
    for page in (evil.page, evil.rollback_page):
        assert page.faults == []
        assert page.handlers == []
        assert not page.tags & {"script", "img", "b", "i", "iframe", "object", "form"}
        assert INDEX in page.text
        assert f'"{TABLE}"' in page.text
    assert QUERY in evil.page.text
    assert "49" not in re.findall(r"onerror=alert\(1\)> (\S+)", evil.page.text)


@pytest.mark.postgres
@pytest.mark.slow
def test_the_page_refers_to_nothing_outside(evil: Evil) -> None:
    """It is read where there is no network, and it tells nobody that it is read."""
    for page in (evil.page, evil.rollback_page):
        assert page.references, "the sections are linked"
        assert [link for link in page.references if not link.startswith("#")] == []
        assert "url(" not in page.style
        assert "@import" not in page.style


@pytest.mark.postgres
@pytest.mark.slow
def test_the_page_says_how_to_undo(evil: Evil) -> None:
    """A command with this host and this deployment; after the rollback there is nothing to undo."""
    command = next(line for line in evil.page.text.splitlines() if line.startswith("ansible-playbook "))
    assert f"--limit {HOST}" in command
    assert f"steady_deployment={evil.result['deployment_id']}" in command
    assert "To undo" not in evil.rollback_page.text


# -- the schema --------------------------------------------------------------------------------------------------------


def _example() -> dict[str, Any]:
    """A result with everything in it."""
    step = {
        "kind": "index",
        "object": "public.i",
        "table": "public.t",
        "name": "i",
        "action": "create",
        "summary": "",
        "status": "done",
        "sql": ['CREATE INDEX CONCURRENTLY "i" ON "public"."t" USING "btree" ("a")'],
        "locks": ['SHARE UPDATE EXCLUSIVE on "public"."t" (reads and writes go on)'],
        "attempts": 1,
        "lock_wait_ms": 0.0,
        "duration_ms": 12.5,
        "started_at": "2026-11-22T21:53:39.125Z",
    }
    return {
        "host": "clinic",
        "action": "deploy",
        "deployment_id": "20261122T215339Z-4f1c",
        "migration_id": "m",
        "database": "clinic",
        "server_version": "18.1",
        "system_identifier": "7404316832764109825",
        "database_role": "steady",
        "plan_hash": "0" * 64,
        "started_at": "2026-11-22T21:53:39Z",
        "finished_at": "2026-11-22T21:53:40Z",
        "attempt": 1,
        "status": "succeeded",
        "changed": True,
        "preflight": [],
        "backup": {"status": "none", "detail": "nothing was to be changed"},
        "restore": None,
        "deployments": [{"migration_id": "m", "deployment_id": None, "status": "not begun", "steps": 0}],
        "steps": [step],
        "present": [{"kind": "column", "object": "public.t.a", "state": "NULL allowed"}],
        "left_out": [],
        "notes": ["a note"],
        "missing_privileges": [],
        "removed_parameters": ["pgbouncer"],
        "verification": [{"name": "index t.i", "kind": "structure", "status": "ok", "detail": "as it shall be"}],
        "waits": None,
        "probes": [],
        "queries": [],
        "storage": None,
        "promises": [],
        "monitoring": None,
        "undo": None,
        "restore_command": None,
        "error": None,
    }


def test_the_schema_of_results_is_one() -> None:
    """Of the draft that it names, and with a description for people at every key."""
    schema = json.loads((ROOT / "docs/result.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    check_result(_example())

    def undescribed(node: Any, path: str) -> list[str]:
        found = []
        for name, value in node.get("properties", {}).items():
            if "description" not in value:
                found.append(f"{path}.{name}")
            found += undescribed(value, f"{path}.{name}")
        if "items" in node:
            found += undescribed(node["items"], f"{path}[]")
        return found

    assert undescribed(schema, "$") == []
    assert set(schema["required"]) == set(schema["properties"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("host", None),
        ("action", "review"),
        ("deployment_id", "../../etc"),
        ("plan_hash", "abc"),
        ("started_at", "yesterday"),
        ("status", "done"),
        ("status", "failed"),  # without an error
        ("status", "rolled_back"),  # of a deployment
        ("error", "but it succeeded"),
        ("steps.0.status", "failed"),
        ("steps.0.kind", "view"),
        ("steps.0.sql", "CREATE INDEX"),
        ("steps.0.attempts", -1),
        ("verification.0.status", "failed"),  # of a success
        ("backup", None),
        ("surprise", 1),
    ],
)
def test_the_schema_refuses_what_is_no_result(path: str, value: Any) -> None:
    """So that whoever relies on it can."""
    result: Any = copy.deepcopy(_example())
    node, (*way, last) = result, path.split(".")
    for part in way:
        node = node[int(part) if part.isdigit() else part]
    node[last] = value
    with pytest.raises(AssertionError):
        check_result(result)
