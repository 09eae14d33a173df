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
from .definitions import replaced, statements_of, whole
from .specification import KIND, Made, StatementSpecification

__all__ = ["ObjectsThere", "read_around", "read_leaving", "read_lockable", "replaces_view"]

Key = Tuple[Tuple[str, str], str]
ObjectKey = Tuple[str, Tuple[str, str], str]

# Appendix A: invalid_schema_name, undefined_column, _function, _object, _table, wrong_object_type.
_ABSENT = ("3F000", "42703", "42883", "42704", "42P01", "42809")
_ADDRESS = (
    "SELECT a.classid::bigint AS class, a.objid::bigint AS object, a.objsubid AS part"
    " FROM pg_catalog.pg_get_object_address(%s, %s::text[], %s::text[]) AS a"
)
_COMMENT = (
    "SELECT description AS text FROM pg_catalog.pg_description"
    " WHERE classoid = %s::oid AND objoid = %s::oid AND objsubid = %s"
)
# COMMENT ON and its object: up to the first IS that stands alone, outside of quotes.
_OBJECT = re.compile(r'(?is)(?:[^"]|"[^"]*")*?(?=(?<![\w$.])is(?![\w$.]))')


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
        if any(_address(session, one, statement.search_path) is None for one in statement.if_exists):
            found[key] = ObjectsThere((), ())
        if not statement.makes:
            continue
        addresses = {made: _address(session, made, statement.search_path) for made in statement.makes}
        there = tuple(made for made, address in addresses.items() if address is not None)
        former = None
        if there and statement.if_there == "replace":
            former = replaced(session, there[0], addresses[there[0]] or {})
        found[key] = ObjectsThere(there, former)
    return found


def replaces_view(session: Session, statement: StatementSpecification) -> bool:
    """Whether it is a CREATE OR REPLACE VIEW of a view that is there, which takes ACCESS EXCLUSIVE on it (13.3.1).

    Raises psycopg2.Error.
    """
    return statement.if_there == "replace" and any(
        made.type == "view" and _address(session, made, statement.search_path) is not None for made in statement.makes
    )


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


def _dropped(session: Session, statement: StatementSpecification) -> Optional[Tuple[str, ...]]:
    """What makes the objects again that a DROP takes away, with their owner, privileges and comment; None: more hangs
    on one of them.
    """
    statements: List[str] = []
    for made in statement.drops:
        address = _address(session, made, statement.search_path)
        if address is None:
            continue
        found = whole(session, made, address)
        if found is None:
            return None
        statements += statements_of(found)
    return tuple(statements)


def _former_comment(session: Session, sql: str, address: Mapping[str, Any]) -> Tuple[str, ...]:
    """The same COMMENT ON, with the text from before."""
    rows = session.rows(_COMMENT, (address["class"], address["object"], address["part"]))
    text = literal(rows[0]["text"]) if rows else raw("NULL")
    begin = _OBJECT.match(sql)
    return (compose("{begin} IS {text}", begin=raw(begin.group().rstrip() if begin else sql), text=text),)
