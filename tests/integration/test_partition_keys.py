# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Foreign keys and nullability of partitioned tables on a real server: as far as its version lets traffic go on."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Database

pytestmark = pytest.mark.postgres

OF_PARTITIONED: dict[str, Any] = {
    "name": "Event_personId_fkey",
    "table": "Event",
    "columns": ["personId"],
    "references": {"table": "Person", "columns": ["id"]},
}
TO_PARTITIONED: dict[str, Any] = {
    "name": "Invoice_accountId_fkey",
    "table": "Invoice",
    "columns": ["accountId"],
    "references": {"table": "Account", "columns": ["id"]},
}


def actions(result: dict[str, Any]) -> list[str]:
    """What the steps of a result do."""
    return [step["action"] for step in result["steps"]]


def locked(result: dict[str, Any], mode: str) -> set[str]:
    """The tables that the steps of a result lock in the mode."""
    start = f"{mode} on "
    locks = [lock for step in result["steps"] for lock in step["locks"] if lock.startswith(start)]
    return {lock[len(start) :].split(" (")[0].replace("ONLY ", "") for lock in locks}


def phases(database: Database, migration: dict[str, Any]) -> dict[str, Any]:
    """Check, run, check and run again; the result of the run."""
    with database.nothing_written():
        assert database.apply(migration, check=True)["changed"] is True
    result = database.apply(migration)
    with database.nothing_written():
        assert database.apply(migration, check=True)["changed"] is False
        assert database.apply(migration)["changed"] is False
    return result


def refused(database: Database, migration: dict[str, Any]) -> str:
    """What is said to a migration that is refused with nothing changed."""
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(migration)
    assert len(str(refusal.value).splitlines()) <= 4
    return str(refusal.value)


# -- foreign keys ------------------------------------------------------------------------------------------------------


def test_a_key_to_a_partitioned_table(events: Database) -> None:
    before = events.dump()
    result = phases(events, {"id": "one", "foreign_keys": [TO_PARTITIONED]})
    parts = {'"public"."Invoice"', '"public"."Account"', '"public"."Account_0"', '"public"."Account_1"'}
    assert locked(result, "SHARE ROW EXCLUSIVE") == parts
    one = events.dump()
    other = {**TO_PARTITIONED, "on_delete": "cascade"}
    replaced = phases(events, {"id": "two", "foreign_keys": [other]})
    assert actions(replaced) == ["replace"]
    assert locked(replaced, "ACCESS EXCLUSIVE") == parts
    events.execute('DELETE FROM "Account" WHERE id = 3')
    assert events.value('SELECT count(*) FROM "Invoice" WHERE "accountId" = 3') == 0
    events.rollback()
    assert events.dump() == one
    events.rollback()
    assert events.dump() == before


def test_rows_that_refer_to_no_row_of_any_partition_are_found(events: Database) -> None:
    events.execute('INSERT INTO "Invoice" VALUES (1000, 999)')
    message = refused(events, {"id": "one", "foreign_keys": [TO_PARTITIONED]})
    assert 'refers to no row of "public"."Account"' in message
    assert "accountId=999" in message


def test_a_key_of_a_partitioned_table(events: Database, postgres_major: int) -> None:
    migration = {"id": "one", "foreign_keys": [OF_PARTITIONED]}
    if postgres_major < 18:
        message = refused(events, migration)
        assert (
            '"public"."Event" is partitioned, and PostgreSQL before 18 adds a foreign key to it only while' in message
        )
        events.execute(
            'ALTER TABLE "Event" ADD CONSTRAINT "Event_personId_fkey" FOREIGN KEY ("personId") REFERENCES "Person" (id)'
        )
        assert events.apply(migration)["changed"] is False
        gone = {"name": "Event_personId_fkey", "table": "Event", "state": "absent"}
        assert "before 18" in refused(events, {"id": "gone", "foreign_keys": [gone]})
        return
    before = events.dump()
    result = phases(events, migration)
    assert {'"archive"."Event_2023"', '"public"."Event_2025_t1"'} < locked(result, "SHARE ROW EXCLUSIVE")
    assert {'"archive"."Event_2023"', '"public"."Event_2025_t1"'} < locked(result, "SHARE UPDATE EXCLUSIVE")
    one = events.dump()
    assert actions(phases(events, {"id": "two", "foreign_keys": [{**OF_PARTITIONED, "on_delete": "set_null"}]})) == [
        "replace"
    ]
    assert events.helpers() == []
    events.execute('DELETE FROM "Person" WHERE id = 7')
    assert events.value('SELECT count(*) FROM "Event" WHERE "personId" = 7') == 0
    parts = events.execute(
        "SELECT conrelid::regclass::text, conname, convalidated FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid = '\"Person\"'::regclass"
    )
    assert len(parts) == 7
    assert {part[1:] for part in parts} == {("Event_personId_fkey", True)}
    events.rollback()
    assert events.dump() == one
    events.rollback()
    assert events.dump() == before


def test_a_key_of_a_partition_alone(events: Database) -> None:
    before = events.dump()
    phases(events, {"id": "one", "foreign_keys": [{**OF_PARTITIONED, "table": "Event_2024", "name": "alone"}]})
    events.rollback()
    assert events.dump() == before


# -- nullability -------------------------------------------------------------------------------------------------------


def test_not_null_of_a_partitioned_table_there_and_back(events: Database) -> None:
    events.execute('CREATE TABLE "T" (id int, v int) PARTITION BY LIST (id)')
    events.execute('CREATE TABLE "T_1" PARTITION OF "T" FOR VALUES IN (1) PARTITION BY LIST (id)')
    events.execute(
        'CREATE TABLE "T_1_1" PARTITION OF "T_1" FOR VALUES IN (1); CREATE TABLE "T_rest" PARTITION OF "T" DEFAULT'
    )
    events.execute('INSERT INTO "T" VALUES (1, 1), (2, 2)')
    before = events.dump()
    result = phases(events, {"id": "one", "columns": [{"table": "T", "name": "v", "nullable": False}]})
    everywhere = {f'"public"."{name}"' for name in ("T", "T_1", "T_1_1", "T_rest")}
    assert locked(result, "ACCESS EXCLUSIVE") == locked(result, "SHARE UPDATE EXCLUSIVE") == everywhere
    assert {events.nullable(name, "v") for name in ("T", "T_1", "T_1_1", "T_rest")} == {False}
    assert events.helpers() == []
    changed = events.dump()
    result = phases(events, {"id": "two", "columns": [{"table": "T", "name": "v", "nullable": True}]})
    assert locked(result, "ACCESS EXCLUSIVE") == everywhere
    assert events.dump() == before
    events.rollback()
    assert events.dump() == changed
    events.rollback()
    assert events.dump() == before


def test_rows_without_a_value_are_found_in_every_partition(events: Database) -> None:
    events.execute('UPDATE "Event" SET note = NULL WHERE id = 3')
    message = refused(events, {"id": "one", "columns": [{"table": "Event", "name": "note", "nullable": False}]})
    assert '1 row of "public"."Event" has no note' in message


def test_a_partition_with_a_not_null_of_its_own(events: Database) -> None:
    events.execute('ALTER TABLE "Event_2024" ALTER note SET NOT NULL')
    message = refused(events, {"id": "one", "columns": [{"table": "Event", "name": "note", "nullable": False}]})
    assert 'NOT NULL is a matter of their own for the partitions "public"."Event_2024"' in message


def test_the_column_of_a_partition_alone(events: Database) -> None:
    message = refused(events, {"id": "one", "columns": [{"table": "Event_2024", "name": "note", "nullable": False}]})
    assert "is a partition; name the partitioned table" in message


# -- what is nobody's to change ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "table", "column"),
    [
        ("pg_catalog", "pg_class", "relname"),
        ("information_schema", "sql_features", "feature_id"),
        ("pg_toast", "pg_toast_1255", "chunk_seq"),
    ],
)
def test_system_tables(events: Database, schema: str, table: str, column: str) -> None:
    for section in (
        {"indexes": [{"table": table, "columns": [column]}]},
        {"columns": [{"table": table, "name": column, "nullable": True}]},
        {"foreign_keys": [{**TO_PARTITIONED, "table": table, "columns": [column]}]},
    ):
        with events.nothing_changed(), pytest.raises(SteadyError, match="belongs to PostgreSQL itself"):
            events.apply({"id": "x", "schema": schema, **section})


def test_a_partition_that_belongs_to_an_extension(events: Database) -> None:
    events.execute('CREATE EXTENSION IF NOT EXISTS plpgsql; ALTER EXTENSION plpgsql ADD TABLE "Event_2025_t1"')
    message = refused(events, {"id": "x", "indexes": [{"table": "Event", "columns": ["note"]}]})
    assert 'its partition "public"."Event_2025_t1" belongs to the extension "plpgsql"' in message


def test_a_temporary_partitioned_table(events: Database) -> None:
    with events.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE t (id int) PARTITION BY LIST (id)")
        cursor.execute("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")
        ((schema,),) = cursor.fetchall()
        connection.commit()
        with pytest.raises(SteadyError, match="is a temporary table"):
            events.apply({"id": "x", "schema": schema, "indexes": [{"table": "t", "columns": ["id"]}]})
    connection.close()
