# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes: the specification of an entry, and its rules."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index import rules, specification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.specification import (
    IndexColumn,
    IndexSpecification,
    default_name,
)

#: What Ansible fills in for an option that the user left out.
ANSIBLE = {name: option.get("default") for name, option in specification.ARGUMENT_SPEC.items()}


def problems(entry):
    return [(problem.place, problem.message) for problem in specification.problems(entry, {})]


def of(**entry):
    return IndexSpecification.from_entry(entry, "public")


class TestSpecification:
    def test_the_least_entry_and_all_defaults(self):
        assert of(table="Appointment", columns=["tenantId", "status"]) == IndexSpecification(
            schema="public",
            table="Appointment",
            name="Appointment_tenantId_status_idx",
            columns=(IndexColumn("tenantId"), IndexColumn("status")),
            unique=False,
            nulls_not_distinct=False,
            include=(),
            where=None,
            method="btree",
            storage_parameters=(),
            tablespace=None,
            state="present",
            on_conflict="replace",
            on_equivalent="accept",
        )

    def test_everything(self):
        assert of(
            table='my "T".x',
            name="i",
            columns=["a", {"expression": "lower(b)", "order": "desc", "opclass": "text_ops", "collation": "de-x-icu"}],
            unique=True,
            nulls_not_distinct=True,
            include=["c", "d"],
            where='"isActive"',
            method="btree",
            storage_parameters={
                "fillfactor": 70,
                "deduplicate_items": False,
                "autosummarize": True,
                "a": 0.5,
                "b": "x",
            },
            tablespace="fast disk",
            state="absent",
            on_conflict="refuse",
            on_equivalent="create",
        ) == IndexSpecification(
            schema="public",
            table='my "T".x',
            name="i",
            columns=(
                IndexColumn("a", None, "asc", "last", None, None),
                IndexColumn(None, "lower(b)", "desc", "first", "text_ops", "de-x-icu"),
            ),
            unique=True,
            nulls_not_distinct=True,
            include=("c", "d"),
            where='"isActive"',
            method="btree",
            storage_parameters=(
                ("a", "0.5"),
                ("autosummarize", "on"),
                ("b", "x"),
                ("deduplicate_items", "off"),
                ("fillfactor", "70"),
            ),
            tablespace="fast disk",
            state="absent",
            on_conflict="refuse",
            on_equivalent="create",
        )

    def test_what_ansible_fills_in_says_nothing(self):
        entry = {**ANSIBLE, "table": "T", "columns": ["a", {"name": "b", "order": None, "nulls": None}]}
        assert IndexSpecification.from_entry(entry, "s") == IndexSpecification.from_entry(
            {"table": "T", "columns": ["a", "b"]}, "s"
        )
        assert problems(entry) == []

    def test_none_for_every_option_says_nothing(self):
        entry = {**dict.fromkeys(ANSIBLE), "table": "T", "columns": ["a"]}
        assert IndexSpecification.from_entry(entry, "s") == IndexSpecification.from_entry(
            {"table": "T", "columns": ["a"]}, "s"
        )
        assert problems(entry) == []

    @pytest.mark.parametrize(
        ("written", "order", "nulls"),
        [
            ({}, "asc", "last"),
            ({"order": "asc"}, "asc", "last"),
            ({"order": "desc"}, "desc", "first"),
            ({"order": "desc", "nulls": "last"}, "desc", "last"),
            ({"nulls": "first"}, "asc", "first"),
        ],
    )
    def test_nulls_follow_the_order(self, written, order, nulls):
        column = IndexColumn.from_item({"name": "a", **written})
        assert (column.order, column.nulls) == (order, nulls)

    def test_default_name(self):
        assert default_name("Sale", ["tenantId", "status"]) == "Sale_tenantId_status_idx"
        assert of(table="T", columns=["a", {"name": "b", "order": "desc"}], include=["c"]).name == "T_a_b_idx"
        assert of(table="T", columns=["a"], state="absent").name == "T_a_idx"

    def test_absent_by_its_name_alone(self):
        specified = of(table="Sale", name="old_idx", state="absent")
        assert (specified.name, specified.columns, specified.state) == ("old_idx", (), "absent")
        assert problems({"table": "Sale", "name": "old_idx", "state": "absent"}) == []

    def test_no_name_can_be_derived(self):
        with pytest.raises(ValueError, match="without a name"):
            of(table="T", columns=[{"expression": "lower(a)"}])

    def test_it_is_a_value(self):
        assert hash(of(table="T", columns=["a"])) == hash(of(table="T", columns=["a"]))
        with pytest.raises(dataclasses.FrozenInstanceError):
            of(table="T", columns=["a"]).name = "x"


LONG = "x" * 64
LONG_MESSAGE = (
    f'the name "{LONG}" has 64 bytes; PostgreSQL keeps 63 and cuts off the rest without an error: choose a shorter name'
)
NO_ORDER = "has no order (btree has): remove it"

WRONG = [
    # Names
    ({"table": LONG}, "table", LONG_MESSAGE),
    ({"name": LONG}, "name", LONG_MESSAGE),
    ({"columns": [LONG], "name": "i"}, "columns[0]", LONG_MESSAGE),
    ({"columns": [{"name": LONG}]}, "columns[0].name", LONG_MESSAGE),
    ({"columns": [{"name": "a", "opclass": LONG}]}, "columns[0].opclass", LONG_MESSAGE),
    ({"columns": [{"name": "a", "collation": LONG}]}, "columns[0].collation", LONG_MESSAGE),
    ({"include": [LONG]}, "include[0]", LONG_MESSAGE),
    ({"method": LONG}, "method", LONG_MESSAGE),
    ({"tablespace": LONG}, "tablespace", LONG_MESSAGE),
    ({"storage_parameters": {LONG: 1}}, f"storage_parameters.{LONG}", LONG_MESSAGE),
    ({"name": ""}, "name", "is empty; PostgreSQL has no empty names: write the name, or leave the key out"),
    (
        {"name": "a\0"},
        "name",
        r'the name "a\x00" holds a NUL character, which PostgreSQL takes in no text: remove it',
    ),
    (
        {"table": "t" * 40, "columns": ["a" * 15, "ö" * 8]},
        "name",
        (
            "there is none, and of the one made from table and columns: the name "
            f'"{"t" * 40}_{"a" * 15}_{"ö" * 8}_idx" has more than 63 bytes; PostgreSQL keeps 63 and cuts off the rest '
            "without an error: choose a shorter name"
        ),
    ),
    # What must be there
    ({"columns": None}, "columns", "is missing: an index has at least one key column"),
    ({"columns": []}, "columns", "is empty: an index has at least one key column"),
    (
        {"columns": None, "state": "absent"},
        "name",
        "is missing: say which index must be absent, by its name or by its columns",
    ),
    (
        {"columns": [{"expression": "lower(a)"}]},
        "name",
        "is missing: no name can be made from an expression, so give the index one",
    ),
    (
        {"columns": [{"expression": "lower(a)"}], "state": "absent"},
        "name",
        "is missing: no name can be made from an expression, so give the index one",
    ),
    # Nobody knows yet whether the second is the first again
    ({"columns": ["a", {"name": "a", "ordr": "desc"}]}, "columns[1].ordr", 'unknown key "ordr"; did you mean "order"?'),
    # The shape of a column, which Ansible cannot check
    ({"columns": [1]}, "columns[0]", "must be the name of a column or a mapping, is a number"),
    ({"columns": ["a", None]}, "columns[1]", "must be the name of a column or a mapping, is empty"),
    ({"columns": [["a"]]}, "columns[0]", "must be the name of a column or a mapping, is a list"),
    (
        {"columns": [{"name": "a", "nuls": "first"}]},
        "columns[0].nuls",
        'unknown key "nuls"; did you mean "nulls"?',
    ),
    (
        {"columns": [{"name": "a", "zzz": 1}]},
        "columns[0].zzz",
        'unknown key "zzz"; known are: name, expression, order, nulls, opclass, opclass_parameters, collation',
    ),
    ({"columns": [{"name": "a", "order": 1}]}, "columns[0].order", "must be a string, is a number"),
    ({"columns": [{"name": "a", "opclass": ["b"]}]}, "columns[0].opclass", "must be a string, is a list"),
    (
        {"columns": [{"name": "a", "opclass": "o", "opclass_parameters": ["b"]}]},
        "columns[0].opclass_parameters",
        "must be a mapping, is a list",
    ),
    (
        {"columns": [{"name": "a", "opclass": "o", "opclass_parameters": {"b": None}}]},
        "columns[0].opclass_parameters.b",
        "must be a string, a number or a boolean, is empty",
    ),
    (
        {"columns": [{"name": "a", "opclass_parameters": {"b": 1}}]},
        "columns[0].opclass",
        "is missing: its parameters are given",
    ),
    ({"columns": [{"name": "a", "order": "up"}]}, "columns[0].order", 'must be one of: asc, desc; is "up"'),
    ({"columns": [{"name": "a", "nulls": "FIRST"}]}, "columns[0].nulls", 'must be one of: first, last; is "FIRST"'),
    (
        {"columns": [{"name": "a", "expression": "lower(a)"}], "name": "i"},
        "columns[0]",
        'has both "name" and "expression": a key column is one or the other, remove one',
    ),
    (
        {"columns": [{"order": "desc"}]},
        "columns[0].name",
        'is missing: a key column has a "name" or an "expression"',
    ),
    # Texts
    ({"where": " \n"}, "where", "is empty: here belongs SQL text"),
    ({"where": "a\0"}, "where", "the SQL text holds a NUL character, which PostgreSQL takes in no text: remove it"),
    ({"columns": [{"expression": ""}], "name": "i"}, "columns[0].expression", "is empty: here belongs SQL text"),
    # Storage parameters
    (
        {"storage_parameters": {"fillfactor": [1]}},
        "storage_parameters.fillfactor",
        "must be a string, a number or a boolean, is a list",
    ),
    (
        {"storage_parameters": {"fillfactor": None}},
        "storage_parameters.fillfactor",
        "must be a string, a number or a boolean, is empty",
    ),
    (
        {"storage_parameters": {"fillfactor": 2**63}},
        "storage_parameters.fillfactor",
        "is a number far beyond what any parameter takes",
    ),
    (
        {"storage_parameters": {"buffering": "a\0"}},
        "storage_parameters.buffering",
        "holds a NUL character, which PostgreSQL takes in no text: remove it",
    ),
    # How many
    (
        {"columns": [f"c{n}" for n in range(33)], "name": "i"},
        "columns",
        "there are 33 columns (33 key, 0 included); PostgreSQL takes 32 in one index: leave some out",
    ),
    (
        {"columns": [f"c{n}" for n in range(31)], "include": ["x", "y"], "name": "i"},
        "columns",
        "there are 33 columns (31 key, 2 included); PostgreSQL takes 32 in one index: leave some out",
    ),
    # Twice the same
    ({"columns": ["a", "b", "a"]}, "columns[2]", "repeats columns[0] and adds nothing: remove one"),
    (
        {"columns": ["a", {"name": "a", "order": "asc", "nulls": "last"}]},
        "columns[1]",
        "repeats columns[0] and adds nothing: remove one",
    ),
    (
        {"columns": [{"expression": "lower(a)"}, {"expression": "lower(a)"}], "name": "i"},
        "columns[1]",
        "repeats columns[0] and adds nothing: remove one",
    ),
    ({"include": ["x", "x"]}, "include[1]", "repeats include[0]: remove one"),
    ({"include": ["x", "a"]}, "include[1]", '"a" is a key column already (columns[0]): remove one'),
    (
        {"columns": [{"name": "a", "order": "desc"}], "include": ["a"]},
        "include[0]",
        '"a" is a key column already (columns[0]): remove one',
    ),
    # Methods
    ({"method": "GIN"}, "method", 'names are literal, and PostgreSQL has no "GIN": write gin'),
    *(
        (
            {"method": method, "include": ["x"]},
            "include",
            (
                f"an index with method {method} cannot include columns (btree, gist and spgist can): "
                "remove it, or choose another method"
            ),
        )
        for method in ("hash", "gin", "brin")
    ),
    *(
        (
            {"method": method, "unique": True},
            "unique",
            f"an index with method {method} cannot be unique (btree can): remove it, or choose another method",
        )
        for method in ("hash", "gist", "spgist", "gin", "brin")
    ),
    *(
        (
            {"method": method, "columns": ["a", "b"]},
            "columns",
            (
                f"an index with method {method} has one key column, not 2 (btree, gist, gin and brin take several): "
                "make one index for each"
            ),
        )
        for method in ("hash", "spgist")
    ),
    *(
        (
            {"method": method, "columns": [{"name": "a", **written}]},
            f"columns[0].{key}",
            f"an index with method {method} {NO_ORDER}",
        )
        for method in ("hash", "gist", "spgist", "gin", "brin")
        for key, written in (("order", {"order": "asc"}), ("nulls", {"nulls": "first"}))
    ),
    # Unique
    *(
        (
            {"nulls_not_distinct": True, **unique},
            "nulls_not_distinct",
            'only a unique index compares its keys, so this would do nothing: add "unique: true", or remove it',
        )
        for unique in ({}, {"unique": False}, {"unique": None})
    ),
]


@pytest.mark.parametrize(("entry", "place", "message"), WRONG)
def test_one_mistake_is_one_problem(entry, place, message):
    assert problems({"table": "T", "columns": ["a"], **entry}) == [(place, message)]


@pytest.mark.parametrize(
    "entry",
    [
        {"columns": [f"c{n}" for n in range(32)], "name": "i"},
        {"columns": ["a"], "include": [f"c{n}" for n in range(31)]},
        {"columns": ["a", {"name": "a", "opclass": "text_pattern_ops"}]},
        {"columns": ["a", {"expression": "a"}], "name": "i"},
        {"table": "t" * 30, "columns": ["a" * 15, "ö" * 6]},
        {"name": "x" * 63},
        {"columns": ["a", "b"], "method": "gist", "include": ["c"]},
        {"columns": ["a"], "method": "spgist", "include": ["c"]},
        {"columns": ["a", "b"], "method": "gin"},
        {"columns": ["a", "b"], "method": "brin", "storage_parameters": {"pages_per_range": 16}},
        # A method of an extension: only the server knows what it can do.
        {"columns": [{"name": "a", "order": "desc"}, "b"], "method": "hnsw", "include": ["c"], "unique": True},
        {"columns": ["a"], "unique": True, "nulls_not_distinct": True},
        {"columns": ["a"], "unique": False, "nulls_not_distinct": False},
        {"columns": ["a b", "c.d", 'e"f', "ü", "select"]},
        {"storage_parameters": {"fillfactor": 2**63 - 1, "x": True, "y": 0.5, "z": "on"}},
        {"storage_parameters": {}},
        {"include": []},
        # For an absent index, its definition is a remark that may be anything.
        {"state": "absent", "method": "hash", "columns": ["a", "a"], "unique": True, "where": ""},
        {"state": "absent", "name": "i", "columns": [{"expression": ""}]},
    ],
)
def test_allowed(entry):
    assert problems({"table": "T", "columns": ["a"], **entry}) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"columns": "a"},
        {"columns": {"name": "a"}},
        {"include": "a"},
        {"include": [1, None]},
        {"where": 1},
        {"name": 1},
        {"method": 1, "include": ["x"], "unique": True},
        {"unique": "yes", "nulls_not_distinct": True},
        {"storage_parameters": [1]},
        {"state": 1},
        {"state": ["absent"]},
        # Keys that YAML read as something else: the reader of the file reports them.
        {"columns": [{"name": "a", True: 1}]},
        {"storage_parameters": {True: [], 2: []}},
    ],
)
def test_values_of_a_wrong_type_are_left_to_the_schema(entry):
    assert problems({"table": "T", "columns": ["a"], **entry}) == []


def test_all_mistakes_at_once():
    entry = {"table": "", "columns": ["a", "a"], "method": "hash", "unique": True, "include": ["a"]}
    assert [place for place, _message in problems(entry)] == [
        "table",
        "columns[1]",
        "include[0]",
        "include",
        "unique",
        "columns",
    ]


class TestLikeness:
    def test_the_name_and_the_wishes_about_it_do_not_count(self):
        one = {"table": "T", "columns": ["a"], "name": "x", "on_conflict": "refuse"}
        other = {**ANSIBLE, "table": "T", "columns": [{"name": "a", "order": "asc"}], "name": "y"}
        assert rules.likeness(one) == rules.likeness(other)

    @pytest.mark.parametrize(
        "change",
        [
            {"table": "U"},
            {"columns": ["b"]},
            {"columns": [{"name": "a", "order": "desc"}]},
            {"unique": True},
            {"nulls_not_distinct": True},
            {"include": ["b"]},
            {"where": "b"},
            {"method": "hash"},
            {"storage_parameters": {"fillfactor": 70}},
            {"tablespace": "x"},
        ],
    )
    def test_everything_else_counts(self, change):
        entry = {"table": "T", "columns": ["a"]}
        assert rules.likeness({**entry, **change}) not in (None, rules.likeness(entry))

    @pytest.mark.parametrize("change", [{"columns": [1]}, {"table": 1}, {"columns": []}, {"state": "absent"}])
    def test_unclear(self, change):
        assert rules.likeness({"table": "T", "columns": ["a"], **change}) is None


class TestArgumentSpec:
    def test_the_same_names_and_choices_as_the_schema(self):
        properties = specification.ENTRY_SCHEMA["properties"]
        assert list(specification.ARGUMENT_SPEC) == list(properties)
        for name, option in specification.ARGUMENT_SPEC.items():
            assert option.get("choices") == properties[name].get("enum"), name
            assert option.get("default") == properties[name].get("default"), name

    def test_the_defaults_are_those_of_the_specification(self):
        fields = {field.name: field.default for field in dataclasses.fields(IndexSpecification)}
        for name, option in specification.ARGUMENT_SPEC.items():
            if "default" in option:
                assert option["default"] == fields[name]

    def test_columns_are_raw(self):
        assert specification.ARGUMENT_SPEC["columns"]["elements"] == "raw"
        assert specification.SECTION == "indexes"
