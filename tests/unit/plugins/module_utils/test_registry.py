# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds, and the order in which a deployment goes through a migration."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.registry import KINDS, kind_named
from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import Migration
from ansible_collections.steady.postgresql.plugins.module_utils._planning.wishes import wishes_of
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import COLLECTION_VERSION
from unit.builders import index_image, key_image

ROOT = Path(__file__).resolve().parents[4]

MIGRATION = Migration.from_mapping(
    {
        "id": "m",
        "foreign_keys": [
            {"name": "old_key", "table": "a", "state": "absent"},
            {"table": "b", "columns": ["c"], "references": {"table": "a", "columns": ["id"]}},
        ],
        "indexes": [
            {"name": "old_idx", "table": "a", "state": "absent"},
            {"table": "b", "columns": ["c"], "where": "c > 0"},
            {"table": "a", "columns": ["d"]},
        ],
        "columns": [{"table": "b", "name": "c", "nullable": True}, {"table": "a", "name": "d", "nullable": False}],
    }
)


def test_what_is_added_comes_before_what_is_taken_away_and_the_rest_as_written() -> None:
    """Columns, then indexes (a key may need one), then keys, then indexes that go (a key may have needed one)."""
    assert [wish.key for wish in wishes_of(MIGRATION)] == [
        ("column", "public", "b", "c"),
        ("column", "public", "a", "d"),
        ("index", "public", "b", "b_c_idx"),
        ("index", "public", "a", "a_d_idx"),
        ("foreign_key", "public", "a", "old_key"),
        ("foreign_key", "public", "b", "b_c_fkey"),
        ("index", "public", "a", "old_idx"),
    ]


def test_each_kind_says_what_it_needs_to_know() -> None:
    wishes = {wish.target.name: wish for wish in wishes_of(MIGRATION)}
    index, key, column = wishes["b_c_idx"], wishes["b_c_fkey"], wishes["c"]
    assert index.kind.expressions(index.target) == ["c > 0"]
    assert ("public", "b_c_idx") in index.kind.relation_names(index.target, {})
    assert key.kind.tables(key.target) == {("public", "b"), ("public", "a")}
    for wish in (key, column):
        assert list(wish.kind.expressions(wish.target)) == list(wish.kind.relation_names(wish.target, {})) == []


def test_kinds_are_called_as_the_journal_and_the_migration_call_them() -> None:
    assert list(KINDS) == ["column", "index", "constraint", "foreign_key", "statement"]
    assert [kind.section for kind in KINDS.values()] == list(MIGRATION.objects)
    assert kind_named("index").section == "indexes"
    with pytest.raises(KeyError):
        kind_named("nope")


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("index", index_image("i", ["a"])),
        ("foreign_key", key_image("i", ["a"])),
        ("column", {"name": "i", "nullable": False, "constraint": None}),
    ],
)
def test_an_image_becomes_a_target_with_the_same_place(name: str, image: dict[str, object]) -> None:
    target = kind_named(name).restored(("public", "CashDrawer"), "i", image)
    assert (target.schema, target.table, target.name) == ("public", "CashDrawer", "i")
    assert kind_named(name).tables(target) >= {("public", "CashDrawer")}
    assert not kind_named(name).differs(image, image)


def test_the_schema_of_results_knows_all_kinds() -> None:
    """Wherever it lists kinds."""
    lists = re.findall(r'"enum": (\[[^]]*"foreign_key"[^]]*\])', (ROOT / "docs" / "result.schema.json").read_text())
    assert lists
    assert {tuple(json.loads(one)) for one in lists} == {tuple(KINDS)}


def test_the_version_is_the_same_everywhere() -> None:
    assert f"\nversion: {COLLECTION_VERSION}\n" in (ROOT / "galaxy.yml").read_text()
