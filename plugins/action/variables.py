# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks all variables of a run, and that its report can be written, before anything is connected to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.validation import check_type_path
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ..plugin_utils._artifacts import refuse_unwritable
from ..plugin_utils._variables import (
    COMMAND_LINE,
    Variable,
    all_variables,
    misspelt,
    relation_problems,
    value_problem,
)

__all__ = ["ActionModule"]

#: The role report's, which the other roles' playbooks all have.
_ARTIFACTS = "report_artifacts_dir"


class ActionModule(ActionBase):
    """steady.postgresql.variables"""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        _specification, arguments = self.validate_argument_spec(
            argument_spec={"without_inventory": {"type": "bool", "default": False}}
        )
        host = str(variables.get("inventory_hostname", "localhost"))
        # Where the inventory has no host, Ansible would say "no hosts matched" and exit with 0; the playbooks then run
        # on localhost, to say so and to fail.
        optional = arguments["without_inventory"] and not _inventory_is_named()
        if host not in variables.get("groups", {}).get("all", [host]) and not optional:
            sources = ", ".join(str(source) for source in variables.get("ansible_inventory_sources") or [])
            raise AnsibleActionFail(
                f"The inventory has no host, so nothing was done. Check the path after -i ({sources})."
            )
        known = all_variables()
        typed = load_extra_vars(self._loader)
        problems = misspelt(variables, typed, known)
        problems += self._not_typed(variables, typed)
        values: dict[str, Any] = {}
        for variable in known.values():
            if variable.name in variables and not variable.contacted:
                problem = self._problem(variable, variables[variable.name], values)
                problems += [problem] if problem else []
        problems += relation_problems(values.get)
        if problems:
            count = "One variable is" if len(problems) == 1 else f"{len(problems)} variables are"
            raise AnsibleActionFail(
                "\n".join(
                    [
                        f"{count} not valid:",
                        *(f"- {problem}" for problem in problems),
                        "What to do: correct what the inventory or -e says; docs/inventories.md lists all variables",
                        "Left as it was: no database was contacted",
                    ]
                )
            )
        self._try_artifacts(variables, values)
        return {"changed": False}

    def _try_artifacts(self, variables: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """What was done must reach somebody: refused is a run that could not write it down. --check writes nothing."""
        if _ARTIFACTS not in variables or self._task.check_mode:
            return
        folder = Path(check_type_path(str(values.get(_ARTIFACTS) or self._templar.template(variables[_ARTIFACTS]))))
        host = str(variables.get("inventory_hostname", "localhost"))
        try:
            refuse_unwritable(folder, host, together=len(variables.get("ansible_play_hosts_all") or []) > 1)
        except OSError as error:
            raise AnsibleActionFail(
                f"The report of this run could not be written: {error.filename or folder}: {error.strerror}.\n"
                "Why: the artifacts folder is tried before anything is changed; a report that cannot be written would "
                "lose what was done\n"
                "What to do: set steady_artifacts_dir to a folder on this machine that the account which runs "
                "ansible-playbook can write to\n"
                "Left as it was: no database was contacted"
            ) from None

    def _problem(self, variable: Variable, written: Any, values: dict[str, Any]) -> str | None:
        """What is wrong with the variable; values gets what its template makes."""
        if written == variable.default:
            return None  # the role's own, made of variables that are looked at by themselves
        try:
            value = self._templar.template(written)
        except AnsibleUndefinedVariable as error:
            return f"{variable.name}: {str(error).splitlines()[0]}"
        except AnsibleError as error:  # whose words may repeat what the template is made of
            return f"{variable.name}: its template cannot be evaluated ({type(error).__name__})"
        problem = value_problem(variable, value)
        if problem is None:
            values[variable.name] = value
        return problem

    def _not_typed(self, variables: Mapping[str, Any], typed: Mapping[str, Any]) -> list[str]:
        """Keywords of plays that a host's variables say: Ansible would not read them there, and say nothing."""
        play = self._task.get_play()
        return [
            f"{name}: is read from the command line only; give it with -e"
            for name in COMMAND_LINE
            if name in variables and name not in typed and name not in play.vars
        ]


def _inventory_is_named() -> bool:
    """Whether -i names an inventory; otherwise Ansible has its default, which may be none."""
    return list(context.CLIARGS.get("inventory") or []) != list(C.DEFAULT_HOST_LIST)
