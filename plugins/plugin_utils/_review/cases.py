# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A review as test cases for JUnit XML: each statement is one, in the suite of its migration."""

from __future__ import annotations

from .._junit import Case
from .._sql.values import Statement
from .review import Review, ReviewVerdict, accept_in_file, standing

__all__ = ["cases"]

_FAILED = (ReviewVerdict.DECISION, ReviewVerdict.NOT_UNDERSTOOD)


def cases(review: Review) -> dict[str, list[Case]]:
    """The cases of each suite, by its name; first a suite of the files and decisions that are wrong."""
    wrong = [(str(one), "failed", str(one), 0.0) for one in (*review.unreadable, *review.unused)]
    suites: dict[str, list[Case]] = {"files": wrong} if wrong else {}
    for reading in review.readings:
        suites.setdefault(reading.id, []).extend(_case(one) for one in reading.statements)
    return suites


def _case(one: Statement) -> Case:
    stands = standing(one)
    said = [stands.value]
    said += [f"{h.name}, {h.object}: {h.message} To accept it: {accept_in_file(h.name)}" for h in one.undecided]
    said += [f"{h.name}, {h.object}: accepted because {h.accepted}" for h in one.hazards if h.accepted is not None]
    said += [f"instead: {one.instead}"] if one.instead else []
    said += [f"what to do: {one.mend}"] if one.mend else []
    name = f"{one.file}:{one.line} {one.summary}"
    return name, "failed" if stands in _FAILED else "ok", "\n".join(said), 0.0
