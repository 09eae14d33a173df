# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign keys: every property is explicit, since psql keeps none of a former key."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Verdict
from unit.plugins.sql.texts import migration, one, reading, refusals

PLAIN = {
    "name": "f",
    "table": "t",
    "columns": ["a"],
    "references": {"table": "p", "columns": ["id"]},
    "on_delete": "no_action",
    "on_update": "no_action",
    "match": "simple",
    "deferrable": False,
    "initially_deferred": False,
}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ("", {}),
        ("ON DELETE SET NULL ON UPDATE CASCADE", {"on_delete": "set_null", "on_update": "cascade"}),
        ("ON DELETE RESTRICT ON UPDATE SET DEFAULT", {"on_delete": "restrict", "on_update": "set_default"}),
        ("ON DELETE SET NULL (a)", {"on_delete": "set_null", "on_delete_columns": ["a"]}),
        ("MATCH FULL DEFERRABLE", {"match": "full", "deferrable": True}),
        ("INITIALLY DEFERRED", {"deferrable": True, "initially_deferred": True}),
    ],
)
def test_every_property_is_said(options: str, changed: dict[str, Any]) -> None:
    (key,) = migration(f"ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) {options}")["foreign_keys"]
    assert key == {**PLAIN, **changed, "on_conflict": "refuse"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) ON DELETE SET NULL", "ON DELETE SET NULL"),
        (
            "ALTER TABLE t ADD a int, ADD CONSTRAINT f FOREIGN KEY (a, b) REFERENCES p (id, b) ON DELETE SET NULL"
            " ON UPDATE SET NULL",
            "ON DELETE and ON UPDATE SET NULL: where a or b of t is NOT NULL",
        ),
    ],
)
def test_set_null_that_may_fail_needs_no_decision_and_takes_one(text: str, said: str) -> None:
    (hazard,) = one(text).hazards
    assert (hazard.name, hazard.undecided) == ("breaks_running_application", False)
    assert hazard.message.startswith(said)
    assert "set_null_fails" not in migration(text)["foreign_keys"][0]
    accepted = migration(f"-- steady: accept breaks_running_application because nobody deletes\n{text}")
    assert accepted["foreign_keys"][0]["set_null_fails"] == "accept"


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a int NOT NULL); ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id) ON DELETE SET NULL",
        "ALTER TABLE t ADD a int REFERENCES p (id) ON DELETE SET NULL",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id) ON DELETE CASCADE",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p ON DELETE SET NULL",
    ],
)
def test_set_null_of_what_takes_it_or_is_run_as_written_has_no_hazard(text: str) -> None:
    assert one(text).hazards == ()


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("", "-- steady: accept breaks_running_application because it is a test\nALTER TABLE t ALTER a SET NOT NULL;"),
        ("ALTER TABLE t ADD a int NOT NULL DEFAULT 1;\n", ""),
    ],
)
def test_set_null_and_not_null_in_one_file_can_be_accepted(before: str, behind: str) -> None:
    accept = "-- steady: accept breaks_running_application because it is a test\n"
    key = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) ON DELETE SET NULL;\n"
    (line,) = refusals(before + key + behind)
    assert line.endswith('or write "-- steady: accept breaks_running_application because …" before it')
    assert migration(before + accept + key + behind)["foreign_keys"][0]["set_null_fails"] == "accept"


def test_drop_and_add_of_one_name_is_a_replacement_without_a_hazard() -> None:
    """In two statements as an ORM writes it, and in one."""
    add = 'ADD CONSTRAINT "F" FOREIGN KEY (a) REFERENCES p (id)'
    for text in (
        f'ALTER TABLE "T" DROP CONSTRAINT "F"; ALTER TABLE "T" {add};',
        f'ALTER TABLE "T" DROP CONSTRAINT IF EXISTS "F", {add};',
    ):
        assert migration(text)["foreign_keys"] == [{**PLAIN, "name": "F", "table": "T"}]
        assert one(text).verdict is Verdict.ANOTHER_WAY


def test_two_keys_dropped_and_added_again_are_one_entry_each() -> None:
    drops = "ALTER TABLE a DROP CONSTRAINT x; ALTER TABLE b DROP CONSTRAINT x;"
    adds = "".join(f"ALTER TABLE {table} ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES p (id);" for table in ("a", "b"))
    keys = migration(drops + adds)["foreign_keys"]
    assert [(key["table"], key["name"], key.get("state")) for key in keys] == [("a", "x", None), ("b", "x", None)]


def test_a_dropped_constraint_is_an_absent_key() -> None:
    assert migration('ALTER TABLE "T" DROP CONSTRAINT "F"')["foreign_keys"] == [
        {"table": "T", "name": "F", "state": "absent"}
    ]


def test_a_new_key_on_a_column_that_code_uses_says_what_it_refuses() -> None:
    add = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)"
    (note,) = one(add).notes
    assert note.startswith("rows of t without a parent are found before anything is changed")
    for new in ("ALTER TABLE t ADD COLUMN a int", "CREATE TABLE t (a int)"):
        assert all(statement.notes == () for statement in reading(f"{new}; {add}").statements)


def test_not_valid_stays_unless_the_file_validates_it() -> None:
    add = "ALTER TABLE t DROP CONSTRAINT f, ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) NOT VALID;"
    accepted = "-- steady: accept not_reversible because it is a test\n"
    (statement,) = migration(accepted + add)["statements"]
    assert (statement["sql"], statement["locks"]) == (add.rstrip(";"), [{"table": "t"}])
    both = migration(f"{add}\nALTER TABLE t VALIDATE CONSTRAINT f;")
    assert both["foreign_keys"] == [PLAIN]


def test_the_key_of_a_parent_that_is_not_named_is_added_in_two_statements() -> None:
    added, validated = migration("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p")["statements"]
    assert added["sql"] == "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p NOT VALID"
    assert (added["locks"], added["mode"]) == ([{"table": "t"}, {"table": "p"}], "SHARE ROW EXCLUSIVE")
    assert added["undo"] == ['ALTER TABLE "t" DROP CONSTRAINT IF EXISTS "f"']
    assert (validated["sql"], validated["limit_ms"]) == ('ALTER TABLE "t" VALIDATE CONSTRAINT "f"', 0)
    assert "locks" not in validated


def test_a_parent_in_another_schema() -> None:
    text = "ALTER TABLE a.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES b.p (id)"
    data = migration(text)
    assert (data["schema"], data["foreign_keys"][0]["references"]["schema"]) == ("a", "b")


def test_cascade_is_not_carried_out() -> None:
    assert any("remove CASCADE" in line for line in refusals("ALTER TABLE t DROP CONSTRAINT f CASCADE"))


def test_a_constraint_of_another_kind_is_replaced_in_one_statement() -> None:
    text = "ALTER TABLE t DROP CONSTRAINT f, ADD CONSTRAINT f CHECK (a > 0), ADD c int"
    accepted = "".join(
        f"-- steady: accept {hazard} because it is a test\n"
        for hazard in ("blocks_reads", "fails_on_data", "not_reversible")
    )
    (statement,) = migration(accepted + text)["statements"]
    assert (statement["sql"], statement["limit_ms"]) == (text, 0)
