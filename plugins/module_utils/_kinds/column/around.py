# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands around a column that comes or goes: of its table, and of what depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from ..._connection.session import Session
from ..._model.catalog import Catalog, TableName
from .target import DesiredColumn

__all__ = ["Around", "ColumnUse", "read_around", "read_uses"]

# A column of a composite type, of an array of it or of a domain over it ("ALTER TABLE", and tablecmds.c,
# find_composite_type_dependencies). numbers: dropped columns count too (appendix K, "Columns per table"). publications:
# not those with a list of columns (15), which do not send a new one.
_AROUND = """
WITH RECURSIVE kin(root, oid) AS (
  SELECT c.oid, c.reltype FROM pg_catalog.pg_class c WHERE c.oid = ANY (%(oids)s::oid[]) AND c.reltype <> 0
  UNION SELECT k.root, t.oid FROM kin k JOIN pg_catalog.pg_type t
    ON t.typelem = k.oid AND t.typcategory = 'A' OR t.typtype = 'd' AND t.typbasetype = k.oid)
SELECT c.oid, c.relnatts AS numbers, c.reloftype <> 0 AS typed,
  (SELECT pg_catalog.json_agg(DISTINCT pg_catalog.format('%%I.%%I.%%I', un.nspname, u.relname, a.attname)) FROM kin k
    JOIN pg_catalog.pg_attribute a ON a.atttypid = k.oid AND NOT a.attisdropped
    JOIN pg_catalog.pg_class u ON u.oid = a.attrelid AND u.relkind IN ('r', 'm', 'p')
    JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace WHERE k.root = c.oid) AS row_type_users,
  (SELECT pg_catalog.json_agg(DISTINCT p.pubname) FROM pg_catalog.pg_publication_tables p
    WHERE p.schemaname = n.nspname AND p.tablename = c.relname
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication q ON q.oid = r.prpubid
        WHERE q.pubname = p.pubname AND r.prrelid = c.oid AND pg_catalog.to_jsonb(r) ->> 'prattrs' IS NOT NULL))
    AS publications
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY (%(oids)s::oid[])
"""

# All that DROP COLUMN would take with it, or would fail because of: indexes and constraints go without CASCADE ("ALTER
# TABLE", DROP COLUMN). Left out are the column's own default, NOT NULL and sequence, and parts on partitions, which go
# with the whole.
_USES = """
SELECT a.attrelid, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS text,
  CASE WHEN i.oid IS NOT NULL THEN 'index' WHEN k.contype = 'f' THEN 'foreign_key'
    WHEN k.oid IS NOT NULL THEN 'constraint' END AS kind,
  coalesce(n.nspname, kn.nspname)::text AS schema, coalesce(t.relname, kt.relname)::text AS table_name,
  coalesce(i.relname, k.conname)::text AS name,
  CASE WHEN w.oid IS NOT NULL THEN 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid ELSE d.classid
    END::pg_catalog.int8 AS class, coalesce(w.ev_class, d.objid)::pg_catalog.int8 AS object
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid
  AND d.refobjsubid = a.attnum
LEFT JOIN pg_catalog.pg_attrdef f ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = d.objid
LEFT JOIN pg_catalog.pg_class i ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.oid = d.objid
  AND d.objsubid = 0 AND i.relkind IN ('i', 'I')
LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid LEFT JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid
LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
LEFT JOIN pg_catalog.pg_class kt ON kt.oid = k.conrelid LEFT JOIN pg_catalog.pg_namespace kn ON kn.oid = kt.relnamespace
WHERE a.attrelid = ANY (%s::oid[]) AND a.attname = %s AND NOT a.attisdropped AND d.deptype <> 'i'
  AND NOT coalesce(f.adrelid = a.attrelid AND f.adnum = a.attnum, false)
  AND NOT coalesce(k.contype = 'n' AND k.conkey = ARRAY[a.attnum], false)
  AND NOT coalesce(k.conparentid <> 0 OR NOT k.conislocal, false) AND NOT coalesce(i.relispartition, false)
ORDER BY 2
"""


@dataclass(frozen=True)
class Around:
    """Of a table. numbers: of its columns, also those that were dropped. typed: made OF a type. row_type_users: columns
    that have its row type; publications: those that send it.
    """

    numbers: int
    typed: bool
    row_type_users: Tuple[str, ...]
    publications: Tuple[str, ...]


@dataclass(frozen=True)
class ColumnUse:
    """What depends on a column, as PostgreSQL describes it. key: of an index or a constraint, as targets have it.

    address: its class and oid (of a rule, its view's).
    """

    text: str
    key: Tuple[str, TableName, str]
    address: Tuple[int, int] = (0, 0)


def read_around(session: Session, catalog: Catalog, targets: Sequence[DesiredColumn]) -> Dict[TableName, Around]:
    """Of the tables that get a column. Raises psycopg2.Error."""
    names = {
        target.table_name
        for target in targets
        if target.definition.type is not None
        and target.table_name in catalog.tables
        and target.name not in catalog.tables[target.table_name].columns
    }
    if not names:
        return {}
    by_oid = {catalog.tables[name].oid: name for name in names}
    return {
        by_oid[row["oid"]]: Around(
            row["numbers"], row["typed"], tuple(row["row_type_users"] or ()), tuple(row["publications"] or ())
        )
        for row in session.rows(_AROUND, {"oids": list(by_oid)})
    }


def read_uses(
    session: Session, catalog: Catalog, targets: Sequence[DesiredColumn]
) -> Dict[Tuple[TableName, str], List[ColumnUse]]:
    """What depends on the columns that a rollback takes away, and on those of partitions. Raises psycopg2.Error."""
    found = {}
    for target in targets:
        if target.present or target.table_name not in catalog.tables:
            continue
        oids = [catalog.tables[name].oid for name in (target.table_name, *catalog.below(target.table_name))]
        rows = session.rows(_USES, (oids, target.name))
        found[target.key] = [
            ColumnUse(
                row["text"],
                (row["kind"] or "", (row["schema"] or "", row["table_name"] or ""), row["name"] or ""),
                (row["class"], row["object"]),
            )
            for row in rows
        ]
    return found
