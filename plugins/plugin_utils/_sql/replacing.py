# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An object that a file drops and makes anew under its name: replaced in one step, or gone for a while."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .values import Entry, Hazard, Statement

__all__ = ["as_long_as_it_takes", "identity_of", "separates", "told_of_gaps"]

#: The sentence by which the readers of statements say that there is no gap.
_ALWAYS_ONE = re.compile(r"[^.]*\bthere always is one\.\s*")
#: Hazards of running for as long as it takes: who accepts one of them wants that.
_LONG = ("table_rewrite", "blocks_reads", "blocks_writes", "unknown_locks")


def identity_of(entry: Entry) -> Hashable:
    """What tells the object from all others of the migration; the name of an index is one in its schema."""
    name = entry.content["name"]
    if entry.section == "statements":
        return (entry.section, name)
    return (entry.section, entry.schema, None if entry.section == "indexes" else entry.content["table"], name)


def as_long_as_it_takes(content: Mapping[str, Any], hazards: Iterable[Hazard]) -> bool:
    """Whether a statement has no limit, once these of its hazards are accepted."""
    return "limit_ms" not in content and any(one.name in _LONG for one in hazards)


def separates(between: Entry, first: Entry, second: Entry) -> bool:
    """Whether a statement that is run as it is written is about the table of an object that stands before and after it,
    so that it is not the same object for the plan.
    """
    locks = between.content.get("locks")
    if not locks:
        return between.content.get("limit_ms") == 0
    if second.section == "foreign_keys":
        return True  # it may drop or change the other end of the key
    tables = {one.content.get("table") for one in (first, second)}
    return any(lock["table"] in tables for lock in locks)


@dataclass(frozen=True)
class _Part:
    """An entry as it is once the statement's hazards are decided, and the number of the statement."""

    number: int
    entry: Entry


def _parts(statements: Sequence[Statement]) -> list[_Part]:
    parts = []
    for number, one in enumerate(statements):
        long = [hazard for hazard in one.hazards if not hazard.bounded]
        for entry in one.entries or ():
            if entry.section == "statements" and as_long_as_it_takes(entry.content, long):
                entry = replace(entry, content={**entry.content, "limit_ms": 0})
            parts.append(_Part(number, entry))
    return parts


def told_of_gaps(statements: Sequence[Statement]) -> list[Statement]:
    """The statements; those between which an object is not there say so, in place of what its reader took for sure."""
    parts = _parts(statements)
    dropped: dict[Hashable, int] = {}
    told = list(statements)
    for place, part in enumerate(parts):
        if part.entry.section == "statements":
            continue
        identity = identity_of(part.entry)
        begin = dropped.pop(identity, None)
        if part.entry.content.get("state") == "absent":
            dropped[identity] = place
        elif begin is not None:
            first = parts[begin]
            written = [one for one in parts[begin:place] if one.entry.section == "statements"]
            cause = next((one for one in written if separates(one.entry, first.entry, part.entry)), None)
            if cause is not None:
                _tell(told, first.number, part, cause.number)
    return told


def _tell(told: list[Statement], drop: int, made: _Part, cause: int) -> None:
    """Both ends of the gap say it."""
    name, line = made.entry.content["name"], told[cause].line
    gap = (
        f"{name} is dropped where the file drops it, and made where the file makes it; there is none in between, since "
        f"the statement in line {line} is run there as it is written."
    )
    for number in dict.fromkeys((drop, made.number)):
        one = told[number]
        kept = _ALWAYS_ONE.sub("", one.instead).strip()
        told[number] = replace(one, instead=f"{kept} {gap}".strip())
