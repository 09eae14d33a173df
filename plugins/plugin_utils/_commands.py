# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks' commands for one host, as they can be typed where this run was: with what its command line gave."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.parsing.splitter import parse_kv

from ..module_utils._connection.address import read_address
from ..module_utils._support.commands import variable
from ..module_utils._support.errors import SteadyError
from ._variables import COMMAND_LINE, Variable, all_variables

__all__ = ["carried", "playbook_commands"]

#: What is meant for one run alone: the commands say it themselves, or another run has another.
_OF_ONE_RUN = frozenset(
    (
        *COMMAND_LINE,
        *("steady_deployment", "steady_rollback_partial", "steady_rollback_only", "steady_confirm", "steady_backup"),
        *("rollback_deployment", "rollback_partial", "rollback_only", "restore_confirm", "restore_backup"),
        *("restore_swap", "restore_undo", "restore_in_place", "backup_existing", "steady_monitor_for", "monitor_for"),
    )
)
# By the name of a variable that is no variable of the collection.
_SECRET_NAME = re.compile(r"pass|pwd|(?:^|_)pw|secret|token|key|credential|auth|vault|(?:^|_)pin(?:$|_)", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"://[^/@\s\"]*:[^/@\s\"]+@|\bpass(?:word|wd|phrase)?\s*[=:]", re.IGNORECASE)
#: Options of ansible-playbook that another run needs, too: how they are written, and Ansible's default.
_OPTIONS = (
    ("vault_ids", "--vault-id", None),
    ("vault_password_files", "--vault-password-file", None),
    ("private_key_file", "--private-key", "DEFAULT_PRIVATE_KEY_FILE"),
    ("remote_user", "-u", "DEFAULT_REMOTE_USER"),
    ("connection", "-c", "DEFAULT_TRANSPORT"),
    ("ask_vault_pass", "--ask-vault-pass", "DEFAULT_ASK_VAULT_PASS"),
    ("ask_pass", "--ask-pass", "DEFAULT_ASK_PASS"),
    ("become", "--become", "DEFAULT_BECOME"),
    ("become_ask_pass", "--ask-become-pass", "DEFAULT_BECOME_ASK_PASS"),
)


def playbook_commands(
    playbooks: Sequence[str], host: str, variables: Mapping[str, Any], load: Callable[[str], Any]
) -> dict[str, str]:
    """The command of each playbook for this host alone. load: reads YAML, as the options -e are written."""
    given = [*_options(context.CLIARGS), *carried(context.CLIARGS.get("extra_vars") or (), load)]
    return {name: " ".join([_command(name, host, variables), *given]) for name in playbooks}


def _command(playbook: str, host: str, variables: Mapping[str, Any]) -> str:
    folder = Path(str(variables.get("playbook_dir", ".")))
    own = _from_here(folder / f"{playbook}.yml")
    name = f"steady.postgresql.{playbook}" if "ansible_collections" in folder.parts else own
    sources = variables.get("ansible_inventory_sources") or []
    inventories = [f"-i {shlex.quote(_from_here(Path(str(source))))}" for source in sources]
    return " ".join(["ansible-playbook", shlex.quote(name), *inventories, f"--limit {shlex.quote(host)}"])


def _from_here(path: Path) -> str:
    """The path as a person in the working directory would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _options(given: Mapping[str, Any]) -> list[str]:
    said = []
    for key, option, default in _OPTIONS:
        value = given.get(key)
        if not value or (default and value == getattr(constants, default, None)):
            continue
        values = [value] if isinstance(value, (str, bool)) else value
        said += [option if one is True else f"{option} {shlex.quote(str(one))}" for one in values]
    return said


def carried(options: Sequence[str], load: Callable[[str], Any]) -> list[str]:
    """The options -e of this run for another one. Of a secret only the variable's name is said, with an ellipsis."""
    known = all_variables() if options else {}
    said: dict[str, str] = {}
    for option in (str(one) for one in options if one):
        if option.startswith("@"):
            said[option] = "-e " + shlex.quote(f"@{_from_here(Path(option[1:]))}")
            continue
        values = load(option) if option[0] in "[{" else parse_kv(option)
        for name, value in values.items() if isinstance(values, Mapping) else ():
            if name not in _OF_ONE_RUN and name != "_raw_params":
                hide = "!vault" in option or _secret(name, value, known.get(name))
                said[name] = "-e " + shlex.quote(f"{name}=…") if hide else _given(name, value)
    return list(said.values())


def _given(name: str, value: Any) -> str:
    if isinstance(value, str) and not re.search(r"\{[{%#]", value):
        return variable(name, str(value))
    # A template stays one.
    return "-e " + shlex.quote(json.dumps({name: value}, ensure_ascii=False, default=str))


def _secret(name: str, value: Any, known: Variable | None) -> bool:
    """Whether a value must not be shown. A migration, which is a mapping, may have values of rows in it."""
    if name.endswith(("_database_url", "_proof_url")):
        try:
            return bool(read_address(str(value)).secrets)
        except SteadyError:
            return True
    if _SECRET_VALUE.search(json.dumps(value, default=str)):
        return True
    if known is None:
        return _SECRET_NAME.search(name) is not None
    return known.secret or (name.endswith("_migration") and not isinstance(value, str))
