# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places, the nearest known word, and texts that stay on one line."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._support.problem import (
    Mistake,
    hint,
    kind_of,
    nearest,
    one_line,
    place_of,
    quoted,
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), ""),
        (("id",), "id"),
        (("indexes", 2, "columns", 0, "order"), "indexes[2].columns[0].order"),
        ((3,), "[3]"),
        (("storage_parameters", "a b"), 'storage_parameters["a b"]'),
        (("a.b", "c"), '["a.b"].c'),
        (("", "9"), '[""]["9"]'),
        (("Straße", "größe-2"), "Straße.größe-2"),
    ],
)
def test_place(path, place):
    assert Mistake(path, "x").place == place_of(path) == place


def test_a_problem_is_seen_from_further_up():
    assert Mistake(("order",), "x").below("columns", 0) == Mistake(("columns", 0, "order"), "x")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("appointment", ["Appointments", "Appointment"], "Appointment"),
        ("APPOINTMENT", ["Appointment"], "Appointment"),
        ("colums", ["table", "columns"], "columns"),
        ("set null", ["set_null", "set_default"], "set_null"),
        # The word itself, though another differs in case alone and stands before it.
        ("sale", ["Sale", "sale"], "sale"),
        ("straße", ["STRASSE"], "STRASSE"),
        ("zzz", ["table", "columns"], None),
        ("x", [], None),
        ("", ["table"], None),
    ],
)
def test_nearest(word, known, meant):
    assert nearest(word, known) == meant


def test_hint_with_and_without_a_near_word():
    assert hint("colums", ["table", "columns"]) == 'did you mean "columns"?'
    assert hint("zzz", ["table", "columns"]) == "known are: table, columns"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Sale", '"Sale"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("a\nb\0", r'"a\nb\x00"'),
        ("\ud800", r'"\ud800"'),
        ("a\u2028b", r'"a\u2028b"'),
        ("Größe 🐈", '"Größe 🐈"'),
        ("x" * 80, '"' + "x" * 80 + '"'),
        ("x" * 81, '"' + "x" * 79 + '…"'),
    ],
)
def test_quoted(text, shown):
    assert quoted(text) == shown


@given(st.text(alphabet=st.characters()))
def test_whatever_is_quoted_stays_on_one_line_and_can_be_encoded(text):
    for shown in (quoted(text), one_line(text)):
        assert len(shown.splitlines()) <= 1
        shown.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "empty"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        ("", "a string"),
        ({}, "a mapping"),
        ([], "a list"),
        ((), "a list"),
        (datetime.date(2025, 10, 14), "a date"),
        (datetime.datetime(2025, 10, 14), "a date"),
        ({1}, "a set"),
        (b"", "binary data"),
        (object(), "something else"),
    ],
)
def test_kind_of(value, kind):
    assert kind_of(value) == kind
