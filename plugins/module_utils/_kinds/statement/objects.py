# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalog says of the objects that statements make: whether they are there, and how they were before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ..._connection.rights import their_names
from ..._connection.session import Session
from ..._support.driver import psycopg2
from ..._support.sqltext import compose, identifiers, literal, raw
from .specification import KIND, Made, StatementSpecification

__all__ = ["ObjectsThere", "read_around", "read_leaving", "read_lockable"]

Key = Tuple[str, str, str]
ObjectKey = Tuple[str, Tuple[str, str], str]

# Appendix A: invalid_schema_name, undefined_column, _function, _object, _table, wrong_object_type.
_ABSENT = ("3F000", "42703", "42883", "42704", "42P01", "42809")
_ADDRESS = (
    "SELECT a.classid::bigint AS class, a.objid::bigint AS object, a.objsubid AS part"
    " FROM pg_catalog.pg_get_object_address(%s, %s::text[], %s::text[]) AS a"
)
_FUNCTION = "SELECT pg_catalog.pg_get_functiondef(%s::oid) AS text"
# The options of a view are part of its definition: CREATE OR REPLACE VIEW sets them anew.
_VIEW = (
    "SELECT pg_catalog.format('CREATE OR REPLACE VIEW %%I.%%I%%s AS %%s', n.nspname, c.relname,"
    " coalesce(' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')', ''),"
    " pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) AS text"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::oid"
)
_COMMENT = (
    "SELECT description AS text FROM pg_catalog.pg_description"
    " WHERE classoid = %s::oid AND objoid = %s::oid AND objsubid = %s"
)
# What makes a view or a function again, with what hangs on it. more: whether more hangs on it than that.
_ALSO = """
  ARRAY[pg_catalog.format('ALTER %(word)s %%s OWNER TO %%I', o.name, pg_catalog.pg_get_userbyid(o.owner))]
  || CASE WHEN o.acl IS NULL THEN ARRAY[]::text[] ELSE
    ARRAY[pg_catalog.format('REVOKE ALL ON %(privileges)s %%s FROM PUBLIC', o.name)] || ARRAY(
      SELECT pg_catalog.format('GRANT %%s ON %(privileges)s %%s TO %%s%%s', a.privilege_type, o.name,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_catalog.aclexplode(o.acl) AS a WHERE a.grantee <> o.owner) END
  || CASE WHEN d.description IS NULL THEN ARRAY[]::text[]
    ELSE ARRAY[pg_catalog.format('COMMENT ON %(word)s %%s IS %%L', o.name, d.description)] END AS also,
  EXISTS (SELECT FROM pg_catalog.pg_seclabel s WHERE s.objoid = o.oid AND s.classoid = o.class)
  OR EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = o.oid AND e.classid = o.class AND e.deptype = 'e')
"""


def _also(word: str, privileges: str) -> str:
    """word: of the kind behind ALTER and COMMENT ON; privileges: behind GRANT … ON."""
    return _ALSO.replace("%(word)s", word).replace("%(privileges)s", privileges)


_OF_VIEW = """
  OR EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = o.oid)
  OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = o.oid AND r.rulename <> '_RETURN')
  OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = o.oid AND (a.attacl IS NOT NULL OR a.atthasdef))
  OR EXISTS (SELECT FROM pg_catalog.pg_description c WHERE c.objoid = o.oid AND c.classoid = o.class
    AND c.objsubid > 0)
"""
_WHOLE_VIEW = (
    "SELECT v.text, o.name, "  # noqa: S608 - constants
    + _also("VIEW", "TABLE")
    + _OF_VIEW
    + " AS more FROM ("
    + _VIEW
    + ") AS v(text), (SELECT c.oid, c.relowner AS owner, c.relacl AS acl, c.tableoid AS class,"
    " pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::oid) AS o"
    " LEFT JOIN pg_catalog.pg_description d ON d.objoid = o.oid AND d.classoid = o.class AND d.objsubid = 0"
)


def _whole_function(word: str) -> str:
    return (
        "SELECT pg_catalog.pg_get_functiondef(o.oid) AS text, "  # noqa: S608 - constants
        + _also(word, word)
        + " AS more FROM (SELECT p.oid, p.proowner AS owner, p.proacl AS acl, p.tableoid AS class,"
        " pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))"
        " AS name FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.oid = %s::oid) AS o"
        " LEFT JOIN pg_catalog.pg_description d ON d.objoid = o.oid AND d.classoid = o.class AND d.objsubid = 0"
    )


_WHOLE_CONSTRAINT = (
    "SELECT pg_catalog.format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s', n.nspname, c.relname, k.conname,"
    " pg_catalog.pg_get_constraintdef(k.oid)) AS text,"
    " CASE WHEN d.description IS NULL THEN ARRAY[]::text[] ELSE ARRAY[pg_catalog.format("
    "'COMMENT ON CONSTRAINT %%I ON %%I.%%I IS %%L', k.conname, n.nspname, c.relname, d.description)] END AS also,"
    " false AS more FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_description d"
    " ON d.objoid = k.oid AND d.classoid = k.tableoid WHERE k.oid = %s::oid"
)
_WHOLE = {
    "table constraint": _WHOLE_CONSTRAINT,
    "view": _WHOLE_VIEW,
    "function": _whole_function("FUNCTION"),
    "procedure": _whole_function("PROCEDURE"),
}
_LOCKABLE = (
    "SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN unnest(%s::text[], %s::text[]) AS w(schema, name) ON (w.schema, w.name) = (n.nspname, c.relname)"
    " WHERE c.relkind IN ('r', 'p') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')"
    " AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
)
_DEFINITIONS = {"function": _FUNCTION, "procedure": _FUNCTION}


@dataclass(frozen=True)
class ObjectsThere:
    """there: of the objects that a statement makes, those that are there. former: the statements that bring back what
    it replaces; None where that is not known.
    """

    there: Tuple[Made, ...] = ()
    former: Optional[Tuple[str, ...]] = None


def read_around(session: Session, statements: Sequence[StatementSpecification]) -> Dict[Key, ObjectsThere]:
    """By schema, migration and name. One round trip for each object. Raises psycopg2.Error."""
    found: Dict[Key, ObjectsThere] = {}
    for statement in statements:
        key = (statement.schema, statement.table, statement.name)
        if statement.drops:
            found[key] = ObjectsThere((), _dropped(session, statement))
        for made in statement.comments_on:
            address = _address(session, made, statement.search_path)
            if address is not None:
                found[key] = ObjectsThere((), _former_comment(session, statement.sql, address))
        if not statement.makes:
            continue
        addresses = {made: _address(session, made, statement.search_path) for made in statement.makes}
        there = tuple(made for made, address in addresses.items() if address is not None)
        former = None
        if there and statement.if_there == "replace":
            former = _former(session, there[0], addresses[there[0]] or {})
        found[key] = ObjectsThere(there, former)
    return found


def read_lockable(session: Session, statements: Sequence[StatementSpecification]) -> FrozenSet[Tuple[str, str]]:
    """The tables of statements that are there, and that the role may lock. One round trip. Raises psycopg2.Error."""
    wanted = sorted({table for statement in statements for table in statement.locks})
    if not wanted:
        return frozenset()
    rows = session.rows(_LOCKABLE, ([schema for schema, _name in wanted], [name for _schema, name in wanted]))
    return frozenset((row["schema"], row["name"]) for row in rows)


def read_leaving(session: Session, statements: Sequence[StatementSpecification]) -> Dict[Tuple[int, int], ObjectKey]:
    """The objects that go when statements are taken back, by class and oid as pg_depend has them (52.18).

    Raises psycopg2.Error.
    """
    found: Dict[Tuple[int, int], ObjectKey] = {}
    for statement in statements:
        for made in statement.makes:
            address = _address(session, made, statement.search_path)
            if address is not None:
                found[(address["class"], address["object"])] = (
                    KIND,
                    (statement.schema, statement.table),
                    statement.name,
                )
    return found


def _address(session: Session, made: Made, path: Optional[Sequence[str]] = None) -> Optional[Mapping[str, Any]]:
    """Where the object is in the catalog; None where there is none. path: None for that of the migration."""
    parameters = (made.type, list(made.names), list(made.arguments))
    try:
        with session.savepoint(), their_names(session):
            if path is None:
                return session.one(_ADDRESS, parameters)
            session.execute(f"SET search_path TO {compose('{names}', names=identifiers(path))}")
            return session.one(_ADDRESS, parameters)
    except psycopg2.Error as error:
        if session.connection.closed or error.pgcode not in _ABSENT:
            raise
    return None


def _former(session: Session, made: Made, address: Mapping[str, Any]) -> Optional[Tuple[str, ...]]:
    if made.type == "view":
        # OR REPLACE takes no column away (CREATE VIEW): it is dropped, and made again with what hangs on it.
        found = session.rows(_WHOLE_VIEW, [address["object"]] * 2)
        if not found or found[0]["more"]:
            return None
        drop = compose("DROP VIEW {name}", name=raw(found[0]["name"]))
        return (drop, found[0]["text"].strip(), *(found[0]["also"] or ()))
    query = _DEFINITIONS.get(made.type)
    rows: List[Dict[str, Any]] = session.rows(query, (address["object"],)) if query else []
    return (rows[0]["text"].strip(),) if rows and rows[0]["text"] else None


def _dropped(session: Session, statement: StatementSpecification) -> Optional[Tuple[str, ...]]:
    """What makes the objects again that a DROP takes away, with their owner, privileges and comment; None: more hangs
    on one of them.
    """
    statements: List[str] = []
    for made in statement.drops:
        address = _address(session, made, statement.search_path)
        if address is None:
            continue
        query = _WHOLE.get(made.type, "")
        rows = session.rows(query, [address["object"]] * query.count("%s::oid")) if query else []
        if not rows or rows[0]["more"]:
            return None
        statements += [rows[0]["text"].strip(), *(rows[0]["also"] or ())]
    return tuple(statements)


def _former_comment(session: Session, sql: str, address: Mapping[str, Any]) -> Tuple[str, ...]:
    """The same COMMENT ON, with the text from before: IS is its last word but one."""
    rows = session.rows(_COMMENT, (address["class"], address["object"], address["part"]))
    text = literal(rows[0]["text"]) if rows else raw("NULL")
    return (compose("{begin} IS {text}", begin=raw(_object_of(sql)), text=text),)


def _object_of(sql: str) -> str:
    """COMMENT ON and the object, without IS and the text. A name cannot hold an unquoted IS."""
    quoted, at = False, 0
    upper = sql.upper()
    while at < len(sql):
        if sql[at] == '"':
            quoted = not quoted
        elif not quoted and upper.startswith("IS", at) and _alone(sql, at):
            return sql[:at].rstrip()
        at += 1
    return sql


def _alone(sql: str, at: int) -> bool:
    before, after = sql[at - 1 : at], sql[at + 2 : at + 3]
    return not (before.isalnum() or before in ("_", "$", ".")) and not (after.isalnum() or after in ("_", "$", "."))
