# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted state of an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._support import entry as _entry
from ..._support.problem import Mistake
from . import rules
from .key_column import IndexColumn, parameter_text
from .shape import ARGUMENT_SPEC, ENTRY_SCHEMA, SECTION

__all__ = [
    "ARGUMENT_SPEC",
    "ENTRY_SCHEMA",
    "SECTION",
    "IndexColumn",
    "IndexSpecification",
    "default_name",
    "entry_name",
    "problems",
]

default_name = rules.default_name
entry_name = rules.entry_name


@dataclass(frozen=True)
class IndexSpecification:
    """The wanted state of one index; the names are literal, ``where`` is SQL text.

    table: empty only for state 'absent', where a name finds the index. columns: empty only for state 'absent'.
    storage_parameters: (name, value) sorted by name, the values as PostgreSQL writes them ('70', 'on'). state: present
    or absent. on_conflict, for an index of this name with another definition: 'replace' or 'refuse'. on_equivalent,
    for an index of another name with this definition: 'accept' it as this one and report it, or 'create' this one
    beside it.
    """

    schema: str
    table: str
    name: str
    columns: tuple[IndexColumn, ...]
    unique: bool = False
    nulls_not_distinct: bool = False
    include: tuple[str, ...] = ()
    where: str | None = None
    method: str = "btree"
    storage_parameters: tuple[tuple[str, str], ...] = ()
    tablespace: str | None = None
    state: str = "present"
    on_conflict: str = "replace"
    on_equivalent: str = "accept"

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], schema: str) -> IndexSpecification:
        """The specification of a valid entry of ``indexes`` (or of a module's option), its table in ``schema``.

        Raises ValueError for an entry without a name from which none can be derived: ``problems`` reports that.
        """
        name = entry_name(entry)
        if name is None:
            raise ValueError("an index entry without a name, and none can be derived from its columns")
        # A value that is not given stays with the default of the field, so that each default stands in one place.
        options = {
            key: entry[key]
            for key in (
                "unique",
                "nulls_not_distinct",
                "where",
                "method",
                "tablespace",
                "state",
                "on_conflict",
                "on_equivalent",
            )
            if _entry.given(entry, key)
        }
        return cls(
            schema=schema,
            table=entry.get("table") or "",
            name=name,
            columns=tuple(IndexColumn.from_item(item) for item in _entry.items(entry, "columns")),
            include=tuple(_entry.items(entry, "include")),
            storage_parameters=_storage_parameters(_entry.mapping(entry, "storage_parameters")),
            **options,
        )


def problems(entry: Mapping[str, Any], migration: Mapping[str, Any]) -> list[Mistake]:
    """What no schema can say about ``entry``; paths are relative to it. ``migration`` is the raw whole around it.

    Values of a wrong type are passed over, since the schema, or Ansible, reports them; but for the items of
    ``columns`` and the values of ``storage_parameters``, whose shape Ansible cannot check.
    """
    return rules.problems(entry)


def _storage_parameters(written: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, parameter_text(value)) for name, value in written.items()))
