# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a SQL file for psql and not for the server: its commands, and the rows behind COPY … FROM stdin.

psql's manual, "Meta-Commands": a command begins with a backslash outside of quotes and ends with its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .opaque import OPAQUE, comment_end
from .problem import SqlProblem
from .source import SqlSource

__all__ = ["Command", "without_psql"]


@dataclass(frozen=True)
class Command:
    """A command of psql. start: the offset of its backslash. name: without it. rest: the line behind the name.

    verdict: "nothing" where leaving it out changes nothing, "refused" where it would; why: in a sentence.
    """

    start: int
    name: str
    rest: str
    refused: bool
    why: str


_OUTPUT = "it only changes what psql prints"
_PRINTING = (
    *("a", "C", "echo", "encoding", "errverbose", "f", "H", "html", "p", "pset", "qecho", "s", "t", "T"),
    *("timing", "unset", "warn", "w", "write", "x", "set"),
)
_HARMLESS = {
    **dict.fromkeys(
        _PRINTING,
        _OUTPUT,
    ),
    **dict.fromkeys(["restrict", "unrestrict"], "it only restricts which commands psql takes"),
}
_FILES = "deploy.yml reads no other file from here: name each file, or put its text here"
_QUERY = "what it would run depends on rows that are not known here: write the statements"
_REFUSED = {
    **dict.fromkeys(["i", "include", "ir", "include_relative"], _FILES),
    **dict.fromkeys(["c", "connect"], "one migration changes one database: make a file for each database"),
    **dict.fromkeys(["if", "elif", "else", "endif"], "what applies cannot be known before it runs: write two files"),
    **dict.fromkeys(["g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch", "bind", "parse", "prompt"], _QUERY),
    **dict.fromkeys(["bind_named", "close_prepared", "startpipeline", "endpipeline", "sendpipeline"], _QUERY),
    **dict.fromkeys(["syncpipeline", "flush", "flushrequest", "getresults", "gp", "getenv", "setenv"], _QUERY),
    **dict.fromkeys(["r", "reset"], "psql forgets the statement that stands before it: remove both"),
    "copy": "it moves rows between a file and a table: run it with psql, before or after the deployment",
    "!": "it runs a program: run it before or after the deployment",
    **dict.fromkeys(["o", "out", "cd", "e", "edit", "ef", "ev", "password"], "it acts outside of the database"),
    **dict.fromkeys(["lo_import", "lo_export", "lo_unlink"], "it moves large objects: run it with psql"),
}
#: Settings of psql that change what a file means.
#: AUTOCOMMIT is on and SINGLELINE off only with these words or what they begin with (ParseVariableBool of psql).
_SETTINGS = re.compile(
    r"(?i)set\s+AUTOCOMMIT\b(?!\s*'?(?:t|tr|tru|true|y|ye|yes|on|1)?'?$).*"
    r"|set\s+SINGLELINE\b(?!\s+'?(?:f|fa|fal|fals|false|n|no|of|off|0)'?$).*"
    r"|encoding +(?!'?utf-?8)\S+"
)
#: What lists objects: \d and its family, and others that only print.
_LISTING = re.compile(r"d\w*\+?|l\+?|list\+?|z|sf\+?|sv\+?|conninfo|copyright|h|help|\?|lo_list\+?|encoding")
#: Commands that send what stands before them: a statement ends there.
_SENDS = {"g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch", "bind", "parse"}

_PERHAPS_VARIABLE = re.compile(r"(?<!:):(?:['\"{]|[^\W\d])")
_FROM_STDIN = re.compile(r"(?is)\s*COPY\b.*\bFROM\s+STDIN\b")
_NAME = re.compile(r"\\(?P<name>[!?]|[^\s\\;'\"(]*)(?P<rest>[^\r\n]*)")
_DATA_END = re.compile(r"(?m)^\\\.[ \t]*\r?$")


def without_psql(source: SqlSource, text: str) -> tuple[str, list[Command]]:
    """The text with spaces for what is psql's, so that all offsets stay, and the commands.

    text: the source's, or one of its length. Raises SqlProblem for commands that psql does not have.
    """
    if "\\" not in text and "stdin" not in text.lower() and not _PERHAPS_VARIABLE.search(text):
        return text, []
    return _Lexer(source, text).run()


class _Lexer:
    def __init__(self, source: SqlSource, text: str) -> None:
        self.source = source
        self.text = text
        self.pieces: list[str] = []
        self.kept = 0
        self.begin = 0
        self.commands: list[Command] = []
        self.problems: list[str] = []

    def run(self) -> tuple[str, list[Command]]:
        position = 0
        while True:
            found = OPAQUE.search(self.text, position)
            if found is None:
                break
            position = found.end()
            if found.group("block"):
                position = comment_end(self.text, found.start())
            elif found.group("variable"):
                self.problems.append(
                    self.source.at(
                        found.start(),
                        f"{found.group()} is a variable of psql, which is not replaced here: write its value; where a "
                        "colon is PostgreSQL's, as in a slice, write a space behind it",
                    )
                )
            elif found.group("backslash"):
                position = self._command(found.start())
            elif found.group("end"):
                position = self._statement_end(found.start())
        if self.problems:
            raise SqlProblem("\n".join(self.problems))
        return "".join(self.pieces) + self.text[self.kept :], self.commands

    def _command(self, start: int) -> int:
        found = _NAME.match(self.text, start)
        if found is None:
            return start + 1
        name, rest = found.group("name"), found.group("rest").strip()
        if name == "." and self.text[self.begin : start].strip() == "":
            # The end of rows without their COPY: psql ignores it.
            self._blank(start, found.end())
            return found.end()
        if name == "" and rest.startswith(";"):
            # "SELECT 1\\; SELECT 2;" is sent as one text, of two statements.
            self._blank(start, start + 1)
            return start + 1
        if name == "":
            self.problems.append(self.source.at(start, "a backslash stands outside of quotes, where SQL has none"))
            self._blank(start, start + 1)
            return start + 1
        # "\echo a \\ SELECT 1": two backslashes end a command within its line.
        end = found.start("rest") + (found.group("rest").find("\\\\") if "\\\\" in rest else len(found.group("rest")))
        self._blank(start, end + (2 if "\\\\" in rest else 0), ";" if name in _SENDS else "")
        self._add(start, name, rest)
        self.begin = max(end, start + 1)
        return self.begin

    def _add(self, start: int, name: str, rest: str) -> None:
        if name in ("q", "quit"):
            refused = bool(self.text[_NAME.match(self.text, start).end() :].strip())  # type: ignore[union-attr]
            why = "psql reads nothing behind it: remove what follows, or the command" if refused else _OUTPUT
            self.commands.append(Command(start, name, rest, refused, why))
        elif _SETTINGS.fullmatch(f"{name} {rest}"):
            self.commands.append(Command(start, name, rest, True, "psql would read what follows in another way"))
        elif name in _REFUSED:
            self.commands.append(Command(start, name, rest, True, _REFUSED[name]))
        elif name in _HARMLESS or _LISTING.fullmatch(name):
            self.commands.append(Command(start, name, rest, False, _HARMLESS.get(name, _OUTPUT)))
        else:
            self.problems.append(self.source.at(start, f"\\{name} is no command of psql"))

    def _statement_end(self, semicolon: int) -> int:
        statement = self.text[self.begin : semicolon]
        self.begin = semicolon + 1
        if "stdin" not in statement.lower() or not _FROM_STDIN.match(_without_comments(statement)):
            return semicolon + 1
        line_end = re.compile(r"\r?\n").search(self.text, semicolon)
        if line_end is None:
            return len(self.text)
        closing = _DATA_END.search(self.text, line_end.end())
        if closing is None:
            self.problems.append(
                self.source.at(line_end.end(), "the rows of COPY … FROM stdin have no end: a line with only \\.")
            )
            self._blank(line_end.end(), len(self.text))
            return len(self.text)
        self._blank(line_end.end(), closing.end())
        self.begin = closing.end()
        return closing.end()

    def _blank(self, start: int, end: int, instead: str = "") -> None:
        """Spaces for everything but the ends of lines, from which places are counted."""
        self.pieces.append(self.text[self.kept : start])
        blank = re.sub(r"[^\r\n]", " ", self.text[start:end])
        self.pieces.append(instead + blank[len(instead) :])
        self.kept = end


def _without_comments(statement: str) -> str:
    """Good enough for the first word of a statement."""
    return re.sub(r"(?s)--[^\n]*|/\*.*?\*/", " ", statement)
