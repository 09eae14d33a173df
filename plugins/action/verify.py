# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the migration file on the controller, and judges there what its queries answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._support.values import printable
from ..plugin_utils._execution import execute
from ..plugin_utils._expectation import judge_queries
from ..plugin_utils._migration_argument import read_argument, shows_rows

__all__ = ["ActionModule"]

_TODO = (
    "What to do: run deploy.yml for what the migration names; of what was changed since a deployment, find out who "
    "changed it, and change it back or describe it in a migration\nLeft as it was: nothing was changed by checking"
)


class ActionModule(ActionBase):
    """steady.postgresql.verify"""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        arguments = dict(self._task.args)
        arguments["migration"] = read_argument(self, variables)
        result = execute(self, arguments, variables)
        if result.get("failed") or "verification" not in result:
            return result
        wrong = judge_queries(result, shows_rows(arguments))
        result["status"] = "failed" if wrong else "succeeded"
        if wrong:
            total = len(result["verification"])
            lines = [line for check in wrong for line in _lines(check)]
            result["failed"] = True
            said = [f"{len(wrong)} of {total} checks failed:", *lines, _TODO]
            result["msg"] = printable("\n".join(said))
        return result


def _lines(check: Mapping[str, Any]) -> list[str]:
    """A failed check, with what stood there and what does where both are known."""
    images = [
        f"  {word}: {check[key]}" for key, word in (("before", "was left as"), ("after", "is now")) if key in check
    ]
    return [f"- {check['name']}: {check['detail']}", *images]
