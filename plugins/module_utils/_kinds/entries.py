# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between the entries of one section of a migration."""

from __future__ import annotations

from typing import Any, Callable, Dict, Hashable, Iterator, Mapping, Optional, Tuple

from .._support import entry as _entry
from .._support.problem import Mistake

__all__ = ["absent", "of_table", "repeated", "second", "twice"]

Entry = Mapping[str, Any]


def repeated(
    holder: Entry, section: str, identity: Callable[[Entry], Optional[Hashable]]
) -> Iterator[Tuple[int, Entry, int]]:
    """Each entry whose identity an earlier one has: its position, itself, and the position of the first such one."""
    first: Dict[Hashable, int] = {}
    for position, entry in _entry.mappings(holder, section):
        value = identity(entry)
        if value is None:
            continue
        if value in first:
            yield position, entry, first[value]
        first.setdefault(value, position)


def second(section: str, position: int, earlier: int, what: str, contrary: bool) -> Mistake:
    """An entry about what an earlier one is about."""
    verb = "contradicts" if contrary else "repeats"
    return Mistake((section, position), f"{verb} {section}[{earlier}], which is about {what} too: keep one of them")


def twice(
    migration: Entry, section: str, identity: Callable[[Entry], Optional[Hashable]], what: Callable[[Entry], str]
) -> Iterator[Mistake]:
    """Entries about the same object, as identity says; what: that object in words. state says what each wants of it."""
    for position, entry, earlier in repeated(migration, section, identity):
        contrary = absent(entry) is not absent(migration[section][earlier])
        yield second(section, position, earlier, what(entry), contrary)


def of_table(entry: Entry, name: Optional[str]) -> Optional[Hashable]:
    """What tells an object of a table from all others; None where its table or its name cannot be read."""
    table = _entry.text(entry, "table")
    return None if table is None or name is None else (table, name)


def absent(entry: Entry) -> bool:
    return bool(entry.get("state") == "absent")
