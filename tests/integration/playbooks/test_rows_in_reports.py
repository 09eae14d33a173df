# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Values of rows are on no terminal and in no file of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, Run
from integration.test_shown_rows import FILL, QUESTIONS, SECRET

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOST = "clinic"
INDEX = {"table": "t", "name": "i", "columns": ["note"]}
UNIQUE = {"table": "t", "name": "u", "columns": ["twice"], "unique": True}


@pytest.fixture(scope="module")
def desk(new_desk: NewDesk) -> Desk:
    desk = new_desk(HOST)
    desk.databases[HOST].execute(FILL)
    return desk


def migration(desk: Desk, *indexes: dict[str, Any]) -> str:
    path = desk.folder / "rows.yml"
    path.write_text(json.dumps({**QUESTIONS, "indexes": list(indexes)}))
    return str(path)


def told(desk: Desk, run: Run) -> dict[str, bool]:
    """Where the secret is: the operator's terminal, and each file of the newest run."""
    files: dict[str, Path] = {path.name: path for path in desk.latest(HOST).iterdir()}
    texts = {"terminal": run.output, **{name: path.read_text() for name, path in files.items()}}
    return {name: SECRET in text for name, text in texts.items()}


def test_no_file_of_a_run_has_a_value_of_a_row(desk: Desk) -> None:
    """A refusal for rows that contradict; then a deployment whose probes, queries and verification all answer rows."""
    words = {"steady_backup_elsewhere": "by the test"}
    refused = desk.play("deploy", steady_migration=migration(desk, UNIQUE), **words)
    assert refused.status != 0
    assert "1 key occurs more than once in" in refused.output
    assert not any(told(desk, refused).values()), told(desk, refused)

    deployed = desk.play("deploy", steady_migration=migration(desk, INDEX), **words)
    result = desk.result(HOST)
    assert deployed.status != 0
    assert {probe["before"]["status"] for probe in result["probes"]} == {"failed"}
    assert any(check["status"] == "failed" for check in result["verification"] if check["kind"] == "query")
    assert not any(told(desk, deployed).values()), told(desk, deployed)

    # Each has the answers: with what kind of value stands there.
    for name in ("result.json", "report.html", "report.md", "junit.xml"):
        assert f"a text of {len(SECRET)} characters" in (desk.latest(HOST) / name).read_text(), name
