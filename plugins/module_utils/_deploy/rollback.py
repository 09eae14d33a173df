# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undoing a deployment: every object back to the image that the journal keeps of it, by the same safe steps."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from .._connection.deployment_lock import take_deployment_lock
from .._connection.session import Session
from .._connection.target import Server, Target
from .._connection.translation import translate
from .._journal.journal import Journal
from .._journal.trust import text_writers
from .._kinds.registry import differ, kind_named
from .._model.plan import Outcome, Plan, Problem, Step, object_name
from .._planning.capacity import Capacity
from .._planning.planning import ask_data, make_plan, read_catalog, refuse_problems, settled
from .._planning.resources import plan_resources
from .._planning.wishes import Wish
from .._run.options import COLLECTION_VERSION, Options, now
from .._run.results import result_of
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, SteadyError
from .._support.values import printable
from .deployment import Conduct, JournaledAttempt, conduct, execute, name_sessions, notes_of, take_over
from .executor import StepResult
from .parts import in_parts
from .restored import not_restored
from .results import failed_step_error, plan_result, step_entries

__all__ = ["Undo", "drift_problems", "inverse", "rollback"]


@dataclass(frozen=True)
class Undo:
    """One object of a deployment. before: its image before the first step; after: the last one known.

    certain: false when the last step was cut off, so that `after` may be older than what stands there. A step that
    failed is as certain as one that was done: what it left was read.
    """

    kind: str
    table: Tuple[str, str]
    name: str
    before: Optional[Mapping[str, Any]]
    after: Optional[Mapping[str, Any]]
    certain: bool

    @property
    def object(self) -> str:
        """As results name it."""
        return object_name(self.kind, self.table, self.name)

    @property
    def title(self) -> str:
        """As sentences name it."""
        return f'{self.kind} "{self.name}" of "{self.table[0]}"."{self.table[1]}"'

    def named(self, names: Sequence[str]) -> bool:
        """Whether it is one of these: names as they are, or as they are shown."""
        return self.object in names or printable(self.object) in names

    @property
    def texts(self) -> List[str]:
        """The SQL texts that the server evaluates when it is brought back."""
        kind = kind_named(self.kind)
        back = kind.texts(self.before) if self.before is not None else []
        return back + (kind.undo_texts(self.after) if self.after is not None else [])

    @property
    def wish(self) -> Wish:
        kind = kind_named(self.kind)
        return Wish(kind, kind.restored(self.table, self.name, self.before, self.after))


def inverse(steps: Sequence[Mapping[str, Any]]) -> List[Undo]:
    """What has to be undone, from the journal's steps of a deployment (oldest first). What began last comes first.

    What another session made of an object between two attempts is what the later one found, and comes back.
    """
    undos: Dict[Tuple[str, Tuple[str, str], str], Undo] = {}
    # The objects of which it is known how the attempts so far left them.
    known: Set[Tuple[str, Tuple[str, str], str]] = set()
    for step in steps:
        if step["direction"] != "deploy":
            known.clear()
            continue
        table = (step["table_schema"], step["table_name"])
        key = (step["kind"], table, step["name"])
        before, last = step["before"], undos.get(key)
        if last is not None and not (key in known and differ(last.kind, last.after, before)):
            before = last.before
        # A step that was cut off has no number of tries (Journal.step_ends).
        certain = step["status"] == "done" or step.get("attempts") is not None
        undos[key] = Undo(step["kind"], table, step["name"], before, step["after"], certain)
        known.discard(key)
        if certain:
            known.add(key)
    return list(undos.values())[::-1]


def drift_problems(
    undo: Undo, found: Optional[Mapping[str, Any]], later: Optional[Mapping[str, Any]] = None
) -> List[Problem]:
    """Whether the object was changed after the deployment: then it is not ours to undo.

    later: the newest deployment that changed it since, by the journal (Journal.later_changes).
    """
    # An invalid index is not brought back: its place is empty when the rollback is done. And a valid one is not it.
    invalid = undo.before is not None and not undo.before.get("valid", True)
    gone = found is None and (undo.before is None or invalid)
    back = not differ(undo.kind, undo.before, found) and not (invalid and found is not None and found["valid"])
    if gone or back or not differ(undo.kind, undo.after, found) or not undo.certain:
        return []
    if found is None:
        what = "is gone"
    elif undo.after is not None:
        what = "has another definition by now"
    elif undo.before is not None:
        what = "is there again, with another definition"
    else:
        what = "is there, which the deployment had not left there"
    if later is not None:
        who = (
            f"deployment {later['deployment_id']} ({later['migration_id']}) changed it later; roll that one back "
            f"first, with -e steady_deployment={later['deployment_id']}"
        )
        return [Problem(f"{undo.title} {what}: {who}")]
    return [Problem(f"{undo.title} {what}: it was changed after the deployment, so it is not touched")]


def rollback(deployment_id: Optional[str], partial: bool, options: Options, only: Sequence[str] = ()) -> Dict[str, Any]:
    """Undo a deployment (None: the last one). partial: leave out what cannot be undone. only: just these objects, as
    results name them. Raises SteadyError.
    """
    with conduct(options) as run:
        return _rollback(deployment_id, partial, options, only, run)


def _rollback(
    deployment_id: Optional[str], partial: bool, options: Options, only: Sequence[str], run: Conduct
) -> Dict[str, Any]:
    started_at = now()
    address = options.address()
    target = options.target(address, "rollback")
    control, server = target.first_session(None)
    control.patience.say = run.progress.say
    try:
        journal = Journal(control, server)
        if not journal.exists():
            raise _no_journal(server)
        if not options.check:
            take_deployment_lock(control)
            journal.prepare()
            take_over(control, journal)
            run.keep_prisma_out(control)
        chosen = _choose(journal, deployment_id, server)
        if chosen is None or chosen["status"] == "rolled_back":
            note = "nothing is left to roll back" if chosen is None else f"{chosen['id']} is rolled back already"
            return result_of(server, address, "rolled_back", started_at, **_nothing(chosen, note))
        undos = inverse(journal.trusted_steps(chosen["id"]))
        rest = [undo for undo in undos if only and not undo.named(only)]
        _refuse_unknown(only, undos, chosen["id"])
        undos = [undo for undo in undos if undo not in rest]
        plan = _plan(control, server, undos, journal.later_changes(chosen["id"]))
        left_out = _left_out(plan) if partial else []
        left_out += [{"kind": undo.kind, "object": undo.object, "reasons": ["not asked for"]} for undo in rest]
        undos, plan = _without_problems(undos, plan) if partial else (undos, plan)
        plan, capacity, notes = plan_resources(control, server, plan, [undo.wish for undo in undos], options)
        refuse_rollback(plan, options)
        common: Dict[str, Any] = {
            "migration_id": chosen["migration_id"],
            "deployment_id": chosen["id"],
            "left_out": left_out,
            **plan_result(plan),
        }
        common["notes"] += notes
        if options.check:
            return result_of(server, address, "planned", started_at, changed=bool(plan.steps), **common)
        results, number, error, written = _carry_out(
            control,
            target,
            journal,
            chosen,
            plan,
            left_out if partial or rest else None,
            options,
            run,
            capacity,
            undos,
            server,
        )
        common.update(attempt=number, changed=any(result.begun for result in results), steps=step_entries(results))
        common["notes"] += notes_of(results, common["notes"]) + written
        facts = result_of(server, address, "failed" if error else "rolled_back", started_at, **common)
        if error is not None:
            error.facts.update(facts)
            raise error
        return facts
    except psycopg2.Error as error:
        raise translate(
            error, "The rollback stopped", "what was done so far is in the journal (schema steady)"
        ) from None
    finally:
        control.close()


def _refuse_unknown(only: Sequence[str], undos: Sequence[Undo], deployment_id: str) -> None:
    known = [undo.object for undo in undos]
    unknown = [name for name in only if not any(undo.named([name]) for undo in undos)]
    if unknown:
        raise SteadyError(
            f"Deployment {deployment_id} changed nothing of the name {', '.join(unknown)}.",
            f"it changed: {', '.join(known)}",
            "correct steady_rollback_only",
            NOTHING_CHANGED,
        )


def refuse_rollback(plan: Plan, options: Options) -> None:
    """As for a deployment, with the word that does the rest all the same."""
    try:
        refuse_problems(plan, permissions_too=not options.check)
    except SteadyError as error:
        error.what = "The deployment cannot be undone completely:"
        error.todo = (
            "mend what is named, or undo all but these with steady_rollback_partial=true; the data itself comes "
            "back only from a backup"
        )
        raise


def _choose(journal: Journal, deployment_id: Optional[str], server: Server) -> Optional[Mapping[str, Any]]:
    """The deployment to undo; None: the journal has deployments, and all of them are undone. Raises SteadyError."""
    wanted = deployment_id or journal.last_to_undo()
    found = journal.deployments(wanted) if wanted is not None else []
    if found:
        return found[0]
    known = [row["id"] for row in journal.deployments(limit=5)]
    if not known:
        raise _no_journal(server, "no deployment in the journal of")
    if wanted is None:
        return None
    raise SteadyError(
        f'There is no deployment {wanted} in the journal of database "{server.database}".',
        f"the last ones are: {', '.join(known)}",
        "check the id and the host",
        NOTHING_CHANGED,
    )


def _no_journal(server: Server, missing: str = "no journal in") -> SteadyError:
    """A rollback that knows of nothing to undo has not succeeded: the address, or the journal, is not the right one."""
    return SteadyError(
        f'There is {missing} database "{server.database}", so it is not known what was deployed there. Is this the '
        "right database?",
        "only the journal (schema steady of the database) says what was there before a deployment",
        "check steady_database_url and the host, and leave out with --limit the databases that had no deployment; "
        "where the schema steady was dropped, drop by hand what the deployments' reports name, or restore a backup",
        NOTHING_CHANGED,
        facts={"database": server.database, "server_version": server.version_text, "database_role": server.role},
    )


def _plan(control: Session, server: Server, undos: List[Undo], later: Sequence[Mapping[str, Any]]) -> Plan:
    by_whom = {(row["kind"], (row["table_schema"], row["table_name"]), row["name"]): row for row in later}
    wishes = [undo.wish for undo in undos]
    # Before the data is asked: that evaluates the expressions of an index.
    plan = ask_data(control, _without_foreign_sql(control, server, make_plan(control, server, wishes), undos))
    catalog, _errors = read_catalog(control, server, wishes)
    outcomes: List[Outcome] = []
    for undo, outcome in zip(undos, plan.outcomes):
        found = catalog.find(undo.kind, undo.table, undo.name)
        whose = by_whom.get((undo.kind, undo.table, undo.name))
        drift = drift_problems(undo, found, whose) if not outcome.elsewhere else []
        outcomes.append(replace(outcome, problems=(*drift, *outcome.problems)) if drift else outcome)
    return Plan(_deferred(undos, outcomes))


def _deferred(undos: Sequence[Undo], outcomes: Sequence[Outcome]) -> Tuple[Outcome, ...]:
    """What cannot be undone as it is, or seems to be undone, after a statement that is undone first: that may bring
    back what it names.
    """
    found, pending = [], False
    for undo, one in zip(undos, outcomes):
        of_journal = kind_named(one.kind).of_journal
        permitted = not any(problem.permission for problem in one.problems)
        unclear = one.problems or (not one.steps and differ(undo.kind, undo.before, undo.after))
        if pending and not of_journal and permitted and unclear:
            one = replace(one, step=None, further=(), problems=(), deferred=True)
        pending = pending or one.deferred or (of_journal and bool(one.steps))
        found.append(one)
    return tuple(found)


def _without_foreign_sql(control: Session, server: Server, plan: Plan, undos: List[Undo]) -> Plan:
    """The plan; refused is what would run SQL of the journal that others may have written there."""
    outcomes = []
    for undo, outcome in zip(undos, plan.outcomes):
        writers = text_writers(control, undo.table) if outcome.steps and undo.texts else []
        image = undo.before if undo.before is not None else undo.after
        if writers and image is not None:
            names = ", ".join(f'"{name}"' for name in writers[:3]) + (", …" if len(writers) > 3 else "")
            problem = Problem(
                f"{undo.title} is not brought back: its definition "
                f"has SQL in it, which may have been written into the journal by {names}, and would run with the "
                f'rights of "{server.role}": {printable(kind_named(undo.kind).definition(image))}; read it, and '
                "bring it back yourself, or take INSERT and UPDATE on steady.step away from these roles"
            )
            outcome = replace(outcome, problems=(*outcome.problems, problem))
        outcomes.append(outcome)
    return replace(plan, outcomes=tuple(outcomes))


def _without_problems(undos: Sequence[Undo], plan: Plan) -> Tuple[List[Undo], Plan]:
    """What can be undone of them, each with its outcome."""
    pairs = [(undo, outcome) for undo, outcome in zip(undos, plan.outcomes) if not outcome.problems]
    return [undo for undo, _outcome in pairs], Plan(tuple(outcome for _undo, outcome in pairs))


def _left_out(plan: Plan) -> List[Dict[str, Any]]:
    return [
        {
            "kind": outcome.kind,
            "object": outcome.object,
            "reasons": [problem.text for problem in outcome.problems],
        }
        for outcome in plan.outcomes
        if outcome.problems
    ]


def _nothing(chosen: Optional[Mapping[str, Any]], note: str) -> Dict[str, Any]:
    """The result of a rollback that finds nothing to undo."""
    return {
        "changed": False,
        "deployment_id": chosen["id"] if chosen else None,
        "migration_id": chosen["migration_id"] if chosen else None,
        "steps": [],
        "notes": [note],
        "plan_hash": None,
        "plan_sql": "-- nothing to roll back\n",
        "present": [],
        "left_out": [],
    }


def _carry_out(
    control: Session,
    target: Target,
    journal: Journal,
    chosen: Mapping[str, Any],
    plan: Plan,
    left_out: Optional[List[Dict[str, Any]]],
    options: Options,
    run: Conduct,
    capacity: Capacity,
    undos: Sequence[Undo],
    server: Server,
) -> Tuple[List[StepResult], int, Optional[SteadyError], List[str]]:
    """Execute the plan as an attempt of the deployment: what came of the steps, its number, why it stopped, notes.

    left_out: where a part may stay, what does; more is added to it.
    """
    identity = chosen["id"]
    number = journal.begin(
        identity,
        chosen["migration_id"],
        chosen["migration"],
        "rollback",
        plan.hash,
        options.operator,
        COLLECTION_VERSION,
    )
    attempt = JournaledAttempt(journal, identity, number)
    name_sessions(control, target, identity)

    skipped: List[StepResult] = []

    def part(of: Sequence[Undo], planned: Plan, steps: Sequence[Step], room: Capacity, first: int) -> List[StepResult]:
        done = functools.partial(settled, server=server, wishes=[undo.wish for undo in of], plan=planned)
        results: List[StepResult] = []
        rest = list(steps)
        while True:
            number = first + len(results) + len(skipped)
            # Images were read with pg_catalog alone in the path, and their texts mean the same with no other.
            found = execute(control, target, None, rest, options, attempt, run, room, done, first=number)
            held = next((place for place, one in enumerate(found) if _is_held(one)), None)
            if left_out is None or held is None:
                return results + found
            left_out.append(_held(found[held]))
            skipped.append(found[held])
            results, rest = results + found[:held], rest[held + 1 :]

    def again(rest: Sequence[Undo]) -> Tuple[Sequence[Undo], Plan, Capacity, List[str]]:
        later = _plan(control, server, list(rest), journal.later_changes(identity))
        if left_out is not None:
            left_out.extend(_left_out(later))
            rest, later = _without_problems(rest, later)
        later, room, noted = plan_resources(control, server, later, [undo.wish for undo in rest], options)
        refuse_rollback(later, options)
        return rest, later, room, noted

    carried = in_parts(undos, plan, capacity, part, again)
    results = carried.results
    error: Optional[SteadyError] = carried.refusal
    notes: List[str] = carried.notes
    if carried.complete:
        planned = {(one.kind, one.table, one.name) for one in plan.outcomes if not one.elsewhere}
        # What was undone before a statement may have another name since, or another place.
        last = max((number for number, one in enumerate(undos) if kind_named(one.kind).of_journal), default=-1)
        compared = [one for one in undos[last + 1 :] if (one.kind, one.table, one.name) in planned]
        wrong, found = not_restored(control, compared)
        notes = [*notes, *found]
        error = _not_as_before(wrong) if wrong else None
    elif error is None:
        error = failed_step_error(results, "or bring the migration back with deploy.yml")
    if error is None:
        return results, number, None, [*notes, *attempt.end(True, "partly_rolled_back" if left_out else "rolled_back")]
    try:
        return results, number, error, attempt.end(False, "partly_rolled_back", str(error))
    except (psycopg2.Error, SteadyError):
        return results, number, error, []  # the session is gone; the next run marks the attempt as interrupted


#: dependent_objects_still_exist; what is not there (undefined_…, invalid_schema_name); what is there (duplicate_…);
#: what OR REPLACE does not take (invalid_function_definition, invalid_table_definition): Appendix A.
_HELD = ("2BP01", "42P01", "42703", "42704", "42883", "3F000", "42P07", "42701", "42710", "42723", "42P13", "42P16")


def _is_held(result: StepResult) -> bool:
    """Whether a statement cannot be undone since another one stays; its transaction has left nothing."""
    of_journal = kind_named(result.step.kind).of_journal
    return bool(of_journal and result.error is not None and result.error.sqlstate in _HELD)


def _held(result: StepResult) -> Dict[str, Any]:
    error = result.error
    said = f"{error.what} {error.why}".strip() if error is not None else ""
    reason = f"it stays, since something that stays depends on it or has taken its place: {said}"
    return {"kind": result.step.kind, "object": result.step.object, "reasons": [reason]}


def _not_as_before(wrong: Sequence[str]) -> SteadyError:
    return SteadyError(
        "Every step of the rollback is done, and this is not as it was before the deployment:",
        "; ".join(wrong),
        "compare it with the image in the journal (journal_info), and find out what changed either of them",
        done="the steps of this rollback",
    )
