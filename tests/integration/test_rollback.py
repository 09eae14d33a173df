# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Rollback on a real server: exactly what a deployment did, and nothing that anybody else did."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.ansible_command import ROOT, run_module
from integration.cluster import Database
from integration.sessions import held

pytestmark = pytest.mark.postgres

NAME = "Order_customerId_fkey"
COLUMN = {"table": "Order", "name": "customerId", "nullable": True}
INDEX = {"table": "Order", "name": "wanted", "columns": ["note"]}
KEY = {
    "name": NAME,
    "table": "Order",
    "columns": ["customerId"],
    "references": {"table": "Customer", "columns": ["id"]},
    "on_delete": "set_null",
}
MIGRATION: dict[str, Any] = {"id": "one", "columns": [COLUMN], "indexes": [INDEX], "foreign_keys": [KEY]}
OTHER: dict[str, Any] = {"id": "two", "indexes": [{"table": "Customer", "columns": ["name"]}]}


def statuses(database: Database) -> list[str]:
    """The statuses of the deployments, oldest first."""
    return [status for (status,) in database.execute("SELECT status FROM steady.deployment ORDER BY started_at")]


# -- which one ---------------------------------------------------------------------------------------------------------


def test_the_last_one_then_the_one_before(database: Database) -> None:
    before = database.dump()
    first = database.apply(MIGRATION)["deployment_id"]
    between = database.dump()
    second = database.apply(OTHER)["deployment_id"]
    result = database.rollback()
    assert (result["deployment_id"], result["migration_id"], result["changed"]) == (second, "two", True)
    assert database.dump() == between
    assert database.rollback()["deployment_id"] == first
    assert database.dump() == before
    assert statuses(database) == ["rolled_back", "rolled_back"]


def test_one_by_its_id(database: Database) -> None:
    first = database.apply(MIGRATION)["deployment_id"]
    database.apply(OTHER)
    assert database.rollback(first)["migration_id"] == "one"
    assert statuses(database) == ["rolled_back", "succeeded"]
    assert "wanted" not in database.indexes("Order")
    assert "Customer_name_idx" in database.indexes("Customer")


def test_twice_is_once(database: Database) -> None:
    deployment = database.apply(MIGRATION)["deployment_id"]
    database.rollback()
    with database.nothing_written():
        again = database.rollback()
        assert (again["changed"], again["notes"]) == (False, ["nothing is left to roll back"])
        by_id = database.rollback(deployment)
        assert (by_id["changed"], by_id["notes"]) == (False, [f"{deployment} is rolled back already"])


@pytest.mark.parametrize("deployment", [None, "20260101T000000Z-beef"])
def test_without_a_journal_nothing_is_known_and_that_is_a_failure(database: Database, deployment: str | None) -> None:
    """T2: the wrong database, or one whose schema steady was dropped while objects stand; also in check mode."""
    words = "There is no journal in database .*, so it is not known what was deployed there. Is this the right database"
    for check in (False, True):
        with database.nothing_written(), pytest.raises(SteadyError, match=words) as refusal:
            database.rollback(deployment, check=check)
        assert database.name in refusal.value.what
        assert "steady_database_url" in refusal.value.todo
        assert refusal.value.facts["database"] == database.name
    database.apply(MIGRATION)
    database.execute("DROP SCHEMA steady CASCADE")
    with database.nothing_written(), pytest.raises(SteadyError, match=words):
        database.rollback(deployment)
    assert "wanted" in database.indexes("Order")


def test_a_journal_without_deployments_is_none(database: Database) -> None:
    """T2: a run that did nothing is no success, but for a rollback that was made already."""
    database.apply(MIGRATION)
    database.execute("TRUNCATE steady.deployment CASCADE")
    with pytest.raises(SteadyError, match="There is no deployment in the journal of database"):
        database.rollback()


def test_a_later_deployment_that_changed_it_is_named(database: Database) -> None:
    """T3: the journal knows who: that one is rolled back first; what no deployment changed, somebody did."""
    before = database.dump()
    first = database.apply(MIGRATION)["deployment_id"]
    between = database.dump()
    wanted = {**INDEX, "columns": ["note", "customerId"]}
    second = database.apply({"id": "two", "indexes": [wanted]})["deployment_id"]
    for partial in (False, True):
        if not partial:
            with pytest.raises(SteadyError) as refusal:
                database.rollback(first)
            said = str(refusal.value)
        else:
            said = str(database.rollback(first, partial=True, check=True)["left_out"])
        assert f"deployment {second} (two) changed it later" in said
        assert f"roll that one back first, with -e steady_deployment={second}" in said
        assert "it was changed after" not in said
    database.execute('DROP INDEX wanted; CREATE INDEX wanted ON "Order" (id)')
    with pytest.raises(SteadyError, match="it was changed after the deployment"):
        database.rollback(second)
    database.execute('DROP INDEX wanted; CREATE INDEX wanted ON "Order" (note, "customerId")')
    database.rollback(second)
    assert database.dump() == between
    database.rollback(first)
    assert database.dump() == before


def test_an_unknown_id_lists_the_last_ones(database: Database) -> None:
    known = [database.apply(migration)["deployment_id"] for migration in (MIGRATION, OTHER)]
    before = database.dump()
    with pytest.raises(SteadyError) as refusal:
        database.rollback("20260101T000000Z-beef")
    assert all(one in str(refusal.value) for one in known)
    assert database.dump() == before


def test_there_and_back_and_there_and_back(database: Database) -> None:
    before = database.dump()
    first = database.apply(MIGRATION)["deployment_id"]
    after = database.dump()
    database.rollback()
    assert database.dump() == before
    second = database.apply(MIGRATION)["deployment_id"]
    assert second != first
    assert database.dump() == after
    database.rollback()
    assert database.dump() == before
    assert statuses(database) == ["rolled_back", "rolled_back"]


def test_check_mode_says_what_the_rollback_then_does(database: Database) -> None:
    database.apply(MIGRATION)
    with database.nothing_written():
        planned = database.rollback(check=True)
    assert (planned["status"], planned["changed"]) == ("planned", True)
    done = database.rollback()
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    # The key comes first: it could not go on without the NULLs that the column takes.
    assert [step["kind"] for step in done["steps"]] == ["foreign_key", "index", "column"]


# -- rows in the way ---------------------------------------------------------------------------------------------------


def test_null_rows_refuse_not_null_and_partial_does_the_rest(database: Database) -> None:
    before = database.dump()
    deployment = database.apply(MIGRATION)["deployment_id"]
    deployed = database.dump()
    database.execute("DELETE FROM \"Customer\" WHERE id = 'c5'")
    with pytest.raises(SteadyError) as refusal:
        database.rollback()
    message = str(refusal.value)
    assert "The deployment cannot be undone completely" in message
    assert '5 rows of "public"."Order" have no customerId' in message
    assert "id=304" in message
    assert "steady_rollback_partial=true" in message
    assert database.dump() == deployed
    assert statuses(database) == ["succeeded"]
    with database.nothing_written():
        planned = database.rollback(partial=True, check=True)
    result = database.rollback(partial=True)
    assert [step["sql"] for step in result["steps"]] == [step["sql"] for step in planned["steps"]]
    assert [entry["kind"] for entry in result["left_out"]] == ["column"]
    assert "have no customerId" in result["left_out"][0]["reasons"][0]
    assert statuses(database) == ["partly_rolled_back"]
    assert "wanted" not in database.indexes("Order")
    assert "RESTRICT" in database.foreign_keys("Order")[NAME]
    assert database.nullable("Order", "customerId") is True
    # Once the rows are mended, the rest follows.
    database.execute('UPDATE "Order" SET "customerId" = \'c6\' WHERE "customerId" IS NULL')
    last = database.rollback()
    assert (last["deployment_id"], [step["kind"] for step in last["steps"]]) == (deployment, ["column"])
    assert statuses(database) == ["rolled_back"]
    assert database.dump() == before


def test_duplicates_refuse_a_unique_index_that_was_dropped(database: Database) -> None:
    database.execute('CREATE UNIQUE INDEX wanted ON "Order" (note)')
    before = database.dump()
    database.apply(indexes=[{"table": "Order", "name": "wanted", "state": "absent"}])
    database.execute("UPDATE \"Order\" SET note = 'same' WHERE id IN (5, 6)")
    with pytest.raises(SteadyError, match="note=same"):
        database.rollback()
    database.execute("UPDATE \"Order\" SET note = 'other' WHERE id = 5")
    database.rollback()
    assert database.dump() == before


def test_orphans_refuse_a_key_that_was_dropped(database: Database) -> None:
    before = database.dump()
    database.apply(foreign_keys=[{"name": NAME, "table": "Order", "state": "absent"}])
    database.execute('UPDATE "Order" SET "customerId" = \'gone\' WHERE id = 5')
    with pytest.raises(SteadyError, match="customerId=gone"):
        database.rollback()
    database.execute('UPDATE "Order" SET "customerId" = \'c1\' WHERE id = 5')
    database.rollback()
    assert database.dump() == before


def test_a_rollback_that_fails_half_way_is_finished_by_the_next(database: Database) -> None:
    before = database.dump()
    database.apply(MIGRATION)
    with held(database, 'SELECT * FROM "Order" WHERE id = 1'), pytest.raises(SteadyError) as failure:
        database.rollback(patience_s=1.0)
    assert failure.value.facts["status"] == "failed"
    assert [step["status"] for step in failure.value.facts["steps"]] == ["failed", "not started", "not started"]
    database.rollback()
    assert statuses(database) == ["rolled_back"]
    assert database.dump() == before


# -- somebody else's changes -------------------------------------------------------------------------------------------

SWAPPED = (
    f'ALTER TABLE "Order" DROP CONSTRAINT "{NAME}", ADD CONSTRAINT "{NAME}" FOREIGN KEY ("customerId")'
    ' REFERENCES "Customer" (id) ON DELETE CASCADE'
)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            'DROP INDEX wanted; CREATE INDEX wanted ON "Order" (total)',
            'index "wanted" .* has another definition by now',
        ),
        ('DROP INDEX wanted; CREATE UNIQUE INDEX wanted ON "Order" (note)', 'index "wanted" .* another definition'),
        ('DROP INDEX wanted; CREATE INDEX wanted ON "Customer" (name)', "wanted"),
        (f'ALTER TABLE "Order" DROP CONSTRAINT "{NAME}"', f'foreign_key "{NAME}" .* is gone'),
        (SWAPPED, f'foreign_key "{NAME}" .* has another definition by now'),
        ('ALTER TABLE "Order" RENAME COLUMN "customerId" TO buyer', "customerId"),
        ('ALTER TABLE "Order" RENAME TO "Purchase"', "Order"),
    ],
)
def test_what_somebody_changed_since_is_not_touched(database: Database, change: str, says: str) -> None:
    database.apply(MIGRATION)
    database.execute(change)
    changed = database.dump()
    with pytest.raises(SteadyError) as refusal:
        database.rollback()
    assert re.search(says, str(refusal.value))
    assert "nothing was changed" in str(refusal.value)
    assert database.dump() == changed


def test_the_rest_is_undone_when_told_to(database: Database) -> None:
    database.apply(MIGRATION)
    database.execute('DROP INDEX wanted; CREATE INDEX wanted ON "Order" (total)')
    result = database.rollback(partial=True)
    assert [entry["kind"] for entry in result["left_out"]] == ["index"]
    assert database.indexes("Order")["wanted"] == 'CREATE INDEX wanted ON public."Order" USING btree (total)'
    assert "RESTRICT" in database.foreign_keys("Order")[NAME]
    assert database.nullable("Order", "customerId") is False


def test_what_somebody_undid_already_is_no_obstacle(database: Database) -> None:
    before = database.dump()
    database.apply(MIGRATION)
    database.execute("DROP INDEX wanted")
    database.rollback()
    assert database.dump() == before


def test_what_somebody_made_again_after_it_was_dropped_is_not_touched(database: Database) -> None:
    database.apply(indexes=[{"table": "Order", "name": "Order_customerId_idx", "state": "absent"}])
    database.execute('CREATE INDEX "Order_customerId_idx" ON "Order" ("customerId", id)')
    changed = database.dump()
    with pytest.raises(SteadyError, match="is there again, with another definition"):
        database.rollback()
    assert database.dump() == changed


def test_a_later_deployment_on_the_same_object_comes_first(database: Database) -> None:
    """Undoing the first of two would take away what the second made of it."""
    first = database.apply({"id": "one", "indexes": [INDEX]})["deployment_id"]
    database.apply({"id": "two", "indexes": [{**INDEX, "columns": ["note", "total"]}]})
    deployed = database.dump()
    with pytest.raises(SteadyError, match='index "wanted"'):
        database.rollback(first)
    assert database.dump() == deployed


def test_what_was_there_before_stays(database: Database) -> None:
    database.execute('CREATE INDEX wanted ON "Order" (note)')
    before = database.dump()
    result = database.apply({**MIGRATION, "indexes": [INDEX, {"table": "Order", "columns": ["total"]}]})
    assert len(result["steps"]) == 3
    database.rollback()
    assert database.dump() == before
    assert "wanted" in database.indexes("Order")


def test_indexes_that_others_made_meanwhile_stay(database: Database) -> None:
    database.apply(MIGRATION)
    database.execute('CREATE INDEX theirs ON "Order" (total)')
    database.rollback()
    assert set(database.indexes("Order")) == {"Order_pkey", "Order_customerId_idx", "theirs"}


def test_a_deployment_in_two_attempts_is_undone_as_one(database: Database) -> None:
    before = database.dump()
    with held(database, "UPDATE \"Customer\" SET name = 'x' WHERE id = 'c1'"), pytest.raises(SteadyError):
        database.apply(MIGRATION, patience_s=1.0)
    assert "wanted" in database.indexes("Order")
    database.apply(MIGRATION)
    assert statuses(database) == ["succeeded"]
    database.rollback()
    assert database.dump() == before


def test_a_failed_deployment_is_undone_as_far_as_it_came(database: Database) -> None:
    before = database.dump()
    with held(database, "UPDATE \"Customer\" SET name = 'x' WHERE id = 'c1'"), pytest.raises(SteadyError):
        database.apply(MIGRATION, patience_s=1.0)
    assert database.nullable("Order", "customerId") is True
    database.rollback()
    assert database.dump() == before
    assert statuses(database) == ["rolled_back"]


# -- the clinic --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["schema_optimizations", "delete_behaviour"])
def test_the_clinic_s_migrations_there_and_back(clinic_database: Database, name: str) -> None:
    migration = yaml.safe_load(Path(ROOT, "migrations", f"{name}.yml").read_text())
    before = clinic_database.dump()
    planned = clinic_database.apply(migration, check=True)
    result = clinic_database.apply(migration)
    assert [step["sql"] for step in result["steps"]] == [step["sql"] for step in planned["steps"]]
    assert clinic_database.apply(migration)["changed"] is False
    checks = clinic_database.verify(migration)
    assert {check["status"] for check in checks["verification"]} == {"ok"}
    assert [query["rows"] for query in checks["queries"]] == [[{"orphans": 0}]] * len(checks["queries"])
    clinic_database.rollback()
    assert clinic_database.dump() == before


# -- the modules -------------------------------------------------------------------------------------------------------


def test_the_modules_in_four_phases(database: Database) -> None:
    before = database.dump()
    address = {"database_url": database.url()}
    arguments = {**address, "migration": MIGRATION}
    with database.nothing_written():
        planned = run_module("apply", arguments, "--check", "--diff")
    assert (planned["failed"], planned["changed"], planned["status"]) == (False, True, "planned")
    done = run_module("apply", arguments)
    assert (done["failed"], done["changed"], done["status"]) == (False, True, "succeeded")
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    assert database.indexes("Order")["wanted"] == 'CREATE INDEX wanted ON public."Order" USING btree (note)'
    deployed = database.dump()
    with database.nothing_written():
        assert run_module("apply", arguments, "--check")["changed"] is False
        assert run_module("apply", arguments)["changed"] is False
        planned = run_module("rollback", address, "--check", "--diff")
    assert database.dump() == deployed
    assert (planned["failed"], planned["changed"], planned["status"]) == (False, True, "planned")
    done = run_module("rollback", address)
    assert (done["failed"], done["changed"], done["status"]) == (False, True, "rolled_back")
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    assert database.dump() == before
    with database.nothing_written():
        assert run_module("rollback", address, "--check")["changed"] is False
        assert run_module("rollback", address)["changed"] is False
    operators = database.execute("SELECT DISTINCT operator LIKE '%%_@_%%' FROM steady.attempt")
    assert operators == [(True,)]
