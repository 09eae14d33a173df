# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the module who runs the playbook, and shows how far it is."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils._migration_argument import operator
from ..plugin_utils._progress import run_with_progress

__all__ = ["ActionModule"]


class ActionModule(ActionBase):
    """steady.postgresql.rollback"""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        return run_with_progress(self, {"operator": operator(), **self._task.args}, variables, "rollback")
