# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the evidence of a run on the controller, and says the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._support.commands import variable
from ..module_utils._support.values import printable
from ..plugin_utils._artifacts import host_folder, write_artifacts
from ..plugin_utils._commands import playbook_commands
from ..plugin_utils._migration_argument import operator
from ..plugin_utils._notify import notify
from ..plugin_utils._outcome import outcome
from ..plugin_utils._summary import lines, unwritten_lines

__all__ = ["ActionModule"]

_PLAYBOOKS = ("deploy", "rollback", "verify", "backup", "restore", "monitor")


class ActionModule(ActionBase):
    """steady.postgresql.report"""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        _specification, arguments = self.validate_argument_spec(
            argument_spec={
                "directory": {"type": "path", "required": True},
                "templates": {"type": "path", "required": True},
                "results": {"type": "dict", "required": True},
                "webhook_url": {"type": "str", "no_log": True},
                "webhook_when": {"type": "str", "choices": ["always", "failed"], "default": "always"},
            }
        )
        host = str(variables.get("inventory_hostname", "localhost"))
        commands = playbook_commands(_PLAYBOOKS, host, variables, self._loader.load)
        undo, restore = commands["rollback"], commands["restore"]
        result = outcome(host, arguments["results"], self._task.check_mode, undo, restore)
        if result is None:
            raise AnsibleActionFail(
                f"{host}: nothing was run.\nWhy: no task of this playbook that does its work came to its turn\n"
                "What to do: see which --tags, --skip-tags and --start-at-task were chosen, and what failed before\n"
                "Left as it was: no database was contacted by the tasks that are reported here"
            )
        restored = result["restore"] or {}
        if restored.get("kept_database") and not restored.get("swapped_back") and result["changed"]:
            confirm = variable("steady_confirm", str(result["database"]))
            restored["undo_command"] = f"{commands['restore']} --tags undo {confirm}"
        directory, warnings, unwritten = "", [], []
        if not self._task.check_mode:
            folder = Path(arguments["directory"]) / host_folder(host)
            try:
                directory = str(write_artifacts(folder, result, Path(arguments["templates"]), commands, operator()))
            except Exception as error:  # whatever it is: the words of what was done are said all the same
                why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
                unwritten = unwritten_lines(result, str(folder), why)
            if arguments["webhook_url"] and (result["status"] == "failed" or arguments["webhook_when"] == "always"):
                warnings = notify(arguments["webhook_url"], result)
        said = [*lines(result, directory, _not_begun(variables), self._task.diff), *unwritten]
        return {
            "changed": False,
            "msg": printable("\n".join(said)),
            "directory": directory,
            # The role fails by it when each host of the batch has said its words.
            "unwritten": bool(unwritten),
            "warnings": warnings,
        }


def _not_begun(variables: Mapping[str, Any]) -> list[str]:
    """The hosts of later batches: with a failure here they may never get their turn, and that must be said."""
    hosts = list(variables.get("ansible_play_hosts_all", []))
    batch = [host for host in variables.get("ansible_play_batch", []) if host in hosts]
    return hosts[max(hosts.index(host) for host in batch) + 1 :] if batch else []
