# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is psql's: its commands, and the rows behind COPY … FROM stdin."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Verdict
from unit.plugins.sql.texts import migration, problems, reading, refusals


@pytest.mark.parametrize(
    "command",
    [
        "\\set ON_ERROR_STOP on",
        "\\set AUTOCOMMIT on",
        "\\set AUTOCOMMIT 'y'",
        "\\set SINGLELINE of",
        "\\echo it's; done",
        "\\timing",
        "\\restrict aB3",
        "\\pset pager off",
        "\\dt+ *",
    ],
)
def test_a_command_that_only_prints_is_left_out(command: str) -> None:
    first, index = reading(f"{command}\nCREATE INDEX i ON t (a);").statements
    assert (first.text, first.verdict, first.entries) == (command, Verdict.ANOTHER_WAY, ())
    assert (index.line, index.kind) == (2, "CREATE INDEX")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("\\i other.sql", "\\i cannot be carried out: deploy.yml reads no other file from here"),
        ("\\ir other.sql", "\\ir cannot be carried out: deploy.yml reads no other file from here"),
        ("\\c other", "\\c cannot be carried out: one migration changes one database"),
        ("\\connect other", "\\connect cannot be carried out: one migration changes one database"),
        ("\\copy t FROM 'x.csv'", "\\copy cannot be carried out: it moves rows between a file and a table"),
        ("\\if :x", "\\if cannot be carried out: what applies cannot be known before it runs"),
        ("\\set AUTOCOMMIT off", "\\set cannot be carried out: psql would read what follows in another way"),
        ("\\encoding LATIN1", "\\encoding cannot be carried out: psql would read what follows in another way"),
        ("\\! rm x", "\\! cannot be carried out: it runs a program"),
        ("\\set AUTOCOMMIT of", "\\set cannot be carried out: psql would read what follows in another way"),
        ("\\set  AUTOCOMMIT  f", "\\set cannot be carried out: psql would read what follows in another way"),
        ("\\set SINGLELINE", "\\set cannot be carried out: psql would read what follows in another way"),
        ("\\r", "\\r cannot be carried out: psql forgets the statement that stands before it: remove both"),
        ("\\q", "\\q cannot be carried out: psql reads nothing behind it"),
    ],
)
def test_a_command_that_means_something_is_refused(command: str, why: str) -> None:
    (line,) = refusals(f"CREATE INDEX i ON t (a);\n{command}\nCREATE INDEX j ON t (b);")
    assert line.startswith(f"m.sql:2:1: {why}")


def test_q_at_the_end_is_harmless() -> None:
    assert "indexes" in migration("CREATE INDEX i ON t (a);\n\\q\n")


def test_a_semicolon_behind_a_backslash_ends_a_statement() -> None:
    assert [one.text for one in reading("SELECT 1\\; SELECT 2;").statements] == ["SELECT 1", "SELECT 2"]


def test_gexec_ends_its_statement() -> None:
    lines = refusals("SELECT 1 \\gexec\nCREATE INDEX i ON t (a);")
    assert lines == [
        "m.sql:1:10: \\gexec cannot be carried out: what it would run depends on rows that are not known here: write "
        "the statements"
    ]


def test_rows_behind_copy_are_no_sql() -> None:
    text = "COPY public.t (a, b) FROM stdin;\n1\tit's; x\n2\t\\N\n\\.\n\nCREATE INDEX i ON t (a);"
    copy, index = reading(text).statements
    assert (copy.kind, copy.summary, copy.entries) == ("COPY FROM", "rows of public.t", None)
    assert (index.line, index.kind) == (6, "CREATE INDEX")


@pytest.mark.parametrize("text", ["SELECT tags[1 :id] FROM t", "SELECT :'id'", 'SELECT a AS :"id"', "SELECT a[1:n]"])
def test_a_variable_of_psql_is_refused_where_it_could_be_sql_too(text: str) -> None:
    (line,) = problems(text)
    assert "is a variable of psql, which is not replaced here: write its value" in line


def test_a_colon_of_postgresql_is_none() -> None:
    text = "SELECT a::text, a[1:2], a[1: n], ':x', $$ :y $$ /* :z */ FROM t -- :w"
    assert [one.kind for one in reading(text).statements] == ["SELECT"]


def test_backslashes_in_quotes_and_comments_are_no_commands() -> None:
    text = "-- \\i x\n/* \\c y */ SELECT '\\d', E'\\'\\x', $$\\copy$$, \"\\q\";"
    assert [one.kind for one in reading(text).statements] == ["SELECT"]
