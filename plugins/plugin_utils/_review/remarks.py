# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a review needs somebody: the lines that SARIF, GitHub and GitLab show beside the code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._sql.values import HAZARDS, Statement
from .review import Review, ReviewVerdict, accept_in_file, accept_in_inventory, standing

__all__ = ["RULES", "Remark", "fingerprints", "remarks"]

#: Each hazard, and what else can be wrong: what it means, in one sentence.
RULES: Mapping[str, str] = {
    **HAZARDS,
    "needs_a_decision": "The statement needs a decision before it can be carried out.",
    "not_understood": "The review cannot say what the statement does.",
    "cannot_be_read": "The file cannot be read as a migration.",
    "unused_decision": "A decision accepts a hazard that is not there.",
    "not_carried_out": "The statement is understood, but this version of deploy.yml does not carry it out.",
}


@dataclass(frozen=True)
class Remark:
    """rule: a key of RULES. level: error, or warning for what does not fail the review. line, column: from 1."""

    rule: str
    level: str
    file: str
    line: int
    column: int
    about: str
    message: str


def remarks(review: Review) -> list[Remark]:
    """All of a review, in the order of the files."""
    found = [
        Remark("cannot_be_read", "error", u.file, u.line or 1, u.column or 1, "", u.message) for u in review.unreadable
    ]
    found += [
        Remark("unused_decision", "error", u.file, u.line or 1, u.column or 1, "", u.message) for u in review.unused
    ]
    for statement in review.statements:
        found += _of_statement(statement)
    return found


def _of_statement(one: Statement) -> Iterator[Remark]:
    def remark(rule: str, level: str, about: str, message: str) -> Remark:
        return Remark(rule, level, one.file, one.line, one.column, about, message)

    stands = standing(one)
    if stands is ReviewVerdict.NOT_UNDERSTOOD:
        yield remark("not_understood", "error", one.kind, _joined(one.summary, one.mend))
        return
    for hazard in one.undecided:
        accepting = (
            f"{accept_in_file(hazard.name)} before the statement, or {accept_in_inventory(hazard.name, hazard.object)}"
        )
        yield remark(
            hazard.name,
            "error",
            hazard.object,
            f"{one.summary}: {hazard.name} of {hazard.object}: {hazard.message} To accept it: {accepting}",
        )
    if stands is ReviewVerdict.DECISION and not one.hazards:
        yield remark("needs_a_decision", "error", one.kind, _joined(one.summary, one.mend))
    if one.entries is None:
        yield remark("not_carried_out", "warning", one.kind, _joined(one.summary, one.mend))


def _joined(summary: str, mend: str) -> str:
    return f"{summary}. What to do: {mend}" if mend else summary


def fingerprints(found: Sequence[Remark]) -> list[str]:
    """For each remark what stays the same when lines above it change; two of the same kind in a file differ."""
    seen: dict[str, int] = {}
    prints = []
    for one in found:
        text = "\0".join((one.file, one.rule, one.about, one.message))
        digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:40]
        seen[digest] = seen.get(digest, 0) + 1
        prints.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return prints
