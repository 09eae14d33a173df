# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment or a rollback returns of its plan and its steps."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from .._deploy.executor import StepResult
from .._kinds.registry import kind_named
from .._model.plan import Plan
from .._support.errors import SteadyError

__all__ = ["failed_step_error", "plan_result", "step_entries"]

# So many steps are named in a message; an index of a partitioned table may have hundreds.
_NAMED = 10


def step_entries(results: Sequence[StepResult]) -> List[Dict[str, Any]]:
    """steps[] of a result; of those that are done, with the definitions before and after, None for nothing."""
    entries = []
    for result in results:
        entry = result.as_dict()
        if result.status == "done":
            definition = kind_named(result.step.kind).definition
            for moment, image in (("before", result.step.before), ("after", result.after)):
                entry[moment] = definition(image) if image is not None else None
        entries.append(entry)
    return entries


def plan_result(plan: Plan) -> Dict[str, Any]:
    """The plan as check mode shows it: the same keys as a run's, with nothing done."""
    return {
        "plan_hash": plan.hash,
        "plan_sql": plan.text(),
        "steps": [{**StepResult(step).as_dict(), "status": "planned"} for step in plan.steps],
        "present": [
            {"kind": outcome.kind, "object": outcome.object, "state": outcome.state} for outcome in plan.present
        ],
        "notes": list(dict.fromkeys(plan.notes)),
    }


def failed_step_error(results: List[StepResult], undo: str) -> SteadyError:
    """One error for a run that stopped: what failed, what to do, what is done and stays. The report lists the steps."""
    errors = [result.error for result in results if result.error is not None]
    done = sum(1 for result in results if result.status == "done")
    rest = list(dict.fromkeys(result.step.object for result in results if not result.begun))
    first = errors[0]
    lefts = [first.left] if first.left else []
    for result in results:
        if result.status == "done" and result.after is not None and not result.after.get("valid", True):
            lefts.append(
                f"{result.step.object} is there and INVALID until each partition has its index: no query uses it"
            )
    if rest:
        more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        lefts.append(f"not begun: {', '.join(rest[:_NAMED])}{more}")
    return SteadyError(
        "; ".join(error.what for error in errors),
        first.why,
        (f"{first.mend}; then " if first.mend else "")
        + f"run the same command again, which continues with what is left; {undo}",
        "; ".join(lefts),
        first.sqlstate,
        dict(first.facts),
        done=f"{done} of {len(results)} steps",
    )
