# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how far a backup is, and fetches it to the controller."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._support.name_rules import is_sentence
from ..plugin_utils._fetch import fetch_backup
from ..plugin_utils._migration_argument import operator
from ..plugin_utils._progress import run_with_progress

__all__ = ["ActionModule"]


class ActionModule(ActionBase):
    """steady.postgresql.backup"""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        elsewhere = str(self._task.args.get("elsewhere") or "").strip()
        if elsewhere:
            return _elsewhere(elsewhere)
        arguments = {"operator": operator(), **self._task.args}
        destination = arguments.get("fetch_to")
        result = run_with_progress(self, arguments, variables, "backup")
        if destination and result.get("status") == "succeeded":
            backup = result["backup"]
            copy = fetch_backup(self, backup["path"], backup["files"], str(destination), variables)
            backup["copies"] = [*backup["copies"], copy]
        return result


def _elsewhere(words: str) -> dict[str, Any]:
    """Somebody stands for the backup. That is a sentence for the report, not a switch."""
    if not is_sentence(words):
        raise AnsibleActionFail(
            f"steady_backup_elsewhere says {words!r}: that is not a sentence.\n"
            "What to do: say in a sentence what takes the backup and when, such as 'Barman on db-backup-1, every "
            "night'; the report repeats it\nLeft as it was: nothing was changed"
        )
    return {
        "changed": False,
        "status": "succeeded",
        "backup": {"status": "elsewhere", "detail": words},
    }
