# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign keys: the specification of an entry, and its rules."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.foreign_key import rules, specification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.foreign_key.specification import (
    ForeignKeySpecification,
    default_name,
)

LEAST = {"table": "Pet", "columns": ["customerId"], "references": {"table": "Customer", "columns": ["id"]}}
PAIR = {"table": "T", "columns": ["a", "b"], "references": {"table": "U", "columns": ["x", "y"]}}


def problems(entry, migration=None):
    return [(problem.place, problem.message) for problem in specification.problems(entry, migration or {})]


class TestSpecification:
    def test_the_least_entry_and_all_defaults(self):
        assert ForeignKeySpecification.from_entry(LEAST, "public") == ForeignKeySpecification(
            schema="public",
            table="Pet",
            name="Pet_customerId_fkey",
            columns=("customerId",),
            referenced_schema="public",
            referenced_table="Customer",
            referenced_columns=("id",),
            on_delete=None,
            on_delete_columns=(),
            on_update=None,
            match=None,
            deferrable=None,
            initially_deferred=None,
            state="present",
        )

    def test_everything(self):
        entry = {
            "table": "T",
            "name": "k",
            "columns": ["a", "b"],
            "references": {"schema": "other", "table": "U", "columns": ["x", "y"]},
            "on_delete": "set_null",
            "on_delete_columns": ["b"],
            "on_update": "cascade",
            "match": "simple",
            "deferrable": True,
            "initially_deferred": False,
            "state": "present",
        }
        assert ForeignKeySpecification.from_entry(entry, "public") == ForeignKeySpecification(
            schema="public",
            table="T",
            name="k",
            columns=("a", "b"),
            referenced_schema="other",
            referenced_table="U",
            referenced_columns=("x", "y"),
            on_delete="set_null",
            on_delete_columns=("b",),
            on_update="cascade",
            match="simple",
            deferrable=True,
            initially_deferred=False,
            state="present",
        )
        assert problems(entry) == []

    def test_none_for_every_option_says_nothing(self):
        entry = {**dict.fromkeys(specification.ARGUMENT_SPEC), **LEAST}
        entry["references"] = {**LEAST["references"], "schema": None}
        assert ForeignKeySpecification.from_entry(entry, "s") == ForeignKeySpecification.from_entry(LEAST, "s")
        assert problems(entry) == []

    def test_default_name(self):
        assert default_name("CashDrawer", ["openedById"]) == "CashDrawer_openedById_fkey"
        assert ForeignKeySpecification.from_entry(PAIR, "s").name == "T_a_b_fkey"

    @pytest.mark.parametrize(
        ("entry", "name", "columns"),
        [({"name": "old"}, "old", ()), ({"columns": ["a"]}, "T_a_fkey", ("a",))],
    )
    def test_absent_by_name_or_by_columns(self, entry, name, columns):
        entry = {"table": "T", "state": "absent", **entry}
        specified = ForeignKeySpecification.from_entry(entry, "s")
        assert (specified.name, specified.columns, specified.referenced_table) == (name, columns, None)
        assert problems(entry) == []

    def test_no_name_can_be_derived(self):
        with pytest.raises(ValueError, match="without a name"):
            ForeignKeySpecification.from_entry({"table": "T", "state": "absent"}, "s")


LONG = "x" * 64
LONG_MESSAGE = (
    f'the name "{LONG}" has 64 bytes; PostgreSQL keeps 63 and cuts off the rest without an error: choose a shorter name'
)
EMPTY = "is empty; PostgreSQL has no empty names: write the name, or leave the key out"

WRONG = [
    # Names
    ({"table": LONG}, "table", LONG_MESSAGE),
    ({"name": LONG}, "name", LONG_MESSAGE),
    ({"columns": ["a", LONG]}, "columns[1]", LONG_MESSAGE),
    ({"references": {"table": LONG, "columns": ["x", "y"]}}, "references.table", LONG_MESSAGE),
    ({"references": {"table": "U", "columns": ["x", LONG]}}, "references.columns[1]", LONG_MESSAGE),
    ({"references": {"schema": LONG, "table": "U", "columns": ["x", "y"]}}, "references.schema", LONG_MESSAGE),
    ({"references": {"schema": "", "table": "U", "columns": ["x", "y"]}}, "references.schema", EMPTY),
    ({"name": ""}, "name", EMPTY),
    (
        {"table": "t" * 40, "columns": ["a" * 10, "b" * 10]},
        "name",
        (
            "there is none, and of the one made from table and columns: the name "
            f'"{"t" * 40}_{"a" * 10}_{"b" * 10}_fkey" has 67 bytes; PostgreSQL keeps 63 and cuts off the rest without '
            "an error: choose a shorter name"
        ),
    ),
    # What must be there
    ({"columns": None}, "columns", "is missing: a foreign key has at least one column"),
    ({"columns": []}, "columns", "is empty: a foreign key has at least one column"),
    ({"references": None}, "references", "is missing: say which table and columns the key refers to"),
    (
        {"references": {"table": "U", "columns": []}},
        "references.columns",
        "is empty: a foreign key has at least one column",
    ),
    (
        {"state": "absent", "columns": None, "references": None},
        "name",
        "is missing: say which foreign key must be absent, by its name or its columns",
    ),
    # Counts
    (
        {"references": {"table": "U", "columns": ["x"]}},
        "references.columns",
        'has 1 column, but the "columns" of the key are 2: each of them refers to one, in this order',
    ),
    (
        {"columns": ["a"]},
        "references.columns",
        'has 2 columns, but the "columns" of the key are 1: each of them refers to one, in this order',
    ),
    (
        {
            "name": "k",
            "columns": [f"c{n}" for n in range(33)],
            "references": {"table": "U", "columns": [f"c{n}" for n in range(33)]},
        },
        "columns",
        "there are 33 columns; PostgreSQL takes 32 in one key: leave some out",
    ),
    # Twice the same
    ({"columns": ["a", "a"]}, "columns[1]", "repeats columns[0]: name each column once"),
    (
        {"references": {"table": "U", "columns": ["x", "x"]}},
        "references.columns[1]",
        "repeats references.columns[0]: name each column once",
    ),
    (
        {"on_delete": "set_null", "on_delete_columns": ["a", "a"]},
        "on_delete_columns[1]",
        "repeats on_delete_columns[0]: name each column once",
    ),
    # on_delete_columns
    *(
        (
            {"on_delete_columns": ["a"], **action},
            "on_delete_columns",
            f"only on_delete set_null and set_default set columns, and on_delete is {shown}: change it, or remove this",
        )
        for action, shown in (
            ({}, "not given"),
            ({"on_delete": None}, "not given"),
            ({"on_delete": "cascade"}, "cascade"),
            ({"on_delete": "restrict"}, "restrict"),
            ({"on_delete": "no_action"}, "no_action"),
        )
    ),
    (
        {"columns": ["tenantId", "userId"], "on_delete": "set_null", "on_delete_columns": ["userid"]},
        "on_delete_columns[0]",
        '"userid" is not one of the key\'s columns; did you mean "userId"?',
    ),
    (
        {"on_delete": "set_default", "on_delete_columns": ["zzz"]},
        "on_delete_columns[0]",
        '"zzz" is not one of the key\'s columns; known are: a, b',
    ),
    # match
    (
        {"match": "full", "on_delete": "set_null", "on_delete_columns": ["b"]},
        "on_delete_columns",
        "match full refuses a key that is NULL in part, so that every delete would fail: name all columns, or none",
    ),
    # Deferral
    *(
        (
            {"initially_deferred": True, **deferrable},
            "initially_deferred",
            'only a deferrable key can be deferred: add "deferrable: true", or remove it',
        )
        for deferrable in ({}, {"deferrable": None}, {"deferrable": False})
    ),
]


@pytest.mark.parametrize(("entry", "place", "message"), WRONG)
def test_one_mistake_is_one_problem(entry, place, message):
    assert problems({**PAIR, **entry}) == [(place, message)]


@pytest.mark.parametrize(
    "entry",
    [
        *({"on_delete": action} for action in ("no_action", "restrict", "cascade", "set_null", "set_default")),
        {"on_delete": "set_null", "on_delete_columns": ["b"]},
        {"on_delete": "set_null", "on_delete_columns": ["b", "a"], "match": "full"},
        {"on_delete": "set_default", "on_delete_columns": ["b"], "match": "full"},
        {"on_delete": "set_null", "match": "full"},
        {"on_delete_columns": []},
        {"deferrable": True, "initially_deferred": True},
        {"deferrable": False, "initially_deferred": False},
        {"initially_deferred": False},
        {"references": {"schema": "other", "table": "T", "columns": ["x", "y"]}},
        {"columns": ["a b", 'c"d']},
        # For an absent key, its definition is a remark that may be anything.
        {"state": "absent", "columns": ["a", "a"], "on_delete_columns": ["z"], "initially_deferred": True},
    ],
)
def test_allowed(entry):
    assert problems({**PAIR, **entry}) == []


NOT_NULL = {"columns": [{"table": "X", "name": "a", "nullable": False}, {"table": "T", "name": "b", "nullable": False}]}


class TestSetNullOnNotNull:
    @pytest.mark.parametrize(("key", "event"), [("on_delete", "deleting"), ("on_update", "updating")])
    def test_refused(self, key, event):
        assert problems({**PAIR, key: "set_null"}, NOT_NULL) == [
            (
                key,
                (
                    f'sets "b" to NULL, but columns[1] of this file makes it NOT NULL, so that {event} a referenced '
                    "row would fail: make the column nullable, or choose another action"
                ),
            )
        ]

    def test_accepted(self):
        assert problems({**PAIR, "on_delete": "set_null", "set_null_fails": "accept"}, NOT_NULL) == []

    def test_refused_for_a_column_that_on_delete_names(self):
        entry = {**PAIR, "on_delete": "set_null", "on_delete_columns": ["b"]}
        assert [place for place, _message in problems(entry, NOT_NULL)] == ["on_delete"]

    @pytest.mark.parametrize(
        "entry",
        [
            {"on_delete": "set_null", "on_delete_columns": ["a"]},
            {"on_delete": "cascade", "on_update": "cascade"},
            {"on_delete": "set_null", "state": "absent"},
            {"on_delete": "set_null", "table": "V"},
        ],
    )
    def test_not_concerned(self, entry):
        assert problems({**PAIR, **entry}, NOT_NULL) == []

    @pytest.mark.parametrize("nullable", [True, None, "no"])
    def test_only_what_the_file_says(self, nullable):
        migration = {"columns": [{"table": "T", "name": "b", "nullable": nullable}]}
        assert problems({**PAIR, "on_delete": "set_null"}, migration) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"columns": "a"},
        {"columns": [1, None]},
        {"references": "U"},
        {"references": {"table": 1, "columns": "x"}},
        {"on_delete": ["set_null"], "on_delete_columns": ["a"]},
        {"on_delete_columns": "a"},
        {"initially_deferred": True, "deferrable": "yes"},
        {"table": None},
        {"name": 1},
        {"state": 1},
    ],
)
def test_values_of_a_wrong_type_are_left_to_the_schema(entry):
    assert problems({**PAIR, **entry}, {"columns": "x"}) == []


def test_likeness_is_about_the_pairs_of_columns():
    swapped = {**PAIR, "columns": ["b", "a"], "references": {"table": "U", "columns": ["y", "x"]}}
    crossed = {**PAIR, "columns": ["b", "a"]}
    assert rules.likeness(PAIR) == rules.likeness(swapped)
    assert rules.likeness(PAIR) != rules.likeness(crossed)
    for change in ({"state": "absent"}, {"columns": ["a"]}, {"references": {"columns": ["x", "y"]}}, {"table": 1}):
        assert rules.likeness({**PAIR, **change}) is None


class TestArgumentSpec:
    def test_the_same_names_and_choices_as_the_schema(self):
        def compare(options, schema):
            assert list(options) == list(schema["properties"])
            for name, option in options.items():
                assert option.get("choices") == schema["properties"][name].get("enum"), name
                assert option.get("default") == schema["properties"][name].get("default"), name
                assert bool(option.get("required")) == (name in schema["required"]), name

        references = specification.ENTRY_SCHEMA["properties"]["references"]
        compare(specification.ARGUMENT_SPEC, specification.ENTRY_SCHEMA)
        compare(specification.ARGUMENT_SPEC["references"]["options"], references)

    def test_the_defaults_are_those_of_the_specification(self):
        fields = {field.name: field.default for field in dataclasses.fields(ForeignKeySpecification)}
        for name, option in specification.ARGUMENT_SPEC.items():
            if name in fields and fields[name] is not dataclasses.MISSING:
                assert option.get("default") == (fields[name] or None), name
        assert specification.SECTION == "foreign_keys"
