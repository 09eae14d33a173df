# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a file that a migration tool would carry out: without what it keeps for the way back."""

from __future__ import annotations

import re

from .source import SqlSource

__all__ = ["without_down"]

#: goose, sql-migrate, dbmate, and Play's evolutions: a comment on a line of its own.
_MARKS = re.compile(
    r"(?im)^[ \t]*(?:--[ \t]*\+goose[ \t]+(?P<goose>Up|Down)\b|--[ \t]*\+migrate[ \t]+(?P<migrate>Up|Down)\b"
    r"|--[ \t]*migrate:(?P<dbmate>up|down)\b|\#[ \t]*---[ \t]*!(?P<play>Ups|Downs)\b)[^\r\n]*"
)


def without_down(source: SqlSource, text: str) -> tuple[str, str | None]:
    """The text with spaces for what undoes the migration, so that all offsets stay; and a note about it."""
    marks = [(found, next(word for word in found.groups() if word).lower()) for found in _MARKS.finditer(text)]
    if not any(word.startswith("down") for _found, word in marks):
        return text, None
    pieces, at = [], 0
    first = 0
    for number, (found, word) in enumerate(marks):
        if word.startswith("down"):
            end = marks[number + 1][0].start() if number + 1 < len(marks) else len(text)
            first = first or source.place(found.start())[0]
            pieces += [text[at : found.start()], re.sub(r"[^\r\n]", " ", text[found.start() : end])]
            at = end
    note = f"{source.file}:{first}: the part for the way back is not read: rollback.yml undoes what was done"
    return "".join(pieces) + text[at:], note
