# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON values out of a table that others may have written: each is read into the type that it must have, or refused.

Every reader raises ValueError with what is wrong, as a sentence without its subject.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Tuple

from .sqltext import NAME_LIMIT, is_one_expression
from .values import printable

__all__ = [
    "Form",
    "Reader",
    "digits",
    "expression",
    "flag",
    "form",
    "list_of",
    "mapping",
    "name",
    "number",
    "or_none",
    "pairs",
    "shown",
    "text",
    "word",
]

Reader = Callable[[Any], Any]
#: The reader of each key, and what an older collection that did not write the key means by that.
Form = Mapping[str, Tuple[Any, ...]]


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is no text: {shown(value)}")
    return value


def expression(value: Any) -> str:
    """SQL that is put into a statement: it must stay within its parentheses."""
    if not is_one_expression(text(value)):
        raise ValueError(f"is no SQL expression: {shown(value)}")
    return str(value)


def name(value: Any) -> str:
    # In some encodings a character has fewer bytes than in UTF-8, and in none less than one.
    if not value or len(text(value)) > NAME_LIMIT:
        raise ValueError(f"is no name: {shown(value)}")
    return str(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is neither true nor false: {shown(value)}")
    return value


def number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"is no whole number: {shown(value)}")
    return value


def word(*words: str) -> Reader:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"is none of {', '.join(words)}: {shown(value)}")
        return str(value)

    return read


def or_none(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def list_of(reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError(f"is no list: {shown(value)}")
        return [reader(item) for item in value]

    return read


def pairs(key: Reader, reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        return {key(one): reader(other) for one, other in mapping(value).items()}

    return read


def mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"is no object: {shown(value)}")
    return value


def form(keys: Form) -> Reader:
    def read(value: Any) -> Dict[str, Any]:
        image = mapping(value)
        unknown = sorted(set(image) - set(keys))
        if unknown:
            raise ValueError(f"has what this version does not know: {shown(unknown[0])}")
        result = {}
        for key, (reader, *default) in keys.items():
            if key not in image and not default:
                raise ValueError(f"has no {key}")
            try:
                result[key] = reader(image[key]) if key in image else default[0]
            except ValueError as error:
                raise ValueError(f"{key} {error}") from None
        return result

    return read


def digits(value: Any) -> str:
    if not text(value).isascii() or not value.isdigit():
        raise ValueError(f"is no number: {shown(value)}")
    return str(value)


def shown(value: Any) -> str:
    text = printable(repr(value))
    return text if len(text) <= 80 else text[:79] + "…"
