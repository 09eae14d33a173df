# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a SQL file, and where a character of it stands."""

from __future__ import annotations

import bisect
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ...module_utils._support.problem import one_line
from .problem import SqlProblem

__all__ = ["LARGEST_FILE", "SqlSource", "ascii_of", "read_source"]

#: Bytes. 10,000 statements of an ORM are a fifth of it. pglast needs a second and 50 MB for each of its megabytes, and
#: nobody reviews more; what is larger holds rows.
LARGEST_FILE = 4 * 1024 * 1024
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
#: Characters of which PostgreSQL says nothing where they stand: a space of another width is part of a name.
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True)
class SqlSource:
    """A file: how it is called in messages, and its text, lines ended as it has them."""

    file: str
    text: str
    starts: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, file: str, text: str) -> SqlSource:
        return cls(file, text, (0, *(found.end() for found in re.finditer(r"\r\n|\n|\r", text))))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character."""
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def at(self, offset: int, message: str) -> str:
        """A line of a message about a character."""
        line, column = self.place(offset)
        return f"{self.file}:{line}:{column}: {one_line(message)}"


def ascii_of(text: str) -> str:
    """The text with an x for each character that is not ASCII: to PostgreSQL's scanner both are letters.

    pglast counts characters for each position anew, which takes minutes in a long text that is not ASCII.
    """
    return text if text.isascii() else _NOT_ASCII.sub("x", text)


def read_source(path: Path, file: str) -> SqlSource:
    """The file's text. Raises SqlProblem for what is no readable UTF-8 file of a migration's size."""
    content = _content(path, file)
    if content.startswith(_UTF16) or _looks_like_utf16(content):
        raise SqlProblem(f"{file}: is UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8), nothing was read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise SqlProblem(
            f"{file}:{line}:{column}: is not UTF-8: byte 0x{content[error.start]:02x}; a file in Latin-1 or "
            "Windows-1252 looks like this: save it as UTF-8 (iconv -f LATIN1 -t UTF-8)"
        ) from None
    source = SqlSource.of(file, text)
    if "\0" in text:
        raise SqlProblem(source.at(text.index("\0"), "there is a NUL character, which SQL cannot contain: remove it"))
    return source


def _looks_like_utf16(content: bytes) -> bool:
    """Without a byte order mark: every other byte of ASCII text is NUL."""
    head = content[:200]
    return len(head) > 3 and 0 in head and (not any(head[1::2]) or not any(head[::2]))


def _content(path: Path, file: str) -> bytes:
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise SqlProblem(f"{file}: is a directory: name the SQL file in it")
        # A pipe or a device might never end, or never begin.
        if not stat.S_ISREG(kind.st_mode):
            raise SqlProblem(f"{file}: is not a regular file")
        with path.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SqlProblem(f"{file}: cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise SqlProblem(f"{file}: cannot be read: a path has no NUL character") from None
    if len(content) > LARGEST_FILE:
        raise SqlProblem(
            f"{file}: has {max(kind.st_size, len(content)):,} bytes; a migration in SQL may have {LARGEST_FILE:,}: "
            "split it, and load large amounts of rows with psql's \\copy before or after the deployment"
        )
    return content
