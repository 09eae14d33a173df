# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a constraint shall be, after a migration or after a rollback, and what its statements are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple

from ..._model.catalog import Catalog, TableName
from ..._support.sqltext import compose, enclosed, identifier, identifiers, literal, raw, temporary_name
from ..index.key_column import IndexColumn
from ..index.specification import IndexSpecification
from ..index.target import DesiredIndex, create_statement
from .specification import ConstraintSpecification

__all__ = [
    "KIND",
    "WORDS",
    "DesiredConstraint",
    "add_statement",
    "alter",
    "build_statement",
    "comment_statement",
    "definition_of",
    "from_image",
    "from_specification",
    "index_of",
    "same",
]

KIND = "constraint"
#: By pg_constraint.contype.
WORDS = {"u": "UNIQUE", "p": "PRIMARY KEY", "c": "CHECK"}


@dataclass(frozen=True)
class DesiredConstraint:
    """What a constraint shall be. restores: whether a rollback wants it so. clustered, validated, enforced: as such a
    constraint was.
    """

    schema: str
    table: str
    name: str
    specification: Optional[ConstraintSpecification] = None
    restores: bool = False
    clustered: bool = False
    validated: bool = True
    enforced: bool = True

    @property
    def present(self) -> bool:
        return self.specification is not None

    @property
    def wanted(self) -> ConstraintSpecification:
        """The specification of a constraint that shall be present. Raises ValueError without one."""
        if self.specification is None:
            raise ValueError(f"constraint {self.name} has no specification")
        return self.specification

    @property
    def table_name(self) -> TableName:
        return (self.schema, self.table)

    @property
    def key(self) -> Tuple[str, TableName, str]:
        return (KIND, self.table_name, self.name)

    @property
    def has_index(self) -> bool:
        return self.specification is not None and self.specification.type in ("u", "p")

    @property
    def helper(self) -> str:
        """The name under which its index is built: ADD CONSTRAINT … USING INDEX gives it the constraint's."""
        return temporary_name(self.name, "new", self.table_name)

    @property
    def expressions(self) -> List[str]:
        """The SQL text of a check."""
        check = self.specification.check if self.specification is not None else None
        return [check] if check is not None and not self.restores else []


def from_specification(specification: ConstraintSpecification) -> DesiredConstraint:
    one = specification
    return DesiredConstraint(one.schema, one.table, one.name, one if one.state == "present" else None)


def from_image(table: TableName, name: str, image: Optional[Mapping[str, Any]]) -> DesiredConstraint:
    """The target that brings back what stood there. Nothing: the constraint goes."""
    if image is None:
        return DesiredConstraint(table[0], table[1], name, restores=True)
    wanted = ConstraintSpecification(
        table[0],
        table[1],
        name,
        type=image["type"],
        columns=tuple(image["columns"]),
        check=image["check"],
        include=tuple(image["include"]),
        nulls_not_distinct=image["nulls_not_distinct"],
        deferrable=image["deferrable"],
        initially_deferred=image["initially_deferred"],
        no_inherit=image["no_inherit"],
        storage_parameters=tuple(sorted(image["options"].items())),
        tablespace=image["tablespace"],
        comment=image["comment"] or "",
    )
    return DesiredConstraint(
        table[0], table[1], name, wanted, True, image["clustered"], image["validated"], image["enforced"]
    )


def index_of(target: DesiredConstraint) -> DesiredIndex:
    """The unique index of a constraint, under the name of its helper."""
    wanted = target.wanted
    specification = IndexSpecification(
        target.schema,
        target.table,
        target.helper,
        tuple(IndexColumn(name) for name in wanted.columns),
        unique=True,
        nulls_not_distinct=wanted.nulls_not_distinct,
        include=wanted.include,
        storage_parameters=wanted.storage_parameters,
        tablespace=wanted.tablespace,
    )
    return DesiredIndex(target.schema, target.table, target.helper, specification)


def same(target: DesiredConstraint, found: Mapping[str, Any], catalog: Catalog) -> bool:
    """Whether what stands there is what is wanted. What an entry says nothing of may be as it is."""
    wanted = target.wanted
    pairs = (
        (wanted.type, found["type"]),
        (list(wanted.columns), found["columns"]),
        (sorted(wanted.include), sorted(found["include"])),
        (wanted.nulls_not_distinct, found["nulls_not_distinct"]),
        (wanted.deferrable, found["deferrable"]),
        (wanted.initially_deferred, found["initially_deferred"]),
        (wanted.no_inherit, found["no_inherit"]),
        (target.enforced, found["enforced"]),
    )
    if any(want != have for want, have in pairs) or found["period"]:
        return False
    options = dict(wanted.storage_parameters)
    if target.restores:
        return (
            options == found["options"]
            and (wanted.tablespace, wanted.check) == (found["tablespace"], found["check"])
            and (target.validated or not found["validated"])
        )
    if any(found["options"].get(key) != value for key, value in options.items()):
        return False
    if wanted.tablespace is not None and wanted.tablespace != (found["tablespace"] or catalog.tablespace):
        return False
    return wanted.check is None or _form(target, wanted.check, catalog) == _form(target, found["check"], catalog)


def _form(target: DesiredConstraint, text: str, catalog: Catalog) -> str:
    return catalog.canonical(target.table_name, text)


def alter(target: DesiredConstraint, template: str, **parts: Any) -> str:
    return compose("ALTER TABLE {table} " + template, table=identifier(*target.table_name), **parts)


def add_statement(target: DesiredConstraint, drops: bool, on: Optional[str] = None) -> str:
    """ALTER TABLE … ADD CONSTRAINT. drops: one of this name goes in the same statement. on: a copy of the table, on
    which the whole definition is tried, its index too.
    """
    wanted, name = target.wanted, identifier(target.helper if on else target.name)
    text = compose("ADD CONSTRAINT {name} ", name=name)
    if wanted.type == "c":
        text += f"CHECK {enclosed(str(wanted.check))}" + (" NO INHERIT" if wanted.no_inherit else "")
        if not target.enforced:
            text += " NOT ENFORCED"
        elif not on:
            text += " NOT VALID"
    else:
        text += f"{WORDS[wanted.type]} " + (definition_of(target) if on else _using(target))
        if wanted.deferrable:
            text += " DEFERRABLE" + (" INITIALLY DEFERRED" if wanted.initially_deferred else "")
    if drops:
        text = compose("DROP CONSTRAINT {name}, ", name=name) + text
    table = raw(on) if on else identifier(*target.table_name)
    return compose("ALTER TABLE {table} {text}", table=table, text=raw(text))


def _using(target: DesiredConstraint) -> str:
    return compose("USING INDEX {index}", index=identifier(target.helper))


def definition_of(target: DesiredConstraint) -> str:
    """What stands behind UNIQUE or PRIMARY KEY, but for storage, tablespace and deferral."""
    wanted = target.wanted
    text = "NULLS NOT DISTINCT " if wanted.nulls_not_distinct else ""
    text += compose("({columns})", columns=identifiers(wanted.columns))
    return text + (compose(" INCLUDE ({columns})", columns=identifiers(wanted.include)) if wanted.include else "")


def build_statement(target: DesiredConstraint) -> str:
    """CREATE UNIQUE INDEX CONCURRENTLY under the name of the helper."""
    return create_statement(index_of(target), target.helper)


def comment_statement(target: DesiredConstraint, text: str) -> str:
    return compose(
        "COMMENT ON CONSTRAINT {name} ON {table} IS {text}",
        name=identifier(target.name),
        table=identifier(*target.table_name),
        text=literal(text) if text else raw("NULL"),
    )
