# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hides signs in a SQL text: constants, names in quotes, comments (PostgreSQL documentation, 4.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["OPAQUE", "comment_end", "quoted"]

#: Found one after the other. Groups: backslash, end (a semicolon), block (where a comment begins), variable of psql.
OPAQUE = re.compile(
    r"""
    (?P<backslash> \\ )
    | (?P<end> ; )
    | (?P<block> /\* )
    | ::
    | (?P<variable> :(?: [^\W\d]\w* | '\w+' | "\w+" | \{\?\w+\} ) )
    | [eE]' (?: [^'\\] | '' | \\. )* (?: ' | \Z)
    | ' (?: [^'] | '' )* (?: ' | \Z)
    | " (?: [^"] | "" )* (?: " | \Z)
    | -- [^\n\r]*
    | \$(?P<tag> (?: [^\W\d]\w* )? )\$ .*? (?: \$(?P=tag)\$ | \Z)
    | [^\W\d][\w$]*
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def comment_end(text: str, start: int) -> int:
    """The offset behind a comment that begins with /*: they nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def quoted(text: str) -> Iterator[tuple[int, int]]:
    """The offsets of what may have several lines: constants, names in quotes, comments of the form /* … */."""
    position = 0
    while (found := OPAQUE.search(text, position)) is not None:
        position = comment_end(text, found.start()) if found.group("block") else found.end()
        if found.group("block") or found.group()[-1] in "'\"$":
            yield found.start(), position
