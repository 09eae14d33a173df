# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL takes as a name, and what it takes as SQL text, as far as one can say without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import entry as _entry
from .problem import Mistake, quoted

__all__ = [
    "LONGEST_NAME",
    "derived_name_problems",
    "is_sentence",
    "name_fault",
    "name_problems",
    "sql_fault",
    "sql_problems",
    "text_problems",
]

#: Bytes in the database's encoding: NAMEDATALEN - 1 of every server that was not compiled otherwise.
LONGEST_NAME = 63


def is_sentence(words: str) -> bool:
    """Whether a text says something, such as who takes the backup and when: it has three words at least."""
    return len(words.split()) >= 3


def name_fault(name: str) -> str | None:
    """Why PostgreSQL could not keep ``name`` as it is; None when it can. Case, quotes, dots and spaces are fine."""
    if not name:
        return "is empty; PostgreSQL has no empty names: write the name, or leave the key out"
    fault = _character_fault(name)
    if fault:
        return f"the name {quoted(name)} {fault}"
    # A character has one byte or more: how many is the database's to say.
    if len(name) > LONGEST_NAME:
        size = str(len(name)) if name.isascii() else f"more than {LONGEST_NAME}"
        return (
            f"the name {quoted(name)} has {size} bytes; PostgreSQL keeps {LONGEST_NAME} and cuts off the rest "
            "without an error: choose a shorter name"
        )
    return None


def sql_fault(sql: str) -> str | None:
    """Why ``sql`` cannot even be sent; None when it can. What it means is for the server to say."""
    if not sql.strip():
        return "is empty: here belongs SQL text"
    fault = _character_fault(sql)
    return f"the SQL text {fault}" if fault else None


def name_problems(entry: Mapping[str, Any], *keys: str) -> Iterator[Mistake]:
    """The faults of the names under ``keys``, each a name or a list of names; other values are passed over."""
    for key in keys:
        name = _entry.text(entry, key)
        fault = None if name is None else name_fault(name)
        if fault:
            yield Mistake((key,), fault)
        for position, item in _entry.texts(entry, key):
            fault = name_fault(item)
            if fault:
                yield Mistake((key, position), fault)


def derived_name_problems(derived: str | None) -> Iterator[Mistake]:
    """The fault of a name that was made from those of table and columns, with what to do about it."""
    fault = None if derived is None else name_fault(derived)
    if fault:
        yield Mistake(("name",), f"there is none, and of the one made from table and columns: {fault}")


def sql_problems(entry: Mapping[str, Any], *keys: str) -> Iterator[Mistake]:
    """The faults of the SQL texts under ``keys``; other values are passed over."""
    for key in keys:
        sql = _entry.text(entry, key)
        fault = None if sql is None else sql_fault(sql)
        if fault:
            yield Mistake((key,), fault)


def text_problems(entry: Mapping[str, Any], *keys: str) -> Iterator[Mistake]:
    """The faults of texts that the database shall keep, such as a description: any, also none, but storable."""
    for key in keys:
        text = _entry.text(entry, key)
        fault = None if text is None else _character_fault(text)
        if fault:
            yield Mistake((key,), fault)


def _character_fault(written: str) -> str | None:
    if "\0" in written:
        return "holds a NUL character, which PostgreSQL takes in no text: remove it"
    # YAML's "\ud800" makes such a thing, and every attempt to send or print it would fail.
    if any("\ud800" <= character <= "\udfff" for character in written):
        return "holds half of a surrogate pair, which is not a character: write the whole character"
    return None
