# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is carried out in parts where it defers something: that is planned once the statements before it were run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, List, Optional, Sequence, Tuple, TypeVar

from .._model.plan import Plan, Step
from .._planning.capacity import Capacity
from .._support.errors import SteadyError
from .executor import StepResult

__all__ = ["Carried", "in_parts"]

One = TypeVar("One")


@dataclass
class Carried:
    """results: of all steps, in their order. notes: of the later plans. refusal: why a later plan was refused."""

    results: List[StepResult] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)
    refusal: Optional[SteadyError] = None

    @property
    def complete(self) -> bool:
        return self.refusal is None and all(result.status == "done" for result in self.results)


def in_parts(
    items: Sequence[One],
    plan: Plan,
    capacity: Capacity,
    part: Callable[[Sequence[One], Plan, Sequence[Step], Capacity, int], List[StepResult]],
    again: Callable[[Sequence[One]], Tuple[Sequence[One], Plan, Capacity, List[str]]],
) -> Carried:
    """items: what the outcomes of the plan are of, in the same order. part: carries out steps, the first with a number.
    again: plans what is left, or what can be carried out of it; it may raise SteadyError. Raises psycopg2.Error.

    A step that fails, and a later plan that is refused, end it without an error.
    """
    carried = Carried()
    while True:
        last = next((number for number, one in enumerate(plan.outcomes) if one.deferred), len(plan.outcomes))
        steps = [step for one in plan.outcomes[:last] for step in one.steps]
        carried.results += part(items, plan, steps, capacity, len(carried.results) + 1)
        if last == len(plan.outcomes) or not carried.complete:
            return carried
        items = items[last:]
        try:
            items, plan, capacity, notes = again(items)
        except SteadyError as error:
            error.done, error.left = f"{len(carried.results)} steps", "what comes after them was not begun"
            carried.refusal = error
            return carried
        carried.notes += notes
