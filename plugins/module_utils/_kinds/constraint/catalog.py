# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of constraints, taken column by column out of pg_constraint and pg_index."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ..._connection.session import Session
from ..._model.catalog import Table, TableName

__all__ = ["read"]

# PostgreSQL documentation, 52.13 "pg_constraint". Columns that newer versions added are read through to_jsonb, so
# that one query serves all: indnullsnotdistinct (15), conenforced and conperiod (18).
_QUERY = """
SELECT c.conrelid, n.nspname AS schema, t.relname AS table_name, c.conname AS name, c.contype::text AS type,
  (SELECT json_agg(a.attname ORDER BY k.position) FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY
      AS k(number, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
    WHERE k.position <= i.indnkeyatts) AS columns,
  (SELECT json_agg(a.attname ORDER BY k.position) FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY
      AS k(number, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
    WHERE k.position > i.indnkeyatts) AS include,
  pg_catalog.pg_get_expr(c.conbin, c.conrelid) AS "check",
  coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) AS nulls_not_distinct,
  c.condeferrable AS deferrable, c.condeferred AS initially_deferred,
  c.contype = 'c' AND c.connoinherit AS no_inherit, x.reloptions AS options, ts.spcname AS tablespace,
  c.convalidated AS validated, coalesce((j.row ->> 'conenforced')::bool, true) AS enforced,
  coalesce((j.row ->> 'conperiod')::bool, false) AS period, NOT c.conislocal OR c.coninhcount > 0 AS inherited,
  coalesce(i.indisclustered, false) AS clustered, coalesce(i.indisreplident, false) AS replica_identity,
  pg_catalog.obj_description(c.oid, 'pg_constraint') AS comment,
  pg_catalog.pg_get_constraintdef(c.oid) AS definition
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u')
LEFT JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = x.reltablespace
CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(c) AS row) j
WHERE c.conrelid = ANY (%s::oid[]) AND c.contype IN ('p', 'u', 'c')
ORDER BY c.conname
"""
_PLAIN = (
    *("schema", "name", "type", "check", "nulls_not_distinct", "deferrable", "initially_deferred", "no_inherit"),
    *("tablespace", "validated", "enforced", "period", "inherited", "clustered", "replica_identity", "comment"),
    "definition",
)


def read(session: Session, tables: Mapping[TableName, Table]) -> Mapping[TableName, Sequence[Dict[str, Any]]]:
    """Images of the unique, primary key and check constraints of the tables, by table. One round trip."""
    by_oid = {table.oid: name for name, table in tables.items()}
    images: Dict[TableName, List[Dict[str, Any]]] = {}
    for row in session.rows(_QUERY, (list(by_oid),)):
        image = {
            **{key: row[key] for key in _PLAIN},
            "table": row["table_name"],
            "columns": row["columns"] or [],
            "include": row["include"] or [],
            "options": dict(option.split("=", 1) for option in row["options"] or []),
        }
        images.setdefault(by_oid[row["conrelid"]], []).append(image)
    return images
