# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes, queries and promises of a migration: what they are, and what is wrong with them beyond their shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._support import entry as _entry
from .._support.duration import milliseconds
from .._support.name_rules import name_problems, sql_problems, text_problems
from .._support.problem import Mistake, hint, quoted
from .._support.sqltext import is_one_statement

__all__ = ["PLACEHOLDER", "FollowUp", "Probe", "Query", "SampleBy", "evidence_problems"]

#: %(name)s in the SQL of a probe or query; the name is literally a column of its sample.
PLACEHOLDER = re.compile(r"%\(([^()]+)\)s")
#: The first word of a statement, behind comments and parentheses.
_FIRST_WORD = re.compile(r"(?s)(?:\s|\(|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*([A-Za-z]+)")
_READS = ("SELECT", "WITH", "VALUES", "TABLE")
_TRIES = (*_READS, "INSERT", "UPDATE", "DELETE", "MERGE")


@dataclass(frozen=True)
class FollowUp:
    """A question inside a probe's transaction. expect: JMESPath over {rowcount, rows, sqlstate}."""

    sql: str
    expect: str


@dataclass(frozen=True)
class Probe:
    """An operation that must work after the change; it is done and undone.

    params: SQL whose first row gives the values of the placeholders, or None. timeout_ms: None for the lock budget.
    """

    name: str
    sql: str
    expect: str
    params: str | None = None
    follow_up: tuple[FollowUp, ...] = ()
    timeout_ms: int | None = None
    leaves_database: bool = False

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Probe:
        """The probe of a valid entry."""
        return cls(
            name=entry["name"],
            sql=entry["sql"],
            expect=entry["expect"],
            params=entry.get("params"),
            follow_up=tuple(FollowUp(item["sql"], item["expect"]) for item in _entry.items(entry, "follow_up")),
            timeout_ms=milliseconds(entry["timeout"], "timeout") if _entry.given(entry, "timeout") else None,
            leaves_database=bool(entry.get("leaves_database")),
        )


@dataclass(frozen=True)
class SampleBy:
    """Rows of a table are of different owners: a large, a median and a small one are measured with."""

    table: str
    column: str


@dataclass(frozen=True)
class Query:
    """A query of the application whose speed the change is for. on_slow: fail | warn."""

    name: str
    sql: str
    params: str | None = None
    sample_by: SampleBy | None = None
    uses_index: str | None = None
    min_speedup: float | None = None
    on_slow: str = "fail"
    promise: str | None = None
    timeout_ms: int = 5000

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Query:
        """The query of a valid entry."""
        by = entry.get("sample_by")
        return cls(
            name=entry["name"],
            sql=entry["sql"],
            params=entry.get("params"),
            sample_by=SampleBy(by["table"], by["column"]) if by else None,
            uses_index=entry.get("uses_index"),
            min_speedup=entry.get("min_speedup"),
            on_slow=entry.get("on_slow") or "fail",
            promise=entry.get("promise"),
            timeout_ms=milliseconds(entry.get("timeout") or "5s", "timeout"),
        )


def evidence_problems(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with probes, queries and promises; paths from the migration's root."""
    for position, entry in _entry.mappings(data, "probes"):
        for problem in _probe(entry):
            yield problem.below("probes", position)
    for position, entry in _entry.mappings(data, "queries"):
        for problem in _query(entry):
            yield problem.below("queries", position)
    for position, entry in _entry.mappings(data, "promises"):
        for problem in _promise(entry, data):
            yield problem.below("promises", position)


def _probe(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from _statement(entry, "sql", _TRIES, "a probe is one INSERT, UPDATE, DELETE, MERGE or SELECT")
    yield from _statement(entry, "params", _READS, "the values come from one SELECT")
    yield from _without_value(entry, "sql", entry)
    yield from _duration(entry)
    for position, item in _entry.mappings(entry, "follow_up"):
        for problem in (
            *sql_problems(item, "sql"),
            *text_problems(item, "expect"),
            *_statement(item, "sql", _READS, "what follows is asked with one SELECT"),
            *_without_value(item, "sql", entry),
        ):
            yield problem.below("follow_up", position)


def _query(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from text_problems(entry, "promise")
    yield from _statement(entry, "sql", _READS, "only a query that reads is measured")
    yield from _statement(entry, "params", _READS, "the values come from one SELECT")
    by = _entry.mapping(entry, "sample_by")
    for problem in name_problems(by, "table", "column"):
        yield problem.below("sample_by")
    if _entry.given(entry, "params") and by:
        yield Mistake(("sample_by",), 'is there beside "params": the values come from one of them, remove the other')
    elif by:
        column, sql = _entry.text(by, "column"), _entry.text(entry, "sql") or ""
        for name in dict.fromkeys(PLACEHOLDER.findall(sql)):
            if column is not None and name != column:
                yield Mistake(("sql",), f"%({name})s has no value; {hint(name, [column])}")
    else:
        yield from _without_value(entry, "sql", entry)
    yield from _duration(entry)


def _statement(entry: Mapping[str, Any], key: str, words: tuple[str, ...], rule: str) -> Iterator[Mistake]:
    """One statement of the kinds that the place takes: what would end the transaction never gets as far as a server."""
    sql = _entry.text(entry, key)
    if sql is None or not sql.strip() or "\0" in sql:
        return
    if not is_one_statement(sql):
        yield Mistake((key,), f"is more than one statement, or a quote in it is left open; {rule}")
        return
    first = _FIRST_WORD.match(sql)
    if first is None or first.group(1).upper() not in words:
        shown = quoted(first.group(1)) if first else "this"
        yield Mistake((key,), f"begins with {shown}; {rule}")


def _without_value(entry: Mapping[str, Any], key: str, holder: Mapping[str, Any]) -> Iterator[Mistake]:
    if _entry.given(holder, "params"):
        return
    for name in dict.fromkeys(PLACEHOLDER.findall(_entry.text(entry, key) or "")):
        yield Mistake((key,), f'%({name})s has no value; "params" gives it, a query with a column of that name')


def _duration(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    text = _entry.text(entry, "timeout")
    try:
        if text is not None:
            milliseconds(text, "timeout")
    except ValueError as error:
        yield Mistake(("timeout",), str(error).partition(": ")[2])


def _promise(entry: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from text_problems(entry, "claim", "source", "why_not")
    for key in ("probes", "queries"):
        known = [name for _position, one in _entry.mappings(data, key) if (name := _entry.text(one, "name"))]
        for position, name in _entry.texts(entry, key):
            if name not in known:
                advice = hint(name, known) if known else f'the migration has no "{key}"'
                yield Mistake((key, position), f"there is no {quoted(name)} among the migration's {key}; {advice}")
    for position, column in _entry.mappings(entry, "columns"):
        for problem in name_problems(column, "table", "name"):
            yield problem.below("columns", position)
    for key, needed in (("queries", "faster_by"), ("faster_by", "queries"), ("columns", "smaller_by")):
        if _entry.given(entry, key) and not _entry.given(entry, needed):
            yield Mistake((needed,), f'is missing: "{key}" says nothing without it')
    ways = ("probes", "queries", "smaller_by", "waits_at_most", "why_not")
    measured = [key for key in ways if _entry.given(entry, key)]
    if len(measured) > 1:
        yield Mistake((measured[1],), f'is there beside "{measured[0]}": make two promises of it')
    text = _entry.text(entry, "waits_at_most")
    try:
        if text is not None:
            milliseconds(text, "waits_at_most")
    except ValueError as error:
        yield Mistake(("waits_at_most",), str(error).partition(": ")[2])
