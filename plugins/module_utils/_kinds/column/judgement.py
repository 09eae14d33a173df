# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server itself says of the types and expressions of a migration's columns. Nothing is written.

EXPLAIN prints a type and an expression in the server's own form, and executes nothing. All of it is read with the
migration's search path, on both sides, and as the owner of the table: functions that are IMMUTABLE run on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ..._connection.owners import acting_as, rights_for
from ..._connection.rights import explained, their_names
from ..._connection.search_path import searched_schemas
from ..._connection.session import Session
from ..._connection.translation import translate
from ..._model.catalog import Catalog, TableName
from ..._model.elsewhere import elsewhere
from ..._model.new_columns import selected
from ..._support.driver import psycopg2
from ..._support.sqltext import closed_line, compose, enclosed, identifier, is_one_expression, raw
from .target import NO_DEFAULT, DesiredColumn

__all__ = ["ColumnJudgement", "judge_columns"]

_NO_RIGHT = "42501"
_UNDEFINED_COLUMN = "42703"
# ALTER TABLE … ADD COLUMN rewrites for a domain with constraints up to this version (ALTER TABLE, "Notes").
_DOMAINS_REWRITE = 190000

# part: the types that a value of the type consists of, as CheckAttributeType() of PostgreSQL's heap.c goes through.
# constrained: the domain, or one that it is based on, has a CHECK or NOT NULL.
_TYPE = """
WITH RECURSIVE chain(oid, base, not_null) AS (
  SELECT t.oid, t.typbasetype, t.typnotnull FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype(%s)::oid
  UNION ALL SELECT t.oid, t.typbasetype, t.typnotnull FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.base),
part(oid) AS (
  SELECT pg_catalog.to_regtype(%s)::oid
  UNION SELECT x.oid FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.oid CROSS JOIN LATERAL (
    SELECT t.typelem WHERE t.typcategory = 'A' AND t.typelem <> 0
    UNION ALL SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS x(oid))
SELECT t.typtype::text AS kind, t.typcollation <> 0 AS collatable, pg_catalog.format_type(t.oid, NULL) AS name,
  pg_catalog.has_type_privilege(t.oid, 'USAGE') AS usable, current_user::text AS role,
  pg_catalog.pg_get_expr(t.typdefaultbin, 0) AS default,
  EXISTS (SELECT FROM part JOIN pg_catalog.pg_class c ON c.reltype = part.oid WHERE c.oid = ANY (%s::oid[])) AS itself,
  EXISTS (SELECT FROM chain c WHERE c.not_null
    OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = c.oid AND k.contype = 'c')) AS constrained
FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype(%s)::oid
"""

_THERE = """
SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
  pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression, a.attgenerated <> '' AS is_generated,
  n.nspname::text AS collation_schema, l.collname::text AS collation
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
WHERE a.attrelid = %s AND a.attname = %s AND NOT a.attisdropped
"""

# A literal name, or schema.name; the first one that the path finds.
_COLLATION = """
SELECT n.nspname::text AS schema, l.collname::text AS name FROM pg_catalog.pg_collation l
JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
WHERE l.collencoding IN (-1, pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()))
  AND (l.collname = %(name)s AND n.nspname = ANY (%(path)s)
    OR pg_catalog.format('%%s.%%s', n.nspname, l.collname) = %(name)s)
ORDER BY l.collname = %(name)s DESC, pg_catalog.array_position(%(path)s::text[], n.nspname::text) LIMIT 1
"""


@dataclass(frozen=True)
class ColumnJudgement:
    """problem: why the entry cannot be, as a sentence; permission: where only the role is in the way.

    type, default, generated: in the server's form; an empty default: there is none. there_…: the same of the column
    that stands there. rewrites: why ADD COLUMN would write each row anew; empty where it would not. collation,
    there_collation: schema and name.
    """

    problem: str = ""
    permission: bool = False
    type: str = ""
    default: str = ""
    generated: str = ""
    collation: Optional[Tuple[str, str]] = None
    rewrites: str = ""
    there_type: str = ""
    there_default: str = ""
    there_generated: str = ""
    there_collation: Optional[Tuple[str, str]] = None


_NOTHING: Dict[str, Any] = {"type": "", "expression": None, "is_generated": False, "collation": None}


class _Refused(Exception):
    """permission: where only the role is in the way."""

    def __init__(self, text: str, permission: bool = False) -> None:
        super().__init__(text)
        self.permission = permission


def judge_columns(
    session: Session, catalog: Catalog, targets: Sequence[DesiredColumn]
) -> Dict[Tuple[TableName, str], ColumnJudgement]:
    """By table and column, of those of which a migration says more than whether they take NULL.

    A few round trips for each. Raises psycopg2.Error where the connection is lost.
    """
    new: Dict[TableName, Dict[str, str]] = {}
    for target in targets:
        table = catalog.tables.get(target.table_name)
        if table is not None and target.definition.type is not None and target.name not in table.columns:
            new.setdefault(target.table_name, {})[target.name] = target.definition.type
    found = {}
    for target in targets:
        table = catalog.tables.get(target.table_name)
        if target.restores or not target.definition or table is None or table.kind not in "rp":
            continue
        if table.may_use_schema:
            found[target.key] = _judged(session, catalog, target, new.get(target.table_name, {}))
    return found


def _judged(session: Session, catalog: Catalog, target: DesiredColumn, new: Mapping[str, str]) -> ColumnJudgement:
    rights = rights_for(session, [target.table_name], altered=[target.table_name])
    if rights.problem:
        return ColumnJudgement(rights.problem, permission=True)
    # What row level security hides does not matter here: no row is read.
    session.execute("SET row_security TO on")
    try:
        with session.savepoint(), acting_as(session, rights.role), their_names(session):
            return _Judge(session, catalog, target, new).judge()
    except _Refused as refusal:
        return ColumnJudgement(str(refusal), permission=refusal.permission)
    except psycopg2.Error as error:
        if error.pgcode is None:
            raise
        problem = translate(error, of_no_rows=True)
        said = f"{problem.what} Why: {problem.why}" if problem.why else problem.what
        if error.pgcode == _NO_RIGHT:
            return ColumnJudgement(said, permission=True)
        todo = elsewhere(session, error, target.table_name) or "; correct the entry"
        return ColumnJudgement(f"{said.strip()}{todo}")
    finally:
        if not session.connection.closed:
            session.execute("SET row_security TO off")


class _Judge:
    """The questions about one column."""

    def __init__(self, session: Session, catalog: Catalog, target: DesiredColumn, new: Mapping[str, str]) -> None:
        self.session = session
        self.catalog = catalog
        self.target = target
        self.wanted = target.definition
        self.new = new

    def judge(self) -> ColumnJudgement:
        there = self.session.rows(_THERE, (self.catalog.tables[self.target.table_name].oid, self.target.name))
        if not there and self.wanted.type is None:
            return ColumnJudgement()
        kind: Dict[str, Any] = {}
        type_, rewrites = str(there[0]["type"]) if there else "", ""
        if self.wanted.type is not None:
            kind = self._type(self.wanted.type)
            type_ = kind["form"]
        default = self._default(type_, kind)
        if not there:
            rewrites = self._rewrites(kind, default)
        own: Dict[str, Any] = there[0] if there else _NOTHING
        wanted, standing = self.wanted.generated, own["expression"] if own["is_generated"] else None
        same_type = bool(there) and own["type"] == type_
        return ColumnJudgement(
            type=type_,
            default=default,
            generated=self._generated(wanted, type_, False) if wanted is not None else "",
            collation=self._collation(),
            rewrites=rewrites,
            there_type=own["type"],
            there_default=self._stored_default(None if own["is_generated"] else own["expression"], own["type"]),
            there_generated=self._generated(standing, type_, True) if wanted and standing and same_type else "",
            there_collation=(own["collation_schema"], own["collation"]) if own["collation"] else None,
        )

    def _type(self, text: str) -> Dict[str, Any]:
        """CAST takes a type name and nothing beside it (gram.y, Typename), so the text is one."""
        if not is_one_expression(text):
            raise _Refused(f"{text} is no type; write one as SQL does, such as numeric(10,2)")
        (output,) = self._explain(f"SELECT CAST(NULL AS {closed_line(text)})")["Output"]
        names = (self.target.table_name, *self.catalog.below(self.target.table_name))
        found = self.session.rows(_TYPE, (text, text, [self.catalog.tables[name].oid for name in names], text))
        if not found or found[0]["kind"] == "p":
            raise _Refused(f"{text} is no type of columns; write another one")
        row = found[0]
        if row["itself"]:
            raise _Refused(
                f"the type {row['name']} has the row type of the table itself in it, and PostgreSQL adds no such "
                "column; write another type"
            )
        if not row["usable"]:
            grant = compose("GRANT USAGE ON TYPE {type} TO {role}", type=raw(row["name"]), role=identifier(row["role"]))
            raise _Refused(f"permission denied: role {row['role']} may not use the type {row['name']}; {grant}", True)
        if self.wanted.collation is not None and not row["collatable"]:
            raise _Refused(f"the type {row['name']} has no collations; leave collation out")
        folded = row["kind"] != "d" and output.startswith("NULL::")
        row["form"] = output[len("NULL::") :] if folded else row["name"]
        return row

    def _default(self, type_: str, kind: Mapping[str, Any]) -> str:
        """The value or expression that rows get; empty for none. A domain may have one of its own."""
        own = self.wanted.default
        of_domain = own is None or own.strip().upper() == NO_DEFAULT
        text = kind.get("default") if of_domain else own
        return self._form(text, type_, stored=of_domain) if text is not None else ""

    def _stored_default(self, text: Optional[str], type_: str) -> str:
        if text is None or self.wanted.default is None:
            return ""
        return self._form(text, type_, stored=True)

    def _form(self, text: str, type_: str, stored: bool) -> str:
        if not is_one_expression(text):
            raise _Refused(f"this is more than one SQL expression: {text}; write one")
        plan = self._explain(f"SELECT CAST({enclosed(text)} AS {type_})", stored)
        if plan["Node Type"] != "Result" or "Plans" in plan:
            what = "a subquery, an aggregate or a set-returning function"
            raise _Refused(f"the default {text} has {what}, which PostgreSQL does not allow there; write another one")
        (output,) = plan["Output"]
        return "" if output.startswith("NULL::") or output == f"(NULL::{type_})" else str(output)

    def _generated(self, text: str, type_: str, stored: bool) -> str:
        if not is_one_expression(text):
            raise _Refused(f"this is more than one SQL expression: {text}; write one")
        value = raw(f"CAST({enclosed(text)} AS {type_})")
        others = {name: text for name, text in self.new.items() if name != self.target.name}
        try:
            with self.session.savepoint():
                plan = self._explain(selected(value, self.target.table_name, {}), stored)
        except psycopg2.Error as error:
            if error.pgcode != _UNDEFINED_COLUMN or not others:
                raise
            plan = self._explain(selected(value, self.target.table_name, others), stored)
        return str(plan.get("Output", [text])[0])

    def _rewrites(self, kind: Mapping[str, Any], default: str) -> str:
        """Why ADD COLUMN writes all rows anew (ALTER TABLE, "Notes")."""
        if self.wanted.identity is not None:
            return "an identity column has a number of its own in each row"
        if self.wanted.generated is not None:
            return "a stored generated column is computed for each row"
        if kind["constrained"] and self.catalog.version < _DOMAINS_REWRITE:
            return f"the domain {kind['name']} has constraints, which PostgreSQL checks for each row"
        if default and self._is_volatile(default):
            return f"the default {default} is computed for each row"
        return ""

    def _is_volatile(self, expression: str) -> bool:
        """A subquery is not flattened where its result is volatile (prepjointree.c, is_simple_subquery): then it is
        seen in the plan. The name twice keeps its scan from being left out as trivial.
        """
        value = raw(enclosed(expression))
        plan = self._explain(compose("SELECT s.x, s.x FROM (SELECT {value} AS x) AS s", value=value), stored=True)
        return bool(plan["Node Type"] == "Subquery Scan")

    def _collation(self) -> Optional[Tuple[str, str]]:
        name = self.wanted.collation
        if name is None:
            return None
        path = searched_schemas(self.session.schema)
        for row in self.session.rows(_COLLATION, {"name": name, "path": path}):
            return (row["schema"], row["name"])
        raise _Refused(f'there is no collation "{name}" for the encoding of this database; correct the name')

    def _explain(self, query: str, stored: bool = False) -> Dict[str, Any]:
        rows = explained(self.session, query, stored)
        plan: Dict[str, Any] = rows[0]["QUERY PLAN"][0]["Plan"]
        return plan
