# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What the reader says of the rows that a statement writes: how they are kept, or that a decision is needed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.registry import kind_named
from unit.plugins.sql.texts import reading

STATEMENT = kind_named("statement")


def entry(text: str) -> Any:
    (statement,) = reading(text).statements
    assert statement.entries is not None
    return statement.entries[0].content


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("INSERT INTO t VALUES (1)", {"command": "INSERT", "table": "t"}),
        ('DELETE FROM app."T" AS x USING u', {"command": "DELETE", "schema": "app", "table": "T", "alias": "x"}),
        (
            "UPDATE t SET a = 1, b[1] = 2, (c, a) = (SELECT 1, 2) FROM u WHERE t.id = u.id",
            {
                "command": "UPDATE",
                "table": "t",
                "columns": ["a", "b", "c"],
                "locking": "SELECT t.* FROM t, u WHERE t.id = u.id FOR NO KEY UPDATE OF t",
            },
        ),
    ],
)
def test_rows_are_kept_without_a_decision(text: str, kept: dict[str, Any]) -> None:
    (statement,) = reading(text).statements
    assert not statement.undecided
    assert "not_reversible" in [one.name for one in statement.hazards] or "data_loss" in str(statement.hazards)
    content = entry(text)
    assert (content["undo"], content["keep_rows"]) == ([], kept)
    assert STATEMENT.problems({"name": "x", **content}, {}) == []


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
        "UPDATE t SET a = 1 RETURNING a",
        "WITH d AS (DELETE FROM u RETURNING a) DELETE FROM t USING d",
        "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
    ],
)
def test_what_cannot_be_kept_needs_a_decision(text: str) -> None:
    (statement,) = reading(text).statements
    assert {one.name for one in statement.undecided} & {"not_reversible", "data_loss"}
    assert "keep_rows" not in entry(text)


def test_what_is_accepted_goes_with_the_entry_that_keeps_rows() -> None:
    (statement,) = reading("-- steady: accept not_reversible because of it\nUPDATE t SET a = 1").statements
    assert [one.accepted for one in statement.hazards if one.name == "not_reversible"] == ["of it"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"undo": ["SELECT 1"]}, "keep_rows says already"),
        ({"keep_rows": {"command": "UPDATE", "table": "t", "columns": ["a"]}}, "an UPDATE needs it"),
        (
            {"keep_rows": {"command": "UPDATE", "table": "t", "columns": ["a"], "locking": "SELECT 1; COMMIT"}},
            "more than one statement",
        ),
    ],
)
def test_an_entry_that_is_wrong_is_refused(more: dict[str, Any], said: str) -> None:
    wrong = {"name": "x", "sql": "DELETE FROM t", "undo": [], "keep_rows": {"command": "DELETE", "table": "t"}, **more}
    assert [one for one in STATEMENT.problems(wrong, {}) if said in str(one)]


@pytest.mark.parametrize(
    "kept",
    [
        {"name": "k", "command": "TRUNCATE", "schema": "s", "table": "t", "columns": [], "key": ["id"]},
        {"name": "k", "command": "DELETE", "schema": "s", "table": "t", "columns": [], "key": [1]},
        {"name": "k", "command": "DELETE", "schema": "s", "table": "t", "columns": [], "key": [], "more": 1},
    ],
)
def test_an_image_that_the_collection_did_not_write_is_refused(kept: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is none of|is no text|is no name|more"):
        STATEMENT.parse({"name": "x", "text": "DELETE FROM t", "undo": [], "kept_rows": kept})
