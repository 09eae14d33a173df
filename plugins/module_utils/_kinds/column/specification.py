# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted state of a column: its type, where it may have to be added, its default, and whether it takes NULL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..._support import entry as _entry
from ..._support.name_rules import name_problems
from ..._support.problem import Mistake
from .. import conflict

__all__ = ["ARGUMENT_SPEC", "ENTRY_SCHEMA", "SECTION", "ColumnSpecification", "problems"]

#: The key of a migration under which the entries of this kind stand.
SECTION = "columns"

#: JSON Schema (draft 2020-12) of one entry.
ENTRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The desired state of one column of an existing table.",
    "additionalProperties": False,
    "required": ["table", "name"],
    # Written so that the branch ends in one plain "required", which has a plain message.
    "if": {"required": ["type"]},
    "else": {
        "if": {"required": ["default"]},
        "else": {"if": {"required": ["comment"]}, "else": {"required": ["nullable"]}},
    },
    "properties": {
        "table": {"type": "string", "minLength": 1, "description": "Literal name of the table, its case kept."},
        "name": {"type": "string", "minLength": 1, "description": "Literal name of the column, its case kept."},
        "nullable": {
            "type": "boolean",
            "description": (
                "true: the column permits NULL. false: it does not; the rows are checked first. Without it, a column "
                "that is added permits NULL, and one that is there stays as it is."
            ),
        },
        "type": {
            "type": "string",
            "minLength": 1,
            "description": (
                "The type as SQL writes it, such as numeric(10,2) or other_schema.status. A column that is missing is "
                "added. Of one that is there the type is compared, and never changed."
            ),
        },
        "default": {
            "type": ["string", "number", "boolean"],
            "description": (
                "The default as an SQL expression, such as 0, 'new' (with its quotes) or CURRENT_TIMESTAMP. NULL: the "
                "column has no default, and the one that it has is dropped."
            ),
        },
        "generated": {
            "type": "string",
            "minLength": 1,
            "description": "The expression of a stored generated column, without the parentheses around it.",
        },
        "identity": {
            "type": "string",
            "enum": ["always", "by_default"],
            "description": "The column is an identity column, GENERATED ALWAYS or BY DEFAULT.",
        },
        "collation": {
            "type": "string",
            "minLength": 1,
            "description": (
                "Literal name of the collation, such as C or de-x-icu, or other_schema.name; by default the type's own."
            ),
        },
        "comment": {"type": "string", "description": "The comment on the column. An empty one: it has none."},
        "on_conflict": conflict.schema(
            "If the column exists with another default, comment or nullability: replace these, or refuse."
        ),
    },
}

#: The same for Ansible: the suboptions of one entry.
ARGUMENT_SPEC: dict[str, Any] = {
    "table": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "nullable": {"type": "bool"},
    "type": {"type": "str"},
    "default": {"type": "str"},
    "generated": {"type": "str"},
    "identity": {"type": "str", "choices": ["always", "by_default"]},
    "collation": {"type": "str"},
    "comment": {"type": "str"},
    "on_conflict": {"type": "str", "choices": list(conflict.CHOICES), "default": "replace"},
}


@dataclass(frozen=True)
class ColumnSpecification:
    """The wanted state of one column; the names are literal. None: the entry does not say it."""

    schema: str
    table: str
    name: str
    nullable: bool | None = None
    type: str | None = None
    default: str | None = None
    generated: str | None = None
    identity: str | None = None
    collation: str | None = None
    comment: str | None = None
    on_conflict: str = "replace"

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], schema: str) -> ColumnSpecification:
        """The specification of a valid entry of ``columns`` (or of a module's option), its table in ``schema``."""
        texts = {key: entry.get(key) for key in ("type", "generated", "identity", "collation", "comment")}
        return cls(
            schema=schema,
            table=entry["table"],
            name=entry["name"],
            nullable=entry.get("nullable"),
            default=_expression(entry.get("default")),
            on_conflict=entry.get("on_conflict") or "replace",
            **texts,
        )


def _expression(value: Any) -> str | None:
    """The SQL text of a default, which YAML may have read as a number or as true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def problems(entry: Mapping[str, Any], migration: Mapping[str, Any]) -> list[Mistake]:
    """What no schema can say about ``entry``; paths are relative to it. ``migration`` is the raw whole around it.

    Values of a wrong type are passed over: the schema, or Ansible, reports them.
    """
    return [*name_problems(entry, "table", "name", "collation"), *_aspects(entry)]


def _aspects(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    given = [key for key in ("type", "default", "generated", "identity", "collation") if _entry.given(entry, key)]
    nothing = not given and not _entry.given(entry, "nullable") and not _entry.given(entry, "comment")
    if nothing and _entry.given(entry, "table") and _entry.given(entry, "name"):
        yield Mistake(("nullable",), "is missing: say what the column must be: nullable, type, default or comment")
    for key in given[1:] if "type" in given else given:
        if key != "default" and "type" not in given:
            yield Mistake((key,), 'belongs to a column with a type: add "type"')
    for one, other in (("generated", "default"), ("generated", "identity"), ("identity", "default")):
        if one in given and other in given:
            yield Mistake((other,), f'a column with "{one}" has no "{other}" of its own: remove one of them')
    if "identity" in given and entry.get("nullable") is True:
        yield Mistake(("nullable",), "an identity column is NOT NULL: remove it")
    if str(entry.get("type")).strip().lower() in _SERIAL:
        yield Mistake(
            ("type",), f'is no type of its own: write "{_SERIAL[entry["type"].strip().lower()]}" and identity'
        )


#: What stands for a sequence and a default (8.1.4 "Serial Types").
_SERIAL = {
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
    "smallserial": "smallint",
    "serial2": "smallint",
}
