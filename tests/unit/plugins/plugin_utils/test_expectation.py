# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on what a query answered. (Whether an expectation is JMESPath at all: with the migration file.)"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils import _expectation
from ansible_collections.steady.postgresql.plugins.plugin_utils._expectation import judge, judge_queries

ROWS = [{"orphans": 0}]


def verdict(expect: str | None, rows: Any = None, **more: Any) -> tuple[str, str]:
    entry = judge({"name": "q", "expect": expect, "rows": ROWS if rows is None else rows, **more}, show_rows=True)
    assert (entry["name"], entry["kind"]) == ("q", "query")
    assert set(entry) == {"name", "kind", "status", "detail"}
    return entry["status"], entry["detail"]


@pytest.mark.parametrize(
    ("expect", "rows"),
    [
        ("[0].orphans == `0`", ROWS),
        ("length(@) == `1`", ROWS),
        ("@ == `[]`", []),
        ("[?orphans > `0`] == `[]`", ROWS),
        ("[0].\"a b\" == 'x'", [{"a b": "x"}]),
        ("length(@) > `2`", [{"a": 1}] * 1000),
    ],
)
def test_true_is_ok(expect: str, rows: list[dict[str, Any]]) -> None:
    assert verdict(expect, rows) == ("ok", expect)


def test_false_is_a_failure_with_the_answer() -> None:
    assert verdict("[0].orphans == `1`") == ("failed", "[0].orphans == `1` answer: [{'orphans': 0}]")


@pytest.mark.parametrize(
    ("expect", "value"),
    [
        ("[0].orphans", "0"),
        ("[0].nope", "None"),
        ("[0].nope > `0`", "None"),
        ("@", "[{'orphans': 0}]"),
        ("`1`", "1"),
        ('`"true"`', "'true'"),
    ],
)
def test_only_true_is_true(expect: str, value: str) -> None:
    """What is merely not empty proves nothing; the value tells where the mistake is."""
    status, detail = verdict(expect)
    assert status == "failed"
    assert detail.startswith(f"{expect} gives {value}, which is not true;")


@pytest.mark.parametrize("expect", ["sum([0])", "abs('x')", "nope(@)", "[0", "join(',', [0])"])
def test_an_expectation_that_cannot_be_evaluated_is_a_failure_on_one_line(expect: str) -> None:
    status, detail = verdict(expect)
    assert status == "failed"
    assert detail.startswith(f"{expect}: ")
    assert detail.endswith("answer: [{'orphans': 0}]")
    assert "\n" not in detail


def test_a_query_that_failed_is_a_failure_whatever_was_expected() -> None:
    for expect in ("`true`", None):
        assert judge({"name": "q", "expect": expect, "error": "no such table"})["status"] == "failed"
        assert judge({"name": "q", "expect": expect, "error": "no such table"})["detail"] == "no such table"


def test_without_an_expectation_the_answer_is_only_shown() -> None:
    assert verdict(None) == ("skipped", "no expectation; answer: [{'orphans': 0}]")
    assert verdict(None, []) == ("skipped", "no expectation; answer: []")


def test_of_a_long_answer_the_first_rows_are_shown() -> None:
    rows = [{"a": number} for number in range(5)]
    assert verdict("`false`", rows)[1] == "`false` answer: [{'a': 0}, {'a': 1}, {'a': 2}] and 2 more"
    assert verdict("`false`", rows[:3])[1].endswith("{'a': 2}]")


@pytest.mark.parametrize("expect", ["[0].a == 'b'", "[0].a", "sum([0].a)", None])
def test_without_the_switch_an_answer_has_no_values_but_those_that_count(expect: str | None) -> None:
    query = {"name": "q", "expect": expect, "rows": [{"a": "secret", "n": 3}], "counts": ["n"]}
    detail = judge(query)["detail"]
    assert "secret" not in detail
    assert detail.endswith("answer: [{'a': 'a text of 6 characters', 'n': 3}]")


def test_without_jmespath_an_expectation_is_not_met_and_the_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_expectation, "jmespath", None)
    assert verdict("`true`") == ("failed", "the expectation needs the Python library jmespath on the controller")
    assert verdict(None)[0] == "skipped"


def test_a_modules_queries_become_checks_among_the_others() -> None:
    wrong, right = {"name": "w", "kind": "count", "status": "failed", "detail": "x"}, {"status": "ok"}
    result = {
        "verification": [wrong, right],
        "queries": [{"name": "q", "expect": "`true`", "rows": []}, {"name": "e", "error": "no"}],
        "other": 1,
    }
    failed = judge_queries(result)
    assert [check["name"] for check in failed] == ["w", "e"]
    assert [check["status"] for check in result["verification"]] == ["failed", "ok", "ok", "failed"]
    assert set(result) == {"verification", "other"}
    assert judge_queries({"verification": [right]}) == []
