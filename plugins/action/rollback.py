# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the module who runs the playbook."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_argument import operator

__all__ = ["ActionModule"]


class ActionModule(ActionBase):
    """steady.postgresql.rollback"""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        return self._execute_module(module_args={"operator": operator(), **self._task.args}, task_vars=variables)
