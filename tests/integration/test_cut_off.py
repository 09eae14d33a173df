# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A run that ends between two statements of a step: nothing that an object had is lost, and the next run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.executor import Executor
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import temporary_name
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres


class Killed(BaseException):
    """Nothing handles it: as little as the end of a process."""


def killed_before(number: int, monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any]) -> bool:
    """Run until the statement of that number is to begin; false when there are not so many."""
    begun = 0
    execute = Executor._execute

    def count(*arguments: Any) -> None:
        nonlocal begun
        begun += 1
        if begun == number:
            raise Killed
        execute(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Executor, "_execute", count)
        try:
            run()
        except Killed:
            return True
    return False


_BESIDE = (
    "SELECT obj_description(indexrelid), indisclustered,"
    " (SELECT attstattarget FROM pg_attribute WHERE attrelid = indexrelid AND attnum = 1)"
    " FROM pg_index WHERE indexrelid = 'i'::regclass"
)


@pytest.mark.parametrize("state", ["another definition", "invalid"])
def test_s15_an_index_never_loses_its_comment_statistics_and_cluster_mark(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Cut off before each statement of a replacement or a repair; then run again, and roll back."""
    entry = {"table": "t", "name": "i", "columns": [{"expression": "lower(b)"}, "a"]}
    migration = {"id": "kept", "indexes": [entry]}
    invalid = state == "invalid"
    had = ("mine", not invalid, 321)
    number, database = 0, cluster.database()
    while True:
        number += 1
        database.execute(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (a int, b text); CREATE INDEX i ON t (lower(b));"
            "ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 321; COMMENT ON INDEX i IS 'mine'"
        )
        if invalid:
            database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass")
        else:
            database.execute("ALTER TABLE t CLUSTER ON i")
        before = database.dump()
        if not killed_before(number, monkeypatch, lambda: database.apply(migration)):
            break
        assert database.execute(_BESIDE) == [had]
        database.apply(migration)
        assert database.execute(_BESIDE) == [had]
        assert database.indexes("t") == {"i": "CREATE INDEX i ON public.t USING btree (lower(b), a)"}
        assert database.apply(migration)["changed"] is False
        if not invalid:
            _undone_in_two_attempts(database, monkeypatch, number, before)
    assert number > 5


def _undone_in_two_attempts(database: Database, monkeypatch: pytest.MonkeyPatch, number: int, before: str) -> None:
    killed_before(number, monkeypatch, database.rollback)
    assert database.execute(_BESIDE) == [("mine", True, 321)]
    database.rollback()
    assert database.dump() == before
    assert database.helpers() == []


def test_s15_an_index_that_comes_back_is_not_built_twice(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off after its build, its comment is all that is missing."""
    database = cluster.database()
    database.execute("CREATE TABLE t (a int, b text); CREATE INDEX i ON t (b); COMMENT ON INDEX i IS 'mine'")
    before = database.dump()
    database.apply(indexes=[{"table": "t", "name": "i", "state": "absent"}])
    assert killed_before(2, monkeypatch, database.rollback)
    built = database.oid("i")
    assert built is not None
    (step,) = database.rollback()["steps"]
    assert (step["action"], step["sql"]) == ("alter", ['COMMENT ON INDEX "public"."i" IS \'mine\''])
    assert database.oid("i") == built
    assert database.dump() == before


def test_s15_what_an_earlier_version_left_behind_after_its_swap_is_taken_over(cluster: Cluster) -> None:
    database = cluster.database()
    entry = {"table": "t", "name": "i", "columns": [{"expression": "lower(b)"}, "a"]}
    database.execute("CREATE TABLE t (a int, b text); CREATE INDEX i ON t (lower(b), a)")
    old = temporary_name("i", "old", ("public", "t"))
    database.execute(
        f"CREATE INDEX {old} ON t (lower(b)); ALTER INDEX {old} ALTER COLUMN 1 SET STATISTICS 321;"
        f"COMMENT ON INDEX {old} IS 'mine'; ALTER TABLE t CLUSTER ON {old}"
    )
    (step,) = database.apply(indexes=[entry])["steps"]
    assert step["action"] == "clean up"
    assert database.execute(_BESIDE) == [("mine", True, 321)]
    assert database.helpers() == []


def test_s15_partitions_keep_what_their_indexes_have_beside_the_definition(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comment, CLUSTER mark and statistics target of a partition's own index; cut off before each statement."""
    migration = {"id": "kept", "indexes": [{"table": "w", "name": "i", "columns": [{"expression": "lower(b)"}, "a"]}]}
    beside = _BESIDE.replace("'i'::regclass", "(SELECT indexrelid FROM pg_index WHERE indrelid = '%s'::regclass)")
    had = {"w": ("whole", False, 55), "w1": ("mine", True, 321), "w2": (None, False, 100)}
    number, database = 0, cluster.database()

    def found() -> dict[str, tuple]:
        return {table: database.execute(beside % table)[0] for table in had}

    while True:
        number += 1
        database.execute(
            "DROP TABLE IF EXISTS w; CREATE TABLE w (a int, b text) PARTITION BY RANGE (a);"
            "CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (9);"
            "CREATE TABLE w2 PARTITION OF w FOR VALUES FROM (9) TO (19); CREATE INDEX i ON w (lower(b));"
            "ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 55; COMMENT ON INDEX i IS 'whole';"
            "ALTER INDEX w1_lower_idx ALTER COLUMN 1 SET STATISTICS 321; COMMENT ON INDEX w1_lower_idx IS 'mine';"
            "ALTER INDEX w2_lower_idx ALTER COLUMN 1 SET STATISTICS 100; ALTER TABLE w1 CLUSTER ON w1_lower_idx"
        )
        assert found() == had
        before = database.dump()
        cut = killed_before(number, monkeypatch, lambda: database.apply(migration))
        if cut:
            database.apply(migration)
        assert found() == had
        assert database.apply(migration)["changed"] is False
        while database.rollback()["changed"]:
            pass
        assert database.dump() == before
        assert database.helpers() == []
        if not cut:
            break
    assert number > 4
