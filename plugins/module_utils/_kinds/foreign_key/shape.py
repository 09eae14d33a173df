# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a foreign key entry: as JSON Schema for the file, as argument spec for the module, side by side."""

from __future__ import annotations

from typing import Any

from .. import conflict

__all__ = ["ARGUMENT_SPEC", "ENTRY_SCHEMA", "SECTION"]

#: The key of a migration under which the entries of this kind stand.
SECTION = "foreign_keys"

_ACTIONS = ["no_action", "restrict", "cascade", "set_null", "set_default"]
#: What to do about a key whose set_null cannot work.
SET_NULL_FAILS = ("refuse", "accept")
_KEPT = "By default an existing key keeps its value; a new key gets PostgreSQL's default, %s."

_NAMES: dict[str, Any] = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}

#: JSON Schema (draft 2020-12) of one entry.
ENTRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The desired state of one foreign key.",
    "additionalProperties": False,
    "required": ["table"],
    # Written so that each branch ends in one plain "required", which has a plain message.
    "if": {"properties": {"state": {"const": "absent"}}, "required": ["state"]},
    "then": {"if": {"required": ["columns"]}, "else": {"required": ["name"]}},
    "else": {"required": ["columns", "references"]},
    "properties": {
        "table": {
            "type": "string",
            "minLength": 1,
            "description": "Literal name of the referencing table, its case kept.",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "description": "Literal name of the constraint. By default <table>_<columns joined with _>_fkey.",
        },
        "columns": {
            **_NAMES,
            "description": "Literal names of the referencing columns. May be left out for state absent with a name.",
        },
        "references": {
            "type": "object",
            "description": "The referenced table and columns.",
            "additionalProperties": False,
            "required": ["table", "columns"],
            "properties": {
                "table": {"type": "string", "minLength": 1, "description": "Literal name of the referenced table."},
                "columns": {
                    **_NAMES,
                    "description": "Literal names of the referenced columns, in the order of the referencing ones.",
                },
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "description": "Schema of the referenced table; by default the schema of the migration.",
                },
            },
        },
        "on_delete": {
            "type": "string",
            "enum": _ACTIONS,
            "description": "What happens when the referenced row is deleted. " + _KEPT % "no_action",
        },
        "on_delete_columns": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "description": (
                "With on_delete set_null or set_default: only these of the referencing columns are set "
                "(PostgreSQL 15 and later). By default all."
            ),
        },
        "on_update": {
            "type": "string",
            "enum": _ACTIONS,
            "description": "What happens when the referenced columns change. " + _KEPT % "no_action",
        },
        "match": {
            "type": "string",
            "enum": ["simple", "full"],
            "description": "Whether a key that is partly NULL is not checked (simple) or is refused (full). "
            + _KEPT % "simple",
        },
        "deferrable": {
            "type": "boolean",
            "description": "Whether a transaction may defer the check to its end. " + _KEPT % "false",
        },
        "initially_deferred": {
            "type": "boolean",
            "description": "Whether the check is deferred by default; needs deferrable. " + _KEPT % "false",
        },
        "state": {
            "type": "string",
            "enum": ["present", "absent"],
            "default": "present",
            "description": "Whether the foreign key must exist.",
        },
        "on_conflict": conflict.schema(
            "If a foreign key of this name has another definition: replace it, so that there always is one, or refuse."
        ),
        "set_null_fails": {
            "type": "string",
            "enum": list(SET_NULL_FAILS),
            "default": "refuse",
            "description": (
                "If set_null fails, since a column of the key does not take NULL: refuse the key, or accept that each "
                "such delete or update of a referenced row fails."
            ),
        },
    },
}

#: The same for Ansible: the suboptions of one entry.
ARGUMENT_SPEC: dict[str, Any] = {
    "table": {"type": "str", "required": True},
    "name": {"type": "str"},
    "columns": {"type": "list", "elements": "str"},
    "references": {
        "type": "dict",
        "options": {
            "table": {"type": "str", "required": True},
            "columns": {"type": "list", "elements": "str", "required": True},
            "schema": {"type": "str"},
        },
    },
    "on_delete": {"type": "str", "choices": list(_ACTIONS)},
    "on_delete_columns": {"type": "list", "elements": "str"},
    "on_update": {"type": "str", "choices": list(_ACTIONS)},
    "match": {"type": "str", "choices": ["simple", "full"]},
    "deferrable": {"type": "bool"},
    "initially_deferred": {"type": "bool"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "on_conflict": {"type": "str", "choices": list(conflict.CHOICES), "default": "replace"},
    "set_null_fails": {"type": "str", "choices": list(SET_NULL_FAILS), "default": "refuse"},
}
