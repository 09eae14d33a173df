# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the data, each built from the constraint that it stands for, so that it finds what PostgreSQL finds.

A constraint compares with the operators of an index's operator class, whatever the search path says, under a
collation of its own, and holds for one table of an inheritance tree (PostgreSQL documentation, 5.11.1 "Caveats").
NULL is what PostgreSQL stores as NULL: a row value with NULLs in it is not, although it IS NULL or not IS NOT NULL
(9.2), which is why these questions say IS DISTINCT FROM NULL.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.owners import acting_as
from .._connection.rights import theirs
from .._connection.search_path import searched_schemas
from .._connection.session import Session
from .._connection.settings import path_statement
from .._support.sqltext import compose, enclosed, identifier, identifiers, qualified, raw
from .._support.values import printable

__all__ = ["Answer", "AnyRow", "Broken", "Duplicates", "Key", "Nulls", "Orphans", "Place", "Unmatched", "ask"]

_SHOWN = 10


@dataclass(frozen=True)
class Answer:
    """The rows that contradict: how many, and the first of them as `name=value, …`, as the server writes values.

    query: for psql, what shows them; empty where it does not matter which rows they are. shows_rows: whether these may
    leave the database.
    """

    total: int
    rows: Tuple[str, ...]
    query: str
    shows_rows: bool

    def after(self, message: str, mends: str) -> str:
        """A sentence about them: the message, which rows, and what to do about them."""
        if not self.query:
            return f"{message}; {mends}"
        if self.shows_rows:
            more = ", …" if self.total > len(self.rows) else ""
            return f"{message}: {'; '.join(self.rows)}{more}; {mends}"
        return f"{message}; {mends}. This shows them in psql (here steady_show_rows: true does): {self.query}"


@dataclass(frozen=True)
class Place:
    """A table, as a constraint of it sees it: whole for a partitioned one; else without tables that inherit from it."""

    table: Tuple[str, str]
    partitioned: bool = False

    @property
    def sql(self) -> Any:
        return raw(("" if self.partitioned else "ONLY ") + qualified(*self.table))


@dataclass(frozen=True)
class AnyRow:
    """Whether the table has rows at all: one is enough, however many there are."""

    place: Place

    def sql(self, session: Any) -> str:
        return compose("SELECT 1 AS total FROM {place} LIMIT 1", place=self.place.sql)


@dataclass(frozen=True)
class Unmatched:
    """Whether rows of a child would all refer to no row of its parent: values, one for each referenced column, which
    they will all have in columns that are not there yet. A NULL among them refers to nothing.
    """

    child: Place
    parent: Place
    referenced: Tuple[str, ...]
    values: Tuple[str, ...]

    def sql(self, session: Any) -> str:
        same = [
            f"p.{compose('{name}', name=identifier(name))} = {one}" for name, one in zip(self.referenced, self.values)
        ]
        return compose(
            "SELECT 1 AS total WHERE EXISTS (SELECT FROM {child}) AND {values} AND NOT EXISTS"
            " (SELECT FROM {parent} AS p WHERE {same})",
            child=self.child.sql,
            values=raw(" AND ".join(f"{value} IS DISTINCT FROM NULL" for value in self.values)),
            parent=self.parent.sql,
            same=raw(" AND ".join(same)),
        )


@dataclass(frozen=True)
class Nulls:
    """Rows without a value in a column. keys: the columns that rows are shown by; by their place where there are none.

    A partitioned table's or an inheritance parent's NOT NULL is one of all tables below it.
    """

    table: Tuple[str, str]
    column: str
    keys: Tuple[str, ...] = ()

    def sql(self, session: Any) -> str:
        return compose(
            "SELECT {keys}, pg_catalog.count(*) OVER () AS total FROM {table}"
            " WHERE {column} IS NOT DISTINCT FROM NULL LIMIT {limit}",
            keys=identifiers(self.keys or ("ctid",)),
            table=identifier(*self.table),
            column=identifier(self.column),
            limit=raw(str(_SHOWN)),
        )


@dataclass(frozen=True)
class Broken:
    """Rows that a check refuses: its condition is false; where it is NULL, it takes them (5.4.1). keys: as in Nulls."""

    place: Place
    condition: str
    keys: Tuple[str, ...] = ()

    def sql(self, session: Any) -> str:
        return compose(
            "SELECT {keys}, pg_catalog.count(*) OVER () AS total FROM {place} WHERE NOT {condition} LIMIT {limit}",
            keys=identifiers(self.keys or ("ctid",)),
            place=self.place.sql,
            condition=raw(enclosed(self.condition)),
            limit=raw(str(_SHOWN)),
        )


@dataclass(frozen=True)
class Key:
    """One key of an index. text: column or expression as SQL. collation, opclass: where they are not the default ones;
    names with their schema, or names that the migration's search path finds.
    """

    text: str
    collation: Tuple[str, ...] = ()
    opclass: Tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        return self.text + (compose(" COLLATE {name}", name=identifier(*self.collation)) if self.collation else "")


@dataclass(frozen=True)
class Duplicates:
    """Keys that a unique index would not take. A NULL in a key makes it unlike all others, unless nulls_distinct is
    false (CREATE INDEX, "NULLS NOT DISTINCT").
    """

    place: Place
    keys: Tuple[Key, ...]
    nulls_distinct: bool = True
    predicate: Optional[str] = None

    def sql(self, session: Any) -> str:
        conditions = [f"{key.text} IS DISTINCT FROM NULL" for key in self.keys] if self.nulls_distinct else []
        conditions += [enclosed(self.predicate)] if self.predicate is not None else []
        numbers = ", ".join(str(number) for number in range(1, len(self.keys) + 1))
        return compose(
            "SELECT {keys}, pg_catalog.count(*) AS times, pg_catalog.count(*) OVER () AS total FROM {place}{where}"
            " GROUP BY {numbers} HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1{order} LIMIT {limit}",
            keys=raw(", ".join(key.sql for key in self.keys)),
            place=self.place.sql,
            where=raw(f" WHERE {' AND '.join(conditions)}" if conditions else ""),
            numbers=raw(numbers),
            order=raw(self._order(session)),
            limit=raw(str(_SHOWN)),
        )

    def _order(self, session: Any) -> str:
        """GROUP BY takes over the meaning of equality from ORDER BY … USING; else it has the type's default one."""
        order = []
        for number, key in enumerate(self.keys, 1):
            operator = _less(session, key.opclass) if key.opclass else None
            if operator is not None:
                order.append(f"{number} USING OPERATOR({operator})")
        return f" ORDER BY {', '.join(order)}" if order else ""


def _less(session: Any, opclass: Sequence[str]) -> Optional[str]:
    """The operator by which a B-tree operator class sorts; None when there is none of that name."""
    schemas = [opclass[0]] if len(opclass) > 1 else searched_schemas(session.schema)
    rows = session.rows(
        "SELECT pg_catalog.format('%%I.%%s', n.nspname, o.oprname) AS name"
        " FROM pg_catalog.pg_opclass k JOIN pg_catalog.pg_namespace kn ON kn.oid = k.opcnamespace"
        " JOIN pg_catalog.pg_am m ON m.oid = k.opcmethod AND m.amname = 'btree'"
        " JOIN pg_catalog.pg_amop a ON a.amopfamily = k.opcfamily AND a.amopstrategy = 1 AND a.amoppurpose = 's'"
        "  AND a.amoplefttype = k.opcintype AND a.amoprighttype = k.opcintype"
        " JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
        " WHERE k.opcname = %(name)s AND kn.nspname = ANY (%(schemas)s)"
        " ORDER BY pg_catalog.array_position(%(schemas)s::text[], kn.nspname::text) LIMIT 1",
        {"name": opclass[-1], "schemas": schemas},
    )
    return rows[0]["name"] if rows else None


@dataclass(frozen=True)
class Orphans:
    """Rows whose foreign key refers to no row, by the rules of MATCH SIMPLE and MATCH FULL (CREATE TABLE)."""

    child: Place
    columns: Tuple[str, ...]
    parent: Place
    referenced: Tuple[str, ...]
    full: bool = False

    def refusal(self, session: Any) -> Optional[str]:
        """Why no key can compare these columns, whatever is in them; None when it can, or when nothing is known."""
        refused = [row for row in _equality_rows(session, self).values() if not row["comparable"]]
        pairs = (
            f"{self.columns[row['position'] - 1]} ({row['c_type']}) with {self.referenced[row['position'] - 1]} "
            f"({row['p_type']})"
            for row in refused
        )
        return f"no foreign key compares {' and '.join(pairs)}" if refused else None

    def sql(self, session: Any) -> Optional[str]:
        """None where there is no operator that a key could compare with: PostgreSQL refuses its definition then."""
        pairs = _equalities(session, self)
        if pairs is None:
            return None
        child = [compose("c.{name}", name=identifier(name)) for name in self.columns]
        complete = " AND ".join(f"{column} IS NOT NULL" for column in child)
        missing = compose(
            "({complete} AND NOT EXISTS (SELECT FROM {parent} p WHERE {pairs}))",
            complete=raw(complete),
            parent=self.parent.sql,
            pairs=raw(" AND ".join(pairs)),
        )
        if self.full and len(child) > 1:
            some = " OR ".join(f"{column} IS NOT NULL" for column in child)
            missing += f" OR (({some}) AND NOT ({complete}))"
        return compose(
            "SELECT {keys}, pg_catalog.count(*) OVER () AS total FROM {child} c WHERE {missing} LIMIT {limit}",
            keys=raw(", ".join(child)),
            child=self.child.sql,
            missing=raw(missing),
            limit=raw(str(_SHOWN)),
        )


# As ATAddForeignKeyConstraint() and ri_GenerateQual() of PostgreSQL's tablecmds.c and ri_triggers.c choose it: the
# equality of the first unique index on exactly these columns, by its operator class, for the types of both sides; where
# the class has none for the referencing type, the one of its own type, to which that must convert by itself; under the
# referenced column's collation. Where the same migration has yet to make the index: the type's default class.
_EQUALITIES = """
WITH RECURSIVE pair AS (
  SELECT w.position, pa.attnum AS p_number, pa.attcollation AS p_collation, ca.attcollation AS c_collation,
    pa.atttypid AS p_type, ca.atttypid AS c_type, pa.attrelid AS parent
  FROM unnest(%(columns)s::text[], %(referenced)s::text[]) WITH ORDINALITY AS w(child, parent, position)
  JOIN pg_catalog.pg_attribute ca ON ca.attrelid = %(child)s::pg_catalog.regclass AND ca.attname = w.child
  JOIN pg_catalog.pg_attribute pa ON pa.attrelid = %(parent)s::pg_catalog.regclass AND pa.attname = w.parent),
based AS (
  SELECT p.position, s.side, t.oid, t.typtype, t.typbasetype
  FROM pair p CROSS JOIN LATERAL (VALUES ('p', p.p_type), ('c', p.c_type)) AS s(side, type)
  JOIN pg_catalog.pg_type t ON t.oid = s.type
  UNION ALL
  SELECT b.position, b.side, t.oid, t.typtype, t.typbasetype
  FROM based b JOIN pg_catalog.pg_type t ON b.typtype = 'd' AND t.oid = b.typbasetype),
base AS (SELECT position, side, oid FROM based WHERE typtype <> 'd'),
used AS (
  SELECT i.indexrelid, i.indkey::int2[] AS keys, i.indclass::oid[] AS classes FROM pg_catalog.pg_index i
  WHERE i.indrelid = %(parent)s::pg_catalog.regclass AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = pg_catalog.cardinality(%(columns)s::text[])
    AND (SELECT pg_catalog.bool_and(pair.p_number = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) FROM pair)
  ORDER BY i.indexrelid LIMIT 1),
class AS (
  SELECT p.position, coalesce(
    (SELECT u.classes[k.place - 1] FROM used u
      CROSS JOIN LATERAL pg_catalog.unnest(u.keys) WITH ORDINALITY AS k(number, place)
      WHERE k.number = p.p_number LIMIT 1),
    (SELECT k.oid FROM pg_catalog.pg_opclass k JOIN pg_catalog.pg_am m ON m.oid = k.opcmethod AND m.amname = 'btree'
      WHERE k.opcdefault AND (k.opcintype = t.oid
        OR EXISTS (SELECT FROM pg_catalog.pg_cast x WHERE x.castsource = t.oid AND x.casttarget = k.opcintype
          AND x.castmethod = 'b')
        OR k.opcintype = CASE WHEN t.typtype = 'e' THEN 'pg_catalog.anyenum'::pg_catalog.regtype
          WHEN t.typtype = 'r' THEN 'pg_catalog.anyrange'::pg_catalog.regtype
          WHEN t.typtype = 'm' THEN pg_catalog.to_regtype('pg_catalog.anymultirange')
          WHEN t.typtype = 'c' THEN 'pg_catalog.record'::pg_catalog.regtype
          WHEN t.typelem <> 0 AND t.typlen = -1 THEN 'pg_catalog.anyarray'::pg_catalog.regtype END)
      ORDER BY k.opcintype = t.oid DESC, k.opcintype = 'pg_catalog.text'::pg_catalog.regtype DESC, k.oid LIMIT 1)
    ) AS oid
  FROM pair p JOIN base b ON b.position = p.position AND b.side = 'p' JOIN pg_catalog.pg_type t ON t.oid = b.oid)
SELECT p.position, pg_catalog.format('%%I.%%s', n.nspname, o.oprname) AS operator,
  pg_catalog.format_type(p.p_type, NULL) AS p_type, pg_catalog.format_type(p.c_type, NULL) AS c_type,
  a.amoprighttype = b.oid OR k.opcintype = b.oid
    OR EXISTS (SELECT FROM pg_catalog.pg_cast x
      WHERE x.castsource = b.oid AND x.casttarget = k.opcintype AND x.castcontext = 'i')
    OR it.typtype = 'p' AND (pb.oid = b.oid OR k.opcintype = 'pg_catalog.record'::pg_catalog.regtype
      AND bt.typtype = 'c') AS comparable,
  CASE WHEN o.oprleft <> p.p_type AND lt.typtype <> 'p' THEN pg_catalog.format('%%I.%%I', ln.nspname, lt.typname) END
    AS p_cast,
  CASE WHEN o.oprright <> p.c_type AND rt.typtype <> 'p' THEN pg_catalog.format('%%I.%%I', rn.nspname, rt.typname) END
    AS c_cast,
  CASE WHEN p.p_collation <> p.c_collation AND l.oid IS NOT NULL
    THEN pg_catalog.format('%%I.%%I', cn.nspname, l.collname) END AS collation
FROM pair p JOIN class ON class.position = p.position JOIN pg_catalog.pg_opclass k ON k.oid = class.oid
JOIN base b ON b.position = p.position AND b.side = 'c' JOIN base pb ON pb.position = p.position AND pb.side = 'p'
JOIN pg_catalog.pg_type bt ON bt.oid = b.oid JOIN pg_catalog.pg_type it ON it.oid = k.opcintype
CROSS JOIN LATERAL (SELECT a.amopopr, a.amoprighttype FROM pg_catalog.pg_amop a
  WHERE a.amopfamily = k.opcfamily AND a.amopstrategy = 3 AND a.amoppurpose = 's' AND a.amoplefttype = k.opcintype
    AND a.amoprighttype IN (b.oid, k.opcintype)
  ORDER BY a.amoprighttype = b.oid DESC LIMIT 1) a
JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
JOIN pg_catalog.pg_type lt ON lt.oid = o.oprleft JOIN pg_catalog.pg_namespace ln ON ln.oid = lt.typnamespace
JOIN pg_catalog.pg_type rt ON rt.oid = o.oprright JOIN pg_catalog.pg_namespace rn ON rn.oid = rt.typnamespace
LEFT JOIN pg_catalog.pg_collation l ON l.oid = p.p_collation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = l.collnamespace
ORDER BY p.position
"""


def _equality_rows(session: Any, key: Orphans) -> Dict[int, Mapping[str, Any]]:
    """The comparisons by the position of their columns."""
    found = session.rows(
        _EQUALITIES,
        {
            "columns": list(key.columns),
            "referenced": list(key.referenced),
            "child": qualified(*key.child.table),
            "parent": qualified(*key.parent.table),
        },
    )
    return {row["position"]: row for row in found}


def _equalities(session: Any, key: Orphans) -> Optional[List[str]]:
    """For each pair of columns the comparison that the foreign key makes; None where PostgreSQL has none."""
    by_position = _equality_rows(session, key)
    if len(by_position) != len(key.columns) or not all(row["comparable"] for row in by_position.values()):
        return None
    return [
        _equality(by_position[position], parent, child)
        for position, (child, parent) in enumerate(zip(key.columns, key.referenced), 1)
    ]


def _equality(row: Mapping[str, Any], parent: str, child: str) -> str:
    text = compose(
        "p.{parent}{parent_cast} OPERATOR({operator}) c.{child}{child_cast}",
        parent=identifier(parent),
        parent_cast=raw(f"::{row['p_cast']}" if row["p_cast"] else ""),
        operator=raw(row["operator"]),
        child=identifier(child),
        child_cast=raw(f"::{row['c_cast']}" if row["c_cast"] else ""),
    )
    return text + (f" COLLATE {row['collation']}" if row["collation"] else "")


def ask(session: Session, question: Any, role: Optional[str] = None) -> Optional[Answer]:
    """The answer to a question; None when nothing contradicts. role: with whose rights. Raises psycopg2.Error."""
    statement = question.sql(session)
    if statement is None:
        return None
    counted = isinstance(question, Duplicates)
    # Values in the server's own words: Python has no date before Christ, and what is shown must be what is there.
    written = isinstance(question, (Broken, Duplicates, Unmatched))  # in the migration: expressions, types and defaults
    with acting_as(session, role), theirs(session) if written else nullcontext():
        names, rows = session.texts(statement)
    if not rows:
        return None
    if isinstance(question, (AnyRow, Unmatched)):
        return Answer(1, (), "", False)
    shown = names[: -2 if counted else -1]
    path = path_statement(session.schema) if counted and session.schema not in (None, "public") else ""
    return Answer(
        int(rows[0][-1] or 0),
        tuple(
            ", ".join(f"{name}={_word(value)}" for name, value in zip(shown, row))
            + (f" ({row[-2]} times)" if counted else "")
            for row in rows
        )
        if session.shows_rows
        else (),
        "".join(f"{text}; " for text in (path, statement) if text).rstrip(),
        session.shows_rows,
    )


def _word(value: Optional[str]) -> str:
    """A value as it is shown, in one line: control characters would be commands for a terminal."""
    if value is None:
        return "NULL"
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in printable(str(value))
    )
