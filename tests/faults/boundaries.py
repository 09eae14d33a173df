# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Every place at which a run can be struck, read off its plan.

Between any two calls of a run that write is a boundary. The calls follow from the plan's units and from nothing else: a
new kind of operation has its boundaries here without anybody adding them. A run that is recorded must have made exactly
these calls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.registry import kind_named
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import (
    ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Step,
    Unit,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import qualified


@dataclass(frozen=True)
class Call:
    """One call that writes. statements: what must be in it, in this order. step: its number, 0 for none of a step's.

    settles: the journal has its step as done with it.
    """

    label: str
    statements: tuple[str, ...]
    step: int = 0
    unit: Unit | None = None
    settles: bool = False


@dataclass(frozen=True)
class Hold:
    """What keeps one call waiting in its middle.

    statements: of a transaction of somebody else's, in which the table's name stands as {table}. second: the same again
    by another session, which comes while the call waits for the first: the call gets past the first wait, and stays at
    the next. guarded: the call does not wait at the server, but is tried again and again.
    """

    number: int
    label: str
    statements: tuple[str, ...]
    second: bool = False
    guarded: bool = False

    @property
    def boundary(self) -> tuple[int, str]:
        """The wait as a boundary: nothing is made of a call that is tried again and again, another one has begun."""
        return (self.number, "before" if self.guarded else "after")


@dataclass(frozen=True)
class Course:
    """The calls of one run, in order, with parallel: 1."""

    calls: tuple[Call, ...]

    @classmethod
    def of(cls, steps: Sequence[Step], *, first: bool = False, counts: bool = False) -> Course:
        """The course of a plan. first: no journal is there yet. counts: rows are counted before the first step."""
        calls = [Call("the journal is made", ("CREATE SCHEMA IF NOT EXISTS steady",))] if first else []
        calls.append(Call("the attempt begins", ("INSERT INTO steady.attempt",)))
        calls += [Call("rows are counted", ("UPDATE steady.deployment SET counts_before",))] if counts else []
        for number, step in enumerate(steps, 1):
            calls.append(Call(f"step {number} begins", ("INSERT INTO steady.step",), number))
            itself = kind_named(step.kind).of_journal  # its own transaction says that it is done
            for unit in step.units:
                parts = [unit.statements] if unit.transaction else [(statement,) for statement in unit.statements]
                calls += [Call(f"step {number}: {'; '.join(part)}", part, number, unit, itself) for part in parts]
            calls.append(Call(f"step {number} ends", ("UPDATE steady.step",), number, settles=True))
        return cls((*calls, Call("the attempt ends", ("UPDATE steady.attempt",))))

    def check(self, recorded: Sequence[str]) -> None:
        """Fail when a run has made other calls than these."""
        assert len(recorded) == len(self.calls), [recorded, [call.label for call in self.calls]]
        for text, call in zip(recorded, self.calls):
            assert re.search(".*".join(re.escape(part) for part in call.statements), text, re.DOTALL), (text, call)

    @property
    def begins(self) -> int:
        """The number of the call with which the attempt is in the journal."""
        return next(number for number, call in enumerate(self.calls) if call.label == "the attempt begins")

    @property
    def before(self) -> list[tuple[int, str]]:
        """The boundaries: before each call, and after the last one."""
        return [*((number, "before") for number in range(len(self.calls))), (len(self.calls) - 1, "after")]

    @property
    def around(self) -> list[tuple[int, str]]:
        """Before and after each call: for faults that the run itself lives to see, they are different places."""
        return [(number, side) for number in range(len(self.calls)) for side in ("before", "after")]

    @property
    def holds(self) -> list[Hold]:
        """Every wait in the middle of a call that somebody else can cause.

        Calls that differ in names alone, as those of partitions do, wait alike: the first of them stands for all.
        """
        found: dict[tuple[str, int], Hold] = {}
        for number, call in enumerate(self.calls):
            if call.unit is not None:
                alike = re.sub(r'"([^"]|"")*"', "name", "; ".join(call.statements))
                for place, hold in enumerate(_holds(number, call, call.unit)):
                    found.setdefault((alike, place), hold)
        return list(found.values())

    def steps_at(self, number: int, side: str, *, forgets: bool = False) -> list[str]:
        """What the journal says in the end of the steps of a run that was struck there: done | failed.

        forgets: the server has lost the last call, where that was a statement that does not wait for the disk.
        """
        made = self.calls[: number + (side == "after")]
        if forgets and made and made[-1].unit is not None:
            made = made[:-1]
        done = {call.step for call in made if call.settles}
        return ["done" if step in done else "failed" for step in dict.fromkeys(call.step for call in made if call.step)]


def _holds(number: int, call: Call, unit: Unit) -> list[Hold]:
    """By the locks that the unit says it takes, and by what PostgreSQL waits for in a concurrent build or drop.

    PostgreSQL documentation, CREATE INDEX, "Building Indexes Concurrently", and DROP INDEX, "CONCURRENTLY".
    """

    def lock(mode: str, table: tuple[str, str]) -> str:
        return f"LOCK TABLE {qualified(*table)} IN {mode} MODE"

    if unit.guarded:
        label = f"{call.label}: waits for its locks"
        # The last of them: where partitions are locked, it is one of those, by itself. None of them may be known.
        return [
            Hold(
                number,
                label,
                (lock("SHARE" if one.mode == ROW_EXCLUSIVE else "ROW EXCLUSIVE", one.table),),
                guarded=True,
            )
            for one in unit.locks[-1:]
        ]
    if unit.transaction:
        return []
    own = [one.table for one in unit.locks if one.mode == SHARE_UPDATE_EXCLUSIVE]
    others = [one.table for one in unit.locks if one.mode != SHARE_UPDATE_EXCLUSIVE]
    holds = [(f"waits for {table[1]}", lock("SHARE UPDATE EXCLUSIVE", table), False) for table in own]
    holds += [(f"waits for {table[1]}", lock("EXCLUSIVE", table), False) for table in others]
    kind = re.match(r"(CREATE (UNIQUE )?|DROP )INDEX CONCURRENTLY", call.statements[0])
    if kind is not None:
        creates = kind.group(0).startswith("CREATE")
        who = "ROW EXCLUSIVE" if creates else "ACCESS SHARE"
        for table in own:
            holds += [("waits a first time", lock(who, table), False), ("waits a second time", lock(who, table), True)]
        if creates:
            holds.append(("waits for an old snapshot", "SELECT 1", False))
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ"
    return [Hold(number, f"{call.label}: {text}", (begin, statement), second) for text, statement, second in holds]
