# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The journal and logical replication: a subscriber goes on getting the application's rows."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused
from integration.cluster import Database
from integration.sessions import wait_until
from integration.subscription import subscription
from lab.server import Server

pytestmark = pytest.mark.postgres

MIGRATION: dict[str, Any] = {"id": "m", "indexes": [{"table": "pet", "columns": ["name"]}]}


@pytest.fixture
def replicated(postgres_major: int) -> Iterator[Server]:
    """A server on which one database subscribes to all tables of another."""
    with Server.start(postgres_major, settings={"wal_level": "logical", "autovacuum": "off"}) as server:
        for name in ("source", "copy"):
            server.create_database(name)
            server.execute("CREATE TABLE pet (id int PRIMARY KEY, name text)", database=name)
        with subscription(server, "FOR ALL TABLES"):
            yield server


def test_a15_a_subscriber_of_all_tables_never_stops_for_the_journal(replicated: Server) -> None:
    """A15: a blocker with the way out; by that way the rows arrive."""
    source, copy = Database(replicated, "source"), Database(replicated, "copy")
    with pytest.raises(Refused) as refused:
        preflight(MIGRATION, source.options())
    assert 'publication "p" is for all tables' in str(refused.value)
    assert 'read by: "s"' in str(refused.value)
    assert "published_journal: warning" in str(refused.value)
    # As advised: the tables of a journal, at the subscriber.
    replicated.create_database("other")
    other = Database(replicated, "other")
    other.execute("CREATE TABLE pet (id int PRIMARY KEY, name text)")
    other.apply(MIGRATION)
    program = replicated.installation.bin_dir / "pg_dump"
    dump = [str(program), "--schema-only", "--schema=steady", other.url()]
    dumped = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    copy.execute("\n".join(line for line in dumped.splitlines() if not line.startswith("\\")))
    preflight(MIGRATION, source.options(), {"published_journal": "warning"})
    source.apply(MIGRATION)
    source.execute("INSERT INTO pet VALUES (1, 'after')")
    wait_until(lambda: copy.execute("SELECT name FROM pet") == [("after",)])
    found = {one["name"]: one["status"] for one in preflight(MIGRATION, source.options())["preflight"]}
    assert found["published_journal"] == "ok"
