# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans without the values in them, and the figures of several runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._evidence.plans import (
    figures,
    indexes_of,
    without_values,
)
from ansible_collections.steady.postgresql.plugins.module_utils._evidence.reach import Surroundings
from ansible_collections.steady.postgresql.plugins.module_utils._evidence.sample import Fault, bound, masked
from ansible_collections.steady.postgresql.plugins.module_utils._evidence.surroundings import written_tables

SCAN = {
    "Node Type": "Index Scan",
    "Index Name": "a_idx",
    "Relation Name": "O'Brien 5",
    "Index Cond": "((\"tenantId\" = 'secret'::text) AND (n > 42))",
    "Sort Key": ["(x = 'secret')", "y"],
    "Total Cost": 8.1,
    "Local Hit Blocks": 0,
    "Shared Hit Blocks": 5,
}


LIMIT = {"Node Type": "Limit", "Plans": [SCAN]}


def run(milliseconds: float, plan: Any = None) -> dict[str, Any]:
    return {"Execution Time": milliseconds, "Planning Time": 0.5, "Plan": plan or LIMIT}


def test_values_are_masked_and_names_kept() -> None:
    shown = without_values(LIMIT)
    assert "secret" not in json.dumps(shown)
    assert "42" not in json.dumps(shown)
    (scan,) = shown["Plans"]
    assert scan == {
        "Node Type": "Index Scan",
        "Index Name": "a_idx",
        "Relation Name": "O'Brien 5",
        "Index Cond": '(("tenantId" = ?::text) AND (n > ?))',
        "Sort Key": ["(x = ?)", "y"],
        "Shared Hit Blocks": 5,
    }


def test_the_median_of_the_runs_and_its_plan() -> None:
    other = {"Node Type": "Seq Scan", "Shared Hit Blocks": 9, "Shared Read Blocks": 2}
    found = figures([run(5), run(1), run(3, other)], "b_idx")
    assert (found["median_ms"], found["runs"], found["planning_ms"]) == (3, 3, 0.5)
    assert (found["buffers_hit"], found["buffers_read"]) == (9, 2)
    assert (found["index"], found["node"]) == (None, "Seq Scan")


def test_the_wanted_index_is_the_one_that_is_named() -> None:
    bitmap = {
        "Node Type": "Bitmap Heap Scan",
        "Plans": [
            {"Node Type": "BitmapAnd", "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": n} for n in "ab"]}
        ],
    }
    assert indexes_of(bitmap) == ["a", "b"]
    assert [figures([run(1, bitmap)], wanted)["index"] for wanted in ("a", "b", "c", None)] == ["a", "b", "a", "a"]
    assert figures([run(1, bitmap)], "b")["node"] == "Bitmap Index Scan"


class TestBound:
    def test_only_a_placeholder_is_one(self) -> None:
        sql = "SELECT '100%', a %% 2, %s, x LIKE '%(' WHERE b = %(the id)s AND c = %(n)s OR b = %(the id)s"
        assert bound(sql, {"the id": 1, "n": 2, "more": 3}, "p") == (
            "SELECT '100%%', a %%%% 2, %%s, x LIKE '%%(' WHERE b = %(p0)s AND c = %(p1)s OR b = %(p0)s",
            {"p0": 1, "p1": 2},
        )

    def test_without_one_nothing_is_replaced(self) -> None:
        assert bound("SELECT 5 % 2", {"a": 1}, "p") == ("SELECT 5 % 2", None)

    def test_what_has_no_value_is_named_with_its_place(self) -> None:
        with pytest.raises(Fault, match=r"^probes\[1\]\.sql: %\(x\)s has no value; params gives: a, b$"):
            bound("SELECT %(x)s", {"a": 1, "b": 2}, "probes[1].sql")

    def test_values_are_described_and_not_shown(self) -> None:
        values = {"a": "secret", "b": 5, "c": None, "d": True, "e": [1, 2]}
        assert masked(values) == {
            "a": "a text of 6 characters",
            "b": "a number",
            "c": "NULL",
            "d": "a boolean",
            "e": "a list of 2",
        }


def test_the_tables_that_a_plan_writes_to() -> None:
    around = Surroundings({1: ("s", "a", "p"), 2: ("s", "b", "r"), 3: ("s", "c", "r")}, {}, (), (), (), {})
    insert = {
        "Node Type": "ModifyTable",
        "Operation": "Insert",
        "Schema": "s",
        "Relation Name": "b",
        "Conflict Resolution": "UPDATE",
    }
    delete = {
        "Node Type": "ModifyTable",
        "Operation": "Delete",
        "Schema": "s",
        "Relation Name": "a",
        "Target Tables": [{"Schema": "s", "Relation Name": "c"}],
        "Plans": [insert, {"Node Type": "Seq Scan", "Schema": "s", "Relation Name": "c"}],
    }
    assert written_tables([{"Plan": delete}], around) == [(1, "delete"), (2, "insert"), (2, "update"), (3, "delete")]
    merge = {"Node Type": "ModifyTable", "Operation": "Merge", "Schema": "s", "Relation Name": "b"}
    assert {event for _oid, event in written_tables([{"Plan": merge}], around)} == {"insert", "update", "delete"}
