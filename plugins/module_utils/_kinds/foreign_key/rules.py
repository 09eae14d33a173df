# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a foreign key entry that a schema cannot say: what PostgreSQL would refuse, or accept and fail at."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from ..._support import entry as _entry
from ..._support.name_rules import derived_name_problems, name_problems
from ..._support.problem import Mistake, hint, place_of, quoted

__all__ = ["default_name", "entry_name", "likeness", "problems"]

#: INDEX_MAX_KEYS.
_MOST_COLUMNS = 32


def default_name(table: str, columns: Sequence[str]) -> str:
    """The name of a key that is given none, as Prisma and PostgreSQL form it: CashDrawer_openedById_fkey."""
    return "_".join((table, *columns, "fkey"))


def entry_name(entry: Mapping[str, Any]) -> str | None:
    """The name of the entry's key, given or derived; None when it has none, or not yet (the entry may be wrong)."""
    if _entry.given(entry, "name"):
        return _entry.text(entry, "name")
    return _derived_name(entry)


def likeness(entry: Mapping[str, Any]) -> Hashable | None:
    """A value that is equal for two entries whose keys tie the same columns; None when that is not clear.

    Two such keys both act: the stricter one wins, and what the other promises is not kept.
    """
    references = _entry.mapping(entry, "references")
    own, referenced = _entry.texts(entry, "columns"), _entry.texts(references, "columns")
    ends = (_entry.text(entry, "table"), _entry.text(references, "schema"), _entry.text(references, "table"))
    if entry.get("state") == "absent" or not own or len(own) != len(referenced) or None in (ends[0], ends[2]):
        return None
    return (*ends, frozenset((here, there) for (_i, here), (_j, there) in zip(own, referenced)))


def problems(entry: Mapping[str, Any], migration: Mapping[str, Any]) -> list[Mistake]:
    """What is wrong with ``entry``, paths relative to it; ``migration`` is the raw whole around it."""
    found = list(_names(entry)) + list(_parts_needed(entry))
    # For a key that shall not be there, the definition is only a remark.
    if entry.get("state") != "absent":
        for rule in (_counts, _repeated, _delete_columns, _match, _deferral):
            found += rule(entry)
        found += _nulls(entry, migration)
    return found


def _names(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    faulty = list(name_problems(entry, "table", "name", "columns", "on_delete_columns"))
    references = _entry.mapping(entry, "references")
    faulty += [found.below("references") for found in name_problems(references, "schema", "table", "columns")]
    # Of a part that is too long by itself, the derived name's length only follows.
    yield from faulty or derived_name_problems(_derived_name(entry))


def _parts_needed(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    references = _entry.mapping(entry, "references")
    if entry.get("state") == "absent":
        if not _entry.given(entry, "name") and not _entry.items(entry, "columns"):
            yield Mistake(("name",), "is missing: say which foreign key must be absent, by its name or its columns")
        return
    if not _entry.given(entry, "columns"):
        yield Mistake(("columns",), "is missing: a foreign key has at least one column")
    if not _entry.given(entry, "references"):
        yield Mistake(("references",), "is missing: say which table and columns the key refers to")
    for path, columns in ((("columns",), entry.get("columns")), (("references", "columns"), references.get("columns"))):
        if columns in ([], ()):
            yield Mistake(path, "is empty: a foreign key has at least one column")


def _counts(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    own = _entry.items(entry, "columns")
    referenced = _entry.items(_entry.mapping(entry, "references"), "columns")
    if own and referenced and len(own) != len(referenced):
        count = "1 column" if len(referenced) == 1 else f"{len(referenced)} columns"
        yield Mistake(
            ("references", "columns"),
            f'has {count}, but the "columns" of the key are {len(own)}: each of them refers to one, in this order',
        )
    if len(own) > _MOST_COLUMNS:
        yield Mistake(
            ("columns",),
            f"there are {len(own)} columns; PostgreSQL takes {_MOST_COLUMNS} in one key: leave some out",
        )


def _repeated(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    references = _entry.mapping(entry, "references")
    for holder, path in (
        (entry, ("columns",)),
        (references, ("references", "columns")),
        (entry, ("on_delete_columns",)),
    ):
        seen = _entry.First()
        for position, name in _entry.texts(holder, path[-1]):
            before = seen.before(name, (*path, position))
            if before:
                yield Mistake((*path, position), f"repeats {place_of(before)}: name each column once")


def _delete_columns(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    if not _entry.items(entry, "on_delete_columns"):
        return
    action = entry.get("on_delete")
    if action in (None, "no_action", "restrict", "cascade"):
        yield Mistake(
            ("on_delete_columns",),
            f"only on_delete set_null and set_default set columns, and on_delete is {action or 'not given'}: "
            "change it, or remove this",
        )
    own = [name for _position, name in _entry.texts(entry, "columns")]
    for position, name in _entry.texts(entry, "on_delete_columns"):
        if own and name not in own:
            yield Mistake(
                ("on_delete_columns", position), f"{quoted(name)} is not one of the key's columns; {hint(name, own)}"
            )


def _match(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    # Measured on PostgreSQL 18: the DELETE fails with 23503, since the key is then NULL in part.
    named = {name for _position, name in _entry.texts(entry, "on_delete_columns")}
    own = {name for _position, name in _entry.texts(entry, "columns")}
    if entry.get("match") == "full" and entry.get("on_delete") == "set_null" and named and named < own:
        yield Mistake(
            ("on_delete_columns",),
            "match full refuses a key that is NULL in part, so that every delete would fail: name all columns, or none",
        )


def _deferral(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    if entry.get("initially_deferred") is True and entry.get("deferrable") in (None, False):
        yield Mistake(
            ("initially_deferred",),
            'only a deferrable key can be deferred: add "deferrable: true", or remove it',
        )


def _nulls(entry: Mapping[str, Any], migration: Mapping[str, Any]) -> Iterator[Mistake]:
    """set_null on a column that this very migration wants to be NOT NULL; the database's columns are checked there."""
    if entry.get("set_null_fails") == "accept":
        return
    refusing = {
        (_entry.text(column, "table"), _entry.text(column, "name")): position
        for position, column in _entry.mappings(migration, "columns")
        if column.get("nullable") is False
    }
    own = [name for _position, name in _entry.texts(entry, "columns")]
    named = [name for _position, name in _entry.texts(entry, "on_delete_columns")]
    for key, event, columns in (("on_delete", "deleting", named or own), ("on_update", "updating", own)):
        if entry.get(key) != "set_null":
            continue
        for name in columns:
            position = refusing.get((_entry.text(entry, "table"), name))
            if position is not None:
                yield Mistake(
                    (key,),
                    f"sets {quoted(name)} to NULL, but columns[{position}] of this file makes it NOT NULL, so that "
                    f"{event} a referenced row would fail: make the column nullable, or choose another action",
                )


def _derived_name(entry: Mapping[str, Any]) -> str | None:
    table, columns = _entry.text(entry, "table"), _entry.items(entry, "columns")
    if table is None or _entry.given(entry, "name") or not columns:
        return None
    names = [name for _position, name in _entry.texts(entry, "columns")]
    return default_name(table, names) if len(names) == len(columns) else None
