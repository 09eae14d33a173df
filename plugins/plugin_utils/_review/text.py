# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A review on a terminal: each statement in one line, what to decide about it below, and the count as the last line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._sql.values import Hazard, Reading, Statement
from .review import Review, ReviewVerdict, accept_in_file, accept_in_inventory, standing

__all__ = ["review_lines"]

_WIDEST = max(len(one.value) for one in ReviewVerdict)
#: Characters. A summary is a short line; names in it can be long.
_LONGEST_SUMMARY = 160
#: Of one kind: a folder of migrations can have hundreds, and the files have them all.
_MOST_PLACES = 3
_ADVICE = "run them with your own tool, in files of their own, with lock_timeout set; the reports say it for each"


def review_lines(review: Review, files: str = "", more: Sequence[str] = ()) -> list[str]:
    """The lines. files: the folder of the reports, empty without any. more: said before the end."""
    lines: list[str] = []
    for reading in review.readings:
        lines += _reading_lines(reading)
    lines += _listed("cannot be read:", [str(one) for one in review.unreadable])
    lines += _listed(
        "decisions about hazards that are not there; remove or correct them:", [str(u) for u in review.unused]
    )
    lines += _not_carried_out(review.not_carried_out)
    undecided = next((hazard for one in review.statements for hazard in one.undecided), None)
    if undecided is not None:
        example = accept_in_inventory(undecided.name, _one(undecided.object))
        lines.append(f"a decision can also be in the inventory: {example}")
    lines += [_one(note) for note in (*review.notes, *more)]
    lines += [f"reports: {files}"] if files else []
    return [*lines, review.last_line()]


def _not_carried_out(missing: Sequence[Statement]) -> Iterator[str]:
    """How many, and which, by their kind: what to do is the same for all of one kind."""
    if not missing:
        return
    verb, them = ("statement is", "it") if len(missing) == 1 else ("statements are", "them")
    yield f"{len(missing)} {verb} understood, but this version of deploy.yml does not carry {them} out:"
    kinds: dict[str, list[str]] = {}
    for one in missing:
        kinds.setdefault(_one(one.kind), []).append(_place(one))
    for kind, places in kinds.items():
        more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
        yield f"  {len(places)} × {kind}: {', '.join(places[:_MOST_PLACES])}{more}"
    mends = {_one(one.mend) for one in missing}
    yield f"  what to do: {mends.pop() if len(mends) == 1 else _ADVICE}"


def _listed(title: str, sentences: Sequence[str]) -> list[str]:
    return [title, *(f"  {_one(one)}" for one in sentences)] if sentences else []


def _reading_lines(reading: Reading) -> Iterator[str]:
    for note in reading.notes:
        yield f"{_one(reading.id)}: {_one(note)}"
    width = max((len(_place(one)) for one in reading.statements), default=0)
    for statement in reading.statements:
        stands = standing(statement)
        later = statement.entries is None and stands is not ReviewVerdict.NOT_UNDERSTOOD
        about = _short(statement.summary) + (" (not carried out yet)" if later else "")
        yield f"{_place(statement):<{width}}  {stands.value:<{_WIDEST}}  {about}"
        if stands is ReviewVerdict.NOT_UNDERSTOOD and statement.mend:
            yield f"    what to do: {_one(statement.mend)}"
        for hazard in statement.hazards:
            yield from _hazard_lines(hazard)
        yield from _several("instead: ", statement.instead)
        yield from (f"    note: {_one(note)}" for note in statement.notes)


def _hazard_lines(hazard: Hazard) -> Iterator[str]:
    about = f"{hazard.name}, {_one(hazard.object)}: {_one(hazard.message)}"
    if hazard.accepted is not None:
        yield f"    accepted: {about} Because: {_one(hazard.accepted)}"
        return
    yield f"    {about}"
    yield f"      to accept it, write before the statement:  {accept_in_file(hazard.name)}"


def _several(title: str, text: str) -> Iterator[str]:
    """A text that may have several lines, such as the statements that are run instead."""
    for number, line in enumerate(text.strip().splitlines()):
        yield f"    {title if number == 0 else ' ' * len(title)}{line.rstrip()}"


def _place(statement: Statement) -> str:
    return f"{_one(statement.file)}:{statement.line}"


def _one(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    line = _one(text)
    return line if len(line) <= _LONGEST_SUMMARY else f"{line[: _LONGEST_SUMMARY - 1]}…"
