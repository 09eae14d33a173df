# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of foreign keys, taken column by column out of pg_constraint."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ..._connection.session import Session
from ..._model.catalog import Table, TableName

__all__ = ["read"]

# PostgreSQL documentation, 52.13 "pg_constraint". Columns that newer versions added are read through to_jsonb, so
# that one query serves all: confdelsetcols (15), conenforced and conperiod (18).
_QUERY = """
SELECT c.conrelid, n.nspname AS schema, t.relname AS table_name, c.conname AS name, c.contype::text AS type,
  rn.nspname AS referenced_schema, r.relname AS referenced_table,
  (SELECT json_agg(a.attname ORDER BY k.position)
    FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k(number, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number) AS columns,
  (SELECT json_agg(a.attname ORDER BY k.position)
    FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k(number, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number) AS referenced_columns,
  (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.jsonb_array_elements_text(
      CASE WHEN pg_catalog.jsonb_typeof(j.row -> 'confdelsetcols') = 'array' THEN j.row -> 'confdelsetcols'
      ELSE '[]'::jsonb END) AS k(number)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number::int) AS on_delete_columns,
  c.confdeltype AS on_delete, c.confupdtype AS on_update, c.confmatchtype AS match,
  c.condeferrable AS deferrable, c.condeferred AS initially_deferred, c.convalidated AS validated,
  coalesce((j.row ->> 'conenforced')::bool, true) AS enforced, coalesce((j.row ->> 'conperiod')::bool, false) AS period,
  EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgconstraint = c.oid AND g.tgenabled <> 'O') AS disabled,
  c.conparentid <> 0 AS inherited, pg_catalog.obj_description(c.oid, 'pg_constraint') AS comment
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_class r ON r.oid = c.confrelid LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(c) AS row) j
WHERE c.conrelid = ANY (%s::oid[]) AND c.contype <> 'n'
ORDER BY c.conname
"""

ACTIONS = {"a": "no_action", "r": "restrict", "c": "cascade", "n": "set_null", "d": "set_default", " ": None}
_MATCHES = {"s": "simple", "f": "full", "p": "partial", " ": None}


def _image(row: Dict[str, Any]) -> Dict[str, Any]:
    image = {
        key: row[key]
        for key in (
            "schema",
            "name",
            "type",
            "referenced_schema",
            "referenced_table",
            "deferrable",
            "initially_deferred",
            "validated",
            "enforced",
            "period",
            "inherited",
            "disabled",
            "comment",
        )
    }
    image["table"] = row["table_name"]
    image["columns"] = row["columns"] or []
    image["referenced_columns"] = row["referenced_columns"] or []
    image["on_delete"] = ACTIONS[row["on_delete"]]
    image["on_delete_columns"] = row["on_delete_columns"] or []
    image["on_update"] = ACTIONS[row["on_update"]]
    image["match"] = _MATCHES[row["match"]]
    return image


def read(session: Session, tables: Mapping[TableName, Table]) -> Mapping[TableName, Sequence[Dict[str, Any]]]:
    """Images of all constraints of the tables (type 'f' is a foreign key), by table. One round trip.

    Other constraints are there because they share the name space; only foreign keys are planned with.
    """
    by_oid = {table.oid: name for name, table in tables.items()}
    images: Dict[TableName, List[Dict[str, Any]]] = {}
    for row in session.rows(_QUERY, (list(by_oid),)):
        images.setdefault(by_oid[row.pop("conrelid")], []).append(_image(row))
    return images
