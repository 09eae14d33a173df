# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a JSON Schema validator finds, in words of the file: jsonschema's own messages speak Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..module_utils._support.problem import Mistake, Path, hint, kind_of, nearest, one_line, quoted
from ._migration_schema import schema

try:
    from jsonschema import Draft202012Validator
except ImportError:
    # Missing, or older than 4.0.
    Draft202012Validator = None

__all__ = ["JSONSCHEMA_MISSING", "Shape", "shape_problems"]

#: Why shape_problems would not work, None when it does.
JSONSCHEMA_MISSING = (
    None
    if Draft202012Validator is not None
    else (
        "reading a migration needs the Python package jsonschema (4.0 or later) on the controller, in the Python that "
        "runs Ansible: pip install 'jsonschema>=4'"
    )
)

_TYPES = {
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "a boolean",
    "array": "a list",
    "object": "a mapping",
}
#: What a plain scalar becomes without its writer wanting it.
_MISREAD = {"a boolean", "a number", "a date"}
_LONGEST_SHOWN = 40
#: What the semantic rules say in better words: their message is taken when they speak about the same place.
_SOFT = {"required", "pattern", "minLength", "minItems"}

Written = Callable[[Path], "str | None"]


@dataclass(frozen=True)
class Shape:
    """problems: to report. soft: to report unless a rule speaks about the same place.

    excused: places that are empty because a key beside them is misspelt; what rules say about them is no news.
    """

    problems: tuple[Mistake, ...]
    soft: tuple[Mistake, ...]
    excused: frozenset[Path]


def shape_problems(data: Any, written: Written) -> Shape:
    """What is wrong with the shape of ``data``, all at once.

    data: without the keys x-….
    written: gives the scalar at a path as the file has it, before YAML made a date or a boolean of it.
    Call it only when JSONSCHEMA_MISSING is None.
    """
    problems: list[Mistake] = []
    soft: list[Mistake] = []
    excused: set[Path] = set()
    # What stands below a key that YAML read as a boolean or a date has no path; the key is a problem of its own.
    errors = [error for error in _validator().iter_errors(data) if {type(s) for s in error.absolute_path} <= {str, int}]
    for error in errors:
        if error.validator == "additionalProperties":
            for problem, meant in _unknown_keys(error):
                problems.append(problem)
                if meant is not None:
                    excused.add((*_path(error), meant))
    mistyped = {_path(error) for error in errors if error.validator == "type"}
    for error in errors:
        if error.validator == "additionalProperties":
            continue
        # A boolean among the words of an enum fails twice; one message says both.
        if error.validator == "enum" and _path(error) in mistyped:
            continue
        problem = _problem(error, written)
        if error.validator not in _SOFT:
            problems.append(problem)
        elif problem.path not in excused:
            soft.append(problem)
    return Shape(tuple(problems), tuple(soft), frozenset(excused))


@functools.lru_cache(maxsize=1)
def _validator() -> Any:
    # jsonschema takes no key that is not a string for a pattern: whoever reads leaves the keys x-… out instead.
    return Draft202012Validator({key: value for key, value in schema().items() if key != "patternProperties"})


def _path(error: Any) -> Path:
    return tuple(error.absolute_path)


def _unknown_keys(error: Any) -> Iterator[tuple[Mistake, str | None]]:
    """Each unknown key, with the absent one that it was probably meant for. Those that are no strings are reported."""
    known = list(error.schema["properties"])
    # A key that is there already was not meant by another one: "Table" beside "table" is a key too many.
    free = [key for key in known if key not in error.instance]
    for key in error.instance:
        if not isinstance(key, str) or key in known:
            continue
        meant = nearest(key, free)
        advice = hint(key, known if meant is None else [meant])
        yield Mistake((*_path(error), key), f"unknown key {quoted(key)}; {advice}"), meant


def _problem(error: Any, written: Written) -> Mistake:
    path = _path(error)
    if error.validator == "required":
        # One error for each missing key, which jsonschema names only inside its message.
        missing = next(key for key in error.validator_value if error.message.startswith(repr(key)))
        return Mistake((*path, missing), "is missing")
    if error.validator == "type":
        return Mistake(path, _wrong_type(error, written(path)))
    if error.validator == "enum":
        return Mistake(path, _not_among(error.instance, error.validator_value))
    if error.validator in ("minLength", "minItems"):
        return Mistake(path, "is empty")
    if error.validator == "exclusiveMinimum":
        return Mistake(path, f"must be greater than {error.validator_value}")
    # "pattern" stands only at the id, about which a rule has better words; nothing else is in the schema.
    return Mistake(path, "does not have the form that the schema demands")


def _wrong_type(error: Any, written: str | None) -> str:
    types = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    *others, last = [_TYPES[name] for name in types]
    wanted = f"{', '.join(others)} or {last}" if others else last
    choices = error.schema.get("enum")
    if choices:
        wanted = f"one of: {', '.join(choices)}"
    message = f"must be {wanted}{';' if choices else ','} is {kind_of(error.instance)}"
    if error.instance is None:
        return f"{message}; give it a value, or remove the key"
    if "boolean" in types and isinstance(error.instance, str):
        return f"{message}; write true or false, without quotes"
    if {"number", "integer"} & set(types) and isinstance(error.instance, str):
        return f"{message}; write it without quotes"
    if "string" in types and written is not None and not choices and kind_of(error.instance) in _MISREAD:
        return f"{message}: YAML reads {one_line(written)[:_LONGEST_SHOWN]} so, put it in quotes"
    return message


def _not_among(value: Any, choices: list[str]) -> str:
    shown = quoted(value) if isinstance(value, str) else kind_of(value)
    meant = nearest(value, choices) if isinstance(value, str) else None
    advice = f"; did you mean {quoted(meant)}?" if meant else ""
    return f"must be one of: {', '.join(choices)}; is {shown}{advice}"
