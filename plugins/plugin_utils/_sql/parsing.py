# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SQL file in PostgreSQL's own grammar: its statements as trees of pglast, and its comments."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import dataclass
from typing import Any

from .dialect import foreign_dialect
from .problem import SqlProblem
from .source import SqlSource, ascii_of

__all__ = [
    "PGLAST_MISSING",
    "Comment",
    "Parsed",
    "Token",
    "parse",
    "parse_block",
    "parse_query",
    "parsed_expression",
    "tokens_of",
    "written",
]


def _module(name: str) -> Any:
    """A module of pglast; None without pglast."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


parser = _module("pglast.parser")
_stream = _module("pglast.stream")


#: Why parse would not work, None when it does.
PGLAST_MISSING = (
    None
    if parser is not None
    else (
        "reading a migration in SQL needs the Python package pglast (8 or later) on the controller, in the Python that "
        "runs Ansible: pip install 'pglast>=8'"
    )
)

#: In one statement. pglast needs time in the square of it for the positions; rows in an INSERT can have so many.
_MANY_NOT_ASCII = 300
#: The statements with so many: of them no constant is looked at.
_OF_ROWS = {"INSERT", "UPDATE", "DELETE_P", "SELECT", "WITH", "VALUES", "MERGE"}
_COMMENTS = {"SQL_COMMENT", "C_COMMENT"}
_ERROR = re.compile(r"(?s)(?P<what>.*?)(?: at or near \"(?P<word>.*)\"| at end of input)?")


@dataclass(frozen=True)
class Comment:
    """A comment: its text with its signs, and where it begins in the file."""

    start: int
    text: str


@dataclass(frozen=True)
class Parsed:
    """One statement. start: the offset of its first word. node: pglast's tree, whose locations count from there.

    text: as it is written, without its comments. code: the same with spaces for comments, so that locations fit.
    comments: those before it and in it, and those behind it on its last line.
    """

    start: int
    text: str
    code: str
    node: Any
    comments: tuple[Comment, ...]


@dataclass(frozen=True)
class Token:
    """A word or sign of a statement: its name in PostgreSQL's grammar, and its offsets, end exclusive."""

    name: str
    start: int
    end: int


#: A dump of another server has thousands.
_MOST_PROBLEMS = 50
#: Operators in a row, and UNIONs: with some tens of thousands pglast's recursion ends the whole process.
_MOST_OPERATORS = 10_000
_MOST_SETS = 4_000
_OPERATORS = frozenset(
    ["Op", "AND", "OR", "TYPECAST", "LIKE", "IS", "COLLATE", "LESS_EQUALS", "GREATER_EQUALS", "NOT_EQUALS", "ASCII_91"]
    + [f"ASCII_{ord(sign)}" for sign in "+-*/%^<>="]
)
_SETS = frozenset(["UNION", "INTERSECT", "EXCEPT"])


@dataclass
class _Piece:
    """Tokens of a statement, as first and last offset, and its comments. operators: in a row; most: the longest."""

    start: int
    end: int
    inner: list[Comment]
    before: list[Comment]
    operators: int = 0
    most: int = 0
    sets: int = 0
    first: str = ""

    def count(self, name: str) -> None:
        """How deep the statement may be nested."""
        if name in _OPERATORS:
            self.operators += 1
            self.most = max(self.most, self.operators)
        elif name in _SETS:
            self.sets += 1
        elif name == "ASCII_44":
            self.operators = 0

    @property
    def is_too_deep(self) -> bool:
        return self.most > _MOST_OPERATORS or self.sets > _MOST_SETS


def tokens_of(code: str) -> list[Token]:
    """The words and signs of a statement that was parsed, without comments."""
    return [
        Token(token.name, token.start, token.end + 1)
        for token in parser.scan(ascii_of(code))
        if token.name not in _COMMENTS
    ]


def parse(source: SqlSource, text: str) -> tuple[list[Parsed], list[Comment]]:
    """The statements of the text in their order, and the comments behind the last one.

    text: the source's, or the same with spaces for what is not the server's. Raises SqlProblem with every statement
    that is no SQL of PostgreSQL. Call it only when PGLAST_MISSING is None.
    """
    try:
        pieces, rest = _pieces(text)
    except parser.ParseError as error:
        raise SqlProblem(_broken(source, text, 0, error, _Dialect(text))) from None
    parsed: list[Parsed] = []
    problems: list[str] = []
    dialect = _Dialect(text)
    for piece in pieces:
        code = _code(text, piece)
        if piece.is_too_deep:
            problems.append(source.at(piece.start, "is nested too deeply to be read"))
            continue
        try:
            plain = piece.first in _OF_ROWS and not _few_not_ascii(code)
            nodes = parser.parse_sql(_ascii_constants(code) if plain else code)
        except parser.ParseError as error:
            problems.append(_broken(source, code, piece.start, error, dialect))
            continue
        statement = text[piece.start : piece.end]
        for node in nodes:
            parsed.append(
                Parsed(
                    piece.start,
                    _without(statement, piece) if piece.inner else statement,
                    code,
                    node.stmt,
                    (*piece.before, *piece.inner),
                )
            )
    if len(problems) > _MOST_PROBLEMS:
        more = len(problems) - _MOST_PROBLEMS
        problems = [*problems[:_MOST_PROBLEMS], f"{source.file}:1:1: {more:,} more statements are no SQL of PostgreSQL"]
    if problems:
        raise SqlProblem("\n".join(problems))
    return parsed, rest


@dataclass
class _Dialect:
    """Whose SQL a text is, once it is known not to be PostgreSQL's; looked for at the first error."""

    text: str
    found: str | None = None

    def name(self) -> str:
        if self.found is None:
            self.found = foreign_dialect(self.text, "")
        return self.found


def _pieces(text: str) -> tuple[list[_Piece], list[Comment]]:
    """The statements by their semicolons: not those in parentheses (CREATE RULE) or in BEGIN ATOMIC … END."""
    pieces: list[_Piece] = []
    comments: list[Comment] = []
    piece: _Piece | None = None
    depth, blocks, last, atomic = 0, 0, "", False
    for token in parser.scan(ascii_of(text)):
        name = token.name
        if name in _COMMENTS:
            comment = Comment(token.start, text[token.start : token.end + 1])
            if piece is not None:
                piece.inner.append(comment)
            elif pieces and "\n" not in text[pieces[-1].end : token.start]:
                pieces[-1].inner.append(comment)
            else:
                comments.append(comment)
            continue
        if name == "ASCII_59" and depth <= 0 and blocks == 0:
            piece, depth, last, atomic = None, 0, "", False
            continue
        if piece is None:
            piece = _Piece(token.start, token.end + 1, [], comments, first=name)
            pieces.append(piece)
            comments = []
        piece.end = token.end + 1
        piece.count(name)
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(name, 0)
        # psql's own rule (psqlscan.l): within a routine's body, CASE and BEGIN open what END closes.
        if name == "ATOMIC" and last == "BEGIN_P":
            atomic, blocks = True, blocks + 1
        elif atomic and name == "CASE":
            blocks += 1
        elif atomic and name == "END_P":
            blocks = max(0, blocks - 1)
        last = name
    return pieces, comments


def _code(text: str, piece: _Piece) -> str:
    code = text[piece.start : piece.end]
    for comment in piece.inner:
        start = comment.start - piece.start
        if start < len(code):
            blank = re.sub(r"[^\r\n]", " ", comment.text)
            code = code[:start] + blank + code[start + len(blank) :]
    return code


def _without(statement: str, piece: _Piece) -> str:
    """The statement without its comments. One within a constant of several lines (4.1.2.1) is part of its token."""
    kept, at = [], 0
    for comment in piece.inner:
        start = comment.start - piece.start
        if start < len(statement):
            kept.append(statement[at:start].rstrip(" \t"))
            at = start + len(comment.text)
            kept.append("" if statement[at : at + 1].isspace() else " ")
    return "".join(kept) + statement[at:]


def _few_not_ascii(code: str) -> bool:
    return code.isascii() or len(code.encode("utf-8")) - len(code) < _MANY_NOT_ASCII


def _ascii_constants(code: str) -> str:
    """The statement with ASCII in its string constants: names stay as they are."""
    plain = ascii_of(code)
    kept, at = [], 0
    for token in parser.scan(plain):
        if token.name == "SCONST":
            kept += [code[at : token.start], plain[token.start : token.end + 1]]
            at = token.end + 1
    return "".join(kept) + code[at:]


def _broken(source: SqlSource, code: str, start: int, error: Any, dialect: _Dialect) -> str:
    """A syntax error in words; the offset of the word that the grammar did not expect is pglast's second argument."""
    arguments: list[Any] = [*error.args, None]
    message, offset = arguments[:2]
    found = _ERROR.fullmatch(message)
    what = found.group("what") if found else message
    word = _first_word(found.group("word") or "") if found else ""
    if offset is None:
        offset = len(code.rstrip())
        word = ""
        what = f"{what}: the statement ends too early" if "end of input" in message else what
    near = f' at "{word}"' if word else ""
    advice = foreign_dialect(code, word) or dialect.name()
    return source.at(start + offset, f"{what}{near}{f': {advice}' if advice else ''}")


def _first_word(text: str) -> str:
    """An error in an open constant quotes everything to the end of the file."""
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= 40 else line[:39] + "…"


def parsed_expression(text: str) -> Any:
    """The tree of an expression; None for what is none. It is read as CREATE INDEX reads it, within parentheses."""
    try:
        statement = parser.parse_sql(f"CREATE INDEX ON x ((\n{text}\n))")
    except parser.ParseError:
        return None
    parameters: tuple[Any, ...] = getattr(statement[0].stmt, "indexParams", ()) if len(statement) == 1 else ()
    return parameters[0].expr if len(parameters) == 1 else None


def written(node: Any) -> str:
    """A tree as SQL text, in pglast's words."""
    return str(_stream.RawStream()(node))


def parse_query(text: str) -> list[Any] | None:
    """The trees of a text that may be SQL; None where it is none."""
    try:
        return [statement.stmt for statement in parser.parse_sql(text)]
    except parser.ParseError:
        return None


def parse_block(body: str) -> Any:
    """The body of a DO block in PL/pgSQL as libpg_query's JSON; None where it cannot be read."""
    tag = "$steady$" if "$steady$" not in body else "$steady_body$"
    text = f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS {tag}{body}{tag}"
    try:
        return json.loads(parser.parse_plpgsql_json(text))
    except (parser.ParseError, ValueError):
        return None
