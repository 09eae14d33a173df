# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalog says of the objects that statements make: whether they are there, and how they were before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ..._connection.rights import their_names
from ..._connection.session import Session
from ..._model.catalog import read_tables
from ..._support.driver import psycopg2
from ..._support.sqltext import compose, identifiers, literal, raw
from .specification import KIND, Made, StatementSpecification

__all__ = ["ObjectsThere", "read_around", "read_leaving", "read_lockable"]

Key = Tuple[Tuple[str, str], str]
ObjectKey = Tuple[str, Tuple[str, str], str]

# Appendix A: invalid_schema_name, undefined_column, _function, _object, _table, wrong_object_type.
_ABSENT = ("3F000", "42703", "42883", "42704", "42P01", "42809")
_ADDRESS = (
    "SELECT a.classid::bigint AS class, a.objid::bigint AS object, a.objsubid AS part"
    " FROM pg_catalog.pg_get_object_address(%s, %s::text[], %s::text[]) AS a"
)
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
# COMMENT ON and its object: up to the first IS that stands alone, outside of quotes.
_OBJECT = re.compile(r'(?is)(?:[^"]|"[^"]*")*?(?=(?<![\w$.])is(?![\w$.]))')
# What makes a view or a function again, with what hangs on it. more: whether more hangs on it than that.
_ALSO = """
  ARRAY[pg_catalog.format('ALTER WORD %%s OWNER TO %%I', o.name, pg_catalog.pg_get_userbyid(o.owner))]
  || CASE WHEN o.acl IS NULL THEN ARRAY[]::text[] ELSE
    ARRAY[pg_catalog.format('REVOKE ALL ON PRIVILEGES %%s FROM PUBLIC', o.name)] || ARRAY(
      SELECT pg_catalog.format('GRANT %%s ON PRIVILEGES %%s TO %%s%%s', a.privilege_type, o.name,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_catalog.aclexplode(o.acl) AS a WHERE a.grantee <> o.owner) END
  || CASE WHEN d.description IS NULL THEN ARRAY[]::text[]
    ELSE ARRAY[pg_catalog.format('COMMENT ON WORD %%s IS %%L', o.name, d.description)] END AS also,
  EXISTS (SELECT FROM pg_catalog.pg_seclabel s WHERE s.objoid = o.oid AND s.classoid = o.class)
  OR EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = o.oid AND e.classid = o.class AND e.deptype = 'e')
"""


def _also(word: str, privileges: str) -> str:
    """word: of the kind behind ALTER and COMMENT ON; privileges: behind GRANT … ON."""
    return _ALSO.replace("WORD", word).replace("PRIVILEGES", privileges)


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
        key = (statement.place, statement.name)
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
    """The tables of statements that are there, and that the role may lock. Raises psycopg2.Error."""
    wanted = {table for statement in statements for table in statement.locks}
    there = read_tables(session, wanted)
    return frozenset(
        name
        for name, table in there.items()
        if name in wanted and table.kind in "rp" and table.may_lock and table.may_use_schema
    )


def read_leaving(session: Session, statements: Sequence[StatementSpecification]) -> Dict[Tuple[int, int], ObjectKey]:
    """The objects that go when statements are taken back, by class and oid as pg_depend has them (52.18).

    Raises psycopg2.Error.
    """
    found: Dict[Tuple[int, int], ObjectKey] = {}
    for statement in statements:
        for made in statement.makes:
            address = _address(session, made, statement.search_path)
            if address is not None:
                found[(address["class"], address["object"])] = (KIND, statement.place, statement.name)
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


def _whole(session: Session, made: Made, address: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """What makes an object again: text, name, and in `also` what hangs on it. None where more hangs on it, or where it
    is of a kind that is not known here.
    """
    query = _WHOLE.get(made.type, "")
    rows = session.rows(query, [address["object"]] * query.count("%s::oid")) if query else []
    return rows[0] if rows and not rows[0]["more"] else None


def _former(session: Session, made: Made, address: Mapping[str, Any]) -> Optional[Tuple[str, ...]]:
    """What brings back an object in whose place OR REPLACE puts another one."""
    if made.type == "view":
        # OR REPLACE takes no column away (CREATE VIEW): it is dropped, and made again with what hangs on it.
        whole = _whole(session, made, address)
        return None if whole is None else (f"DROP VIEW {whole['name']}", *_statements(whole))
    if made.type not in ("function", "procedure"):
        return None
    # OR REPLACE keeps what hangs on a function (CREATE FUNCTION): its definition is enough.
    row = session.one("SELECT pg_catalog.pg_get_functiondef(%s::oid) AS text", (address["object"],))
    return (row["text"].strip(),) if row["text"] else None


def _statements(whole: Mapping[str, Any]) -> List[str]:
    return [whole["text"].strip(), *(whole["also"] or ())]


def _dropped(session: Session, statement: StatementSpecification) -> Optional[Tuple[str, ...]]:
    """What makes the objects again that a DROP takes away, with their owner, privileges and comment; None: more hangs
    on one of them.
    """
    statements: List[str] = []
    for made in statement.drops:
        address = _address(session, made, statement.search_path)
        if address is None:
            continue
        whole = _whole(session, made, address)
        if whole is None:
            return None
        statements += _statements(whole)
    return tuple(statements)


def _former_comment(session: Session, sql: str, address: Mapping[str, Any]) -> Tuple[str, ...]:
    """The same COMMENT ON, with the text from before."""
    rows = session.rows(_COMMENT, (address["class"], address["object"], address["part"]))
    text = literal(rows[0]["text"]) if rows else raw("NULL")
    begin = _OBJECT.match(sql)
    return (compose("{begin} IS {text}", begin=raw(begin.group().rstrip() if begin else sql), text=text),)
