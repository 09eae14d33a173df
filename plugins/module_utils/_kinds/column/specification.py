# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted state of a column: for now, whether it takes NULL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._support.name_rules import name_problems
from ..._support.problem import Mistake

__all__ = ["ARGUMENT_SPEC", "ENTRY_SCHEMA", "SECTION", "ColumnSpecification", "problems"]

#: The key of a migration under which the entries of this kind stand.
SECTION = "columns"

#: JSON Schema (draft 2020-12) of one entry.
ENTRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The desired state of one column of an existing table.",
    "additionalProperties": False,
    "required": ["table", "name", "nullable"],
    "properties": {
        "table": {"type": "string", "minLength": 1, "description": "Literal name of the table, its case kept."},
        "name": {"type": "string", "minLength": 1, "description": "Literal name of the column, its case kept."},
        "nullable": {
            "type": "boolean",
            "description": "true: the column permits NULL. false: it does not; the rows are checked first.",
        },
    },
}

#: The same for Ansible: the suboptions of one entry.
ARGUMENT_SPEC: dict[str, Any] = {
    "table": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "nullable": {"type": "bool", "required": True},
}


@dataclass(frozen=True)
class ColumnSpecification:
    """The wanted state of one column; the names are literal."""

    schema: str
    table: str
    name: str
    nullable: bool

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], schema: str) -> ColumnSpecification:
        """The specification of a valid entry of ``columns`` (or of a module's option), its table in ``schema``."""
        return cls(schema=schema, table=entry["table"], name=entry["name"], nullable=entry["nullable"])


def problems(entry: Mapping[str, Any], migration: Mapping[str, Any]) -> list[Mistake]:
    """What no schema can say about ``entry``; paths are relative to it. ``migration`` is the raw whole around it.

    Values of a wrong type are passed over: the schema, or Ansible, reports them.
    """
    return list(name_problems(entry, "table", "name"))
