# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of an index entry: as JSON Schema for the file, as argument spec for the module, one beside the other."""

from __future__ import annotations

from typing import Any

from .. import conflict

__all__ = ["ARGUMENT_SPEC", "COLUMN_CHOICES", "COLUMN_KEYS", "ENTRY_SCHEMA", "SECTION"]

#: The key of a migration under which the entries of this kind stand.
SECTION = "indexes"

_COLUMN: dict[str, Any] = {
    # Not oneOf: a validator could then only say that neither form fits, and not which word is wrong.
    "type": ["string", "object"],
    "minLength": 1,
    "description": "The literal name of a column, or a mapping with more keys.",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "Literal name of a column; or use expression."},
        "expression": {
            "type": "string",
            "minLength": 1,
            "description": "SQL expression over the row, without the parentheses around it, such as lower(email).",
        },
        "order": {"type": "string", "enum": ["asc", "desc"], "default": "asc", "description": "Sort order."},
        "nulls": {
            "type": "string",
            "enum": ["first", "last"],
            "description": "Where NULLs sort. By default last for asc and first for desc, as in PostgreSQL.",
        },
        "opclass": {
            "type": "string",
            "minLength": 1,
            "description": (
                "Literal name of the operator class, such as text_pattern_ops, or extensions.gin_trgm_ops; by default "
                "the type's own."
            ),
        },
        "opclass_parameters": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": "Parameters of the operator class by name, such as siglen; they need opclass.",
        },
        "collation": {
            "type": "string",
            "minLength": 1,
            "description": (
                "Literal name of the collation, such as C or de-x-icu, or other_schema.name; by default the column's "
                "own."
            ),
        },
    },
}

#: JSON Schema (draft 2020-12) of one entry.
ENTRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The desired state of one index.",
    "additionalProperties": False,
    # Written so that each branch ends in one plain "required", which has a plain message.
    "if": {"properties": {"state": {"const": "absent"}}, "required": ["state"]},
    "then": {"if": {"required": ["columns"]}, "then": {"required": ["table"]}, "else": {"required": ["name"]}},
    "else": {"required": ["table", "columns"]},
    "properties": {
        "table": {
            "type": "string",
            "minLength": 1,
            "description": (
                "Literal name of the table, its case kept. May be left out for state absent with a name: an index has "
                "its name in its schema."
            ),
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "description": (
                "Literal name of the index. By default <table>_<columns joined with _>_idx; "
                "an index with an expression needs a name."
            ),
        },
        "columns": {
            "type": "array",
            "minItems": 1,
            "items": _COLUMN,
            "description": "The key columns in their order. May be left out for state absent with a name.",
        },
        "unique": {"type": "boolean", "default": False, "description": "Whether the key must be unique."},
        "nulls_not_distinct": {
            "type": "boolean",
            "default": False,
            "description": "Whether NULLs count as equal in a unique index (PostgreSQL 15 and later).",
        },
        "include": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "description": "Literal names of columns that the index stores without being sorted by them.",
        },
        "where": {
            "type": "string",
            "minLength": 1,
            "description": "SQL condition of a partial index, without the word WHERE. Quote names as SQL does.",
        },
        "method": {
            "type": "string",
            "minLength": 1,
            "default": "btree",
            "description": "Access method: btree, hash, gist, spgist, gin, brin, or one of an extension.",
        },
        "storage_parameters": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": "Storage parameters by name, such as fillfactor.",
        },
        "tablespace": {
            "type": "string",
            "minLength": 1,
            "description": "Literal name of the tablespace. By default the one that the server chooses.",
        },
        "state": {
            "type": "string",
            "enum": ["present", "absent"],
            "default": "present",
            "description": "Whether the index must exist.",
        },
        "on_conflict": conflict.schema(
            "If an index of this name has another definition: replace it, so that one of the two always exists, or "
            "refuse."
        ),
        "on_equivalent": {
            "type": "string",
            "enum": ["accept", "create"],
            "default": "accept",
            "description": (
                "If a valid index of another name has the same definition: accept it as this one and report it, or "
                "create this one beside it."
            ),
        },
    },
}

#: The keys of a column that is written as a mapping, and the values that some of them are limited to.
COLUMN_KEYS = tuple(_COLUMN["properties"])
COLUMN_CHOICES = {key: tuple(value["enum"]) for key, value in _COLUMN["properties"].items() if "enum" in value}

#: The same for Ansible: the suboptions of one entry. An item of ``columns`` is a string or a mapping, which Ansible
#: cannot say: ``specification.problems`` checks its shape.
ARGUMENT_SPEC: dict[str, Any] = {
    "table": {"type": "str"},
    "name": {"type": "str"},
    "columns": {"type": "list", "elements": "raw"},
    "unique": {"type": "bool", "default": False},
    "nulls_not_distinct": {"type": "bool", "default": False},
    "include": {"type": "list", "elements": "str"},
    "where": {"type": "str"},
    "method": {"type": "str", "default": "btree"},
    "storage_parameters": {"type": "dict"},
    "tablespace": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "on_conflict": {"type": "str", "choices": list(conflict.CHOICES), "default": "replace"},
    "on_equivalent": {"type": "str", "choices": ["accept", "create"], "default": "accept"},
}
