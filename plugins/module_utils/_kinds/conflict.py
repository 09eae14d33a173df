# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""on_conflict: what becomes of an object of the wanted name that has another definition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

from .._model.plan import Outcome, Problem

__all__ = ["CHOICES", "another_definition", "refused", "schema"]

CHOICES = ("replace", "refuse")


def schema(description: str) -> Dict[str, Any]:
    """JSON Schema of the key on_conflict."""
    return {"type": "string", "enum": list(CHOICES), "default": "replace", "description": description}


def another_definition(what: str, wanted: str = "") -> Problem:
    """Why something that is there stays. what: it, and in what it differs. wanted: what was asked for."""
    return Problem(
        f"{what}, and the migration says on_conflict: refuse{wanted}; correct the entry, or say on_conflict: replace"
    )


def refused(outcome: Outcome, on_conflict: str) -> Outcome:
    """The outcome, with a problem where it would change what is there and the entry says that this must stay."""
    step = outcome.step
    if on_conflict != "refuse" or step is None or step.before is None or step.action not in ("alter", "replace"):
        return outcome
    words = outcome.kind.replace("_", " ")
    problem = another_definition(
        f"the {words} {outcome.object} exists with another definition ({outcome.state})", f" (wanted: {step.summary})"
    )
    return replace(outcome, problems=(*outcome.problems, problem))
