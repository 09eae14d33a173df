# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wishes to a plan: read the catalog once, let the planners decide, ask the data what must be asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .._connection.owners import acting_as, event_trigger_problems, rights_for
from .._connection.rights import explained, their_names
from .._connection.session import Session
from .._connection.target import Server
from .._connection.translation import translate
from .._journal.done import read_done
from .._kinds.kind import Images
from .._kinds.registry import KINDS
from .._model.catalog import Catalog, Table, TableName, partitions_below, read_relations, read_tables
from .._model.data_questions import Orphans, ask
from .._model.elsewhere import elsewhere
from .._model.missing import read_missing
from .._model.new_columns import selected
from .._model.plan import DataCheck, Outcome, Plan, Problem, Step
from .._model.tables import schema_problems
from .._model.unit_rights import rights_of_unit
from .._support.driver import extensions, psycopg2
from .._support.errors import NOTHING_CHANGED, Refused
from .._support.name_rules import LONGEST_NAME
from .._support.sqltext import collations_in, compose, enclosed, identifier, is_one_expression, qualified, raw
from .prepared import prepared
from .wishes import Wish

__all__ = [
    "answers_of",
    "ask_data",
    "make_plan",
    "plan_of",
    "read_catalog",
    "refuse_problems",
    "settled",
    "trigger_problems",
    "with_targets",
    "without_overtaken",
]

_UNDEFINED_COLUMN = "42703"
# 55000: a materialized view that has no rows yet (WITH NO DATA).
_NOT_THERE_YET = (_UNDEFINED_COLUMN, "42P01", "42704", "55000")


def make_plan(session: Session, server: Server, wishes: Sequence[Wish]) -> Plan:
    """The plan that leads from what is there to the wishes, in their order. Nothing is written, no lock is kept.

    Raises DatabaseProblem when the catalog cannot be read.
    """
    try:
        catalog, errors = read_catalog(session, server, wishes)
    except psycopg2.Error as error:
        raise translate(error, "The catalog could not be read", NOTHING_CHANGED) from None
    plan = plan_of(with_targets(catalog, wishes), errors, wishes)
    return replace(plan, problems=(*plan.problems, *trigger_problems(session)))


def trigger_problems(session: Session) -> List[Problem]:
    """Event triggers that our statements would set off, and must not. Raises psycopg2.Error."""
    return [Problem(text) for text in event_trigger_problems(session)]


def settled(session: Session, step: Step, server: Server, wishes: Sequence[Wish], plan: Plan) -> bool:
    """Whether the wish that a step of the plan comes from is fulfilled: nothing would be planned for it any more.

    A helper's own name says nothing: its step makes what the end of a rollback takes away. Raises SteadyError.
    """
    keys = {(one.kind, *one.table, one.name) for one in plan.outcomes if step in one.steps}
    own = [wish for wish in wishes if wish.key in keys]
    return bool(own) and all(not one.steps and not one.problems for one in make_plan(session, server, own).outcomes)


def with_targets(catalog: Catalog, wishes: Sequence[Wish]) -> Catalog:
    """The catalog, with what the same run is about."""
    turns = _turns(catalog, wishes)
    return replace(
        catalog,
        targets={
            _key(wish): wish.kind.placed(wish.target, catalog) for wish, turn in zip(wishes, turns) if turn == _NOW
        },
    )


_NOW, _LATER, _OVER = "now", "planned at its turn", "changed again by a later statement"


def _turns(catalog: Catalog, wishes: Sequence[Wish]) -> List[str]:
    """When each wish is planned. Of an object that a migration has several times, with statements in between: the first
    one now and the others once these were run; those before a statement that was run are over.
    """
    pending = [
        number
        for number, wish in enumerate(wishes)
        if wish.kind.of_journal and catalog.find(wish.key[0], _key(wish)[1], wish.key[3]) is None
    ]
    turns = [_NOW] * len(wishes)
    places: Dict[Tuple[str, TableName, str], List[int]] = {}
    for number, wish in enumerate(wishes):
        places.setdefault(_key(wish), []).append(number)
    for numbers in places.values():
        over = [one for one, other in zip(numbers, numbers[1:]) if not any(one < number < other for number in pending)]
        left = [number for number in numbers if number not in over]
        turns = [_OVER if n in over else _LATER if n in left[1:] else turn for n, turn in enumerate(turns)]
    return turns


def _key(wish: Wish) -> Tuple[str, TableName, str]:
    return (wish.kind.name, (wish.target.schema, wish.target.table), wish.target.name)


def plan_of(catalog: Catalog, errors: Mapping[Tuple[TableName, str], str], wishes: Sequence[Wish]) -> Plan:
    """The plan by what read_catalog gave, with its targets: pure. Each planner sees what the ones before it leave."""
    outcomes: List[Outcome] = []
    for wish, turn in zip(wishes, _turns(catalog, wishes)):
        if turn != _NOW:
            outcomes.append(Outcome(*_key(wish), turn, deferred=turn == _LATER))
            continue
        target = catalog.targets.get(_key(wish), wish.target)
        outcome = wish.kind.plan(target, catalog)
        named = not wish.kind.of_journal
        if named and len(wish.target.name.encode(catalog.encoding, "surrogateescape")) > LONGEST_NAME:
            outcome = replace(outcome, problems=(*outcome.problems, _too_long(outcome)))
        closed = schema_problems(catalog, wish.kind.tables(wish.target))
        if closed:
            outcome = replace(outcome, problems=(*outcome.problems, *closed))
        found = [
            errors[(table, text)]
            for table in wish.kind.tables(wish.target)
            for text in wish.kind.expressions(wish.target)
            if (table, text) in errors
        ]
        if found:
            problems = [Problem(f'{outcome.kind} "{outcome.name}": {message}', missing=True) for message in found]
            outcome = replace(outcome, step=None, further=(), problems=(*outcome.problems, *problems))
        outcomes.append(_sourced(outcome, wish.source))
        catalog = wish.kind.after(target, outcome, catalog)
    outcomes = _deferred(_overtaken(outcomes, catalog), wishes)
    return Plan(tuple(_without_clashes(outcomes)), tuple(Problem(text) for text in catalog.refused))


def _deferred(outcomes: Sequence[Outcome], wishes: Sequence[Wish]) -> List[Outcome]:
    """The outcomes; those that a statement before them may change are planned once more at their turn.

    What only misses something then has no steps yet. Of the data nothing is asked that such a statement writes.
    """
    found: List[Outcome] = []
    pending, unknown = False, False
    altered: Set[TableName] = set()
    written: Set[TableName] = set()
    for one, wish in zip(outcomes, wishes):
        own = {name for name in wish.kind.tables(wish.target) if name[1]}  # DROP INDEX names no table
        if wish.kind.of_journal:
            if any(not step.prepares for step in one.steps):
                pending = True
                unknown = unknown or (not own and wish.kind.writes_rows(wish.target))
                altered |= own
                written |= own if wish.kind.writes_rows(wish.target) else set()
        elif pending and one.problems and all(problem.missing for problem in one.problems):
            why = one.problems[0].text.partition("; ")[0]
            note = f"{one.kind} {one.object} is planned once the statements before it were run: {why}"
            one = replace(one, step=None, further=(), problems=(), notes=(*one.notes, note), deferred=True)
        elif unknown or own & altered or (pending and not own):
            # That there is nothing to do, or something against it, may be so before that statement alone.
            one = replace(one, problems=(), deferred=True, asked_later=unknown or bool(own & written))
        pending = pending or one.deferred
        found.append(one)
    return found


def _overtaken(outcomes: Sequence[Outcome], catalog: Catalog) -> List[Outcome]:
    """The outcomes; those before the last statement that was run are marked. A rollback's are in another order."""
    done = [
        number
        for number, one in enumerate(outcomes)
        if KINDS[one.kind].of_journal and not one.steps and catalog.find(one.kind, one.table, one.name) is not None
    ]
    last = done[-1] if done else -1
    return [replace(one, overtaken=number < last) for number, one in enumerate(outcomes)]


def without_overtaken(plan: Plan) -> Plan:
    """The plan without what later statements of the migration show to be carried out: it is not done a second time."""
    return replace(plan, outcomes=tuple(_left_alone(outcome) for outcome in plan.outcomes))


def _left_alone(outcome: Outcome) -> Outcome:
    if not outcome.overtaken or KINDS[outcome.kind].of_journal or not (outcome.steps or outcome.problems):
        return outcome
    note = (
        f"{outcome.kind} {outcome.object} was carried out, since statements behind it were run, and is not as the "
        "migration says any more; it is left as it is"
    )
    return replace(outcome, step=None, further=(), problems=(), notes=(*outcome.notes, note))


def _sourced(outcome: Outcome, source: str) -> Outcome:
    """The outcome, with file and line of its statement in its steps and before its problems."""
    if not source:
        return outcome
    return replace(
        outcome,
        step=replace(outcome.step, source=source) if outcome.step is not None else None,
        further=tuple(replace(step, source=source) for step in outcome.further),
        problems=tuple(_placed(problem, source) for problem in outcome.problems),
    )


def _placed(problem: Problem, source: str) -> Problem:
    return replace(problem, text=f"{source}: {problem.text}") if source else problem


def _too_long(outcome: Outcome) -> Problem:
    return Problem(
        f'the name "{outcome.name}" is longer than {LONGEST_NAME} bytes in the encoding of this database, and '
        "PostgreSQL would cut it: choose a shorter name"
    )


def _without_clashes(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Two wishes that would make one name twice: of names that are derived, nobody has seen it before."""
    makers: Dict[Tuple[str, str], Outcome] = {}
    for outcome in outcomes:
        clashes = []
        for step in outcome.steps:
            if not KINDS[step.kind].of_schema or step.before is not None or step.action != "create":
                continue
            maker = makers.setdefault((step.table[0], step.name), outcome)
            if maker is not outcome:
                clashes.append(
                    Problem(
                        f'{outcome.kind} "{outcome.name}" and {maker.kind} "{maker.name}" would both make the '
                        f'{step.kind} "{step.name}" in schema "{step.table[0]}"; give one of them another name'
                    )
                )
        yield replace(outcome, problems=(*outcome.problems, *clashes)) if clashes else outcome


def ask_data(session: Session, plan: Plan) -> Plan:
    """The plan with the rows that would make a step fail (orphans, duplicates, NULLs) among its problems."""
    outcomes = []
    for outcome in plan.outcomes:
        closed = outcome.asked_later or any(problem.closed for problem in outcome.problems)
        if outcome.steps and not closed and all(problem.permission for problem in outcome.problems):
            found = answers_of(session, [check for step in outcome.steps for check in step.checks])
            found += _unowned(session, outcome.steps)
            found = [_placed(problem, outcome.steps[0].source) for problem in found]
            outcome = replace(outcome, problems=(*outcome.problems, *found))
        outcomes.append(outcome)
    return replace(plan, outcomes=tuple(outcomes))


def read_catalog(
    session: Session, server: Server, wishes: Sequence[Wish]
) -> Tuple[Catalog, Dict[Tuple[TableName, str], str]]:
    """The catalog around the wishes, and the SQL texts of the migration that the server does not understand.

    Raises psycopg2.Error.
    """
    there = Catalog(server.version, server.role)
    for kind in (kind for kind in KINDS.values() if kind.of_journal):
        own = [wish for wish in wishes if wish.kind is kind]
        kept = read_done(session, kind.name, {wish.key[1:3] for wish in own})
        there = replace(there, images={**there.images, kind.name: kept})
        there = kind.facts(session, there, [wish.target for wish in own])
    with prepared(session, wishes, there) as refused:
        catalog, errors = _read_catalog(session, wishes, there)
    return replace(catalog, refused=tuple(refused)), errors


def _read_catalog(
    session: Session, wishes: Sequence[Wish], there: Catalog
) -> Tuple[Catalog, Dict[Tuple[TableName, str], str]]:
    """The rest of it. there: with what stands in the journal alone."""
    names = {name for wish in wishes for name in wish.kind.tables(wish.target)}
    tables = read_tables(session, names)
    read = {kind.name: kind.read(session, tables) for kind in KINDS.values() if not kind.of_journal}
    images = {**there.images, **read}
    further = {name for kind in KINDS.values() for name in kind.further_tables(images[kind.name])} - set(tables)
    tables = {**tables, **read_tables(session, further)}
    relations = read_relations(
        session, {name for wish in wishes for name in wish.kind.relation_names(wish.target, tables)}
    )
    canonical, errors = _canonical_expressions(session, tables, images, wishes)
    missing = sorted(name for name in names if name not in tables)
    nearby, instead = read_missing(session, missing)
    catalog = replace(
        there,
        tables=tables,
        relations=relations,
        images=images,
        expressions=canonical,
        nearby=nearby,
        instead=instead,
        **_of_database(session),
    )
    # Of an object that comes several times, only what is planned now is asked about.
    now = [wish for wish, turn in zip(wishes, _turns(catalog, wishes)) if turn == _NOW]
    for kind in (kind for kind in KINDS.values() if not kind.of_journal):
        catalog = kind.facts(session, catalog, [wish.target for wish in now if wish.kind is kind])
    return catalog, errors


def _of_database(session: Session) -> Dict[str, Any]:
    """The database's own tablespace, and how Python calls its encoding.

    A database in SQL_ASCII has whatever it was sent: UTF-8, by us.
    """
    found: Dict[str, Any] = {}
    for row in session.rows(
        "SELECT t.spcname::text AS tablespace, pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding"
        " FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace"
        " WHERE d.datname = pg_catalog.current_database()"
    ):
        codec = "utf-8" if row["encoding"] == "SQL_ASCII" else extensions.encodings.get(row["encoding"], "utf-8")
        found = {"tablespace": row["tablespace"], "encoding": codec}
    return found


def _canonical_expressions(
    session: Session,
    tables: Mapping[TableName, Table],
    images: Mapping[str, Images],
    wishes: Sequence[Wish],
) -> Tuple[Dict[Tuple[TableName, str], str], Dict[Tuple[TableName, str], str]]:
    """SQL texts of the migration and of the catalog in the form that the server itself gives them.

    EXPLAIN VERBOSE prints an expression after parsing and simplification, executes nothing and needs only SELECT.
    Both sides go through it, so that two texts are compared as the server understands them.
    """
    texts: Dict[TableName, List[str]] = {}
    for wish in wishes:
        for table in wish.kind.tables(wish.target):
            texts.setdefault(table, []).extend(wish.kind.expressions(wish.target))
    new = _new_columns(tables, wishes)
    canonical: Dict[Tuple[TableName, str], str] = {}
    errors: Dict[Tuple[TableName, str], str] = {}
    for table, wanted in texts.items():
        if not wanted or table not in tables or tables[table].kind not in "rp":
            continue
        if not (tables[table].may_select and tables[table].may_use_schema):
            continue
        # What stands on partitions is compared with what is wanted of the whole.
        there = {
            text
            for name in (table, *partitions_below(tables, table))
            for kind in KINDS.values()
            for image in images[kind.name].get(name, ())
            for text in kind.compared(image)
        }
        # Functions of constants that are IMMUTABLE are run all the same, also those of the table's indexes.
        rights = rights_for(session, [table])
        if rights.problem:
            errors.update({(table, text): rights.problem for text in wanted})
            continue
        # What row level security hides does not matter here: no row is read.
        session.execute("SET row_security TO on")
        for text in sorted({*wanted, *there}):
            if text in wanted and not is_one_expression(text):
                errors[(table, text)] = f"this is more than one SQL expression: {text}; write one"
                continue
            try:
                form = _server_form(session, rights.role, table, text, new.get(table, {}), text not in wanted)
            except psycopg2.Error as error:
                if text in wanted:
                    problem = translate(error, of_no_rows=True)
                    said = f"{problem.what} Why: {problem.why}" if problem.why else problem.what
                    todo = elsewhere(session, error, table) or "; correct the expression in the migration"
                    errors[(table, text)] = f"{said} in: {text}".replace("\n", " ") + todo
                continue
            if form is None:
                errors[(table, text)] = f"this is more than one SQL expression: {text}; write one"
                continue
            canonical[(table, text)] = form
        session.execute("SET row_security TO off")
    return canonical, errors


def _new_columns(tables: Mapping[TableName, Table], wishes: Sequence[Wish]) -> Dict[TableName, Dict[str, str]]:
    """The columns that the run adds, by table, each with the SQL text of its type."""
    found: Dict[TableName, Dict[str, str]] = {}
    for wish in wishes:
        for table in wish.kind.tables(wish.target):
            there = tables[table].columns if table in tables else {}
            new = wish.kind.new_columns(wish.target)
            found.setdefault(table, {}).update({name: text for name, text in new.items() if name not in there})
    return found


def _server_form(
    session: Session, role: Optional[str], table: TableName, text: str, new: Mapping[str, str], stored: bool
) -> Optional[str]:
    """The server's form of an SQL text; None where it is more than one expression. Raises psycopg2.Error.

    new: columns that the run adds to the table; what names one of them stands nowhere yet, and is only tried.
    stored: the text is the catalog's.
    """
    try:
        return _form_of(session, role, text, selected(raw(enclosed(text)), table, {}), stored)
    except psycopg2.Error as error:
        if error.pgcode != _UNDEFINED_COLUMN or not new:
            raise
    return _form_of(session, role, text, selected(raw(enclosed(text)), table, new), stored)


def _form_of(session: Session, role: Optional[str], text: str, query: str, stored: bool) -> Optional[str]:
    with session.savepoint(), acting_as(session, role), their_names(session):
        rows = explained(session, query, stored)
        collations = _collations(session, text)
    if "QUERY PLAN" not in rows[0]:
        return None
    output = rows[0]["QUERY PLAN"][0]["Plan"].get("Output", [text])
    return _form(text, output[0]) + collations


def _form(text: str, output: str) -> str:
    """The server's form of a text. A constant says nothing about the text behind it (x = x): but for spaces and
    parentheses the texts are compared then.
    """
    if output not in ("true", "false", "NULL::boolean"):
        return output
    return text if text == output else re.sub(r"[\s()]+", "", text)


def _collations(session: Session, text: str) -> str:
    """The collations that a text names, which EXPLAIN leaves out of an expression."""
    names = sorted(set(collations_in(text)))
    if not names:
        return ""
    row = session.one(
        "SELECT pg_catalog.array_agg(DISTINCT pg_catalog.to_regcollation(s.name)::pg_catalog.text) AS names"
        " FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS s(name)",
        (names,),
    )
    return " COLLATE " + ", ".join(sorted(str(name) for name in row["names"]))


def answers_of(session: Session, checks: Iterable[DataCheck]) -> List[Problem]:
    """What the data says against a step: the number of rows, and the keys of the first ten or what shows them."""
    problems = []
    for check in checks:
        rights = rights_for(session, check.reads)
        if rights.problem:
            problems.append(Problem(rights.problem, permission=True))
            continue
        try:
            refusal = check.question.refusal(session) if isinstance(check.question, Orphans) else None
            if refusal is not None:
                ends = f"{qualified(*check.table)} to {qualified(*check.question.parent.table)}"
                problems.append(Problem(f"{refusal}, from {ends}; give both columns one type"))
                continue
            answer = ask(session, check.question, rights.role)
        except psycopg2.Error as error:
            if getattr(error, "pgcode", None) in _NOT_THERE_YET:
                continue  # a column, a table, a type or rows that the same run adds: the step itself finds out
            if getattr(error, "pgcode", None) != "42501":
                raise translate(
                    error, f"The rows of {qualified(*check.table)} could not be checked", NOTHING_CHANGED
                ) from None
            problems += _unreadable(session, check, translate(error).what)
            continue
        if answer is not None:
            problems.append(Problem(answer.after(check.message(answer.total), check.mends)))
    return problems


def _unowned(session: Session, steps: Iterable[Step]) -> List[Problem]:
    """What no owner of the tables can run, and nobody else should."""
    units = [unit for step in steps for unit in step.units if unit.evaluates]
    texts = [rights_of_unit(session, unit).problem for unit in units]
    return [Problem(text, permission=True) for text in dict.fromkeys(texts) if text]


def _unreadable(session: Session, check: DataCheck, said: str) -> List[Problem]:
    """What the role needs for a check of the data, with the GRANT that gives it."""
    role = session.one("SELECT current_user::text AS role")["role"]
    missing = [
        table
        for table in check.reads
        if not session.one(
            "SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
            table,
        )["may"]
    ]
    grants = [compose("GRANT SELECT ON {t} TO {r}", t=identifier(*table), r=identifier(role)) for table in missing]
    todo = "; ".join(grants) or "connect as a role with BYPASSRLS, or as the owner of a table without FORCE"
    return [Problem(f"permission denied: the rows cannot be checked: {said}; {todo}", permission=True)]


def refuse_problems(plan: Plan, permissions_too: bool) -> List[str]:
    """Raise Refused when anything is in the way. permissions_too=False: only return what the role may not do yet."""
    problems = [*plan.problems, *(problem for outcome in plan.outcomes for problem in outcome.problems)]
    hard = [problem.text for problem in problems if permissions_too or not problem.permission]
    unique = list(dict.fromkeys(hard))
    if unique:
        count = f"{len(unique)} reasons" if len(unique) > 1 else "one reason"
        raise Refused(f"The migration cannot be applied, for {count}:", unique)
    return list(dict.fromkeys(problem.text for problem in problems if problem.permission))
