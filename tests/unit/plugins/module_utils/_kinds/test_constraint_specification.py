# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints: the specification of an entry, its rules, and what the journal keeps of one."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.constraint import image, specification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.constraint.kind import ConstraintKind
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.constraint.specification import (
    ConstraintSpecification,
    entry_name,
)

FLAGS = (
    *("nulls_not_distinct", "deferrable", "initially_deferred", "no_inherit", "period", "inherited", "clustered"),
    "replica_identity",
)
IMAGE = {
    "schema": "public",
    "table": "T",
    "name": "T_a_key",
    "type": "u",
    "columns": ["a"],
    "include": [],
    "check": None,
    "options": {},
    "tablespace": None,
    "validated": True,
    "enforced": True,
    "comment": None,
    "definition": "UNIQUE (a)",
    **dict.fromkeys(FLAGS, False),
}


def problems(**entry):
    return [(problem.place, problem.message) for problem in specification.problems({"table": "T", **entry})]


def clashes(*entries):
    migration = {"constraints": [{"table": "T", **entry} for entry in entries]}
    return [(problem.place, problem.message) for problem in ConstraintKind().clashes(migration)]


class TestSpecification:
    def test_the_least_entry_and_all_defaults(self):
        assert ConstraintSpecification.from_entry({"table": "T", "unique": ["a"]}, "s") == ConstraintSpecification(
            schema="s",
            table="T",
            name="T_a_key",
            type="u",
            columns=("a",),
            check=None,
            include=(),
            nulls_not_distinct=False,
            deferrable=False,
            initially_deferred=False,
            no_inherit=False,
            storage_parameters=(),
            tablespace=None,
            comment=None,
            state="present",
            on_conflict="replace",
        )

    def test_everything(self):
        entry = {
            "table": "T",
            "name": "u",
            "unique": ["a", "b"],
            "include": ["c"],
            "nulls_not_distinct": True,
            "deferrable": True,
            "initially_deferred": True,
            "storage_parameters": {"fillfactor": 70, "deduplicate_items": False},
            "tablespace": "fast",
            "comment": "",
            "state": "present",
            "on_conflict": "refuse",
        }
        assert problems(**entry) == []
        assert ConstraintSpecification.from_entry(entry, "public") == ConstraintSpecification(
            schema="public",
            table="T",
            name="u",
            type="u",
            columns=("a", "b"),
            include=("c",),
            nulls_not_distinct=True,
            deferrable=True,
            initially_deferred=True,
            storage_parameters=(("deduplicate_items", "off"), ("fillfactor", "70")),
            tablespace="fast",
            comment="",
            on_conflict="refuse",
        )

    @pytest.mark.parametrize("given", [{"unique": ["a"]}, {"primary_key": ["a"]}, {"name": "c", "check": "a > 0"}])
    def test_none_for_every_option_says_nothing(self, given):
        entry = {"table": "T", **given}
        assert ConstraintSpecification.from_entry(
            {**dict.fromkeys(specification.ARGUMENT_SPEC), **entry}, "s"
        ) == ConstraintSpecification.from_entry(entry, "s")

    @pytest.mark.parametrize(
        ("entry", "name"),
        [
            ({"unique": ["a", "b"]}, "T_a_b_key"),
            ({"unique": ["a"], "include": ["b"]}, "T_a_b_key"),
            ({"primary_key": ["a", "b"], "include": ["c"]}, "T_pkey"),
            ({"unique": ["a"], "name": "u"}, "u"),
            ({"check": "true"}, None),
        ],
    )
    def test_its_name_is_postgresql_s(self, entry, name):
        """ChooseIndexName: all columns of the index, and of a primary key none."""
        assert entry_name({"table": "T", **entry}) == name

    def test_without_any_name_there_is_none(self):
        with pytest.raises(ValueError, match="without a name"):
            ConstraintSpecification.from_entry({"table": "T", "check": "true"}, "s")

    def test_the_argument_spec_says_what_the_schema_says(self):
        assert set(specification.ARGUMENT_SPEC) == set(specification.ENTRY_SCHEMA["properties"])
        required = {name for name, option in specification.ARGUMENT_SPEC.items() if option.get("required")}
        assert required == set(specification.ENTRY_SCHEMA["required"])
        assert specification.SECTION == "constraints"


class TestRules:
    @pytest.mark.parametrize(
        "entry",
        [
            {"unique": ["a"]},
            {"primary_key": ["a", "b"], "include": ["c"], "deferrable": True},
            {"name": "c", "check": "a > 0", "no_inherit": True},
            {"name": "c", "state": "absent"},
            {"unique": 1, "check": None, "include": "x", "comment": 5},
        ],
    )
    def test_nothing_to_say(self, entry):
        assert problems(**entry) == []

    @pytest.mark.parametrize(
        ("entry", "place", "why"),
        [
            ({"name": "c"}, "unique", "is missing: say what the constraint is"),
            ({"state": "absent"}, "name", "say which constraint must be absent"),
            ({"unique": ["a"], "primary_key": ["b"]}, "primary_key", 'is not "unique" and "primary_key" at once'),
            ({"check": "true"}, "name", "a check has no name that follows from its table"),
            ({"unique": []}, "unique", "is empty"),
            ({"primary_key": ["a", "b", "a"]}, "primary_key[2]", "repeats primary_key[0]"),
            ({"name": "u", "unique": [f"c{n}" for n in range(33)]}, "unique", "there are 33 columns"),
            ({"name": "c", "check": "true", "include": ["a"]}, "include", "a check has none"),
            ({"name": "c", "check": "true", "deferrable": True}, "deferrable", "a check has none"),
            ({"unique": ["a"], "no_inherit": True}, "no_inherit", "is about a check"),
            ({"primary_key": ["a"], "nulls_not_distinct": True}, "nulls_not_distinct", 'belongs to "unique"'),
            ({"unique": ["a"], "initially_deferred": True}, "initially_deferred", "only a deferrable constraint"),
            ({"unique": ["x" * 64]}, "unique[0]", "has 64 bytes; PostgreSQL keeps 63"),
            ({"unique": ["x" * 60]}, "name", "has 66 bytes; PostgreSQL keeps 63"),
        ],
    )
    def test_what_no_schema_can_say(self, entry, place, why):
        ((where, message),) = problems(**entry)
        assert where == place
        assert why in message

    def test_one_constraint_has_one_entry(self):
        ((place, message),) = clashes({"unique": ["a"]}, {"unique": ["b"], "name": "T_a_key"})
        assert (place, "repeats constraints[0]" in message) == ("constraints[1]", True)
        ((_place, message),) = clashes({"unique": ["a"]}, {"name": "T_a_key", "state": "absent"})
        assert "contradicts constraints[0]" in message

    def test_a_table_has_one_primary_key(self):
        ((place, message),) = clashes({"primary_key": ["a"]}, {"primary_key": ["b"], "name": "mine"})
        assert (place, "has one at most" in message) == ("constraints[1].primary_key", True)
        assert clashes({"primary_key": ["a"]}, {"primary_key": ["b"], "table": "U"}) == []
        assert clashes({"primary_key": ["a"]}, {"name": "old", "state": "absent"}) == []


class TestImage:
    """Who may write the journal could write anything into it, and a rollback makes statements of that."""

    def test_what_the_catalog_s_reader_gives_is_taken(self):
        assert image.parse(IMAGE) == IMAGE

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"type": "f"}, "type is none of u, p, c"),
            ({"columns": "a"}, "columns is no list"),
            ({"columns": [1]}, "columns is no text"),
            ({"check": "true"}, "is no check"),
            ({"type": "c"}, "is no check"),
            ({"type": "c", "check": "true), ADD CHECK (false"}, "check is no SQL expression"),
            ({"deferrable": "yes"}, "deferrable is neither true nor false"),
            ({"options": {"fillfactor": 70}}, "options is no text"),
            ({"comment": ["it"]}, "comment is no text"),
        ],
    )
    def test_anything_else_is_not(self, change, why):
        with pytest.raises(ValueError, match=why):
            image.parse({**IMAGE, **change})

    @pytest.mark.parametrize("key", IMAGE)
    def test_nothing_may_be_left_out(self, key):
        with pytest.raises(ValueError, match=key):
            image.parse({name: value for name, value in IMAGE.items() if name != key})

    @pytest.mark.parametrize("change", [{"columns": ["b"]}, {"deferrable": True}, {"options": {"fillfactor": "70"}}])
    def test_another_definition_is_another_constraint(self, change):
        assert image.differs(IMAGE, {**IMAGE, **change})
        (said,), beside = image.differences(IMAGE, {**IMAGE, **change})
        assert (said.split()[0], beside) == (next(iter(change)), [])

    @pytest.mark.parametrize("change", [{"comment": "c"}, {"clustered": True}])
    def test_what_hangs_on_it_is_not(self, change):
        assert not image.differs(IMAGE, {**IMAGE, **change})
        definition, (said,) = image.differences(IMAGE, {**IMAGE, **change})
        assert (definition, said.split()[0]) == ([], next(iter(change)))
