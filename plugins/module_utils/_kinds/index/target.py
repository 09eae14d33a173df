# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an index shall be: as a migration specifies it, or as an image of the journal has it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..._model.catalog import Catalog, TableName
from ..._model.data_questions import Key
from ..._support.sqltext import compose, enclosed, identifier, identifiers, literal, raw, without_collation
from .specification import IndexColumn, IndexSpecification

__all__ = [
    "DesiredIndex",
    "create_statement",
    "differences",
    "from_image",
    "from_specification",
    "keeping",
    "kept_statistics",
    "keys",
]


@dataclass(frozen=True)
class DesiredIndex:
    """specification or image is set when the index shall be present; neither when it shall be absent.

    restores: whether a rollback wants it so.
    """

    schema: str
    table: str
    name: str
    specification: Optional[IndexSpecification] = None
    image: Optional[Mapping[str, Any]] = None
    replace: bool = True
    accept_equivalent: bool = False
    restores: bool = False

    @property
    def present(self) -> bool:
        return self.specification is not None or self.image is not None

    @property
    def wanted(self) -> IndexSpecification:
        """The specification of an index that shall be present and has no image. Raises ValueError without one."""
        if self.specification is None:
            raise ValueError(f"index {self.name} has no specification")
        return self.specification

    @property
    def table_name(self) -> TableName:
        return (self.schema, self.table)

    @property
    def expressions(self) -> List[str]:
        """The SQL texts of the specification: key expressions and predicate."""
        wanted = self.specification
        if wanted is None:
            return []
        texts = [column.expression for column in wanted.columns if column.expression is not None]
        return texts + ([wanted.where] if wanted.where is not None else [])

    @property
    def method(self) -> str:
        """The access method; empty when it shall be absent."""
        if self.image is not None:
            return str(self.image["method"])
        return self.specification.method if self.specification is not None else ""

    @property
    def leading_columns(self) -> List[Optional[str]]:
        """The key columns, when it shall be present and covers all rows; an expression is None."""
        if self.image is not None:
            return [] if self.image["predicate"] is not None else [c["name"] for c in self.image["columns"]]
        wanted = self.specification
        return [] if wanted is None or wanted.where is not None else [c.name for c in wanted.columns]

    @property
    def column_names(self) -> List[str]:
        """The columns that must be there. An image's columns were there."""
        wanted = self.specification
        return [] if wanted is None else [c.name for c in wanted.columns if c.name is not None] + list(wanted.include)


def from_specification(specification: IndexSpecification) -> DesiredIndex:
    return DesiredIndex(
        specification.schema,
        specification.table,
        specification.name,
        specification=_stored(specification) if specification.state == "present" else None,
        replace=specification.on_conflict == "replace",
        accept_equivalent=specification.on_equivalent == "accept",
    )


def _stored(specification: IndexSpecification) -> IndexSpecification:
    """A COLLATE around all of an expression is the collation of the key: so PostgreSQL keeps it."""
    return replace(specification, columns=tuple(_stored_key(column) for column in specification.columns))


def _stored_key(column: IndexColumn) -> IndexColumn:
    if column.expression is None or column.collation is not None:
        return column
    expression, collation = without_collation(column.expression)
    return column if collation is None else replace(column, expression=expression, collation=collation)


def from_image(table: TableName, name: str, image: Optional[Mapping[str, Any]]) -> DesiredIndex:
    """The target that brings back what stood there. An invalid index is nothing that anybody wants back."""
    wanted = image if image is not None and image["valid"] else None
    return DesiredIndex(table[0], table[1], name, image=wanted, restores=True)


def _key(column: IndexColumn) -> str:
    text = (
        compose("{name}", name=identifier(column.name)) if column.name is not None else enclosed(str(column.expression))
    )
    if column.collation is not None:
        place = _within(column.collation_schema, column.collation)
        text += compose(" COLLATE {collation}", collation=identifier(*place))
    if column.opclass is not None:
        text += compose(" {opclass}", opclass=identifier(*_opclass(column)))
    if column.opclass_parameters:
        pairs = (
            compose("{key} = {value}", key=identifier(key), value=literal(value))
            for key, value in column.opclass_parameters
        )
        text += f" ({', '.join(pairs)})"
    if column.order == "desc":
        text += " DESC"
    if column.nulls != ("first" if column.order == "desc" else "last"):
        text += f" NULLS {column.nulls.upper()}"
    return text


def _image_key(column: Mapping[str, Any]) -> str:
    """A key of an image: everything by its full name, where the definition names it at all; parameters in its order."""
    text = (
        compose("{name}", name=identifier(column["name"]))
        if column["name"] is not None
        else enclosed(column["expression"])
    )
    if not column["own_collation"] and column["collation"] is not None:
        place = _within(column.get("collation_schema"), column["collation"])
        text += compose(" COLLATE {collation}", collation=identifier(*place))
    parameters = column.get("parameters") or {}
    if not column["opclass_default"] or parameters:
        text += compose(" {opclass}", opclass=identifier(column["opclass_schema"], column["opclass"]))
    if parameters:
        text += f" ({_settings(parameters.items())})"
    if column["descending"]:
        text += " DESC"
    if column["nulls_first"] != column["descending"]:
        text += f" NULLS {'FIRST' if column['nulls_first'] else 'LAST'}"
    return text


def _settings(items: Iterable[Tuple[str, str]]) -> str:
    return ", ".join(compose("{key} = {value}", key=identifier(key), value=literal(value)) for key, value in items)


@dataclass(frozen=True)
class _Definition:
    """What CREATE INDEX says behind the table; keys are SQL."""

    unique: bool
    method: str
    keys: List[str]
    include: Sequence[str]
    nulls_not_distinct: bool
    options: Sequence[Tuple[str, str]]
    tablespace: Optional[str]
    where: Optional[str]


def _definition(target: DesiredIndex) -> _Definition:
    image = target.image
    if image is not None:
        return _Definition(
            bool(image["unique"]),
            image["method"],
            [_image_key(column) for column in image["columns"]],
            image["include"],
            bool(image["nulls_not_distinct"]),
            tuple(image["options"].items()),
            image["tablespace"],
            image["predicate"],
        )
    wanted = target.wanted
    return _Definition(
        wanted.unique,
        wanted.method,
        [_key(column) for column in wanted.columns],
        wanted.include,
        wanted.nulls_not_distinct,
        wanted.storage_parameters,
        wanted.tablespace,
        wanted.where,
    )


def create_statement(target: DesiredIndex, name: str, on: Optional[str] = None) -> str:
    """CREATE INDEX CONCURRENTLY under this name (PostgreSQL documentation, CREATE INDEX).

    An image is written from its parts: its `tail`, a text out of the journal, is only compared. on: another table, by
    which the server is asked beforehand, or ONLY the table: then without CONCURRENTLY.
    """
    wanted = _definition(target)
    text = "CREATE " + ("UNIQUE " if wanted.unique else "") + ("INDEX " if on else "INDEX CONCURRENTLY ")
    text += compose("{name} ON ", name=identifier(name))
    text += on or compose("{table}", table=identifier(target.schema, target.table))
    text += compose(" USING {method} ({keys})", method=identifier(wanted.method), keys=raw(", ".join(wanted.keys)))
    if wanted.include:
        text += compose(" INCLUDE ({columns})", columns=identifiers(wanted.include))
    if wanted.nulls_not_distinct:
        text += " NULLS NOT DISTINCT"
    if wanted.options:
        text += f" WITH ({_settings(wanted.options)})"
    if wanted.tablespace is not None:
        text += compose(" TABLESPACE {name}", name=identifier(wanted.tablespace))
    if wanted.where is not None:
        text += f" WHERE {enclosed(wanted.where)}"
    return text


def keys(target: DesiredIndex) -> Tuple[Key, ...]:
    """The key columns, for questions to the data."""
    image = target.image
    if image is not None:
        return tuple(
            Key(
                compose("{name}", name=identifier(c["name"])) if c["name"] is not None else enclosed(c["expression"]),
                ()
                if c["own_collation"] or c["collation"] is None
                else _within(c.get("collation_schema"), c["collation"]),
                () if c["opclass_default"] else (c["opclass_schema"], c["opclass"]),
            )
            for c in image["columns"]
        )
    return tuple(
        Key(
            compose("{name}", name=identifier(c.name)) if c.name is not None else enclosed(str(c.expression)),
            _within(c.collation_schema, c.collation) if c.collation is not None else (),
            _opclass(c),
        )
        for c in target.wanted.columns
    )


def _opclass(column: IndexColumn) -> Tuple[str, ...]:
    """The name of an operator class, with its schema where that is known or was given."""
    if column.opclass is None:
        return ()
    if column.opclass_schema is not None:
        return (column.opclass_schema, column.opclass)
    return tuple(column.opclass.split(".", 1))


def _within(schema: Optional[str], name: str) -> Tuple[str, ...]:
    return (schema, name) if schema is not None else (name,)


def keeping(target: DesiredIndex, found: Mapping[str, Any]) -> DesiredIndex:
    """The target, with what its specification leaves open as it stands: storage parameters and tablespace."""
    wanted = target.specification
    if wanted is None:
        return target
    there = found["options"] if wanted.method == found["method"] else {}
    options = {**there, **dict(wanted.storage_parameters)}
    tablespace = wanted.tablespace if wanted.tablespace is not None else found["tablespace"]
    return replace(
        target,
        specification=replace(wanted, storage_parameters=tuple(sorted(options.items())), tablespace=tablespace),
    )


def kept_statistics(target: DesiredIndex, found: Mapping[str, Any], catalog: Catalog) -> Dict[str, int]:
    """The statistics targets of expressions that stand at the same place in the index that is to come."""
    wanted = target.specification.columns if target.specification is not None else ()
    return {
        number: goal
        for number, goal in found["statistics"].items()
        if int(number) <= min(len(wanted), len(found["columns"]))
        and _shape(wanted[int(number) - 1], target, catalog)[0]
        == _found_shape(found["columns"][int(number) - 1], None, target, catalog)[0]
    }


def differences(target: DesiredIndex, found: Mapping[str, Any], catalog: Catalog) -> List[str]:
    """In what the index that stands there differs from the target, in words; empty when it is the same."""
    if target.image is not None:
        keys = ("tail", "unique", "tablespace", "comment", "clustered", "statistics")
        return [f"{key} differs" for key in keys if target.image[key] != found[key]]
    wanted = target.wanted
    result = []
    for what, want, have in (
        ("method", wanted.method, found["method"]),
        ("unique", wanted.unique, found["unique"]),
        ("deferrable", False, not found.get("immediate", True)),
        ("nulls not distinct", wanted.nulls_not_distinct, found["nulls_not_distinct"]),
        (
            "columns",
            [_shape(column, target, catalog) for column in wanted.columns],
            [
                _found_shape(column, other, target, catalog)
                for column, other in _paired(found["columns"], wanted.columns)
            ],
        ),
        ("include", list(wanted.include), list(found["include"])),
        ("where", _canonical(wanted.where, target, catalog), _canonical(found["predicate"], target, catalog)),
    ):
        if want != have:
            result.append(f"{what}: {_show(have)} instead of {_show(want)}")
    for key, value in wanted.storage_parameters:
        have_value = _boolean(found["options"].get(key))
        if have_value != _boolean(value):
            result.append(f"{key}: {have_value} instead of {value}")
    # Of an index in the database's own tablespace no name is kept (52.11 "pg_class", reltablespace).
    if wanted.tablespace is not None and wanted.tablespace != (found["tablespace"] or catalog.tablespace):
        result.append(f"tablespace: {found['tablespace'] or catalog.tablespace} instead of {wanted.tablespace}")
    return result


def _boolean(value: Optional[str]) -> Optional[str]:
    return {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}.get(
        str(value).lower(), value
    )


def _paired(found: List[Mapping[str, Any]], wanted: Tuple[IndexColumn, ...]) -> List[Any]:
    padded: List[Optional[IndexColumn]] = [*wanted, *([None] * max(0, len(found) - len(wanted)))]
    return list(zip(found, padded))


def _canonical(text: Optional[str], target: DesiredIndex, catalog: Catalog) -> Optional[str]:
    """A predicate that is true of each row is none: PostgreSQL does not keep it."""
    form = None if text is None else catalog.canonical(target.table_name, text)
    return None if form == "true" else form


def _plain(expression: Optional[str]) -> Optional[str]:
    """An expression that is only a column: PostgreSQL stores it as that column."""
    only = re.fullmatch(r'[(\s]*"((?:[^"]|"")*)"[)\s]*', expression or "")
    return only.group(1).replace('""', '"') if only else expression


def _shape(column: IndexColumn, target: DesiredIndex, catalog: Catalog) -> List[Any]:
    """A key column in comparable form; None for what PostgreSQL chooses by itself."""
    return [
        column.name if column.name is not None else _plain(_canonical(column.expression, target, catalog)),
        column.order,
        f"nulls {column.nulls}",
        _named(column.opclass_schema, column.opclass),
        _named(column.collation_schema, column.collation),
        dict(column.opclass_parameters),
    ]


def _found_shape(
    column: Mapping[str, Any], wanted: Optional[IndexColumn], target: DesiredIndex, catalog: Catalog
) -> List[Any]:
    """The same of what stands there: an operator class or collation counts as not given when it is the default."""
    placed = wanted is not None and wanted.opclass_schema is not None
    opclass = _named(column["opclass_schema"] if placed else None, column["opclass"])
    if wanted is not None and not placed and wanted.opclass == f"{column['opclass_schema']}.{opclass}":
        opclass = wanted.opclass
    elif column["opclass_default"] and (wanted is None or wanted.opclass is None):
        opclass = None
    placed = wanted is not None and wanted.collation_schema is not None
    collation = _named(column.get("collation_schema") if placed else None, column["collation"])
    if column["own_collation"] and (wanted is None or wanted.collation is None):
        collation = None
    return [
        column["name"] if column["name"] is not None else _canonical(column["expression"], target, catalog),
        "desc" if column["descending"] else "asc",
        "nulls first" if column["nulls_first"] else "nulls last",
        opclass,
        collation,
        dict(column.get("parameters", {})),
    ]


def _named(schema: Optional[str], name: Optional[str]) -> Optional[str]:
    return name if schema in (None, "pg_catalog") or name is None else f"{schema}.{name}"


def _show(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "(" + ", ".join(_show_key(item) if isinstance(item, list) else str(item) for item in value) + ")"
    return str(value)


def _show_key(shape: List[Any]) -> str:
    name, order, nulls, opclass, collation, parameters = shape
    usual = "nulls first" if order == "desc" else "nulls last"
    words = [
        name,
        *([f"collate {collation}"] if collation else []),
        *([opclass] if opclass else []),
        *(["(" + ", ".join(f"{key}={value}" for key, value in parameters.items()) + ")"] if parameters else []),
        *(["desc"] if order == "desc" else []),
        *([nulls] if nulls != usual else []),
    ]
    return " ".join(str(word) for word in words)
