# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mistake in what the user wrote: where it is, and what is wrong, in words of the file and not of Python."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Iterable, Tuple, Union

__all__ = ["Mistake", "Path", "hint", "kind_of", "nearest", "one_line", "place_of", "quoted"]

#: Keys of mappings and positions in lists (from 0), from the outside in.
Path = Tuple[Union[str, int], ...]

_PLAIN_KEY = re.compile(r"[^\W\d][\w-]*")
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    path: leads from the root (or from the entry) to the place.
    message: one line, a clause or a sentence without the place in it.
    """

    path: Path
    message: str

    @property
    def place(self) -> str:
        """The path as people write it, ``indexes[2].columns[0].order``; empty for the root."""
        return place_of(self.path)

    def below(self, *prefix: str | int) -> Mistake:
        """The same problem, seen from further up: ``prefix`` leads to what its path was relative to."""
        return Mistake(prefix + self.path, self.message)


def place_of(path: Path) -> str:
    """``path`` as people write it, ``indexes[2].columns[0].order``; empty for the root."""
    place = ""
    for step in path:
        if isinstance(step, int):
            place += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            place += f".{step}" if place else step
        else:
            place += f"[{quoted(step)}]"
    return place


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that the writer of ``word`` most likely meant, or None.

    A difference in case alone comes first (``appointment`` means ``Appointment``): it is the usual mistake with
    quoted names, and similarity alone might prefer another name.
    """
    candidates = list(known)
    if word in candidates:
        return word
    folded: dict[str, str] = {}
    for candidate in candidates:
        folded.setdefault(candidate.casefold(), candidate)
    if word.casefold() in folded:
        return folded[word.casefold()]
    close = difflib.get_close_matches(word.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def hint(word: str, known: Iterable[str]) -> str:
    """What to write instead of ``word``: ``did you mean "columns"?``, else all of ``known``."""
    candidates = list(known)
    likely = nearest(word, candidates)
    return f"did you mean {quoted(likely)}?" if likely is not None else f"known are: {', '.join(candidates)}"


def quoted(text: str) -> str:
    """``text`` in double quotes on one line, fit for any terminal and log: cut at 80 characters, escapes as in JSON.

    Names come from files and may hold line breaks, control characters or lone surrogates (which no output encodes).
    """
    shown = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    visible = "".join(_visible(character) for character in shown)
    return f'"{visible}"'


def one_line(text: str) -> str:
    """``text``, such as a library's message, on one line: runs of white space become one space, the rest is visible."""
    return "".join(_printable(character) for character in " ".join(text.split()))


def _visible(character: str) -> str:
    return "\\" + character if character in '"\\' else _printable(character)


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def kind_of(value: Any) -> str:
    """What ``value`` is in the words of YAML and JSON ("a string", "a list", "empty"), never a Python type's name."""
    # bool comes before int: Python counts booleans as integers.
    for types, word in (
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        (Mapping, "a mapping"),
        ((list, tuple), "a list"),
        ((datetime.date, datetime.datetime), "a date"),
        ((set, frozenset), "a set"),
        (bytes, "binary data"),
    ):
        if isinstance(value, types):
            return word
    return "empty" if value is None else "something else"
