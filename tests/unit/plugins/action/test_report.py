# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says about the rest of the play."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.action.report import _not_begun
from ansible_collections.steady.postgresql.plugins.module_utils._support.commands import variable
from ansible_collections.steady.postgresql.plugins.plugin_utils._commands import _command

HOSTS = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("batch", "rest"),
    [
        (["a"], ["b", "c", "d", "e"]),
        (["a", "b"], ["c", "d", "e"]),
        (["b"], ["c", "d", "e"]),
        (["d", "c"], ["e"]),
        (["e"], []),
        (HOSTS, []),
        (["elsewhere"], []),
        ([], []),
    ],
)
def test_the_hosts_of_later_batches_have_not_begun(batch: list[str], rest: list[str]) -> None:
    """A host of the own batch that has failed already is in the batch no more, and not among them all the same."""
    assert _not_begun({"ansible_play_hosts_all": HOSTS, "ansible_play_batch": batch}) == rest


@pytest.mark.parametrize("variables", [{}, {"ansible_play_hosts_all": HOSTS}, {"ansible_play_batch": ["a"]}])
def test_without_a_play_there_are_none(variables: dict[str, Any]) -> None:
    assert _not_begun(variables) == []


def _undo(host: str, variables: dict[str, Any]) -> str:
    return f"{_command('rollback', host, variables)} {variable('steady_deployment', 'ID')}"


class TestUndo:
    """The command that undoes a deployment, as it can be typed where this one was."""

    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The folder where the run was started."""
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def command(self, host: str = "db1", **variables: Any) -> list[str]:
        return shlex.split(_undo(host, variables))

    def test_of_a_checkout(self, here: Path) -> None:
        inventories = [f"{here}/inventories/demo", "/elsewhere/hosts", f"{here}/hosts.yml"]
        assert self.command(playbook_dir=f"{here}/playbooks", ansible_inventory_sources=inventories) == [
            *("ansible-playbook", "playbooks/rollback.yml"),
            *("-i", "inventories/demo", "-i", "/elsewhere/hosts", "-i", "hosts.yml"),
            *("--limit", "db1", "-e", "steady_deployment=ID"),
        ]

    def test_of_an_installed_collection(self, here: Path) -> None:
        folder = f"{here}/ansible_collections/steady/postgresql/playbooks"
        assert self.command(playbook_dir=folder) == [
            *("ansible-playbook", "steady.postgresql.rollback", "--limit", "db1", "-e", "steady_deployment=ID"),
        ]

    @pytest.mark.parametrize("name", ["two words", "it's", "{id}", "{0}", "$(x)", "a;b", "100%"])
    def test_names_stay_one_word(self, here: Path, name: str) -> None:
        place = f"{here}/{name}"
        assert self.command(name, playbook_dir=place, ansible_inventory_sources=[place]) == [
            *("ansible-playbook", f"{name}/rollback.yml", "-i", name, "--limit", name, "-e", "steady_deployment=ID"),
        ]
