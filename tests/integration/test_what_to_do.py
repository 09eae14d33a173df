# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What a step that failed says to do: what does help, with the rows, and what is left."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import background, held, wait_until

pytestmark = pytest.mark.postgres


@pytest.fixture
def empty(cluster: Cluster) -> Database:
    return cluster.database()


def test_b32_an_index_row_that_is_too_large(empty: Database) -> None:
    """The same command fails for ever; of a partitioned table, the index of the whole is left and said."""
    empty.execute(
        "CREATE TABLE t (id int, u text); CREATE TABLE whole (id int, u text) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (9);"
        "INSERT INTO t SELECT 1, string_agg(md5(random()::text), '') FROM generate_series(1, 300);"
        "INSERT INTO whole SELECT * FROM t"
    )
    before = empty.dump()
    for table in ("t", "whole"):
        migration = {"id": table, "indexes": [{"table": table, "columns": ["u"]}]}
        with pytest.raises(SteadyError) as failed:
            empty.apply(migration)
        assert failed.value.sqlstate == "54000"
        assert "an expression such as md5(column)" in failed.value.todo
        assert "nothing of public." in failed.value.left
        assert ("public.whole_u_idx is there and INVALID" in failed.value.left) is (table == "whole")
        empty.rollback()
        assert empty.dump() == before


def test_rows_that_come_while_a_constraint_is_added_are_shown(empty: Database) -> None:
    """After the check of the data, and before the constraint holds new rows back."""
    empty.execute(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, pid int, x int);"
        "CREATE INDEX ON c (pid); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1, 1)"
    )
    key = {"table": "c", "name": "k", "columns": ["pid"], "references": {"table": "p", "columns": ["id"]}}
    column = {"table": "c", "name": "x", "nullable": False}
    for row, shown, entry in (
        ("(71, 72, 1)", "pid=72", {"foreign_keys": [key]}),
        ("(73, 1, NULL)", "id=73", {"columns": [column]}),
    ):
        migration = {"id": "late", **entry}
        with (
            held(empty, f"INSERT INTO c VALUES {row}") as writer,
            background(lambda wanted=migration: empty.apply(wanted)) as run,
        ):
            wait_until(
                lambda: empty.journal() and empty.value("SELECT count(*) FROM steady.step WHERE status = 'running'")
            )
            writer.release()
            error = run.exception()
        assert isinstance(error, SteadyError)
        assert shown in error.why
        assert "then run the same command again" in error.todo
        empty.rollback()
        empty.execute("DELETE FROM c WHERE id > 1")


def test_s9_more_tables_at_once_than_the_budget_can_be_enough_for(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE whole (id int, u text) PARTITION BY RANGE (id); CREATE INDEX i ON whole (u);"
        "DO $$ BEGIN FOR n IN 0..39 LOOP"
        " EXECUTE format('CREATE TABLE part_%s PARTITION OF whole FOR VALUES FROM (%s) TO (%s)', n, n, n + 1);"
        " END LOOP; END $$"
    )
    migration = {"id": "many", "indexes": [{"table": "whole", "name": "i", "state": "absent"}]}
    for check in (True, False):
        with pytest.raises(SteadyError, match="41 tables are locked in one moment"):
            empty.apply(migration, check=check, budget_ms=1)
    assert empty.apply(migration, check=True)["changed"]
    with held(empty, "SELECT 1 FROM part_7"), pytest.raises(SteadyError) as failed:
        empty.apply(migration, patience_s=1.0)
    assert "and 38 more tables in" in failed.value.what
