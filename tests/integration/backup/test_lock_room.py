# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Thousands of tables: locks are computed beforehand, and refused with the setting that is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integration.backup.backing_up import Shop, refusal
from lab.installations import installation
from lab.server import Server

pytestmark = pytest.mark.postgres


def test_more_tables_than_the_lock_table_has_room_for(postgres_major: int, tmp_path: Path) -> None:
    """Kind 6: before pg_dump and psql get 53200, and the application with them; the number that is said suffices."""
    settings = {"max_locks_per_transaction": 10, "max_connections": 12, "autovacuum": "off"}
    with Server.start(postgres_major, settings=settings) as server:
        shop = Shop(server, "shop", tmp_path / "backups", str(installation().bin_dir))
        server.create_database("shop")
        for first in range(0, 600, 50):
            shop.execute(
                f"DO $$ BEGIN FOR i IN {first}..{first + 49} LOOP"
                " EXECUTE format('CREATE TABLE t%s (a text)', i); END LOOP; END $$"
            )
        error = refusal(lambda: shop.back_up(check=True))
        assert "take 720 places" in error.why
        found = re.search(r"max_locks_per_transaction to (\d+)", error.todo)
        assert found is not None
        server.execute(f"ALTER SYSTEM SET max_locks_per_transaction = {found.group(1)}")
        server.restart("fast")
        assert shop.back_up(proof="list")["backup"]["status"] == "proven"
        assert "restore beside" in refusal(lambda: shop.restore(in_place=True, check=True)).todo
        assert shop.restore(check=True)["new_database"]
