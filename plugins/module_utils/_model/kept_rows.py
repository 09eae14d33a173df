# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows that a statement writes, kept so that a rollback can bring them back: what the catalog says of their table.

They are kept in the schema steady_kept, in a table for each step. A column whose type is PostgreSQL's own is kept as it
is; of any other type as text: what is kept must not stand in the way of a DROP TYPE or an ALTER DOMAIN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.session import Session
from .._support.size import size_text
from .._support.sqltext import compose, identifier, qualified

__all__ = [
    "DELETE",
    "INSERT",
    "SCHEMA",
    "UPDATE",
    "VERBS",
    "Keeping",
    "KeptColumn",
    "Reference",
    "Rows",
    "Store",
    "kept_problem",
    "read_rows",
    "read_store",
    "refusal",
    "why_not",
]

SCHEMA = "steady_kept"
INSERT, UPDATE, DELETE = "INSERT", "UPDATE", "DELETE"
VERBS = (INSERT, UPDATE, DELETE)
#: What is kept of a statement that may run as long as it takes has another bound: the size of its table.
_MOST_BYTES = 1024**3

TableName = Tuple[str, str]


@dataclass(frozen=True)
class Keeping:
    """What has to be known of a statement so that the rows that it writes can be kept, or brought back.

    target: by which name the statement calls its table. columns: those that an UPDATE sets. locking: a query that locks
    the rows of an UPDATE and gives all their columns. path: where the statement looks for names. reason: why it may run
    although a rollback cannot undo all of it. kept, key: of a rollback, the table in steady_kept, and what it is found
    by.
    """

    verb: str
    table: TableName
    target: str = ""
    columns: Tuple[str, ...] = ()
    locking: str = ""
    path: Tuple[str, ...] = ()
    reason: str = ""
    kept: str = ""
    key: Tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return qualified(*self.table)


@dataclass(frozen=True)
class KeptColumn:
    """type: of the column; kept: the type as which it is kept. cast: whether these are two. text: kept as text."""

    name: str
    type: str
    kept: str
    cast: bool = False
    text: bool = False
    collation: str = ""


@dataclass(frozen=True)
class Reference:
    """A foreign key: the other table, and its columns beside ours."""

    table: TableName
    theirs: Tuple[str, ...]
    ours: Tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """A table whose rows are written. columns: all but those that are generated.

    problem: why its rows cannot be kept. gone: needed columns that it has not. partly: what else the statement changes,
    which is not kept. deferrable: whether a unique index is checked later. parents: what its rows refer to; children:
    what refers to them. size: in bytes.
    """

    columns: Tuple[KeptColumn, ...] = ()
    key: Tuple[str, ...] = ()
    problem: str = ""
    gone: Tuple[str, ...] = ()
    partly: Tuple[str, ...] = ()
    deferrable: bool = False
    parents: Tuple[Reference, ...] = ()
    children: Tuple[Reference, ...] = ()
    size: int = 0

    def column(self, name: str) -> KeptColumn:
        """Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Store:
    """The schema steady_kept. there: whether it is. problem: why this role cannot keep rows in it.

    strangers: roles that default privileges give rights on what this role makes.
    """

    there: bool = False
    problem: str = ""
    strangers: Tuple[str, ...] = field(default=())


_TABLE = """
WITH RECURSIVE tree(oid) AS (SELECT c.oid FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %(schema)s AND c.relname = %(name)s
  UNION SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid)
SELECT c.oid::bigint AS oid, c.relkind::text AS kind,
  c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid) AS children,
  EXISTS (SELECT FROM tree t JOIN pg_catalog.pg_class f ON f.oid = t.oid WHERE f.relkind = 'f') AS foreign_parts,
  EXISTS (SELECT FROM pg_catalog.pg_rewrite r JOIN tree t ON t.oid = r.ev_class) AS rules,
  EXISTS (SELECT FROM pg_catalog.pg_index i JOIN tree t ON t.oid = i.indrelid
    WHERE (i.indisunique OR i.indisexclusion) AND NOT i.indimmediate) AS deferrable,
  ARRAY(SELECT t.oid::bigint FROM tree t) AS tree,
  (SELECT pg_catalog.sum((p.relpages::bigint + coalesce(o.relpages, 0)) * 8192)::bigint FROM tree t
    JOIN pg_catalog.pg_class p ON p.oid = t.oid LEFT JOIN pg_catalog.pg_class o ON o.oid = p.reltoastrelid) AS size
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s
"""

# A domain is kept as what it is made of.
_COLUMNS = """
SELECT a.attname::text AS name, a.attgenerated <> '' AS generated, a.atttypid <> b.oid AS domain,
  pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, pg_catalog.format_type(b.oid, b.typmod) AS base,
  y.typnamespace = 'pg_catalog'::regnamespace AND y.typtype NOT IN ('c', 'p') AS own,
  CASE WHEN a.attcollation <> y.typcollation THEN pg_catalog.format('%%I.%%I', cn.nspname, l.collname) END AS collation
FROM pg_catalog.pg_attribute a
CROSS JOIN LATERAL (WITH RECURSIVE made(oid, typmod, depth) AS (SELECT a.atttypid, a.atttypmod, 0
    UNION ALL SELECT d.typbasetype, d.typtypmod, made.depth + 1 FROM made
      JOIN pg_catalog.pg_type d ON d.oid = made.oid WHERE d.typtype = 'd')
  SELECT made.oid, made.typmod FROM made ORDER BY made.depth DESC LIMIT 1) AS b
JOIN pg_catalog.pg_type y ON y.oid = b.oid
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = l.collnamespace
WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

_KEYS = """
SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.n) AS columns
FROM pg_catalog.pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(att, n)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att
WHERE i.indrelid = %s::oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND NOT i.indisexclusion
  AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary HAVING pg_catalog.bool_and(a.attnotnull AND a.attgenerated = '')
ORDER BY i.indisprimary DESC, i.indexrelid
"""

# tgtype: 4 INSERT, 8 DELETE, 16 UPDATE (pg_trigger.h).
_TRIGGERS = """
SELECT DISTINCT g.tgname::text AS name,
  ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = g.tgrelid AND a.attnum = ANY (g.tgattr::int2[])) AS columns
FROM pg_catalog.pg_trigger g WHERE g.tgrelid = ANY (%s::oid[]) AND NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
  AND g.tgtype & %s <> 0 ORDER BY 1
"""
_EVENTS = {INSERT: 12, DELETE: 12, UPDATE: 16}

# Keys of partitions that are copies of their parent's say nothing new.
_KEYS_AROUND = """
SELECT k.conname::text AS name, k.conrelid = k.confrelid AS own, k.conrelid = %(oid)s::oid AS ours,
  k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update,
  cn.nspname::text AS schema, c.relname::text AS table, pn.nspname::text AS parent_schema, p.relname::text AS parent,
  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS x(n, o)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.o) AS columns,
  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS x(n, o)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.o) AS parent_columns
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND (k.conrelid = %(oid)s::oid OR k.confrelid = %(oid)s::oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint u WHERE u.oid = k.conparentid AND u.confrelid = k.confrelid
    AND k.conrelid <> %(oid)s::oid)
ORDER BY k.conname
"""
_CHANGES_CHILDREN = ("c", "n", "d")  # CASCADE, SET NULL, SET DEFAULT


def read_rows(session: Session, keeping: Keeping) -> Optional[Rows]:
    """What the catalog says of the table; None where there is none. Five round trips. Raises psycopg2.Error."""
    schema, name = keeping.table
    found = session.rows(_TABLE, {"schema": schema, "name": name})
    if not found:
        return None
    table = found[0]
    every = session.rows(_COLUMNS, (table["oid"],))
    columns = tuple(_column(row) for row in every if not row["generated"])
    around = session.rows(_KEYS_AROUND, {"oid": table["oid"]})
    key = keeping.key or _key(session.rows(_KEYS, (table["oid"],)), keeping)
    triggers = [
        row["name"]
        for row in session.rows(_TRIGGERS, (table["tree"], _EVENTS[keeping.verb]))
        if not row["columns"] or set(row["columns"]) & set(keeping.columns)
    ]
    return Rows(
        columns,
        key,
        _problem(keeping, table, key),
        tuple(one for one in (*key, *keeping.columns) if one not in {column.name for column in columns}),
        tuple(_partly(keeping, triggers, around)),
        table["deferrable"],
        tuple(
            Reference((row["parent_schema"], row["parent"]), tuple(row["parent_columns"]), tuple(row["columns"]))
            for row in around
            if row["ours"] and not row["own"]
        ),
        tuple(
            Reference((row["schema"], row["table"]), tuple(row["columns"]), tuple(row["parent_columns"]))
            for row in around
            if not row["ours"]
        ),
        table["size"] or 0,
    )


def _column(row: Mapping[str, Any]) -> KeptColumn:
    if not row["own"]:
        return KeptColumn(row["name"], row["type"], "pg_catalog.text", True, True)
    return KeptColumn(row["name"], row["type"], row["base"], row["domain"], False, row["collation"] or "")


def _key(keys: Sequence[Mapping[str, Any]], keeping: Keeping) -> Tuple[str, ...]:
    """The columns by which a row is found again: the statement must not change them."""
    for row in keys:
        if not set(row["columns"]) & set(keeping.columns):
            return tuple(row["columns"])
    return ()


def _problem(keeping: Keeping, table: Mapping[str, Any], key: Sequence[str]) -> str:
    if table["kind"] not in ("r", "p"):
        return f"{keeping.name} is no table of this database"
    if table["foreign_parts"]:
        return f"a partition of {keeping.name} is a foreign table"
    if table["children"]:
        return f"other tables inherit from {keeping.name}"
    if table["rules"]:
        return f"{keeping.name} has a rule"
    if not key:
        changed = ", or the statement changes it" if keeping.columns else ""
        return f"{keeping.name} has neither a primary key nor another unique key without NULL{changed}"
    return ""


def _partly(keeping: Keeping, triggers: Sequence[str], around: Sequence[Mapping[str, Any]]) -> List[str]:
    found = [f"what the trigger {name} does" for name in triggers]
    for row in around:
        if row["ours"] and not row["own"]:
            continue
        if keeping.verb == DELETE and row["on_delete"] in _CHANGES_CHILDREN:
            found.append(f"what the key {row['name']} changes in {qualified(row['schema'], row['table'])}")
        changed = set(row["parent_columns"]) & set(keeping.columns)
        if keeping.verb == UPDATE and changed and row["on_update"] in _CHANGES_CHILDREN:
            found.append(f"what the key {row['name']} changes in {qualified(row['schema'], row['table'])}")
        if keeping.verb == INSERT and row["own"] and row["on_delete"] in _CHANGES_CHILDREN:
            found.append(f"what the key {row['name']} would change when rows are taken away again")
    return found


def why_not(rows: Rows, store: Store, endless: bool) -> str:
    """Why rows cannot be kept; empty where they can. endless: the statement may run as long as it takes."""
    if rows.problem:
        return rows.problem
    if rows.gone:
        return f"the table has no column {', '.join(rows.gone)} that could be written back"
    if endless and rows.size > _MOST_BYTES:
        return f"the table has {size_text(rows.size)}, and of a statement without a limit at most 1 GB is kept"
    return store.problem


def refusal(keeping: Keeping, rows: Optional[Rows], store: Store, endless: bool) -> str:
    """Why a statement is not run; empty where it is: all can be kept, or somebody has said why it is run anyway."""
    if keeping.reason or rows is None:
        return ""
    accept = "accept that before the statement: -- steady: accept not_reversible because …"
    why = why_not(rows, store, endless)
    if why:
        return f"a rollback could not bring back the rows of {keeping.name} that it writes: {why}; {accept}"
    if rows.partly:
        return f"a rollback would bring back the rows of {keeping.name}, but not {', nor '.join(rows.partly)}; {accept}"
    return ""


_STORE = """
SELECT pg_catalog.to_regnamespace('steady_kept') IS NOT NULL AS there,
  coalesce(pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('steady_kept')::oid, 'CREATE, USAGE'), false)
    AS may_fill,
  pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_make,
  (SELECT r.rolname::text FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'steady_kept' AND NOT r.rolsuper AND NOT pg_catalog.pg_has_role(r.oid, 'USAGE')) AS stranger,
  ARRAY(SELECT DISTINCT r.rolname::text FROM pg_catalog.pg_default_acl d
    CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
    WHERE d.defaclobjtype IN ('r', 'n') AND r.rolname <> current_user
      AND d.defaclrole = (SELECT m.oid FROM pg_catalog.pg_roles m WHERE m.rolname = current_user)) AS strangers,
  current_user::text AS role, pg_catalog.current_database()::text AS database
"""


def read_store(session: Session) -> Store:
    """Whether this role can keep rows. Raises psycopg2.Error."""
    row = session.one(_STORE)
    strangers = tuple(sorted(row["strangers"]))
    role = identifier(row["role"])
    if row["stranger"]:
        problem = f"the schema {SCHEMA} belongs to {row['stranger']}, who could change what is kept there"
        return Store(True, problem, strangers)
    if row["there"] and not row["may_fill"]:
        grant = compose("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}", schema=identifier(SCHEMA), role=role)
        return Store(True, f"this role may not keep rows in the schema {SCHEMA} ({grant})", strangers)
    if not row["there"] and not row["may_make"]:
        make = compose("CREATE SCHEMA {schema} AUTHORIZATION {role}", schema=identifier(SCHEMA), role=role)
        return Store(False, f"this role may not make the schema {SCHEMA} ({make})", strangers)
    return Store(row["there"], "", strangers)


_KEPT = """
SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') AS ours, r.rolname::text AS owner
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
WHERE c.relnamespace = pg_catalog.to_regnamespace('steady_kept') AND c.relname = %s AND c.relkind = 'r'
"""


def kept_problem(session: Session, keeping: Keeping) -> str:
    """Why the rows that were kept cannot be brought back by this role; empty where they can. Raises psycopg2.Error."""
    name = qualified(SCHEMA, keeping.kept)
    rows: List[Dict[str, Any]] = session.rows(_KEPT, (keeping.kept,))
    if not rows:
        return f"the rows from before are not kept any more: there is no table {name}"
    if not rows[0]["ours"]:
        return f"the rows from before belong to {rows[0]['owner']} ({name}): roll back as that role"
    return ""
