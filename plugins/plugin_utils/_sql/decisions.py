# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions in comments: -- steady: accept <hazard> [on <object>] because <reason>."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...module_utils._support.problem import hint, one_line, quoted
from .parsing import Comment
from .source import SqlSource
from .values import HAZARDS, Decision, Hazard, Statement, Verdict

__all__ = ["FORM", "Comments", "decide", "decisions_in", "verdict_of"]

FORM = "-- steady: accept <hazard> because <reason>"
_STEADY = re.compile(r"(?i)^\W*(?P<word>[a-z]{4,9})\s*(?P<colon>:?)\s*(?P<rest>.*)$")
_ACCEPT = re.compile(
    r"(?is)^accept\s+(?P<hazard>\S+?)(?:\s+on\s+(?P<object>.+?))?(?:\s+because\b\s*:?\s*(?P<because>.*))?$"
)
_ANY_ACCEPT = re.compile(rf"(?i)\baccept\w*\s+(?:{'|'.join(HAZARDS)})\b")
#: How alike a word must be to "steady": steedy, stedy, stready are, study is not.
_ALIKE = 0.72


@dataclass(frozen=True)
class Comments:
    """What the comments of a statement decide, and what is wrong with those that seem to, each with its place."""

    decisions: tuple[Decision, ...] = ()
    problems: tuple[str, ...] = ()


def decisions_in(comments: Sequence[Comment], source: SqlSource) -> Comments:
    """The decisions in the comments before a statement and in it."""
    decisions: list[Decision] = []
    problems: list[str] = []
    for comment in comments:
        for offset, line in _lines(comment):
            number = source.place(offset)[0]
            found = _decision(line, source.file, number)
            if isinstance(found, Decision):
                decisions.append(found)
            elif found:
                problems.append(f"{source.file}:{number}: {found}")
    return Comments(tuple(decisions), tuple(problems))


def _means_steady(word: str, begun: re.Match[str]) -> bool:
    """Whether a comment begins with "steady:", or with something like it that goes on with something like "accept"."""
    if word == "steady" and begun.group("colon"):
        return True
    alike = difflib.SequenceMatcher(None, word, "steady").ratio() >= _ALIKE
    return alike and re.match(r"(?i)a\w*c\w*t\b", begun.group("rest")) is not None


def _lines(comment: Comment) -> Iterator[tuple[int, str]]:
    """Each line of a comment with its offset in the file, without the signs of the comment."""
    offset = comment.start
    for line in comment.text.splitlines(keepends=True):
        text = line.strip()
        text = text.removeprefix("--").removeprefix("/*").removesuffix("*/").strip().removeprefix("*").strip()
        yield offset, text
        offset += len(line)


def _decision(line: str, file: str, number: int) -> Decision | str | None:
    """The decision of a line of a comment; what is wrong with it; or None for a comment of another kind."""
    begun = _STEADY.match(line)
    word = begun.group("word").lower() if begun else ""
    is_ours = begun is not None and _means_steady(word, begun)
    if begun is None or not is_ours:
        if _ANY_ACCEPT.search(line):
            return f'this comment is no decision, since it does not begin with "steady:": write {FORM}'
        return None
    if word != "steady" or not begun.group("colon"):
        return f'this comment is no decision: write "steady:", as in {FORM}'
    accepted = _ACCEPT.match(begun.group("rest").strip())
    if accepted is None:
        return f'this comment begins with "steady:" but is no decision: write {FORM}'
    hazard, because = accepted.group("hazard"), (accepted.group("because") or "").strip()
    if hazard not in HAZARDS:
        return f"there is no hazard {quoted(hazard)}; {hint(hazard, HAZARDS)}"
    if not because:
        return f"the decision about {hazard} has no reason, so it does not count: write {FORM}"
    about = (accepted.group("object") or "").strip() or None
    return Decision(hazard, because, file, number, about)


def decide(statement: Statement, decisions: Iterable[Decision]) -> tuple[Statement, list[str]]:
    """The statement with what the decisions accept of it, and a sentence for each one that accepts nothing."""
    hazards = list(statement.hazards)
    unused: list[str] = []
    for decision in decisions:
        place = f"{decision.file}:{decision.line}"
        same = [position for position, hazard in enumerate(hazards) if hazard.name == decision.hazard]
        meant = [position for position in same if _is_about(decision, hazards[position])]
        for position in meant:
            hazards[position] = replace(hazards[position], accepted=decision.because)
        if not meant and same:
            objects = ", ".join(hazards[position].object for position in same)
            unused.append(
                f"{place}: accepts {decision.hazard} on {decision.object}, but the statement in line {statement.line} "
                f"has it on {objects}: name that, or remove the comment"
            )
        elif not meant:
            others = ", ".join(dict.fromkeys(hazard.name for hazard in hazards)) or "none"
            unused.append(
                f"{place}: accepts {decision.hazard}, which the statement in line {statement.line} does not have "
                f"(it has: {others}): remove the comment"
            )
    verdict = statement.verdict
    if verdict is not Verdict.NOT_UNDERSTOOD:
        verdict = verdict_of(statement.instead, hazards)
    return replace(statement, hazards=tuple(hazards), verdict=verdict), [one_line(sentence) for sentence in unused]


def verdict_of(instead: str, hazards: Iterable[Hazard]) -> Verdict:
    """The verdict of a statement that is understood."""
    if any(hazard.undecided for hazard in hazards):
        return Verdict.DECISION
    return Verdict.ANOTHER_WAY if instead else Verdict.AS_WRITTEN


def _is_about(decision: Decision, hazard: Hazard) -> bool:
    """With or without quotes, and with or without the schema."""
    if decision.object is None:
        return True
    named, about = decision.object.replace('"', ""), hazard.object
    return named == about or about.endswith(f".{named}") or named.endswith(f".{about}")
