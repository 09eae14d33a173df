# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries, measured: each with its samples, several times, read-only and under a timeout.

What is measured is the server's own "Execution Time", without the clocks around each node, which would slow the slow
plan more than the fast one. The first run of each sample only warms the cache up.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.owners import as_role, rights_of_statement
from .._connection.rights import their_names
from .._connection.session import Session
from .._migration.evidence import Query, SampleBy
from .._support.driver import psycopg2
from .plans import figures, indexes_of
from .probes import PLACE_FAULTS
from .sample import SAMPLES, Fault, Refusal, bound, masked, said, samples_by, samples_of, set_local

__all__ = ["measure"]

_RUNS = 5
# What one sample may take in all; a slow query is run less often, at least once.
_SPENT_S = 2.0
# Up to 8 MB a table is so small that reading all of it may well be the best plan.
_SMALL_PAGES = 1024
_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "

Values = Dict[str, Dict[str, Any]]


def measure(
    session: Session, schema: str, queries: Sequence[Query], lock_ms: int, known: Mapping[str, Values]
) -> List[Dict[str, Any]]:
    """What came of each query. known: the values of an earlier measurement by query, so that both measure the same.

    Each: {name, status (measured | inconclusive | refused), reason, fault, uses_index, index_judged, small, samples};
    a sample: {sample, params, params_masked, figures}. Raises psycopg2.Error where the connection is lost.
    """
    counted: Dict[SampleBy, Values] = {}
    return [
        _measure(session, schema, query, f"queries[{number}]", lock_ms, known.get(query.name), counted)
        for number, query in enumerate(queries)
    ]


def _measure(
    session: Session,
    schema: str,
    query: Query,
    place: str,
    lock_ms: int,
    known: Optional[Values],
    counted: Dict[SampleBy, Values],
) -> Dict[str, Any]:
    """counted: what was found for sample_by so far, since several queries may ask for the same."""
    try:
        try:
            values = known or _values(session, schema, query, place, counted)
        except psycopg2.Error as error:
            return _failed(session, error, f"{place}.{'sample_by' if query.sample_by else 'params'}", {})
        if not values:
            return _result("inconclusive", "there is no row to measure it with: params gave none")
        samples, judged = [], []
        for name in [name for name in SAMPLES if name in values]:
            sql, arguments = bound(query.sql, values[name], f"{place}.sql")
            try:
                found, how = _sample(session, query, sql, arguments, lock_ms)
            except psycopg2.Error as error:
                return _failed(session, error, f"{place}.sql", values[name])
            judged.append(how)
            samples.append(
                {"sample": name, "params": values[name], "params_masked": masked(values[name]), "figures": found}
            )
    except Refusal as refusal:
        return _result("inconclusive", str(refusal))
    except Fault as fault:
        return _result("refused", str(fault), fault=True)
    return {**_result("measured", ""), "samples": samples, **_index_use(session, schema, query, judged)}


def _values(session: Session, schema: str, query: Query, place: str, counted: Dict[SampleBy, Values]) -> Values:
    if query.sample_by is not None:
        if query.sample_by not in counted:
            counted[query.sample_by] = samples_by(session, schema, query.sample_by)
        return counted[query.sample_by]
    if query.params is not None:
        return samples_of(session, query.params, f"{place}.params")
    return {"median": {}}


def _sample(
    session: Session, query: Query, sql: str, arguments: Optional[Mapping[str, Any]], lock_ms: int
) -> Tuple[Dict[str, Any], Optional[str]]:
    """The figures of one sample, and how the index was judged to be used by it. Raises psycopg2.Error."""
    limits = [set_local("statement_timeout", query.timeout_ms), set_local("lock_timeout", lock_ms)]
    session.execute("; ".join(["BEGIN TRANSACTION READ ONLY", *limits]))
    try:
        rights = rights_of_statement(session, sql.rstrip().rstrip(";"), arguments)
        if rights.problem:
            raise Refusal(rights.problem)
        for statement in as_role(rights.role):
            session.execute(statement)
        runs: List[Mapping[str, Any]] = []
        begun = time.monotonic()
        try:
            for number in range(_RUNS + 1):
                explained = _explain(session, _EXPLAIN + sql, arguments)
                # The first one counts where there is no time for another.
                runs = [explained] if number < 2 else [*runs, explained]
                if time.monotonic() - begun > _SPENT_S:
                    break
        except psycopg2.errors.QueryCanceled:
            if session.connection.closed:
                raise
            return _timed_out(query), None
        found = figures(runs, query.uses_index)
        how = None
        if query.uses_index is not None:
            how = "by the plan" if query.uses_index in found["indexes"] else None
            if how is None:
                session.execute("SET LOCAL enable_seqscan TO off")
                plan = _explain(session, "EXPLAIN (FORMAT JSON) " + sql, arguments)["Plan"]
                how = "with enable_seqscan=off" if query.uses_index in indexes_of(plan) else None
        return found, how
    finally:
        if not session.connection.closed:
            session.execute("ROLLBACK")


def _explain(session: Session, text: str, arguments: Optional[Mapping[str, Any]]) -> Mapping[str, Any]:
    with their_names(session), session.asking() as cursor:
        cursor.execute(text, arguments)
        plan: Mapping[str, Any] = cursor.fetchone()[0][0]
        return plan


def _timed_out(query: Query) -> Dict[str, Any]:
    """A run that was cut off took at least that long."""
    return {
        "median_ms": float(query.timeout_ms),
        "planning_ms": None,
        "runs": 0,
        "timed_out": True,
        "buffers_hit": None,
        "buffers_read": None,
        "rows": None,
        "index": None,
        "indexes": [],
        "node": None,
        "plan": None,
    }


def _index_use(session: Session, schema: str, query: Query, judged: Sequence[Optional[str]]) -> Dict[str, Any]:
    """Whether any sample's plan uses the index, how that was found, and whether its table is small."""
    if query.uses_index is None:
        return {"uses_index": None, "index_judged": None, "small": None}
    how = "by the plan" if "by the plan" in judged else next((one for one in judged if one), None)
    size = session.rows(
        "SELECT t.relpages FROM pg_catalog.pg_class i JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid"
        " JOIN pg_catalog.pg_class t ON t.oid = x.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace"
        " WHERE n.nspname = %s AND i.relname = %s",
        (schema, query.uses_index),
    )
    small = bool(size) and size[0]["relpages"] <= _SMALL_PAGES
    return {"uses_index": how is not None, "index_judged": how, "small": small}


def _failed(session: Session, error: Any, place: str, values: Mapping[str, Any]) -> Dict[str, Any]:
    if error.pgcode is None and session.connection.closed:
        raise error
    message = said(error, values)
    if error.pgcode == "25006":
        return _result("refused", f"{place}: only a query that reads is measured: {message}", fault=True)
    return _result(
        "refused" if error.pgcode in PLACE_FAULTS else "inconclusive",
        f"{place}: {message}",
        fault=error.pgcode in PLACE_FAULTS,
    )


def _result(status: str, reason: str, fault: bool = False) -> Dict[str, Any]:
    return {
        "status": status,
        "reason": reason,
        "fault": fault,
        "uses_index": None,
        "index_judged": None,
        "small": None,
        "samples": [],
    }
