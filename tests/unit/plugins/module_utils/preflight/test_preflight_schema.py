# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redundant indexes and keys without an index, by images and specifications alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Server
from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import Migration
from ansible_collections.steady.postgresql.plugins.module_utils._model.invalid_indexes import InvalidIndex
from ansible_collections.steady.postgresql.plugins.module_utils._planning.planning import plan_of, with_targets
from ansible_collections.steady.postgresql.plugins.module_utils._planning.wishes import wishes_of
from ansible_collections.steady.postgresql.plugins.module_utils._preflight import schema
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.facts import Facts
from unit.builders import DRAWER, USER, catalog, index_image, key_column, key_image, other_constraint, table

SERVER = Server(180007, "18.7", "clinic", "deployer", None, False, None)


def facts(
    wanted: list[dict[str, Any]],
    indexes: list[Mapping[str, Any]] | None = None,
    constraints: list[Mapping[str, Any]] | None = None,
    **more: Any,
) -> Facts:
    """A migration of these indexes, on a drawer with columns a, b and c."""
    entries = [{"table": "CashDrawer", **entry} for entry in wanted]
    wishes = wishes_of(Migration.from_mapping({"id": "m", "indexes": entries}))
    tables = {DRAWER: table("a", "b", "c"), USER: table("id")}
    around = with_targets(catalog(tables, indexes or [], constraints or []), wishes)
    return Facts(SERVER, plan_of(around, {}, wishes), around, **more)


def superfluous(*arguments: Any) -> list[tuple[str, str]]:
    """The pairs that are told: the one that is not needed, and the one that does its work."""
    judgement = schema.redundant_index(facts(*arguments))
    pairs = []
    for sentence in judgement.evidence if judgement.found else ():
        words = sentence.split('"')
        pairs.append((words[5], words[7]))
    return pairs


AB = {"name": "new", "columns": ["a", "b"]}


class TestRedundant:
    def test_the_beginning_of_a_new_index(self) -> None:
        assert superfluous([AB], [index_image("old", ["a"])]) == [("old", "new")]

    def test_a_new_index_that_is_the_beginning_of_an_old_one(self) -> None:
        assert superfluous([{"name": "new", "columns": ["a"]}], [index_image("old", ["a", "b"])]) == [("new", "old")]

    @pytest.mark.parametrize(
        "changes",
        [
            {"columns": [key_column("b")]},
            {"columns": [key_column("a", descending=True, nulls_first=True)]},
            {"columns": [key_column("a", opclass="text_pattern_ops", opclass_default=False)]},
            {"columns": [key_column("a", collation="C", own_collation=False)]},
            {"unique": True},
            {"constraint": "pk", "unique": True},
            {"replica_identity": True},
            {"predicate": "(b IS NULL)"},
            {"method": "hash"},
            {"include": ["c"]},
            {"valid": False},
        ],
        ids=str,
    )
    def test_one_that_serves_something_else_stays(self, changes: dict[str, Any]) -> None:
        given = {"columns": ["a"], **changes}
        assert superfluous([AB], [index_image("old", given.pop("columns"), **given)]) == []

    def test_what_is_included_may_be_a_key_of_the_other(self) -> None:
        assert superfluous([AB], [index_image("old", ["a"], include=["b"])]) == [("old", "new")]

    def test_a_twin_that_is_accepted_is_no_matter(self) -> None:
        """Nothing is built then: to take the twin away would leave none."""
        assert superfluous([AB], [index_image("twin", ["a", "b"])]) == []

    def test_a_twin_beside_which_one_is_built_all_the_same(self) -> None:
        entry = {**AB, "on_equivalent": "create"}
        assert superfluous([entry], [index_image("twin", ["a", "b"])]) == [("new", "twin")]

    def test_a_twin_of_one_that_stands(self) -> None:
        assert superfluous([AB], [index_image("new", ["a", "b"]), index_image("twin", ["a", "b"])]) == [("twin", "new")]

    def test_two_of_one_migration(self) -> None:
        short = {"name": "short", "columns": ["a"]}
        assert superfluous([AB, short]) == [("short", "new")]
        equal = {"name": "again", "columns": ["a", "b"], "on_equivalent": "create"}
        assert superfluous([AB, equal]) == [("again", "new")]

    def test_one_that_the_migration_drops_is_not_told(self) -> None:
        dropped = {"name": "old", "state": "absent"}
        assert superfluous([AB, dropped], [index_image("old", ["a"])]) == []

    def test_other_methods_have_no_beginning(self) -> None:
        wanted = {"name": "new", "columns": ["a", "b"], "method": "gin"}
        assert superfluous([wanted], [index_image("old", ["a"], method="gin")]) == []
        assert superfluous([{**wanted, "on_equivalent": "create"}], [index_image("old", ["a", "b"], method="gin")]) == [
            ("new", "old")
        ]

    def test_what_to_do_is_an_entry_of_a_migration(self) -> None:
        judgement = schema.redundant_index(facts([AB], [index_image("old", ["a"])]))
        assert "{table: CashDrawer, name: old, state: absent}" in judgement.todo


class TestForeignKeys:
    def found(self, wanted: list[dict[str, Any]], indexes: Any = (), constraints: Any = ()) -> bool:
        return schema.unindexed_foreign_key(facts(wanted, list(indexes), list(constraints))).found

    def test_a_key_without_an_index(self) -> None:
        judgement = schema.unindexed_foreign_key(facts([{"name": "i", "columns": ["b"]}], [], [key_image("k", ["a"])]))
        assert judgement.found
        assert "{table: CashDrawer, columns: [a]}" in judgement.todo

    def test_the_migration_brings_the_index(self) -> None:
        assert not self.found([AB], [], [key_image("k", ["a"])])

    def test_the_migration_takes_the_index_away(self) -> None:
        dropped = {"name": "old", "state": "absent"}
        assert self.found([dropped], [index_image("old", ["a"])], [key_image("k", ["a"])])

    def test_the_order_of_the_columns_does_not_matter_but_their_place_does(self) -> None:
        key = key_image("k", ["b", "a"])
        assert not self.found([{"name": "i", "columns": ["c"]}], [index_image("old", ["a", "b", "c"])], [key])
        assert self.found([{"name": "i", "columns": ["c"]}], [index_image("old", ["c", "a", "b"])], [key])

    @pytest.mark.parametrize("changes", [{"valid": False}, {"predicate": "(a > 0)"}, {"method": "brin"}], ids=str)
    def test_an_index_that_does_not_help_a_delete(self, changes: dict[str, Any]) -> None:
        indexes = [index_image("old", ["a"], **changes)]
        assert self.found([{"name": "i", "columns": ["b"]}], indexes, [key_image("k", ["a"])])


class TestConstraints:
    def test_not_valid(self) -> None:
        loose = [key_image("k", ["a"], validated=False), other_constraint("c")]
        judgement = schema.not_valid_constraint(facts([AB], [], loose))
        assert [sentence.split('"')[5] for sentence in judgement.evidence] == ["k"]
        assert 'ALTER TABLE "public"."CashDrawer" VALIDATE CONSTRAINT "k"' in judgement.todo

    def test_one_that_is_not_even_enforced_is_meant_so(self) -> None:
        loose = [key_image("k", ["a"], validated=False, enforced=False)]
        assert not schema.not_valid_constraint(facts([AB], [], loose)).found


def test_an_invalid_index_of_partitions_is_not_to_be_dropped() -> None:
    judgement = schema.invalid_index(facts([AB], invalid=[InvalidIndex("public", "t", "i", True, 0)]))
    assert judgement.found
    assert "DROP" not in judgement.todo
