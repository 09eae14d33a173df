# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action group, by which module_defaults reach all modules at once."""

from __future__ import annotations

import yaml

from unit.results import ROOT

RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
#: Runs on the controller only, and knows no database: a default such as database_url would be an error for it.
WITHOUT_DATABASE = {"fleet_report", "report", "review", "variables"}


def test_the_action_group_names_exactly_the_modules_that_work_on_a_database() -> None:
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    group = RUNTIME["action_groups"]["steady"]
    assert sorted(group) == group, "in order, each once"
    assert set(group) == modules - WITHOUT_DATABASE
    assert len(group) == len(set(group))


def test_every_action_has_a_module_to_document_it() -> None:
    actions = {path.stem for path in (ROOT / "plugins" / "action").glob("*.py")}
    assert actions <= {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}


def test_ansible_core_is_as_old_as_promised() -> None:
    assert RUNTIME["requires_ansible"] == ">=2.17.0"
