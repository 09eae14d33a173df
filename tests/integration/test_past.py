# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What the journal knows of a migration's past: newer work that it would take back, and other content of its id."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

CHECKS = ("taken_back", "edited_migration")


@pytest.fixture
def empty(cluster: Cluster) -> Database:
    database = cluster.database()
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int NOT NULL, c int); CREATE TABLE p (id int PRIMARY KEY);"
        "CREATE TABLE whole (id int, a int, b int) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (9);"
        "INSERT INTO t VALUES (1, 1, 1, 1), (2, 1, 1, 1)"
    )
    return database


def index(identity: str, *columns: str, table: str = "t", **more: Any) -> dict[str, Any]:
    return {"id": identity, "indexes": [{"table": table, "name": "ix", "columns": list(columns), **more}]}


def said(database: Database, migration: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What the two checks find. What a deployment's plan notes of it is the same."""
    result = preflight(migration, database.options(check=True))
    found = {one["name"]: one for one in result["preflight"]}
    evidence = []
    for name in CHECKS:
        loud = found[name]["status"] == "warning"
        assert loud == bool(found[name]["todo"])
        evidence.append(found[name]["evidence"] if loud else [])
    words = [*evidence[0], *evidence[1]]
    assert [note for note in database.apply(migration, check=True)["notes"] if "deploy" in note] == words
    assert [note for note in result["notes"] if "deploy" in note] == words
    for sentence in evidence[0]:
        assert f"-- note: {sentence}" in result["plan_sql"]
    return evidence[0], evidence[1]


def back(kind: str, name: str, newer: str, newer_id: str, older_id: str) -> str:
    return (
        f"{kind} public.{name} is as deployment {newer} ({newer_id}) left it; this would take it back: {older_id} was "
        "deployed before it"
    )


@pytest.mark.parametrize("table", ["t", "whole"])
def test_an_older_migration_says_that_it_takes_a_newer_one_back(empty: Database, table: str) -> None:
    first, second = index("v1", "a", table=table), index("v2", "a", "b", table=table)
    empty.apply(first)
    assert said(empty, second) == ([], []), "a newer one is a change like any other"
    newer = empty.apply(second)["deployment_id"]
    assert said(empty, second) == ([], [])
    assert said(empty, first) == ([back("index", "ix", newer, "v2", "v1")], [])
    assert said(empty, index("v3", "b", table=table)) == ([], []), "it was never deployed"
    empty.rollback(newer)
    assert said(empty, first) == ([], [])


def test_each_kind_and_each_way(empty: Database) -> None:
    """A drop, a nullability and a key; not what somebody else changed meanwhile, which is drift."""
    key = {"table": "t", "name": "k", "columns": ["c"], "references": {"table": "p", "columns": ["id"]}}
    column = {"table": "t", "name": "b"}
    first = {
        **index("v1", "a"),
        "columns": [{**column, "nullable": True}],
        "foreign_keys": [{**key, "on_delete": "cascade"}],
    }
    second = {
        "id": "v2",
        "indexes": [{"table": "t", "name": "ix", "state": "absent"}],
        "columns": [{**column, "nullable": False}],
        "foreign_keys": [{**key, "on_delete": "restrict"}],
    }
    empty.execute("INSERT INTO p VALUES (1)")
    empty.apply(first)
    newer = empty.apply(second)["deployment_id"]
    names = [("column", "t.b"), ("index", "ix"), ("foreign_key", "t.k")]
    assert said(empty, first) == ([back(kind, name, newer, "v2", "v1") for kind, name in names], [])
    empty.execute("CREATE INDEX ix ON t (c); ALTER TABLE t ALTER b DROP NOT NULL; ALTER TABLE t DROP CONSTRAINT k")
    assert said(empty, first) == ([], [])


def test_a_file_that_was_edited_after_it_was_deployed(empty: Database) -> None:
    made = empty.apply(index("v1", "a"))["deployment_id"]
    today = empty.value("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
    assert said(empty, index("v1", "a")) == ([], [])
    alike = {**index("v1", {"name": "a"}, unique=False), "description": "new words", "schema": "public"}  # type: ignore[arg-type]
    assert said(empty, alike) == ([], []), "the same objects, written otherwise"
    other = f"v1 was deployed with other content on {today} (deployment {made})"
    assert said(empty, index("v1", "a", "b")) == ([], [other])
    assert empty.apply(index("v1", "a", "b"))["notes"] == [other]
    assert said(empty, index("v1", "a", "b")) == ([], [])
    empty.rollback()
    assert said(empty, index("v1", "a")) == ([], []), "of the second one nothing stands any more"


def test_an_unfinished_deployment_that_goes_on_with_other_content(empty: Database) -> None:
    """Said while it is new; then the journal has the content that was deployed."""
    failing = {**index("v1", "a"), "foreign_keys": []}
    failing["indexes"].append({"table": "t", "name": "late", "columns": ["a"], "unique": True})
    with pytest.raises(SteadyError):
        empty.apply(failing)
    assert not empty.journal(), "it was refused, and not begun"
    empty.execute("CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1 / ($1 - 1); END'")
    failing["indexes"][1] = {"table": "t", "name": "late", "columns": [{"expression": "f(a)"}]}
    with pytest.raises(SteadyError):
        empty.apply(failing)
    begun = empty.value("SELECT id FROM steady.deployment")
    assert said(empty, failing) == ([], []), "the same content goes on"
    mended = index("v1", "a", "b")
    (sentence,) = said(empty, mended)[1]
    assert sentence.startswith(f"deployment {begun} of v1 began with other content on ")
    assert sentence.endswith(" and is not finished; this run continues with it, with the content of now")
    result = empty.apply(mended)
    assert (result["deployment_id"], sentence in result["notes"]) == (begun, True)
    assert said(empty, mended) == ([], [])
    assert empty.value("SELECT migration FROM steady.deployment") == mended
