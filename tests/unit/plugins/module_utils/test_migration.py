# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole migration: its specifications, and the rules between its entries."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column.specification import ColumnSpecification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.foreign_key.specification import (
    ForeignKeySpecification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.specification import (
    IndexColumn,
    IndexSpecification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import (
    Migration,
    Probe,
    Verification,
    VerificationQuery,
    migration_problems,
)

COLUMN = {"table": "CashDrawer", "name": "openedById", "nullable": True}
INDEX = {"table": "Sale", "columns": ["tenantId", "status"]}
KEY = {"table": "Pet", "columns": ["customerId"], "references": {"table": "Customer", "columns": ["id"]}}


def problems(**data):
    return [(problem.place, problem.message) for problem in migration_problems({"id": "m", **data})]


class TestFromMapping:
    def test_the_least_migration(self):
        assert Migration.from_mapping({"id": "m"}) == Migration(
            id="m",
            description="",
            schema=None,
            objects={"columns": (), "indexes": (), "constraints": (), "foreign_keys": (), "statements": ()},
            verification=Verification(unchanged_counts=(), queries=()),
        )

    def test_everything(self):
        data = {
            "id": "m",
            "description": "d",
            "schema": "s",
            "columns": [COLUMN],
            "indexes": [INDEX],
            "foreign_keys": [KEY],
            "verification": {
                "unchanged_counts": ["Sale"],
                "queries": [
                    {"name": "q", "sql": "SELECT 1 AS one", "expect": "[0].one == `1`"},
                    {"name": "r", "sql": "SELECT 2"},
                ],
            },
            "probes": [{"name": "p", "sql": "SELECT 1", "expect": "y", "timeout": "1s"}],
        }
        assert Migration.from_mapping(data) == Migration(
            id="m",
            description="d",
            schema="s",
            objects={
                "columns": (ColumnSpecification("s", "CashDrawer", "openedById", True),),
                "indexes": (
                    IndexSpecification(
                        "s", "Sale", "Sale_tenantId_status_idx", (IndexColumn("tenantId"), IndexColumn("status"))
                    ),
                ),
                "constraints": (),
                "foreign_keys": (
                    ForeignKeySpecification(
                        "s", "Pet", "Pet_customerId_fkey", ("customerId",), "s", "Customer", ("id",)
                    ),
                ),
                "statements": (),
            },
            verification=Verification(
                unchanged_counts=("Sale",),
                queries=(
                    VerificationQuery("q", "SELECT 1 AS one", "[0].one == `1`"),
                    VerificationQuery("r", "SELECT 2", None),
                ),
            ),
            probes=(Probe("p", "SELECT 1", "y", timeout_ms=1000),),
        )

    @pytest.mark.parametrize(
        ("data", "default", "schema"),
        [
            ({}, {}, "public"),
            ({}, {"default_schema": "clinic"}, "clinic"),
            ({"schema": "mine"}, {"default_schema": "clinic"}, "mine"),
        ],
    )
    def test_the_schema_of_the_file_wins(self, data, default, schema):
        migration = Migration.from_mapping(
            {"id": "m", "columns": [COLUMN], "indexes": [INDEX], "foreign_keys": [KEY], **data}, **default
        )
        assert migration.schema == data.get("schema")
        schemas = {entry.schema for section in migration.objects.values() for entry in section}
        assert schemas == {schema}
        assert migration.objects["foreign_keys"][0].referenced_schema == schema


FORM = "must be 1 to 100 letters (a to z), digits, dots, dashes or underscores, the first a letter or a digit"


class TestHeader:
    @pytest.mark.parametrize("identity", ["m", "0", "2025-10-14-x", "A.b_c-d", "x" * 100])
    def test_id(self, identity):
        assert problems(id=identity) == []

    @pytest.mark.parametrize(
        ("identity", "shown"),
        [
            ("", '""'),
            (".hidden", '".hidden"'),
            ("-x", '"-x"'),
            ("../x", '"../x"'),
            ("a b", '"a b"'),
            ("ä", '"ä"'),
            ("m\n", r'"m\n"'),
            ("x" * 101, '"' + "x" * 79 + '…"'),
        ],
    )
    def test_an_id_that_is_no_directory(self, identity, shown):
        assert problems(id=identity) == [("id", f"{shown} {FORM}")]

    def test_no_id(self):
        message = "is missing: a migration has an id, by which the journal and the reports know it"
        assert [(found.place, found.message) for found in migration_problems({})] == [("id", message)]

    def test_the_schema_is_a_name(self):
        assert [place for place, _message in problems(schema="ä" * 64)] == ["schema"]

    def test_a_description_that_the_journal_could_not_keep(self):
        assert problems(description="a\0") == [
            ("description", "holds a NUL character, which PostgreSQL takes in no text: remove it")
        ]


class TestEntries:
    def test_the_rules_of_every_kind_are_asked_with_the_place_of_the_entry(self):
        found = problems(
            columns=[COLUMN, {**COLUMN, "name": ""}],
            indexes=[{**INDEX, "include": ["status"]}],
            foreign_keys=[{**KEY, "initially_deferred": True}],
        )
        assert [place for place, _message in found] == [
            "columns[1].name",
            "indexes[0].include[0]",
            "foreign_keys[0].initially_deferred",
        ]

    def test_a_foreign_key_is_told_what_the_columns_say(self):
        not_null = {"table": "Pet", "name": "customerId", "nullable": False}
        assert [
            place for place, _message in problems(columns=[not_null], foreign_keys=[{**KEY, "on_delete": "set_null"}])
        ] == ["foreign_keys[0].on_delete"]


class TestColumnsTwice:
    WHAT = 'which is about the column "openedById" of table "CashDrawer" too: keep one of them'

    def test_repeated(self):
        assert problems(columns=[COLUMN, COLUMN]) == [("columns[1]", f"repeats columns[0], {self.WHAT}")]

    def test_contradicted(self):
        assert problems(columns=[COLUMN, {**COLUMN, "nullable": False}]) == [
            ("columns[1]", f"contradicts columns[0], {self.WHAT}")
        ]

    def test_others(self):
        assert problems(columns=[COLUMN, {**COLUMN, "table": "Sale"}, {**COLUMN, "name": "openedbyid"}]) == []


class TestIndexesTwice:
    WHAT = 'which is about the index "Sale_tenantId_status_idx" too: keep one of them'

    def test_repeated(self):
        assert problems(indexes=[INDEX, INDEX]) == [("indexes[1]", f"repeats indexes[0], {self.WHAT}")]

    def test_a_given_name_that_is_another_ones_derived_one(self):
        other = {"table": "Pet", "columns": ["a"], "name": "Sale_tenantId_status_idx"}
        assert problems(indexes=[{"table": "T", "columns": ["a"]}, INDEX, other]) == [
            ("indexes[2]", f"repeats indexes[1], {self.WHAT}")
        ]

    def test_contradicted(self):
        assert problems(indexes=[INDEX, {**INDEX, "state": "absent"}]) == [
            ("indexes[1]", f"contradicts indexes[0], {self.WHAT}")
        ]

    def test_the_same_definition_under_another_name(self):
        other = {**INDEX, "name": "i"}
        message = (
            "has the definition of indexes[0] under another name: remove one, "
            'or add "on_equivalent: create" if both are wanted'
        )
        assert problems(indexes=[INDEX, other]) == [("indexes[1]", message)]
        assert problems(indexes=[INDEX, {**other, "on_equivalent": "create"}]) == []
        assert problems(indexes=[INDEX, {**other, "state": "absent"}]) == []
        assert problems(indexes=[INDEX, {**other, "where": "a"}]) == []

    @pytest.mark.parametrize(
        "data",
        [
            {"columns": [{**COLUMN, "table": "x"}]},
            {"indexes": [{"table": "x", "columns": ["a"]}]},
            {"foreign_keys": [{**KEY, "table": "x"}]},
            {"foreign_keys": [{**KEY, "references": {"table": "x", "columns": ["id"]}}]},
            {"schema": "s", "foreign_keys": [{**KEY, "references": {"schema": "s", "table": "x", "columns": ["id"]}}]},
            {"verification": {"unchanged_counts": ["x"]}},
        ],
    )
    def test_a_name_that_a_table_has(self, data):
        indexes = [*data.get("indexes", ()), {**INDEX, "name": "x"}]
        message = '"x" is a table of this migration; tables and indexes share their names: choose another'
        assert problems(**{**data, "indexes": indexes}) == [(f"indexes[{len(indexes) - 1}].name", message)]

    def test_a_table_of_another_schema_may_have_the_name(self):
        key = {**KEY, "references": {"schema": "other", "table": "x", "columns": ["id"]}}
        assert problems(indexes=[{**INDEX, "name": "x"}], foreign_keys=[key]) == []


class TestKeysTwice:
    WHAT = 'which is about the foreign key "Pet_customerId_fkey" of table "Pet" too: keep one of them'

    def test_repeated(self):
        assert problems(foreign_keys=[KEY, KEY]) == [("foreign_keys[1]", f"repeats foreign_keys[0], {self.WHAT}")]

    def test_contradicted(self):
        absent = {"table": "Pet", "name": "Pet_customerId_fkey", "state": "absent"}
        assert problems(foreign_keys=[KEY, absent]) == [
            ("foreign_keys[1]", f"contradicts foreign_keys[0], {self.WHAT}")
        ]

    def test_a_name_is_a_tables_own(self):
        assert problems(foreign_keys=[{**KEY, "name": "k"}, {**KEY, "name": "k", "table": "Sale"}]) == []

    def test_the_same_columns_under_another_name(self):
        other = {**KEY, "name": "k", "on_delete": "cascade"}
        message = (
            "has the columns and the referenced columns of foreign_keys[0] under another name, and both would act: "
            "remove one, or make it absent"
        )
        assert problems(foreign_keys=[KEY, other]) == [("foreign_keys[1]", message)]
        assert problems(foreign_keys=[KEY, {**other, "state": "absent"}]) == []
        assert problems(foreign_keys=[KEY, {**other, "references": {"table": "Person", "columns": ["id"]}}]) == []


class TestQuestions:
    def test_a_table_twice_in_the_counts(self):
        assert problems(verification={"unchanged_counts": ["Sale", "Pet", "Sale"]}) == [
            ("verification.unchanged_counts[2]", "repeats verification.unchanged_counts[0]: remove one")
        ]

    def test_a_table_is_a_name(self):
        assert problems(verification={"unchanged_counts": [""]}) == [
            (
                "verification.unchanged_counts[0]",
                "is empty; PostgreSQL has no empty names: write the name, or leave the key out",
            )
        ]

    @pytest.mark.parametrize(
        ("place", "wrap"),
        [
            ("verification.queries", lambda queries: {"verification": {"queries": queries}}),
            ("probes", lambda queries: {"probes": queries}),
            ("queries", lambda queries: {"queries": queries}),
        ],
    )
    def test_every_list_of_queries(self, place, wrap):
        queries = [
            {"name": "a", "sql": "SELECT 1"},
            {"name": "a", "sql": " "},
            {"name": " ", "sql": "a\0", "params": "", "uses_index": ""},
            {"name": "a\0", "sql": "SELECT 1", "expect": "\0"},
        ]
        nul = "holds a NUL character, which PostgreSQL takes in no text: remove it"
        assert sorted(problems(**wrap(queries))) == [
            (f"{place}[1].name", f'"a" is the name of {place}[0] as well: give each its own'),
            (f"{place}[1].sql", "is empty: here belongs SQL text"),
            (f"{place}[2].name", "is empty: reports call it by its name"),
            (f"{place}[2].params", "is empty: here belongs SQL text"),
            (f"{place}[2].sql", f"the SQL text {nul}"),
            (
                f"{place}[2].uses_index",
                "is empty; PostgreSQL has no empty names: write the name, or leave the key out",
            ),
            (f"{place}[3].expect", nul),
            (f"{place}[3].name", nul),
        ]

    def test_a_name_may_return_in_another_list(self):
        query = {"name": "a", "sql": "SELECT 1"}
        assert problems(verification={"queries": [query]}, probes=[query], queries=[query]) == []


PROBE = {"name": "p", "sql": "SELECT 1", "expect": "`true`"}


class TestEvidence:
    @pytest.mark.parametrize("sql", ["DELETE FROM t", " -- why\n(select 1)", "WITH x AS (SELECT 1) DELETE FROM t;"])
    def test_one_statement_that_can_be_rolled_back_is_a_probe(self, sql):
        assert problems(probes=[{**PROBE, "sql": sql}]) == []

    @pytest.mark.parametrize("sql", ["COMMIT", "TRUNCATE t", "DO $$BEGIN END$$", "CALL p()", "ALTER TABLE t ADD a int"])
    def test_others_are_refused_with_their_place(self, sql):
        ((place, message),) = problems(probes=[{**PROBE, "sql": sql}])
        assert place == "probes[0].sql"
        assert message.startswith(f'begins with "{sql.split()[0]}"; a probe is one INSERT')

    @pytest.mark.parametrize("sql", ["DELETE FROM t; COMMIT", "SELECT 1; DELETE FROM t", "SELECT '", 'SELECT "a'])
    def test_more_than_one(self, sql):
        for key, more in (("probes", {"expect": "x"}), ("queries", {})):
            found = problems(**{key: [{"name": "p", "sql": sql, **more}]})
            assert [place for place, message in found if "more than one" in message] == [f"{key}[0].sql"]

    def test_a_value_that_nothing_gives(self):
        query = {"name": "q", "sql": "SELECT %(a)s, %(b)s"}
        nothing = 'has no value; "params" gives it, a query with a column of that name'
        assert problems(queries=[query]) == [("queries[0].sql", f"%({name})s {nothing}") for name in "ab"]
        assert problems(queries=[{**query, "sample_by": {"table": "t", "column": "a"}}]) == [
            ("queries[0].sql", "%(b)s has no value; known are: a")
        ]
        assert problems(queries=[{**query, "params": "SELECT 1 AS a"}]) == []  # only the server can know its columns
        follow_up = {"sql": "SELECT %(c)s", "expect": "x"}
        assert problems(probes=[{**PROBE, "follow_up": [follow_up]}]) == [
            ("probes[0].follow_up[0].sql", f"%(c)s {nothing}")
        ]

    def test_only_what_reads_follows_or_is_measured(self):
        assert [
            place
            for place, _message in problems(
                probes=[
                    {**PROBE, "follow_up": [{"sql": "DELETE FROM t", "expect": "x"}], "params": "UPDATE t SET a = 1"}
                ],
                queries=[{"name": "q", "sql": "UPDATE t SET a = 1"}],
            )
        ] == ["probes[0].params", "probes[0].follow_up[0].sql", "queries[0].sql"]

    def test_values_from_two_places(self):
        both = {"name": "q", "sql": "SELECT 1", "params": "SELECT 1", "sample_by": {"table": "t", "column": "a"}}
        assert [place for place, _message in problems(queries=[both])] == ["queries[0].sample_by"]

    def test_durations(self):
        assert problems(probes=[{**PROBE, "timeout": "soon"}], promises=[{"claim": "c", "waits_at_most": "0ms"}]) == [
            ("probes[0].timeout", '"soon" is not a duration; write for example 100ms, 30s, 10m or 1h'),
            ("promises[0].waits_at_most", '"0ms" must be longer than nothing'),
        ]

    @pytest.mark.parametrize(
        ("promise", "place", "message"),
        [
            ({"probes": ["q"]}, "probes[0]", 'there is no "q" among the migration\'s probes; known are: p'),
            ({"probes": ["P"]}, "probes[0]", 'there is no "P" among the migration\'s probes; did you mean "p"?'),
            (
                {"queries": ["q"], "faster_by": 2},
                "queries[0]",
                'there is no "q" among the migration\'s queries; the migration has no "queries"',
            ),
            ({"columns": [{"table": "t", "name": "c"}]}, "smaller_by", 'is missing: "columns" says nothing without it'),
            ({"faster_by": 2}, "queries", 'is missing: "faster_by" says nothing without it'),
            ({"probes": ["p"], "why_not": "x"}, "why_not", 'is there beside "probes": make two promises of it'),
        ],
    )
    def test_promises_name_what_measures_them(self, promise, place, message):
        assert problems(probes=[PROBE], promises=[{"claim": "c", **promise}]) == [(f"promises[0].{place}", message)]


@pytest.mark.parametrize(
    "data",
    [
        {"id": 1},
        {"schema": 1},
        {"columns": "x"},
        {"columns": [1, None, "x"]},
        {"indexes": {"table": "x"}},
        {"foreign_keys": [[]]},
        {"verification": []},
        {"verification": {"unchanged_counts": "Sale", "queries": {}}},
        {"probes": [1], "queries": [{"name": 1, "sql": []}], "promises": [1, {"probes": 1, "claim": 1}]},
        {"probes": [{"follow_up": [1, {}], "params": 1, "timeout": 5}], "queries": [{"sample_by": 1, "promise": 1}]},
        # Entries of which nobody can say yet what they are about are not the same one twice.
        {"columns": [{}, {}], "probes": [{}, {}]},
        {"indexes": [{"table": 1, "columns": ["a"]}] * 2},
        {"foreign_keys": [{"table": 1, "columns": ["a"], "references": {"columns": ["b"]}}] * 2},
    ],
)
def test_values_of_a_wrong_type_are_left_to_the_reader_of_the_file(data):
    assert problems(**data) == []
