# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of an index entry that a schema cannot say: what PostgreSQL would refuse, or take and mean otherwise.

What the access methods can do was read from PostgreSQL 18 (pg_indexam_has_property) and is the same since 14.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..._support import entry as _entry
from ..._support.name_rules import derived_name_problems, name_fault, name_problems, sql_problems, text_problems
from ..._support.problem import Mistake, hint, kind_of, place_of, quoted
from .key_column import IndexColumn
from .shape import COLUMN_CHOICES, COLUMN_KEYS

__all__ = ["default_name", "entry_name", "likeness", "problems"]

#: INDEX_MAX_KEYS: key and included columns together.
_MOST_COLUMNS = 32
#: No storage parameter takes more, and Python refuses to write numbers of thousands of digits.
_LARGEST_NUMBER = 2**63


class _Method(NamedTuple):
    """What an access method can do."""

    unique: bool = False
    order: bool = False
    include: bool = False
    several: bool = True


#: The methods that come with PostgreSQL. One that is not here (hnsw, bloom …) is the server's to judge.
_METHODS = {
    "btree": _Method(unique=True, order=True, include=True),
    "hash": _Method(several=False),
    "gist": _Method(include=True),
    "spgist": _Method(include=True, several=False),
    "gin": _Method(),
    "brin": _Method(),
}


def default_name(table: str, columns: Sequence[str]) -> str:
    """The name of an index that is given none, as Prisma and PostgreSQL form it: Appointment_tenantId_status_idx."""
    return "_".join((table, *columns, "idx"))


def entry_name(entry: Mapping[str, Any]) -> str | None:
    """The name of the entry's index, given or derived; None when it has none, or not yet (the entry may be wrong)."""
    if _entry.given(entry, "name"):
        return _entry.text(entry, "name")
    return _derived_name(entry)


def likeness(entry: Mapping[str, Any]) -> Hashable | None:
    """A value that is equal for two entries that want the same index under two names; None when that is not clear."""
    table = _entry.text(entry, "table")
    columns = [_readable(item) for item in _entry.items(entry, "columns")]
    if table is None or not columns or None in columns or entry.get("state") == "absent":
        return None
    return (
        table,
        tuple(columns),
        entry.get("unique") is True,
        entry.get("nulls_not_distinct") is True,
        frozenset(name for _position, name in _entry.texts(entry, "include")),
        _entry.text(entry, "where"),
        _method(entry),
        frozenset((key, repr(value)) for key, value in _entry.mapping(entry, "storage_parameters").items()),
        _entry.text(entry, "tablespace"),
    )


def problems(entry: Mapping[str, Any]) -> list[Mistake]:
    """What is wrong with ``entry``, paths relative to it."""
    rules = [_names, _column_shapes, _storage_parameters, _name_needed]
    # For an index that shall not be there, the definition is only a remark.
    if entry.get("state") != "absent":
        rules += [_texts, _column_contents, _too_many, _repeated, _method_name, _method_limits, _uniqueness]
    return [problem for rule in rules for problem in rule(entry)]


def _names(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    faulty = list(name_problems(entry, "table", "name", "columns", "include", "method", "tablespace"))
    for position, column in _entry.mappings(entry, "columns"):
        faulty += [found.below("columns", position) for found in name_problems(column, "name", "opclass", "collation")]
    # Of a part that is too long by itself, the derived name's length only follows.
    yield from faulty or derived_name_problems(_derived_name(entry))


def _texts(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from sql_problems(entry, "where")
    for position, column in _entry.mappings(entry, "columns"):
        for found in sql_problems(column, "expression"):
            yield found.below("columns", position)


def _column_shapes(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    for position, item in enumerate(_entry.items(entry, "columns")):
        here = ("columns", position)
        if isinstance(item, Mapping):
            for key, value in _named(item):
                for message in _column_value_faults(key, value):
                    yield Mistake((*here, key), message)
            for found in _parameters(item, "opclass_parameters"):
                yield found.below(*here)
            if _entry.given(item, "opclass_parameters") and not _entry.given(item, "opclass"):
                yield Mistake((*here, "opclass"), "is missing: its parameters are given")
        elif not isinstance(item, str):
            yield Mistake(here, f"must be the name of a column or a mapping, is {kind_of(item)}")


def _column_value_faults(key: str, value: Any) -> Iterator[str]:
    if key not in COLUMN_KEYS:
        yield f"unknown key {quoted(key)}; {hint(key, COLUMN_KEYS)}"
    elif key == "opclass_parameters":
        if value is not None and not isinstance(value, Mapping):
            yield f"must be a mapping, is {kind_of(value)}"
    elif value is not None and not isinstance(value, str):
        yield f"must be a string, is {kind_of(value)}"
    elif key in COLUMN_CHOICES and value is not None and value not in COLUMN_CHOICES[key]:
        yield f"must be one of: {', '.join(COLUMN_CHOICES[key])}; is {quoted(value)}"


def _storage_parameters(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from _parameters(entry, "storage_parameters")


def _parameters(entry: Mapping[str, Any], key: str) -> Iterator[Mistake]:
    parameters = _entry.mapping(entry, key)
    for found in text_problems(parameters, *(name for name, _value in _named(parameters))):
        yield found.below(key)
    for name, value in _named(parameters):
        here = (key, name)
        if not isinstance(value, (str, bool, int, float)):
            yield Mistake(here, f"must be a string, a number or a boolean, is {kind_of(value)}")
        elif isinstance(value, int) and abs(value) >= _LARGEST_NUMBER:
            yield Mistake(here, "is a number far beyond what any parameter takes")
        fault = name_fault(name)
        if fault:
            yield Mistake(here, fault)


def _name_needed(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    columns = _entry.items(entry, "columns")
    if entry.get("state") == "absent":
        if not _entry.given(entry, "name") and not columns:
            yield Mistake(("name",), "is missing: say which index must be absent, by its name or by its columns")
        elif not _entry.given(entry, "name") and not _entry.given(entry, "table"):
            yield Mistake(("table",), "is missing: without a name the index is found by its table and columns")
    else:
        if not _entry.given(entry, "table"):
            yield Mistake(("table",), "is missing: say which table the index is on")
        if not _entry.given(entry, "columns"):
            yield Mistake(("columns",), "is missing: an index has at least one key column")
        elif entry["columns"] in ([], ()):
            yield Mistake(("columns",), "is empty: an index has at least one key column")
    has_expression = any(_entry.given(column, "expression") for _position, column in _entry.mappings(entry, "columns"))
    if has_expression and not _entry.given(entry, "name"):
        yield Mistake(("name",), "is missing: no name can be made from an expression, so give the index one")


def _column_contents(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    for position, column in _entry.mappings(entry, "columns"):
        here = ("columns", position)
        name, expression = _entry.given(column, "name"), _entry.given(column, "expression")
        if name and expression:
            yield Mistake(here, 'has both "name" and "expression": a key column is one or the other, remove one')
        elif not name and not expression:
            yield Mistake((*here, "name"), 'is missing: a key column has a "name" or an "expression"')


def _too_many(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    keys, included = len(_entry.items(entry, "columns")), len(_entry.items(entry, "include"))
    if keys + included > _MOST_COLUMNS:
        yield Mistake(
            ("columns",),
            f"there are {keys + included} columns ({keys} key, {included} included); "
            f"PostgreSQL takes {_MOST_COLUMNS} in one index: leave some out",
        )


def _repeated(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    seen = _entry.First()
    names: dict[str, int] = {}
    for position, item in enumerate(_entry.items(entry, "columns")):
        column = _readable(item)
        if column is None:
            continue
        before = seen.before(column, ("columns", position))
        if before:
            yield Mistake(("columns", position), f"repeats {place_of(before)} and adds nothing: remove one")
        if column.name is not None:
            names.setdefault(column.name, position)
    included = _entry.First()
    for position, name in _entry.texts(entry, "include"):
        here = ("include", position)
        before = included.before(name, here)
        if before:
            yield Mistake(here, f"repeats {place_of(before)}: remove one")
        elif name in names:
            yield Mistake(here, f"{quoted(name)} is a key column already (columns[{names[name]}]): remove one")


def _method_name(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    method = _method(entry)
    if method is not None and method not in _METHODS and method.lower() in _METHODS:
        yield Mistake(("method",), f"names are literal, and PostgreSQL has no {quoted(method)}: write {method.lower()}")


def _method_limits(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    method = _method(entry)
    can = _METHODS.get(method) if method is not None else None
    if method is None or can is None:
        return
    if _entry.items(entry, "include") and not can.include:
        yield Mistake(
            ("include",),
            f"an index with method {method} cannot include columns ({_able('include')} can): "
            "remove it, or choose another method",
        )
    if entry.get("unique") is True and not can.unique:
        yield Mistake(
            ("unique",),
            f"an index with method {method} cannot be unique ({_able('unique')} can): "
            "remove it, or choose another method",
        )
    keys = len(_entry.items(entry, "columns"))
    if keys > 1 and not can.several:
        yield Mistake(
            ("columns",),
            f"an index with method {method} has one key column, not {keys} ({_able('several')} take several): "
            "make one index for each",
        )
    if not can.order:
        for position, column in _entry.mappings(entry, "columns"):
            for key in ("order", "nulls"):
                if _entry.given(column, key):
                    yield Mistake(
                        ("columns", position, key),
                        f"an index with method {method} has no order ({_able('order')} has): remove it",
                    )


def _uniqueness(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    if entry.get("nulls_not_distinct") is True and entry.get("unique") in (None, False):
        yield Mistake(
            ("nulls_not_distinct",),
            'only a unique index compares its keys, so this would do nothing: add "unique: true", or remove it',
        )


def _named(mapping: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The items whose key is a string. In a file another one may stand there, and is reported by its reader."""
    return [(key, value) for key, value in mapping.items() if isinstance(key, str)]


def _able(what: str) -> str:
    names = [name for name, can in _METHODS.items() if getattr(can, what)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _method(entry: Mapping[str, Any]) -> str | None:
    return _entry.text(entry, "method") if _entry.given(entry, "method") else "btree"


def _derived_name(entry: Mapping[str, Any]) -> str | None:
    table, columns = _entry.text(entry, "table"), _entry.items(entry, "columns")
    names = [_column_name(item) for item in columns]
    if table is None or _entry.given(entry, "name") or not names or None in names:
        return None
    return default_name(table, [name for name in names if name is not None])


def _column_name(item: Any) -> str | None:
    if isinstance(item, Mapping):
        return None if _entry.given(item, "expression") else _entry.text(item, "name")
    return item if isinstance(item, str) else None


def _readable(item: Any) -> IndexColumn | None:
    """The column of an item whose shape is right, None of any other: that has been reported."""
    if isinstance(item, str):
        return IndexColumn.from_item(item)
    if not isinstance(item, Mapping) or not set(item).issubset(COLUMN_KEYS):
        return None
    texts = {key: value for key, value in item.items() if key != "opclass_parameters"}
    if not all(value is None or isinstance(value, str) for value in texts.values()):
        return None
    if not isinstance(item.get("opclass_parameters") or {}, Mapping):
        return None
    column = IndexColumn.from_item(item)
    return None if column.name is None and column.expression is None else column
