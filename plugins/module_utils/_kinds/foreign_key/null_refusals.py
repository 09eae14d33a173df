# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What refuses NULL in columns that a key may set to NULL, beside their own NOT NULL: domains and CHECK constraints.

The server judges a constraint as it stands: with NULL in the place of the columns it is simplified, not executed
(EXPLAIN). That evaluates functions that are IMMUTABLE, so one with a function, operator or type that is not
PostgreSQL's own is not simplified here: what it refuses is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Tuple

from ..._connection.owners import acting_as, rights_for
from ..._connection.session import Session
from ..._model.catalog import Table, TableName
from ..._support.driver import psycopg2
from ..._support.sqltext import compose, identifier, qualified, raw

__all__ = ["NullRefusal", "read_null_refusals"]

Columns = Tuple[str, ...]


@dataclass(frozen=True)
class NullRefusal:
    """certain: whether NULL is refused in every row, else only in some, or it is not known. sqlstate: of the error."""

    text: str
    certain: bool
    sqlstate: str = "23514"


# theirs: whether a function, operator or type of somebody else's is in it; of PostgreSQL's own ones no dependency is
# recorded (52.18 "pg_depend").
_DOMAINS = """
WITH RECURSIVE chain AS (
  SELECT a.attname, a.atttypid AS top, t.oid, t.typbasetype, t.typnotnull FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
  WHERE a.attrelid = %s AND a.attname = ANY (%s) AND NOT a.attisdropped
  UNION ALL SELECT c.attname, c.top, t.oid, t.typbasetype, t.typnotnull FROM chain c
  JOIN pg_catalog.pg_type t ON t.oid = c.typbasetype AND t.typtype = 'd')
SELECT c.attname::text AS name, pg_catalog.format_type(c.top, NULL) AS type, bool_or(c.typnotnull) AS not_null,
  coalesce(bool_or(k.oid IS NOT NULL), false) AS checked,
  coalesce(bool_or(EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = k.oid AND d.deptype = 'n'
      AND d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass)), false) AS theirs
FROM chain c LEFT JOIN pg_catalog.pg_constraint k ON k.contypid = c.oid AND k.contype = 'c'
GROUP BY c.attname, c.top ORDER BY c.attname
"""
_CHECKS = """
SELECT k.conname::text AS name, pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS expression,
  EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = k.oid AND d.deptype = 'n'
      AND d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass) AS theirs
FROM pg_catalog.pg_constraint k
WHERE k.conrelid = %s AND k.contype = 'c' AND k.conkey && ARRAY(SELECT a.attnum FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = k.conrelid AND a.attname = ANY (%s))
ORDER BY k.conname
"""


def read_null_refusals(
    session: Session, tables: Mapping[TableName, Table], wanted: Iterable[Tuple[TableName, Columns]]
) -> Dict[Tuple[TableName, Columns], List[NullRefusal]]:
    """By table and columns that are set to NULL together. Raises psycopg2.Error where the connection is lost."""
    return {
        (table, columns): [*_domains(session, tables[table], columns), *_checks(session, tables[table], table, columns)]
        for table, columns in dict.fromkeys(wanted)
        if table in tables and all(name in tables[table].columns for name in columns)
    }


def _domains(session: Session, table: Table, columns: Columns) -> List[NullRefusal]:
    found = []
    for row in session.rows(_DOMAINS, (table.oid, list(columns))):
        text = f'the domain {row["type"]} of "{row["name"]}"'
        if row["not_null"]:
            found.append(NullRefusal(f"{text} does not allow NULL", True, "23502"))
        elif row["checked"]:
            state = "" if row["theirs"] else _refused(session, compose("SELECT NULL::{type}", type=raw(row["type"])))
            if state in ("23502", "23514"):
                found.append(NullRefusal(f"{text} does not allow NULL", True, state))
            elif row["theirs"]:
                found.append(NullRefusal(f"{text} has a CHECK with functions of others", False))
    return found


def _refused(session: Session, statement: str) -> str:
    """The SQLSTATE with which the server refuses a statement that only computes; 'ok' when it does not."""
    try:
        with session.savepoint():
            session.rows(statement)
    except psycopg2.Error as error:
        if error.pgcode is None:
            raise
        return str(error.pgcode)
    return "ok"


def _checks(session: Session, table: Table, name: TableName, columns: Columns) -> List[NullRefusal]:
    found = []
    for row in session.rows(_CHECKS, (table.oid, list(columns))):
        outcome = "" if row["theirs"] else _simplified(session, table, name, columns, row["expression"])
        if outcome == "false":
            found.append(NullRefusal(f'the CHECK constraint "{row["name"]}" does not allow NULL', True))
        elif outcome not in ("true", "NULL::boolean"):
            found.append(NullRefusal(f'the CHECK constraint "{row["name"]}" may refuse NULL in some rows', False))
    return found


def _simplified(session: Session, table: Table, name: TableName, columns: Columns, expression: str) -> str:
    """The expression with NULL for the columns, as far as the server can tell without a row; '' when it cannot."""
    values = [
        compose("NULL::{type} AS {name}", type=raw(column.type), name=identifier(column.name))
        if column.name in columns
        else compose("{name}", name=identifier(column.name))
        for column in table.columns.values()
    ]
    question = compose(
        "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT ({expression}) FROM (SELECT {values} FROM ONLY {table})"
        " AS {alias}",
        expression=raw(expression),
        values=raw(", ".join(values)),
        table=raw(qualified(*name)),
        alias=identifier(name[1]),
    )
    rights = rights_for(session, [name])
    if rights.problem:
        return ""
    try:
        with session.savepoint(), acting_as(session, rights.role):
            plan: Any = session.rows(question)[0]["QUERY PLAN"][0]["Plan"]
    except psycopg2.Error as error:
        if error.pgcode is None:
            raise
        return ""
    return str(plan.get("Output", [""])[0])
