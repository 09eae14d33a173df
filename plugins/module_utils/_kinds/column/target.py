# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a column shall be, after a migration or after a rollback, and what its statements are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

from ..._model.catalog import TableName
from ..._support.sqltext import compose, enclosed, identifier
from .specification import ColumnSpecification

__all__ = [
    "KIND",
    "NO_DEFAULT",
    "Definition",
    "DesiredColumn",
    "alter",
    "default_sql",
    "from_image",
    "from_specification",
]

KIND = "column"
#: "The default of NULL is the same as no default" (CREATE TABLE, DEFAULT): PostgreSQL keeps none for it.
NO_DEFAULT = "NULL"


@dataclass(frozen=True)
class Definition:
    """What a column is beside NOT NULL; None: as it is. default, generated: SQL. identity: always | by_default."""

    type: Optional[str] = None
    default: Optional[str] = None
    generated: Optional[str] = None
    identity: Optional[str] = None
    collation: Optional[str] = None
    comment: Optional[str] = None

    def __bool__(self) -> bool:
        return any(value is not None for value in vars(self).values())


@dataclass(frozen=True)
class DesiredColumn:
    """What a column shall be. nullable None: as it is. constraint: the former NOT NULL constraint (PostgreSQL 18+) that
    a rollback restores. present: false where a rollback takes away what a deployment added. restores: whether a
    rollback wants it so. on_conflict: as in the entry.
    """

    schema: str
    table: str
    name: str
    nullable: Optional[bool] = None
    constraint: Optional[Mapping[str, Any]] = None
    definition: Definition = field(default_factory=Definition)
    present: bool = True
    restores: bool = False
    on_conflict: str = "replace"

    @property
    def table_name(self) -> TableName:
        return (self.schema, self.table)

    @property
    def key(self) -> Tuple[TableName, str]:
        return (self.table_name, self.name)


def from_specification(specification: ColumnSpecification) -> DesiredColumn:
    one = specification
    definition = Definition(one.type, one.default, one.generated, one.identity, one.collation, one.comment)
    return DesiredColumn(
        one.schema, one.table, one.name, one.nullable, definition=definition, on_conflict=one.on_conflict
    )


def from_image(table: TableName, name: str, image: Optional[Mapping[str, Any]]) -> DesiredColumn:
    """The target that brings back what stood there. Nothing: the column goes. A type never changed."""
    if image is None:
        return DesiredColumn(table[0], table[1], name, present=False, restores=True)
    definition = Definition()
    if image.get("type") is not None:
        own = image["default"] is not None
        default = image["default"] if own else None if image["generated"] or image["identity"] else NO_DEFAULT
        definition = Definition(default=default, comment=image["comment"] or "")
    return DesiredColumn(table[0], table[1], name, image["nullable"], image["constraint"], definition, restores=True)


def alter(target: DesiredColumn, template: str, **parts: Any) -> str:
    return compose("ALTER TABLE {table} " + template, table=identifier(target.schema, target.table), **parts)


_SIMPLE = re.compile(r"[-+]?\d+(?:\.\d+)?|'[^'\\]*'|\w+(?:\(\))?")


def default_sql(expression: str) -> str:
    """What stands behind DEFAULT, whose own grammar takes less than an expression (gram.y, b_expr)."""
    return expression if _SIMPLE.fullmatch(expression) else enclosed(expression)
