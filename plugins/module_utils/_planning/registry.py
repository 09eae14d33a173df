# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""The kinds of objects that migrations change, in one list. A new kind is a folder in _kinds and an entry here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from .._connection.session import Session
from .._kinds.column import catalog as column_catalog
from .._kinds.column import planner as column_planner
from .._kinds.foreign_key import catalog as foreign_key_catalog
from .._kinds.foreign_key import planner as foreign_key_planner
from .._kinds.index import catalog as index_catalog
from .._kinds.index import planner as index_planner
from .._kinds.index import target as index_target
from .._migration.migration import Migration
from .._model.catalog import Catalog, Table, TableName
from .._model.plan import Outcome

__all__ = ["KINDS", "Kind", "Wish", "differ", "kind_named", "wishes_of"]

Images = Mapping[TableName, Sequence[Dict[str, Any]]]
Wishes = Mapping[Tuple[TableName, str], bool]


@dataclass(frozen=True)
class Kind:
    """How one kind is read, planned and inverted.

    rank: the place in a deployment, (present, absent): what is added comes before what is taken away.
    from_image(table, name, image or None): the target that brings back what stood there (the inverse of a step).
    relation_names(target, tables): the names that the plan may need in a schema; tables: with their partitions.
    differs(image, image): whether somebody changed the object in between. definition(image): it, for people.
    """

    name: str
    section: str
    rank: Tuple[int, int]
    read: Callable[[Session, Mapping[TableName, Table]], Images]
    from_specification: Callable[[Any], Any]
    from_image: Callable[[TableName, str, Optional[Mapping[str, Any]]], Any]
    plan: Callable[[Any, Catalog, Wishes], Outcome]
    tables: Callable[[Any], Set[TableName]]
    relation_names: Callable[[Any, Mapping[TableName, Table]], Set[TableName]]
    expressions: Callable[[Any], List[str]]
    differs: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
    definition: Callable[[Mapping[str, Any]], str]


def _none(_target: Any, _tables: Any = None) -> Any:
    return ()


KINDS: Tuple[Kind, ...] = (
    Kind(
        "column",
        "columns",
        (0, 0),
        column_catalog.read,
        column_planner.from_specification,
        column_planner.from_image,
        column_planner.plan,
        column_planner.tables,
        _none,
        _none,
        column_planner.differs,
        column_planner.definition,
    ),
    Kind(
        "index",
        "indexes",
        (1, 3),
        index_catalog.read,
        index_target.from_specification,
        index_target.from_image,
        index_planner.plan,
        index_planner.tables,
        index_planner.relation_names,
        lambda target: target.expressions,
        index_planner.differs,
        index_planner.definition,
    ),
    Kind(
        "foreign_key",
        "foreign_keys",
        (2, 2),
        foreign_key_catalog.read,
        foreign_key_planner.from_specification,
        foreign_key_planner.from_image,
        foreign_key_planner.plan,
        foreign_key_planner.tables,
        _none,
        _none,
        foreign_key_planner.differs,
        foreign_key_planner.definition,
    ),
)


def kind_named(name: str) -> Kind:
    """The kind that journal and results call by this name."""
    return next(kind for kind in KINDS if kind.name == name)


def differ(kind_name: str, left: Optional[Mapping[str, Any]], right: Optional[Mapping[str, Any]]) -> bool:
    """Whether two images of an object have not the same definition; None: it is not there."""
    if left is None or right is None:
        return (left is None) != (right is None)
    return kind_named(kind_name).differs(left, right)


@dataclass(frozen=True)
class Wish:
    """One target of a run, with the kind that knows how to plan it."""

    kind: Kind
    target: Any

    @property
    def key(self) -> Tuple[str, str, str, str]:
        return (self.kind.name, self.target.schema, self.target.table, self.target.name)


def wishes_of(migration: Migration) -> List[Wish]:
    """The migration's targets in the order in which a deployment carries them out."""
    wishes = []
    for kind in KINDS:
        for specification in getattr(migration, kind.section):
            absent = getattr(specification, "state", "present") == "absent"
            wishes.append((kind.rank[absent], Wish(kind, kind.from_specification(specification))))
    return [wish for _rank, wish in sorted(wishes, key=lambda item: item[0])]
