# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""verify tells what somebody changed since a deployment left it, of all deployments, as before and after."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.verification import verify
from integration.ansible_command import run_module
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

KEY = "Order_customerId_fkey"
FIRST: dict[str, Any] = {
    "id": "first",
    "columns": [{"table": "Order", "name": "customerId", "nullable": True}],
    "indexes": [{"name": "by_note", "table": "Order", "columns": ["note"]}],
    "foreign_keys": [
        {
            "name": KEY,
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "set_null",
        }
    ],
}
SECOND: dict[str, Any] = {"id": "second", "indexes": [{"name": "by_name", "table": "Customer", "columns": ["name"]}]}
NOTHING = {"id": "nothing"}


def drifted(database: Database, migration: dict[str, Any] | None = None) -> dict[str, tuple[str | None, str | None]]:
    """The failed checks: name to what was left and what stands now."""
    checks = database.verify(migration or NOTHING)["verification"]
    return {one["name"]: (one.get("before"), one.get("after")) for one in checks if one["status"] == "failed"}


@pytest.fixture
def deployed(database: Database) -> Database:
    """The shop after two deployments."""
    database.apply(FIRST)
    database.apply(SECOND)
    return database


def test_what_deployments_left_still_stands(deployed: Database) -> None:
    for migration in (FIRST, SECOND, NOTHING):
        with deployed.nothing_written():
            (last,) = [one for one in deployed.verify(migration)["verification"] if one["kind"] == "drift"]
        assert (last["status"], last["detail"]) == ("ok", "4 of 4 objects stand as deployments left them")


def test_without_a_journal_there_is_nothing_to_compare_with(database: Database) -> None:
    assert database.verify(NOTHING)["verification"] == []


CHANGES: dict[str, tuple[str, str, str, str]] = {
    "index gone": ("DROP INDEX by_note", "index Order.by_note", '("note")', "not there"),
    "index of another definition": (
        'DROP INDEX by_note; CREATE INDEX by_note ON "Order" (total)',
        "index Order.by_note",
        "btree (note)",
        'CREATE INDEX "by_note" ON public."Order" USING btree (total)',
    ),
    "index invalid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_note'::regclass",
        "index Order.by_note",
        "btree (note)",
        "(invalid)",
    ),
    "key of another definition": (
        f'ALTER TABLE "Order" DROP CONSTRAINT "{KEY}"; ALTER TABLE "Order" ADD CONSTRAINT "{KEY}"'
        ' FOREIGN KEY ("customerId") REFERENCES "Customer" (id)',
        f"foreign_key Order.{KEY}",
        "ON UPDATE CASCADE ON DELETE SET NULL",
        'FOREIGN KEY ("customerId") REFERENCES "public"."Customer" ("id")',
    ),
    "key not valid": (
        'ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey"; ALTER TABLE "Order" ADD CONSTRAINT'
        ' "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" (id) ON UPDATE CASCADE'
        " ON DELETE SET NULL NOT VALID",
        f"foreign_key Order.{KEY}",
        "ON DELETE SET NULL",
        "NOT VALID",
    ),
    "column NOT NULL again": (
        'ALTER TABLE "Order" ALTER "customerId" SET NOT NULL',
        "column Order.customerId",
        "NULL allowed",
        "NOT NULL",
    ),
    "another deployment's index gone": ("DROP INDEX by_name", "index Customer.by_name", "(name)", "not there"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_since_is_shown_as_before_and_after(deployed: Database, change: str) -> None:
    """Whatever migration is asked for; and once only, where the migration names the object itself."""
    statement, name, before, after = CHANGES[change]
    deployed.execute(statement)
    for migration in (NOTHING, FIRST, SECOND):
        found = drifted(deployed, migration)
        assert list(found) == [name], migration["id"]
        was, now = found[name]
        assert was is not None
        assert now is not None
        assert before.replace('("note")', "(note)") in was
        assert after in now
        assert was != now
    deployed.apply(SECOND if change.startswith("another") else FIRST)
    assert drifted(deployed) == {}


def test_a_table_that_is_gone(deployed: Database) -> None:
    deployed.execute('DROP TABLE "Order"')
    assert {name: now for name, (_was, now) in drifted(deployed).items()} == {
        "index Order.by_note": "not there",
        f"foreign_key Order.{KEY}": "not there",
        "column Order.customerId": "not there",
    }


def test_what_a_later_deployment_or_a_rollback_left_counts(deployed: Database) -> None:
    """Neither is somebody's change."""
    deployed.apply({"id": "third", "indexes": [{"name": "by_note", "table": "Order", "columns": ["note", "total"]}]})
    assert drifted(deployed) == {}
    # What the first migration says is not there any more; but nobody changed it behind the journal's back.
    assert drifted(deployed, FIRST) == {"index Order.by_note": (None, None)}
    deployed.rollback()
    assert drifted(deployed, FIRST) == {}
    deployed.execute("DROP INDEX by_note")
    assert set(drifted(deployed)) == {"index Order.by_note"}


def test_what_the_migration_wants_is_right_whoever_did_it(deployed: Database) -> None:
    """Somebody changed it by hand to just what the present migration says."""
    deployed.execute('DROP INDEX by_note; CREATE INDEX by_note ON "Order" (note, total)')
    wanted = {"id": "third", "indexes": [{"name": "by_note", "table": "Order", "columns": ["note", "total"]}]}
    assert drifted(deployed, wanted) == {}
    assert set(drifted(deployed)) == {"index Order.by_note"}


def test_the_migration_alone(deployed: Database) -> None:
    deployed.execute("DROP INDEX by_name")
    checks = verify(FIRST, deployed.options(check=True), False)["verification"]
    assert {one["kind"] for one in checks} == {"structure"}
    assert {one["status"] for one in checks} == {"ok"}


def test_a_role_that_may_not_read_the_journal_is_told(deployed: Database, cluster: Cluster) -> None:
    """Half a journal is no evidence that all stands."""
    role = cluster.role("reader")
    deployed.execute('GRANT USAGE ON SCHEMA steady TO "reader"; GRANT SELECT ON steady.deployment TO "reader"')
    (last,) = deployed.verify(NOTHING, role)["verification"]
    assert (last["kind"], last["status"]) == ("drift", "skipped")
    assert "permission denied: the journal in schema steady cannot be used by role" in last["detail"]


def test_the_module_fails_and_shows_both_definitions(deployed: Database) -> None:
    deployed.execute("DROP INDEX by_name")
    result = run_module("verify", {"database_url": deployed.url(), "migration": FIRST})
    assert result["failed"]
    assert result["status"] == "failed"
    assert "was left as: CREATE INDEX" in result["msg"]
    assert "is now: not there" in result["msg"]
    assert not run_module("verify", {"database_url": deployed.url(), "migration": FIRST, "drift": False})["failed"]


@pytest.mark.parametrize(
    "migration",
    [
        {"id": "whole", "indexes": [{"name": "by_person", "table": "Event", "columns": ["personId"]}]},
        {"id": "whole", "indexes": [{"name": "replaced", "table": "Event", "columns": ["note", "tenantId"]}]},
    ],
    ids=["built", "replaced"],
)
def test_an_index_of_a_partitioned_table_is_judged_as_a_whole(events: Database, migration: dict[str, Any]) -> None:
    """D: false drift ever after, also after a rollback."""
    events.execute('CREATE INDEX replaced ON "Event" (note)')
    events.apply(migration)
    assert drifted(events) == {}
    events.rollback()
    assert drifted(events) == {}
    events.apply(migration)
    (index,) = migration["indexes"]
    events.execute(f"DROP INDEX {index['name']}")
    assert list(drifted(events)) == [f"index Event.{index['name']}"]
