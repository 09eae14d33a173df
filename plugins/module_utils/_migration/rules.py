# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection steady.postgresql: no promise is made about this file to anyone outside it.
"""What is wrong with a migration beyond its shape: in each entry, and between entries."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Callable

from .._kinds.column import specification as column
from .._kinds.foreign_key import rules as foreign_key_rules
from .._kinds.foreign_key import specification as foreign_key
from .._kinds.index import rules as index_rules
from .._kinds.index import specification as index
from .._support import entry as _entry
from .._support.name_rules import name_problems, sql_problems, text_problems
from .._support.problem import Problem, place_of, quoted
from .evidence import evidence_problems

__all__ = ["ID_PATTERN", "migration_problems"]

#: An id becomes a directory's name and stands in reports and URLs, so it has no slash, space or leading dot.
ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


def migration_problems(data: Mapping) -> list[Problem]:
    """All that is wrong with a migration beyond its shape; paths from its root.

    Values of a wrong type are passed over: whoever reads the file reports them.
    """
    found = list(_header(data))
    for kind in (column, index, foreign_key):
        for position, entry in _entry.mappings(data, kind.SECTION):
            found += [problem.below(kind.SECTION, position) for problem in kind.problems(entry, data)]
    for rule in (
        _columns_twice,
        _indexes_twice,
        _indexes_alike,
        _index_or_table,
        _keys_twice,
        _keys_alike,
        _verification,
        _questions,
    ):
        found += rule(data)
    return found


def _header(data: Mapping) -> Iterator[Problem]:
    identity = _entry.text(data, "id")
    if not _entry.given(data, "id"):
        yield Problem(("id",), "is missing: a migration has an id, by which the journal and the reports know it")
    elif identity is not None and not re.fullmatch(ID_PATTERN, identity):
        yield Problem(
            ("id",),
            f"{quoted(identity)} must be 1 to 100 letters (a to z), digits, dots, dashes or underscores, "
            "the first a letter or a digit",
        )
    yield from text_problems(data, "description")
    yield from name_problems(data, "schema")


def _columns_twice(data: Mapping) -> Iterator[Problem]:
    for position, entry, earlier in _repeated(data, column.SECTION, _column):
        what = f"the column {quoted(entry['name'])} of table {quoted(entry['table'])}"
        contrary = entry.get("nullable") is not data[column.SECTION][earlier].get("nullable")
        yield _second(column.SECTION, position, earlier, what, contrary)


def _indexes_twice(data: Mapping) -> Iterator[Problem]:
    # Index names are unique in a schema, not only on a table.
    for position, entry, earlier in _repeated(data, index.SECTION, index.entry_name):
        what = f"the index {quoted(index.entry_name(entry) or '')}"
        yield _second(
            index.SECTION, position, earlier, what, _absent(entry) is not _absent(data[index.SECTION][earlier])
        )


def _indexes_alike(data: Mapping) -> Iterator[Problem]:
    for position, entry, earlier in _repeated(data, index.SECTION, index_rules.likeness):
        same_name = index.entry_name(entry) == index.entry_name(data[index.SECTION][earlier])
        if not same_name and entry.get("on_equivalent") != "create":
            yield Problem(
                (index.SECTION, position),
                f"has the definition of {index.SECTION}[{earlier}] under another name: remove one, "
                'or add "on_equivalent: create" if both are wanted',
            )


def _index_or_table(data: Mapping) -> Iterator[Problem]:
    tables = _tables(data)
    for position, entry in _entry.mappings(data, index.SECTION):
        name = index.entry_name(entry)
        if name is not None and name in tables:
            yield Problem(
                (index.SECTION, position, "name"),
                f"{quoted(name)} is a table of this migration; tables and indexes share their names: choose another",
            )


def _keys_twice(data: Mapping) -> Iterator[Problem]:
    for position, entry, earlier in _repeated(data, foreign_key.SECTION, _key):
        name = foreign_key.entry_name(entry) or ""
        what = f"the foreign key {quoted(name)} of table {quoted(entry['table'])}"
        contrary = _absent(entry) is not _absent(data[foreign_key.SECTION][earlier])
        yield _second(foreign_key.SECTION, position, earlier, what, contrary)


def _keys_alike(data: Mapping) -> Iterator[Problem]:
    for position, entry, earlier in _repeated(data, foreign_key.SECTION, foreign_key_rules.likeness):
        if foreign_key.entry_name(entry) != foreign_key.entry_name(data[foreign_key.SECTION][earlier]):
            yield Problem(
                (foreign_key.SECTION, position),
                f"has the columns and the referenced columns of {foreign_key.SECTION}[{earlier}] under another name, "
                "and both would act: remove one, or make it absent",
            )


def _verification(data: Mapping) -> Iterator[Problem]:
    verification = _entry.mapping(data, "verification")
    found = list(name_problems(verification, "unchanged_counts"))
    seen = _entry.First()
    for position, table in _entry.texts(verification, "unchanged_counts"):
        path = ("unchanged_counts", position)
        before = seen.before(table, path)
        if before:
            found.append(Problem(path, f"repeats {place_of(('verification', *before))}: remove one"))
    for problem in found:
        yield problem.below("verification")
    yield from _named(verification, "verification", "queries")


def _questions(data: Mapping) -> Iterator[Problem]:
    yield from _named(data, "probes")
    yield from _named(data, "queries")
    yield from evidence_problems(data)


def _named(holder: Mapping, *path: str) -> Iterator[Problem]:
    """The rules of a list of named SQL texts: names are what reports call them by, so each is there once.

    path: where the list stands in the file; the last of it is its key in ``holder``.
    """
    key = path[-1]
    for position, query in _entry.mappings(holder, key):
        for problem in (
            *text_problems(query, "name", "expect"),
            *sql_problems(query, "sql", "params"),
            *name_problems(query, "uses_index"),
        ):
            yield problem.below(*path, position)
        name = _entry.text(query, "name")
        if name is not None and not name.strip():
            yield Problem((*path, position, "name"), "is empty: reports call it by its name")
    for position, query, earlier in _repeated(holder, key, _name):
        yield Problem(
            (*path, position, "name"),
            f"{quoted(query['name'])} is the name of {place_of((*path, earlier))} as well: give each its own",
        )


def _repeated(
    holder: Mapping, section: str, identity: Callable[[Mapping], Hashable | None]
) -> Iterator[tuple[int, Mapping, int]]:
    """Each entry whose identity an earlier one has: its position, itself, and the position of the first such one."""
    first: dict[Hashable, int] = {}
    for position, entry in _entry.mappings(holder, section):
        value = identity(entry)
        if value is None:
            continue
        if value in first:
            yield position, entry, first[value]
        first.setdefault(value, position)


def _second(section: str, position: int, earlier: int, what: str, contrary: bool) -> Problem:
    verb = "contradicts" if contrary else "repeats"
    return Problem((section, position), f"{verb} {section}[{earlier}], which is about {what} too: keep one of them")


def _column(entry: Mapping) -> Hashable | None:
    table, name = _entry.text(entry, "table"), _entry.text(entry, "name")
    return None if table is None or name is None else (table, name)


def _key(entry: Mapping) -> Hashable | None:
    table, name = _entry.text(entry, "table"), foreign_key.entry_name(entry)
    return None if table is None or name is None else (table, name)


def _name(entry: Mapping) -> Hashable | None:
    return _entry.text(entry, "name") or None


def _absent(entry: Mapping) -> bool:
    return entry.get("state") == "absent"


def _tables(data: Mapping) -> set[str]:
    """The tables of the migration's own schema that it names."""
    named = [
        _entry.text(entry, "table")
        for kind in (column, index, foreign_key)
        for _position, entry in _entry.mappings(data, kind.SECTION)
    ]
    for _position, entry in _entry.mappings(data, foreign_key.SECTION):
        references = _entry.mapping(entry, "references")
        if not _entry.given(references, "schema") or references.get("schema") == data.get("schema"):
            named.append(_entry.text(references, "table"))
    named += [table for _position, table in _entry.texts(_entry.mapping(data, "verification"), "unchanged_counts")]
    return {table for table in named if table is not None}
