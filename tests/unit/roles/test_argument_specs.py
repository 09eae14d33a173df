# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's argument_specs.yml and defaults/main.yml say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.results import ROOT

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())


def content(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def defaults(role: str) -> dict[str, Any]:
    return content(ROOT / "roles" / role / "defaults" / "main.yml")


def entry_points(role: str) -> dict[str, dict[str, Any]]:
    return content(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]


def options(role: str) -> dict[str, dict[str, Any]]:
    """The options of all entry points: an option that two of them have is the same in both."""
    found: dict[str, dict[str, Any]] = {}
    for entry_point in entry_points(role).values():
        for name, option in (entry_point.get("options") or {}).items():
            assert found.setdefault(name, option) == option
    return found


def test_there_are_roles() -> None:
    assert {"preflight", "apply", "verify", "report", "rollback"} <= set(ROLES)


@pytest.mark.parametrize("role", ROLES)
class TestRole:
    def test_every_default_has_an_option_and_every_option_a_default_of_the_same_value(self, role: str) -> None:
        stated = {name: option["default"] for name, option in options(role).items() if not option.get("required")}
        assert stated == defaults(role)

    def test_every_option_is_described_and_typed_and_begins_with_the_roles_name(self, role: str) -> None:
        for name, option in options(role).items():
            assert name.startswith(f"{role}_")
            assert option["description"]
            assert option["type"]

    def test_what_holds_a_password_is_not_logged(self, role: str) -> None:
        for name, option in options(role).items():
            assert bool(option.get("no_log")) is name.endswith("_url"), name

    def test_every_entry_point_has_arguments_and_every_arguments_an_entry_point(self, role: str) -> None:
        tasks = {path.stem for path in (ROOT / "roles" / role / "tasks").glob("*.yml")}
        assert set(entry_points(role)) <= tasks
        assert "main" in entry_points(role)
        for entry_point in entry_points(role).values():
            assert entry_point["short_description"]


@pytest.mark.parametrize("role", ROLES)
def test_variables_of_the_inventory_begin_with_steady(role: str) -> None:
    """The role's own names belong to the role: an inventory sets steady_… for all of them at once."""
    shared = {
        *("database_url", "expect", "migration", "lock_budget", "lock_patience", "parallel", "progress"),
        *("on_blocker", "on_blocker_applications", "on_blocker_roles", "old_transaction"),
        *("max_replica_lag", "disk_allowance"),
    }
    for name, value in defaults(role).items():
        own = name.removeprefix(f"{role}_")
        if own in shared:
            assert f"steady_{own}" in str(value), name
