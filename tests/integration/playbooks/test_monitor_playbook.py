# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""monitor.yml after a deployment: used indexes are told from unused ones, and the exit status is one for pipelines."""

from __future__ import annotations

import json

import pytest

from integration.cluster import Database
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk
from integration.sessions import background, held, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOST = "clinic"
USED, UNUSED = "Pet_tenantId_name_idx", "Pet_tenantId_species_idx"
MIGRATION = {
    "id": "two-indexes",
    "indexes": [
        {"table": "Pet", "columns": ["tenantId", "name"]},
        {"table": "Pet", "columns": ["tenantId", "species"]},
    ],
}


@pytest.fixture(scope="module")
def desk(new_desk: NewDesk) -> Desk:
    """A deployment a day ago, and an application that uses one of its two indexes."""
    made = new_desk(HOST)
    assert made.play("deploy", steady_migration=MIGRATION).status == 0
    database = made.databases[HOST]
    database.execute("UPDATE steady.step SET finished_at = finished_at - interval '25 hours'")
    assert _scans(database) == 0
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
        cursor.execute('SELECT "tenantId", name FROM "Pet" ORDER BY "tenantId", name LIMIT 1')
    connection.close()
    wait_until(lambda: _scans(database) > 0)
    return made


def _scans(database: Database) -> int:
    return database.value("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", (USED,))


def test_used_indexes_are_told_from_unused_ones(desk: Desk) -> None:
    """With the command that takes back just the unused one, for people, programs, pipelines and Prometheus."""
    metrics = desk.folder / "steady.prom"
    run = desk.play("monitor", steady_monitor_prometheus=str(metrics))
    assert run.status == 0, "an unused index is no reason to stop a pipeline"
    said = run.said_by(HOST)
    assert f"indexes of deployments used: {USED}" in said
    assert f"indexes of deployments unused: {UNUSED}" in said
    assert f'-e \'{{"steady_rollback_only": ["public.{UNUSED}"]}}\'' in said
    result = desk.result(HOST)
    use = {one["index"]: one["use"] for one in result["monitoring"]["last"]["usage"]["indexes"]}
    assert (use[USED], use[UNUSED], use["Pet_pkey"]) == ("used", "unused", "kept by a constraint")
    assert UNUSED in (desk.latest(HOST) / "report.html").read_text()
    assert f'index="{UNUSED}"}} 0\n' in metrics.read_text()


def test_a_warning_can_fail_it(desk: Desk) -> None:
    run = desk.play("monitor", steady_monitor_fail_on="warning")
    assert run.status != 0
    assert desk.result(HOST)["status"] == "failed"


def test_whoever_keeps_others_waiting_fails_it_and_is_named_without_values(desk: Desk) -> None:
    """While it watches, what is new is said at once; and what was seen once is in the report."""
    database = desk.databases[HOST]
    update = """UPDATE "Pet" SET name = name WHERE 'private' = 'private'"""
    waiter = database.connect(application_name="the waiter")
    with (
        held(database, update, application_name="the holder") as holder,
        background(lambda: waiter.cursor().execute(update)),
    ):
        run = desk.play("monitor", steady_monitor_for="4s", steady_monitor_interval="1s", monitor_blocked="100ms")
        holder.release()
    waiter.close()
    assert run.status != 0
    assert "the holder" in run.output
    assert "private" not in run.output
    result = desk.result(HOST)
    assert result["monitoring"]["rounds"] >= 2
    assert "critical" in {one["status"] for one in result["monitoring"]["findings"]}
    assert "private" not in json.dumps(result)
