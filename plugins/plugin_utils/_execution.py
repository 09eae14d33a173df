# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running an action's module on its host, and saying so where no module ran there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._support.values import printable

__all__ = ["execute"]


def execute(action: ActionBase, module_args: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The result of the action's module; one that says what to do where the module gave no answer."""
    return _answered(dict(action._execute_module(module_args=dict(module_args), task_vars=task_vars)))


def _answered(result: dict[str, Any]) -> dict[str, Any]:
    """The result. Where it is not the module's own, Ansible has only kept what the host wrote (module_stdout)."""
    if not result.get("failed") or "module_stdout" not in result or "status" in result:
        return result
    said = [_first_line(result.get(key)) for key in ("module_stdout", "module_stderr")]
    words = "; ".join(line for line in said if line) or "it wrote nothing"
    code = result.get("rc")
    # A shell gives 128 and the number of the signal, a local connection the number below zero.
    if isinstance(code, int) and (code < 0 or code > 128):
        text = (
            f"The module was ended on its host before it gave an answer (exit status {code}): {words}.\n"
            "What to do: find out what ended it (the host's log; it may have had too little memory), then run the same "
            "command again: it finds out what is there and goes on\n"
            "Done, and stays: what the database's journal says; steady.postgresql.journal_info shows it"
        )
    else:
        text = (
            f"The module did not start on its host (exit status {code}): {words}.\n"
            "Why: Ansible runs modules with a Python of the host, and that one gave no answer\n"
            "What to do: set ansible_python_interpreter for the host to a Python that starts there and has psycopg2; "
            'with ansible_connection=local that is "{{ ansible_playbook_python }}"\n'
            "Left as it was: nothing was changed"
        )
    result.pop("exception", None)
    return {**result, "changed": False, "status": "failed", "msg": printable(text)}


def _first_line(text: Any) -> str:
    found = re.search(r"\S.*", str(text or ""))
    return found.group().strip() if found else ""
