# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Public bug reports of other tools, each as a database, a migration and what must come of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import OLD_SNAPSHOT, background, builders, held, wait_until

pytestmark = pytest.mark.postgres

_PARENT = "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); INSERT INTO p VALUES (1, 1);"
_KEY = {
    "table": "c",
    "name": "k",
    "columns": ["a", "b"],
    "references": {"table": "p", "columns": ["a", "b"]},
    "on_delete": "cascade",
}
_IDENTITY = """CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL); CREATE UNIQUE INDEX u ON t (a);
    ALTER TABLE t REPLICA IDENTITY USING INDEX u; CREATE PUBLICATION news FOR TABLE t"""


@dataclass(frozen=True)
class Report:
    """since: the first version that takes the setup. refused: what the refusal names, where a refusal is right."""

    where: str
    setup: str
    migration: dict[str, Any]
    since: int = 13
    refused: str | None = None


REPORTS = (
    Report(
        "pgplex/pgschema#589: the column list of SET NULL is dropped",
        _PARENT + "CREATE TABLE c (a int NOT NULL, b int, CONSTRAINT k FOREIGN KEY (a, b) REFERENCES p"
        " ON DELETE SET NULL (b)); INSERT INTO c VALUES (1, 1)",
        {"foreign_keys": [_KEY]},
        since=15,
    ),
    Report(
        "darold/ora2pg#221: a key comes back without its actions",
        _PARENT + "CREATE TABLE c (a int, b int, CONSTRAINT k FOREIGN KEY (a, b) REFERENCES p MATCH FULL"
        " ON UPDATE CASCADE ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1, 1)",
        {"foreign_keys": [{"table": "c", "name": "k", "state": "absent"}]},
    ),
    Report(
        "rails/rails#57377: a key that is not enforced",
        _PARENT + "CREATE TABLE c (a int, b int, CONSTRAINT k FOREIGN KEY (a, b) REFERENCES p NOT ENFORCED);"
        " COMMENT ON CONSTRAINT k ON c IS 'for the planner'",
        {"foreign_keys": [_KEY]},
        since=18,
    ),
    Report(
        "rails/rails#57377: a key that is not enforced is dropped",
        _PARENT + "CREATE TABLE c (a int, b int, CONSTRAINT k FOREIGN KEY (a, b) REFERENCES p NOT ENFORCED);"
        " INSERT INTO c VALUES (7, 7)",
        {"foreign_keys": [{"table": "c", "name": "k", "state": "absent"}]},
        since=18,
    ),
    Report(
        "supabase/pg-toolbelt#235: the index of a replica identity is replaced",
        _IDENTITY,
        {"indexes": [{"table": "t", "name": "u", "columns": ["a", "id"], "unique": True}]},
        refused="replica identity",
    ),
    Report(
        "Schema-Smith/SchemaSmith#407: a column of a replica identity",
        _IDENTITY,
        {"columns": [{"table": "t", "name": "a", "nullable": True}]},
        refused="replica identity",
    ),
    Report(
        "coleifer/peewee#1671: percent signs in names",
        'CREATE TABLE "a%s""b\'c" ("win%" int NOT NULL, "%(x)s" int); INSERT INTO "a%s""b\'c" VALUES (1, 2)',
        {
            "indexes": [{"table": "a%s\"b'c", "name": "i%s", "columns": ["win%"], "where": '"%(x)s" % 2 = 0'}],
            "columns": [{"table": "a%s\"b'c", "name": "win%", "nullable": True}],
        },
    ),
    Report(
        "drizzle-team/drizzle-kit-mirror#525: deferred constraints have pending events",
        _PARENT + "CREATE TABLE c (a int, b int, x int, CONSTRAINT k FOREIGN KEY (a, b) REFERENCES p"
        " DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1, 1, 1)",
        {"foreign_keys": [_KEY], "columns": [{"table": "c", "name": "x", "nullable": False}]},
    ),
)


def _refusal(database: Database, migration: dict[str, Any], check: bool) -> str:
    with pytest.raises(SteadyError) as refused:
        database.apply({"id": "report", **migration}, check=check)
    return str(refused.value)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.where)
def test_report(cluster: Cluster, postgres_major: int, report: Report) -> None:
    """Check, deploy, again, verify and roll back; or the same refusal in check mode and in the run."""
    if postgres_major < report.since:
        pytest.skip(f"PostgreSQL {report.since} has it")
    database = cluster.database()
    database.execute(report.setup)
    before = database.dump()
    if report.refused is not None:
        for check in (True, False):
            assert report.refused in _refusal(database, report.migration, check)
        assert database.dump() == before
        return
    migration = {"id": "report", **report.migration}
    assert database.apply(migration, check=True)["changed"]
    assert database.apply(migration)["changed"]
    assert database.dump() != before
    assert not database.apply(migration)["changed"]
    assert database.verify(migration)["status"] == "verified"
    assert database.rollback()["changed"]
    assert database.dump() == before
    assert database.helpers() == []


def test_timeouts_of_the_role_do_not_count_for_a_build(cluster: Cluster) -> None:
    """yetone/cumora#236, polarsource/polar#14583: a lock_timeout ends CREATE INDEX CONCURRENTLY, which waits for
    older snapshots in any table, and an invalid index is left."""
    database = cluster.database()
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t SELECT n, n FROM generate_series(1, 9) n"
    )
    role = cluster.role("impatient", "LOGIN SUPERUSER")
    for setting in ("lock_timeout", "statement_timeout"):
        database.execute(f"ALTER ROLE {role} SET {setting} = '300ms'")
    migration = {"id": "report", "indexes": [{"table": "t", "columns": ["x"]}]}
    with background(lambda: database.apply(migration, user=role)) as run:
        with held(database, *OLD_SNAPSHOT):
            wait_until(lambda: builders(database))
            time.sleep(0.7)  # more than both timeouts
            assert not run.done()
        assert run.result()["changed"]
    assert list(database.indexes("t")) == ["t_pkey", "t_x_idx"]
