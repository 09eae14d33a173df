# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: one value that check mode prints, deploy executes, the journal keeps and plan.sql writes out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Tuple

from .._support.sqltext import qualified
from .kept_rows import SCHEMA, Keeping

__all__ = [
    "ACCESS_EXCLUSIVE",
    "ROW_EXCLUSIVE",
    "ROW_SHARE",
    "SHARE",
    "SHARE_ROW_EXCLUSIVE",
    "SHARE_UPDATE_EXCLUSIVE",
    "DataCheck",
    "Lock",
    "Outcome",
    "Plan",
    "Problem",
    "Step",
    "Unit",
    "autocommit",
    "build",
    "guarded",
    "lock_statement",
    "object_name",
    "unit_script",
]

# PostgreSQL documentation, 13.3.1 "Table-Level Locks".
ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"
SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
SHARE = "SHARE"
SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
ROW_EXCLUSIVE = "ROW EXCLUSIVE"
ROW_SHARE = "ROW SHARE"

_MEANING = {
    ACCESS_EXCLUSIVE: "no reads or writes while it is held: taken without queueing, held for milliseconds",
    SHARE_ROW_EXCLUSIVE: "no writes while it is held: taken without queueing, held for milliseconds",
    SHARE: "no writes while it is held: taken without queueing, held for milliseconds",
    SHARE_UPDATE_EXCLUSIVE: "reads and writes go on",
    ROW_EXCLUSIVE: "reads and writes of other rows go on",
    ROW_SHARE: "reads and writes go on",
}


@dataclass(frozen=True)
class Lock:
    """A table lock that a unit takes. table: (schema, name). only: not on the table's partitions and children."""

    mode: str
    table: Tuple[str, str]
    only: bool = False

    @property
    def text(self) -> str:
        only = "ONLY " if self.only else ""
        return f'{self.mode} on {only}"{self.table[0]}"."{self.table[1]}" ({_MEANING[self.mode]})'


@dataclass(frozen=True)
class Unit:
    """What belongs together at the server.

    guarded: the locks conflict with ordinary reads or writes, so the statements run in one short transaction under
    the lock policy. Otherwise they block nobody, however long they take. transaction: all or nothing; else each
    statement commits by itself. drains: whoever uses the table is waited for before it begins. evaluates: what the
    owner of the tables wrote is run meanwhile (constraints, predicates), so that it runs as that owner. queries: the
    server asks a question of its own meanwhile, to which row-level security applies. builds: a build that is cut off
    leaves an invalid index, which the step's cleanup drops. as_written: a statement of the migration, which may need
    more locks than these. limit_ms: how long that may run once it has them; None: the lock budget, 0: as long as it
    takes. keeping: the rows that it writes are kept, or were kept and come back; the statements for that are composed
    at its turn, by the catalog of then.
    """

    statements: Tuple[str, ...]
    locks: Tuple[Lock, ...]
    guarded: bool = False
    transaction: bool = False
    drains: bool = False
    evaluates: bool = False
    queries: bool = field(default=False, compare=False)
    builds: bool = field(default=False, compare=False)
    as_written: bool = False
    limit_ms: Optional[int] = None
    keeping: Optional[Keeping] = field(default=None, compare=False)

    @property
    def altered(self) -> List[Tuple[str, str]]:
        """The tables that it alters, and does not only read."""
        return [lock.table for lock in self.locks if lock.mode != ROW_SHARE]


def guarded(mode: str, tables: Iterable[Tuple[str, str]], *statements: str, only: bool = False) -> Unit:
    """A short transaction under the lock policy; the tables in one order everywhere, against deadlocks."""
    return Unit(statements, tuple(Lock(mode, table, only) for table in sorted(set(tables))), True, True)


def autocommit(table: Tuple[str, str], *statements: str, also: Tuple[Lock, ...] = ()) -> Unit:
    """Statements outside a transaction that let reads and writes go on (SHARE UPDATE EXCLUSIVE)."""
    return Unit(statements, (Lock(SHARE_UPDATE_EXCLUSIVE, table), *also))


def build(table: Tuple[str, str], statement: str) -> Unit:
    """A CREATE INDEX CONCURRENTLY."""
    return Unit((statement,), (Lock(SHARE_UPDATE_EXCLUSIVE, table),), builds=True)


@dataclass(frozen=True)
class DataCheck:
    """A question to the data that must have no answer before anything is changed.

    question: one of _data_questions; of a proof the SQL text, which gives at most ten rows, the last column `total`
    with the number of all of them. one, many: what it means, for one and for {total}. mends: what to do about it.
    """

    table: Tuple[str, str]
    question: Any
    one: str
    many: str
    mends: str
    also: Tuple[Tuple[str, str], ...] = ()

    @property
    def reads(self) -> Tuple[Tuple[str, str], ...]:
        """All tables that the question reads."""
        return (self.table, *self.also)

    def message(self, total: int) -> str:
        return self.one if total == 1 else self.many.replace("{total}", str(total), 1)


def object_name(kind: str, table: Tuple[str, str], name: str) -> str:
    """As results, messages and steady_rollback_only name an object: an index is its schema's, most others a table's."""
    if kind == "statement":  # it names itself what it is about
        return name
    return f"{table[0]}.{name}" if kind == "index" else f"{table[0]}.{table[1]}.{name}"


@dataclass(frozen=True)
class Step:
    """One change of one object. before: the image of what stands there now (None: nothing)."""

    kind: str
    table: Tuple[str, str]
    name: str
    action: str
    units: Tuple[Unit, ...]
    before: Optional[Dict[str, Any]] = None
    summary: str = ""
    checks: Tuple[DataCheck, ...] = ()
    # Statements on empty temporary copies of tables, rolled back, by which the server itself says beforehand whether
    # it will accept the step's definitions, each with the table whose copy it changes. copies: the tables of which
    # copies are needed (_sqltext.copy_of).
    rehearsal: Tuple[Tuple[Tuple[str, str], str], ...] = ()
    copies: Tuple[Tuple[str, str], ...] = ()
    # Statements that take away what a failed step leaves behind.
    cleanup: Tuple[str, ...] = ()
    # Questions that must have no answer once the step is done: whether the catalog is as the step promises.
    proof: Tuple[DataCheck, ...] = ()
    # Whether its statements write all rows of a table anew: planned only where there are none.
    rewrites: bool = False
    # What it means when a statement of it fails with 22P02 (invalid_text_representation), by which it asserts.
    asserted: str = ""
    # The same statements, where they make something that later steps may name and that nobody feels: a rehearsal
    # carries them out, too.
    prepares: Tuple[str, ...] = field(default=(), compare=False)
    # The image of what it makes, where that stands in the journal alone: it is written in the step's own transaction.
    after: Optional[Dict[str, Any]] = field(default=None, compare=False)
    # File and line of the statement that it comes from; empty for an entry in YAML.
    source: str = field(default="", compare=False)

    @property
    def object(self) -> str:
        return object_name(self.kind, self.table, self.name)

    @property
    def label(self) -> str:
        """What the step does to what, for messages."""
        return f"{self.action} {self.kind} {self.object}" + (f" ({self.source})" if self.source else "")

    @property
    def lasting(self) -> bool:
        """Whether a rollback will not be able to undo it."""
        return self.after is not None and self.after.get("undo") is None

    @property
    def statements(self) -> List[str]:
        return [statement for unit in self.units for statement in unit.statements]

    @property
    def locks(self) -> List[str]:
        return [lock.text for unit in self.units for lock in unit.locks]

    @property
    def parallel(self) -> bool:
        """Whether it may run beside steps on other tables: it takes no lock that traffic could feel."""
        return not any(unit.guarded for unit in self.units)


@dataclass(frozen=True)
class Problem:
    """Why the plan cannot be carried out. permission: true where only the present role is in the way.

    clash: true where something else has the name already. closed: true where no name of a schema may be looked up, so
    that nothing can be asked. missing: true where something is not there, or not known.
    """

    text: str
    permission: bool = False
    clash: bool = False
    closed: bool = False
    missing: bool = False


@dataclass(frozen=True)
class Outcome:
    """What the planner of a kind says about one specification.

    step: None when nothing has to be done. further: what follows it, where one object needs several steps, such as
    an index of a partitioned table. state: what stands there, in words. notes: worth knowing. elsewhere: what stands
    there is a matter of another outcome of the same plan. overtaken: a later statement of the same migration was run
    already, so that this one was carried out before. deferred: statements before it may change what it is about, so
    that it is planned, once more, when they were run. asked_later: they may change the rows that it depends on.
    """

    kind: str
    table: Tuple[str, str]
    name: str
    state: str
    step: Optional[Step] = None
    problems: Tuple[Problem, ...] = ()
    notes: Tuple[str, ...] = ()
    further: Tuple[Step, ...] = ()
    elsewhere: bool = False
    overtaken: bool = False
    deferred: bool = False
    asked_later: bool = False

    @property
    def object(self) -> str:
        return object_name(self.kind, self.table, self.name)

    @property
    def steps(self) -> Tuple[Step, ...]:
        """All that has to be done, in order."""
        return (*((self.step,) if self.step is not None else ()), *self.further)


@dataclass(frozen=True)
class Plan:
    """All outcomes of a migration, in the order of execution."""

    outcomes: Tuple[Outcome, ...]
    problems: Tuple[Problem, ...] = ()

    @property
    def steps(self) -> List[Step]:
        return [step for outcome in self.outcomes for step in outcome.steps]

    @property
    def notes(self) -> List[str]:
        return [note for outcome in self.outcomes for note in outcome.notes]

    @property
    def hash(self) -> str:
        """SHA-256 over what will be done and what it is done to: the same plan on the same state, the same hash."""
        value = [[step.kind, step.object, step.action, step.statements, step.before] for step in self.steps]
        return hashlib.sha256(
            json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogateescape")
        ).hexdigest()

    @property
    def present(self) -> List[Outcome]:
        """What needs no change: objects that are there as wanted, and absent ones that are not there."""
        return [o for o in self.outcomes if o.step is None and not o.problems and not o.deferred]

    def text(self) -> str:
        """The plan for people: what needs no change, and each statement with the locks that it takes."""
        lines: List[str] = []
        for outcome in self.present:
            lines.append(_comment(f"no change: {outcome.kind} {outcome.object}: {outcome.state}"))
        for number, step in enumerate(self.steps, 1):
            lines.append("")
            summary = f": {step.summary}" if step.summary else ""
            lines.append(_comment(f"step {number}: {step.label}{summary}"))
            for unit in step.units:
                lines.extend(_comment(f"  lock: {lock.text}") for lock in unit.locks)
                lines.extend(_kept(unit))
                lines.extend(unit_script(unit))
        for outcome in self.outcomes:
            if outcome.deferred:
                lines.append(_comment(f"planned at its turn: {outcome.kind} {outcome.object}"))
        lines.extend(_comment(f"note: {note}") for note in self.notes)
        lines.append("")
        lines.append(f"-- plan hash: {self.hash}" if self.steps else "-- nothing to do")
        return "\n".join(lines).strip() + "\n"


def _kept(unit: Unit) -> List[str]:
    if unit.keeping is None or unit.keeping.kept:
        return []
    return [_comment(f"  the rows of {unit.keeping.name} that it writes are kept in the schema {SCHEMA}")]


def _comment(text: str) -> str:
    """One line of comment: a line break in a name would turn the rest into SQL."""
    return "-- " + " ".join(text.splitlines())


def unit_script(unit: Unit) -> List[str]:
    """The unit as psql would run it. A guarded one shows its first attempt: NOWAIT."""
    lines = [f"{statement};" for statement in unit.statements]
    if not unit.transaction:
        return lines
    locked = [f"{lock_statement(unit)} NOWAIT;"] if unit.guarded and unit.locks else []
    return ["BEGIN;", *locked, *lines, "COMMIT;"]


def lock_statement(unit: Unit) -> str:
    """All tables in one LOCK TABLE, in one order (PostgreSQL documentation, LOCK: "tables are locked one-by-one")."""
    tables = ", ".join(("ONLY " if lock.only else "") + qualified(*lock.table) for lock in unit.locks)
    return f"LOCK TABLE {tables} IN {unit.locks[0].mode} MODE"
