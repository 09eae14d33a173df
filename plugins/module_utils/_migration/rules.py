# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a migration beyond its shape: in each entry, and between entries."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from .._kinds.entries import repeated
from .._kinds.registry import KINDS
from .._support import entry as _entry
from .._support.name_rules import name_problems, sql_problems, text_problems
from .._support.problem import Mistake, place_of, quoted
from .evidence import evidence_problems

__all__ = ["ID_PATTERN", "migration_problems"]

#: An id becomes a directory's name and stands in reports and URLs, so it has no slash, space or leading dot.
ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


def migration_problems(data: Mapping[str, Any]) -> list[Mistake]:
    """All that is wrong with a migration beyond its shape; paths from its root.

    Values of a wrong type are passed over: whoever reads the file reports them.
    """
    found = list(_header(data))
    for kind in KINDS.values():
        for position, entry in _entry.mappings(data, kind.section):
            found += [problem.below(kind.section, position) for problem in kind.problems(entry, data)]
    if not _entry.given(data, "order"):  # else one comes after the other
        for kind in KINDS.values():
            found += kind.clashes(data)
    for rule in (_relation_or_table, _verification, _questions):
        found += rule(data)
    return found


def _header(data: Mapping[str, Any]) -> Iterator[Mistake]:
    identity = _entry.text(data, "id")
    if not _entry.given(data, "id"):
        yield Mistake(("id",), "is missing: a migration has an id, by which the journal and the reports know it")
    elif identity is not None and not re.fullmatch(ID_PATTERN, identity):
        yield Mistake(
            ("id",),
            f"{quoted(identity)} must be 1 to 100 letters (a to z), digits, dots, dashes or underscores, "
            "the first a letter or a digit",
        )
    yield from text_problems(data, "description")
    yield from name_problems(data, "schema")


def _relation_or_table(data: Mapping[str, Any]) -> Iterator[Mistake]:
    tables = _tables(data)
    for kind in KINDS.values():
        for position, entry in _entry.mappings(data, kind.section):
            name = kind.relation_named(entry)
            if name is not None and name in tables:
                yield Mistake(
                    (kind.section, position, "name"),
                    f"{quoted(name)} is a table of this migration; tables and indexes share their names: choose "
                    "another",
                )


def _verification(data: Mapping[str, Any]) -> Iterator[Mistake]:
    verification = _entry.mapping(data, "verification")
    found = list(name_problems(verification, "unchanged_counts"))
    seen = _entry.First()
    for position, table in _entry.texts(verification, "unchanged_counts"):
        path = ("unchanged_counts", position)
        before = seen.before(table, path)
        if before:
            found.append(Mistake(path, f"repeats {place_of(('verification', *before))}: remove one"))
    for problem in found:
        yield problem.below("verification")
    yield from _named(verification, "verification", "queries")


def _questions(data: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from _named(data, "probes")
    yield from _named(data, "queries")
    yield from evidence_problems(data)


def _named(holder: Mapping[str, Any], *path: str) -> Iterator[Mistake]:
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
            yield Mistake((*path, position, "name"), "is empty: reports call it by its name")
    for position, query, earlier in repeated(holder, key, _name):
        yield Mistake(
            (*path, position, "name"),
            f"{quoted(query['name'])} is the name of {place_of((*path, earlier))} as well: give each its own",
        )


def _name(entry: Mapping[str, Any]) -> Hashable | None:
    return _entry.text(entry, "name") or None


def _tables(data: Mapping[str, Any]) -> set[str]:
    """The tables of the migration's own schema that it names."""
    named = [
        table
        for kind in KINDS.values()
        for _position, entry in _entry.mappings(data, kind.section)
        for table in kind.tables_named(entry, data)
    ]
    named += [table for _position, table in _entry.texts(_entry.mapping(data, "verification"), "unchanged_counts")]
    return {table for table in named if table is not None}
