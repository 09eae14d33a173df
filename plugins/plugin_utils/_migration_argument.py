# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option `migration` of an action: a name, a path or a mapping, checked before anything is connected to."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ._migration_file import MigrationFileError, find, find_folder, load, load_folder, without_extensions
from ._sql.acceptance import acceptance_problem, decisions
from ._sql.values import Decision

__all__ = ["folder_of", "operator", "read_argument", "search_folders", "shows_rows"]


def read_argument(action: ActionBase, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The option `migration` of a task as a mapping. Hazards that steady_accept decides about are accepted.

    A folder of migrations is a mapping of its id and its `migrations`.

    Raises AnsibleActionFail with every error of the file, each with its place.
    """
    value = action._task.args.get("migration")
    if isinstance(value, Mapping):
        return without_extensions(value)
    if not value:
        raise AnsibleActionFail(
            "No migration is named.\nWhat to do: set steady_migration to a name in migrations/ or to a path\n"
            "Left as it was: the database was not contacted"
        )
    if isinstance(value, (list, tuple)):
        raise AnsibleActionFail(
            "steady_migration is a list: several migrations at once are for review.yml.\n"
            "What to do: name one migration\nLeft as it was: the database was not contacted"
        )
    made = _decisions(action, task_vars)
    try:
        folder = folder_of(action, task_vars)
        if folder is not None:
            return load_folder(folder, made, str(action._task.args.get("baseline") or ""))
        return load(find(str(value), search_folders(task_vars)), made)
    except MigrationFileError as error:
        raise AnsibleActionFail(f"{error}\nLeft as it was: the database was not contacted") from None


def folder_of(action: ActionBase, task_vars: Mapping[str, Any]) -> Path | None:
    """The folder of several migrations that the option `migration` of a task names; None for everything else."""
    value = action._task.args.get("migration")
    return find_folder(value, search_folders(task_vars)) if isinstance(value, str) and value else None


def search_folders(task_vars: Mapping[str, Any]) -> list[Path]:
    """The folders in which a migration is found by its name."""
    playbook = Path(str(task_vars.get("playbook_dir", ".")))
    return list(dict.fromkeys([Path("migrations"), playbook / "migrations", playbook.parent / "migrations"]))


def _decisions(action: ActionBase, task_vars: Mapping[str, Any]) -> list[Decision]:
    made = action._templar.template(task_vars.get("steady_accept") or [])
    wrong = acceptance_problem(made)
    if wrong:
        raise AnsibleActionFail(f"steady_accept: {wrong}\nLeft as it was: the database was not contacted")
    return decisions(made)


def shows_rows(arguments: Mapping[str, Any]) -> bool:
    """The option `show_rows` of an action: whether values of rows may leave the database."""
    return bool(boolean(arguments.get("show_rows", False)))


def operator() -> str:
    """Who runs the playbook, for the journal."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry for its user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
