# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be read: a file, or a place in one."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Unreadable", "placed"]

_PLACED = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?: (?P<message>.*)", re.DOTALL)


@dataclass(frozen=True)
class Unreadable:
    """file: as it was named. line, column: from 1, None where it is about the whole file."""

    file: str
    line: int | None
    column: int | None
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.message}"


def placed(sentence: str, file: str) -> Unreadable:
    """A line of a reader's message, `file:line:column: …` or `file:line: …`; file: where it names none."""
    found = _PLACED.fullmatch(sentence)
    if found is None:
        return Unreadable(file, None, None, sentence.removeprefix(f"{file}: "))
    column = found["column"]
    return Unreadable(found["file"], int(found["line"]), int(column) if column else None, found["message"])
