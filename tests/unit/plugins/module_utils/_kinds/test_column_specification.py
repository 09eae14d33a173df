# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns: the specification of an entry, and its rules."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column import specification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column.specification import ColumnSpecification


def problems(entry, migration=None):
    return [(problem.place, problem.message) for problem in specification.problems(entry, migration or {})]


@pytest.mark.parametrize("nullable", [True, False])
def test_specification(nullable):
    entry = {"table": "CashDrawer", "name": 'opened "By"', "nullable": nullable}
    assert ColumnSpecification.from_entry(entry, "public") == ColumnSpecification(
        schema="public", table="CashDrawer", name='opened "By"', nullable=nullable
    )
    assert problems(entry) == []


@pytest.mark.parametrize("key", ["table", "name"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is empty; PostgreSQL has no empty names: write the name, or leave the key out"),
        ("a\0b", r'the name "a\x00b" holds a NUL character, which PostgreSQL takes in no text: remove it'),
        (
            "\udfff",
            r'the name "\udfff" holds half of a surrogate pair, which is not a character: write the whole character',
        ),
        (
            "ö" * 64,
            (
                f'the name "{"ö" * 64}" has more than 63 bytes; PostgreSQL keeps 63 and cuts off the rest without '
                "an error: choose a shorter name"
            ),
        ),
    ],
)
def test_a_name_that_postgresql_would_not_keep(key, name, message):
    entry = {"table": "T", "name": "c", "nullable": True, key: name}
    assert problems(entry) == [(key, message)]


@pytest.mark.parametrize("name", ["x" * 63, "ö" * 31, "a.b", "a b", 'a"b', "select", "é", " "])
def test_names_are_literal(name):
    assert problems({"table": name, "name": name, "nullable": True}) == []


def test_values_of_a_wrong_type_are_left_to_the_schema():
    assert problems({"table": 1, "name": None, "nullable": "x"}) == []


def test_the_argument_spec_says_what_the_schema_says():
    assert set(specification.ARGUMENT_SPEC) == set(specification.ENTRY_SCHEMA["properties"])
    required = {name for name, option in specification.ARGUMENT_SPEC.items() if option.get("required")}
    assert required == set(specification.ENTRY_SCHEMA["required"])
    assert specification.SECTION == "columns"
