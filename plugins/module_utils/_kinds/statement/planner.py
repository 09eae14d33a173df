# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning of statements: run what the journal does not know as done; take back what it does."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from ..._connection.settings import migration_path
from ..._model.catalog import Catalog
from ..._model.data_questions import AnyRow, Place
from ..._model.plan import ACCESS_EXCLUSIVE, ROW_EXCLUSIVE, DataCheck, Lock, Outcome, Problem, Step, Unit
from ..._support.sqltext import closed_line, compose, identifier, identifiers, qualified
from .image import image_of, undo_of, undo_texts
from .keeping import Kept
from .objects import ObjectsThere
from .specification import KIND, Made, StatementSpecification

__all__ = ["plan", "preparation"]

#: How long a statement may run that stops no table: it may hold locks on rows.
_ROWS_MS = 1000
_MOST_SHOWN = 3


def plan(target: StatementSpecification, catalog: Catalog) -> Outcome:
    """The step of one statement. Pure."""
    place = target.place
    image = catalog.find(KIND, place, target.name)
    if not target.present:
        return _taken_back(target, image, catalog)
    around = catalog.statements.get((target.place, target.name), ObjectsThere())
    if image is not None:
        return _done(target, image, around, catalog)
    if around.there and target.if_there == "fail" and not _may_have_gone(target, catalog):
        problem = Problem(
            f"{around.there[0].text} is there already, and the statement would fail: {target.name}; write "
            "IF NOT EXISTS where that is meant, or take the statement out",
            clash=True,
        )
        return Outcome(KIND, place, target.name, "not run", problems=(problem,))
    undo, kept = target.undo, False
    if around.there and target.if_there == "keep":
        undo, kept = (), True
    elif around.there and target.if_there == "replace":
        undo = around.former
    if (target.comments_on or target.if_exists) and around.former is not None:
        undo = around.former
    if target.drops:
        undo = None if around.former is None else (*(target.undo or ()), *around.former)
    problems = _lost(target) if undo is None and target.undo is not None and not target.reason else ()
    keeping = target.keep_rows
    if keeping is not None:
        around_rows = catalog.keeping.get((place, target.name), Kept())
        refused = _lacking(target, keeping.table, around_rows.lacking(keeping), catalog) or around_rows.refusal(
            keeping, target.limit_ms == 0
        )
        problems = (*problems, Problem(f"{target.name}: {refused}")) if refused else problems
        if around_rows.unkept(target.limit_ms == 0):
            undo, keeping = None, None
    path = _path(target)
    sets = [_set_path(path)] if target.search_path is not None else []
    unit = _unit(target, catalog, [*sets, closed_line(target.sql)], target.limit_ms)
    step = Step(
        KIND,
        place,
        target.name,
        "run",
        (replace(unit, keeping=keeping),),
        None,
        summary=_summary(undo, kept, keeping is not None),
        prepares=() if around.there and not _replaces_code(target) else preparation(target),
        after=image_of(target, undo, path, kept),
    )
    return Outcome(KIND, place, target.name, "not run", step, problems)


def _lacking(target: StatementSpecification, written: Tuple[str, str], lacking: str, catalog: Catalog) -> str:
    """What a statement writes to and is not there, where nothing that is run before it could make that."""
    for (kind, table, name), other in catalog.targets.items() if lacking else ():
        if (kind, table, name) == (KIND, target.place, target.name):
            break
        if (kind == KIND and other.mode != ROW_EXCLUSIVE) or (kind == "column" and table == written):
            return ""
    return lacking


def _replaces_code(target: StatementSpecification) -> bool:
    """Whether what it replaces is not locked by that: a function is not, a view is, also for reads (13.3.1)."""
    return target.if_there == "replace" and all(made.type != "view" for made in target.makes)


def _lost(target: StatementSpecification) -> Tuple[Problem, ...]:
    """Said before the change: its rollback could not bring back what is there."""
    if target.drops:
        why = f"more hangs on {target.drops[0].text} than a rollback could bring back"
        if target.drops[0].renamed:
            return (Problem(f"{target.name}: {why}; drop it in a migration of its own, after this one"),)
    else:
        why = (
            f"a rollback could not bring back the {target.makes[0].text} that is there, since other objects depend on "
            "it, or more hangs on it than its owner, privileges and comment"
        )
    accept = "accept that before the statement: -- steady: accept not_reversible because …"
    return (Problem(f"{target.name}: {why}; {accept}"),)


#: What these are made of is there, or made by the run; making them locks nothing that traffic uses.
_PREPARED = frozenset(["type", "table", "function", "procedure", "schema", "sequence", "extension", "view"])
#: CREATE TABLE AS runs its query, and whatever functions are in it.
_QUERY = re.compile(r"(?is)create\s+(unlogged\s+)?table\s.*\bas\s*\(?\s*(select|with|values|table|execute)\b")


def preparation(target: StatementSpecification) -> Tuple[str, ...]:
    """The statement, for the time of the planning, where it only makes something new."""
    if target.locks or not target.makes or target.sql[:6].upper() != "CREATE":
        return ()
    if any(made.type not in _PREPARED for made in target.makes) or _QUERY.match(target.sql):
        return ()
    return (_set_path(_path(target)), closed_line(target.sql))


def _goes_later(target: StatementSpecification, made: Made, catalog: Catalog) -> bool:
    """Whether a later statement of the run drops the object, or gives it another name."""
    name = made.names[-1].rpartition(".")[2].strip('"')
    behind = False
    for (kind, place, other_name), other in catalog.targets.items():
        if kind != KIND:
            continue
        if behind and name in other.sql and (other.sql[:4].upper() == "DROP" or " RENAME " in other.sql.upper()):
            return True
        behind = behind or (place, other_name) == (target.place, target.name)
    return False


def _done(target: StatementSpecification, image: Mapping[str, Any], around: ObjectsThere, catalog: Catalog) -> Outcome:
    place = target.place
    problems: Tuple[Problem, ...] = ()
    if image["text"] != target.sql:
        problems = (
            Problem(
                f"{target.name} was run with another text: {_shown(image['text'])}; a statement runs once: bring the "
                "file back as it was, and write a new migration for the change"
            ),
        )
    else:
        missing = [made for made in target.makes if made not in around.there]
        gone = [made.text for made in missing if not _goes_later(target, made, catalog)]
        if gone:
            problems = (
                Problem(
                    f"{target.name} was run, and {', '.join(gone[:_MOST_SHOWN])} is not there any more; roll the "
                    "deployment back, or make it anew in a migration of its own"
                ),
            )
    return Outcome(KIND, place, target.name, "run", problems=problems)


def _taken_back(target: StatementSpecification, image: Optional[Mapping[str, Any]], catalog: Catalog) -> Outcome:
    place = target.place
    if image is None:
        return Outcome(KIND, place, target.name, "not run")
    if image["undo"] is None:
        why = f": {image['reason']}" if image["reason"] else ""
        problem = Problem(f"{target.name} cannot be undone{why}")
        return Outcome(KIND, place, target.name, "run", problems=(problem,))
    statements = [closed_line(text) for text in undo_of(image)]
    tables = [] if image["with_rows"] or image["kept"] else [made for made in image["makes"] if made["type"] == "table"]
    if statements and image["path"]:
        statements = [_set_path(image["path"]), *(text for made in tables for text in _empty(made)), *statements]
    # Only rows run code of the table's owner; what the statement made may belong to another role.
    unit = _unit(target, catalog, statements, target.limit_ms)
    unit = replace(unit, evaluates=bool(image["rows"]), keeping=target.keep_rows)
    problem = catalog.keeping.get((place, target.name), Kept()).kept_problem
    if problem:
        return Outcome(
            KIND, place, target.name, "run", problems=(Problem(f"{target.name} cannot be undone: {problem}"),)
        )
    step = Step(
        KIND,
        place,
        target.name,
        "undo",
        (unit,),
        dict(image),
        summary="; ".join(undo_texts(image)),
        checks=tuple(_no_rows(target, made, image["path"]) for made in tables if statements),
        asserted="the table has rows by now, which would be lost" if tables else "",
    )
    return Outcome(KIND, place, target.name, "run", step)


def _empty(made: Mapping[str, Any]) -> List[str]:
    """Under the lock: fails with 22P02 where the table has a row, and is nothing else."""
    table = identifier(*made["names"])
    return [
        compose("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", table=table),
        # Of a constant the cast would be made without a row.
        compose("SELECT CAST(CAST(ctid AS pg_catalog.text) AS pg_catalog.int4) FROM {table} LIMIT 1", table=table),
    ]


def _no_rows(target: StatementSpecification, made: Mapping[str, Any], path: Sequence[str]) -> DataCheck:
    names = made["names"]
    table = (names[-2] if len(names) > 1 else (path[0] if path else target.schema), names[-1])
    message = f"{qualified(*table)} has rows by now, which would be lost with the table"
    mends = "delete them, or leave the table with steady_rollback_partial"
    return DataCheck(table, AnyRow(Place(table, True)), message, message, mends)


def _unit(target: StatementSpecification, catalog: Catalog, statements: Sequence[str], limit_ms: Optional[int]) -> Unit:
    """One transaction. Tables that the run itself makes are not there yet, and need no lock beforehand."""
    locks = tuple(Lock(target.mode, name) for name in sorted(set(target.locks) & catalog.lockable))
    if limit_ms is None and (not locks or target.mode == ROW_EXCLUSIVE):
        limit_ms = _ROWS_MS
    return Unit(
        tuple(statements),
        locks,
        guarded=True,
        transaction=True,
        evaluates=bool(locks) and target.mode in (ROW_EXCLUSIVE, ACCESS_EXCLUSIVE),
        as_written=True,
        limit_ms=limit_ms,
    )


def _may_have_gone(target: StatementSpecification, catalog: Catalog) -> bool:
    """Whether an earlier statement of the run may take the object away, or give it another name."""
    earlier: List[str] = []
    for (kind, place, name), other in catalog.targets.items():
        if (kind, place, name) == (KIND, target.place, target.name):
            break
        if kind == KIND:
            earlier.append(other.sql[:5].upper())
    return any(word in ("DROP ", "ALTER") for word in earlier)


def _path(target: StatementSpecification) -> List[str]:
    if target.search_path is not None:
        return [*target.search_path, "pg_temp"]
    return migration_path(target.schema)


def _set_path(path: Sequence[str]) -> str:
    return compose("SET LOCAL search_path TO {names}", names=identifiers(path))


def _summary(undo: Optional[Sequence[str]], kept: bool, rows: bool) -> str:
    if kept:
        return "what it makes is there already, and stays as it is"
    if rows:
        return "as it is written; a rollback brings back its rows"
    return "as it is written" if undo is not None else "as it is written; a rollback cannot take it back"


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
