# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts rows in the SQL text of a dump as it flows by: at the speed of a search for bytes, in constant memory."""

from __future__ import annotations

import re
from typing import Callable, Dict, Optional, Tuple

from ..._support.driver import extensions

__all__ = ["RowCounter"]

_NAME = rb'(?:"(?:[^"]|"")+"|[^\s".(]+)'
_HEADER = re.compile(rb"\nCOPY (" + _NAME + rb")\.(" + _NAME + rb")(?: \(.*?\)| ) FROM stdin;\n", re.DOTALL)
_BEGIN = b"\nCOPY "
_END = b"\n\\.\n"
_ENCODING = re.compile(rb"^SET client_encoding = '(\w+)';$", re.MULTILINE)
# 1,600 columns with names of 63 characters, quoted: a header that is longer is none.
_LONGEST_HEADER = 1 << 19


class RowCounter:
    """rows: by (schema, table), as far as the text was fed. open: the table whose data did not come to its end.

    between gets what is not rows, in pieces: all but the last bytes, which may be the beginning of a COPY.
    """

    def __init__(self, between: Optional[Callable[[bytes], None]] = None) -> None:
        self._tell = between
        self.rows: Dict[Tuple[str, str], int] = {}
        self.total = 0
        self.open: Optional[Tuple[str, str]] = None
        self._rest = b"\n"
        self._codec = "utf-8"

    def feed(self, piece: bytes) -> None:
        """The next piece of the text, of any length."""
        text = self._rest + piece
        position = 0
        while position >= 0:
            text, position = self._data(text, position) if self.open else self._between(text, position)
        self._rest = text

    def _data(self, text: bytes, start: int) -> Tuple[bytes, int]:
        """In the data of a table, text[start] being the end of the line before."""
        table = self.open
        if table is None:
            return text, -1
        end = text.find(_END, start)
        # Without an end in sight the last bytes may be the beginning of one.
        upto = end + 1 if end >= 0 else max(start, len(text) - len(_END) + 1)
        lines = text.count(b"\n", start, upto)
        self.rows[table] += lines
        self.total += lines
        if end < 0:
            return text[upto:], -1
        self.open = None
        return text, end + len(_END) - 1

    def _between(self, text: bytes, start: int) -> Tuple[bytes, int]:
        begin = text.find(_BEGIN, start)
        if begin < 0:
            begin = max(start, len(text) - len(_BEGIN) + 1)
            self._say(text, start, begin)
            return text[begin:], -1
        self._say(text, start, begin)
        header = _HEADER.match(text, begin)
        if header is None:
            if len(text) - begin < _LONGEST_HEADER:
                return text[begin:], -1
            self._say(text, begin, begin + 1)
            return text, begin + 1
        self.open = (self._plain(header.group(1)), self._plain(header.group(2)))
        self.rows.setdefault(self.open, 0)
        # The end of the header's line counts as one in _data.
        self.rows[self.open] -= 1
        self.total -= 1
        return text, header.end() - 1

    def _say(self, text: bytes, start: int, end: int) -> None:
        encoding = _ENCODING.search(text, start, end) if not self.rows else None
        if encoding is not None:
            # In an SQL_ASCII database a name has the bytes that its maker's client sent.
            self._codec = extensions.encodings.get(encoding.group(1).decode("ascii"), "utf-8").replace("ascii", "utf-8")
        if self._tell is not None and end > start:
            self._tell(text[start:end])

    def _plain(self, name: bytes) -> str:
        text = name.decode(self._codec, "replace")
        return text[1:-1].replace('""', '"') if text.startswith('"') else text
