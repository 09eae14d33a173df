# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Planning, counting, verifying, undoing and the journal wait for a lock with an end, and say for whom."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection import liveness as _liveness
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.verification import verify
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import LockNotAvailable, SteadyError
from integration.cluster import Database
from integration.sessions import background, held, wait_until

pytestmark = pytest.mark.postgres

PATIENCE_S = 1.0
INDEX = {"table": "Order", "columns": ["note"], "where": "total > 0"}
MIGRATION = {
    "id": "m",
    "indexes": [INDEX],
    "foreign_keys": [
        {
            "table": "Order",
            "name": "Order_customerId_fkey",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "cascade",
        }
    ],
    "verification": {"unchanged_counts": ["Order"]},
}


def refused(work: Callable[[], Any]) -> SteadyError:
    """The error, which came soon."""
    started = time.monotonic()
    with pytest.raises(SteadyError) as failure:
        work()
    assert time.monotonic() - started < PATIENCE_S + 3
    return failure.value


def test_every_wait_of_planning_verifying_and_undoing_has_an_end_and_a_name_s12(database: Database) -> None:
    """S12: a table that somebody has to itself."""
    database.apply(MIGRATION)
    migration = {**MIGRATION, "id": "n", "indexes": [{**INDEX, "name": "another"}]}
    with held(database, 'LOCK TABLE "Order" IN ACCESS EXCLUSIVE MODE', application_name="till 7") as holder:
        for work in (
            lambda: database.apply(migration, patience_s=PATIENCE_S),
            lambda: database.apply(migration, patience_s=PATIENCE_S, check=True),
            lambda: database.rollback(patience_s=PATIENCE_S),
            lambda: verify(MIGRATION, database.options(patience_s=PATIENCE_S, check=True)),
        ):
            error = refused(work)
            assert isinstance(error, LockNotAvailable)
            assert f"pid {holder.pid}" in str(error)
            assert 'application "till 7"' in str(error)
            assert "steady_lock_patience" in error.todo
            assert error.facts["blockers"][0]["pid"] == holder.pid
    assert database.rollback()["status"] == "rolled_back"


def test_the_progress_names_whom_a_plan_waits_for_s12(database: Database, tmp_path: Path) -> None:
    """S12: from the first statement on."""
    told = tmp_path / "progress.json"
    with (
        held(database, 'LOCK TABLE "Order" IN ACCESS EXCLUSIVE MODE') as holder,
        background(lambda: database.apply(MIGRATION, progress_file=str(told))) as deployment,
    ):
        wait_until(lambda: told.exists() and f"pid {holder.pid}" in json.loads(told.read_text()).get("doing", ""))
        holder.release()
        assert deployment.result()["status"] == "succeeded"


def test_the_journal_that_is_locked_is_waited_for_with_an_end_s12(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S12: the connection is alive and is not taken for dead meanwhile."""
    monkeypatch.setattr(_liveness, "SILENT_SECONDS", 0.6)
    database.apply(indexes=[INDEX])
    another = {"id": "o", "indexes": [{**INDEX, "name": "another"}]}
    with held(database, "LOCK TABLE steady.step IN EXCLUSIVE MODE") as holder:
        error = refused(lambda: database.apply(another, patience_s=PATIENCE_S))
        assert f"pid {holder.pid}" in str(error)
        assert "another" not in database.indexes("Order")
    assert database.apply(another)["status"] == "succeeded"
