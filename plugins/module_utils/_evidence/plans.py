# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a plan (EXPLAIN (…, FORMAT JSON)), and the plan without the values in it. Pure functions."""

from __future__ import annotations

import statistics
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from .._support.sqltext import mask_literals

__all__ = ["figures", "indexes_of", "without_values"]

#: Texts of a plan that are names or words of PostgreSQL's own; all others may hold values.
_KEPT = frozenset(
    (
        "Node Type",
        "Parent Relationship",
        "Relation Name",
        "Schema",
        "Alias",
        "Index Name",
        "Scan Direction",
        "Join Type",
        "Strategy",
        "Partial Mode",
        "Sort Method",
        "Sort Space Type",
        "Subplan Name",
        "CTE Name",
        "Command",
        "Operation",
        "Cache Mode",
    )
)
#: What the plan of a report can do without: costs say nothing beside measured times.
_LEFT_OUT = frozenset(("Startup Cost", "Total Cost", "Plan Width", "Parallel Aware", "Async Capable", "Disabled"))
_LONGEST = 1000


def indexes_of(plan: Mapping[str, Any]) -> List[str]:
    """Names of the indexes that it uses, in the order of the plan, each once."""
    return list(dict.fromkeys(node["Index Name"] for node in _nodes(plan) if "Index Name" in node))


def figures(explained: Sequence[Mapping[str, Any]], wanted_index: Optional[str]) -> Dict[str, Any]:
    """The entry of before or after of a sample, from the runs of one query: medians, and the plan of the median run."""
    times = [float(run["Execution Time"]) for run in explained]
    typical = explained[times.index(statistics.median_low(times))]
    plan = typical["Plan"]
    indexes = indexes_of(plan)
    return {
        "median_ms": round(statistics.median(times), 3),
        "planning_ms": round(statistics.median([float(run.get("Planning Time", 0)) for run in explained]), 3),
        "runs": len(times),
        "timed_out": False,
        "buffers_hit": plan.get("Shared Hit Blocks", 0),
        "buffers_read": plan.get("Shared Read Blocks", 0),
        "rows": plan.get("Actual Rows"),
        "index": wanted_index if wanted_index in indexes else next(iter(indexes), None),
        "indexes": indexes,
        "node": _access(plan, wanted_index),
        "plan": without_values(plan),
    }


def without_values(plan: Any) -> Any:
    """The plan with the constants of its conditions masked, without costs."""
    if isinstance(plan, dict):
        # Most counters of most nodes are 0, and say nothing.
        return {key: _kept(key, value) for key, value in plan.items() if key not in _LEFT_OUT and value != 0}
    if isinstance(plan, list):
        return [without_values(item) for item in plan]
    return plan


def _kept(key: str, value: Any) -> Any:
    if key in _KEPT:
        return value
    if isinstance(value, str):
        return mask_literals(value, _LONGEST)
    if isinstance(value, list):
        return [mask_literals(item, _LONGEST) if isinstance(item, str) else without_values(item) for item in value]
    return without_values(value)


def _access(plan: Mapping[str, Any], wanted_index: Optional[str]) -> str:
    """How the rows are found: the node of the wanted index, else the first that reads a table."""
    reading = [node for node in _nodes(plan) if "Scan" in str(node.get("Node Type"))]
    wanted = [node for node in reading if wanted_index is not None and node.get("Index Name") == wanted_index]
    chosen = next(iter([*wanted, *reading]), plan)
    return str(chosen.get("Node Type"))


def _nodes(plan: Any) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
