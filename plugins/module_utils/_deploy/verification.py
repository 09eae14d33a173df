# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the database what its migration says? Read in one snapshot, with nothing hidden by row level security."""

from __future__ import annotations

import re
from typing import Any, Container, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.owners import acting_as, rights_of_statement
from .._connection.rights import their_names
from .._connection.session import Session
from .._connection.target import Server
from .._connection.translation import translate
from .._journal.journal import Journal
from .._migration.migration import Migration, VerificationQuery
from .._migration.reading import open_target, read_migration
from .._model.plan import Outcome
from .._planning.drift import Drift, find_drift
from .._planning.planning import make_plan
from .._planning.row_counts import NotCountable, count_rows, settle
from .._planning.wishes import located, wishes_of
from .._run.options import Options, now
from .._run.results import result_of
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, SteadyError
from .._support.plain import kind_of, plain
from .._support.sqltext import is_one_statement

__all__ = ["add_drift", "look", "read_drift", "verify"]

_ROW_LIMIT = 1000
# count() of rows, or of a column, as EXPLAIN writes it.
_COUNT = re.compile(r"\(?count\((?:\*|(?:DISTINCT )?[\w.\"]+)\)\)?")


def verify(data: Mapping[str, Any], options: Options, with_drift: bool = True) -> Dict[str, Any]:
    """All checks of a migration, with the keys of look(). Raises SteadyError when the database cannot be looked at.

    with_drift: also all that the deployments of the journal left.
    """
    started_at = now()
    address = options.address()
    migration, schema = read_migration(data, address)
    target = options.target(address, "verify")
    session, server = open_target(target, migration, schema)
    try:
        found = look(session, server, migration, schema)
        if with_drift:
            found["verification"] = add_drift(found["verification"], *read_drift(session, server))
    finally:
        session.close()
    return result_of(server, address, "verified", started_at, changed=False, migration_id=migration.id, **found)


def look(session: Session, server: Server, migration: Migration, schema: str) -> Dict[str, List[Dict[str, Any]]]:
    """Check over a session of the caller's. Raises SteadyError.

    verification: [{name, kind (structure | count), status (ok | failed | skipped), detail}]; queries: [{name, expect,
    rows or error}], whose expectations are judged by the caller.
    """
    try:
        before = _counts_before(session, server, migration)
        session.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        checks = _structure(session, server, migration)
        rows, failures = _count(session, schema, migration, before)
        queries = [_ask(session, query) for query in migration.verification.queries]
        session.execute("COMMIT")
        # The counters come last and outside the snapshot: inside it they would stand still.
        verdicts = settle(session, schema, before, rows) if rows else {}
    except psycopg2.Error as error:
        raise translate(error, "The database could not be verified", NOTHING_CHANGED) from None
    counts = [
        {"name": f"rows of {table}", "kind": "count", "status": verdict.status, "detail": verdict.detail}
        for table, verdict in verdicts.items()
    ]
    return {"verification": [*checks, *counts, *failures], "queries": queries}


def read_drift(
    session: Session, server: Server, of: Optional[Container[str]] = None
) -> Tuple[Optional[int], List[Drift], str]:
    """How many objects the journal knows (None: no journal), what is not as it was left, what could not be read.

    of: the ids of the migrations whose objects count; None for all.
    """
    journal = Journal(session, server)
    try:
        state = journal.state()
        if state.problems:
            return 0, [], "; ".join(one.text for one in state.problems)
        if not state.there:
            return None, [], ""
        left = [row for row in journal.last_images() if of is None or row["migration_id"] in of]
        return len(left), find_drift(session, left), ""
    except psycopg2.Error as error:
        return 0, [], translate(error).what
    except SteadyError as error:
        return 0, [], error.what


def add_drift(
    checks: Sequence[Mapping[str, Any]], known: Optional[int], drifted: Sequence[Drift], unreadable: str = ""
) -> List[Dict[str, Any]]:
    """The checks, with what somebody changed since a deployment left it. Pure.

    What the migration names is judged by the migration: there the drift only explains the failure. known: objects in
    the journal; None without one.
    """
    result = [dict(check) for check in checks]
    if unreadable:
        entry = {"name": "what deployments left", "kind": "drift", "status": "skipped"}
        return [*result, {**entry, "detail": f"the journal could not be read: {unreadable}"}]
    if known is None:
        return result
    structure = {check["name"]: check for check in result if check["kind"] == "structure"}
    others = 0
    for drift in drifted:
        name = f"{drift.kind} {drift.table[1]}.{drift.name}"
        images = {"before": drift.before, "after": drift.after}
        whose = f"deployment {drift.deployment_id} ({drift.migration_id})"
        if name not in structure:
            others += 1
            detail = f"it was changed since {whose}"
            result.append({"name": name, "kind": "drift", "status": "failed", "detail": detail, **images})
        elif structure[name]["status"] == "failed":
            structure[name].update(images, detail=f"{structure[name]['detail']}; it was changed since {whose}")
    if not others:
        detail = f"{known - len(drifted)} of {known} objects stand as deployments left them"
        result.append({"name": "what deployments left", "kind": "drift", "status": "ok", "detail": detail})
    return result


def _structure(session: Session, server: Server, migration: Migration) -> List[Dict[str, Any]]:
    """Every object of the migration, by its definition: the plan for what already is must be empty."""
    plan = make_plan(session, server, located(session, wishes_of(migration), migration.id))
    return [_object(outcome) for outcome in plan.outcomes]


def _object(outcome: Outcome) -> Dict[str, Any]:
    ok = outcome.step is None and not outcome.problems
    status = "ok" if ok else "failed"
    details = [outcome.state, *(problem.text for problem in outcome.problems)]
    if outcome.step is not None and not outcome.problems:
        details.append(f"{outcome.step.action} needed")
    if outcome.overtaken and outcome.problems and all(problem.missing for problem in outcome.problems):
        changed = "it was carried out, and later statements of the migration changed what it names"
        status, details = "skipped", [f"{changed}: {outcome.problems[0].text}"]
    return {
        "name": f"{outcome.kind} {outcome.table[1]}.{outcome.name}",
        "kind": "structure",
        "status": status,
        "detail": "; ".join(details),
    }


def _counts_before(session: Session, server: Server, migration: Migration) -> Mapping[str, Mapping[str, Any]]:
    """What the migration's last deployment counted before it changed anything."""
    journal = Journal(session, server)
    if not migration.verification.unchanged_counts or not journal.state().usable:
        return {}
    for row in journal.deployments():
        if row["migration_id"] == migration.id and row["counts_before"] and row["status"] != "rolled_back":
            return dict(row["counts_before"])
    return {}


def _count(session: Session, schema: str, migration: Migration, before: Mapping[str, Any]) -> Any:
    """Row counts of the tables that have something to be compared with, and a word on those that cannot be."""
    rows: Dict[str, int] = {}
    others: List[Dict[str, Any]] = []
    for table in migration.verification.unchanged_counts:
        entry = {"name": f"rows of {table}", "kind": "count"}
        if table not in before:
            others.append({**entry, "status": "skipped", "detail": "no earlier count in the journal to compare with"})
            continue
        try:
            with session.savepoint():
                rows[table] = count_rows(session, schema, table)
        except NotCountable as error:
            others.append({**entry, "status": "skipped", "detail": error.why})
        except psycopg2.Error as error:
            others.append({**entry, "status": "failed", "detail": f"could not be counted: {translate(error).what}"})
    return rows, others


def _ask(session: Session, query: VerificationQuery) -> Dict[str, Any]:
    """One query through a cursor, so that a large answer is never held in memory. counts: columns that are counts."""
    result: Dict[str, Any] = {"name": query.name, "expect": query.expect}
    if not is_one_statement(query.sql):
        return {**result, "error": "this is more than one statement"}
    try:
        with session.savepoint():
            statement = query.sql.rstrip().rstrip(";")
            rights = rights_of_statement(session, statement)
            if rights.problem:
                return {**result, "error": rights.problem}
            with acting_as(session, rights.role), their_names(session):
                session.execute("DECLARE steady_query NO SCROLL CURSOR FOR " + statement)
                rows = session.rows(f"FETCH {_ROW_LIMIT + 1} FROM steady_query")
                session.execute("CLOSE steady_query")
                counts = _counts(session, statement, list(rows[0]) if rows else [])
    except psycopg2.Error as error:
        problem = translate(error)
        return {**result, "error": problem.what + (f" ({problem.why})" if problem.why else "")}
    if len(rows) > _ROW_LIMIT:
        return {**result, "error": f"more than {_ROW_LIMIT} rows: let the query count or limit them"}
    # The expectation is judged by the caller, who needs the values for it.
    hidden = query.expect is None and not session.shows_rows
    answer = [
        {name: kind_of(value) if hidden and name not in counts else plain(value) for name, value in row.items()}
        for row in rows
    ]
    return {**result, "rows": answer, "counts": counts}


def _counts(session: Session, statement: str, columns: Sequence[str]) -> List[str]:
    """Columns that say how many rows there are, and nothing of any row."""
    plan = session.rows("EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) " + statement)[0]["QUERY PLAN"][0]["Plan"]
    return [name for name, text in zip(columns, plan.get("Output", ())) if _COUNT.fullmatch(text)]
