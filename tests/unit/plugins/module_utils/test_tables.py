# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every planner asks of a table first."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import (
    Catalog,
    read_relations,
    read_tables,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Problem
from ansible_collections.steady.postgresql.plugins.module_utils._model.tables import (
    column_problems,
    owner_problems,
    table_problems,
)
from unit.builders import DRAWER, ODD_NAMES, USER, FakeSession, catalog, index_image, quoted, table


class TestTable:
    def test_an_ordinary_table_can_be_changed(self) -> None:
        for facts in ({}, {"persistence": "u"}, {"has_children": True}, {"owned": False, "may_lock": False}):
            assert table_problems(catalog({DRAWER: table("a", **facts)}), DRAWER) == []

    @pytest.mark.parametrize(
        ("facts", "why"),
        [
            (
                {"kind": "p"},
                "is a partitioned table, which this version does not change; name its partitions, each in an entry of "
                "its own",
            ),
            ({"kind": "v"}, "is a view, which this version does not change; name the tables that it reads"),
            (
                {"kind": "m"},
                "is a materialized view, which this version does not change; it has indexes and comments, but no keys "
                "and no NOT NULL",
            ),
            (
                {"kind": "f"},
                "is a foreign table, which this version does not change; change the table on its own server, or run "
                'ALTER FOREIGN TABLE "public"."CashDrawer" … in psql',
            ),
            ({"kind": "S"}, "is not an ordinary table, which this version does not change; name a table"),
            (
                {"is_partition": True, "parent": ("public", "whole")},
                'is a partition; name the partitioned table "public"."whole", of which all partitions are changed at '
                "once",
            ),
            ({"persistence": "t"}, "is a temporary table, which goes with its session; take it out of the migration"),
            ({"extension": "postgis"}, 'belongs to the extension "postgis"; change it through the extension'),
        ],
        ids=str,
    )
    def test_any_other_is_refused_in_words(self, facts: dict[str, Any], why: str) -> None:
        assert table_problems(catalog({DRAWER: table("a", **facts)}), DRAWER) == [
            Problem(f'"public"."CashDrawer" {why}')
        ]

    def test_what_a_planner_can_change_beside_tables(self) -> None:
        place = catalog({DRAWER: table("a", kind="m")})
        assert table_problems(place, DRAWER, kinds="vm") == []
        assert table_problems(place, DRAWER, partitioned=True, kinds="v") != []

    @pytest.mark.parametrize("schema", ["pg_catalog", "information_schema", "pg_toast", "pg_toast_temp_1"])
    def test_postgresqls_own_tables_are_left_alone(self, schema: str) -> None:
        place = (schema, "pg_class")
        assert "belongs to PostgreSQL itself" in table_problems(catalog({place: table("a")}), place)[0].text

    @pytest.mark.parametrize("schema", ["steady", "steady_kept"])
    def test_so_is_the_journal_whether_it_is_there_or_not(self, schema: str) -> None:
        place = (schema, "deployment")
        for there in ({place: table("id")}, {}):
            (problem,) = table_problems(catalog(there), place)
            assert "belongs to the collection's journal, and no migration changes it" in problem.text

    @pytest.mark.parametrize(
        ("nearby", "hint"),
        [
            ([], "correct the name, or create the table first"),
            (["Tenant", "User"], "correct the name, or create the table first"),
            (["cashdrawer", "User"], 'did you mean "cashdrawer"?'),
            (["CashDrawers"], 'did you mean "CashDrawers"?'),
        ],
    )
    def test_one_that_is_not_there_with_the_nearest_name(self, nearby: list[str], hint: str) -> None:
        assert table_problems(catalog({}, nearby={DRAWER: nearby}), DRAWER) == [
            Problem(f'there is no table "CashDrawer" in schema "public"; {hint}', missing=True)
        ]

    def test_what_stands_in_its_place_is_said(self) -> None:
        there = catalog({}, instead={DRAWER: "that is a sequence; name a table"}, nearby={DRAWER: ["CashDrawers"]})
        assert [problem.text for problem in table_problems(there, DRAWER)] == [
            'there is no table "CashDrawer" in schema "public": that is a sequence; name a table'
        ]


def test_columns_that_are_not_there_with_the_nearest_name() -> None:
    there = table("tenantId", "openedById")
    assert column_problems(there, DRAWER, ["tenantId", "openedById"]) == []
    assert [problem.text for problem in column_problems(there, DRAWER, ["tenant_id", "tenantId", "zzz"])] == [
        'there is no column "tenant_id" in "public"."CashDrawer"; did you mean "tenantId"?',
        'there is no column "zzz" in "public"."CashDrawer"; correct the name, or add the column first',
    ]


@pytest.mark.parametrize("owner", ODD_NAMES)
def test_whoever_does_not_own_the_table_is_told_the_grant(owner: str) -> None:
    assert owner_problems(catalog({DRAWER: table("a", owner=owner)}), DRAWER) == []
    (problem,) = owner_problems(catalog({DRAWER: table("a", owner=owner, owned=False)}), DRAWER)
    assert problem.permission
    assert f'GRANT {quoted(owner)} TO "deployer"' in problem.text


class TestCatalog:
    AROUND: Catalog = catalog(
        {DRAWER: table("a"), USER: table("b")},
        [index_image("i"), index_image("j"), index_image("i", of=USER)],
        expressions={(DRAWER, "A"): "a"},
    )

    def test_objects_are_found_by_kind_table_and_name(self) -> None:
        assert [image["name"] for image in self.AROUND.objects("index", DRAWER)] == ["i", "j"]
        assert self.AROUND.objects("index", ("public", "nope")) == ()
        assert self.AROUND.objects("nope", DRAWER) == ()
        found = self.AROUND.find("index", USER, "i")
        assert found is not None
        assert found["table"] == "User"
        assert self.AROUND.find("index", USER, "j") is None

    def test_a_text_that_the_server_was_not_asked_about_stands_for_itself(self) -> None:
        assert self.AROUND.canonical(DRAWER, "A") == "a"
        assert self.AROUND.canonical(USER, "A") == "A"

    def test_without_names_the_server_is_not_asked(self) -> None:
        session = FakeSession()
        assert read_tables(session, []) == {}
        assert read_relations(session, []) == {}
        assert session.statements == []
