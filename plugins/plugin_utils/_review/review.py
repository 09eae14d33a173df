# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The review of migrations as a value: the statements that were read, where each stands, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from .._sql.values import Reading, Statement, Verdict
from .problem import Unreadable, placed

__all__ = ["Review", "ReviewVerdict", "accept_in_file", "accept_in_inventory", "inventory_entry", "standing"]


class ReviewVerdict(str, Enum):
    """Where a statement stands, its decisions included."""

    AS_WRITTEN = "online as written"
    ANOTHER_WAY = "carried out another way"
    DECIDED = "decided"
    DECISION = "needs a decision"
    NOT_UNDERSTOOD = "not understood"


def standing(statement: Statement) -> ReviewVerdict:
    """Undecided hazards come before what the reader made of the statement; accepted ones make it decided."""
    if statement.verdict is Verdict.NOT_UNDERSTOOD:
        return ReviewVerdict.NOT_UNDERSTOOD
    if statement.undecided or (statement.verdict is Verdict.DECISION and not statement.hazards):
        return ReviewVerdict.DECISION
    if statement.hazards:
        return ReviewVerdict.DECIDED
    return ReviewVerdict(statement.verdict.value)


@dataclass(frozen=True)
class Review:
    """readings: one for each migration. unreadable: files that are none of them. notes: about the review as a whole."""

    readings: tuple[Reading, ...]
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def statements(self) -> Iterator[Statement]:
        """Of all migrations, in their order."""
        return (statement for reading in self.readings for statement in reading.statements)

    @property
    def unused(self) -> tuple[Unreadable, ...]:
        """Decisions in the files about hazards that are not there."""
        return tuple(placed(sentence, reading.id) for reading in self.readings for sentence in reading.unused)

    @property
    def not_carried_out(self) -> tuple[Statement, ...]:
        """Statements that are understood, but that deploy.yml cannot carry out yet."""
        return tuple(
            one for one in self.statements if one.entries is None and standing(one) is not ReviewVerdict.NOT_UNDERSTOOD
        )

    def counts(self) -> dict[ReviewVerdict, int]:
        """How many statements stand where."""
        counts = dict.fromkeys(ReviewVerdict, 0)
        for statement in self.statements:
            counts[standing(statement)] += 1
        return counts

    @property
    def passed(self) -> bool:
        """Whether everything is read and understood, and nothing needs a decision any more."""
        counts = self.counts()
        asks = counts[ReviewVerdict.DECISION] + counts[ReviewVerdict.NOT_UNDERSTOOD]
        return not (asks or self.unreadable or self.unused)

    def last_line(self) -> str:
        """`31 of 31 statements understood: 12 as written, 15 another way, 4 need a decision`"""
        counts = self.counts()
        total = sum(counts.values())
        parts = [f"{counts[ReviewVerdict.AS_WRITTEN]} as written", f"{counts[ReviewVerdict.ANOTHER_WAY]} another way"]
        parts += [f"{counts[ReviewVerdict.DECIDED]} decided"] if counts[ReviewVerdict.DECIDED] else []
        need = counts[ReviewVerdict.DECISION]
        parts.append(f"{need} {'needs' if need == 1 else 'need'} a decision")
        understood = total - counts[ReviewVerdict.NOT_UNDERSTOOD]
        line = f"{understood} of {total} statement{'' if total == 1 else 's'} understood: {', '.join(parts)}"
        files = len({one.file for one in self.unreadable})
        line += f"; {files} file{'' if files == 1 else 's'} cannot be read" if files else ""
        needless = len(self.unused)
        line += f"; {needless} decision{' is' if needless == 1 else 's are'} about no hazard" if needless else ""
        return line


def accept_in_file(hazard: str) -> str:
    """The comment before a statement that accepts a hazard of it."""
    return f"-- steady: accept {hazard} because …"


def accept_in_inventory(hazard: str, name: str) -> str:
    """The same decision for an inventory, in YAML."""
    return f"steady_accept: [{inventory_entry(hazard, name)}]"


def inventory_entry(hazard: str, name: str) -> str:
    """One entry of steady_accept. A text in double quotes of JSON is one of YAML, too."""
    return f"{{hazard: {hazard}, object: {_yaml(name)}, because: …}}"


def _yaml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
