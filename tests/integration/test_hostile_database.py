# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A database that belongs to an enemy, worked on by a superuser: none of its code runs with the superuser's rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._evidence.evidence import Wanted, take_evidence
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

SCRIPT = Path(__file__).parent / "hostile.sql"
SOURCES = Path(__file__).parents[2] / "plugins" / "module_utils"
MIGRATION: dict[str, Any] = {
    "id": "hostile",
    "columns": [
        {"table": "Order", "name": "note", "nullable": False},
        {"table": "Order", "name": "customerId", "nullable": False},
    ],
    "indexes": [
        {"table": "Order", "name": "u", "columns": ["id", "note"], "unique": True, "where": "note <> 'x'"},
        {"table": "Customer", "name": "c", "columns": [{"expression": "lower(email)"}], "unique": True},
    ],
    "foreign_keys": [
        {
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "cascade",
        }
    ],
    "verification": {
        "unchanged_counts": ["Order", "Customer"],
        "queries": [{"name": "view", "sql": "SELECT count(*) AS n FROM shown", "expect": "[0].n > `0`"}],
    },
    "probes": [
        {
            "name": "update",
            "sql": "UPDATE \"Order\" SET note = 'y' WHERE id = %(id)s RETURNING id",
            "params": 'SELECT id FROM "Order" LIMIT 1',
            "expect": "rowcount == `1`",
            "leaves_database": True,
        },
        {
            "name": "delete",
            "sql": 'DELETE FROM "Customer" WHERE id = 1',
            "expect": "rowcount == `1`",
            "leaves_database": True,
        },
        {
            "name": "insert",
            "sql": 'INSERT INTO "Order" (id, "customerId") VALUES (99, 1)',
            "expect": "rowcount == `1`",
            "leaves_database": True,
        },
    ],
    "queries": [
        {
            "name": "measured",
            "sql": 'SELECT * FROM "Order" WHERE note = %(note)s',
            "sample_by": {"table": "Order", "column": "note"},
        }
    ],
}


class Hostile:
    """The database, and what its code has left."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def marks(self) -> set[str]:
        """What ran with a superuser's rights, by the places that name themselves; they are forgotten then."""
        # From another database: here, even the test's own questions would run what mallory wrote.
        name = self.database.name
        ((text,),) = self.database.server.execute("SELECT pg_read_file(%s, true)", (f"marks.{name}",))
        self.database.server.execute(f"COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm -f marks.{name}'")
        return set((text or "").split("\n")) - {""}


def called() -> str:
    """The names of all functions that our statements may call."""
    words: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        words.update(re.findall(r"\b([a-z][a-z0-9_]+)\(", path.read_text()))
    return ",".join(sorted(words))


@pytest.fixture
def hostile(cluster: Cluster) -> Hostile:
    cluster.role("mallory")
    database = cluster.database()
    name = database.name
    database.execute(
        f"GRANT CREATE, TEMP ON DATABASE {name} TO mallory; GRANT CREATE ON SCHEMA public TO mallory;"
        f" ALTER DATABASE {name} SET mallory.file = '{name}'"
    )
    database.execute(f"SET mallory.functions = '{called()}';" + SCRIPT.read_text())
    found = Hostile(database)
    assert found.marks() == set()
    database.execute("SELECT public.mark('alarm')")
    assert found.marks() == {"alarm"}
    return found


def test_s28_nothing_of_the_owner_runs_as_the_deployer(hostile: Hostile) -> None:
    """S28, S1, S14: check, deploy, again, verify, evidence, roll back."""
    database = hostile.database
    ran: dict[str, set[str]] = {}
    assert database.apply(MIGRATION, check=True)["changed"]
    ran["check"] = hostile.marks()
    try:
        preflight(MIGRATION, database.options(check=True))
    except SteadyError as error:
        pytest.fail(str(error))
    ran["preflight"] = hostile.marks()
    before = take_evidence(MIGRATION, Wanted("before"), database.options())["evidence"]["before"]
    ran["before"] = hostile.marks()
    assert {found["status"] for found in before["probes"].values()} == {"tried"}, before["probes"]
    assert before["queries"]["measured"]["status"] == "measured", before
    assert database.apply(MIGRATION)["changed"]
    ran["deploy"] = hostile.marks()
    assert not database.apply(MIGRATION)["changed"]
    ran["again"] = hostile.marks()
    found = database.verify(MIGRATION)
    ran["verify"] = hostile.marks()
    assert [one for one in found["verification"] if one["status"] != "ok"] == []
    assert found["queries"][0]["rows"] == [{"n": 50}]
    take_evidence(MIGRATION, Wanted("after"), database.options())
    ran["after"] = hostile.marks()
    database.rollback(check=True)
    ran["rollback --check"] = hostile.marks()
    database.rollback()
    ran["rollback"] = hostile.marks()
    assert ran == {moment: set() for moment in ran}
