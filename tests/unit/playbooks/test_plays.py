# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of each playbook: numbered, and named for their purpose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.results import ROOT

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def plays(playbook: Path) -> list[dict[str, Any]]:
    return yaml.safe_load(playbook.read_text(encoding="utf-8"))


def test_there_are_playbooks() -> None:
    assert {"deploy", "verify", "rollback"} <= {playbook.stem for playbook in PLAYBOOKS}


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.stem)
class TestPlaybook:
    def test_its_plays_are_numbered_and_named(self, playbook: Path) -> None:
        for number, play in enumerate(plays(playbook), 1):
            named = re.fullmatch(r"(\d+) \| ([A-Z].{8,})", play["name"])
            assert named is not None, play["name"]
            assert int(named[1]) == number
            assert not named[2].endswith(".")

    def test_it_gathers_no_facts_since_it_uses_none(self, playbook: Path) -> None:
        assert all(play["gather_facts"] is False for play in plays(playbook))

    def test_its_tasks_are_named(self, playbook: Path) -> None:
        def walk(tasks: list[dict[str, Any]]) -> None:
            for task in tasks:
                assert task.get("name"), task
                for part in ("block", "rescue", "always"):
                    walk(task.get(part, []))

        for play in plays(playbook):
            walk(play.get("tasks", []))
