# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted state of a constraint, and the rules of its entry that a schema cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..._support import entry as _entry
from ..._support.name_rules import derived_name_problems, name_problems, sql_problems, text_problems
from ..._support.problem import Mistake, place_of, quoted
from ..index.key_column import parameter_text
from .shape import ARGUMENT_SPEC, ENTRY_SCHEMA, SECTION

__all__ = ["ARGUMENT_SPEC", "ENTRY_SCHEMA", "SECTION", "ConstraintSpecification", "entry_name", "problems"]

#: By the key of an entry, what it is called in messages and in pg_constraint.contype.
TYPES = {"unique": "u", "primary_key": "p", "check": "c"}
#: INDEX_MAX_KEYS: key and included columns together.
_MOST_COLUMNS = 32
_OF_INDEXES = ("include", "deferrable", "initially_deferred", "storage_parameters", "tablespace")


@dataclass(frozen=True)
class ConstraintSpecification:
    """The wanted state of one constraint; the names are literal, ``check`` is SQL text.

    type: as pg_constraint has it, u, p or c; empty only for state 'absent'. comment None: as it is. on_conflict, for a
    constraint of this name with another definition: 'replace' or 'refuse'.
    """

    schema: str
    table: str
    name: str
    type: str = ""
    columns: tuple[str, ...] = ()
    check: str | None = None
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    deferrable: bool = False
    initially_deferred: bool = False
    no_inherit: bool = False
    storage_parameters: tuple[tuple[str, str], ...] = ()
    tablespace: str | None = None
    comment: str | None = None
    state: str = "present"
    on_conflict: str = "replace"

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], schema: str) -> ConstraintSpecification:
        """The specification of a valid entry of ``constraints`` (or of a module's option), its table in ``schema``.

        Raises ValueError for an entry without a name from which none can be derived: ``problems`` reports that.
        """
        name = entry_name(entry)
        if name is None:
            raise ValueError("a constraint entry without a name, and none can be derived from its columns")
        flags = ("nulls_not_distinct", "deferrable", "initially_deferred", "no_inherit")
        texts = ("check", "tablespace", "comment", "state", "on_conflict")
        key = next((key for key in TYPES if _entry.given(entry, key)), "")
        parameters = _entry.mapping(entry, "storage_parameters")
        return cls(
            schema=schema,
            table=entry["table"],
            name=name,
            type=TYPES.get(key, ""),
            columns=tuple(_entry.items(entry, key)) if key != "check" else (),
            include=tuple(_entry.items(entry, "include")),
            storage_parameters=tuple(sorted((name, parameter_text(value)) for name, value in parameters.items())),
            # A value that is not given stays with the default of the field, so that each default stands in one place.
            **{key: entry[key] for key in (*flags, *texts) if _entry.given(entry, key)},
        )


def entry_name(entry: Mapping[str, Any]) -> str | None:
    """The name of the entry's constraint, given or PostgreSQL's; None when it has none, or not yet."""
    if _entry.given(entry, "name"):
        return _entry.text(entry, "name")
    return _derived_name(entry)


def _derived_name(entry: Mapping[str, Any]) -> str | None:
    """As the server forms it from the table and all columns of the index (indexcmds.c, ChooseIndexName)."""
    table = _entry.text(entry, "table")
    if table is None or _entry.given(entry, "name"):
        return None
    if _entry.items(entry, "primary_key"):
        return f"{table}_pkey"
    columns = [name for key in ("unique", "include") for _position, name in _entry.texts(entry, key)]
    return "_".join((table, *columns, "key")) if _entry.items(entry, "unique") else None


def problems(entry: Mapping[str, Any]) -> list[Mistake]:
    """What no schema can say about ``entry``; paths are relative to it.

    Values of a wrong type are passed over: the schema, or Ansible, reports them.
    """
    faulty = list(name_problems(entry, "table", "name", "unique", "primary_key", "include", "tablespace"))
    # Of a part that is too long by itself, the derived name's length only follows.
    found = faulty or list(derived_name_problems(_derived_name(entry)))
    found += text_problems(entry, "comment")
    if entry.get("state") == "absent":
        if not _entry.given(entry, "name"):
            found.append(Mistake(("name",), "is missing: say which constraint must be absent"))
        return found
    for rule in (_one_type, _columns, _belongs, _deferral):
        found += rule(entry)
    return [*found, *sql_problems(entry, "check")]


def _one_type(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    given = [key for key in TYPES if _entry.given(entry, key)]
    if not given and _entry.given(entry, "table"):
        yield Mistake(("unique",), "is missing: say what the constraint is: unique, primary_key or check")
    for key in given[1:]:
        yield Mistake((key,), f'one constraint is not "{given[0]}" and "{key}" at once: make an entry for each')
    if given == ["check"] and not _entry.given(entry, "name"):
        yield Mistake(("name",), "is missing: a check has no name that follows from its table")


def _columns(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    for key in ("unique", "primary_key"):
        if entry.get(key) in ([], ()):
            yield Mistake((key,), "is empty: the constraint has at least one column")
        seen = _entry.First()
        for position, name in _entry.texts(entry, key):
            before = seen.before(name, (key, position))
            if before:
                yield Mistake((key, position), f"repeats {place_of(before)}: name each column once")
        number = len(_entry.items(entry, key)) + len(_entry.items(entry, "include"))
        if number > _MOST_COLUMNS:
            yield Mistake((key,), f"there are {number} columns; PostgreSQL takes {_MOST_COLUMNS} in one index")


def _belongs(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is said of an index where there is none, and the other way round."""
    if _entry.given(entry, "check"):
        for key in _OF_INDEXES:
            if entry.get(key):
                yield Mistake((key,), "is about an index, and a check has none: remove it")
    elif entry.get("no_inherit"):
        yield Mistake(("no_inherit",), "is about a check; no other constraint is inherited: remove it")
    if entry.get("nulls_not_distinct") and not _entry.given(entry, "unique"):
        yield Mistake(("nulls_not_distinct",), f"belongs to {quoted('unique')}: remove it")


def _deferral(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    if entry.get("initially_deferred") is True and not entry.get("deferrable"):
        yield Mistake(
            ("initially_deferred",),
            'only a deferrable constraint can be deferred: add "deferrable: true", or remove it',
        )
