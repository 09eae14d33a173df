# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""ansible-playbook itself is killed: alone, so that its module goes on without it, or with all that it started."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.scenes import Scene, Scenes, attempts
from integration.ansible_command import BIN, ROOT, environment
from integration.cluster import Database
from integration.playbooks.desk import Desk
from integration.sessions import OLD_SNAPSHOT, held, wait_until
from lab.processes import kill_all

pytestmark = [pytest.mark.postgres, pytest.mark.long]

# What keeps the first step of a deployment, or of its rollback, from going on.
BUSY_ROW = 'SELECT * FROM "Order" WHERE id = 1 FOR UPDATE'
_AT_WORK = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'steady.postgresql%'"
)


@pytest.fixture
def desk(tmp_path: Path, scenes: Scenes) -> Desk:
    """A desk with an inventory of one database, and the migrations of the operations."""
    desk = Desk(tmp_path, {"shop": scenes.cluster.database("scenery")})
    for name in ("index build", "column made nullable"):
        migration = scenes.of(name).operation.migration
        (tmp_path / f"{name.replace(' ', '_')}.yml").write_text(json.dumps(migration))
    return desk


def _inventory(desk: Desk, scene: Scene) -> None:
    name = scene.operation.name.replace(" ", "_")
    desk.inventory(steady_migration=f"./{name}.yml", steady_backup_elsewhere="a copy that the test keeps")


@contextmanager
def _playing(desk: Desk, playbook: str, step_runs: str) -> Iterator[subprocess.Popen[bytes]]:
    """ansible-playbook, at the moment when its module is in the middle of a step."""
    command = [BIN / "ansible-playbook", "-i", desk.folder / "hosts.json", ROOT / "playbooks" / f"{playbook}.yml"]
    (database,) = desk.databases.values()
    process = subprocess.Popen(
        command,
        cwd=desk.folder,
        env=environment(PWD=str(desk.folder)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: database.journal() and database.value(step_runs), 60)
        yield process
    finally:
        if process.poll() is None:
            kill_all(process)


def _nobody_at_work(database: Database) -> bool:
    return database.value(_AT_WORK) == 0


_BUILDS = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'"
_STEP_RUNS = (
    "SELECT count(*) FROM steady.step AS s JOIN steady.attempt AS a ON (a.deployment_id, a.number) ="
    " (s.deployment_id, s.attempt) WHERE s.status = 'running' AND a.direction = '{}'"
)


def test_alone_while_an_index_is_built(desk: Desk, scenes: Scenes) -> None:
    """Its module goes on: the same command is refused meanwhile, and finds everything done afterwards."""
    scene = scenes.of("index build")
    _inventory(desk, scene)
    (database,) = desk.databases.values()
    with held(database, *OLD_SNAPSHOT) as snapshot, _playing(desk, "deploy", _BUILDS) as process:
        process.kill()
        process.wait()
        refused = desk.play("deploy")
        assert refused.status == 2
        assert "is being built right now by server process" in refused.output  # so says the review already
        assert "Traceback" not in refused.output
        snapshot.release()
        wait_until(lambda: _nobody_at_work(database), 30)
    again = desk.play("deploy")
    assert again.status == 0, again.output
    assert again.recap["shop"]["changed"] == 0
    scene.check_deployed(database)
    assert attempts(database) == [("deploy", "succeeded", ["done"])]
    assert desk.play("rollback").status == 0
    scene.check_undone(database)


def test_with_all_that_it_started(desk: Desk, scenes: Scenes) -> None:
    """As when the terminal or the machine goes: the same command takes over and finishes."""
    scene = scenes.of("column made nullable")
    _inventory(desk, scene)
    (database,) = desk.databases.values()
    with held(database, BUSY_ROW), _playing(desk, "deploy", _STEP_RUNS.format("deploy")) as process:
        kill_all(process)
    again = desk.play("deploy")
    assert again.status == 0, again.output
    scene.check_deployed(database)
    assert attempts(database) == [("deploy", "interrupted", ["failed"]), ("deploy", "succeeded", ["done"])]
    assert desk.play("rollback").status == 0
    scene.check_undone(database)


def test_a_rollback_with_all_that_it_started(desk: Desk, scenes: Scenes) -> None:
    """The same command takes over, and everything is as before the deployment."""
    scene = scenes.of("column made nullable")
    _inventory(desk, scene)
    (database,) = desk.databases.values()
    assert desk.play("deploy").status == 0
    with held(database, BUSY_ROW), _playing(desk, "rollback", _STEP_RUNS.format("rollback")) as process:
        kill_all(process)
    again = desk.play("rollback")
    assert again.status == 0, again.output
    scene.check_undone(database)
    assert [one[:2] for one in attempts(database)] == [
        ("deploy", "succeeded"),
        ("rollback", "interrupted"),
        ("rollback", "succeeded"),
    ]
