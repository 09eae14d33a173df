# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets of a run, in the order in which it carries them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .._connection.session import Session
from .._kinds.kind import Kind
from .._kinds.registry import KINDS
from .._migration.migration import Migration

__all__ = ["Wish", "located", "wishes_of"]


@dataclass(frozen=True)
class Wish:
    """One target of a run, with the kind that knows how to plan it.

    source: file and line of the statement that it comes from; empty for an entry in YAML. written: itself before
    `located`.
    """

    kind: Kind
    target: Any
    source: str = ""
    written: Optional[Wish] = None

    @property
    def key(self) -> Tuple[str, str, str, str]:
        return (self.kind.name, self.target.schema, self.target.table, self.target.name)


def wishes_of(migration: Migration) -> List[Wish]:
    """The migration's targets in the order in which a deployment carries them out."""
    wishes = []
    for kind in KINDS.values():
        objects = migration.objects.get(kind.section, ())
        sources = migration.sources.get(kind.section, ())
        order = migration.order.get(kind.section, ())
        for specification, source, number in zip_longest(objects, sources, order):
            absent = getattr(specification, "state", "present") == "absent"
            place = kind.rank[absent] if number is None else number
            wishes.append((place, Wish(kind, kind.target(specification), source or "")))
    return [wish for _place, wish in sorted(wishes, key=lambda item: item[0])]


def located(session: Session, wishes: Sequence[Wish], migration_id: str) -> List[Wish]:
    """The wishes in their order, each with its table: of one that names none it is read; and of a migration in SQL what
    the catalog knows to be of another kind as one of that. Of wishes that were located before, it is read again: since
    then a statement may have given the table another name. Raises psycopg2.Error.
    """
    wishes = [wish.written or wish for wish in wishes]
    found: Dict[int, Wish] = {}
    for kind in KINDS.values():
        own = [position for position, wish in enumerate(wishes) if wish.kind is kind]
        targets = kind.located(session, [wishes[position].target for position in own])
        found.update({position: replace(wishes[position], target=target) for position, target in zip(own, targets)})
        of_sql = [position for position in own if wishes[position].source]
        others = kind.as_others(session, [found[position].target for position in of_sql], migration_id)
        for position, other in zip(of_sql, others):
            if other is not None:
                found[position] = Wish(KINDS[other[0]], other[1], wishes[position].source)
    return [replace(found[position], written=wish) for position, wish in enumerate(wishes)]
