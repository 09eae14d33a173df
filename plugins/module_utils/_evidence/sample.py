# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that a probe or a query is tried with: sampled from real rows, never printed."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from .._connection.owners import acting_as, rights_of_statement
from .._connection.rights import their_names
from .._connection.session import Session
from .._connection.translation import said as server_said
from .._migration.evidence import PLACEHOLDER, SampleBy
from .._support.plain import kind_of
from .._support.sqltext import compose, identifier, literal, raw

__all__ = [
    "SAMPLES",
    "Fault",
    "Refusal",
    "bound",
    "first_values",
    "masked",
    "said",
    "samples_by",
    "samples_of",
    "set_local",
]

#: What the rows of params may call themselves, and the order in which they are measured.
SAMPLES = ("large", "median", "small")
_PATIENCE_MS = 10_000
# Of a larger table so many rows are counted, in blocks taken here and there.
_COUNTED_ROWS = 2_000_000


class Fault(Exception):
    """What the author of the migration has to mend: the message begins with the place in the file."""


class Refusal(Exception):
    """Why a text of the migration must not be run with the rights of this role."""


def bound(sql: str, values: Mapping[str, Any], place: str) -> Tuple[str, Optional[Dict[str, Any]]]:
    """The statement and its parameters for a cursor: only %(name)s stands for a value, any other % for itself."""
    named = list(dict.fromkeys(PLACEHOLDER.findall(sql)))
    if not named:
        return sql, None
    missing = [name for name in named if name not in values]
    if missing:
        there = ", ".join(values) or "none"
        raise Fault(f"{place}: %({missing[0]})s has no value; params gives: {there}")
    parts, end = [], 0
    for found in PLACEHOLDER.finditer(sql):
        parts += [sql[end : found.start()].replace("%", "%%"), f"%(p{named.index(found.group(1))})s"]
        end = found.end()
    parts.append(sql[end:].replace("%", "%%"))
    return "".join(parts), {f"p{number}": values[name] for number, name in enumerate(named)}


def masked(values: Mapping[str, Any]) -> Dict[str, str]:
    """What may be said about the values in results and reports: they are the application's data."""
    return {name: kind_of(value) for name, value in values.items()}


def first_values(session: Session, params: Optional[str], place: str) -> Optional[Dict[str, Any]]:
    """The first row of params; None when there is none. Raises psycopg2.Error and Fault."""
    if params is None:
        return {}
    rows = _rows(session, params, 1)
    return _values(rows[0]) if rows else None


def samples_of(session: Session, params: str, place: str) -> Dict[str, Dict[str, Any]]:
    """Values by sample; a row without the column sample is the only one. Raises psycopg2.Error and Fault."""
    rows = _rows(session, params, len(SAMPLES))
    if rows and "sample" not in rows[0]:
        return {"median": _values(rows[0])}
    found: Dict[str, Dict[str, Any]] = {}
    for row in rows:
        name = row.pop("sample")
        if name not in SAMPLES:
            raise Fault(f"{place}: the column sample says {name!r}; it says large, median or small")
        found.setdefault(name, _values(row))
    return {name: found[name] for name in SAMPLES if name in found}


def samples_by(session: Session, schema: str, by: SampleBy) -> Dict[str, Dict[str, Any]]:
    """The column's value that most rows have, one that few have, and one in between. Raises psycopg2.Error."""
    size = session.rows(
        "SELECT c.reltuples::float8 AS rows, c.relkind::text AS kind FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        (schema, by.table),
    )
    part = ""
    if size and size[0]["kind"] in ("r", "p") and size[0]["rows"] > _COUNTED_ROWS:
        part = f"TABLESAMPLE SYSTEM ({100.0 * _COUNTED_ROWS / size[0]['rows']:.4f}) REPEATABLE (1)"
    question = compose(
        "SELECT CASE place WHEN 1 THEN 'large' WHEN count THEN 'small' ELSE 'median' END AS sample, value"
        " FROM (SELECT {column} AS value, row_number() OVER (ORDER BY pg_catalog.count(*) DESC, {column}) AS place,"
        " pg_catalog.count(*) OVER () AS count FROM {table} {part} WHERE {column} IS NOT NULL GROUP BY {column}) AS t"
        " WHERE place IN (1, (count + 1) / 2, count) ORDER BY place",
        column=identifier(by.column),
        table=identifier(schema, by.table),
        part=raw(part),
    )
    # The column may have any name, "sample" too.
    return {row["sample"]: {by.column: row["value"]} for row in _rows(session, question, len(SAMPLES))}


def _rows(session: Session, question: str, limit: int) -> List[Dict[str, Any]]:
    """The first rows, read-only, through a cursor: a question without LIMIT is never held in memory.

    Values are as JSON has them, so that the journal gives back the same: texts are constants of unknown type to the
    server, and mean to it what it wrote.
    """
    session.execute(
        f"BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout TO {_PATIENCE_MS}; SET LOCAL lock_timeout TO 1000"
    )
    try:
        statement = question.rstrip().rstrip(";")
        rights = rights_of_statement(session, statement)
        if rights.problem:
            raise Refusal(rights.problem)
        with acting_as(session, rights.role), their_names(session):
            session.execute("DECLARE steady_sample NO SCROLL CURSOR FOR " + statement)
            return session.samples(f"FETCH {limit} FROM steady_sample")
    finally:
        if not session.connection.closed:
            session.execute("ROLLBACK")


def _values(row: Mapping[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in row.items() if name != "sample"}


def set_local(name: str, milliseconds: int) -> str:
    """SET LOCAL of a timeout, as a statement."""
    return compose("SET LOCAL {name} TO {value}", name=identifier(name), value=literal(f"{max(1, milliseconds)}ms"))


def said(error: Any, values: Mapping[str, Any]) -> str:
    """The server's own sentence without the values: they are the application's data."""
    message = server_said(error)[0]
    for value in values.values():
        if isinstance(value, str) and len(value) > 2:
            message = message.replace(value, "…")
    return message
