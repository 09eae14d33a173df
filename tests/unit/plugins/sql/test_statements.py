# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a statement begins and ends, and its text: comments, quotes and semicolons in them."""

from __future__ import annotations

import pytest

from unit.plugins.sql.texts import one, reading


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ';'",
        "SELECT $$ ; ' $$",
        "SELECT $a$ ; $$ ; $a$",
        "SELECT E'\\';'",
        "SELECT U&'\\0061;'",
        'SELECT 1 AS "a;b"',
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
        "SELECT 'é' AS \"日本\"",
    ],
)
def test_a_semicolon_in_a_statement_does_not_end_it(statement: str) -> None:
    texts = [found.text for found in reading(f"SELECT 0;\n{statement};\nSELECT 3").statements]
    assert texts == ["SELECT 0", statement, "SELECT 3"]


def test_line_and_column_are_those_of_the_first_word() -> None:
    text = "-- é\n/* a /* b */ ; */  SELECT 1; SELECT '日';\n\n  SELECT 2"
    places = [(found.line, found.column, found.text) for found in reading(text).statements]
    assert places == [(2, 20, "SELECT 1"), (2, 30, "SELECT '日'"), (4, 3, "SELECT 2")]


def test_a_text_has_no_comments() -> None:
    assert one("SELECT /* ; */ 1 -- one\n , 2 -- two").text == "SELECT 1\n , 2"


def test_several_files_are_one_migration() -> None:
    found = reading("CREATE TABLE t (a int);", "CREATE INDEX i ON t (a);").statements
    assert [(one.file, one.line, one.kind) for one in found] == [
        ("m.sql", 1, "CREATE TABLE"),
        ("m2.sql", 1, "CREATE INDEX"),
    ]


def test_the_part_for_the_way_back_is_not_read() -> None:
    text = "-- +goose Up\nCREATE TABLE t (a int);\n-- +goose Down\nDROP TABLE t;\nselec"
    found = reading(text)
    assert [one.kind for one in found.statements] == ["CREATE TABLE"]
    assert found.notes == ("m.sql:3: the part for the way back is not read: rollback.yml undoes what was done",)


def test_a_down_part_in_front_is_not_read_either() -> None:
    found = reading("-- migrate:down\nDROP TABLE t;\n-- migrate:up\nCREATE TABLE t (a int);")
    assert [(one.line, one.kind) for one in found.statements] == [(4, "CREATE TABLE")]


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("-- +goose Up", "-- +goose Down"),
        ("-- migrate:up", "-- migrate:down"),
        ("-- rambler up", "-- rambler down"),
        ("-- Up Migration", "-- Down Migration"),
        ("--- Up", "--- Down"),
        ("-- !Ups", "-- !Downs"),
        ("--  a migration", "--  //@UNDO"),
        ("--  a migration", "-- //@UNDO"),
        ("-- tern", "---- create above / drop below ----"),
    ],
)
def test_the_way_back_of_each_tool_is_not_read(up: str, down: str) -> None:
    found = reading(f"{up}\nCREATE INDEX i ON t (a);\n{down}\nDROP INDEX i;\n")
    assert [statement.kind for statement in found.statements] == ["CREATE INDEX"]
    assert found.notes == ("m.sql:3: the part for the way back is not read: rollback.yml undoes what was done",)


@pytest.mark.parametrize(
    "constant",
    ["'a\n-- +goose Down\n'", "$x$a\n-- +goose Down\n$x$", "E'\\'\n-- +goose Down\n'", "/*\n-- +goose Down\n*/ 1"],
)
def test_a_mark_in_a_constant_is_none(constant: str) -> None:
    found = reading(f"-- +goose Up\nSELECT {constant};\nDROP INDEX i;\n-- it's the end\n-- +goose Down\nDROP TABLE t;")
    assert [statement.kind for statement in found.statements] == ["SELECT", "DROP INDEX"]


def test_words_of_a_comment_are_no_mark() -> None:
    found = reading("-- Down with it\nDROP INDEX i; -- Down\n-- down the road: up migration\nDROP INDEX j;")
    assert [statement.kind for statement in found.statements] == ["DROP INDEX", "DROP INDEX"]
