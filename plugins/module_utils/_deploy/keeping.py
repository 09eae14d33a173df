# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping the rows that a statement writes, and bringing them back: composed at its turn, by the catalog of then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Tuple

from .._connection.owners import as_role
from .._connection.session import Session
from .._model.kept_rows import SCHEMA, Keeping, read_rows, read_store, refusal, why_not
from .._model.kept_rows_sql import bring_back, drop_empty, keep
from .._model.plan import Step, Unit
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, SteadyError
from .._support.size import size_text
from .._support.sqltext import compose, identifiers, qualified, raw

__all__ = ["bringing_back", "keeping_rows", "kept_after"]


def keeping_rows(
    session: Session, unit: Unit, keeping: Keeping, role: Optional[str], name: str
) -> Tuple[Unit, Dict[str, Any]]:
    """The unit with what keeps its rows in the table of this name, and what its image has of that.

    Where they cannot be kept, and somebody has accepted that, it is run as it is. Raises SteadyError, psycopg2.Error.
    """
    rows, store, endless = read_rows(session, keeping), read_store(session), unit.limit_ms == 0
    refused = refusal(keeping, rows, store, endless)
    if refused:
        raise SteadyError(refused, "", "", "it was not run")
    if rows is None or why_not(rows, store, endless):
        statements = [*as_role(role), *unit.statements]
        return replace(unit, statements=tuple(statements)), {"undo": None, "kept_rows": None}
    *settings, sql = unit.statements
    statements = keep(keeping, rows, store, name, role, settings, sql)
    image = {
        "name": name,
        "command": keeping.verb,
        "schema": keeping.table[0],
        "table": keeping.table[1],
        "columns": list(keeping.columns),
        "key": list(rows.key),
    }
    return replace(unit, statements=tuple(statements)), {"kept_rows": image}


def bringing_back(session: Session, unit: Unit, keeping: Keeping, role: Optional[str]) -> Unit:
    """The unit that brings back the rows that were kept. Raises SteadyError, psycopg2.Error."""
    rows = read_rows(session, keeping)
    problem = f"there is no table {keeping.name}" if rows is None else rows.problem
    if rows is not None and rows.gone:
        problem = f"{keeping.name} has no column {', '.join(rows.gone)}"
    if rows is None or problem:
        kept = qualified(SCHEMA, keeping.kept)
        raise SteadyError(
            f"its rows cannot be brought back: {problem}.",
            "the table is not as it was when the statement was run",
            f"bring the table back first, or read the rows in {kept}",
            NOTHING_CHANGED,
        )
    path = [compose("SET LOCAL search_path TO {names}", names=identifiers(keeping.path))] if keeping.path else []
    return replace(unit, statements=(*bring_back(keeping, rows, role, path), *drop_empty(keeping.kept)))


def kept_after(session: Session, step: Step, mark: Callable[[Step], List[str]]) -> List[str]:
    """What is worth knowing of the rows that a step has kept, or has not brought back.

    Where it has written no row, nothing is kept. mark: the statements that write a step's image down.
    """
    keeping = next((unit.keeping for unit in step.units if unit.keeping is not None), None)
    image = (step.after or {}).get("kept_rows")
    name = keeping.kept or (image["name"] if image else "") if keeping is not None else ""
    if keeping is None or not name:
        return []
    try:
        found = _kept(session, name)
        if found is None:
            return []
        if keeping.kept:
            return [_left(keeping, name, *found)]
        if found[0]:
            return [_stored(keeping, name, *found)]
        nothing = replace(step, after={**(step.after or {}), "kept_rows": None})
        session.execute("; ".join(["BEGIN", *drop_empty(name), *mark(nothing), "COMMIT"]))
    except psycopg2.Error:
        # It is no reason to fail what is done: the rollback can do with an empty table.
        if not session.connection.closed:
            session.execute("ROLLBACK")
    return []


def _kept(session: Session, name: str) -> Optional[Tuple[int, int]]:
    """How many rows a table in steady_kept has, and its size; None where it is gone."""
    table = qualified(SCHEMA, name)
    if session.one("SELECT pg_catalog.to_regclass(%s) IS NULL AS gone", (table,))["gone"]:
        return None
    query = compose(
        "SELECT pg_catalog.count(*) AS number, pg_catalog.pg_total_relation_size(%s::regclass) AS size FROM {table}",
        table=raw(table),
    )
    row = session.one(query, (table,))
    return row["number"], row["size"]


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _stored(keeping: Keeping, name: str, number: int, size: int) -> str:
    return (
        f"{_rows(number)} of {keeping.name} that {keeping.verb} wrote: what a rollback needs is kept in "
        f"{qualified(SCHEMA, name)} ({size_text(size)}); drop that table when no rollback is wanted any more"
    )


def _left(keeping: Keeping, name: str, number: int, _size: int) -> str:
    return (
        f"{_rows(number)} of {keeping.name} did not come back, since they were changed after {keeping.verb}: they stay "
        f"as they are, and what was kept of them is in {qualified(SCHEMA, name)}; compare, then drop that table"
    )
