# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that the server chooses. Each expected one was read from PostgreSQL 18."""

from __future__ import annotations

import pytest

from unit.plugins.sql.texts import reading

LONG = "t" * 63
WIDE = "é" * 31


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ("a", "t_a_idx"),
        ('"C d"', "t_C d_idx"),
        ("lower(b)", "t_lower_idx"),
        ("upper(lower(b))", "t_upper_idx"),
        ("(a + 1)", "t_expr_idx"),
        ("a, (a + 1), (a + 2), (a + 3)", "t_a_expr_expr1_expr2_idx"),
        ("lower(b), lower(b)", "t_lower_lower1_idx"),
        ("(a::text)", "t_a_idx"),
        ("((a + 1)::text)", "t_text_idx"),
        ("(CASE WHEN a > 1 THEN b ELSE lower(b) END)", "t_lower_idx"),
        ("(CASE WHEN a > 1 THEN 1 END)", "t_case_idx"),
        ("COALESCE(a, 1)", "t_coalesce_idx"),
        ("NULLIF(a, 1)", "t_nullif_idx"),
        ("GREATEST(a, 1)", "t_greatest_idx"),
        ("LEAST(a, 2)", "t_least_idx"),
        ("(ARRAY[a, 1])", "t_array_idx"),
        ("(n[1])", "t_n_idx"),
        ("(a IS NULL)", "t_expr_idx"),
        ("(j ->> 'x')", "t_expr_idx"),
        ("(EXTRACT(year FROM ts))", "t_extract_idx"),
        ("(substring(b FROM 1 FOR 2))", "t_substring_idx"),
        ("(trim(b))", "t_btrim_idx"),
        ("JSON_EXISTS(j, '$.a')", "t_json_exists_idx"),
        ("a) INCLUDE (b", "t_a_b_idx"),
    ],
)
def test_of_an_index(columns: str, name: str) -> None:
    (statement,) = reading(f"CREATE INDEX ON t ({columns})").statements
    assert statement.entries is not None
    assert statement.entries[0].content["name"] == name
    assert f"PostgreSQL calls it {name}" in statement.notes[0]


@pytest.mark.parametrize(
    ("table", "column", "name"),
    [
        (LONG, "a", "t" * 57 + "_a_idx"),
        (LONG, "c" * 60, "t" * 29 + "_" + "c" * 29 + "_idx"),
        (WIDE, "a", "é" * 28 + "_a_idx"),
        (WIDE, WIDE, "é" * 14 + "_" + "é" * 14 + "_idx"),
    ],
    ids=["a long table", "both long", "characters of two bytes", "both of two bytes"],
)
def test_a_long_name_is_cut_evenly_between_characters(table: str, column: str, name: str) -> None:
    (statement,) = reading(f'CREATE INDEX ON "{table}" ("{column}")').statements
    assert statement.entries is not None
    assert statement.entries[0].content["name"] == name


def test_of_a_foreign_key() -> None:
    statements = reading(
        "ALTER TABLE t ADD FOREIGN KEY (a, b) REFERENCES p (x, y); "
        "ALTER TABLE t ADD FOREIGN KEY (a, b) REFERENCES q (x, y)"
    ).statements
    names = [entry.content["name"] for statement in statements for entry in statement.entries or ()]
    assert names == ["t_a_b_fkey", "t_a_b_fkey1"]


def test_a_name_that_the_file_takes_gets_a_number() -> None:
    text = (
        "CREATE INDEX ON t (a); CREATE INDEX ON t (a); DROP INDEX t_a_idx; CREATE INDEX ON t (a); CREATE INDEX ON s (a)"
    )
    names = [one.entries[0].content["name"] for one in reading(text).statements if one.entries]
    assert names == ["t_a_idx", "t_a_idx1", "t_a_idx", "t_a_idx", "s_a_idx"]


def test_tables_and_their_constraints_take_names_too() -> None:
    text = "CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE); CREATE TABLE t_a_idx (); CREATE INDEX ON t (a)"
    last = reading(text).statements[-1]
    assert last.entries is not None
    assert last.entries[0].content["name"] == "CREATE INDEX: index t_a_idx1 on t"
