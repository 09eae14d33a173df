# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a schema has in the place of a table that a migration names and that is not there."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Tuple

from .._connection.session import Session
from .catalog import TableName
from .tables import NOT_THE_USERS

__all__ = ["read_missing"]

# Of other schemas only those that this role may use: their names are no news to it.
_QUERY = """
SELECT w.schema, w.name, n.oid IS NOT NULL AS has_schema,
  (SELECT c.relkind::text FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = w.name) AS relkind,
  (SELECT t.typtype::text FROM pg_catalog.pg_type t WHERE t.typnamespace = n.oid AND t.typname = w.name
    AND t.typrelid = 0) AS typtype,
  ARRAY(SELECT c.relname::text FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p'))
    AS nearby,
  ARRAY(SELECT o.nspname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace o ON o.oid = c.relnamespace
    WHERE c.relname = w.name AND c.relkind IN ('r', 'p') AND o.nspname !~ '^pg_'
      AND o.nspname <> ALL (%s::text[]) AND pg_catalog.has_schema_privilege(o.oid, 'USAGE') ORDER BY 1) AS elsewhere
FROM unnest(%s::text[], %s::text[]) AS w(schema, name)
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
"""

_RELATIONS = {
    "S": "a sequence",
    "i": "an index",
    "I": "an index of a partitioned table",
    "c": "a composite type",
    "t": "a TOAST table",
}
_TYPES = {"e": "an enum type", "d": "a domain", "r": "a range type", "m": "a multirange type"}


def read_missing(
    session: Session, names: Iterable[TableName]
) -> Tuple[Dict[TableName, List[str]], Dict[TableName, str]]:
    """The tables around each, and what stands in its place with what to do; one round trip. Raises psycopg2.Error."""
    asked = sorted(set(names))
    if not asked:
        return {}, {}
    rows = session.rows(
        _QUERY, (list(NOT_THE_USERS), [schema for schema, _name in asked], [name for _schema, name in asked])
    )
    instead = {(row["schema"], row["name"]): _instead(row) for row in rows}
    return (
        {(row["schema"], row["name"]): row["nearby"] for row in rows},
        {name: words for name, words in instead.items() if words},
    )


def _instead(row: Mapping[str, Any]) -> str:
    there = _RELATIONS.get(row["relkind"] or "") or (_TYPES.get(row["typtype"], "a type") if row["typtype"] else None)
    if there is not None:
        return f"that is {there}; name a table"
    if row["elsewhere"]:
        schemas = " and ".join(f'"{schema}"' for schema in row["elsewhere"][:3])
        return f"there is one in {schemas}; name that schema instead"
    return "" if row["has_schema"] else "there is no such schema; correct its name"
