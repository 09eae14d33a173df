# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The clinic's second migration, in SQL: review, deployment under traffic, verification and rollback, as for psql."""

from __future__ import annotations

import time

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import MigrationFileError, load
from integration.cluster import Cluster
from integration.test_sql import by_psql
from lab import clinic
from lab.profiles import SQL
from lab.traffic import Traffic

pytestmark = pytest.mark.postgres

CHECKS = """
ALTER TABLE "Sale" ADD CONSTRAINT "Sale_total_check" CHECK ("total" >= 0);
ALTER TABLE "SaleItem" ADD CONSTRAINT "SaleItem_quantity_check" CHECK ("quantity" >= 0);
ALTER TABLE "InventoryItem" ADD CONSTRAINT "InventoryItem_quantity_check" CHECK ("quantity" >= -10);
ALTER TABLE "Service" ADD CONSTRAINT "Service_price_check" CHECK ("price" >= 0);
ALTER TABLE "CashDrawer" ADD CONSTRAINT "CashDrawer_initialAmount_check" CHECK ("initialAmount" > -1);
"""
#: The sessions of pgbench may wait for each other, and for the machine.
LONGEST_MS = 1500


def test_it_is_deployed_under_traffic_and_undone(cluster: Cluster) -> None:
    template = cluster.template("clinic", lambda url: clinic.load(url, scale=0.001))
    deployed, other = cluster.database(template), cluster.database(template)
    for database in (deployed, other):
        database.execute(CHECKS)
    before = deployed.dump()
    file = SQL / "second_migration.sql"
    wanted = by_psql(other, file.read_text())
    migration = load(file)
    checked = deployed.apply(migration, check=True)
    with Traffic(deployed.server, deployed.name) as traffic:
        began = time.time()
        done = deployed.apply(migration)
        seen = traffic.stop().between(began, time.time())
    assert deployed.dump() == wanted
    assert done["plan_hash"] == checked["plan_hash"]
    assert (seen.errors, seen.count > 0) == ((), True)
    assert seen.worst_ms < LONGEST_MS
    assert deployed.apply(migration)["changed"] is False
    checks = deployed.verify(migration)["verification"]
    assert [check for check in checks if check["status"] != "ok"] == []
    deployed.rollback()
    assert deployed.dump() == before


def test_what_would_write_its_tables_anew_needs_a_decision() -> None:
    with pytest.raises(MigrationFileError) as refused:
        load(SQL / "second_migration_types.sql")
    lines = str(refused.value).splitlines()
    for column in ("Sale.subtotal", "Sale.total", "SaleItem.unitPrice"):
        assert any(f"needs a decision: table_rewrite on {column}:" in line for line in lines)
