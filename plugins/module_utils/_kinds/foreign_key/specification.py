# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted state of a foreign key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._support import entry as _entry
from ..._support.problem import Mistake
from . import rules
from .shape import ARGUMENT_SPEC, ENTRY_SCHEMA, SECTION

__all__ = [
    "ARGUMENT_SPEC",
    "ENTRY_SCHEMA",
    "SECTION",
    "ForeignKeySpecification",
    "default_name",
    "entry_name",
    "problems",
]

default_name = rules.default_name
entry_name = rules.entry_name

_OPTIONS = (
    *("on_delete", "on_update", "match", "deferrable", "initially_deferred", "state", "on_conflict"),
    "set_null_fails",
)


@dataclass(frozen=True)
class ForeignKeySpecification:
    """The wanted state of one foreign key; the names are literal.

    columns, referenced_columns: of the same length; empty, and referenced_table None, only for state 'absent'.
    on_delete, on_update: 'no_action', 'restrict', 'cascade', 'set_null' or 'set_default'. on_delete_columns: the
    columns that on_delete sets, empty for all. match: 'simple' or 'full'. state: 'present' or 'absent'. on_conflict,
    for a key of this name with another definition: 'replace' or 'refuse'. set_null_fails, for one that sets a column to
    NULL that does not take it: 'refuse' or 'accept'.
    None says: keep what stands there, or PostgreSQL's default for a new key.
    """

    schema: str
    table: str
    name: str
    columns: tuple[str, ...]
    referenced_schema: str
    referenced_table: str | None
    referenced_columns: tuple[str, ...]
    on_delete: str | None = None
    on_delete_columns: tuple[str, ...] = ()
    on_update: str | None = None
    match: str | None = None
    deferrable: bool | None = None
    initially_deferred: bool | None = None
    state: str = "present"
    on_conflict: str = "replace"
    set_null_fails: str = "refuse"

    @property
    def parent(self) -> tuple[str, str] | None:
        """The referenced table: its schema and name."""
        return None if self.referenced_table is None else (self.referenced_schema, self.referenced_table)

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], schema: str) -> ForeignKeySpecification:
        """The specification of a valid entry of ``foreign_keys`` (or of a module's option), its table in ``schema``.

        Raises ValueError for an entry without a name from which none can be derived: ``problems`` reports that.
        """
        name = entry_name(entry)
        if name is None:
            raise ValueError("a foreign key entry without a name, and none can be derived from its columns")
        # A value that is not given stays with the default of the field, so that each default stands in one place.
        options = {key: entry[key] for key in _OPTIONS if _entry.given(entry, key)}
        references = _entry.mapping(entry, "references")
        return cls(
            schema=schema,
            table=entry["table"],
            name=name,
            columns=tuple(_entry.items(entry, "columns")),
            referenced_schema=references.get("schema") or schema,
            referenced_table=references.get("table"),
            referenced_columns=tuple(_entry.items(references, "columns")),
            on_delete_columns=tuple(_entry.items(entry, "on_delete_columns")),
            **options,
        )


def problems(entry: Mapping[str, Any], migration: Mapping[str, Any]) -> list[Mistake]:
    """What no schema can say about ``entry``; paths are relative to it. ``migration`` is the raw whole around it.

    Values of a wrong type are passed over: the schema, or Ansible, reports them.
    """
    return rules.problems(entry, migration)
