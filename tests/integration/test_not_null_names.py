# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""NOT NULL beside constraints that are there already: names that are taken, checks that prove it, ones NOT VALID."""

from __future__ import annotations

from typing import Any

import pytest

from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres


def there_and_back(database: Database, table: str = "t", column: str = "a") -> dict[str, Any]:
    """Check, deploy, again, roll back, twice; the step."""
    before = database.dump()
    migration = {"id": "names", "columns": [{"table": table, "name": column, "nullable": False}]}
    assert database.apply(migration, check=True)["changed"]
    (step,) = database.apply(migration)["steps"]
    assert not database.nullable(table, column)
    assert database.apply(migration)["changed"] is False
    database.rollback()
    assert database.dump() == before
    assert database.helpers() == []
    database.apply(migration)
    database.rollback()
    assert database.dump() == before
    return dict(step)


def test_a10_a_name_that_is_taken(cluster: Cluster, postgres_major: int) -> None:
    """Taken by a column that was renamed, of a table that was renamed, by a CHECK, and on a partition."""
    database = cluster.database()
    database.execute(
        "CREATE TABLE t (id int, a int NOT NULL); ALTER TABLE t RENAME a TO b; ALTER TABLE t ADD a int;"
        "CREATE TABLE old (id int, a int NOT NULL, c int); ALTER TABLE old RENAME TO new;"
        "CREATE TABLE checked (id int, a int, CONSTRAINT checked_a_not_null CHECK (a > 0));"
        "CREATE TABLE whole (id int, a int) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (9);"
        "ALTER TABLE part ADD CONSTRAINT whole_a_not_null CHECK (id < 9)"
    )
    for table, column in (("t", "a"), ("new", "c"), ("checked", "a"), ("whole", "a")):
        step = there_and_back(database, table, column)
        if postgres_major >= 18:
            natural = f"{table}_{column}_not_null"
            name = natural if table == "new" else f"{natural}1"
            assert f'ADD CONSTRAINT "{name}" NOT NULL' in step["sql"][0]


def test_a_valid_check_that_is_there_already_spares_another_and_its_scan(cluster: Cluster) -> None:
    database = cluster.database()
    database.execute(
        'CREATE TABLE t (id int, a int CONSTRAINT mine CHECK (a IS NOT NULL), "B" int CHECK ("B" IS NOT NULL));'
        "INSERT INTO t VALUES (1, 1, 1)"
    )
    assert there_and_back(database)["sql"] == ['ALTER TABLE "public"."t" ALTER COLUMN "a" SET NOT NULL']
    assert len(there_and_back(database, "t", "B")["sql"]) == 1
    # Not one that is NOT VALID, says something else, or means something else of a row value.
    database.execute(
        "CREATE TYPE pair AS (x int, y int); CREATE TABLE u (id int, a int, b int CHECK (b IS NOT NULL OR id > 1),"
        " c pair CHECK (c IS NOT NULL)); ALTER TABLE u ADD CHECK (a IS NOT NULL) NOT VALID"
    )
    for column in ("a", "b", "c"):
        assert len(there_and_back(database, "u", column)["sql"]) > 1


def test_a_not_null_of_somebody_else_that_is_not_valid_comes_back_so(cluster: Cluster, postgres_major: int) -> None:
    if postgres_major < 18:
        pytest.skip("NOT NULL can be NOT VALID since PostgreSQL 18")
    database = cluster.database()
    database.execute(
        "CREATE TABLE t (id int, a int); INSERT INTO t VALUES (1, 1);"
        "ALTER TABLE t ADD CONSTRAINT theirs NOT NULL a NOT VALID; COMMENT ON CONSTRAINT theirs ON t IS 'theirs'"
    )
    step = there_and_back(database)
    assert step["sql"] == ['ALTER TABLE "public"."t" VALIDATE CONSTRAINT "theirs"']
    assert step["summary"] == "NOT NULL, which was NOT VALID until now"
