# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Nullability on a real server: by the algorithm of each version, both ways, and back."""

from __future__ import annotations

import threading
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import temporary_name
from integration.ansible_command import run_module
from integration.cluster import Database
from integration.sessions import held

pytestmark = pytest.mark.postgres

HELPER = temporary_name("note", "check", ("public", "Order"))


def wish(nullable: bool, table: str = "Order", name: str = "note") -> dict[str, Any]:
    """An entry of columns."""
    return {"table": table, "name": name, "nullable": nullable}


def checks(database: Database) -> list[str]:
    """CHECK constraints of "Order"."""
    rows = database.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = '\"Order\"'::regclass AND contype = 'c' ORDER BY 1"
    )
    return [name for (name,) in rows]


def not_null(database: Database) -> list[tuple[str, bool, str]]:
    """NOT NULL constraints of "Order".note since PostgreSQL 18: name, validated, comment."""
    return database.execute(
        "SELECT conname, convalidated, obj_description(c.oid, 'pg_constraint') FROM pg_constraint c"
        " JOIN pg_attribute a ON attrelid = conrelid AND conkey = ARRAY[attnum]"
        " WHERE conrelid = '\"Order\"'::regclass AND contype = 'n' AND attname = 'note'"
    )


def refuses_null(database: Database) -> bool:
    """Whether the column refuses NULL, tried for real."""
    try:
        database.execute('UPDATE "Order" SET note = NULL WHERE id = 1')
    except psycopg2.errors.NotNullViolation:
        return True
    database.execute("UPDATE \"Order\" SET note = 'note 1' WHERE id = 1")
    return False


@pytest.mark.parametrize(("name", "nullable"), [("note", False), ("status", True)])
def test_there_and_back(database: Database, postgres_major: int, name: str, nullable: bool) -> None:
    before = database.dump()
    with database.nothing_written():
        planned = database.apply(columns=[wish(nullable, name=name)], check=True)
    result = database.apply(columns=[wish(nullable, name=name)])
    assert result["changed"] is True
    assert result["steps"][0]["sql"] == planned["steps"][0]["sql"]
    assert database.nullable("Order", name) is nullable
    assert checks(database) == []
    with database.nothing_written():
        assert database.apply(columns=[wish(nullable, name=name)])["changed"] is False
    database.rollback()
    assert database.nullable("Order", name) is not nullable
    assert database.dump() == before


def test_not_null_is_set_by_the_algorithm_of_the_version(database: Database, postgres_major: int) -> None:
    result = database.apply(columns=[wish(False)])
    ((step,),) = (result["steps"],)
    if postgres_major >= 18:
        assert step["sql"] == [
            'ALTER TABLE "public"."Order" ADD CONSTRAINT "Order_note_not_null" NOT NULL "note" NOT VALID',
            'ALTER TABLE "public"."Order" VALIDATE CONSTRAINT "Order_note_not_null"',
        ]
        assert not_null(database) == [("Order_note_not_null", True, None)]
    else:
        assert step["sql"] == [
            f'ALTER TABLE "public"."Order" ADD CONSTRAINT "{HELPER}" CHECK ("note" IS DISTINCT FROM NULL) NOT VALID',
            f'ALTER TABLE "public"."Order" VALIDATE CONSTRAINT "{HELPER}"',
            'ALTER TABLE "public"."Order" ALTER COLUMN "note" SET NOT NULL',
            f'ALTER TABLE "public"."Order" DROP CONSTRAINT "{HELPER}"',
        ]
    assert refuses_null(database)


def test_no_row_is_looked_at_under_a_lock_that_anybody_feels(database: Database) -> None:
    """The rows are read while others write: only what stands in a transaction with LOCK TABLE keeps them waiting."""
    plan = database.apply(columns=[wish(False)], check=True)["plan_sql"]
    guarded = [part.partition("COMMIT;")[0] for part in plan.split("BEGIN;")[1:]]
    assert guarded
    assert all("LOCK TABLE" in part and "VALIDATE" not in part for part in guarded)
    assert "VALIDATE CONSTRAINT" in plan


def test_name_and_comment_of_the_constraint_come_back(database: Database, postgres_major: int) -> None:
    if postgres_major < 18:
        pytest.skip("NOT NULL has a name since PostgreSQL 18")
    database.execute(
        'ALTER TABLE "Order" ADD CONSTRAINT "Every order has a note" NOT NULL note;'
        "COMMENT ON CONSTRAINT \"Every order has a note\" ON \"Order\" IS 'it''s so \\ 100 %'"
    )
    before, constraint = database.dump(), not_null(database)
    assert constraint == [("Every order has a note", True, "it's so \\ 100 %")]
    database.apply(columns=[wish(True)])
    assert not_null(database) == []
    database.rollback()
    assert not_null(database) == constraint
    assert database.dump() == before


def test_a_constraint_that_is_not_inherited_comes_back_so(database: Database, postgres_major: int) -> None:
    if postgres_major < 18:
        pytest.skip("NOT NULL is a constraint since PostgreSQL 18")
    database.execute('ALTER TABLE "Order" ADD CONSTRAINT mine NOT NULL note NO INHERIT')
    before = database.dump()
    assert "NO INHERIT" in before
    database.apply(columns=[wish(True)])
    database.rollback()
    assert database.dump() == before


# -- rows in the way ---------------------------------------------------------------------------------------------------


def test_rows_without_a_value_are_counted_and_shown(database: Database) -> None:
    database.execute('UPDATE "Order" SET note = NULL, total = 4711.42 WHERE id <= 12')
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(columns=[wish(False)], indexes=[{"table": "Customer", "columns": ["name"]}])
    message = str(refusal.value)
    assert '12 rows of "public"."Order" have no note' in message
    assert message.count("id=") == 10
    assert "4711" not in message
    assert "nothing was changed" in message


def test_the_rows_of_a_table_with_a_key_of_two_columns_or_without_one(database: Database) -> None:
    database.execute(
        "CREATE TABLE pair (a int, b int, v int, PRIMARY KEY (a, b)); INSERT INTO pair VALUES (1, 2, NULL), (1, 3, 4);"
        "CREATE TABLE none (v int); INSERT INTO none VALUES (1), (NULL)"
    )
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(columns=[wish(False, "pair", "v"), wish(False, "none", "v")])
    assert "for 2 reasons" in str(refusal.value)
    assert "a=1, b=2" in str(refusal.value)
    assert "ctid=(0,2)" in str(refusal.value)


def test_a_row_that_comes_before_the_constraint(database: Database) -> None:
    """The lock is waited for; meanwhile somebody writes a NULL. Nothing that refuses NULLs may stay unsaid."""
    before = database.dump()
    with held(database, 'UPDATE "Order" SET total = 1 WHERE id = 1', seconds=1.5):
        late = threading.Timer(0.7, lambda: database.execute('UPDATE "Order" SET note = NULL WHERE id = 5'))
        late.start()
        with pytest.raises(SteadyError) as failure:
            database.apply(columns=[wish(False)])
        late.join()
    assert failure.value.sqlstate in ("23502", "23514")
    left = database.dump() != before
    assert not left or "NOT VALID" in str(failure.value)
    database.rollback()
    assert database.dump() == before


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_primary_keys_and_identity_columns_stay_not_null(database: Database) -> None:
    database.execute("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, v int)")
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(columns=[wish(True, name="id"), wish(True, "t", "id")])
    assert '"public"."Order".id is part of the primary key' in str(refusal.value)
    assert '"public"."t".id is an identity column' in str(refusal.value)
    with database.nothing_written():
        assert database.apply(columns=[wish(False, name="id"), wish(False, "t", "id")])["changed"] is False


@pytest.mark.parametrize("table", ["parent", "child"])
@pytest.mark.parametrize("nullable", [True, False])
def test_inheritance_is_refused(database: Database, table: str, nullable: bool) -> None:
    database.execute(
        "CREATE TABLE parent (strict int NOT NULL, loose int); CREATE TABLE child (more int) INHERITS (parent)"
    )
    name = "strict" if nullable else "loose"
    with database.nothing_changed(), pytest.raises(SteadyError, match="takes part in table inheritance"):
        database.apply(columns=[wish(nullable, table, name)])


# -- leftovers of interrupted runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", ["NOT VALID", ""])
def test_a_leftover_is_used_where_it_was(database: Database, postgres_major: int, tail: str) -> None:
    if postgres_major >= 18:
        if not tail:
            pytest.skip("a validated NOT NULL is no leftover")
        database.execute(f'ALTER TABLE "Order" ADD CONSTRAINT mine NOT NULL note {tail}')
        expected = 1
    else:
        database.execute(f'ALTER TABLE "Order" ADD CONSTRAINT "{HELPER}" CHECK (note IS NOT NULL) {tail}')
        expected = 3 if tail else 2
    result = database.apply(columns=[wish(False)])
    assert len(result["steps"][0]["sql"]) == expected
    assert refuses_null(database)
    assert checks(database) == []
    if postgres_major >= 18:
        assert not_null(database) == [("mine", True, None)]
    assert database.apply(columns=[wish(False)])["changed"] is False


@pytest.mark.parametrize("nullable", [True, False])
def test_a_helper_that_is_not_needed_any_more_goes(database: Database, nullable: bool) -> None:
    database.execute(
        f'ALTER TABLE "Order" ADD CONSTRAINT "{HELPER}" CHECK (note IS NOT NULL) NOT VALID;'
        f'ALTER TABLE "Order" ALTER note {"DROP" if nullable else "SET"} NOT NULL'
    )
    assert database.apply(columns=[wish(nullable)])["changed"] is True
    assert checks(database) == []
    assert database.nullable("Order", "note") is nullable
    assert database.apply(columns=[wish(nullable)])["changed"] is False


def test_a_constraint_of_somebody_else_stays(database: Database) -> None:
    database.execute('ALTER TABLE "Order" ADD CONSTRAINT mine CHECK (note IS NOT NULL) NOT VALID')
    before = database.dump()
    database.apply({"id": "one", "columns": [wish(False)]})
    assert checks(database) == ["mine"]
    database.apply({"id": "two", "columns": [wish(True)]})
    assert checks(database) == ["mine"]
    assert database.dump() == before


# -- the module --------------------------------------------------------------------------------------------------------


def test_the_module_in_four_phases(database: Database) -> None:
    before = database.dump()
    arguments = {"database_url": database.url(), "columns": [wish(False), wish(True, name="status")]}
    with database.nothing_written():
        planned = run_module("column", arguments, "--check", "--diff")
    assert (planned["failed"], planned["changed"], planned["status"]) == (False, True, "planned")
    done = run_module("column", arguments)
    assert (done["failed"], done["changed"], done["status"]) == (False, True, "succeeded")
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    assert (database.nullable("Order", "note"), database.nullable("Order", "status")) == (False, True)
    with database.nothing_written():
        assert run_module("column", arguments, "--check")["changed"] is False
        assert run_module("column", arguments)["changed"] is False
    database.rollback()
    assert database.dump() == before
