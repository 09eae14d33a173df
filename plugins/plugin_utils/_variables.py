# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a run: which there are, and what is wrong with the ones that are set.

The roles' argument_specs.yml say which variables there are, of which type, with which choices; a role's variable that
takes its default from a variable steady_… says the same of that one. What a type cannot say is in _VALUES, by the end
of the name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_list

from ..module_utils._preflight.checks import CHECKS
from ..module_utils._preflight.finding import severities
from ..module_utils._support.duration import milliseconds, seconds_or_off
from ..module_utils._support.errors import SteadyError
from ..module_utils._support.name_rules import is_sentence
from ..module_utils._support.size import size_bytes
from ._sql.acceptance import acceptance_problem

__all__ = [
    "COMMAND_LINE",
    "Variable",
    "all_variables",
    "known_variables",
    "misspelt",
    "relation_problems",
    "value_problem",
]

#: Keywords of plays: read before any host's variables are, so only -e gives them.
COMMAND_LINE = ("steady_serial", "steady_max_fail_percentage")
_PREFIX = "steady_"
# So alike must a name of a role be to one that is known: others may be an inventory's own.
_ALIKE = 0.85
# steady_lock_patience becomes a lock_timeout (PostgreSQL documentation, 19.11.1: an integer of milliseconds).
_LONGEST_SETTING_MS = 2**31 - 1


@dataclass(frozen=True)
class Variable:
    """What a variable may be. optional: it may be empty. default: the text that stands in the role's defaults."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    secret: bool = False
    optional: bool = False
    default: Any = None

    @property
    def contacted(self) -> bool:
        """The address that the first module of the run connects to: it judges that itself."""
        return self.name.endswith("_database_url")


def known_variables(roles: Path, load: Callable[[str], Any]) -> dict[str, Variable]:
    """All variables of the collection, by name. roles: its folder of roles. load: reads a YAML file."""
    known = {
        "steady_serial": Variable("steady_serial", "serial"),
        "steady_max_fail_percentage": Variable("steady_max_fail_percentage", "percentage"),
    }
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        for entry_point in load(str(path))["argument_specs"].values():
            for name, option in (entry_point.get("options") or {}).items():
                known.update((variable.name, variable) for variable in _of_option(name, option))
    return known


def all_variables() -> dict[str, Variable]:
    """Those of this collection's own roles."""

    def read(path: str) -> Any:
        return yaml.load(Path(path).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    return known_variables(Path(__file__).resolve().parents[2] / "roles", read)


def _of_option(name: str, option: Mapping[str, Any]) -> Iterator[Variable]:
    """The role's variable, and the one for the whole inventory from which it takes its default."""
    default = option.get("default")
    text = str(default)
    empty = default in (None, "", [], {}) or re.search(r"default\((?:''|none|\[\]|\{\}|lookup)", text) is not None
    choices = tuple(str(choice) for choice in option.get("choices") or ())
    secret = bool(option.get("no_log"))
    yield Variable(name, option["type"], choices, secret, empty, default)
    found = re.match(r"\{\{ (steady_\w+) \| default\(", text)
    if found:
        yield Variable(found.group(1), option["type"], choices, secret, empty)


def misspelt(given: Mapping[str, Any], typed: Mapping[str, Any], known: Mapping[str, Variable]) -> list[str]:
    """Names that are none. given: all variables of the host, as they are written. typed: those of -e.

    What begins with steady_ is the collection's, unless another variable is made of it. A role's name belongs to
    inventories, too: only what was typed and is like a known one is a mistake there.
    """
    wrong = []
    roles = {name.split("_")[0] for name in known} - {"steady"}
    for name in sorted(set(given) - set(known)):
        if name.startswith(_PREFIX):
            if not _is_used(name, given):
                own = [one.removeprefix(_PREFIX) for one in known if one.startswith(_PREFIX)]
                near = difflib.get_close_matches(name.removeprefix(_PREFIX), own, n=1)
                wrong.append(f"{name}: there is no such variable" + (f"; {_PREFIX}{near[0]} is meant?" if near else ""))
        elif name in typed and name.split("_")[0] in roles:
            near = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
            wrong += [f"{name}: there is no such variable; {near[0]} is meant?"] if near else []
    return wrong


def _is_used(name: str, given: Mapping[str, Any]) -> bool:
    """Whether another variable is made of it: its template names it."""
    word = re.compile(rf"\{{[{{%].*\b{re.escape(name)}\b", re.DOTALL)
    return any(
        other not in (name, "vars") and isinstance(value, (str, list, dict)) and word.search(str(value)) is not None
        for other, value in given.items()
    )


def value_problem(variable: Variable, value: Any) -> str | None:
    """What is wrong with the value, in a sentence that begins with the variable's name; None: nothing."""
    if value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value):
        return None if variable.optional else f"{variable.name}: is empty; leave it out, or give it a value"
    try:
        _TYPES[variable.type](variable.name, value)
        if variable.choices and str(value) not in variable.choices:
            raise ValueError(
                f"{variable.name}: {_shown(variable, value)} is not one of {', '.join(filter(None, variable.choices))}"
            )
        judge = next((judge for end, judge in _VALUES.items() if variable.name.endswith(end)), None)
        if judge is not None:
            judge(value, variable.name)
        elif isinstance(value, bool) and variable.type == "str":
            raise ValueError(f"{variable.name}: a text is wanted; in quotes, YAML takes yes, no, on and off for one")
    except ValueError as error:
        return str(error)
    return None


def relation_problems(value: Callable[[str], Any]) -> list[str]:
    """What is wrong with values that are right by themselves. value: of a variable by its name, None when unset."""
    wrong = []
    for role in ("apply", "rollback"):
        action, applications, roles = (
            value(f"{role}_{name}") or value(f"steady_{name}")
            for name in ("on_blocker", "on_blocker_applications", "on_blocker_roles")
        )
        if action in ("cancel", "terminate") and not applications and not roles:
            wrong.append(
                f"steady_on_blocker: {action} needs steady_on_blocker_applications or steady_on_blocker_roles, which "
                "name those whose sessions may be ended"
            )
    if value("backup_encrypt_to") and not value("backup_encrypt_with"):
        wrong.append("backup_encrypt_to: names recipients, but backup_encrypt_with names no program: age or gpg")
    if value("backup_encrypt_with") and not value("backup_encrypt_to"):
        wrong.append("backup_encrypt_with: names a program, but backup_encrypt_to names no recipient")
    if value("backup_proof") == "restore" and "supabase_cli" in (
        value("steady_backup_method"),
        value("backup_method"),
    ):
        wrong.append("backup_proof: restore cannot be done with what the Supabase CLI takes")
    return list(dict.fromkeys(wrong))


def _shown(variable: Variable, value: Any) -> str:
    return "the value" if variable.secret else f'"{value}"'


# -- types: what Ansible's own checks of a role take, and no container or truth value for a text -----------------------


def _text(name: str, value: Any) -> None:
    if isinstance(value, (Mapping, list, tuple)):
        raise ValueError(f"{name}: a text is wanted, not a {'mapping' if isinstance(value, Mapping) else 'list'}")


def _truth(name: str, value: Any) -> None:
    try:
        check_type_bool(value)
    except TypeError:
        raise ValueError(f'{name}: "{value}" is neither true nor false') from None


def _list(name: str, value: Any) -> None:
    try:
        entries = check_type_list(value)
    except TypeError:
        raise ValueError(f"{name}: a list is wanted") from None
    for entry in entries:
        if entry is None or isinstance(entry, (Mapping, list, tuple)):
            raise ValueError(f"{name}: a list of texts is wanted")


def _mapping(name: str, value: Any) -> None:
    try:
        check_type_dict(value)
    except TypeError:
        raise ValueError(f"{name}: a mapping is wanted") from None


def _serial(name: str, value: Any) -> None:
    for one in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(one, bool) or re.fullmatch(r"\d+%?", str(one)) is None:
            raise ValueError(
                f'{name}: "{one}" is neither a number of hosts nor a percentage; write for example 1 or 25%'
            )
        count = int(str(one).rstrip("%"))
        if count < 1 or (str(one).endswith("%") and count > 100):
            raise ValueError(f'{name}: "{one}" is not a number of hosts from 1 on, nor from 1% to 100%')


def _percentage(name: str, value: Any) -> None:
    if isinstance(value, bool) or re.fullmatch(r"\d+(\.\d+)?", str(value)) is None or float(value) > 100:
        raise ValueError(f'{name}: "{value}" is not a number from 0 to 100')


_TYPES: dict[str, Callable[[str, Any], None]] = {
    "str": _text,
    "raw": lambda name, value: None,
    "bool": _truth,
    "list": _list,
    "dict": _mapping,
    "serial": _serial,
    "percentage": _percentage,
}


# -- values, by the end of the name ------------------------------------------------------------------------------------


def _duration(value: Any, name: str) -> None:
    milliseconds(value, name)


def _setting(value: Any, name: str) -> None:
    if milliseconds(value, name) > _LONGEST_SETTING_MS:
        raise ValueError(f'{name}: "{value}" is longer than PostgreSQL\'s lock_timeout can be: 596h')


def _count(least: int) -> Callable[[Any, str], None]:
    def judge(value: Any, name: str) -> None:
        if isinstance(value, bool) or re.fullmatch(r"\d+", str(value).strip()) is None or int(value) < least:
            raise ValueError(f'{name}: "{value}" is not a whole number from {least} on')

    return judge


def _expectation(value: Any, name: str) -> None:
    for key, text in check_type_dict(value).items():
        if key not in ("database", "system_identifier"):
            raise ValueError(f'{name}: there is no key "{key}"; it has database and system_identifier')
        if isinstance(text, (Mapping, list, tuple)):
            raise ValueError(f"{name}: {key} is a text")


def _severities(value: Any, name: str) -> None:
    try:
        severities(check_type_dict(value), CHECKS)
    except SteadyError as error:
        raise ValueError(f"{name}: {error.why}") from None


def _sentence(value: Any, name: str) -> None:
    if not is_sentence(str(value)):
        raise ValueError(
            f'{name}: "{value}" is no sentence; say what takes the backup and when, such as "Barman on db-backup-1, '
            'every night"'
        )


def _compression(value: Any, name: str) -> None:
    if re.fullmatch(r"none|(?:zstd|lz4|gzip)(?::\d{1,2})?", str(value)) is None:
        raise ValueError(f'{name}: "{value}" is no compression of pg_dump; write for example zstd:3, lz4, gzip or none')


def _web_address(value: Any, name: str) -> None:
    # A secret, as Slack's are: not shown.
    if re.match(r"https?://[^/\s]+", str(value)) is None:
        raise ValueError(f"{name}: is not an address that begins with http:// or https://")


def _migration(value: Any, name: str) -> None:
    ones = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(one, (str, Mapping)) for one in ones):
        raise ValueError(f"{name}: a name in migrations/, a path or a mapping is wanted; for review.yml also a list")


def _acceptance(value: Any, name: str) -> None:
    problem = acceptance_problem(value)
    if problem:
        raise ValueError(f"{name}: {problem}")


def _formats(value: Any, name: str) -> None:
    for one in check_type_list(value):
        if one not in ("github", "gitlab"):
            raise ValueError(f'{name}: there is no format "{one}"; there are github and gitlab')


_VALUES: dict[str, Callable[[Any, str], object]] = {
    "_lock_budget": _setting,
    "_lock_patience": _setting,
    "_old_transaction": _duration,
    "monitor_for": _duration,
    "monitor_interval": _duration,
    "monitor_unused_after": _duration,
    "monitor_slow_query": _duration,
    "monitor_blocked": _duration,
    "monitor_idle_in_transaction": _duration,
    "monitor_long_transaction": _duration,
    "_max_replica_lag": seconds_or_off,
    "_disk_allowance": size_bytes,
    "_parallel": _count(1),
    "_jobs": _count(1),
    "_keep_count": _count(1),
    "_keep_days": _count(1),
    "_expect": _expectation,
    "_severity": _severities,
    "_elsewhere": _sentence,
    "_webhook_url": _web_address,
    "_compression": _compression,
    "_migration": _migration,
    "_accept": _acceptance,
    "_formats": _formats,
    "backup_exclude_schemas": lambda value, name: _list(name, value),
}
