# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a constraint entry: as JSON Schema for the file, as argument spec for the module, side by side."""

from __future__ import annotations

from typing import Any

from .. import conflict

__all__ = ["ARGUMENT_SPEC", "ENTRY_SCHEMA", "SECTION"]

#: The key of a migration under which the entries of this kind stand.
SECTION = "constraints"

_NAMES: dict[str, Any] = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}

#: JSON Schema (draft 2020-12) of one entry.
ENTRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The desired state of one unique, primary key or check constraint.",
    "additionalProperties": False,
    "required": ["table"],
    # Written so that each branch ends in one plain "required", which has a plain message.
    "if": {"properties": {"state": {"const": "absent"}}, "required": ["state"]},
    "then": {"required": ["name"]},
    "else": {
        "if": {"required": ["primary_key"]},
        "else": {"if": {"required": ["check"]}, "then": {"required": ["name"]}, "else": {"required": ["unique"]}},
    },
    "properties": {
        "table": {"type": "string", "minLength": 1, "description": "Literal name of the table, its case kept."},
        "name": {
            "type": "string",
            "minLength": 1,
            "description": (
                "Literal name of the constraint. By default PostgreSQL's own: <table>_<columns joined with _>_key, or "
                "<table>_pkey. A check has no default."
            ),
        },
        "unique": {**_NAMES, "description": "Literal names of the columns that are unique together."},
        "primary_key": {
            **_NAMES,
            "description": "Literal names of the columns of the primary key. They become NOT NULL.",
        },
        "check": {
            "type": "string",
            "minLength": 1,
            "description": "The condition of a check as an SQL expression, without the parentheses around it.",
        },
        "include": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "description": "Literal names of columns that the index has beside its key (INCLUDE).",
        },
        "nulls_not_distinct": {
            "type": "boolean",
            "default": False,
            "description": "With unique: two NULLs are equal, too (PostgreSQL 15 and later).",
        },
        "deferrable": {
            "type": "boolean",
            "default": False,
            "description": "With unique or primary_key: whether a transaction may defer the check to its end.",
        },
        "initially_deferred": {
            "type": "boolean",
            "default": False,
            "description": "Whether the check is deferred by default; needs deferrable.",
        },
        "no_inherit": {
            "type": "boolean",
            "default": False,
            "description": "With check: it does not hold for tables that inherit (NO INHERIT).",
        },
        "storage_parameters": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": "Storage parameters of the index by name, such as fillfactor.",
        },
        "tablespace": {
            "type": "string",
            "minLength": 1,
            "description": "Literal name of the tablespace of the index. By default the one that the server chooses.",
        },
        "comment": {
            "type": "string",
            "description": "The comment on the constraint. An empty one: it has none. Without it, it stays as it is.",
        },
        "state": {
            "type": "string",
            "enum": ["present", "absent"],
            "default": "present",
            "description": "Whether the constraint must exist.",
        },
        "on_conflict": conflict.schema(
            "If a constraint of this name has another definition: replace it, so that new rows are checked always, or "
            "refuse."
        ),
    },
}

#: The same for Ansible: the suboptions of one entry.
ARGUMENT_SPEC: dict[str, Any] = {
    "table": {"type": "str", "required": True},
    "name": {"type": "str"},
    "unique": {"type": "list", "elements": "str"},
    "primary_key": {"type": "list", "elements": "str", "no_log": False},
    "check": {"type": "str"},
    "include": {"type": "list", "elements": "str"},
    "nulls_not_distinct": {"type": "bool", "default": False},
    "deferrable": {"type": "bool", "default": False},
    "initially_deferred": {"type": "bool", "default": False},
    "no_inherit": {"type": "bool", "default": False},
    "storage_parameters": {"type": "dict"},
    "tablespace": {"type": "str"},
    "comment": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "on_conflict": {"type": "str", "choices": list(conflict.CHOICES), "default": "replace"},
}
