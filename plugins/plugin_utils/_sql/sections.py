# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a file that a migration tool would carry out: without what it keeps for the way back."""

from __future__ import annotations

import re

from .opaque import quoted
from .source import SqlSource

__all__ = ["without_down"]

#: goose, sql-migrate, dbmate, micrate, rambler, node-pg-migrate, MyBatis, tern, Play's evolutions: a comment on a line.
_MARKS = re.compile(
    r"(?im)^[ \t]*(?:--[ \t]*\+(?:goose|migrate|micrate)[ \t]+(?P<plus>Up|Down)\b"
    r"|--[ \t]*(?:migrate:|rambler[ \t]+)(?P<dbmate>up|down)\b|(?:\#[ \t]*---|--[ \t]*-*)[ \t]*!(?P<play>Ups|Downs)\b"
    r"|--[- \t]*(?P<node>Up|Down)[ \t]+Migration\b|--+[ \t]*(?P<word>Up|Down)[ \t]*\r?$"
    r"|--[ \t]*//[ \t]*@(?P<undo>UNDO)\b|----[ \t]*create[ \t]+above[ \t]*/[ \t]*(?P<tern>drop)[ \t]+below[ \t]*----"
    r")[^\r\n]*"
)
_BACK = ("down", "undo", "drop")


def without_down(source: SqlSource, text: str) -> tuple[str, str | None]:
    """The text with spaces for what undoes the migration, so that all offsets stay; and a note about it."""
    marks = [(found, next(word for word in found.groups() if word).lower()) for found in _MARKS.finditer(text)]
    if not any(word.startswith(_BACK) for _found, word in marks):
        return text, None
    spans = list(quoted(text))
    marks = [(found, word) for found, word in marks if not any(a < found.end() <= b for a, b in spans)]
    if not any(word.startswith(_BACK) for _found, word in marks):
        return text, None
    pieces, at = [], 0
    first = 0
    for number, (found, word) in enumerate(marks):
        if word.startswith(_BACK):
            end = marks[number + 1][0].start() if number + 1 < len(marks) else len(text)
            first = first or source.place(found.start())[0]
            pieces += [text[at : found.start()], re.sub(r"[^\r\n]", " ", text[found.start() : end])]
            at = end
    note = f"{source.file}:{first}: the part for the way back is not read: rollback.yml undoes what was done"
    return "".join(pieces) + text[at:], note
