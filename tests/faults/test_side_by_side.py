# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Faults while several indexes are built side by side, each in a session of its own."""

from __future__ import annotations

from typing import Any

import pytest

from faults.scenes import Scene, Scenes, attempts, remains
from faults.workshop import Run, engine_request
from integration.cluster import Database
from integration.sessions import OLD_SNAPSHOT, builders, held, wait_until

pytestmark = [pytest.mark.postgres]

MIGRATION: dict[str, Any] = {
    "id": "three",
    "indexes": [
        {"table": "Order", "columns": ["status"]},
        {"table": "Customer", "columns": ["email"]},
        {"table": "Category", "columns": ["parentId"]},
    ],
}
NAMES = {"Order_status_idx", "Customer_email_idx", "Category_parentId_idx"}


def _start(scene: Scene, database: Database) -> Run:
    request = engine_request(database.url(), "deploy", migration=MIGRATION, parallel=3)
    return scene.workshop.job("engine", **request)


def _all_wait(database: Database) -> list[int]:
    """The server processes of the three builds, when all of them wait for the old snapshot."""
    found = [pid for pid, _table, phase in builders(database) if phase == "waiting for old snapshots"]
    return found if len(found) == 3 else []


def _finished(scene: Scene, database: Database) -> None:
    assert {name for name in NAMES if database.oid(name)} == NAMES
    assert remains(database) == []
    assert scene.run(database, "rollback").result["status"] == "rolled_back"
    scene.check_undone(database)


def test_the_module_is_killed(scenes: Scenes) -> None:
    """Three builds go on at the server without anybody; the same command ends all of them, and begins anew."""
    scene = scenes.of("index build")
    with scene.database() as database:
        with held(database, *OLD_SNAPSHOT) as snapshot:
            run = _start(scene, database)
            assert run.until("begins") == "begins"
            pids = wait_until(lambda: _all_wait(database))
            run.kill()
            again = _start(scene, database)
            gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ANY (%s)"
            wait_until(lambda: database.value(gone, (pids,)))
            snapshot.release()
        assert again.end().result["status"] == "succeeded"
        assert attempts(database) == [
            ("deploy", "interrupted", ["failed"] * 3),
            ("deploy", "succeeded", ["done"] * 3),
        ]
        _finished(scene, database)


def test_one_session_is_ended(scenes: Scenes) -> None:
    """The two others finish, what the third began is taken away, and the same command builds it alone."""
    scene = scenes.of("index build")
    with scene.database() as database:
        with held(database, *OLD_SNAPSHOT) as snapshot:
            run = _start(scene, database)
            assert run.until("begins") == "begins"
            wait_until(lambda: _all_wait(database))
            (victim,) = (pid for pid, table, _phase in builders(database) if table == '"Customer"')
            assert database.value("SELECT pg_terminate_backend(%s)", (victim,))
            assert run.until("refused") == "refused"
            snapshot.release()
        error = run.end().error
        assert error.startswith("create index public.Customer_email_idx: ")
        assert "nothing of public.Customer_email_idx is there" in error
        assert {name for name in NAMES if database.oid(name)} == NAMES - {"Customer_email_idx"}
        assert remains(database) == []
        assert attempts(database) == [("deploy", "failed", ["done", "failed", "done"])]
        assert _start(scene, database).end().result["status"] == "succeeded"
        assert attempts(database)[1:] == [("deploy", "succeeded", ["done"])]
        _finished(scene, database)
