# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a name of an expression is that the server does not find: in a schema that the migration does not search.

The server says at which place of the statement the name stands (PostgreSQL documentation, 55.8, field POSITION).
"""

from __future__ import annotations

import re
from typing import Any, List, Optional, Sequence, Tuple

from .._connection.search_path import searched_schemas
from .._connection.session import Session
from .._support.sqltext import ONE_NAME, literal_name
from .catalog import TableName

__all__ = ["elsewhere"]

# SQLSTATE → what may be missing (appendix A).
_KINDS = {"42704": ("type", "collation"), "42883": ("function",)}
# The place of a collation is that of the word COLLATE (gram.y, CollateClause).
_NAME = re.compile(rf"(?:(?i:collate)\s+)?(?P<schema>{ONE_NAME}\s*\.\s*)?(?P<name>{ONE_NAME})")
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")

# A function that a searched schema has too is there, with other arguments. Operators: those of the types that the
# table's columns have, or that these are based on.
_NAMED = """
SELECT DISTINCT pg_catalog.format(CASE x.kind WHEN 'operator' THEN 'OPERATOR(%%I.%%s)' ELSE '%%I.%%I' END,
  n.nspname, x.name) AS form
FROM (SELECT l.collnamespace, l.collname::text, 'collation' FROM pg_catalog.pg_collation l
    WHERE l.collencoding IN (-1, pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()))
  UNION ALL SELECT t.typnamespace, t.typname::text, 'type' FROM pg_catalog.pg_type t
  UNION ALL SELECT p.pronamespace, p.proname::text, 'function' FROM pg_catalog.pg_proc p
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc q JOIN pg_catalog.pg_namespace m ON m.oid = q.pronamespace
      WHERE q.proname = p.proname AND m.nspname = ANY (%(path)s))
  UNION ALL SELECT o.oprnamespace, o.oprname::text, 'operator' FROM pg_catalog.pg_operator o
    WHERE EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      WHERE s.nspname = %(schema)s AND c.relname = %(table)s AND a.attnum > 0
        AND (t.oid IN (o.oprleft, o.oprright) OR t.typbasetype IN (o.oprleft, o.oprright) AND t.typbasetype <> 0))
  ) AS x(namespace, name, kind) JOIN pg_catalog.pg_namespace n ON n.oid = x.namespace
WHERE x.name = %(name)s AND x.kind = ANY (%(kinds)s) AND n.nspname <> ALL (%(path)s) AND n.nspname !~ '^pg_'
ORDER BY 1 LIMIT 5
"""


def elsewhere(session: Session, error: Any, table: TableName) -> str:
    """How to write what an expression about the table names and the server did not find, as the end of a sentence.

    Empty where no other schema has it. Raises psycopg2.Error.
    """
    place = getattr(error.diag, "statement_position", None)
    query = getattr(error.cursor, "query", None) if error.cursor is not None else None
    if error.pgcode not in _KINDS or place is None or query is None:
        return ""
    schema, name, kinds = _missing(query.decode("utf-8", "replace")[int(place) - 1 :], _KINDS[error.pgcode])
    searched = searched_schemas(session.schema) if schema is None else [schema]
    values = {"name": name, "kinds": list(kinds), "path": searched, "schema": table[0], "table": table[1]}
    forms: List[str] = [row["form"] for row in session.rows(_NAMED, values)]
    return f"; there is one in another schema: write {' or '.join(forms)}" if forms else ""


def _missing(text: str, kinds: Sequence[str]) -> Tuple[Optional[str], str, Sequence[str]]:
    """The schema, where one is written, the name at the beginning of a text, and what it may be the name of."""
    found = _NAME.match(text)
    if found is not None:
        schema = found.group("schema")
        return (
            literal_name(schema.rpartition(".")[0].strip()) if schema else None,
            literal_name(found.group("name")),
            kinds,
        )
    operator = _OPERATOR.match(text)
    return None, operator.group() if operator else "", ("operator",)
