# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of a whole migration file, put together from the schemas of the kinds."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column import specification as column
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.foreign_key import specification as foreign_key
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index import specification as index
from ansible_collections.steady.postgresql.plugins.module_utils._migration_rules import ID_PATTERN

__all__ = ["schema"]

_TEXT = {"type": "string", "minLength": 1}
_NAME = {**_TEXT, "description": "What the reports call it; each name is there once."}

_VERIFICATION_QUERY = {
    "type": "object",
    "description": "A question to the database after the change.",
    "additionalProperties": False,
    "required": ["name", "sql"],
    "properties": {
        "name": _NAME,
        "sql": {**_TEXT, "description": "One statement that reads."},
        "expect": {**_TEXT, "description": "JMESPath over the rows, a list of mappings, that must be true."},
    },
}

_VERIFICATION = {
    "type": "object",
    "description": "What proves, after the change, that no data was harmed.",
    "additionalProperties": False,
    "properties": {
        "unchanged_counts": {
            "type": "array",
            "items": {**_TEXT, "description": "Literal name of a table, its case kept."},
            "description": "Tables that must have as many rows as before.",
        },
        "queries": {"type": "array", "items": _VERIFICATION_QUERY, "description": "Questions and their answers."},
    },
}

_PARAMS = {**_TEXT, "description": "SQL whose first row gives the values for %(name)s in sql."}

_PROBE = {
    "type": "object",
    "description": "Something that must work after the change; it is done and undone.",
    "additionalProperties": False,
    "required": ["name", "sql", "expect"],
    "properties": {
        "name": _NAME,
        "params": _PARAMS,
        "sql": {**_TEXT, "description": "The statement to try."},
        "expect": {**_TEXT, "description": "JMESPath over the outcome (rowcount, rows) that must be true."},
    },
}

_QUERY = {
    "type": "object",
    "description": "A query of the application whose speed the change is for.",
    "additionalProperties": False,
    "required": ["name", "sql"],
    "properties": {
        "name": _NAME,
        "params": _PARAMS,
        "sql": {**_TEXT, "description": "The query to measure."},
        "uses_index": {**_TEXT, "description": "Literal name of the index that its plan must use."},
        "min_speedup": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "How many times faster it must be than before.",
        },
    },
}


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a migration file; docs/migration.schema.json is its copy for editors."""
    sections = {
        kind.SECTION: {"type": "array", "items": kind.ENTRY_SCHEMA, "description": description}
        for kind, description in (
            (column, "Columns whose state the migration says."),
            (index, "Indexes that shall be there, or shall not."),
            (foreign_key, "Foreign keys that shall be there, or shall not."),
        )
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Migration of steady.postgresql",
        "description": "The state that a database shall have, the same for every environment.",
        "type": "object",
        "additionalProperties": False,
        "required": ["id"],
        "properties": {
            "id": {
                "type": "string",
                "pattern": f"^{ID_PATTERN}$",
                "description": "By this the journal and the reports know the migration.",
            },
            "description": {"type": "string", "description": "What the migration is for, in a sentence or a few."},
            "schema": {
                **_TEXT,
                "description": "Literal name of the schema of its tables; by default the connection's, else public.",
            },
            **sections,
            "verification": _VERIFICATION,
            "probes": {"type": "array", "items": _PROBE, "description": "What must work after the change."},
            "queries": {"type": "array", "items": _QUERY, "description": "What must be faster after the change."},
        },
    }
