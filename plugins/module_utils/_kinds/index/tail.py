# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of an index definition, taken apart: what pg_get_indexdef() writes behind CREATE INDEX <name> ON.

Each part is known from the image, or is a name, a number or a string of the grammar below; there is room for nothing
else (PostgreSQL's source, ruleutils.c, pg_get_indexdef_worker()). The only SQL that a part may be is an expression or
a predicate, and these are the image's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..._support.sqltext import is_one_expression

__all__ = ["Tail", "TailKey", "columns_of", "read_tail"]

_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)'
_PLACE = rf"(?:{_NAME}\.)?{_NAME}"
_OPTION = rf"{_NAME}=(?:{_NAME}|'(?:[^']|'')*')"
_OPTIONS = rf"{_OPTION}(?:, {_OPTION})*"

_HEAD = re.compile(rf"(?P<only>ONLY )?(?P<schema>{_NAME})\.(?P<table>{_NAME})(?P<using> USING (?P<method>{_NAME}) \()")
_COLUMN = re.compile(_NAME)
_BEHIND_KEY = re.compile(
    rf"(?: COLLATE (?P<collation>{_PLACE}))?(?: (?P<opclass>{_PLACE}))?(?: \((?P<parameters>{_OPTIONS})\))?"
    r"(?P<descending> DESC)?(?: NULLS (?P<nulls>FIRST|LAST))?(?P<end>, |\))"
)
_BEHIND_KEYS = re.compile(
    rf"(?: INCLUDE \((?P<include>{_NAME}(?:, {_NAME})*)\))?(?P<nulls> NULLS NOT DISTINCT)?"
    rf"(?: WITH \((?P<options>{_OPTIONS})\))?(?: WHERE (?P<predicate>.+))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class TailKey:
    """One key as it is written. expression: SQL. collation, opclass: (schema, name), where they are written."""

    name: Optional[str]
    expression: Optional[str]
    collation: Optional[Tuple[str, str]]
    opclass: Optional[Tuple[str, str]]
    parameters: Dict[str, str]
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class Tail:
    """The parts. using: the text from USING on. options: storage parameters."""

    only: bool
    schema: str
    table: str
    using: str
    method: str
    keys: Tuple[TailKey, ...]
    include: List[str]
    nulls_not_distinct: bool
    options: Dict[str, str]
    predicate: Optional[str]


def read_tail(text: str, expressions: Sequence[Optional[str]]) -> Tail:
    """Take a definition apart. expressions: of each key, None for a column. Raises ValueError with what is wrong."""
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("it does not begin with a table and an access method")
    place, keys, more = head.end(), [], True
    for expression in expressions:
        if not more:
            raise ValueError("it has fewer keys than the image")
        key, place, more = _key(text, place, expression)
        keys.append(key)
    rest = _BEHIND_KEYS.fullmatch(text, place)
    if more or rest is None:
        raise ValueError("it has more than the keys of the image and the known clauses")
    predicate = rest.group("predicate")
    if predicate is not None and not is_one_expression(predicate):
        raise ValueError("its predicate is more than one expression")
    return Tail(
        head.group("only") is not None,
        _unquoted(head.group("schema")),
        _unquoted(head.group("table")),
        text[head.start("using") :],
        _unquoted(head.group("method")),
        tuple(keys),
        [_unquoted(name) for name in re.findall(_NAME, rest.group("include") or "")],
        rest.group("nulls") is not None,
        _options(rest.group("options")),
        predicate,
    )


def _key(text: str, place: int, expression: Optional[str]) -> Tuple[TailKey, int, bool]:
    """The key that begins there, where the next one does, and whether there is one."""
    name = None
    if expression is None:
        column = _COLUMN.match(text, place)
        if column is None:
            raise ValueError("a key is no column")
        name, place = _unquoted(column.group()), column.end()
    elif text.startswith(expression, place) and is_one_expression(expression):
        place += len(expression)
    else:
        raise ValueError("a key is not the expression of the image, or more than one")
    behind = _BEHIND_KEY.match(text, place)
    if behind is None:
        raise ValueError("something unknown stands behind a key")
    descending, nulls = behind.group("descending") is not None, behind.group("nulls")
    key = TailKey(
        name,
        expression,
        _place(behind.group("collation")),
        _place(behind.group("opclass")),
        _options(behind.group("parameters")),
        descending,
        descending if nulls is None else nulls == "FIRST",
    )
    return key, behind.end(), behind.group("end") == ", "


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _place(text: Optional[str]) -> Optional[Tuple[str, str]]:
    """What has no schema is in pg_catalog: definitions are read with nothing else in the path."""
    if text is None:
        return None
    names = [_unquoted(name) for name in re.findall(_NAME, text)]
    return (names[0], names[1]) if len(names) > 1 else ("pg_catalog", names[0])


def _options(text: Optional[str]) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for option in re.finditer(rf"({_NAME})=({_NAME}|'(?:[^']|'')*')", text or ""):
        value = option.group(2)
        found[_unquoted(option.group(1))] = (
            value[1:-1].replace("''", "'") if value.startswith("'") else _unquoted(value)
        )
    return found


def columns_of(tail: Tail, columns: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """The image's columns, completed by what the definition says. Raises ValueError where they disagree."""
    return [_column(key, dict(column)) for key, column in zip(tail.keys, columns)]


def _column(key: TailKey, column: Dict[str, Any]) -> Dict[str, Any]:
    """What is not written is the default of the column or expression, whatever an older image calls it."""
    same = (
        key.name == column["name"]
        and key.descending == column["descending"]
        and key.nulls_first == column["nulls_first"]
        and key.parameters == (key.parameters if column["parameters"] is None else column["parameters"])
        and (key.opclass is None or key.opclass == (column["opclass_schema"], column["opclass"]))
        and (
            key.collation is None
            or key.collation == (column["collation_schema"] or key.collation[0], column["collation"])
        )
    )
    if not same:
        raise ValueError("its keys are not those of the image")
    return {
        **column,
        "opclass_default": key.opclass is None,
        "own_collation": key.collation is None,
        "collation_schema": column["collation_schema"] if key.collation is None else key.collation[0],
        "parameters": key.parameters,
    }
