# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at the database comes to: one finding for each check, with a severity that the inventory may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from .._support.errors import SteadyError
from .._support.problem import hint, quoted
from .facts import Facts

__all__ = ["BLOCKER", "OK", "WARNING", "Check", "Judgement", "finding", "found", "good", "judged", "severities"]

OK, WARNING, BLOCKER = "ok", "warning", "blocker"


@dataclass(frozen=True)
class Judgement:
    """What a check says of the facts. evidence: whole sentences. todo: what to do about it; empty when all is well."""

    found: bool
    evidence: Tuple[str, ...]
    todo: str = ""


def good(*evidence: str) -> Judgement:
    """All is well; the evidence says what was looked at."""
    return Judgement(False, evidence)


def found(evidence: Sequence[str], todo: str) -> Judgement:
    """There is something to say about it."""
    return Judgement(True, tuple(evidence), todo)


@dataclass(frozen=True)
class Check:
    """One thing that is looked at. severity: of what it finds, unless the inventory says another.

    judge: pure, without a server. reads: the part of the facts without which it can say nothing.
    fixed: the plan is refused by it all the same, so no inventory changes that.
    for_apply: it concerns who will apply the plan; check mode only plans, so there it is a warning.
    """

    name: str
    title: str
    severity: str
    judge: Callable[[Facts], Judgement]
    fixed: bool = False
    for_apply: bool = False
    reads: str = ""


def judged(check: Check, facts: Facts) -> Judgement:
    """What the check says; where this role could not look, that, which is no good news."""
    if check.reads not in facts.unreadable:
        return check.judge(facts)
    todo = "grant this role what is named, or look with another one; the other checks stand"
    return found([f"could not be looked at: {facts.unreadable[check.reads]}"], todo)


def severities(wanted: Mapping[str, Any], checks: Sequence[Check]) -> Dict[str, str]:
    """The severities that the inventory changes, by name. Raises SteadyError with every mistake in them."""
    known = {check.name: check for check in checks}
    mistakes: List[str] = []
    for name, severity in wanted.items():
        if name not in known:
            mistakes.append(f"there is no check {quoted(str(name))}; {hint(str(name), known)}")
        elif severity not in (OK, WARNING, BLOCKER):
            mistakes.append(f"{name}: {quoted(str(severity))} is no severity: ok, warning or blocker")
        elif known[name].fixed and severity != BLOCKER:
            mistakes.append(f"{name} is always a blocker: what it finds cannot be applied")
    if mistakes:
        raise SteadyError(
            "steady_preflight_severity is not valid.",
            "; ".join(mistakes),
            "correct it in the inventory; docs/preflight.md lists all checks",
            "the database was not contacted",
        )
    return {str(name): str(severity) for name, severity in wanted.items()}


def finding(check: Check, judgement: Judgement, changed: Mapping[str, str], applies: bool) -> Dict[str, Any]:
    """The entry of preflight[] in result.json. applies: whether the plan is to be carried out by this role."""
    severity = WARNING if check.for_apply and not applies else check.severity
    entry: Dict[str, Any] = {
        "name": check.name,
        "status": OK,
        "title": check.title,
        "evidence": list(judgement.evidence),
        "todo": judgement.todo,
    }
    if judgement.found:
        entry["status"] = changed.get(check.name, severity) if not check.fixed else severity
        if entry["status"] != severity:
            entry["severity_changed"] = True
    return entry
