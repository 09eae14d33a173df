# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that cannot be read: each says where and why, in one line for each mistake."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql import reader
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.migration import migration_of
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.reader import SqlProblem, read_sql
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.source import LARGEST_FILE
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Verdict
from unit.plugins.sql.texts import one, problems, reading


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1;\n  selec 2;", ['m.sql:2:3: syntax error at "selec"']),
        ("selec 1;\nSELECT 1;\ncreat x;", ['m.sql:1:1: syntax error at "selec"', 'm.sql:3:1: syntax error at "creat"']),
        ("CREATE TABLE x (a int", ["m.sql:1:22: syntax error: the statement ends too early"]),
        ("SELECT 1;\nSELECT 'it;", ["m.sql:2:8: unterminated quoted string at \"'it;\""]),
        ("-- é\nSELECT 'é' fromm x y", ['m.sql:2:18: syntax error at "x"']),
        ("/* a /* b */ SELECT 1", ['m.sql:1:1: unterminated /* comment at "/* a /* b */ SELECT 1"']),
        ("SELECT 1 \\\n", ["m.sql:1:10: a backslash stands outside of quotes, where SQL has none"]),
        ("\\frobnicate x\nSELECT 1", ["m.sql:1:1: \\frobnicate is no command of psql"]),
        ("COPY t FROM stdin;\n1\t2\n", ["m.sql:2:1: the rows of COPY … FROM stdin have no end: a line with only \\."]),
        ("", ["m.sql:1:1: there is nothing in it"]),
        (" \r\n\n", ["m.sql:1:1: there is nothing in it"]),
        (
            "SELECT :x",
            [
                'm.sql:1:8: :x is a variable of psql, which is not replaced here: write its value; where a colon is '
                "PostgreSQL's, as in a slice, write a space behind it"
            ],
        ),
        (
            "CREATE TABLE ${t} (a int)",
            [
                'm.sql:1:14: syntax error at "$": ${t} is a placeholder: give the file as it is after your tool has '
                "replaced it"
            ],
        ),
    ],
)  # fmt: skip
def test_what_is_no_sql(text: str, said: list[str]) -> None:
    assert problems(text) == said


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("CREATE TABLE `user` (id INT AUTO_INCREMENT);", "MySQL"),
        ("CREATE TABLE t (id INT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;", "MySQL"),
        ("ALTER TABLE t DROP FOREIGN KEY f;", "MySQL"),
        ("PRAGMA foreign_keys=OFF;", "SQLite"),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);", "SQLite"),
    ],
)
def test_sql_of_other_servers(text: str, whose: str) -> None:
    assert [line.endswith(f"this looks like SQL of {whose}") for line in problems(text)] == [True]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT\u00a01", "a no-break space (U+00A0)"),
        ("SELECT 1;\ufeffSELECT 2", "a byte order mark (U+FEFF)"),
        ("INSERT INTO t VALUES (\u2019a b\u2019)", "a typographic quote (U+2019)"),
    ],
)
def test_a_character_that_looks_like_another_is_named(text: str, what: str) -> None:
    (line,) = problems(f"{text} FROM WHERE")
    assert line.endswith(
        f"there is {what}{' inside of the text' if 'FEFF' in what else ''} in it: write the ASCII character"
    )


def test_the_server_is_known_from_any_statement() -> None:
    first, _second = problems("LOCK TABLES t WRITE;\nCREATE TABLE `u` (a int);")
    assert first == 'm.sql:1:13: syntax error at "t": this looks like SQL of MySQL'


def test_of_thousands_of_mistakes_the_first_are_said() -> None:
    lines = problems("selec 1;\n" * 3_000)
    assert len(lines) == 51
    assert lines[-1] == "m.sql:1:1: 2,950 more statements are no SQL of PostgreSQL"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("SELECT 1;".encode("utf-16"), "m.sql: is UTF-16: save it as UTF-8"),
        ("SELECT 1;".encode("utf-16-be"), "m.sql: is UTF-16: save it as UTF-8"),
        ("SELECT 1;\n-- é".encode("latin-1"), "m.sql:2:4: is not UTF-8: byte 0xe9; a file in Latin-1"),
        (b"SELECT 1;\n \0", "m.sql:2:2: there is a NUL character"),
    ],
)
def test_other_encodings(content: bytes, said: str) -> None:
    assert problems(content)[0].startswith(said)


def test_a_byte_order_mark_and_crlf_do_no_harm() -> None:
    statements = reading(b"\xef\xbb\xbfSELECT 1;\r\n\r\nSELECT 2;").statements
    assert [(one.line, one.column, one.text) for one in statements] == [(1, 1, "SELECT 1"), (3, 1, "SELECT 2")]


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.sql"
    path.write_bytes(b"INSERT INTO t VALUES (1);\n" * 2_000_000)
    began = time.process_time()
    with pytest.raises(SqlProblem, match=rf"rows\.sql: has 52,000,000 bytes; .* may have {LARGEST_FILE:,}: split it"):
        read_sql([path], "m", lambda path: path.name)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("kind", ["a directory", "not a regular file", "cannot be read"])
def test_what_is_no_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "m.sql"
    if kind == "a directory":
        path.mkdir()
    elif kind == "not a regular file":
        os.mkfifo(path)
    with pytest.raises(SqlProblem, match=rf"m\.sql: (is )?{kind}"):
        read_sql([path], "m", lambda path: path.name)


def test_every_file_is_reported() -> None:
    assert [line[:10] for line in problems("selec", "SELECT 1", "creat")] == ["m.sql:1:1:", "m3.sql:1:1"]


def test_a_file_of_comments_does_nothing() -> None:
    """Prisma writes "-- This is an empty migration.", and psql runs it."""
    found = reading("-- This is an empty migration.\n;")
    assert (found.statements, migration_of(found)) == ((), {"id": "m"})
    assert found.notes == ("m.sql:1: there are only comments in it: nothing is done",)


def test_without_pglast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reader, "PGLAST_MISSING", "reading a migration in SQL needs the Python package pglast")
    with pytest.raises(SqlProblem, match="needs the Python package pglast"):
        read_sql([tmp_path / "m.sql"], "m", str)


@pytest.mark.parametrize(
    "text",
    ["SELECT " + "+".join(["a"] * 200_000), " UNION ALL ".join(["SELECT 1"] * 20_000), "SELECT a" + "::int" * 200_000],
    ids=["operators", "unions", "casts"],
)
def test_what_would_overflow_the_stack_is_refused(text: str) -> None:
    assert problems(text) == ["m.sql:1:1: is nested too deeply to be read"]


@pytest.mark.parametrize(
    "text", ["SELECT " + "(" * 20_000, "SELECT " + "CASE WHEN a THEN " * 5_000 + "1" + " END" * 5_000]
)
def test_what_the_parser_refuses_by_its_depth(text: str) -> None:
    (line,) = problems(text)
    assert "memory exhausted" in line


def test_a_deep_expression_of_an_index_is_not_understood() -> None:
    statement = one(f"CREATE INDEX i ON t (({'||'.join(['a'] * 2_000)}))")
    assert (statement.verdict, statement.entries) == (Verdict.NOT_UNDERSTOOD, None)


def test_10000_statements_are_read_in_seconds() -> None:
    """Also in a text with characters of several bytes, in which pglast by itself needs minutes."""
    text = "".join(f'ALTER TABLE "té" ADD COLUMN c{number} int; -- é\n' for number in range(10_000))
    began = time.process_time()
    assert len(reading(text).statements) == 10_000
    assert time.process_time() - began < 20


def test_a_statement_of_many_rows_is_read_in_seconds() -> None:
    rows = ",\n".join(f"({number}, 'é''{number}')" for number in range(20_000))
    began = time.process_time()
    (insert,) = reading(f'INSERT INTO "té" VALUES {rows}').statements
    assert (insert.kind, insert.summary) == ("INSERT", "rows of té")
    assert time.process_time() - began < 20
