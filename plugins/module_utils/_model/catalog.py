# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalog says about the tables of a migration: one value, read before anything is planned.

Planners get this value and no connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

from .._connection.session import Session

__all__ = [
    "Catalog",
    "Column",
    "ObjectKey",
    "Relation",
    "Table",
    "TableName",
    "partitions_below",
    "read_columns",
    "read_relations",
    "read_tables",
]

TableName = Tuple[str, str]
ObjectKey = Tuple[str, TableName, str]


@dataclass(frozen=True)
class Column:
    """One column (pg_attribute). generated: s (stored), v (virtual), or empty.

    not_null_constraint: since PostgreSQL 18 NOT NULL is a constraint with a name.
    """

    name: str
    type: str
    not_null: bool
    primary_key: bool = False
    identity: bool = False
    inherited: bool = False
    generated: str = ""
    not_null_constraint: Optional[Mapping[str, Any]] = None


@dataclass(frozen=True)
class Table:
    """One table and what the present role may do with it. may_lock: any privilege that LOCK TABLE asks for.

    member: whether the role is a member of the owner, with or without its rights (owned).
    parent: the partitioned table that it is a partition of. partition_key: of a partitioned table; an expression is
    None.
    """

    oid: int
    kind: str
    owner: str
    persistence: str = "p"
    is_partition: bool = False
    has_children: bool = False
    extension: Optional[str] = None
    owned: bool = True
    member: bool = False
    may_reference: bool = True
    may_lock: bool = True
    may_select: bool = True
    may_create_in_schema: bool = True
    may_use_schema: bool = True
    columns: Mapping[str, Column] = field(default_factory=dict)
    parent: Optional[TableName] = None
    partition_key: Tuple[Optional[str], ...] = ()
    partition_collations: Tuple[Optional[Tuple[str, str]], ...] = ()


@dataclass(frozen=True)
class Relation:
    """Who owns a name in a schema: tables and indexes share one name space (pg_class)."""

    kind: str
    table: Optional[TableName]


@dataclass(frozen=True)
class Catalog:
    """All that planners look at. tables: with the partitions of each. images: by kind, then by (schema, table), the
    objects that stand there.

    expressions: (table, SQL text) → the server's own form of it, by which two texts are compared.
    null_refusals: by table and columns, what refuses NULL in them beside NOT NULL (foreign_key/null_refusals).
    unique_indexes: by schema and name, their age and what depends on them (index/dependents).
    places: the collations and operator classes that the targets name (index/places). tablespace: the database's own.
    encoding: how Python calls the database's.
    judgements: by table and column, what the server says of an entry (column/judgement). around_columns: by table, what
    stands around a column that is added; column_uses: by table and column, what depends on it (column/around).
    statements: by place and name, what stands where a statement makes something; leaving: by class and oid, what goes
    with the statement that made it (statement/objects). refused: what the server has against statements that make what
    others name (_planning/prepared). lockable: the tables of statements that are there before the run, and that the
    role may lock. keeping: by place and name, what is against keeping a statement's rows (statement/keeping).
    nearby: the tables around the missing ones, for messages. instead: what stands in the place of a missing one, and
    what to do about it (missing). targets: what the same run is about, by kind, table and name, in the order of
    the run.
    """

    version: int
    role: str
    tables: Mapping[TableName, Table] = field(default_factory=dict)
    relations: Mapping[TableName, Relation] = field(default_factory=dict)
    images: Mapping[str, Mapping[TableName, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    expressions: Mapping[Tuple[TableName, str], str] = field(default_factory=dict)
    nearby: Mapping[TableName, Sequence[str]] = field(default_factory=dict)
    instead: Mapping[TableName, str] = field(default_factory=dict)
    targets: Mapping[ObjectKey, Any] = field(default_factory=dict)
    null_refusals: Mapping[Tuple[TableName, Tuple[str, ...]], Sequence[Any]] = field(default_factory=dict)
    unique_indexes: Mapping[TableName, Any] = field(default_factory=dict)
    places: Mapping[Any, Any] = field(default_factory=dict)
    judgements: Mapping[Any, Any] = field(default_factory=dict)
    around_columns: Mapping[TableName, Any] = field(default_factory=dict)
    column_uses: Mapping[Any, Sequence[Any]] = field(default_factory=dict)
    statements: Mapping[Any, Any] = field(default_factory=dict)
    leaving: Mapping[Tuple[int, int], ObjectKey] = field(default_factory=dict)
    refused: Tuple[str, ...] = ()
    lockable: FrozenSet[TableName] = frozenset()
    keeping: Mapping[Any, Any] = field(default_factory=dict)
    tablespace: str = "pg_default"
    encoding: str = "utf-8"

    def others(self, kind: str, table: TableName) -> Sequence[Mapping[str, Any]]:
        """The objects that no target of the same run changes or drops."""
        return [image for image in self.objects(kind, table) if (kind, table, image["name"]) not in self.targets]

    def objects(self, kind: str, table: TableName) -> Sequence[Mapping[str, Any]]:
        return self.images.get(kind, {}).get(table, ())

    def find(self, kind: str, table: TableName, name: str) -> Optional[Mapping[str, Any]]:
        return next((image for image in self.objects(kind, table) if image["name"] == name), None)

    def image(self, kind: str, table: TableName, name: str) -> Mapping[str, Any]:
        """The image of an object that is there. Raises KeyError."""
        found = self.find(kind, table, name)
        if found is None:
            raise KeyError((kind, table, name))
        return found

    def goes_before(self, one: ObjectKey, other: ObjectKey) -> bool:
        """Whether this run takes an object away before the turn of another."""
        order = list(self.targets)
        target = self.targets.get(one)
        if target is None or getattr(target, "present", True) or other not in self.targets:
            return False
        return order.index(one) < order.index(other)

    def leaves_before(self, address: Tuple[int, int], other: ObjectKey) -> bool:
        """Whether it goes, with the statement that made it, before the turn of another. address: as in pg_depend."""
        return address in self.leaving and self.goes_before(self.leaving[address], other)

    def below(self, table: TableName) -> List[TableName]:
        """The partitions of a table and theirs, parents before children."""
        return partitions_below(self.tables, table)

    def value_of_new(self, table: TableName, column: Optional[str]) -> Optional[str]:
        """What the rows that are there will all have in a column that the run adds, as SQL; None: it is there."""
        judged = self.judgements.get((table, column))
        if judged is None or judged.there_type or not judged.type:
            return None
        return f"CAST({judged.default or 'NULL'} AS {judged.type})"

    def with_column(self, table: TableName, column: Column, image: Mapping[str, Any]) -> Catalog:
        """The catalog as it is once a table has this column; the partitions are not among what is changed."""
        of_table = self.tables[table]
        rest = [one for one in self.objects("column", table) if one["name"] != column.name]
        of_kind = {**self.images.get("column", {}), table: [*rest, image]}
        return replace(
            self,
            tables={**self.tables, table: replace(of_table, columns={**of_table.columns, column.name: column})},
            images={**self.images, "column": of_kind},
        )

    def canonical(self, table: TableName, expression: str) -> str:
        return self.expressions.get((table, expression), expression)


def partitions_below(tables: Mapping[TableName, Table], root: TableName) -> List[TableName]:
    """The partitions of a table and theirs, parents before children, in the order of their names."""
    children: Dict[TableName, List[TableName]] = {}
    for name, table in tables.items():
        if table.parent is not None:
            children.setdefault(table.parent, []).append(name)
    found: List[TableName] = []
    waiting = [root]
    while waiting:
        below = sorted(children.get(waiting.pop(), ()))
        found += below
        waiting += below
    return found


def _with_partitions(session: Session, names: Iterable[TableName]) -> List[TableName]:
    """The names, and those of all partitions below them. One round trip, however many there are."""
    rows = session.rows(
        "WITH RECURSIVE tree(oid) AS ("
        "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " JOIN unnest(%s::text[], %s::text[]) AS w(schema, name) ON w.schema = n.nspname AND w.name = c.relname"
        " WHERE c.relkind = 'p'"
        " UNION SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid)"
        " SELECT n.nspname AS schema, c.relname AS name FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
        ([schema for schema, _name in names], [name for _schema, name in names]),
    )
    return sorted({*names, *((row["schema"], row["name"]) for row in rows)})


def read_tables(session: Session, names: Iterable[TableName]) -> Dict[TableName, Table]:
    """The tables that exist among the names, and their partitions, with columns and privileges. Three round trips."""
    asked = sorted(set(names))
    if not asked:
        return {}
    wanted = _with_partitions(session, asked)
    rows = session.rows(
        "SELECT n.nspname AS schema, c.relname AS name, c.oid, c.relkind AS kind, c.relpersistence AS persistence,"
        " c.relispartition AS is_partition,"
        " EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid) AS has_children,"
        " pg_catalog.pg_get_userbyid(c.relowner) AS owner,"
        " (SELECT e.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
        "  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS extension,"
        " pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,"
        " pg_catalog.pg_has_role(c.relowner, 'MEMBER') AS member,"
        " pg_catalog.has_table_privilege(c.oid, 'REFERENCES') AS may_reference,"
        " pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') AS may_lock,"
        " pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_select,"
        " pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS may_create_in_schema,"
        " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,"
        " CASE WHEN c.relispartition THEN (SELECT pg_catalog.json_build_array(pn.nspname, p.relname)"
        "  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent"
        "  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid) END AS parent,"
        " (SELECT pg_catalog.json_agg(a.attname ORDER BY k.position) FROM pg_catalog.pg_partitioned_table pt"
        "  CROSS JOIN pg_catalog.unnest(pt.partattrs::int2[]) WITH ORDINALITY AS k(number, position)"
        "  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"
        "  WHERE pt.partrelid = c.oid) AS partition_key,"
        " (SELECT pg_catalog.json_agg(CASE WHEN l.oid <> a.attcollation"
        "   THEN pg_catalog.json_build_array(ln.nspname, l.collname) END ORDER BY k.position)"
        "  FROM pg_catalog.pg_partitioned_table pt"
        "  CROSS JOIN unnest(pt.partattrs::int2[], pt.partcollation::oid[]) WITH ORDINALITY"
        "   AS k(number, collid, position)"
        "  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"
        "  LEFT JOIN pg_catalog.pg_collation l ON l.oid = k.collid"
        "  LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace"
        "  WHERE pt.partrelid = c.oid) AS partition_collations"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " JOIN unnest(%s::text[], %s::text[]) AS w(schema, name) ON w.schema = n.nspname AND w.name = c.relname"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        ([schema for schema, _name in wanted], [name for _schema, name in wanted]),
    )
    columns = read_columns(session, [row["oid"] for row in rows])
    tables: Dict[TableName, Table] = {}
    for row in rows:
        key = (row.pop("schema"), row.pop("name"))
        parent, partition_key = row.pop("parent"), row.pop("partition_key")
        collations = row.pop("partition_collations") or ()
        tables[key] = Table(
            columns=columns.get(row["oid"], {}),
            parent=(parent[0], parent[1]) if parent else None,
            partition_key=tuple(partition_key or ()),
            partition_collations=tuple((one[0], one[1]) if one else None for one in collations),
            **row,
        )
    return tables


def read_columns(session: Session, oids: List[int]) -> Dict[int, Dict[str, Column]]:
    """The columns of tables by their oid. One round trip."""
    if not oids:
        return {}
    # contype 'n' exists since PostgreSQL 18; before, no row matches.
    rows = session.rows(
        "SELECT a.attrelid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,"
        " a.attnotnull AS not_null, a.attidentity <> '' AS identity, a.attinhcount > 0 AS inherited,"
        " a.attgenerated AS generated,"
        " EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary"
        "  AND a.attnum = ANY (i.indkey)) AS primary_key,"
        " (SELECT pg_catalog.json_build_object('name', k.conname, 'validated', k.convalidated,"
        "  'no_inherit', k.connoinherit, 'local', k.conislocal,"
        "  'comment', pg_catalog.obj_description(k.oid, 'pg_constraint'))"
        "  FROM pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n'"
        "  AND k.conkey = ARRAY[a.attnum]) AS not_null_constraint"
        " FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped",
        (oids,),
    )
    columns: Dict[int, Dict[str, Column]] = {}
    for row in rows:
        of_table = columns.setdefault(row.pop("attrelid"), {})
        of_table[row["name"]] = Column(**row)
    return columns


def read_relations(session: Session, names: Iterable[TableName]) -> Dict[TableName, Relation]:
    """Which of the names are taken in their schema, and by what. One round trip."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    rows = session.rows(
        "SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, tn.nspname AS table_schema,"
        " t.relname AS table_name"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " JOIN unnest(%s::text[], %s::text[]) AS w(schema, name) ON w.schema = n.nspname AND w.name = c.relname"
        " LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
        " LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
        " LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace",
        ([schema for schema, _name in wanted], [name for _schema, name in wanted]),
    )
    return {
        (row["schema"], row["name"]): Relation(
            row["kind"], (row["table_schema"], row["table_name"]) if row["table_name"] is not None else None
        )
        for row in rows
    }
