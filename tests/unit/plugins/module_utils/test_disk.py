# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The size that an index will have, and whether it fits."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.registry import kind_named
from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import Migration
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome, Plan, Step
from ansible_collections.steady.postgresql.plugins.module_utils._planning.disk import (
    Build,
    Estimate,
    builds_of,
    disk_problems,
    index_bytes,
)
from ansible_collections.steady.postgresql.plugins.module_utils._planning.wishes import Wish, wishes_of
from unit.builders import index_image

MB, GB = 1024**2, 1024**3
SALE = ("public", "Sale")


def build(*columns: str | None, **more: Any) -> Build:
    return Build(SALE, "i", columns or ("a",), **more)


class TestSize:
    def test_an_integer(self) -> None:
        """Measured on PostgreSQL 18: a btree on one million distinct integers takes 22,487,040 bytes."""
        assert index_bytes(build(), 1e6, {"a": 4}) == pytest.approx(22_487_040, rel=0.02)

    def test_a_text_and_a_timestamp(self) -> None:
        """25 + 8 bytes, aligned to 40."""
        assert index_bytes(build("a", "b"), 1e6, {"a": 25, "b": 8}) == pytest.approx(1e6 * 52 / 0.9, rel=0.03)

    def test_an_expression_and_a_column_without_statistics_are_taken_to_be_a_short_text(self) -> None:
        assert index_bytes(build(None), 1e6, {}) == index_bytes(build("a"), 1e6, {}) > 40e6

    def test_a_fillfactor_makes_it_larger(self) -> None:
        assert index_bytes(build(fillfactor=45), 1e6, {"a": 4}) == pytest.approx(
            2 * index_bytes(build(), 1e6, {"a": 4}), rel=0.01
        )

    def test_brin_takes_next_to_nothing_and_an_empty_table_two_pages(self) -> None:
        assert index_bytes(build(method="brin"), 1e9, {"a": 4}) < 100_000
        assert index_bytes(build(), 0, {"a": 4}) == 16384


class TestFits:
    ONE = (Estimate(build(), 10 * GB),)
    TWO = (Estimate(build(), 10 * GB), Estimate(build("b", tablespace="fast"), 2 * GB))

    def said(self, *arguments: Any) -> tuple[list[str], list[str]]:
        problems, notes = disk_problems(*arguments)
        return [problem.text for problem in problems], notes

    @pytest.mark.parametrize(("allowance", "fits"), [(20 * GB, True), (20 * GB - 1, False), (1, False)])
    def test_an_allowance_must_hold_the_index_and_its_sort(self, allowance: int, fits: bool) -> None:
        problems, notes = self.said(self.ONE, 1, {None: (1, 0)}, allowance)
        assert (not problems) is fits
        assert notes == []

    def test_only_those_that_are_built_at_the_same_time_are_sorted(self) -> None:
        assert self.said(self.TWO, 1, None, 22 * GB)[0] == []
        assert self.said(self.TWO, 2, None, 22 * GB)[0] == [
            "the disk is too small: 2 indexes take about 24.0 GB while they are built, and steady_disk_allowance is "
            '22.0 GB; the largest is i on "public"."Sale" with about 10.0 GB; free space, raise '
            "steady_disk_allowance, set steady_parallel: 1, or take some of them into a later migration"
        ]

    @pytest.mark.parametrize(("free", "fits"), [(23 * GB, True), (22 * GB, False)])
    def test_a_tenth_of_what_is_free_stays_free(self, free: int, fits: bool) -> None:
        problems, _notes = self.said(self.ONE, 1, {None: (1, free)}, None)
        assert (not problems) is fits
        assert fits or "22.0 GB are free there" in problems[0]

    def test_file_systems_are_judged_each_by_itself(self) -> None:
        assert self.said(self.TWO, 2, {None: (1, 23 * GB), "fast": (2, 5 * GB)}, None)[0] == []
        assert len(self.said(self.TWO, 2, {None: (1, 23 * GB), "fast": (2, 4 * GB)}, None)[0]) == 1
        assert len(self.said(self.TWO, 2, {None: (1, 23 * GB), "fast": (1, 23 * GB)}, None)[0]) == 1

    def test_where_nothing_can_be_seen_the_size_is_said(self) -> None:
        problems, (note,) = self.said(self.ONE, 1, None, None)
        assert problems == []
        assert "about 20.0 GB" in note
        assert "steady_disk_allowance" in note

    def test_nothing_is_built(self) -> None:
        assert self.said((), 1, None, None) == ([], [])


def plan_of(wishes: list[Wish], *actions: str) -> Plan:
    steps = [
        Step("index", wish.target.table_name, wish.target.name, action, ()) for wish, action in zip(wishes, actions)
    ]
    return Plan(tuple(Outcome("index", step.table, step.name, "", step) for step in steps))


def test_what_is_built_is_read_from_the_wishes() -> None:
    data = {
        "id": "m",
        "indexes": [
            {"table": "Sale", "columns": ["a", {"expression": "lower(b)"}], "include": ["c"], "name": "x"},
            {"table": "Sale", "columns": ["d"], "method": "brin", "storage_parameters": {"fillfactor": 70}},
            {"table": "Sale", "name": "gone", "state": "absent"},
        ],
    }
    wishes = wishes_of(Migration.from_mapping(data, "public"))
    assert builds_of(plan_of(wishes, "create", "replace", "drop"), wishes) == [
        Build(SALE, "x", ("a", None, "c")),
        Build(SALE, "Sale_d_idx", ("d",), "brin", 70),
    ]
    assert builds_of(plan_of(wishes), wishes) == []


def test_an_index_that_a_rollback_builds_again_is_read_from_its_image() -> None:
    kind = kind_named("index")
    image = index_image("x", ["a"], SALE, options={"fillfactor": "50"}, tablespace="fast", include=["b"])
    wishes = [Wish(kind, kind.restored(SALE, "x", image))]
    assert builds_of(plan_of(wishes, "create"), wishes) == [Build(SALE, "x", ("a", "b"), "btree", 50, "fast")]
