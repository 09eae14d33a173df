# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""What a plan needs of the server: steps at a time, memory, disk. Asked only where there is something to choose."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Sequence, Tuple

from .._connection.session import Session
from .._connection.target import Server
from .._model.plan import Plan
from .._run.options import Options
from .capacity import Capacity, choose, read_facts
from .disk import (
    builds_of,
    disk_problems,
    read_estimates,
    read_free,
)
from .registry import Wish

__all__ = ["plan_resources"]


def plan_resources(
    session: Session, server: Server, plan: Plan, wishes: Sequence[Wish], options: Options
) -> Tuple[Plan, Capacity, List[str]]:
    """The plan, with the problem that the disk is too small where it is; the capacity; notes. Raises psycopg2.Error."""
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
    problems, notes = disk_problems(read_estimates(session, builds), capacity.builds, free, options.disk_allowance)
    return replace(plan, problems=(*plan.problems, *problems)), capacity, [*capacity.notes, *notes]
