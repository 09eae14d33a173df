# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no restore brings back: what pg_dump leaves to CREATE EXTENSION and that does not make, and subscriptions."""

from __future__ import annotations

from typing import List, Sequence

from ..._connection.session import Session

__all__ = ["lost_with_extensions"]

# Of an extension's table pg_dump writes no definition, and with it no index, constraint, trigger, policy or rule,
# whoever added it (36.17.3). Such an object is no member of the extension; but its dependency on the table was written
# by the transaction that wrote those of the members: CREATE EXTENSION, or the last ALTER EXTENSION … UPDATE.
_ADDED = """
WITH member AS (
  SELECT objid, refobjid AS extension, xmin::text AS written FROM pg_catalog.pg_depend
   WHERE classid = 'pg_catalog.pg_class'::regclass AND deptype = 'e'
     AND refclassid = 'pg_catalog.pg_extension'::regclass
), scripts AS (
  SELECT refobjid AS extension, xmin::text AS written FROM pg_catalog.pg_depend
   WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::regclass
  UNION
  SELECT oid, xmin::text FROM pg_catalog.pg_extension
)
SELECT DISTINCT o.type || ' ' || o.identity AS name
  FROM member m
  JOIN pg_catalog.pg_class t ON t.oid = m.objid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
   AND d.deptype IN ('a', 'n', 'i')
  LEFT JOIN pg_catalog.pg_class i ON d.classid = 'pg_catalog.pg_class'::regclass AND i.oid = d.objid
  LEFT JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_catalog.pg_trigger'::regclass AND g.oid = d.objid
  LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = d.objid
  LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid,
       pg_catalog.pg_identify_object(d.classid, d.objid, 0) o
 WHERE n.nspname <> ALL (%s::text[]) AND t.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND (i.relkind IN ('i', 'I') OR (g.oid IS NOT NULL AND NOT g.tgisinternal)
        OR (w.ev_class = t.oid AND w.rulename <> '_RETURN') OR k.conrelid = t.oid
        OR d.classid = 'pg_catalog.pg_policy'::regclass)
   AND NOT EXISTS (SELECT 1 FROM scripts s WHERE s.extension = m.extension AND s.written = d.xmin::text)
 ORDER BY 1
"""

# Rows of an extension's tables are dumped where the extension has named the table as its configuration.
_ROWS = """
SELECT n.nspname || '.' || c.relname AS name
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
  JOIN pg_catalog.pg_class c ON c.oid = d.objid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e' AND c.relkind IN ('r', 'm')
   AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND n.nspname <> ALL (%s::text[])
   AND c.oid <> ALL (coalesce(e.extconfig, '{}'))
 ORDER BY 1
"""


def lost_with_extensions(session: Session, excluded: Sequence[str]) -> List[str]:
    """In words, what is in no dump and comes with no CREATE EXTENSION. Raises psycopg2.Error."""
    sentences = []
    added = [row["name"] for row in session.rows(_ADDED, (list(excluded),))]
    if added:
        sentences.append(
            "what was added to tables of extensions, which pg_dump does not write (keep the statements that make it): "
            + ", ".join(added)
        )
    rows = [row["name"] for row in session.rows(_ROWS, (list(excluded),))]
    if rows:
        sentences.append(
            f"rows of extensions' own tables, but for those that CREATE EXTENSION makes: {', '.join(rows)}"
        )
    subscriptions = session.rows(
        "SELECT s.subname::text AS name FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d"
        " ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database() ORDER BY 1"
    )
    if subscriptions:
        names = ", ".join(row["name"] for row in subscriptions)
        sentences.append(f"subscriptions, which a restore does not make: {names}")
    return sentences
