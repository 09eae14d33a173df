# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What builds take of a real server: memory in their own session only, connections, disk by estimate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._planning import disk as _disk
from ansible_collections.steady.postgresql.plugins.module_utils._planning import resources as _resources
from ansible_collections.steady.postgresql.plugins.module_utils._planning.capacity import Capacity, read_facts
from ansible_collections.steady.postgresql.plugins.module_utils._planning.disk import Build, read_estimates, read_free
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused
from integration.cluster import Cluster, Database
from integration.sessions import OLD_SNAPSHOT, background, builders, held, wait_until

pytestmark = pytest.mark.postgres

INDEX = [{"table": "Order", "columns": ["note"]}]


def session(database: Database) -> Any:
    """A session of the collection's."""
    options = database.options(check=True)
    return options.target(options.address(), "test").first_session("public")[0]


@pytest.mark.parametrize("check", [True, False])
def test_what_does_not_fit_is_refused_before_anything_is_begun(database: Database, check: bool) -> None:
    with database.nothing_changed(), database.nothing_written(), pytest.raises(Refused) as failure:
        database.apply(indexes=INDEX, check=check, disk_allowance=20_000)
    assert "the disk is too small" in str(failure.value)
    assert "Order_note_idx" in str(failure.value)
    assert "steady_disk_allowance is 19.5 kB" in str(failure.value)
    assert database.apply(indexes=INDEX, disk_allowance=10**9)["status"] == "succeeded"


def test_a_disk_that_is_full_is_seen_where_the_server_is_on_this_machine(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, or as the server's account, this machine's file system says what is free."""
    looking = session(database)
    free = read_free(looking, [None])
    looking.close()
    assert free is not None
    assert [size > 0 for _device, size in free.values()] == [True]
    monkeypatch.setattr(_resources, "read_free", lambda _session, _spaces: {None: (1, 60_000)})
    with database.nothing_changed(), pytest.raises(Refused, match=r"58.6 kB are free there"):
        database.apply(indexes=INDEX)


def test_a_rollback_that_does_not_fit_is_refused(database: Database) -> None:
    absent = [{"table": "Order", "name": "Order_customerId_idx", "state": "absent"}]
    database.apply(indexes=absent)
    before = database.dump()
    with pytest.raises(Refused, match="the disk is too small"):
        database.rollback(disk_allowance=20_000)
    assert database.dump() == before


@pytest.mark.parametrize("analyzed", [True, False])
def test_an_estimate_is_near_what_the_index_becomes(database: Database, analyzed: bool) -> None:
    database.execute(
        "CREATE TABLE wide AS SELECT g AS id, md5(g::text) AS hash, now() + g * interval '1 s' AS at"
        " FROM generate_series(1, 100000) g"
    )
    if analyzed:
        database.execute("ANALYZE wide")
    looking = session(database)
    columns: Sequence[tuple[str, ...]] = [("id",), ("hash",), ("at", "id")]
    for names in columns:
        (estimate,) = read_estimates(looking, [Build(("public", "wide"), "x", names)])
        database.execute(f"CREATE INDEX x ON wide ({', '.join(names)})")
        size = database.value("SELECT pg_relation_size('x')")
        database.execute("DROP INDEX x")
        assert 0.75 * size < estimate.bytes < 1.5 * size, names
    looking.close()


@pytest.mark.parametrize("analyze", [None, "ANALYZE p1; ANALYZE p2", "ANALYZE p"], ids=["never", "leaves", "all"])
@pytest.mark.parametrize("column", ["id", "words"])
def test_the_partitions_of_a_table_count(database: Database, analyze: str | None, column: str) -> None:
    """Autovacuum analyzes the partitions, and never the whole."""
    database.execute(
        "CREATE TABLE p (id int, words text) PARTITION BY RANGE (id);"
        " CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (20000);"
        " CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (20000) TO (99999);"
        " INSERT INTO p SELECT g, repeat(md5(g::text), 4) FROM generate_series(1, 30000) g"
    )
    if analyze is not None:
        database.execute(analyze)
    looking = session(database)
    (estimate,) = read_estimates(looking, [Build(("public", "p"), "x", (column,))])
    looking.close()
    database.execute(f"CREATE INDEX x ON p ({column})")
    size = int(database.value("SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('x') WHERE isleaf"))
    # Without statistics a text is taken to be short, and so are the rows, of which there are more then.
    least, most = (0.5, 3.5) if analyze is None else (0.75, 1.5)
    assert least * size < estimate.bytes < most * size


def test_rows_that_came_since_a_table_was_analyzed_count(database: Database) -> None:
    database.execute("CREATE TABLE grown AS SELECT g AS id FROM generate_series(1, 3000) g; ANALYZE grown")
    database.execute("INSERT INTO grown SELECT generate_series(1, 100000)")
    looking = session(database)
    (estimate,) = read_estimates(looking, [Build(("public", "grown"), "x", ("id",))])
    looking.close()
    database.execute("CREATE INDEX x ON grown (id)")
    size = database.value("SELECT pg_relation_size('x')")
    assert 0.75 * size < estimate.bytes < 1.5 * size


def test_memory_and_workers_are_set_in_the_session_that_builds_and_nowhere_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another session its settings cannot be seen: the build's own index expression tells them."""
    monkeypatch.setattr(_resources, "choose", lambda *_arguments: Capacity(1, 77 * 1024**2, 0))
    database.execute(
        "CREATE TABLE seen (setting text);"
        "CREATE FUNCTION look(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE LOG 'look: % %', current_setting('maintenance_work_mem'),"
        "  current_setting('max_parallel_maintenance_workers'); RETURN $1; END $$"
    )
    database.apply(
        indexes=[{"table": "Order", "name": "looking", "columns": [{"expression": "look(id)"}]}],
    )
    log = database.server.log()
    assert "look: 77MB 0" in log
    assert database.value("SHOW maintenance_work_mem") == "64MB"


def test_no_more_builds_at_a_time_than_were_chosen(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resources, "choose", lambda *_arguments: Capacity(2))
    tables = ("Order", "Customer", "Category")
    indexes = [{"table": table, "name": f"new_{table}", "columns": ["id"]} for table in tables]
    with held(database, *OLD_SNAPSHOT) as snapshot, background(lambda: database.apply(indexes=indexes)) as deployment:
        wait_until(lambda: len([row for row in builders(database) if row[2] == "waiting for old snapshots"]) == 2)
        snapshot.release()
        assert len(deployment.result()["steps"]) == 3


def test_what_a_server_says_of_itself(database: Database) -> None:
    looking = session(database)
    here, elsewhere = read_facts(looking, True), read_facts(looking, False)
    looking.close()
    assert here.cores
    assert here.free_memory
    assert (elsewhere.cores, elsewhere.free_memory) == (None, None)
    assert 0 < here.connections < here.max_connections == 100
    assert here.maintenance_work_mem == 64 * 1024**2


def test_the_limit_of_a_role_counts(database: Database) -> None:
    database.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 4")
    try:
        options = database.options("few", check=True)
        looking = options.target(options.address(), "test").first_session("public")[0]
        assert read_facts(looking, True).connections == 3
        looking.close()
    finally:
        database.execute("DROP ROLE few")


def test_drops_leave_connections_to_the_application(database: Database) -> None:
    """Some wait for a writer to end; all at once they would take every connection that there is."""
    tables = [f"t{number}" for number in range(60)]
    database.execute("; ".join(f"CREATE TABLE {name} (a int); CREATE INDEX {name}_a ON {name} (a)" for name in tables))
    absent = [{"table": name, "name": f"{name}_a", "state": "absent"} for name in tables]
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'steady%'"
    writers = [held(database, f"LOCK TABLE {name} IN ROW EXCLUSIVE MODE", seconds=3) for name in tables[:10]]
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer)
        deployment = stack.enter_context(background(lambda: database.apply(indexes=absent)))
        wait_until(lambda: database.value(ours) > 2)
        most = 0
        while not deployment.done():
            most = max(most, database.value(ours))
            time.sleep(0.02)
        assert 2 < most <= 2 + 8
        assert len(deployment.result()["steps"]) == 60


def test_more_at_a_time_than_the_role_has_connections(cluster: Cluster, database: Database) -> None:
    role = cluster.role("few", "LOGIN CONNECTION LIMIT 4")
    tables = ("Order", "Customer", "Category")
    database.execute(
        f"GRANT CREATE ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {database.name} TO {role};"
        + "".join(f'ALTER TABLE "{table}" OWNER TO {role};' for table in tables)
    )
    indexes = [{"table": table, "name": f"new_{table}", "columns": ["id"]} for table in tables]
    with held(database, *OLD_SNAPSHOT, seconds=1.5):
        result = database.apply(indexes=indexes, user=role, parallel=8)
    assert [step["status"] for step in result["steps"]] == ["done"] * 3
    assert "2 at a time instead of 8: 3 more connections may be opened" in result["notes"]


def test_a_folder_that_this_account_may_not_look_at_is_no_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str) -> Any:
        raise PermissionError

    monkeypatch.setattr(_disk.os, "statvfs", refuse)
    notes = database.apply(indexes=INDEX)["notes"]
    assert [note for note in notes if "steady_disk_allowance" in note]
