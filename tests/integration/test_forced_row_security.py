# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Kind 3: policies that are forced on the owner. A key's validation is a query, and fails for that owner."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

CHILD = {"table": "child", "columns": ["parent"], "references": {"table": "parent", "columns": ["id"]}}
MIGRATION = {
    "id": "forced",
    "foreign_keys": [CHILD],
    "columns": [{"table": "child", "name": "parent", "nullable": False}],
}


@pytest.fixture
def forced(cluster: Cluster) -> Database:
    cluster.role("keeper", "NOLOGIN")
    database = cluster.database()
    database.execute(
        "GRANT CREATE ON SCHEMA public TO keeper; SET ROLE keeper;"
        " CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int, parent int);"
        " INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1);"
        " CREATE POLICY nothing ON child USING (false)"
    )
    return database


@pytest.mark.parametrize("table", ["parent", "child"])
def test_the_deploying_role_validates_where_the_owner_cannot(forced: Database, table: str) -> None:
    """What check mode calls fine, the run does."""
    forced.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    assert not forced.apply(MIGRATION, check=True)["missing_privileges"]
    assert forced.apply(MIGRATION)["changed"]
    assert forced.value("SELECT bool_and(convalidated) FROM pg_constraint WHERE conrelid = 'child'::regclass")
    assert not forced.apply(MIGRATION)["changed"]
    assert forced.rollback()["changed"]


def test_with_code_of_the_owners_the_plan_says_why_not(forced: Database) -> None:
    """Before a backup is taken, and before anything is changed."""
    forced.execute(
        "SET ROLE keeper; ALTER TABLE child ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        " CREATE FUNCTION public.yes(int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';"
        " CREATE INDEX ON child (parent) WHERE public.yes(id)"
    )
    missing = forced.apply(MIGRATION, check=True)["missing_privileges"]
    assert {"would run code of others" in text for text in missing} == {True}
    with forced.nothing_changed(), pytest.raises(SteadyError, match="row-level security"):
        forced.apply(MIGRATION)
    forced.execute("ALTER ROLE keeper BYPASSRLS")
    assert forced.apply(MIGRATION)["changed"]
