# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying a migration: lock, plan, refuse or go on, journal, rehearse, execute."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._connection.deployment_lock import take_deployment_lock
from .._connection.event_triggers import read_event_triggers
from .._connection.session import Session
from .._connection.stop import STOP
from .._connection.target import APPLICATION_NAME, Server, Target
from .._connection.translation import translate
from .._journal.done import mark
from .._journal.evidence import keep_during
from .._journal.journal import Journal
from .._journal.trust import JournalState
from .._kinds.registry import KINDS
from .._locks.locks import deadlock_timeout_ms
from .._locks.prisma_lock import PrismaLock
from .._locks.wait_watch import WaitWatch
from .._migration.reading import open_target, read_migration
from .._model.kept_rows_sql import kept_name
from .._model.plan import Plan, Problem, Step
from .._planning.capacity import Capacity
from .._planning.images import read_image, recheck
from .._planning.past import with_past
from .._planning.planning import ask_data, make_plan, refuse_problems, settled, without_overtaken
from .._planning.rehearsal import refuse_definitions, rehearse
from .._planning.resources import plan_resources
from .._planning.row_counts import count_problems, explained_counts
from .._planning.wishes import Wish, located, wishes_of
from .._run.options import COLLECTION_VERSION, Options, now
from .._run.results import result_of
from .._support.deployment_id import new_deployment_id
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, SteadyError
from .._support.plain import json_text
from .._support.progress import Progress
from .executor import Executor, StepResult
from .parts import in_parts
from .results import failed_step_error, plan_result, step_entries
from .verification import look

__all__ = ["Conduct", "JournaledAttempt", "apply", "apply_entries", "conduct", "execute", "notes_of", "take_over"]

_GONE_SECONDS = 15.0


class JournaledAttempt:
    """One attempt in the journal: the executor's recorder. journal None: nothing is written down."""

    def __init__(self, journal: Optional[Journal], deployment_id: str, number: int) -> None:
        self.journal = journal
        self.deployment_id = deployment_id
        self.number = number

    def begins(self, number: int, step: Step) -> None:
        if self.journal is not None:
            self.journal.step_begins(self.deployment_id, self.number, number, step)

    def ends(self, number: int, step: Step, result: StepResult) -> None:
        if self.journal is not None:
            figures = {
                "attempts": result.attempts if result.known else None,
                "lock_wait_ms": result.lock_wait_ms,
                "duration_ms": result.duration_ms,
            }
            self.journal.step_ends(
                self.deployment_id,
                self.number,
                number,
                result.status,
                result.after,
                figures,
                str(result.error) if result.error is not None else None,
            )
            if result.ended:
                self.journal.sessions_ended(self.deployment_id, self.number, number, result.ended)

    def mark(self, number: int, step: Step) -> List[str]:
        """Statements by which a step writes down in its own transaction that it is done."""
        if self.journal is None:
            return []
        return mark(self.deployment_id, self.number, number, None if step.after is None else json_text(step.after))

    def kept(self, number: int) -> str:
        """The name of the table in steady_kept for the rows of a step."""
        return kept_name(self.deployment_id, self.number, number)

    def saw(self, migration_id: str, waits: Optional[Mapping[str, Any]]) -> None:
        """How long others waited meanwhile. Evidence that cannot be kept fails nothing."""
        if self.journal is not None:
            try:
                keep_during(self.journal.session, migration_id, self.deployment_id, {"waits": waits})
            except (psycopg2.Error, SteadyError):
                return

    def end(self, succeeded: bool, status: str, error: Optional[str] = None) -> List[str]:
        """The attempt is over. What is worth knowing about where that is written."""
        if self.journal is None:
            return []
        with STOP.finishing(self.journal.session):
            note = self.journal.end(self.deployment_id, self.number, succeeded, status, error)
        return [note] if note else []


class Conduct:
    """What a run carries from its beginning to its end: Prisma's lock, and where it says how far it is."""

    def __init__(self, options: Options) -> None:
        self.progress = Progress(options.progress_file)
        self.prisma = PrismaLock()
        self._patience_s = options.policy.patience_s

    def keep_prisma_out(self, control: Session) -> None:
        """Before the plan is made: what Prisma is changing now must be in it. Raises SteadyError after the patience."""

        @contextmanager
        def use() -> Iterator[Session]:
            yield control

        self.prisma.take(use, self._patience_s, self.progress.say)


@contextmanager
def conduct(options: Options) -> Iterator[Conduct]:
    """A run's conduct; at the end of the block nothing of it is left."""
    made = Conduct(options)
    try:
        yield made
    finally:
        made.progress.end()


def apply(data: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """Bring the database to the migration's state, or in check mode say how. Raises SteadyError."""
    with conduct(options) as run:
        return _apply(data, options, run)


def _apply(data: Mapping[str, Any], options: Options, run: Conduct) -> Dict[str, Any]:
    started_at = now()
    address = options.address()
    migration, schema = read_migration(data, address)
    target = options.target(address, "plan")
    control, server = open_target(target, migration, schema)
    control.patience.say = run.progress.say
    try:
        journal = Journal(control, server) if options.journal else None
        if not options.check:
            take_deployment_lock(control)
            if journal is not None and journal.exists():
                take_over(control, journal)
                if options.record and journal.deployed(migration.id):
                    raise _deployed_meanwhile()
            run.keep_prisma_out(control)
        wishes = located(control, wishes_of(migration), migration.id)
        plan = make_plan(control, server, wishes)
        problems = count_problems(control, schema, migration.verification.unchanged_counts)
        state = journal.state() if journal is not None else JournalState(False)
        if journal is not None and state.usable and not journal.undone(migration.id):
            plan = without_overtaken(plan)
        unknown = _without_journal(plan) if journal is None else []
        plan = replace(plan, problems=(*plan.problems, *problems, *unknown, *state.problems))
        triggers = read_event_triggers(control) if plan.steps and not options.check else []
        if journal is not None:
            plan = replace(plan, problems=(*plan.problems, *journal.obstacles(state, triggers)))
        plan, capacity, notes = plan_resources(control, server, plan, wishes, options)
        if not options.check:
            # What the server would not accept at all comes before what the data has against it.
            refuse_problems(plan, permissions_too=True)
            tried = rehearse(control, plan, triggers)
            refuse_definitions(tried)
            notes += tried.notes
        plan = ask_data(control, plan)
        if journal is not None and state.usable:
            plan, told = with_past(plan, migration, schema, journal)
            notes += told
        missing = refuse_problems(plan, permissions_too=not options.check)
        common: Dict[str, Any] = {"migration_id": migration.id, "missing_privileges": missing, **plan_result(plan)}
        common["notes"] += notes
        unfinished = journal.unfinished(migration.id) if journal is not None and state.usable else None
        common["unfinished"] = unfinished
        if options.verify and not plan.steps:
            common.update(look(control, server, migration, schema))
        if options.check:
            return result_of(
                server, address, "planned", started_at, changed=bool(plan.steps), deployment_id=None, **common
            )
        _same_plan(plan, options)
        if not plan.steps and not any(one.deferred for one in plan.outcomes):
            deployment_id = unfinished or new_deployment_id()
            # Of an unfinished one only its last line was missing.
            if journal is not None and (unfinished is not None or options.record):
                journal.prepare()
                number = journal.begin(
                    deployment_id, migration.id, dict(data), "deploy", plan.hash, options.operator, COLLECTION_VERSION
                )
                journal.end(deployment_id, number, True, "succeeded")
            return result_of(
                server, address, "succeeded", started_at, changed=False, deployment_id=deployment_id, **common
            )
        attempt = _begin(control, target, journal, unfinished, migration.id, data, plan, options)
        counts = _counts_before(control, attempt, schema, migration.verification.unchanged_counts)
        with WaitWatch(target) as watch:

            def part(items: Any, of: Plan, steps: Sequence[Step], room: Capacity, first: int) -> List[StepResult]:
                done = functools.partial(settled, server=server, wishes=items, plan=of)
                return execute(control, target, schema, steps, options, attempt, run, room, done, watch.guarding, first)

            carried = in_parts(
                wishes, plan, capacity, part, functools.partial(_plan_again, control, server, options, migration.id)
            )
        results = carried.results
        attempt.saw(migration.id, watch.seen)
        common["waits"] = watch.seen
        common["steps"] = step_entries(results)
        common["notes"] += [*carried.notes, *notes_of(results, common["notes"])]
        facts = result_of(
            server,
            address,
            "succeeded",
            started_at,
            changed=True,
            deployment_id=attempt.deployment_id,
            attempt=attempt.number,
            counts_before=counts,
            **common,
        )
        return _finish(results, attempt, facts, carried.refusal)
    except psycopg2.Error as error:
        raise translate(
            error, "The deployment stopped", "what was done so far is in the journal (schema steady)"
        ) from None
    finally:
        control.close()


def apply_entries(
    section: str, entries: Sequence[Mapping[str, Any]], schema: Optional[str], options: Options
) -> Dict[str, Any]:
    """Apply entries of one section alone, as the modules of a kind do. The same entries are the same migration."""
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True, default=str).encode("utf-8")).hexdigest()[:8]
    return apply({"id": f"module-{section}-{digest}", "schema": schema, section: entries}, options)


def _without_journal(plan: Plan) -> List[Problem]:
    """Statements that only a journal could know as done."""
    names = [outcome.name for outcome in plan.outcomes if KINDS[outcome.kind].of_journal]
    if not names:
        return []
    return [
        Problem(
            f"{names[0]}: a statement runs once, and only the journal knows whether it did; leave out journal: false"
        )
    ]


def _deployed_meanwhile() -> SteadyError:
    return SteadyError(
        "Another run has deployed this migration since this run began.",
        "it was pending then",
        left=NOTHING_CHANGED,
        rerun=True,
    )


def _same_plan(plan: Plan, options: Options) -> None:
    if options.plan_hash is not None and options.plan_hash != plan.hash:
        raise SteadyError(
            "The database is not as it was when the plan was made.",
            f"plan hash {plan.hash[:12]} now, {options.plan_hash[:12]} then",
            "run the same command again: it makes and shows a new plan",
            NOTHING_CHANGED,
        )


def take_over(control: Session, journal: Journal) -> List[str]:
    """Settle what processes left that are gone: we hold the lock, so they cannot be at work any more.

    Their server processes may still be: a build goes on until it tries to answer. They are ended first.
    """
    gone = journal.mark_interrupted()
    names = [f"{APPLICATION_NAME} {deployment_id}" for deployment_id in gone]
    query = (
        "FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database() AND usename = session_user"
        " AND application_name = ANY (%s) AND pid <> pg_catalog.pg_backend_pid()"
    )
    deadline = time.monotonic() + _GONE_SECONDS
    while names and control.rows("SELECT pg_catalog.pg_terminate_backend(pid) " + query, (names,)):
        if time.monotonic() > deadline:
            raise SteadyError(
                "A server process of an interrupted deployment does not end.",
                f"it belongs to deployment {', '.join(gone)}",
                "wait until it is gone from pg_stat_activity, then run this again",
                NOTHING_CHANGED,
            )
        time.sleep(0.2)
    return gone


def _begin(
    control: Session,
    target: Target,
    journal: Optional[Journal],
    unfinished: Optional[str],
    migration_id: str,
    data: Mapping[str, Any],
    plan: Plan,
    options: Options,
) -> JournaledAttempt:
    deployment_id = unfinished or new_deployment_id()
    number = 1
    if journal is not None:
        journal.prepare()
        number = journal.begin(
            deployment_id, migration_id, dict(data), "deploy", plan.hash, options.operator, COLLECTION_VERSION
        )
        journal.link_evidence(deployment_id, migration_id)
    name_sessions(control, target, deployment_id)
    return JournaledAttempt(journal, deployment_id, number)


def name_sessions(control: Session, target: Target, deployment_id: str) -> None:
    """From here on all our sessions carry the deployment's id, so that everybody sees who is at work."""
    name = f"{APPLICATION_NAME} {deployment_id}"
    target.parameters["application_name"] = name
    control.execute("SELECT pg_catalog.set_config('application_name', %s, false)", (name,))


def _counts_before(
    control: Session, attempt: JournaledAttempt, schema: str, tables: Sequence[str]
) -> Dict[str, Dict[str, Any]]:
    if not tables:
        return {}
    try:
        counts = explained_counts(control, schema, tables)
        if attempt.journal is not None:
            attempt.journal.counts_before(attempt.deployment_id, counts)
        return counts
    except SteadyError as error:
        attempt.end(False, "interrupted" if STOP.reason else "failed", str(error))
        raise
    except psycopg2.Error as error:
        problem = translate(error, "The rows could not be counted before the change", NOTHING_CHANGED)
        attempt.end(False, "failed", str(problem))
        raise problem from None


def execute(
    control: Session,
    target: Target,
    schema: Optional[str],
    steps: Sequence[Step],
    options: Options,
    attempt: JournaledAttempt,
    run: Conduct,
    capacity: Capacity,
    done: Callable[[Session, Step], bool],
    guarding: Callable[[], ContextManager[Any]] = nullcontext,
    first: int = 1,
) -> List[StepResult]:
    """Carry out the steps; the attempt records each, the first with this number.

    done: whether a step's object is as it is wanted.
    """
    executor = Executor(
        target,
        control,
        schema,
        replace(options.policy, deadlock_ms=deadlock_timeout_ms(control)),
        capacity.builds,
        attempt,
        read_image,
        recheck,
        settings=capacity.settings,
        most_lag_s=options.most_lag_s,
        progress=run.progress,
        prisma=run.prisma,
        settled=done,
        guarding=guarding,
    )
    return executor.run(steps, first)


def notes_of(results: Sequence[StepResult], known: Sequence[str]) -> List[str]:
    """What the steps found worth knowing, each once."""
    notes = dict.fromkeys(note for result in results for note in result.notes)
    return [note for note in notes if note not in known]


def _plan_again(
    control: Session, server: Server, options: Options, migration_id: str, wishes: Sequence[Wish]
) -> Tuple[Sequence[Wish], Plan, Capacity, List[str]]:
    """The plan of what is left, as the first one was made. Raises SteadyError, psycopg2.Error."""
    wishes = located(control, wishes, migration_id)
    plan = make_plan(control, server, wishes)
    plan, capacity, notes = plan_resources(control, server, plan, wishes, options)
    refuse_problems(plan, permissions_too=True)
    tried = rehearse(control, plan)
    refuse_definitions(tried)
    plan = ask_data(control, plan)
    refuse_problems(plan, permissions_too=True)
    return wishes, plan, capacity, [*plan.notes, *notes, *tried.notes]


def _finish(
    results: List[StepResult], attempt: JournaledAttempt, facts: Dict[str, Any], refusal: Optional[SteadyError] = None
) -> Dict[str, Any]:
    if refusal is None and all(result.status == "done" for result in results):
        facts["notes"] += attempt.end(True, "succeeded")
        return facts
    undo = f"or undo what is done with rollback.yml -e steady_deployment={attempt.deployment_id}"
    undo = undo if attempt.journal is not None else "there is no journal to roll back from"
    if refusal is None:
        error = failed_step_error(results, undo)
    else:
        error = refusal
        error.todo = f"{error.todo or 'correct what is named, then run this again'}; {undo}"
    facts["status"] = "failed"
    facts["changed"] = any(result.begun for result in results)
    error.facts.update(facts)
    try:
        facts["notes"] += attempt.end(False, "interrupted" if STOP.reason else "failed", str(error))
    except (psycopg2.Error, SteadyError):
        pass  # the session is gone; the next run marks the attempt as interrupted
    raise error
