# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Monitoring on a real server: who keeps whom, what is used since a deployment, and what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._monitor.monitor import (
    activity_info,
    index_usage_info,
    monitor,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import background, held, wait_until
from lab.installations import installations
from lab.server import SUPERUSER, Server

pytestmark = pytest.mark.postgres

INDEX = {"table": "Sale", "columns": ["tenantId", "status"], "name": "sale_status"}
OTHER = {"table": "Sale", "columns": ["tenantId", "total"], "name": "sale_total"}


def activity(database: Database, user: str = SUPERUSER, **thresholds: Any) -> dict[str, Any]:
    return activity_info(thresholds, database.options(user))["activity"]


def usage(database: Database, unused_after: str = "24h") -> dict[str, dict[str, Any]]:
    found = index_usage_info({"unused_after": unused_after}, database.options())["usage"]["indexes"]
    return {one["index"]: one for one in found}


def scans(database: Database, index: str) -> int:
    return database.value("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", (index,))


def use(database: Database, index: str, times: int = 3) -> None:
    """Scan it, and wait until the server has counted it."""
    before = scans(database, index)
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
        column = sql.Identifier("status" if index == "sale_status" else "total")
        query = sql.SQL('SELECT "tenantId", {0} FROM "Sale" ORDER BY "tenantId", {0} LIMIT 1').format(column)
        for _number in range(times):
            cursor.execute(query)
    connection.close()
    wait_until(lambda: scans(database, index) >= before + times)


class TestActivity:
    def test_whoever_blocks_and_is_blocked(self, clinic_database: Database) -> None:
        """With process ids, and without the values of their queries."""
        database = clinic_database

        def seen() -> Any:
            sessions = activity(database, blocked="1ms", idle_in_transaction="1ms")["sessions"]
            return sessions if any("blocked" in one["reasons"] for one in sessions) else None

        update = """UPDATE "Sale" SET "saleNumber" = "saleNumber" WHERE 'secret' = 'secret'"""
        waiter = database.connect(application_name="waiter")
        with (
            held(database, update, application_name="holder") as holder,
            background(lambda: waiter.cursor().execute(update)),
        ):
            found = wait_until(seen)
            holder.release()
        waiter.close()
        by_name = {one["application"]: one for one in found}
        assert by_name["waiter"]["blocked_by"] == [by_name["holder"]["pid"]]
        assert by_name["holder"]["blocking"] == 1
        assert set(by_name["holder"]["reasons"]) == {"idle in transaction", "blocks others"}
        assert "secret" not in str(found)
        assert "UPDATE" in by_name["holder"]["query"]

    def test_literals_are_shown_to_who_asks_for_them(self, clinic_database: Database) -> None:
        connection = clinic_database.connect()
        connection.autocommit = False
        connection.cursor().execute("SELECT 'visible'")
        time.sleep(0.01)
        masked = activity(clinic_database, idle_in_transaction="1ms")["sessions"]
        shown = activity(clinic_database, idle_in_transaction="1ms", show_literals=True)["sessions"]
        connection.close()
        assert "visible" not in str(masked)
        assert "visible" in str(shown)

    def test_nobody_is_worth_a_word(self, clinic_database: Database) -> None:
        connection = clinic_database.connect()
        assert activity(clinic_database) == {"connections": 1, "active": 0, "hidden": 0, "sessions": []}
        connection.close()

    def test_a_role_that_may_not_see_others_says_so(self, cluster: Cluster, clinic_database: Database) -> None:
        role = cluster.role("watcher")
        connection = clinic_database.connect()
        connection.cursor().execute("SELECT 1")
        seen = monitor({}, clinic_database.options(role))["round"]
        connection.close()
        assert seen["activity"]["hidden"] >= 1
        assert [one["name"] for one in seen["findings"]] == ["hidden sessions"]

    def test_a_threshold_that_is_none(self, clinic_database: Database) -> None:
        with pytest.raises(SteadyError, match="slow_query"):
            activity(clinic_database, slow_query="soon")


class TestIndexUse:
    @pytest.fixture
    def deployed(self, clinic_database: Database) -> Database:
        clinic_database.apply(indexes=[INDEX, OTHER])
        clinic_database.execute("""UPDATE steady.step SET finished_at = finished_at - interval '25 hours'""")
        clinic_database.execute("SET track_counts = on")
        return clinic_database

    def test_used_is_told_from_unused(self, deployed: Database) -> None:
        use(deployed, "sale_status")
        seen = usage(deployed)
        assert (seen["sale_status"]["use"], seen["sale_total"]["use"]) == ("used", "unused")
        assert seen["sale_status"]["deployment_id"] is not None
        assert seen["sale_status"]["deployment_id"] == seen["sale_total"]["deployment_id"]
        assert seen["Sale_pkey"]["deployment_id"] is None
        assert usage(deployed, "26h")["sale_total"]["use"] == "not used yet"
        (finding,) = [one for one in monitor({}, deployed.options())["round"]["findings"] if "unused" in one["name"]]
        assert "sale_total" in finding["todo"]

    def test_statistics_that_were_reset_are_noticed(self, deployed: Database) -> None:
        use(deployed, "sale_status")
        deployed.execute("SELECT pg_stat_reset()")
        seen = wait_until(lambda: usage(deployed)["sale_status"]["since"] == "reset" and usage(deployed))
        assert seen["sale_status"]["scans"] == 0
        assert seen["sale_total"]["use"] == "not used yet", "nobody can have used it for a day"
        assert "reset" in seen["sale_total"]["note"]

    def test_just_the_unused_one_is_taken_back(self, deployed: Database) -> None:
        identity = usage(deployed)["sale_total"]["deployment_id"]
        undone = deployed.rollback(identity, only=["public.sale_total"])
        assert [step["object"] for step in undone["steps"]] == ["public.sale_total"]
        assert undone["left_out"] == [{"kind": "index", "object": "public.sale_status", "reasons": ["not asked for"]}]
        assert deployed.oid("sale_total") is None
        assert deployed.oid("sale_status") is not None
        assert usage(deployed)["sale_status"]["deployment_id"] == identity
        rest = deployed.rollback(identity)
        assert [step["object"] for step in rest["steps"]] == ["public.sale_status"]

    def test_an_object_that_the_deployment_did_not_change(self, deployed: Database) -> None:
        with pytest.raises(SteadyError, match=r"nothing of the name public\.other") as error:
            deployed.rollback(only=["public.other"])
        assert "public.sale_total" in error.value.why

    def test_without_a_journal(self, clinic_database: Database) -> None:
        seen = usage(clinic_database)
        assert {one["deployment_id"] for one in seen.values()} == {None}
        assert seen["Sale_pkey"]["since"] == "always"


class TestRound:
    def test_an_invalid_index_is_critical(self, clinic_database: Database) -> None:
        connection = clinic_database.connect()
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute('CREATE UNIQUE INDEX CONCURRENTLY broken ON "Sale" (status)')
        connection.close()
        found = monitor({}, clinic_database.options())["round"]["findings"]
        assert [(one["name"], one["object"], one["status"]) for one in found] == [
            ("invalid index", "public.broken", "critical")
        ]

    def test_all_is_well_and_no_user_table_is_read(self, clinic_database: Database) -> None:
        """By the server's own counters of scans; and it takes little of its time."""
        counters = (
            "SELECT sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)) FROM pg_stat_user_tables"
            " WHERE schemaname = 'public'"
        )
        before = clinic_database.value(counters)
        result = monitor({}, clinic_database.options())
        assert result["round"]["findings"] == []
        assert result["changed"] is False
        assert clinic_database.value(counters) == before

    def test_statements_that_are_not_counted_are_said(self, clinic_database: Database) -> None:
        statements = monitor({}, clinic_database.options())["round"]["statements"]
        assert (statements["available"], statements["statements"]) == (False, [])
        assert "CREATE EXTENSION" in statements["why"]


@pytest.mark.skipif(15 not in installations(), reason="pg_stat_statements: Debian's package postgresql-15 has it")
def test_statements_where_they_are_counted() -> None:
    settings = {"shared_preload_libraries": "pg_stat_statements"}
    with Server.start(15, settings=settings) as server:
        server.create_database("counted")
        database = Database(server, "counted")
        look: Callable[[], dict[str, Any]] = lambda: monitor({}, database.options())["round"]["statements"]  # noqa: E731
        assert not look()["available"]
        database.execute("CREATE EXTENSION pg_stat_statements")
        database.execute("SELECT 'private', generate_series(1, 7)")
        seen = look()
        assert seen["available"]
        (one,) = [one for one in seen["statements"] if "generate_series($" in one["query"]]
        assert (one["calls"], one["rows"]) == (1, 7)
        assert "private" not in str(seen)
