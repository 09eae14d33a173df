# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an index shall be: CREATE INDEX out of every option, and in what two indexes differ."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.specification import IndexSpecification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.target import (
    DesiredIndex,
    create_statement,
    differences,
    from_image,
    from_specification,
    keys,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import Catalog
from unit.builders import DRAWER, catalog, index_image, key_column, table

HEAD = 'CREATE INDEX CONCURRENTLY "i" ON "public"."CashDrawer" USING '


def wanted(**entry: Any) -> DesiredIndex:
    entry = {"table": "CashDrawer", "columns": ["a"], "name": "i", **entry}
    return from_specification(IndexSpecification.from_entry(entry, "public"))


@pytest.mark.parametrize(
    ("entry", "statement"),
    [
        ({}, HEAD + '"btree" ("a")'),
        ({"columns": ["a", "b", 'say "hi"']}, HEAD + '"btree" ("a", "b", "say ""hi""")'),
        ({"columns": [{"name": "a", "order": "desc"}]}, HEAD + '"btree" ("a" DESC)'),
        ({"columns": [{"name": "a", "order": "desc", "nulls": "first"}]}, HEAD + '"btree" ("a" DESC)'),
        ({"columns": [{"name": "a", "order": "desc", "nulls": "last"}]}, HEAD + '"btree" ("a" DESC NULLS LAST)'),
        ({"columns": [{"name": "a", "nulls": "first"}]}, HEAD + '"btree" ("a" NULLS FIRST)'),
        ({"columns": [{"name": "a", "nulls": "last"}]}, HEAD + '"btree" ("a")'),
        ({"columns": [{"expression": "lower(a)"}]}, HEAD + '"btree" ((lower(a)))'),
        ({"columns": [{"expression": "a || '{x}'"}]}, HEAD + "\"btree\" ((a || '{x}'))"),
        ({"columns": [{"name": "a", "opclass": "text_pattern_ops"}]}, HEAD + '"btree" ("a" "text_pattern_ops")'),
        ({"columns": [{"name": "a", "opclass": "ext.my_ops"}]}, HEAD + '"btree" ("a" "ext"."my_ops")'),
        ({"columns": [{"name": "a", "collation": "de-x-icu"}]}, HEAD + '"btree" ("a" COLLATE "de-x-icu")'),
        ({"columns": [{"name": "a", "collation": "en_US.utf8"}]}, HEAD + '"btree" ("a" COLLATE "en_US.utf8")'),
        (
            {"columns": [{"name": "a", "order": "desc", "nulls": "last", "opclass": "text_ops", "collation": "C"}]},
            HEAD + '"btree" ("a" COLLATE "C" "text_ops" DESC NULLS LAST)',
        ),
        ({"columns": [{"expression": "lower(a) -- why"}, "b"]}, HEAD + '"btree" ((lower(a) -- why\n), "b")'),
        ({"where": "a > 0 -- why"}, HEAD + '"btree" ("a") WHERE (a > 0 -- why\n)'),
        ({"include": ["b", "c"]}, HEAD + '"btree" ("a") INCLUDE ("b", "c")'),
        ({"method": "gin"}, HEAD + '"gin" ("a")'),
        ({"where": '"isActive"'}, HEAD + '"btree" ("a") WHERE ("isActive")'),
        ({"where": "a OR b"}, HEAD + '"btree" ("a") WHERE (a OR b)'),
        ({"tablespace": "fast disk"}, HEAD + '"btree" ("a") TABLESPACE "fast disk"'),
        (
            {"storage_parameters": {"fillfactor": 70, "deduplicate_items": False, "x": "it's"}},
            HEAD + '"btree" ("a") WITH ("deduplicate_items" = \'off\', "fillfactor" = \'70\', "x" = \'it\'\'s\')',
        ),
        (
            {
                "unique": True,
                "nulls_not_distinct": True,
                "include": ["b"],
                "storage_parameters": {"fillfactor": 70},
                "tablespace": "fast",
                "where": "a > 0",
            },
            HEAD.replace("CREATE INDEX", "CREATE UNIQUE INDEX")
            + '"btree" ("a") INCLUDE ("b") NULLS NOT DISTINCT WITH ("fillfactor" = \'70\') TABLESPACE "fast"'
            + " WHERE (a > 0)",
        ),
    ],
    ids=str,
)
def test_create_index_says_every_option_in_postgresqls_order(entry: dict[str, Any], statement: str) -> None:
    assert create_statement(wanted(**entry), "i") == statement


def test_the_rehearsal_is_the_same_on_a_copy_but_not_concurrent() -> None:
    target = wanted(unique=True, tablespace="fast", where="a > 0", include=["b"])
    assert create_statement(target, "try", on="pg_temp.copy") == (
        'CREATE UNIQUE INDEX "try" ON pg_temp.copy USING "btree" ("a") INCLUDE ("b") TABLESPACE "fast" WHERE (a > 0)'
    )


class TestOutOfAnImage:
    @staticmethod
    def create(**changes: Any) -> str:
        return create_statement(from_image(DRAWER, "i", index_image("i", **changes)), "other")

    def test_nothing_of_the_tail_is_taken_and_every_part_is_written_by_its_full_name(self) -> None:
        key = key_column("a", descending=True, opclass="text_pattern_ops", opclass_default=False)
        other = key_column("b", own_collation=False, collation="C", collation_schema="pg_catalog", nulls_first=True)
        expression = key_column(None, expression="lower(c)", parameters={"z": "1", "a": "it's"})
        assert self.create(
            columns=[key, other, expression], tail="x; DROP TABLE y", options={"z": "2", "fillfactor": "70"}
        ) == (
            'CREATE INDEX CONCURRENTLY "other" ON "public"."CashDrawer" USING "btree"'
            ' ("a" "pg_catalog"."text_pattern_ops" DESC NULLS LAST, "b" COLLATE "pg_catalog"."C" NULLS FIRST,'
            ' (lower(c)) "pg_catalog"."text_ops" ("z" = \'1\', "a" = \'it\'\'s\'))'
            " WITH (\"z\" = '2', \"fillfactor\" = '70')"
        )

    def test_the_tablespace_stands_before_where(self) -> None:
        """pg_get_indexdef leaves it out, and CREATE INDEX takes it in this place only."""
        where = "\nCASE\n    WHEN b THEN c\n    ELSE (NOT c)\nEND"
        assert self.create(
            unique=True, include=["d"], nulls_not_distinct=True, predicate=where, tablespace="fast", tail=""
        ) == (
            'CREATE UNIQUE INDEX CONCURRENTLY "other" ON "public"."CashDrawer" USING "btree" ("a") INCLUDE ("d")'
            f' NULLS NOT DISTINCT TABLESPACE "fast" WHERE ({where})'
        )

    def test_an_invalid_index_is_nothing_that_anybody_wants_back(self) -> None:
        assert not from_image(DRAWER, "i", index_image("i", valid=False)).present
        assert not from_image(DRAWER, "i", None).present
        assert from_image(DRAWER, "i", index_image("i")).present


def test_without_specification_and_image_there_is_nothing_to_create_or_compare() -> None:
    target = DesiredIndex(*DRAWER, "i")
    for ask in (lambda: create_statement(target, "i"), lambda: keys(target)):
        with pytest.raises((AssertionError, ValueError)):
            ask()
    with pytest.raises((AssertionError, ValueError)):
        differences(target, index_image("i"), catalog({}))


def test_a_specification_becomes_a_target() -> None:
    target = wanted(columns=["a", {"expression": "lower(b)"}], include=["c"], where="d", on_conflict="refuse")
    assert (target.present, target.replace, target.accept_equivalent) == (True, False, True)
    assert target.expressions == ["lower(b)", "d"]
    assert target.column_names == ["a", "c"]
    assert [key.sql for key in keys(target)] == ['"a"', "(lower(b))"]
    assert wanted(on_equivalent="create").accept_equivalent is False
    gone = wanted(state="absent", where="d", include=["c"])
    assert (gone.present, gone.expressions, gone.column_names) == (False, [], [])


class TestDifferences:
    """The catalog has the server's own form of every text; a default counts as not given."""

    AROUND: Catalog = catalog(
        {DRAWER: table("a")},
        expressions={
            (DRAWER, "LOWER( b )"): "lower(b)",
            (DRAWER, "lower(b)"): "lower(b)",
            (DRAWER, "upper(b)"): "upper(b)",
            (DRAWER, "a>0"): "(a > 0)",
            (DRAWER, "(a > 0)"): "(a > 0)",
            (DRAWER, '("tenantId")'): '"tenantId"',
        },
    )

    def of(self, entry: dict[str, Any], **image: Any) -> list[str]:
        return differences(wanted(**entry), index_image("i", **image), self.AROUND)

    @pytest.mark.parametrize(
        ("entry", "image"),
        [
            ({}, {}),
            ({"columns": [{"expression": "LOWER( b )"}]}, {"columns": [key_column(None, expression="lower(b)")]}),
            ({"where": "a>0"}, {"predicate": "(a > 0)"}),
            (
                {"columns": [{"name": "a", "order": "desc"}]},
                {"columns": [key_column("a", descending=True, nulls_first=True)]},
            ),
            ({"columns": [{"name": "a", "nulls": "first"}]}, {"columns": [key_column("a", nulls_first=True)]}),
            ({"columns": [{"name": "a", "opclass": "text_ops"}]}, {}),
            ({"columns": [{"name": "a", "opclass": "pg_catalog.text_ops"}]}, {}),
            ({"columns": [{"name": "a", "collation": "default"}]}, {}),
            (
                {"columns": [{"name": "a", "collation": "C"}]},
                {"columns": [key_column("a", collation="C", own_collation=False)]},
            ),
            ({"include": ["b", "c"]}, {"include": ["b", "c"]}),
            ({"unique": True, "nulls_not_distinct": True}, {"unique": True, "nulls_not_distinct": True}),
            ({"storage_parameters": {"fillfactor": 70}}, {"options": {"fillfactor": "70", "buffering": "auto"}}),
            ({"storage_parameters": {"fastupdate": False}}, {"options": {"fastupdate": "0"}}),
            ({"storage_parameters": {"fastupdate": "YES"}}, {"options": {"fastupdate": "true"}}),
            ({"tablespace": "fast"}, {"tablespace": "fast"}),
            ({"tablespace": "pg_default"}, {"tablespace": None}),
        ],
        ids=str,
    )
    def test_none(self, entry: dict[str, Any], image: dict[str, Any]) -> None:
        assert self.of(entry, **image) == []

    @pytest.mark.parametrize(
        ("entry", "image", "difference"),
        [
            ({"method": "hash"}, {}, "method: btree instead of hash"),
            ({"unique": True}, {}, "unique: no instead of yes"),
            ({}, {"nulls_not_distinct": True}, "nulls not distinct: yes instead of no"),
            ({}, {"columns": ["a", "b"]}, "columns: (a, b) instead of (a)"),
            ({"columns": ["a", "b"]}, {}, "columns: (a) instead of (a, b)"),
            ({"columns": ["b", "a"]}, {"columns": ["a", "b"]}, "columns: (a, b) instead of (b, a)"),
            ({"columns": [{"name": "a", "order": "desc"}]}, {}, "columns: (a) instead of (a desc)"),
            (
                {"columns": [{"name": "a", "order": "desc", "nulls": "last"}]},
                {"columns": [key_column("a", descending=True, nulls_first=True)]},
                "columns: (a desc) instead of (a desc nulls last)",
            ),
            ({"columns": [{"name": "a", "nulls": "first"}]}, {}, "columns: (a) instead of (a nulls first)"),
            (
                {},
                {"columns": [key_column("a", opclass="text_pattern_ops", opclass_default=False)]},
                "columns: (a text_pattern_ops) instead of (a)",
            ),
            (
                {"columns": [{"name": "a", "opclass": "text_pattern_ops"}]},
                {},
                "columns: (a text_ops) instead of (a text_pattern_ops)",
            ),
            (
                {},
                {"columns": [key_column("a", collation="C", own_collation=False)]},
                "columns: (a collate C) instead of (a)",
            ),
            (
                {"columns": [{"name": "a", "collation": "C"}]},
                {},
                "columns: (a collate default) instead of (a collate C)",
            ),
            (
                {"columns": [{"expression": "LOWER( b )"}]},
                {"columns": [key_column(None, expression="upper(b)")]},
                "columns: (upper(b)) instead of (lower(b))",
            ),
            ({"include": ["b"]}, {"include": ["c"]}, "include: (c) instead of (b)"),
            ({"include": ["b", "c"]}, {"include": ["b"]}, "include: (b) instead of (b, c)"),
            ({"where": "a>0"}, {}, "where: none instead of (a > 0)"),
            ({}, {"predicate": "(a > 0)"}, "where: (a > 0) instead of none"),
            ({"storage_parameters": {"fillfactor": 70}}, {}, "fillfactor: None instead of 70"),
            (
                {"storage_parameters": {"fillfactor": 70}},
                {"options": {"fillfactor": "90"}},
                "fillfactor: 90 instead of 70",
            ),
            (
                {"storage_parameters": {"fastupdate": True}},
                {"options": {"fastupdate": "off"}},
                "fastupdate: off instead of on",
            ),
            ({"tablespace": "fast"}, {}, "tablespace: pg_default instead of fast"),
            ({"tablespace": "pg_default"}, {"tablespace": "fast"}, "tablespace: fast instead of pg_default"),
        ],
        ids=str,
    )
    def test_each_in_words(self, entry: dict[str, Any], image: dict[str, Any], difference: str) -> None:
        assert self.of(entry, **image) == [difference]

    def test_an_expression_that_is_only_a_column_is_that_column(self) -> None:
        """PostgreSQL stores it as one; else every run would build it anew (measured on 18)."""
        assert self.of({"columns": [{"expression": '("tenantId")'}]}, columns=["tenantId"]) == []

    def test_all_at_once(self) -> None:
        entry = {"unique": True, "where": "a>0", "method": "hash", "include": ["z"], "tablespace": "fast"}
        assert len(self.of(entry, columns=["b"])) == 6

    def test_a_text_that_the_server_was_not_asked_about_is_compared_as_it_is(self) -> None:
        assert self.of({"where": "b IS NULL"}, predicate="b IS NULL") == []
        assert self.of({"where": "b  IS NULL"}, predicate="b IS NULL") != []

    @pytest.mark.parametrize("key", ["tail", "unique", "comment", "clustered"])
    def test_of_two_images(self, key: str) -> None:
        target = from_image(DRAWER, "i", index_image("i"))
        assert differences(target, index_image("i"), self.AROUND) == []
        assert differences(target, index_image("i", **{key: "other"}), self.AROUND) == [f"{key} differs"]
