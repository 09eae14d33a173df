# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether one index does the job of another: equal, or the other's beginning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, FrozenSet, Mapping, Optional, Sequence, Tuple

from ..._model.catalog import Catalog, TableName
from .target import DesiredIndex

__all__ = ["KeyShape", "covers", "finds_rows", "shape_of_image", "shape_of_target"]


@dataclass(frozen=True)
class KeyShape:
    """What matters for the question. keys: (column or expression, descending, nulls first, opclass, collation), the
    last two None for the defaults. guards: it keeps rows unique, or belongs to a constraint or the replica identity.
    """

    name: str
    method: str
    keys: Tuple[Tuple[Any, ...], ...]
    include: FrozenSet[str]
    predicate: Optional[str]
    guards: bool

    @property
    def text(self) -> str:
        """The key columns, for people."""
        return "(" + ", ".join(f"{key[0]}{' desc' if key[1] else ''}" for key in self.keys) + ")"


def shape_of_image(image: Mapping[str, Any], catalog: Catalog) -> KeyShape:
    """The shape of an index that stands there."""
    table: TableName = (image["schema"], image["table"])
    keys = tuple(
        (
            column["name"] if column["name"] is not None else catalog.canonical(table, column["expression"]),
            column["descending"],
            column["nulls_first"],
            None if column["opclass_default"] else column["opclass"],
            None if column["own_collation"] else column["collation"],
        )
        for column in image["columns"]
    )
    predicate = image["predicate"]
    return KeyShape(
        image["name"],
        image["method"],
        keys,
        frozenset(image["include"]),
        None if predicate is None else catalog.canonical(table, predicate),
        bool(image["unique"] or image["constraint"] or image["replica_identity"] or image["is_partition"]),
    )


def shape_of_target(target: DesiredIndex, catalog: Catalog) -> KeyShape:
    """The shape of an index that a migration wants. Raises ValueError for one that shall be absent."""
    if target.image is not None:
        return shape_of_image(target.image, catalog)
    wanted, table = target.wanted, target.table_name
    keys = tuple(
        (
            column.name if column.name is not None else catalog.canonical(table, str(column.expression)),
            column.order == "desc",
            column.nulls == "first",
            column.opclass,
            column.collation,
        )
        for column in wanted.columns
    )
    predicate = None if wanted.where is None else catalog.canonical(table, wanted.where)
    return KeyShape(target.name, wanted.method, keys, frozenset(wanted.include), predicate, wanted.unique)


def covers(larger: KeyShape, smaller: KeyShape) -> bool:
    """Whether the larger one serves every query that the smaller one serves. Only a btree can be used by its beginning.

    What guards something is never superfluous, whatever its columns are.
    """
    if smaller.guards or larger.method != smaller.method or larger.predicate != smaller.predicate:
        return False
    if not smaller.include <= larger.include | {key[0] for key in larger.keys}:
        return False
    if larger.method != "btree":
        return larger.keys == smaller.keys
    return larger.keys[: len(smaller.keys)] == smaller.keys


# What finds rows by the equality of columns (PostgreSQL documentation, 11.2). A hash index has one column.
_BY_EQUALITY = ("btree", "hash")


def finds_rows(catalog: Catalog, table: TableName, columns: Sequence[str]) -> bool:
    """Whether an index finds the rows by these columns, as the checks of a foreign key look for them.

    It is one that stands and is valid, or one that the migration wants; it is over all rows, and begins with them.
    """
    beginnings = [
        [column["name"] for column in image["columns"]]
        for image in catalog.others("index", table)
        if image["valid"] and image["predicate"] is None and image["method"] in _BY_EQUALITY
    ]
    beginnings += [
        target.leading_columns
        for (kind, of_table, _name), target in catalog.targets.items()
        if kind == "index" and of_table == table and target.method in _BY_EQUALITY
    ]
    return any(set(names[: len(columns)]) == set(columns) for names in beginnings)
