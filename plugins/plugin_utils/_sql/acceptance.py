# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of an inventory: steady_accept, a list of {hazard, object, because}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...module_utils._support.problem import hint, kind_of, quoted
from .values import HAZARDS, Decision, Hazard, Reading

__all__ = ["accept", "acceptance_problem", "decisions"]

_KEYS = ("hazard", "object", "because")


def acceptance_problem(value: Any) -> str | None:
    """What is wrong with steady_accept, in a clause; None: nothing."""
    if not isinstance(value, (list, tuple)):
        return f"a list of mappings with {', '.join(_KEYS)} is wanted, not {kind_of(value)}"
    for number, entry in enumerate(value):
        problem = _entry_problem(entry)
        if problem:
            return f"[{number}]: {problem}"
    return None


def _entry_problem(entry: Any) -> str | None:
    if not isinstance(entry, Mapping):
        return f"a mapping with {', '.join(_KEYS)} is wanted, not {kind_of(entry)}"
    for key in entry:
        if key not in _KEYS:
            return f"unknown key {quoted(str(key))}; {hint(str(key), _KEYS)}"
    for key in _KEYS:
        text = entry.get(key)
        if not isinstance(text, str) or not text.strip():
            return f"{key} is missing or no text: each decision has {', '.join(_KEYS)}"
    if entry["hazard"] not in HAZARDS:
        return f"there is no hazard {quoted(entry['hazard'])}; {hint(entry['hazard'], HAZARDS)}"
    return None


def decisions(value: Sequence[Mapping[str, Any]]) -> list[Decision]:
    """Those of a valid steady_accept."""
    return [
        Decision(entry["hazard"], " ".join(entry["because"].split()), "steady_accept", number, entry["object"])
        for number, entry in enumerate(value, 1)
    ]


def accept(readings: Sequence[Reading], made: Sequence[Decision]) -> tuple[tuple[Reading, ...], list[Decision]]:
    """The readings with the hazards accepted that decisions name, and the decisions that no hazard needs.

    What a file accepts by itself keeps the reason that the file gives.
    """
    reasons = {(one.hazard, _plain(one.object or "")): one.because for one in made}
    needed: set[tuple[str, str]] = set()

    def decided(hazard: Hazard) -> Hazard:
        key = (hazard.name, _plain(hazard.object))
        needed.add(key)
        return replace(hazard, accepted=reasons[key]) if key in reasons and hazard.accepted is None else hazard

    changed = tuple(
        replace(
            reading,
            statements=tuple(
                replace(one, hazards=tuple(decided(hazard) for hazard in one.hazards)) if one.hazards else one
                for one in reading.statements
            ),
        )
        for reading in readings
    )
    return changed, [one for one in made if (one.hazard, _plain(one.object or "")) not in needed]


def _plain(name: str) -> str:
    """An object's name with or without quotes, and with or without the schema public."""
    return name.replace('"', "").removeprefix("public.")
