# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""One object has one name: in steps, in what was there, in what is left out, and in steady_rollback_only."""

from __future__ import annotations

from typing import Any

import pytest

from integration.cluster import Database

pytestmark = pytest.mark.postgres

ODD = 'odd\x1b[2J "{{ x }}", \u202ename'
MIGRATION: dict[str, Any] = {
    "id": "names",
    "columns": [{"table": "Order", "name": "customerId", "nullable": True}],
    "indexes": [
        {"table": "Order", "name": "wanted", "columns": ["note"]},
        {"table": "Order", "name": ODD, "columns": ["note", "id"]},
        {"table": "Order", "name": "never_there", "state": "absent"},
    ],
    "foreign_keys": [
        {
            "name": "Order_customerId_fkey",
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "set_null",
        }
    ],
}
OBJECTS = {"public.Order.customerId", "public.wanted", f"public.{ODD}", "public.Order.Order_customerId_fkey"}
SHOWN = 'public.odd\\x1b[2J "{{ x }}", \\u202ename'


def test_every_name_of_a_result_can_be_pasted(database: Database) -> None:
    """4.2 no. 1: present and left_out named an index with its table, which steady_rollback_only does not know."""
    before = database.dump()
    done = database.apply(MIGRATION)
    assert {step["object"] for step in done["steps"]} == OBJECTS
    again = database.apply(MIGRATION)
    assert {one["object"] for one in again["present"]} == {*OBJECTS, "public.never_there"}
    for name in OBJECTS:
        planned = database.rollback(only=[name], check=True)
        assert {step["object"] for step in planned["steps"]} == {name}
        assert {one["object"] for one in planned["left_out"]} == OBJECTS - {name}
    assert {step["object"] for step in database.rollback(only=[SHOWN], check=True)["steps"]} == {f"public.{ODD}"}
    database.execute('DROP INDEX "wanted"; CREATE INDEX "wanted" ON "Order" (id)')
    partly = database.rollback(partial=True)
    assert [one["object"] for one in partly["left_out"]] == ["public.wanted"]
    database.execute('DROP INDEX "wanted"')
    assert database.dump() == before
