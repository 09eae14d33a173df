# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own judgement of a plan's definitions, on empty temporary copies of tables that are rolled back.

So a type that cannot be indexed or a function that is not IMMUTABLE is found before anything is changed. One
transaction for all steps, in their order: a key finds the unique index that an earlier step makes. It takes ACCESS
SHARE on the tables that are copied, waits for no lock longer than an instant, and each statement runs as the owner of
the table that is copied, as CREATE INDEX itself would: functions that are IMMUTABLE are evaluated on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Set

from .._connection.event_triggers import EventTrigger, read_event_triggers, set_event_triggers
from .._connection.owners import as_role, rights_for
from .._connection.rights import theirs
from .._connection.session import Session
from .._connection.translation import translate
from .._model.catalog import TableName
from .._model.plan import Plan, Step
from .._support.driver import psycopg2
from .._support.errors import Refused
from .._support.sqltext import compose, copy_of, identifier, qualified, raw
from .prepared import carry_out

__all__ = ["Rehearsal", "refuse_definitions", "rehearse"]

# Whoever holds ACCESS EXCLUSIVE on one table must not make us hold ACCESS SHARE on the others for long.
_BOUNDS = "SET LOCAL lock_timeout TO '1s'; SET LOCAL statement_timeout TO '30s'"
# Waiting and being cut off say nothing of a definition (appendix A).
_BOUNDED = ("55P03", "57014")
_NO_RIGHT = "42501"
# PL/pgSQL's own class of errors: RAISE of an event trigger's function.
_RAISED = "P0"


@dataclass
class Rehearsal:
    """What came of it. reasons: why the server would refuse steps. notes: what could not be tried."""

    reasons: List[str] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Copy:
    """The copy of a table. role: the owner that its statements run as (None: ourselves). failure: why there is none,
    empty where the checks of the data and of the privileges say it."""

    role: Optional[str] = None
    failure: Optional[str] = None


def rehearse(session: Session, plan: Plan, triggers: Optional[List[EventTrigger]] = None) -> Rehearsal:
    """Try every definition of the plan. Raises psycopg2.Error only where the connection fails.

    triggers: the event triggers of the database, where they are read already.
    """
    steps = [step for step in plan.steps if step.rehearsal or step.prepares]
    if not steps or not _may_make_temporary_tables(session, None):
        return Rehearsal()
    trial = _Trial(session, read_event_triggers(session) if triggers is None else triggers)
    session.execute(f"BEGIN READ WRITE; {_BOUNDS}")
    try:
        trial.run(steps)
    finally:
        if not session.connection.closed:
            session.execute("ROLLBACK")
    trial.result.notes = list(dict.fromkeys(trial.result.notes))
    return trial.result


def refuse_definitions(found: Rehearsal) -> None:
    """Raise Refused with all that the server said no to."""
    if found.reasons:
        raise Refused(
            "PostgreSQL would not accept these definitions:",
            found.reasons,
            "correct the migration, then run this again",
        )


class _Trial:
    """One rehearsal: its copies, and the tables of which a step was refused already."""

    def __init__(self, session: Session, triggers: List[EventTrigger]) -> None:
        self.session = session
        self.triggers = triggers
        self.result = Rehearsal()
        self._copies: Dict[TableName, _Copy] = {}
        self._refused: Set[TableName] = set()
        self._silent = True

    def run(self, steps: Iterable[Step]) -> None:
        if self.triggers:
            self._silent = set_event_triggers(self.session, False)
        for step in steps:
            if step.prepares:
                carry_out(self.session, step.prepares)  # what is wrong with it was said when the plan was made
                continue
            # After a refusal, a step on the same table would only say the same again.
            if not self._refused & set(step.copies) and all(self._is_copied(table) for table in step.copies):
                self._try(step)

    def _is_copied(self, table: TableName) -> bool:
        if table not in self._copies:
            self._copies[table] = self._copy(table)
        failure = self._copies[table].failure
        if failure:
            self.result.notes.append(f"definitions on {qualified(*table)} could not be tried beforehand: {failure}")
        return failure is None

    def _try(self, step: Step) -> None:
        raised = self._raised(step) if self.triggers and self._silent else ""
        try:
            with self.session.savepoint():
                files = self._files(step)
                self._carry_out(step)
                rewritten = self._files(step) != files
        except psycopg2.Error as error:
            if self.session.connection.closed:
                raise
            if error.pgcode != _NO_RIGHT:
                self._refused.add(step.table)
                self._judge(step, error)
            return
        if rewritten and not step.rewrites:
            self._refused.add(step.table)
            self.result.reasons.append(
                f"{step.kind} {step.object}: PostgreSQL would write all rows of {qualified(*step.table)} anew while "
                "reads and writes wait (table_rewrite); change that entry of the migration"
            )
        if raised:
            self.result.notes.append(f"{raised} may refuse {step.kind} {step.object} at its turn")

    def _carry_out(self, step: Step) -> None:
        with theirs(self.session):
            for table, statement in step.rehearsal:
                self._as_owner(self._copies[table].role, statement)

    def _files(self, step: Step) -> List[Any]:
        """The files of the copies. A statement that writes all rows of a table anew gives it another one, even when it
        is empty (52.11 "pg_class", relfilenode).
        """
        query = "SELECT pg_catalog.pg_relation_filenode(%s::pg_catalog.regclass) AS file"
        return [self.session.one(query, (copy_of(*table),))["file"] for table in step.copies]

    def _judge(self, step: Step, error: Any) -> None:
        problem = translate(error, of_no_rows=True)
        text = f"{step.kind} {step.object}: {problem.what}" + (f" ({problem.why})" if problem.why else "")
        if error.pgcode in _BOUNDED:
            self.result.notes.append(f"{text}; it could not be tried beforehand")
        elif self._heard and str(error.pgcode).startswith(_RAISED):
            self.result.notes.append(f"{text}; that may concern the copy alone: it comes from {self._heard}")
        else:
            self.result.reasons.append(f"{text}; change that entry of the migration, or what the server names")

    def _raised(self, step: Step) -> str:
        """What event triggers say of the step, which may be true of the copy alone. Nothing is left of the trial."""
        self.session.execute("SAVEPOINT loud")
        try:
            set_event_triggers(self.session, True)
            self._carry_out(step)
        except psycopg2.Error as error:
            if self.session.connection.closed:
                raise
            if str(error.pgcode).startswith(_RAISED):
                return f'{", ".join(one.text for one in self.triggers)} with "{translate(error, of_no_rows=True).what}"'
        finally:
            if not self.session.connection.closed:
                self.session.execute("ROLLBACK TO SAVEPOINT loud; RELEASE SAVEPOINT loud")
        return ""

    @property
    def _heard(self) -> str:
        """The event triggers that ran in the trial."""
        return "" if self._silent else ", ".join(trigger.text for trigger in self.triggers)

    def _copy(self, table: TableName) -> _Copy:
        """Make the empty copy. No definition of the migration is in it: a refusal says nothing of the migration."""
        rights = rights_for(self.session, [table])
        role = rights.role
        if rights.problem or (role is not None and not _may_make_temporary_tables(self.session, role)):
            return _Copy(role, "")
        statement = compose(
            "CREATE TEMPORARY TABLE {copy} (LIKE {table} INCLUDING GENERATED); "
            "GRANT SELECT, REFERENCES ON {copy} TO PUBLIC",
            copy=raw(copy_of(*table)),
            table=identifier(*table),
        )
        try:
            with self.session.savepoint():
                self._as_owner(role, statement)
        except psycopg2.Error as error:
            if self.session.connection.closed:
                raise
            if error.pgcode == _NO_RIGHT:
                return _Copy(role, "")
            heard = f" (there is {self._heard})" if self._heard else ""
            return _Copy(role, translate(error, of_no_rows=True).what + heard)
        return _Copy(role)

    def _as_owner(self, role: Optional[str], statement: str) -> None:
        """Inside a savepoint, whose rollback takes the role back, too."""
        if role is None:
            self.session.execute(statement)
            return
        self.session.execute("; ".join([*as_role(role), statement, "RESET ROLE"]))


def _may_make_temporary_tables(session: Session, role: Optional[str]) -> bool:
    row = session.one(
        "SELECT pg_catalog.has_database_privilege(coalesce(%s, current_user)::name, pg_catalog.current_database(),"
        " 'TEMP') AS temp",
        (role,),
    )
    return bool(row["temp"])
