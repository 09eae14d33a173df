# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Several at one database: deployments beside each other, and people who change the schema under a deployment."""

from __future__ import annotations

import re
from typing import Any

import pytest

from faults.scenes import Scene, Scenes, attempts, remains
from faults.strikes import stopped
from faults.workshop import Outcome, Run, engine_request
from integration.cluster import Database

pytestmark = [pytest.mark.postgres]


def _started(scene: Scene, database: Database, migrations: list[dict[str, Any]]) -> list[Run]:
    """A deployment of each, all at the same time."""
    return [
        scene.workshop.job("engine", **engine_request(database.url(), "deploy", migration=migration))
        for migration in migrations
    ]


def _deployments(database: Database) -> list[tuple[str, str, int]]:
    return database.execute(
        "SELECT migration_id, status, (SELECT count(*) FROM steady.attempt WHERE deployment_id = d.id)::int"
        " FROM steady.deployment AS d ORDER BY migration_id"
    )


def test_the_same_migration_several_times_at_once(scenes: Scenes) -> None:
    """One of them does it; the others wait for a moment and find it done."""
    scene = scenes.of("all in one migration")
    with scene.database() as database:
        outcomes = [run.end() for run in _started(scene, database, [scene.operation.migration] * 4)]
        assert [outcome.error for outcome in outcomes] == [""] * 4
        assert sorted(outcome.result["changed"] for outcome in outcomes) == [False, False, False, True]
        scene.check_deployed(database)
        assert _deployments(database) == [("one", "succeeded", 1)]
        assert scene.run(database, "rollback").result["status"] == "rolled_back"
        scene.check_undone(database)


def test_different_migrations_at_once(scenes: Scenes) -> None:
    """One after another, each as if alone; undone one by one, everything is as before."""
    scene = scenes.of("all in one migration")
    names = ("index build", "foreign key added", "column made nullable", "index dropped")
    migrations = [{**scenes.of(name).operation.migration, "id": name.replace(" ", "-")} for name in names]
    with scene.database() as database:
        outcomes = [run.end() for run in _started(scene, database, migrations)]
        assert [outcome.error for outcome in outcomes] == [""] * 4
        assert all(outcome.result["changed"] for outcome in outcomes)
        assert _deployments(database) == [(name.replace(" ", "-"), "succeeded", 1) for name in sorted(names)]
        for _name in names:
            assert scene.run(database, "rollback").result["status"] == "rolled_back"
        scene.check_undone(database)


@pytest.mark.parametrize("second", ["deploy", "rollback"])
def test_while_a_rollback_runs(scenes: Scenes, second: str) -> None:
    """It is refused in seconds, the holder is named, and the rollback goes on as if nobody had asked."""
    scene = scenes.of("foreign key replaced")
    with scene.database() as database:
        deployed = scene.run(database, "deploy").result["deployment_id"]
        first = stopped(scene, database, "rollback", (3, "after"))
        half = database.dump()
        refused = scene.run(database, second).error
        assert "Another deployment, rollback, backup or restore is at work in this database." in refused
        assert f'application "steady.postgresql {deployed}"' in refused
        assert "nothing was changed" in refused
        assert database.dump() == half
        first.go()
        assert first.end().result["status"] == "rolled_back"
        scene.check_undone(database)
        assert attempts(database) == [("deploy", "succeeded", ["done"]), ("rollback", "succeeded", ["done"])]


# -- somebody else changes the schema ----------------------------------------------------------------------------------

_KEY = 'ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey"'
CHANGED = "was changed by another session since the plan was made"
CHANGES = [
    (
        "index build",
        'CREATE INDEX "Order_tenantId_status_placedAt_idx" ON "Order" (total)',
        f"{CHANGED}.*planned for: nothing there; found: .*total",
    ),
    ("index replaced", "DROP INDEX replaced", f"{CHANGED}.*found: nothing there"),
    (
        "index replaced",
        'DROP INDEX replaced; CREATE INDEX replaced ON "Order" (total)',
        f"{CHANGED}.*planned for: .*note.*found: .*total",
    ),
    ("index dropped", 'DROP INDEX dropped; CREATE INDEX dropped ON "Customer" (name)', f"{CHANGED}.*found: .*name"),
    ("foreign key replaced", _KEY, f"{CHANGED}.*found: nothing there"),
    (
        "foreign key replaced",
        f'{_KEY}, ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer"',
        f"{CHANGED}.*on_delete restrict.*found: .*on_delete no_action",
    ),
    (
        "foreign key added",
        'ALTER TABLE "Order" ADD CONSTRAINT "Order_sellerId_fkey" FOREIGN KEY ("sellerId") REFERENCES "Customer"',
        f"{CHANGED}.*planned for: nothing there; found: .*on_delete no_action",
    ),
    ("foreign key dropped", 'ALTER TABLE "Category" DROP CONSTRAINT "Category_parentId_fkey"', CHANGED),
    ("column made nullable", 'ALTER TABLE "Order" ALTER "customerId" DROP NOT NULL', f"{CHANGED}.*nullable True"),
    ("column made NOT NULL", 'ALTER TABLE "Order" ALTER note SET NOT NULL', f"{CHANGED}.*nullable False"),
    (
        "column added",
        'ALTER TABLE "Order" ADD COLUMN discount text',
        f"{CHANGED}.*planned for: nothing there; found: type text",
    ),
    (
        "default of a column",
        'ALTER TABLE "Order" ALTER tags DROP DEFAULT',
        f"{CHANGED}.*planned for: .*default '{{}}'::text.*found: .*default None",
    ),
    ("index dropped", 'ALTER TABLE "Customer" RENAME TO "Client"', f"dropped {CHANGED}.*found: nothing there"),
    ("index dropped", 'DROP TABLE "Customer" CASCADE', f"dropped {CHANGED}.*found: nothing there"),
]
RENAMED = [
    ("index build", 'ALTER TABLE "Order" RENAME TO "Sale"'),
    ("foreign key added", 'ALTER TABLE "Customer" RENAME TO "Client"'),
    ("foreign key replaced", 'ALTER TABLE "Order" RENAME TO "Sale"'),
    ("column made NOT NULL", 'ALTER TABLE "Order" RENAME TO "Sale"'),
    ("column made nullable", 'ALTER TABLE "Order" RENAME "customerId" TO buyer'),
    ("index build", 'ALTER TABLE "Order" RENAME "tenantId" TO tenant'),
    ("index build", 'DROP TABLE "Order"'),
    ("foreign key replaced", 'DROP TABLE "Order"'),
    ("foreign key added", 'DROP TABLE "Customer" CASCADE'),
    ("column made nullable", 'DROP TABLE "Order"'),
]


def _changed_under(scene: Scene, database: Database, number: int, change: str) -> Outcome:
    run = stopped(scene, database, "deploy", (number, "before"))
    database.execute(change)
    changed = database.dump()
    run.go()
    outcome = run.end()
    assert outcome.error
    assert database.dump() == changed  # theirs stands, and nothing of ours was done
    assert remains(database) == []
    ((direction, status, _steps),) = attempts(database)
    assert (direction, status) == ("deploy", "failed")
    return outcome


@pytest.mark.parametrize(("name", "change", "says"), CHANGES)
def test_an_object_is_changed_between_plan_and_step(scenes: Scenes, name: str, change: str, says: str) -> None:
    """Noticed before the step's first statement, with what was planned for and what is there."""
    scene = scenes.of(name)
    database = scenes.cluster.database("scenery")
    error = _changed_under(scene, database, scene.deploy.begins + 1, change).error
    assert re.search(says, error, re.DOTALL), error
    assert "run the same command again" in error


@pytest.mark.parametrize("after", ["plan", "look"])
@pytest.mark.parametrize(("name", "change"), RENAMED)
def test_a_table_or_column_goes_away(scenes: Scenes, name: str, change: str, after: str) -> None:
    """Renamed or dropped after the plan was made, or after the step's last look: it stops, and the name is in the word.

    The old name stands nowhere by then, so nothing can have been done under it.
    """
    scene = scenes.of(name)
    database = scenes.cluster.database("scenery")
    number = scene.deploy.begins + (1 if after == "plan" else 2)
    error = _changed_under(scene, database, number, change).error
    gone = re.search(r'"(\w+)"( RENAME TO.*| CASCADE)?$| RENAME "(\w+)" TO', change)
    assert gone is not None
    assert (gone.group(1) or gone.group(3)) in error
    assert "This should not have happened" not in error
