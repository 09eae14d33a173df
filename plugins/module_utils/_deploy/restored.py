# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollback came to: each object as the catalog has it then, compared with the image that was to come back."""

from __future__ import annotations

from typing import Any, Iterable, List, Mapping, Optional, Protocol, Tuple

from .._connection.session import Session
from .._kinds.registry import kind_named
from .._planning.images import read_objects

__all__ = ["Restorable", "differences", "not_restored"]

Image = Mapping[str, Any]


class Restorable(Protocol):
    """One object, and the image that was to come back; None: it was not there."""

    @property
    def kind(self) -> str: ...
    @property
    def table(self) -> Tuple[str, str]: ...
    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def before(self) -> Optional[Image]: ...


def not_restored(session: Session, wanted: Iterable[Restorable]) -> Tuple[List[str], List[str]]:
    """What is not as it was, and what is worth knowing beside. A few round trips. Raises psycopg2.Error."""
    undone = list(wanted)
    objects = read_objects(session, {one.table for one in undone})
    wrong: List[str] = []
    beside: List[str] = []
    for one in undone:
        if one.table not in objects.tables:
            continue  # dropped meanwhile, with all that was on it
        found, more = differences(one.kind, one.before, objects.find(one.kind, one.table, one.name))
        wrong += [f"{one.title}: {text}" for text in found]
        beside += [f"{one.title} is back, but for this: {text}" for text in more if not found]
    return wrong, beside


def differences(kind: str, before: Optional[Image], now: Optional[Image]) -> Tuple[List[str], List[str]]:
    """In what an object is not as its image has it: its definition, and what hangs on it."""
    if before is not None and not before.get("valid", True):
        return [], []  # an index that was INVALID does not come back
    if before is None or now is None:
        if before is None and now is None:
            return [], []
        return ["it is there, and was not" if now is not None else "it is not there, and was"], []
    return kind_named(kind).differences(before, now)
