# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the page over all databases of a play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils._artifacts import host_folder
from ..plugin_utils._fleet import write_fleet_page

__all__ = ["ActionModule"]


class ActionModule(ActionBase):
    """steady.postgresql.fleet_report"""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        _specification, arguments = self.validate_argument_spec(
            argument_spec={
                "directory": {"type": "path", "required": True},
                "templates": {"type": "path", "required": True},
            }
        )
        if self._task.check_mode:
            return {"changed": False, "skipped": True, "msg": "check mode writes no reports"}
        folder = Path(arguments["directory"])
        hosts = {str(host): host_folder(str(host)) for host in variables.get("ansible_play_hosts_all", [])}
        try:
            page = write_fleet_page(folder, hosts, Path(arguments["templates"]))
        except OSError as error:
            raise AnsibleActionFail(
                f"The page over all databases could not be written to {folder}: {error.strerror}.\n"
                "Why: only this page failed; the lines above and its own report say what was done with each database\n"
                "What to do: set steady_artifacts_dir to a folder that can be written, and run the same command again, "
                "which also continues with the hosts that are not begun"
            ) from None
        return {"changed": False, "path": str(page), "msg": f"all {len(hosts)} databases: {page}"}
