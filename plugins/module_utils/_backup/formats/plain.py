# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump in plain SQL is, read as it flows by: whether it is whole, of which version, and how many rows it has."""

from __future__ import annotations

import re
from typing import Optional

from .copy_stream import RowCounter

__all__ = ["PlainText"]

# What can begin a line between the rows of tables, and says something of the whole.
_LINE = re.compile(
    rb"^(?:(?P<insert>INSERT INTO )|(?P<create>CREATE (?:UNLOGGED )?TABLE )|\\(?P<command>[^\s]+)"
    rb"|-- Dumped (?P<what>from database|by pg_dump) version:? (?P<version>[^\n]*)"
    rb"|-- PostgreSQL database (?P<cluster>cluster )?dump$)",
    re.MULTILINE,
)
# pg_dump's last word. \unrestrict comes after it (pg_dump of August 2025 and later); what Supabase's command line makes
# of it, and what it adds, too.
_END = re.compile(
    rb"(?:^|\n)-- PostgreSQL database (?:cluster )?dump complete\n"
    rb"(?:--\n|\n|(?:-- )?\\unrestrict [A-Za-z0-9]+\n|RESET ALL;\n)*\Z"
)
_TAIL = 4096
# Of a longer line the beginning is enough.
_LONGEST_LINE = 1 << 16
# pg_dump writes these, and they lead nowhere.
_HARMLESS = frozenset([b"encoding", b"restrict", b"unrestrict"])


class PlainText:
    """Fed in pieces; ended() says when there is no more. rows: in counter, where rows are written with COPY.

    header: whether it says that it is PostgreSQL's. cluster: of pg_dumpall. tables: how many are created. inserts:
    whether rows are written with INSERT. command: a command to psql in it that may do anything.
    """

    def __init__(self) -> None:
        self.counter = RowCounter(self._between)
        self.bytes = 0
        self.header = self.cluster = self.inserts = self.complete = False
        self.tables = 0
        self.command: Optional[str] = None
        self.database_version: Optional[str] = None
        self.pg_dump_version: Optional[str] = None
        self._tail = b""
        self._line = b""

    def feed(self, piece: bytes) -> None:
        self.bytes += len(piece)
        self._tail = (self._tail + piece)[-_TAIL:]
        self.counter.feed(piece)

    def ended(self) -> None:
        self._look(self._line + b"\n")
        # What the counter keeps back is shorter than anything that is looked for.
        self.complete = self.counter.open is None and _END.search(self._tail) is not None

    def _between(self, text: bytes) -> None:
        text = self._line + text
        end = text.rfind(b"\n") + 1
        self._line = text[end : end + _LONGEST_LINE]
        self._look(text[:end])

    def _look(self, text: bytes) -> None:
        for found in _LINE.finditer(text):
            kind = found.lastgroup
            if kind == "insert":
                self.inserts = True
            elif kind == "create":
                self.tables += 1
            elif kind == "command":
                if found.group("command") not in _HARMLESS and self.command is None:
                    self.command = "\\" + found.group("command").decode("ascii", "replace")
            elif kind == "version":
                version = found.group("version").decode("ascii", "replace").strip()
                if found.group("what") == b"by pg_dump":
                    self.pg_dump_version = self.pg_dump_version or version
                else:
                    self.database_version = self.database_version or version
            else:
                self.header = True
                self.cluster = self.cluster or kind == "cluster"
