# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a statement reaches, and what of it leaves the database."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._evidence.reach import (
    ForeignKey,
    Function,
    Reach,
    Rule,
    Surroundings,
    Trigger,
    leaving_words,
    reach,
)

CUSTOMER, PET, VISIT, SALE, LOG, FAR = range(1, 7)
TABLES = {
    CUSTOMER: ("public", "Customer", "r"),
    PET: ("public", "Pet", "r"),
    VISIT: ("public", "Visit", "r"),
    SALE: ("public", "Sale", "r"),
    LOG: ("audit", "log of all", "r"),
    FAR: ("public", "far", "f"),
}
KEYS = (
    ForeignKey(PET, CUSTOMER, "c", "c"),
    ForeignKey(VISIT, PET, "c", "a"),
    ForeignKey(SALE, CUSTOMER, "n", "c"),
    ForeignKey(LOG, SALE, "r", "n"),
)


def plpgsql(name: str, body: str) -> Function:
    return Function(name, body, "plpgsql", True, "")


def around(**more: Any) -> Surroundings:
    empty: dict[str, Any] = {"parts": {}, "keys": KEYS, "triggers": (), "rules": (), "functions": {}}
    return Surroundings(TABLES, **{**empty, **more})


def names(found: Reach) -> set[str]:
    return {TABLES[oid][1] for oid in found.tables}


@pytest.mark.parametrize(
    ("event", "reached"),
    [
        ("delete", {"Customer", "Pet", "Visit", "Sale", "log of all"}),
        ("update", {"Customer", "Pet", "Sale", "log of all"}),
        ("insert", {"Customer"}),
    ],
)
def test_foreign_keys_are_followed_by_what_they_do(event: str, reached: set[str]) -> None:
    assert names(reach(around(), [(CUSTOMER, event)], "")) == reached


def test_keys_in_a_circle_come_to_an_end() -> None:
    circle = (ForeignKey(PET, CUSTOMER, "c", "c"), ForeignKey(CUSTOMER, PET, "c", "c"))
    assert names(reach(around(keys=circle), [(PET, "delete")], "")) == {"Customer", "Pet"}


def test_a_trigger_counts_when_its_event_comes() -> None:
    functions = {7: plpgsql("tell", "BEGIN NOTIFY x; END")}
    on_insert = around(functions=functions, triggers=[Trigger("t", PET, 7, ("insert",))])
    on_delete = around(functions=functions, triggers=[Trigger("t", PET, 7, ("insert", "delete"))])
    assert reach(on_insert, [(CUSTOMER, "delete")], "").leaving == ()
    assert reach(on_delete, [(CUSTOMER, "delete")], "").leaving == (
        'trigger "t" on "Pet": function tell notifies other sessions',
    )


def test_functions_and_tables_that_a_body_names_are_followed() -> None:
    functions = {
        7: plpgsql("first", 'PERFORM Second(1); INSERT INTO audit."log of all" VALUES (1);'),
        8: plpgsql("second", "PERFORM first();"),
        9: plpgsql("third", "PERFORM dblink('x', 'y');"),
    }
    triggers = [Trigger("t", PET, 7, ("delete",)), Trigger("u", LOG, 9, ("insert",))]
    found = reach(around(functions=functions, triggers=triggers), [(PET, "delete")], "")
    assert "log of all" in names(found)
    assert found.leaving == ('trigger "u" on "log of all": function third works on another database through dblink',)


@pytest.mark.parametrize(
    ("function", "leaves"),
    [
        (Function("f", "", "c", True, "moddatetime"), False),
        (Function("f", "", "c", True, "tcn"), True),
        (Function("f", "", "c", True, ""), True),
        (Function("f", "import os", "plpython3u", False, ""), True),
        (Function("f", "return 1", "plperl", True, ""), False),
    ],
)
def test_what_cannot_be_looked_into_leaves(function: Function, leaves: bool) -> None:
    catalog = around(functions={7: function}, triggers=[Trigger("t", PET, 7, ("delete",))])
    assert bool(reach(catalog, [(PET, "delete")], "").leaving) is leaves


def test_foreign_tables_leave_as_parts_as_targets_and_in_the_probes_own_words() -> None:
    assert reach(around(parts={PET: [FAR]}), [(PET, "delete")], "").leaving == ('"public"."far" is a foreign table',)
    assert reach(around(), [(FAR, "insert")], "").leaving
    assert reach(around(), [], "SELECT * FROM far").leaving
    # A table that the probe only names is not written to.
    assert names(reach(around(), [], 'SELECT * FROM "Pet"')) == set()


def test_a_rule_is_read() -> None:
    rule = Rule("r", PET, 'CREATE RULE r AS ON DELETE TO "Pet" DO ALSO NOTIFY gone')
    assert reach(around(rules=[rule]), [(CUSTOMER, "delete")], "").leaving == (
        'rule "r" on "Pet" notifies other sessions',
    )


@pytest.mark.parametrize(
    "text",
    [
        "NOTIFY x",
        "perform pg_notify('a', 'b')",
        "SELECT dblink_exec('x')",
        "SELECT net.http_post('u')",
        "select http_get('u')",
        "COPY t TO PROGRAM 'cat'",
        "copy (select 1) to '/tmp/x'",
        "SELECT lo_export(1, 'x')",
        "SELECT pg_read_binary_file('x')",
        "SELECT pg_logical_emit_message(false, 'a', 'b')",
        "SELECT pg_terminate_backend(1)",
        "SELECT aws_lambda.invoke('x')",
    ],
)
def test_words_that_leave(text: str) -> None:
    assert leaving_words(text)


@pytest.mark.parametrize(
    "text",
    ["INSERT INTO notifications VALUES (1)", "UPDATE copies SET to_date = now()", "SELECT https, http FROM t", ""],
)
def test_words_that_stay(text: str) -> None:
    assert leaving_words(text) == []
