# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a column, as the journal keeps it."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ..._connection.session import Session
from ..._model.catalog import Table, TableName

__all__ = ["read"]

# The CHECK that stands in for NOT NULL while it is being validated is found by the name that we give it.
_CHECKS = (
    "SELECT c.conrelid, c.conname AS name, c.convalidated AS validated FROM pg_catalog.pg_constraint c"
    " WHERE c.conrelid = ANY (%s::oid[]) AND c.contype = 'c' AND c.conname LIKE '%%\\_steady\\_check\\_%%'"
)

# A CHECK by which PostgreSQL knows that there is no NULL. Of a row value IS NOT NULL says something else (9.2).
_PROOFS = (
    "SELECT c.conrelid, a.attname AS column, pg_catalog.min(c.conname) AS name FROM pg_catalog.pg_constraint c"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]"
    " WHERE c.conrelid = ANY (%s::oid[]) AND c.contype = 'c' AND c.convalidated"
    " AND pg_catalog.pg_get_expr(c.conbin, c.conrelid) = pg_catalog.format('(%%I IS NOT NULL)', a.attname)"
    " AND c.conname NOT LIKE '%%\\_steady\\_check\\_%%'"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype"
    "  WHERE t.oid = a.atttypid AND (t.typtype IN ('c', 'p') OR t.typtype = 'd' AND b.typtype <> 'b'))"
    " GROUP BY 1, 2"
)

# pg_get_expr and format_type name by its schema what pg_catalog alone does not have. A collation only where it is not
# that of the type.
_DEFINITIONS = (
    "SELECT a.attrelid, a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,"
    " CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS default,"
    " CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS generated,"
    " a.attgenerated = 'v' AS virtual,"
    " CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by_default' END AS identity,"
    " CASE WHEN l.oid <> t.typcollation"
    "  THEN pg_catalog.json_build_object('schema', n.nspname, 'name', l.collname) END AS collation,"
    " pg_catalog.col_description(a.attrelid, a.attnum) AS comment"
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation"
    " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace"
    " WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped"
)


def read(session: Session, tables: Mapping[TableName, Table]) -> Mapping[TableName, Sequence[Dict[str, Any]]]:
    """Images by table: {name, nullable, constraint (its name and state, PostgreSQL 18+, or None), checks, proven, type,
    default, generated, virtual, identity, collation, comment}.

    checks: helper constraints of an interrupted run on this table, [{name, validated}]. proven: the name of a valid
    CHECK that says the same as NOT NULL, or None. default, generated: expressions; virtual: of a generated column that
    is not stored. collation: {schema, name} where it is not the type's own.
    """
    by_oid = {table.oid: name for name, table in tables.items()}
    helpers: Dict[TableName, List[Dict[str, Any]]] = {}
    for row in session.rows(_CHECKS, (list(by_oid),)):
        helpers.setdefault(by_oid[row.pop("conrelid")], []).append(row)
    proofs = {(row["conrelid"], row["column"]): row["name"] for row in session.rows(_PROOFS, (list(by_oid),))}
    definitions = {(row.pop("attrelid"), row.pop("name")): row for row in session.rows(_DEFINITIONS, (list(by_oid),))}
    return {
        name: [
            {
                "name": column.name,
                "nullable": not column.not_null,
                "constraint": dict(column.not_null_constraint) if column.not_null_constraint else None,
                "checks": helpers.get(name, []),
                "proven": proofs.get((table.oid, column.name)),
                **definitions.get((table.oid, column.name), {}),
            }
            for column in table.columns.values()
        ]
        for name, table in tables.items()
    }
