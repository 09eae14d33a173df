# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan needs of the server: steps at a time, memory, disk. Asked only where there is something to choose."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Sequence, Tuple

from .._connection.session import Session
from .._connection.target import Server
from .._model.plan import Plan, Problem
from .._run.options import Options
from .capacity import Capacity, choose, read_facts
from .disk import builds_of, disk_problems, read_estimates, read_free, space_of
from .wishes import Wish

__all__ = ["plan_resources", "too_many_at_once"]

# A lock on a table and the change of it in the catalog: DROP INDEX of 200 partitions takes 6 ms on a free machine.
_LEAST_MS_A_TABLE = 0.03


def plan_resources(
    session: Session, server: Server, plan: Plan, wishes: Sequence[Wish], options: Options
) -> Tuple[Plan, Capacity, List[str]]:
    """The plan, with the problem that the disk is too small where it is; the capacity; notes. Raises psycopg2.Error."""
    plan = replace(plan, problems=(*plan.problems, *too_many_at_once(plan, options.policy.budget_ms)))
    tables = len({step.table for step in plan.steps if step.parallel})
    builds = builds_of(plan, wishes)
    if not tables:
        return plan, Capacity(1), []
    # Through a socket, the server is on this machine, and so is what it has.
    here = server.address is None
    capacity = choose(read_facts(session, here), tables, options.parallel)
    if not builds:
        # Dropping an index takes a connection, too, and that for as long as it waits for older transactions.
        return plan, Capacity(capacity.builds), []
    spaces = list({build.tablespace for build in builds})
    free = read_free(session, spaces) if here and options.disk_allowance is None else None
    estimates = read_estimates(session, builds)
    problems, notes = disk_problems(estimates, capacity.builds, free, options.disk_allowance)
    space = space_of(estimates, capacity.builds, free, options.disk_allowance, problems)
    capacity = replace(capacity, space=space)
    return replace(plan, problems=(*plan.problems, *problems)), capacity, [*capacity.notes, *notes]


def too_many_at_once(plan: Plan, budget_ms: int) -> List[Problem]:
    """Steps that lock more tables in one moment than the budget can be enough for, even while they are free."""
    problems = []
    for step in plan.steps:
        number = max((len(unit.locks) for unit in step.units if unit.guarded), default=0)
        least_ms = number * _LEAST_MS_A_TABLE
        if least_ms > budget_ms:
            problems.append(
                Problem(
                    f"{step.label}: {number:,} tables are locked in one moment, which takes "
                    f"{least_ms:,.1f} ms at the least, and no session may be kept waiting longer than {budget_ms} ms; "
                    "raise steady_lock_budget for a quiet hour, or do it in parts: detach partitions first"
                )
            )
    return problems
