# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of a whole migration file, put together from the schemas of the kinds."""

from __future__ import annotations

from typing import Any

from ..module_utils._kinds.registry import KINDS
from ..module_utils._migration.rules import ID_PATTERN

__all__ = ["schema"]

_TEXT = {"type": "string", "minLength": 1}
_NAME = {**_TEXT, "description": "Its name in the reports; each name must be unique."}

_VERIFICATION_QUERY = {
    "type": "object",
    "description": "A query after the change.",
    "additionalProperties": False,
    "required": ["name", "sql"],
    "properties": {
        "name": _NAME,
        "sql": {**_TEXT, "description": "One statement that only reads."},
        "expect": {**_TEXT, "description": "JMESPath over the rows, a list of mappings; it must be true."},
    },
}

_VERIFICATION = {
    "type": "object",
    "description": "Checks after the change that no data was lost.",
    "additionalProperties": False,
    "properties": {
        "unchanged_counts": {
            "type": "array",
            "items": {**_TEXT, "description": "Literal name of a table, its case kept."},
            "description": "Tables that must have the same number of rows as before.",
        },
        "queries": {
            "type": "array",
            "items": _VERIFICATION_QUERY,
            "description": "Queries and their expected results.",
        },
    },
}

_PARAMS = {
    **_TEXT,
    "description": "One SELECT whose columns provide the values for %(name)s in sql. Its first row is used; for a "
    "query up to three rows, with a column sample: large, median or small.",
}
_OUTCOME = "JMESPath over the result, a mapping of rowcount, rows and sqlstate (null without an error)"

_FOLLOW_UP = {
    "type": "object",
    "description": "A query in the probe's transaction, after its statement.",
    "additionalProperties": False,
    "required": ["sql", "expect"],
    "properties": {
        "sql": {**_TEXT, "description": "One SELECT. %(name)s as in the probe's own."},
        "expect": {**_TEXT, "description": f"{_OUTCOME}; it must be true."},
    },
}

_PROBE = {
    "type": "object",
    "description": "A statement that must work after the change; it is executed and rolled back.",
    "additionalProperties": False,
    "required": ["name", "sql", "expect"],
    "properties": {
        "name": _NAME,
        "params": _PARAMS,
        "sql": {**_TEXT, "description": "The statement to try: one INSERT, UPDATE, DELETE, MERGE or SELECT."},
        "expect": {**_TEXT, "description": f"{_OUTCOME}; it must be true."},
        "follow_up": {"type": "array", "items": _FOLLOW_UP, "description": "What must be true after the statement."},
        "timeout": {
            **_TEXT,
            "description": "The longest duration of the probe, in which it may block writers of its rows, such as "
            "300ms. By default steady_lock_budget.",
        },
        "on_failure": {
            "type": "string",
            "enum": ["fail", "warn"],
            "default": "fail",
            "description": "What happens if it fails after the change. warn: for a promise that may not hold.",
        },
        "leaves_database": {
            "type": "boolean",
            "default": False,
            "description": "Try it although a trigger has effects that cannot be rolled back: notify, another server, "
            "a file.",
        },
    },
}

_QUERY = {
    "type": "object",
    "description": "A query of the application that the change makes faster.",
    "additionalProperties": False,
    "required": ["name", "sql"],
    "properties": {
        "name": _NAME,
        "params": _PARAMS,
        "sample_by": {
            "type": "object",
            "description": "Instead of params: measure with the value of this column that most rows have, with a value "
            "that few rows have, and with a value in between. %(column)s in sql is replaced by it.",
            "additionalProperties": False,
            "required": ["table", "column"],
            "properties": {
                "table": {**_TEXT, "description": "Literal name of the table."},
                "column": {**_TEXT, "description": "Literal name of the column, such as tenantId."},
            },
        },
        "sql": {**_TEXT, "description": "The query to measure. It must not write."},
        "uses_index": {**_TEXT, "description": "Literal name of the index that its plan must use."},
        "min_speedup": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "How many times faster it must be than before.",
        },
        "on_slow": {
            "type": "string",
            "enum": ["fail", "warn"],
            "default": "fail",
            "description": "What happens if min_speedup is not reached or the index is not used.",
        },
        "promise": {
            **_TEXT,
            "description": "What was promised for the query, such as 10-50 x. The report shows the measured value "
            "beside it; the first number is the minimum.",
        },
        "timeout": {
            **_TEXT,
            "default": "5s",
            "description": "How long one execution may take; an execution that is cut off counts as that long.",
        },
    },
}

_PROMISE = {
    "type": "object",
    "description": "A claim about the change, shown beside the measured value. It never fails the run.",
    "additionalProperties": False,
    "required": ["claim"],
    "properties": {
        "claim": {**_TEXT, "description": "The text of the promise."},
        "source": {**_TEXT, "description": "Its source: a document and its section."},
        "probes": {
            "type": "array",
            "minItems": 1,
            "items": {**_TEXT, "description": "Name of a probe of this migration."},
            "description": "It holds if these probes are ok after the change.",
        },
        "queries": {
            "type": "array",
            "minItems": 1,
            "items": {**_TEXT, "description": "Name of a query of this migration."},
            "description": "It holds if each of these queries is that many times faster.",
        },
        "faster_by": {"type": "number", "exclusiveMinimum": 0, "description": "For queries: how many times."},
        "columns": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "description": "A column.",
                "additionalProperties": False,
                "required": ["table", "name"],
                "properties": {
                    "table": {**_TEXT, "description": "Literal name of the table."},
                    "name": {**_TEXT, "description": "Literal name of the column."},
                },
            },
            "description": "For smaller_by: the columns whose values must be smaller. Without: the whole database.",
        },
        "smaller_by": {"type": "number", "exclusiveMinimum": 0, "description": "How many percent smaller."},
        "waits_at_most": {
            **_TEXT,
            "description": "The longest that a session may have waited for a lock of the deployment, such as 100ms.",
        },
        "why_not": {**_TEXT, "description": "Why it is not measured."},
    },
}


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a migration file; docs/migration.schema.json is its copy for editors."""
    sections = {
        kind.section: {"type": "array", "items": kind.entry_schema, "description": kind.description}
        for kind in KINDS.values()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Migration of steady.postgresql",
        "description": "The desired state of a database, the same for every environment.",
        "type": "object",
        "additionalProperties": False,
        "required": ["id"],
        # As in Docker Compose and OpenAPI.
        "patternProperties": {"^x-": {"description": "Ignored: a place for YAML anchors that entries refer to."}},
        "properties": {
            "id": {
                "type": "string",
                "pattern": f"^{ID_PATTERN}$",
                "description": "The name of the migration in the journal and the reports.",
            },
            "description": {"type": "string", "description": "What the migration is for, in a sentence or a few."},
            "schema": {
                **_TEXT,
                "description": "Literal name of the schema of its tables; by default the connection's, else public.",
            },
            **sections,
            "order": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    kind.section: {"type": "array", "items": {"type": "integer"}, "description": kind.description}
                    for kind in KINDS.values()
                },
                "description": (
                    "By section, the place of each entry in the run, as review.yml writes it for a migration in SQL. "
                    "Without it statements come first, then columns, indexes and foreign keys."
                ),
            },
            "verification": _VERIFICATION,
            "probes": {"type": "array", "items": _PROBE, "description": "What must work after the change."},
            "queries": {"type": "array", "items": _QUERY, "description": "What must be faster after the change."},
            "promises": {
                "type": "array",
                "items": _PROMISE,
                "description": "Claims to show beside the measured values.",
            },
        },
    }
