# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the migration file on the controller and hands its content to the module."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils._execution import execute
from ..plugin_utils._expectation import judge_queries
from ..plugin_utils._findings import finding_summary
from ..plugin_utils._migration_argument import read_argument, shows_rows

__all__ = ["ActionModule"]


class ActionModule(ActionBase):
    """steady.postgresql.preflight"""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        arguments = dict(self._task.args)
        arguments["migration"] = read_argument(self, variables)
        result = execute(self, arguments, variables)
        if "verification" in result:
            result["verified"] = not judge_queries(result, shows_rows(arguments))
        if "preflight" in result:
            result["said"] = finding_summary(result["preflight"])
        return result
