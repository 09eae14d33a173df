# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the evidence of a run on the controller, and says the outcome."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.steady.postgresql.plugins.plugin_utils._artifacts import write_artifacts
from ansible_collections.steady.postgresql.plugins.plugin_utils._outcome import lines, outcome

__all__ = ["ActionModule"]


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
                "template": {"type": "path", "required": True},
                "results": {"type": "dict", "required": True},
            }
        )
        host = str(variables.get("inventory_hostname", "localhost"))
        result = outcome(host, arguments["results"])
        directory = ""
        if not self._task.check_mode:
            folder = Path(arguments["directory"]) / re.sub(r"[^\w.@+-]", "_", host)
            try:
                directory = str(write_artifacts(folder, result, Path(arguments["template"])))
            except OSError as error:
                raise AnsibleActionFail(
                    f"The report could not be written to {folder}: {error.strerror}.\n"
                    "What to do: set steady_artifacts_dir to a writable folder; the database is not concerned"
                ) from None
        text = lines(result, directory, _not_begun(variables), self._task.check_mode)
        # What the operator reads, printed without -v; the rest is in the files.
        return {"changed": False, "msg": "\n".join(text), "_ansible_verbose_always": True}


def _not_begun(variables: Mapping[str, Any]) -> list[str]:
    """The hosts of later batches: with a failure here they may never get their turn, and that must be said."""
    hosts = list(variables.get("ansible_play_hosts_all", []))
    batch = [host for host in variables.get("ansible_play_batch", []) if host in hosts]
    return hosts[max(hosts.index(host) for host in batch) + 1 :] if batch else []
