# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What needs no change is said: objects that are there as wanted, and absent ones that are not there."""

from __future__ import annotations

import pytest

from integration.cluster import Database

pytestmark = pytest.mark.postgres


def test_what_was_dropped_is_present_as_not_there(database: Database) -> None:
    """M11: the second run of a migration that drops an index and a key has nothing to do, and says of what."""
    database.execute('CREATE INDEX old ON "Order" (total)')
    dropped = {
        "indexes": [{"name": "old", "table": "Order", "state": "absent"}],
        "foreign_keys": [{"name": "Order_customerId_fkey", "table": "Order", "state": "absent"}],
    }
    assert len(database.apply(**dropped)["steps"]) == 2
    again = database.apply(**dropped)
    assert (again["changed"], again["steps"]) == (False, [])
    found = {one["kind"]: one["state"] for one in again["present"]}
    assert found == {"index": "not there", "foreign_key": "not there"}
    database.rollback()
    assert "old" in database.indexes("Order")
    assert "Order_customerId_fkey" in database.foreign_keys("Order")
