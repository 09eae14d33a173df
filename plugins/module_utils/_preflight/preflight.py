# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight: the plan, and all that is worth knowing before it is carried out, in one look that only reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .._backup.taking.room import needs_of
from .._connection.event_triggers import read_event_triggers
from .._connection.session import Session
from .._connection.target import Server
from .._connection.translation import translate
from .._deploy.results import plan_result
from .._deploy.verification import look
from .._journal.journal import Journal
from .._locks.blockers import blockers_of_tables, describe_blockers
from .._migration.migration import Migration
from .._migration.reading import open_target, read_migration
from .._model.plan import ACCESS_EXCLUSIVE, Problem, guarded
from .._planning.past import Past, noted
from .._planning.planning import (
    ask_data,
    plan_of,
    read_catalog,
    trigger_problems,
    with_targets,
    without_overtaken,
)
from .._planning.rehearsal import rehearse as rehearse_plan
from .._planning.resources import plan_resources
from .._planning.row_counts import count_problems
from .._planning.wishes import located, wishes_of
from .._run.options import Options, now
from .._run.results import result_of
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, ConnectionProblem, DatabaseProblem, LockNotAvailable, Refused
from .backups import read_backups
from .checks import CHECKS, CONNECTION
from .facts import Facts, read_facts
from .finding import BLOCKER, finding, found, judged, severities
from .refusals import missing_privileges

__all__ = ["preflight"]

# Definitions and rows are read under ACCESS SHARE, which waits for nobody but who holds ACCESS EXCLUSIVE.
LOCK_MS = 5000


def preflight(
    data: Mapping[str, Any],
    options: Options,
    changed_severities: Optional[Mapping[str, Any]] = None,
    backup_directory: Optional[str] = None,
    rehearse: bool = False,
    backup: Optional[Mapping[str, Any]] = None,
) -> Dict[str, Any]:
    """What apply returns in check mode, and preflight[] with the finding of every check.

    backup: the options of the module backup with which one will be taken. options.check: the plan is only looked at, by
    a role that need not be able to carry it out. rehearse: outside of check mode, also try its definitions on temporary
    copies of tables, which are rolled back (_planning/rehearsal).

    Raises SteadyError, with the findings among its facts, when one of them is a blocker.
    """
    started_at = now()
    changed = severities(changed_severities or {}, CHECKS)
    address = options.address()
    migration, schema = read_migration(data, address)
    try:
        target = replace(options, check=True).target(address, "preflight")
        session, server = open_target(target, migration, schema)
    except ConnectionProblem as error:
        why = [" ".join(sentence.split()) for sentence in (error.what, error.why) if sentence]
        # Nothing else could be looked at.
        error.facts["preflight"] = [finding(CONNECTION, found(why, error.todo), {}, True)]
        raise
    try:
        session.execute("SELECT pg_catalog.set_config('lock_timeout', %s, false)", (f"{LOCK_MS}ms",))
        facts, notes = _facts(
            session, server, migration, schema, options, backup_directory, rehearse and not options.check
        )
        if backup is not None and facts.plan.steps:
            facts = replace(facts, backup_needs=needs_of(backup, backup_directory or "", session, server))
        findings = [finding(check, judged(check, facts), changed, facts.applies) for check in CHECKS]
        journal = Journal(session, server)
        result = result_of(
            server,
            address,
            "planned",
            started_at,
            changed=bool(facts.plan.steps),
            deployment_id=None,
            migration_id=migration.id,
            missing_privileges=missing_privileges(facts),
            unfinished=journal.unfinished(migration.id) if options.journal and facts.journal else None,
            preflight=findings,
            **plan_result(facts.plan),
        )
        result["notes"] += notes
        _refuse_blockers(findings, result)
        if options.verify and not facts.plan.steps:
            result.update(look(session, server, migration, schema))
        result["finished_at"] = now()
        return result
    except psycopg2.Error as error:
        if getattr(error, "pgcode", None) == "55P03":
            raise _held(session, migration) from None
        raise translate(error, "The database could not be looked at", NOTHING_CHANGED) from None
    except DatabaseProblem as problem:
        if problem.sqlstate == "55P03":
            raise _held(session, migration) from None
        raise
    finally:
        session.close()


def _facts(
    session: Session,
    server: Server,
    migration: Migration,
    schema: str,
    options: Options,
    backup_directory: Optional[str],
    rehearse: bool,
) -> Tuple[Facts, List[str]]:
    """All that the checks look at, and notes on how it would be carried out.

    Raises psycopg2.Error, and SteadyError where the rows cannot be asked.
    """
    wishes = located(session, wishes_of(migration), migration.id)
    catalog, errors = read_catalog(session, server, wishes)
    catalog = with_targets(catalog, wishes)
    planned = plan_of(catalog, errors, wishes)
    problems = count_problems(session, schema, migration.verification.unchanged_counts)
    triggers = read_event_triggers(session) if planned.steps and not options.check else []
    journal = Journal(session, server)
    state = journal.state()
    if options.journal:
        problems += (*state.problems, *journal.obstacles(state, triggers))
    if state.usable and not journal.undone(migration.id):
        planned = without_overtaken(planned)
    planned = replace(planned, problems=(*planned.problems, *problems, *trigger_problems(session)))
    planned, capacity, notes = plan_resources(session, server, planned, wishes, options)
    if rehearse and not any((*planned.problems, *(problem for one in planned.outcomes for problem in one.problems))):
        tried = rehearse_plan(session, planned, triggers)
        planned = replace(planned, problems=tuple(Problem(reason) for reason in tried.reasons))
        notes += tried.notes
    plan = ask_data(session, planned)
    before = [problem for outcome in planned.outcomes for problem in outcome.problems]
    asked: List[Problem] = [problem for outcome in plan.outcomes for problem in outcome.problems]
    parts = read_facts(session, journal if state.usable else None, plan, catalog, migration, schema)
    past = parts.get("past", Past())
    plan = noted(plan, past)
    notes += [past.edited] if past.edited else []
    if not options.journal:
        parts["publications"] = []
    facts = Facts(
        server,
        plan,
        catalog,
        not options.check,
        tuple(problem for problem in asked if problem not in before),
        backups=read_backups(backup_directory, server),
        backup_directory=backup_directory or "",
        space=capacity.space,
        old_s=options.policy.blockers.after_s,
        most_lag_s=options.most_lag_s,
        **parts,
    )
    return facts, notes


def _held(session: Session, migration: Migration) -> LockNotAvailable:
    """Somebody has a table to himself, so that not even its definition can be read."""
    session.execute("ROLLBACK")  # of the verification; elsewhere there is no transaction
    tables = sorted(
        {
            name
            for wish in located(session, wishes_of(migration), migration.id)
            for name in wish.kind.tables(wish.target)
        }
    )
    holders = blockers_of_tables(session, guarded(ACCESS_EXCLUSIVE, tables), [session.pid])
    alone = [holder for holder in holders if holder.mode == "AccessExclusiveLock" and not holder.waiting]
    return LockNotAvailable(
        f"The migration's tables could not be read within {LOCK_MS / 1000:.0f} s: another session has locked them.",
        describe_blockers(alone),
        "end these sessions' transactions, or wait for them; then run the same command again",
        NOTHING_CHANGED,
        "55P03",
        {"blockers": [holder.as_dict() for holder in alone]},
    )


def _refuse_blockers(findings: List[Dict[str, Any]], result: Dict[str, Any]) -> None:
    """Raise Refused with all blockers; the findings and the plan go with it."""
    reasons: List[str] = []
    for one in findings:
        if one["status"] == BLOCKER:
            fixed = next(check.fixed for check in CHECKS if check.name == one["name"])
            # The planners' own sentences say what to do themselves.
            reasons += [sentence if fixed else f"{sentence}; {one['todo']}" for sentence in one["evidence"]]
    reasons = list(dict.fromkeys(reasons))
    if not reasons:
        return
    count = f"{len(reasons)} reasons" if len(reasons) > 1 else "one reason"
    error = Refused(f"The migration cannot be applied, for {count}:", reasons)
    error.facts.update({**result, "status": "failed", "changed": False})
    raise error
