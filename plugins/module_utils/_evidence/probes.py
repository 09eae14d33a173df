# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes: the operations that matter, tried on real rows in a transaction that always rolls back.

While a probe runs it holds row locks, and a writer that wants the same rows waits. So the whole transaction, not each
statement, has one short timeout (by default the lock budget), and a probe gives up a lock that it cannot have before
PostgreSQL would look for a deadlock: of two that wait for each other it is always the probe that yields.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.owners import WRITES, acting_as, as_role, rights_of_statement
from .._connection.rights import their_names
from .._connection.session import Session
from .._connection.target import Target
from .._locks.locks import deadlock_timeout_ms
from .._migration.evidence import Probe
from .._planning.row_counts import count_rows
from .._support.driver import psycopg2
from .._support.errors import SteadyError
from .._support.plain import plain
from .reach import Reach, Surroundings, reach
from .sample import Fault, Refusal, bound, first_values, said, set_local
from .surroundings import read_surroundings, written_tables

__all__ = ["PLACE_FAULTS", "run_probes"]

#: SQLSTATEs that the author of the migration mends, not the database: syntax_error, undefined_column,
#: undefined_function, undefined_parameter, undefined_table, ambiguous_column, datatype_mismatch, grouping_error,
#: invalid_column_reference, invalid_transaction_termination (appendix A).
PLACE_FAULTS = ("42601", "42703", "42883", "42P02", "42P01", "42702", "42804", "42803", "42P10", "2D000")
# lock_not_available, deadlock_detected, query_canceled: nothing was learnt, another moment may do.
_UNDECIDED = ("55P03", "40P01", "57014")
_ATTEMPTS = 3
_PAUSE_S = 0.3
_ROW_LIMIT = 10
# Larger tables are not counted before and after: the server's word that the transaction was aborted is proof enough.
_COUNTED_ROWS = 200_000
# Until a session whose other side has stopped is ended by the server, and its locks with it.
_STALLED_MS = 1000


def run_probes(target: Target, schema: str, probes: Sequence[Probe], budget_ms: int) -> List[Dict[str, Any]]:
    """What came of each probe, in a session of their own: {status, reason, rowcount, sqlstate, message, …}.

    status: tried (the expectations decide), inconclusive or refused; fault: whether the migration is to be corrected.
    Raises psycopg2.Error where the connection is lost, and SteadyError should a probe not have been rolled back.
    """
    if not probes:
        return []
    session = target.session(schema)
    try:
        # For what is asked around a probe; in its own transaction it has shorter ones.
        session.execute("SET statement_timeout TO 10000; SET lock_timeout TO 1000")
        around = read_surroundings(session)
        longest_lock_ms = deadlock_timeout_ms(session) // 2
        return [
            _run(session, around, schema, probe, f"probes[{number}]", probe.timeout_ms or budget_ms, longest_lock_ms)
            for number, probe in enumerate(probes)
        ]
    finally:
        session.close()


def _run(
    session: Session,
    around: Surroundings,
    schema: str,
    probe: Probe,
    place: str,
    timeout_ms: int,
    longest_lock_ms: int,
) -> Dict[str, Any]:
    try:
        try:
            values = first_values(session, probe.params, f"{place}.params")
        except psycopg2.Error as error:
            return _unasked(session, error, f"{place}.params", {})
        if values is None:
            return _result("inconclusive", "there is no row to try it on: params gave none")
        sql, arguments = bound(probe.sql, values, f"{place}.sql")
        follow_up = [
            bound(item.sql, values, f"{place}.follow_up[{number}].sql") for number, item in enumerate(probe.follow_up)
        ]
        try:
            found, role = _look_around(session, around, probe, sql, arguments)
        except psycopg2.Error as error:
            return _unasked(session, error, f"{place}.sql", values)
    except Refusal as refusal:
        return _result("inconclusive", str(refusal))
    except Fault as fault:
        return _result("refused", str(fault), fault=True)
    if found.leaving and not probe.leaves_database:
        ways = "; ".join(found.leaving)
        return _result("refused", f"it could leave the database, where no rollback reaches: {ways}", allow=True)
    tables = [around.tables[oid][:2] for oid in found.tables if around.tables[oid][2] in "rp"]
    before = _traces(session, tables)
    outcome: Dict[str, Any] = {}
    lock_ms = min(max(timeout_ms // 2, 1), longest_lock_ms)
    for attempt in range(1, _ATTEMPTS + 1):
        outcome = _attempt(session, sql, arguments, follow_up, timeout_ms, lock_ms, values, role)
        outcome["attempts"] = attempt
        if outcome["sqlstate"] not in _UNDECIDED:
            break
        time.sleep(_PAUSE_S)
    outcome["rolled_back"] = {
        "transaction": _end(session, outcome.pop("transaction_id"), probe),
        **_compared(before, _traces(session, tables)),
    }
    if found.leaving:
        outcome["left_database"] = list(found.leaving)
    return {**outcome, **_verdict(outcome, place, timeout_ms, probe)}


def _verdict(outcome: Mapping[str, Any], place: str, timeout_ms: int, probe: Probe) -> Dict[str, Any]:
    """What can be said without the expectations."""
    state = outcome["sqlstate"]
    if state in _UNDECIDED:
        reason = (
            f"it did not end within {timeout_ms} ms in {outcome['attempts']} attempts; each was cancelled and rolled "
            'back. Whether it works is not known ("timeout" gives it longer, and keeps writers of its rows waiting '
            "as long)"
            if state == "57014"
            else f"its rows were locked by others in {outcome['attempts']} attempts; it gave way each time"
        )
        return {"status": "inconclusive", "reason": reason, "fault": False}
    if state == "42501" and "sqlstate" not in probe.expect:
        reason = f"this role may not try it: {outcome['message']}"
        return {"status": "inconclusive", "reason": reason, "fault": False}
    # Whatever else the author could have got wrong, its plan has shown: it comes out of a trigger or function.
    if state == "2D000":
        return {"status": "refused", "reason": f"{place}.sql: {outcome['message']}", "fault": True}
    for number, answer in enumerate(outcome["follow_up"]):
        if answer["sqlstate"] in PLACE_FAULTS:
            reason = f"{place}.follow_up[{number}].sql: {answer['message']}"
            return {"status": "refused", "reason": reason, "fault": True}
        if answer["sqlstate"] in _UNDECIDED:
            reason = f"its follow-up {number + 1} did not end within {timeout_ms} ms; it was cancelled and rolled back"
            return {"status": "inconclusive", "reason": reason, "fault": False}
    if state is None and not outcome["rowcount"]:
        return {"status": "inconclusive", "reason": "it touched no row, which proves nothing", "fault": False}
    return {"status": "tried", "reason": "", "fault": False}


def _look_around(
    session: Session, around: Surroundings, probe: Probe, sql: str, arguments: Optional[Mapping[str, Any]]
) -> Tuple[Reach, Optional[str]]:
    """What the statement can set off, by its plan, and as which role it is to be tried. Nothing is executed.

    Raises psycopg2.Error and Refusal.
    """
    session.execute("BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout TO 5000; SET LOCAL lock_timeout TO 1000")
    try:
        rights = rights_of_statement(session, sql.rstrip().rstrip(";"), arguments, WRITES)
        if rights.problem:
            raise Refusal(rights.problem)
        with acting_as(session, rights.role), their_names(session), session.asking() as cursor:
            cursor.execute("EXPLAIN (VERBOSE, FORMAT JSON) " + sql, arguments)
            plan = cursor.fetchone()[0]
    finally:
        if not session.connection.closed:
            session.execute("ROLLBACK")
    text = "\n".join([probe.sql, *(item.sql for item in probe.follow_up)])
    return reach(around, written_tables(plan, around), text), rights.role


def _attempt(
    session: Session,
    sql: str,
    arguments: Optional[Mapping[str, Any]],
    follow_up: Sequence[Tuple[str, Optional[Mapping[str, Any]]]],
    timeout_ms: int,
    lock_ms: int,
    values: Mapping[str, Any],
    role: Optional[str],
) -> Dict[str, Any]:
    """Try it once, with the rights of the role, and roll it back. transaction_id: for pg_xact_status()."""
    deadline = time.monotonic() + timeout_ms / 1000.0
    stalled = set_local("idle_in_transaction_session_timeout", max(timeout_ms, _STALLED_MS))
    begun = "; ".join(["BEGIN", set_local("lock_timeout", lock_ms), stalled, *as_role(role)])
    transaction_id = session.one(f"{begun}; SELECT pg_catalog.pg_current_xact_id()::text AS id")["id"]
    try:
        outcome = _statement(session, sql, arguments, deadline, values)
        if outcome["sqlstate"] is None:
            # What was put off to the commit would never be checked, since there is none.
            late = _statement(session, "SET CONSTRAINTS ALL IMMEDIATE", None, deadline, values)
            if late["sqlstate"] is not None:
                outcome.update(sqlstate=late["sqlstate"], message=late["message"], rowcount=None, rows=[])
        answers: List[Dict[str, Any]] = []
        for text, parameters in follow_up if outcome["sqlstate"] is None else ():
            answers.append(_statement(session, text, parameters, deadline, values))
            if answers[-1]["sqlstate"] is not None:
                break
    finally:
        if not session.connection.closed:
            session.execute("ROLLBACK")
    return {**outcome, "follow_up": answers, "transaction_id": transaction_id}


def _statement(
    session: Session, sql: str, arguments: Optional[Mapping[str, Any]], deadline: float, values: Mapping[str, Any]
) -> Dict[str, Any]:
    """One statement with what is left of the time: {rowcount, rows, sqlstate, message, duration_ms}."""
    started = time.monotonic()
    rowcount: Optional[int] = None
    rows: List[Dict[str, Any]] = []
    state: Optional[str] = None
    message: Optional[str] = None
    try:
        session.execute(set_local("statement_timeout", int((deadline - started) * 1000)))
        with their_names(session), session.asking() as cursor:
            cursor.execute(sql, arguments)
            rowcount = max(cursor.rowcount, 0)
            if cursor.description is not None:
                names = [column.name for column in cursor.description]
                rows = [{name: plain(value) for name, value in zip(names, row)} for row in cursor.fetchmany(_ROW_LIMIT)]
    except psycopg2.Error as error:
        if error.pgcode is None or session.connection.closed:
            raise
        state, message = error.pgcode, said(error, values)
    spent = (time.monotonic() - started) * 1000
    return {"rowcount": rowcount, "rows": rows, "sqlstate": state, "message": message, "duration_ms": round(spent, 1)}


def _end(session: Session, transaction_id: str, probe: Probe) -> str:
    """The server's own word on the transaction: aborted. Raises SteadyError should it be another one."""
    question = "SELECT pg_catalog.pg_xact_status(%s::pg_catalog.xid8) AS status"
    status = str(session.one(question, (transaction_id,))["status"])
    if status != "aborted":
        raise SteadyError(
            f'The probe "{probe.name}" was not rolled back: the server says that its transaction is {status}.',
            "something in it ended the transaction",
            f"see what it changed; its statement: {probe.sql.strip()}",
            "no further probe was tried",
        )
    return status


def _traces(session: Session, tables: Sequence[Tuple[str, str]]) -> Dict[str, Dict[str, Any]]:
    """Rows of the tables that are small enough to be counted, and where each sequence stands."""
    counts: Dict[str, Any] = {}
    for schema, name in tables:
        size = session.one(
            "SELECT c.reltuples::float8 AS rows FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
            (schema, name),
        )
        if 0 <= size["rows"] <= _COUNTED_ROWS:
            try:
                counts[name] = count_rows(session, schema, name)
            except psycopg2.Error as error:
                if error.pgcode is None:
                    raise
    sequences = session.rows(
        "SELECT schemaname || '.' || sequencename AS name, last_value FROM pg_catalog.pg_sequences"
        " WHERE last_value IS NOT NULL"
    )
    return {"counts": counts, "sequences": {row["name"]: row["last_value"] for row in sequences}}


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Dict[str, Any]:
    """counts: {table: [before, after]}; sequences: those that moved, which no rollback takes back."""
    return {
        "counts": {
            name: [count, after["counts"][name]] for name, count in before["counts"].items() if name in after["counts"]
        },
        "sequences": [name for name, value in after["sequences"].items() if before["sequences"].get(name) != value],
    }


def _unasked(session: Session, error: Any, place: str, values: Mapping[str, Any]) -> Dict[str, Any]:
    """A sample or a plan that the server did not give."""
    if error.pgcode is None and session.connection.closed:
        raise error
    message = said(error, values)
    if error.pgcode in _UNDECIDED:
        return _result("inconclusive", f"{place}: {message}", error.pgcode)
    if error.pgcode == "42501":
        return _result("inconclusive", f"{place}: this role may not try it: {message}", error.pgcode)
    return _result("refused", f"{place}: {message}{_line(error)}", error.pgcode, fault=True)


def _line(error: Any) -> str:
    """Where in the text of several lines the server stopped reading."""
    position = getattr(error.diag, "statement_position", None)
    query = getattr(error.cursor, "query", None) if error.cursor is not None else None
    if not position or not query:
        return ""
    line = query.decode("utf-8", "replace")[: int(position) - 1].count("\n")
    return f" (line {line + 1})"


def _result(
    status: str, reason: str, sqlstate: Optional[str] = None, fault: bool = False, allow: bool = False
) -> Dict[str, Any]:
    """A probe that was not tried. allow: the migration can say that it shall be tried all the same."""
    advice = '. "leaves_database: true" tries it anyway' if allow else ""
    return {
        "status": status,
        "reason": reason + advice,
        "fault": fault,
        "rowcount": None,
        "rows": [],
        "sqlstate": sqlstate,
        "message": None,
        "duration_ms": None,
        "follow_up": [],
        "attempts": 0,
        "rolled_back": None,
    }
