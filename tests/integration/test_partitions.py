# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Partitioned tables on a real server: nested, with default partitions, in several schemas, and while they change."""

from __future__ import annotations

import time
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.session import Session
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import temporary_name
from integration.cluster import Cluster, Database
from integration.killable import deployment_process
from integration.sessions import OLD_SNAPSHOT, Probe, background, builders, held, wait_until

pytestmark = pytest.mark.postgres

NAME = "Event_tenantId_at_idx"
INDEX = {"table": "Event", "columns": ["tenantId", "at"]}
OTHER = {**INDEX, "name": NAME, "columns": ["tenantId", {"name": "at", "order": "desc"}]}
MIGRATION: dict[str, Any] = {"id": "events", "indexes": [INDEX]}
LEAVES = {
    'archive."Event_2023"': 'archive."Event_2023_tenantId_at_idx"',
    '"Event_2024"': '"Event_2024_tenantId_at_idx"',
    '"Event_2025_t1"': '"Event_2025_t1_tenantId_at_idx"',
    '"Event_2025_rest"': '"Event_2025_rest_tenantId_at_idx"',
    '"Event_rest"': '"Event_rest_tenantId_at_idx"',
}
NODES = {'"Event"': f'"{NAME}"', '"Event_2025"': '"Event_2025_tenantId_at_idx"', **LEAVES}


def whole(database: Database, name: str = NAME) -> dict[str, str]:
    """All indexes that the one of the partitioned table consists of, by table; INVALID in front of those that are."""
    return dict(
        database.execute(
            "SELECT i.indrelid::regclass::text, CASE WHEN i.indisvalid THEN '' ELSE 'INVALID ' END"
            " || i.indexrelid::regclass::text FROM pg_partition_tree(%s::regclass) t"
            " JOIN pg_index i ON i.indexrelid = t.relid",
            (f'"{name}"',),
        )
    )


def actions(result: dict[str, Any]) -> list[str]:
    """What the steps of a result do."""
    return [step["action"] for step in result["steps"]]


def refused(database: Database, migration: dict[str, Any]) -> str:
    """What is said to a migration that is refused, as it must be in check mode, too, and with nothing changed."""
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(migration)
    with database.nothing_written(), pytest.raises(SteadyError):
        database.apply(migration, check=True)
    return str(refusal.value)


# -- there and back ----------------------------------------------------------------------------------------------------

SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "columns": (INDEX, 'btree ("tenantId", at)'),
    "unique": ({"table": "Event", "columns": ["id", "at", "tenantId"], "unique": True}, 'btree (id, at, "tenantId")'),
    "partial and covering": (
        {"table": "Event", "columns": ["note"], "include": ["id"], "where": "note <> 'x' AND id > 5"},
        "btree (note) INCLUDE (id) WHERE ((note <> 'x'::text) AND (id > 5))",
    ),
    "expression with a parameter": (
        {
            "table": "Event",
            "name": "lower",
            "columns": [{"expression": "lower(note)"}],
            "storage_parameters": {"fillfactor": 70},
        },
        "btree (lower(note)) WITH (fillfactor='70')",
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_there_found_again_and_back(events: Database, case: str) -> None:
    entry, using = SHAPES[case]
    before = events.dump()
    with events.nothing_written():
        planned = events.apply(indexes=[entry], check=True)
    result = events.apply(indexes=[entry])
    assert (result["status"], actions(result)) == ("succeeded", ["create"] * 7 + ["attach"] * 6)
    assert [step["sql"] for step in result["steps"]] == [step["sql"] for step in planned["steps"]]
    name = result["steps"][0]["name"]
    there = whole(events, name)
    assert set(there) == set(NODES)
    assert not any(index.startswith("INVALID") for index in there.values())
    definitions = events.execute(
        "SELECT DISTINCT split_part(pg_get_indexdef(relid), ' USING ', 2) FROM pg_partition_tree(%s::regclass)",
        (f'"{name}"',),
    )
    assert definitions == [(using,)]
    with events.nothing_written():
        again = events.apply(indexes=[entry], check=True)
        assert (again["changed"], again["steps"]) == (False, [])
        assert events.apply(indexes=[entry])["changed"] is False
        assert {row["status"] for row in events.verify({"id": "test", "indexes": [entry]})["verification"]} == {"ok"}
    undone = events.rollback()
    assert actions(undone) == ["drop"]
    assert events.dump() == before
    assert events.rollback()["changed"] is False


def test_what_the_statements_lock_is_what_the_plan_says(events: Database) -> None:
    """Each guarded statement of the plan in a transaction of its own: what it locks is among what was locked for it."""
    events.apply(indexes=[INDEX])
    steps = events.apply({"id": "b", "indexes": [OTHER]})["steps"] + events.rollback()["steps"]
    kinds = {(step["action"], step["locks"][0].split(" on ")[0]) for step in steps}
    assert ("create", "SHARE") in kinds
    assert ("attach", "ACCESS EXCLUSIVE") in kinds
    replaced = next(step for step in steps if step["action"] == "replace")
    for table in ('"public"."Event"', '"public"."Event_2025"', '"archive"."Event_2023"'):
        assert any(f"ACCESS EXCLUSIVE on ONLY {table} " in lock for lock in replaced["locks"])
    with events.connect() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute('CREATE INDEX probe ON ONLY "Event" (note)')
        cursor.execute(
            "SELECT relation::regclass::text, mode FROM pg_locks JOIN pg_class c ON c.oid = relation"
            " WHERE pid = pg_backend_pid() AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        assert cursor.fetchall() == [('"Event"', "ShareLock")]
        cursor.execute("ROLLBACK")
    connection.close()


def test_replaced_without_a_gap_and_back(events: Database) -> None:
    before = events.dump()
    events.execute('CREATE INDEX "Event_tenantId_at_idx" ON "Event" ("tenantId", at)')
    events.execute('ALTER INDEX "Event_2024_tenantId_at_idx" RENAME TO "odd name"')
    events.execute(f"COMMENT ON INDEX \"{NAME}\" IS 'kept'")
    events.execute("COMMENT ON INDEX archive.\"Event_2023_tenantId_at_idx\" IS 'old'")
    stood = events.dump()
    result = events.apply(indexes=[OTHER])
    assert actions(result) == ["create"] * 7 + ["attach"] * 6 + ["replace"]
    assert whole(events) == NODES
    assert events.helpers() == []
    assert events.value("SELECT obj_description(%s::regclass, 'pg_class')", (f'"{NAME}"',)) == "kept"
    with events.nothing_written():
        assert events.apply(indexes=[OTHER])["changed"] is False
    assert actions(events.rollback()) == ["create"] * 7 + ["attach"] * 6 + ["replace"]
    assert events.dump() == stood
    assert events.helpers() == []
    # And taken away altogether, and back with every name.
    events.apply({"id": "gone", "indexes": [{"table": "Event", "name": NAME, "state": "absent"}]})
    assert events.dump() == before
    events.rollback()
    assert events.dump() == stood


# -- what stands there already -----------------------------------------------------------------------------------------


def test_an_equivalent_index_of_a_partition_is_attached_and_stands_by_itself_again_after_the_rollback(
    events: Database,
) -> None:
    events.execute('CREATE INDEX mine ON "Event_2024" ("tenantId", at)')
    events.execute("COMMENT ON INDEX mine IS 'mine'")
    events.execute('CREATE INDEX near ON "Event_rest" ("tenantId", at) WITH (fillfactor = 50)')
    before, oid = events.dump(), events.oid("mine")
    result = events.apply(indexes=[INDEX])
    assert whole(events) == {**NODES, '"Event_2024"': "mine", '"Event_rest"': "near"}
    assert events.oid("mine") == oid
    assert any('the index "mine" exists already' in note for note in result["notes"])
    undone = events.rollback()
    assert actions(undone) == ["create", "create", "drop"]
    assert events.dump() == before
    assert events.helpers() == []


def test_an_equivalent_index_is_left_alone_where_another_is_asked_for(events: Database) -> None:
    events.execute('CREATE INDEX mine ON "Event_2024" ("tenantId", at)')
    before = events.dump()
    events.apply(indexes=[{**INDEX, "on_equivalent": "create"}])
    assert whole(events) == NODES
    assert events.value("SELECT relispartition FROM pg_class WHERE relname = 'mine'") is False
    events.rollback()
    assert events.dump() == before


def test_the_whole_under_another_name_does_the_job(events: Database) -> None:
    events.execute('CREATE INDEX other ON "Event" ("tenantId", at)')
    with events.nothing_written():
        result = events.apply(indexes=[INDEX])
    assert (result["changed"], len(result["notes"])) == (False, 1)


def test_what_somebody_began_by_hand_is_completed(events: Database) -> None:
    """An invalid whole, one partition attached, one leaf invalid by itself."""
    events.execute(f'CREATE INDEX "{NAME}" ON ONLY "Event" ("tenantId", at)')
    events.execute('CREATE INDEX begun ON "Event_rest" ("tenantId", at)')
    events.execute(f'ALTER INDEX "{NAME}" ATTACH PARTITION begun')
    events.execute('CREATE INDEX "Event_2024_tenantId_at_idx" ON "Event_2024" ("tenantId", at)')
    events.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"Event_2024_tenantId_at_idx\"'::regclass"
    )
    result = events.apply(indexes=[INDEX])
    assert sorted(actions(result)) == ["attach"] * 5 + ["create"] * 4 + ["repair"]
    assert whole(events) == {**NODES, '"Event_rest"': "begun"}
    # PostgreSQL cannot detach an index again: that is said, and nothing is touched.
    with pytest.raises(SteadyError) as refusal:
        events.rollback()
    assert f'it is part of an index of a partitioned table: "{NAME}" of "public"."Event"' in str(refusal.value)
    assert whole(events) == {**NODES, '"Event_rest"': "begun"}


def test_an_invalid_index_that_is_attached_is_named_with_what_mends_it(events: Database) -> None:
    events.execute(f'CREATE INDEX "{NAME}" ON ONLY "Event" ("tenantId", at)')
    events.execute('CREATE INDEX part ON "Event_2024" ("tenantId", at)')
    events.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'part'::regclass")
    events.execute(f'ALTER INDEX "{NAME}" ATTACH PARTITION part')
    message = refused(events, MIGRATION)
    assert 'run REINDEX INDEX CONCURRENTLY "public"."part"' in message
    events.execute('REINDEX INDEX CONCURRENTLY "public"."part"')
    events.apply(MIGRATION)
    assert whole(events) == {**NODES, '"Event_2024"': "part"}


def test_a_whole_that_missed_its_last_attachment_becomes_valid(events: Database) -> None:
    """The partition without an index was detached: all that is left is attached, and the whole stays invalid."""
    events.execute(f'CREATE INDEX "{NAME}" ON ONLY "Event" ("tenantId", at)')
    events.execute('CREATE INDEX part ON "Event_2024" ("tenantId", at)')
    events.execute(f'ALTER INDEX "{NAME}" ATTACH PARTITION part')
    for partition in ('archive."Event_2023"', '"Event_2025"', '"Event_rest"'):
        events.execute(f'ALTER TABLE "Event" DETACH PARTITION {partition}')
    assert whole(events)['"Event"'] == f'INVALID "{NAME}"'
    assert actions(events.apply(MIGRATION)) == ["attach"]
    assert whole(events) == {'"Event"': f'"{NAME}"', '"Event_2024"': "part"}


# -- while it changes --------------------------------------------------------------------------------------------------


COMES = "FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')"
MEANWHILE = {
    "attached": f'CREATE TABLE "Event_2030" (LIKE "Event"); ALTER TABLE "Event" ATTACH PARTITION "Event_2030" {COMES}',
    "created": f'CREATE TABLE "Event_2030" PARTITION OF "Event" {COMES}',
    "detached": 'ALTER TABLE "Event" DETACH PARTITION "Event_2024"',
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_a_partition_that_comes_or_goes_while_the_others_are_built(events: Database, meanwhile: str) -> None:
    """One that comes gets its index from PostgreSQL, since that of the whole is there first."""
    # A default partition would be searched for rows of the new one, under a lock that waits for the build on it.
    events.execute('DROP TABLE "Event_rest"')
    before = events.dump()
    with held(events, *OLD_SNAPSHOT) as reader, background(lambda: events.apply(MIGRATION, parallel=1)) as run:
        wait_until(lambda: any("Event_2023" in table for _pid, table, _phase in builders(events)))
        events.execute(MEANWHILE[meanwhile])
        reader.release()
        if meanwhile == "detached":
            with pytest.raises(SteadyError, match="run the same command again"):
                run.result()
            events.apply(MIGRATION)
        else:
            assert run.result()["status"] == "succeeded"
    there = whole(events)
    assert there['"Event"'] == f'"{NAME}"'
    assert ('"Event_2030"' in there) is (meanwhile != "detached")
    assert ('"Event_2024"' in there) is (meanwhile != "detached")
    with events.nothing_written():
        assert events.apply(MIGRATION)["changed"] is False
    events.rollback()
    if meanwhile == "detached":
        events.execute(
            "ALTER TABLE \"Event\" ATTACH PARTITION \"Event_2024\" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
        )
    else:
        events.execute('DROP TABLE "Event_2030"')
    assert events.dump() == before


def test_a_partition_that_came_between_plan_and_execution_is_named(events: Database) -> None:
    """It was there before there was an index of the whole that would have given it one."""
    with (
        held(events, 'LOCK TABLE "Event" IN ROW EXCLUSIVE MODE') as holder,
        background(lambda: events.apply(MIGRATION)) as run,
    ):
        wait_until(lambda: events.journal() and events.value("SELECT count(*) FROM steady.step"))
        # While the first step waits for its lock, whoever has it goes on.
        holder.run(f'CREATE TABLE "Event_2030" PARTITION OF "Event" {COMES}')
        holder.release()
        error = run.exception()
    assert isinstance(error, SteadyError)
    assert '1 partition has no valid index of "Event_tenantId_at_idx" yet: public."Event_2030"' in str(error)
    assert "run the same command again" in str(error)
    assert actions(events.apply(MIGRATION)) == ["create", "attach"]
    assert whole(events) == {**NODES, '"Event_2030"': '"Event_2030_tenantId_at_idx"'}


def kill_when(database: Database, migration: dict[str, Any], condition: str) -> None:
    """Begin the migration in a process of its own, and kill that once the condition holds."""
    with deployment_process(database, migration) as process:
        wait_until(lambda: process.poll() is not None or (database.journal() and database.value(condition)))
        process.kill()


BOUNDARIES = {
    "some partitions are built": "SELECT count(*) >= 5 FROM steady.step WHERE status = 'done'",
    "the nested one is attached": "SELECT count(*) >= 4 FROM steady.step WHERE action = 'attach' AND status = 'done'",
}


@pytest.mark.parametrize("case", BOUNDARIES)
@pytest.mark.parametrize("entry", [INDEX, OTHER], ids=["create", "replace"])
def test_killed_and_run_again_equals_a_run_that_was_not_killed(
    cluster: Cluster, events: Database, case: str, entry: dict[str, Any]
) -> None:
    if entry is OTHER:
        events.execute(f'CREATE INDEX "{NAME}" ON "Event" ("tenantId", at)')
    before = events.dump()
    migration = {"id": "events", "indexes": [entry]}
    kill_when(events, migration, BOUNDARIES[case])
    events.apply(migration)
    assert whole(events) == NODES
    killed = events.dump()
    assert events.helpers() == []
    events.rollback()
    assert events.dump() == before
    assert events.helpers() == []
    events.apply(migration)
    assert events.dump() == killed


@pytest.mark.parametrize("case", BOUNDARIES)
def test_killed_and_rolled_back_leaves_nothing(events: Database, case: str) -> None:
    events.execute('CREATE INDEX mine ON "Event_2024" ("tenantId", at)')
    before = events.dump()
    kill_when(events, MIGRATION, BOUNDARIES[case])
    events.rollback()
    assert events.dump() == before
    assert events.helpers() == []


def test_a_kill_in_a_build_leaves_an_invalid_one_that_is_built_again(events: Database) -> None:
    with held(events, *OLD_SNAPSHOT):
        with deployment_process(events, MIGRATION) as process:
            wait_until(lambda: any("old snapshots" in phase for _pid, _table, phase in builders(events)))
            process.kill()
        events.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'CREATE INDEX%'"
        )
        wait_until(lambda: not builders(events))
    assert "repair" in actions(events.apply(MIGRATION))
    assert whole(events) == NODES


def test_a_reader_in_the_way_of_an_attachment_is_not_disturbed_and_named(events: Database) -> None:
    with (
        held(events, 'SELECT * FROM "Event_2025_t1"') as reader,
        Probe(events, 'SELECT count(*) FROM "Event"') as probe,
        pytest.raises(SteadyError) as failure,
    ):
        events.apply(MIGRATION, patience_s=1.0)
    assert f"pid {reader.pid}" in str(failure.value)
    assert 'No ACCESS EXCLUSIVE lock on "public"."Event_2025_t1"' in str(failure.value)
    assert probe.errors == []
    assert set(actions(events.apply(MIGRATION))) == {"attach"}
    assert whole(events) == NODES


# -- refused beforehand ------------------------------------------------------------------------------------------------

REFUSED = {
    "unique without the partition key": (
        "SELECT 1",
        {"table": "Event", "columns": ["id", "at"], "unique": True},
        'cannot be unique without tenantId among its key columns: "public"."Event_2025" is partitioned by it',
    ),
    "partitioned by an expression": (
        'CREATE TABLE "T" (id int, v int) PARTITION BY RANGE ((id % 2))',
        {"table": "T", "columns": ["id"], "unique": True},
        'cannot be unique: "public"."T" is partitioned by an expression',
    ),
    "a name that is taken on a partition": (
        'CREATE TABLE "Event_2024_tenantId_at_idx" (id int)',
        INDEX,
        'the name "Event_2024_tenantId_at_idx", which the index "Event_tenantId_at_idx" needs on the partition'
        ' "public"."Event_2024", is taken in schema "public" by a table, view or sequence',
    ),
    "a name that another index of the partition has": (
        'CREATE INDEX "Event_2024_tenantId_at_idx" ON "Event_2024" (note)',
        INDEX,
        'the name "Event_2024_tenantId_at_idx" is taken on the partition "public"."Event_2024" by another index',
    ),
    "a type that cannot be indexed": (
        'ALTER TABLE "Event" ADD raw json',
        {"table": "Event", "columns": ["raw"]},
        "the type json of raw has no default operator class",
    ),
    "the index of a partition alone": (
        f'CREATE INDEX "{NAME}" ON "Event" ("tenantId", at)',
        {"table": "Event_2024", "name": "Event_2024_tenantId_at_idx", "state": "absent"},
        f'it is part of an index of a partitioned table: "{NAME}" of "public"."Event"',
    ),
    "one behind a constraint": (
        "SELECT 1",
        {"table": "Account", "name": "Account_pkey", "state": "absent"},
        'it belongs to the constraint "Account_pkey"',
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_sentence(events: Database, case: str) -> None:
    make, entry, says = REFUSED[case]
    events.execute(make)
    with events.nothing_changed(), pytest.raises(SteadyError) as refusal:
        events.apply(indexes=[entry])
    assert says in str(refusal.value)
    assert len(str(refusal.value).splitlines()) <= 4


def test_duplicates_on_two_partitions_are_found_beforehand(events: Database) -> None:
    events.execute(
        "INSERT INTO \"Event\" VALUES (7, 't1', '2023-01-08'), (8, 'x', '2023-05-05'), (8, 'x', '2023-05-05')"
    )
    message = refused(
        events, {"id": "u", "indexes": [{"table": "Event", "columns": ["id", "at", "tenantId"], "unique": True}]}
    )
    assert "keys occur more than once" in message
    assert "id=7" in message


def test_a_foreign_table_among_the_partitions(events: Database) -> None:
    try:
        events.execute("CREATE EXTENSION file_fdw")
    except psycopg2.Error:
        pytest.skip("this PostgreSQL has no foreign data wrapper")
    events.execute(
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
        "CREATE FOREIGN TABLE far PARTITION OF \"Event\" FOR VALUES FROM ('2040-01-01') TO ('2041-01-01')"
        " SERVER files OPTIONS (filename '/dev/null')"
    )
    assert 'its partition "public"."far" is a foreign table' in refused(events, MIGRATION)


def test_two_names_that_would_meet_on_a_partition(events: Database) -> None:
    events.execute("CREATE TABLE a (x int) PARTITION BY RANGE (x); CREATE TABLE a_b PARTITION OF a DEFAULT")
    events.execute("CREATE TABLE c (x int) PARTITION BY RANGE (x); CREATE TABLE a_b_c PARTITION OF c DEFAULT")
    entries = [{"table": "a", "name": "c_i", "columns": ["x"]}, {"table": "c", "name": "i", "columns": ["x"]}]
    assert 'would both make the index "a_b_c_i"' in refused(events, {"id": "x", "indexes": entries})


def test_long_names_are_cut_and_stay_apart(events: Database) -> None:
    long = "x" * 50
    events.execute(f'CREATE TABLE "{long}" (id int) PARTITION BY RANGE (id)')
    for number in range(3):
        events.execute(
            f'CREATE TABLE "{long}_{number}" PARTITION OF "{long}" FOR VALUES FROM ({number}) TO ({number + 1})'
        )
    name = "index_with_a_name_of_its_own_that_is_long"
    before = events.dump()
    events.apply(indexes=[{"table": long, "name": name, "columns": ["id"]}])
    parts = [part for part in whole(events, name).values() if part != name]
    assert len(set(parts)) == 3
    assert all(len(part) <= 63 for part in parts)
    events.rollback()
    assert events.dump() == before


def test_a_partition_by_itself_and_a_table_without_partitions(events: Database) -> None:
    events.execute("CREATE TABLE empty (id int) PARTITION BY RANGE (id)")
    before = events.dump()
    entries = [{"table": "Event_2024", "columns": ["note"]}, {"table": "empty", "columns": ["id"]}]
    result = events.apply(indexes=entries)
    assert actions(result) == ["create", "create"]
    assert whole(events, "empty_id_idx") == {"empty": "empty_id_idx"}
    events.rollback()
    assert events.dump() == before


# -- many --------------------------------------------------------------------------------------------------------------


def test_two_hundred_partitions_cost_as_many_questions_as_two(
    events: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rows = Session.rows

    def counted(session: Session, statement: str, parameters: Any = None) -> Any:
        asked.append(statement)
        return rows(session, statement, parameters)

    monkeypatch.setattr(Session, "rows", counted)
    numbers = []
    for name, count in (("few", 2), ("many", 200)):
        events.execute(f"CREATE TABLE {name} (id int, v int) PARTITION BY RANGE (id)")
        made = (f"CREATE TABLE {name}_{n} PARTITION OF {name} FOR VALUES FROM ({n}) TO ({n + 1})" for n in range(count))
        events.execute("; ".join(made))
        asked.clear()
        started = time.monotonic()
        planned = events.apply({"id": name, "indexes": [{"table": name, "columns": ["v"]}]}, check=True)
        assert time.monotonic() - started < 5
        numbers.append(len(asked))
        assert len(planned["steps"]) == 1 + 2 * count
    assert numbers[0] == numbers[1]
    # One transaction over all of them fits into the budget of one lock attempt.
    events.execute("CREATE INDEX many_v_idx ON many (v)")
    stood = events.dump()
    migration = {"id": "x", "indexes": [{"table": "many", "name": "many_v_idx", "state": "absent"}]}
    assert [step["action"] for step in events.apply(migration)["steps"]] == ["drop"]
    assert "many_v_idx" not in events.dump()
    assert "CREATE INDEX many_v_idx ON ONLY" in stood


def test_names_that_an_interrupted_replacement_did_not_give_yet(events: Database) -> None:
    """The index of the whole is exchanged and has its name, those of the partitions have their helpers' yet."""
    events.apply(MIGRATION)
    finished = events.dump()
    for schema, table in (("archive", "Event_2023"), ("public", "Event_2025"), ("public", "Event_2025_rest")):
        name = f"{table}_tenantId_at_idx"
        helper = temporary_name(name, "new", (schema, table))
        events.execute(f'ALTER INDEX {schema}."{name}" RENAME TO "{helper}"')
    assert len(events.helpers()) == 3
    assert actions(events.apply(MIGRATION)) == ["clean up"]
    assert events.dump() == finished
    assert events.helpers() == []


def test_traffic_explains_a_difference_in_the_rows_of_a_partitioned_table(events: Database) -> None:
    migration = {**MIGRATION, "verification": {"unchanged_counts": ["Event"]}}
    events.apply(migration)
    events.execute("INSERT INTO \"Event\" VALUES (1, 't', '2024-02-02'), (2, 't1', '2025-02-02')")
    (count,) = [row for row in events.verify(migration)["verification"] if row["kind"] == "count"]
    assert (count["status"], "2 inserted" in count["detail"]) == ("ok", True)
