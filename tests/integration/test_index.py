# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Indexes on a real server: built, found again, repaired, replaced and dropped, and back."""

from __future__ import annotations

import re
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import temporary_name
from integration.ansible_command import run_module
from integration.cluster import Cluster, Database
from integration.sessions import OLD_SNAPSHOT, Watch, background, builders, held, wait_until

pytestmark = pytest.mark.postgres

ORDER = {"table": "Order", "name": "wanted"}


def definition(rest: str, unique: bool = False, name: str = "wanted") -> str:
    """What pg_get_indexdef says of an index of "Order"."""
    return f'CREATE {"UNIQUE " if unique else ""}INDEX {name} ON public."Order" USING {rest}'


def actions(result: dict[str, Any]) -> list[str]:
    """What the steps of a result do."""
    return [step["action"] for step in result["steps"]]


# -- every option ------------------------------------------------------------------------------------------------------

OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "several columns": ({"columns": ["tenantId", "status", "placedAt"]}, 'btree ("tenantId", status, "placedAt")'),
    "descending": ({"columns": [{"name": "placedAt", "order": "desc"}]}, 'btree ("placedAt" DESC)'),
    "descending, nulls last": (
        {"columns": [{"name": "note", "order": "desc", "nulls": "last"}]},
        "btree (note DESC NULLS LAST)",
    ),
    "ascending, nulls first": ({"columns": [{"name": "note", "nulls": "first"}]}, "btree (note NULLS FIRST)"),
    "opclass": ({"columns": [{"name": "note", "opclass": "text_pattern_ops"}]}, "btree (note text_pattern_ops)"),
    "opclass with its schema": (
        {"columns": [{"name": "note", "opclass": "pg_catalog.text_pattern_ops"}]},
        "btree (note text_pattern_ops)",
    ),
    "collation": ({"columns": [{"name": "note", "collation": "C"}]}, 'btree (note COLLATE "C")'),
    "all of a column": (
        {
            "columns": [
                "id",
                {"name": "note", "collation": "C", "opclass": "text_pattern_ops", "order": "desc", "nulls": "last"},
            ]
        },
        'btree (id, note COLLATE "C" text_pattern_ops DESC NULLS LAST)',
    ),
    "expression": ({"columns": [{"expression": "lower(note)"}]}, "btree (lower(note))"),
    "expression that is no call": (
        {"columns": [{"expression": "total * 2", "order": "desc"}, "status"]},
        "btree (((total * (2)::numeric)) DESC, status)",
    ),
    "expression with a collation": (
        {"columns": [{"expression": "lower(note)", "collation": "C"}]},
        'btree (lower(note) COLLATE "C")',
    ),
    "included columns": (
        {"columns": ["tenantId"], "include": ["total", "note"]},
        'btree ("tenantId") INCLUDE (total, note)',
    ),
    "where with an enum": (
        {"columns": ["placedAt"], "where": "status = 'OPEN'"},
        'btree ("placedAt") WHERE (status = \'OPEN\'::"OrderStatus")',
    ),
    "where with a cast enum": (
        {"columns": ["placedAt"], "where": "status = 'OPEN'::\"OrderStatus\" AND total > 0"},
        'btree ("placedAt") WHERE ((status = \'OPEN\'::"OrderStatus") AND (total > (0)::numeric))',
    ),
    "where with a function": (
        {"columns": ["id"], "where": "shout(note) <> 'X!'"},
        "btree (id) WHERE (shout(note) <> 'X!'::text)",
    ),
    "where with a percent sign": (
        {"columns": ["id"], "where": "note LIKE '%5%' -- half of them"},
        "btree (id) WHERE (note ~~ '%5%'::text)",
    ),
    "hash": ({"columns": ["note"], "method": "hash"}, "hash (note)"),
    "gist": ({"columns": ["place"], "method": "gist"}, "gist (place)"),
    "gist with included columns": (
        {"columns": ["place"], "method": "gist", "include": ["id"]},
        "gist (place) INCLUDE (id)",
    ),
    "spgist": (
        {"columns": [{"name": "place", "opclass": "kd_point_ops"}], "method": "spgist"},
        "spgist (place kd_point_ops)",
    ),
    "gin": ({"columns": ["tags"], "method": "gin"}, "gin (tags)"),
    "gin with an opclass": (
        {"columns": [{"name": "doc", "opclass": "jsonb_path_ops"}], "method": "gin"},
        "gin (doc jsonb_path_ops)",
    ),
    "brin with parameters": (
        {
            "columns": ["placedAt"],
            "method": "brin",
            "storage_parameters": {"pages_per_range": 16, "autosummarize": True},
        },
        "brin (\"placedAt\") WITH (autosummarize='on', pages_per_range='16')",
    ),
    "storage parameters": (
        {"columns": ["note"], "storage_parameters": {"fillfactor": 70, "deduplicate_items": False}},
        "btree (note) WITH (deduplicate_items=off, fillfactor='70')",
    ),
    "opclass with a parameter's method": (
        {"columns": [{"name": "visitor", "opclass": "inet_ops"}], "method": "gist"},
        "gist (visitor inet_ops)",
    ),
}


def round_trip(database: Database, entry: dict[str, Any], wanted: str, **sections: Any) -> None:
    """Check, run, check and run again, roll back; at each stage the catalog is asked."""
    before = database.dump()
    name = entry["name"]
    with database.nothing_written():
        assert database.apply(indexes=[entry], check=True)["changed"] is True
    result = database.apply(indexes=[entry])
    assert (result["changed"], result["status"], actions(result)) == (True, "succeeded", ["create"])
    assert database.indexes("Order")[name] == wanted
    with database.nothing_written():
        again = database.apply(indexes=[entry], check=True)
        assert (again["changed"], again["steps"]) == (False, [])
        assert database.apply(indexes=[entry])["changed"] is False
    assert database.rollback()["changed"] is True
    assert database.dump() == before


@pytest.mark.parametrize("case", OPTIONS)
def test_each_option_makes_what_it_says_is_found_again_and_undone(database: Database, case: str) -> None:
    entry, rest = OPTIONS[case]
    round_trip(database, {**ORDER, **entry}, definition(rest))


def test_a_unique_index(database: Database) -> None:
    round_trip(
        database,
        {**ORDER, "columns": ["tenantId", "id"], "unique": True},
        definition('btree ("tenantId", id)', unique=True),
    )


def test_nulls_not_distinct(database: Database, postgres_major: int) -> None:
    database.execute(
        'UPDATE "Order" SET "sellerId" = id WHERE id > 1; UPDATE "Order" SET "sellerId" = NULL WHERE id = 1'
    )
    entry = {**ORDER, "columns": ["sellerId"], "unique": True, "nulls_not_distinct": True}
    if postgres_major < 15:
        with database.nothing_changed(), pytest.raises(SteadyError, match="needs PostgreSQL 15 or newer"):
            database.apply(indexes=[entry])
    else:
        round_trip(database, entry, definition('btree ("sellerId") NULLS NOT DISTINCT', unique=True))


def test_a_tablespace(cluster: Cluster, database: Database) -> None:
    space = cluster.tablespace("Fast disks")
    entry = {**ORDER, "columns": ["note"], "where": "total > 5", "tablespace": space}
    round_trip(database, entry, definition("btree (note) WHERE (total > (5)::numeric)"))
    database.apply(indexes=[entry])
    where = "SELECT spcname FROM pg_class c JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname = 'wanted'"
    assert database.value(where) == space
    before = database.dump()
    assert actions(database.apply({"id": "away", "indexes": [{**entry, "state": "absent"}]})) == ["drop"]
    database.rollback()
    assert database.value(where) == space
    assert database.dump() == before
    moved = database.apply({"id": "moved", "indexes": [{**entry, "tablespace": "pg_default"}]})
    assert actions(moved) == ["replace"]
    assert database.execute(where) == []


def test_the_name_is_made_of_table_and_columns(database: Database) -> None:
    database.apply(indexes=[{"table": "Order", "columns": ["tenantId", {"name": "placedAt", "order": "desc"}]}])
    name = "Order_tenantId_placedAt_idx"
    assert database.indexes("Order")[name] == definition('btree ("tenantId", "placedAt" DESC)', name=f'"{name}"')


# -- the same or not ---------------------------------------------------------------------------------------------------

# What stands there, and the same thing as somebody else would write it.
SAME: dict[str, tuple[str, dict[str, Any]]] = {
    "a boolean compared": ('(name) WHERE "isActive"', {"columns": ["name"], "where": '"isActive" = true'}),
    "a boolean not compared": ('(name) WHERE "isActive" = true', {"columns": ["name"], "where": '"isActive"'}),
    "a boolean negated": ('(name) WHERE NOT "isActive"', {"columns": ["name"], "where": '"isActive" = false'}),
    "spaces and parentheses": ("(lower(name))", {"columns": [{"expression": "  lower ( (name) )  "}]}),
    "upper case": ("(lower(name))", {"columns": [{"expression": "LOWER(NAME)"}]}),
    "a quoted name": ("(lower(name))", {"columns": [{"expression": 'lower("name")'}]}),
    "a name with its schema": ("(lower(name))", {"columns": [{"expression": "pg_catalog.lower(name)"}]}),
    "a comment": ("(id) WHERE name <> ''", {"columns": ["id"], "where": "name <> '' -- none without"}),
    "another cast": (
        "(id) WHERE length(name)::bigint > 5",
        {"columns": ["id"], "where": "CAST(length(name) AS bigint) > 5"},
    ),
    "in instead of or": ("(id) WHERE name IN ('a', 'b')", {"columns": ["id"], "where": "name = ANY (ARRAY['a', 'b'])"}),
    "a like": ("(id) WHERE name LIKE 'a%'", {"columns": ["id"], "where": "name ~~ 'a%'::text"}),
    "a date as text": (
        "(id) WHERE \"createdAt\" >= timestamp '2025-01-02'",
        {"columns": ["id"], "where": "\"createdAt\" >= '2025-01-02 00:00'"},
    ),
    "not null": ("(email) WHERE email IS NOT NULL", {"columns": ["email"], "where": "(email is not null)"}),
    "the defaults given": (
        "(name)",
        {
            "columns": [
                {"name": "name", "order": "asc", "nulls": "last", "opclass": "text_ops", "collation": "default"}
            ],
            "method": "btree",
            "unique": False,
            "tablespace": "pg_default",
        },
    ),
    "storage parameters as text": (
        "(name) WITH (fillfactor = 70, deduplicate_items = false)",
        {"columns": ["name"], "storage_parameters": {"fillfactor": "70", "deduplicate_items": "off"}},
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_index_written_otherwise_is_the_same(database: Database, case: str) -> None:
    rest, entry = SAME[case]
    database.execute(f'CREATE INDEX wanted ON "Customer" {rest}')
    with database.nothing_written():
        result = database.apply(indexes=[{"table": "Customer", "name": "wanted", **entry}])
    assert (result["changed"], result["steps"]) == (False, [])
    assert [entry["state"] for entry in result["present"]] == ["valid, exactly as wanted"]


OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "another column": ("(name)", {"columns": ["email"]}),
    "one more column": ("(name)", {"columns": ["name", "email"]}),
    "one column less": ("(name, email)", {"columns": ["name"]}),
    "another order of the columns": ("(name, email)", {"columns": ["email", "name"]}),
    "descending": ("(name)", {"columns": [{"name": "name", "order": "desc"}]}),
    "nulls first": ("(name)", {"columns": [{"name": "name", "nulls": "first"}]}),
    "an opclass": ("(name)", {"columns": [{"name": "name", "opclass": "text_pattern_ops"}]}),
    "no opclass": ("(name text_pattern_ops)", {"columns": ["name"]}),
    "a collation": ("(name)", {"columns": [{"name": "name", "collation": "C"}]}),
    "no collation": ('(name COLLATE "C")', {"columns": ["name"]}),
    "unique": ("(id)", {"columns": ["id"], "unique": True}),
    "included": ("(name)", {"columns": ["name"], "include": ["email"]}),
    "included in another order": ("(name) INCLUDE (id, email)", {"columns": ["name"], "include": ["email", "id"]}),
    "a predicate": ("(name)", {"columns": ["name"], "where": '"isActive"'}),
    "no predicate": ('(name) WHERE "isActive"', {"columns": ["name"]}),
    "the opposite predicate": ('(name) WHERE "isActive"', {"columns": ["name"], "where": 'NOT "isActive"'}),
    "another constant": ("(id) WHERE name > 'a'", {"columns": ["id"], "where": "name > 'b'"}),
    "another expression": ("(lower(name))", {"columns": [{"expression": "upper(name)"}]}),
    "a column instead of an expression": ("(lower(name))", {"columns": ["name"]}),
    "another method": ("(name)", {"columns": ["name"], "method": "hash"}),
    "a storage parameter": ("(name)", {"columns": ["name"], "storage_parameters": {"fillfactor": 50}}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_definition_under_the_name_is_replaced_and_comes_back(database: Database, case: str) -> None:
    rest, entry = OTHERS[case]
    database.execute(f'CREATE INDEX wanted ON "Customer" {rest}')
    before, old = database.dump(), database.indexes("Customer")["wanted"]
    wish = {"table": "Customer", "name": "wanted", "on_equivalent": "create", **entry}
    assert actions(database.apply(indexes=[wish])) == ["replace"]
    assert database.indexes("Customer")["wanted"] != old
    assert database.helpers() == []
    assert database.apply(indexes=[wish])["changed"] is False
    database.rollback()
    assert database.dump() == before


# -- repaired ----------------------------------------------------------------------------------------------------------


def make_invalid_by_duplicates(database: Database) -> None:
    """A unique build that fails for real, and then a reason less to fail."""
    database.execute("UPDATE \"Order\" SET note = 'twice' WHERE id IN (1, 2)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.execute('CREATE UNIQUE INDEX CONCURRENTLY wanted ON "Order" (note)')
    database.execute("UPDATE \"Order\" SET note = 'once' WHERE id = 1")


def make_invalid_by_cancelling(database: Database) -> None:
    """A build that somebody cancels while it waits."""

    def build() -> None:
        with pytest.raises(psycopg2.errors.QueryCanceled):
            database.execute('CREATE UNIQUE INDEX CONCURRENTLY wanted ON "Order" (note)')

    with held(database, *OLD_SNAPSHOT), background(build):
        ((pid, _table, _phase),) = wait_until(
            lambda: [row for row in builders(database) if row[2] == "waiting for old snapshots"]
        )
        database.execute("SELECT pg_cancel_backend(%s)", (pid,))


@pytest.mark.parametrize("break_it", [make_invalid_by_duplicates, make_invalid_by_cancelling])
def test_an_invalid_index_is_repaired(database: Database, break_it: Any) -> None:
    before = database.dump()
    break_it(database)
    assert database.indexes("Order")["wanted"].startswith("INVALID ")
    entry = {**ORDER, "columns": ["note"], "unique": True}
    assert actions(database.apply(indexes=[entry], check=True)) == ["repair"]
    assert actions(database.apply(indexes=[entry])) == ["repair"]
    assert database.indexes("Order")["wanted"] == definition("btree (note)", unique=True)
    assert database.apply(indexes=[entry])["changed"] is False
    database.rollback()  # nobody wants an invalid index back
    assert "wanted" not in database.indexes("Order")
    assert database.dump() == before


def test_an_index_that_somebody_builds_right_now_is_left_alone(database: Database) -> None:
    with (
        held(database, *OLD_SNAPSHOT) as snapshot,
        background(lambda: database.execute('CREATE INDEX CONCURRENTLY wanted ON "Order" (note)')),
    ):
        ((pid, _table, _phase),) = wait_until(
            lambda: [row for row in builders(database) if row[2] == "waiting for old snapshots"]
        )
        with pytest.raises(SteadyError, match=f"being built right now by server process {pid}"):
            database.apply(indexes=[{**ORDER, "columns": ["note"]}])
        snapshot.release()
    assert database.indexes("Order")["wanted"] == definition("btree (note)")


# -- replaced ----------------------------------------------------------------------------------------------------------


def test_at_no_instant_of_a_replacement_is_there_no_index(database: Database) -> None:
    database.execute('CREATE INDEX wanted ON "Order" (note)')
    question = (
        "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relname = 'wanted' AND i.indisvalid"
    )
    # A build that takes its time.
    with Watch(database, question) as watch, held(database, *OLD_SNAPSHOT, seconds=0.7):
        database.apply(indexes=[{**ORDER, "columns": ["note", "total"]}])
    assert watch.answers == [((definition("btree (note)"),),), ((definition("btree (note, total)"),),)]
    assert watch.asked > 100


def test_a_replacement_is_refused_where_the_migration_says_so(database: Database) -> None:
    database.execute('CREATE INDEX wanted ON "Order" (note)')
    with database.nothing_changed(), pytest.raises(SteadyError, match="on_conflict: refuse") as refusal:
        database.apply(indexes=[{**ORDER, "columns": ["total"], "on_conflict": "refuse"}])
    assert "columns: (note) instead of (total)" in str(refusal.value)


@pytest.mark.parametrize("then", ["absent", "replace"])
def test_comment_statistics_and_clustering_come_back(database: Database, then: str) -> None:
    database.execute('CREATE INDEX wanted ON "Order" (lower(note), id) WITH (fillfactor = 80)')
    database.execute("COMMENT ON INDEX wanted IS 'it''s for the \\ \"search\" page, 100 %'")
    database.execute("ALTER INDEX wanted ALTER COLUMN 1 SET STATISTICS 444")
    database.execute('ALTER TABLE "Order" CLUSTER ON wanted')
    before = database.dump()
    entry = {**ORDER, "state": "absent"} if then == "absent" else {**ORDER, "columns": ["total"]}
    database.apply(indexes=[entry])
    if then == "replace":
        comment = (
            "SELECT obj_description(indexrelid), indisclustered FROM pg_index WHERE indexrelid = 'wanted'::regclass"
        )
        assert database.execute(comment) == [('it\'s for the \\ "search" page, 100 %', True)]
    assert database.dump() != before
    database.rollback()
    assert database.dump() == before


def test_the_table_s_clustering_on_another_index_stays(database: Database) -> None:
    database.execute('CREATE INDEX wanted ON "Order" (note); ALTER TABLE "Order" CLUSTER ON "Order_pkey"')
    before = database.dump()
    database.apply(indexes=[{**ORDER, "columns": ["total"]}])
    database.rollback()
    assert database.dump() == before


# -- in the way --------------------------------------------------------------------------------------------------------


def test_the_name_on_another_table(database: Database) -> None:
    with (
        database.nothing_changed(),
        pytest.raises(SteadyError, match=r"taken in schema .* index of .*Order") as refusal,
    ):
        database.apply(indexes=[{"table": "Customer", "name": "Order_customerId_idx", "columns": ["name"]}])
    assert "choose another name" in str(refusal.value)
    with database.nothing_changed(), pytest.raises(SteadyError, match="it is not dropped"):
        database.apply(indexes=[{"table": "Customer", "name": "Order_customerId_idx", "state": "absent"}])


def test_the_name_of_a_table(database: Database) -> None:
    with (
        database.nothing_changed(),
        pytest.raises(SteadyError, match=r'"Category" is taken .* a table, view or sequence'),
    ):
        database.apply(indexes=[{"table": "Customer", "name": "Category", "columns": ["name"]}])


def test_an_index_of_another_name_that_does_the_job_is_reported(database: Database) -> None:
    entry = {**ORDER, "columns": ["customerId"]}
    with database.nothing_written():
        result = database.apply(indexes=[entry])
    assert result["changed"] is False
    assert [note for note in result["notes"] if '"Order_customerId_idx" already does the job of "wanted"' in note]
    result = database.apply(indexes=[{**entry, "on_equivalent": "create"}])
    assert actions(result) == ["create"]
    assert any("Order_customerId_idx" in note for note in result["notes"])
    assert set(database.indexes("Order")) == {"Order_pkey", "Order_customerId_idx", "wanted"}


def test_an_invalid_index_does_no_job(database: Database) -> None:
    make_invalid_by_duplicates(database)
    assert actions(
        database.apply(indexes=[{"table": "Order", "name": "mine", "columns": ["note"], "unique": True}])
    ) == ["create"]


def test_an_absent_index_is_dropped_and_comes_back(database: Database) -> None:
    before = database.dump()
    entry = {"table": "Order", "name": "Order_customerId_idx", "state": "absent"}
    assert actions(database.apply(indexes=[entry])) == ["drop"]
    assert set(database.indexes("Order")) == {"Order_pkey"}
    assert database.apply(indexes=[entry])["changed"] is False
    database.rollback()
    assert database.dump() == before


def test_an_absent_index_needs_no_table(database: Database) -> None:
    """DROP INDEX names none. The same names in another schema are others' indexes."""
    database.execute('CREATE SCHEMA "Other"; CREATE TABLE "Other"."Order" (a int)')
    database.execute(
        'CREATE INDEX "Order_customerId_idx" ON "Other"."Order" (a); CREATE INDEX gone ON "Other"."Order" (a)'
    )
    before = database.dump()
    entries = [{"name": "Order_customerId_idx", "state": "absent"}, {"name": "gone", "state": "absent"}]
    assert database.apply(indexes=entries, check=True)["changed"] is True
    assert actions(database.apply(indexes=entries)) == ["drop"]
    assert set(database.indexes("Order")) == {"Order_pkey"}
    assert database.apply(indexes=entries, check=True)["changed"] is False
    assert database.apply(indexes=entries)["changed"] is False
    database.rollback()
    assert database.dump() == before


@pytest.mark.parametrize("name", ["Order", "Order_id_seq", "Everything"])
def test_what_is_no_index_is_not_dropped(database: Database, name: str) -> None:
    database.execute('CREATE VIEW "Everything" AS SELECT 1 AS one; CREATE SEQUENCE IF NOT EXISTS "Order_id_seq"')
    with database.nothing_changed(), pytest.raises(SteadyError, match="is a table, view or sequence, not an index"):
        database.apply(indexes=[{"name": name, "state": "absent"}])


@pytest.mark.parametrize("kind", ["UNIQUE (name)", "EXCLUDE (name WITH =)"])
def test_the_index_of_a_constraint_is_refused(database: Database, kind: str) -> None:
    database.execute(f'ALTER TABLE "Customer" ADD CONSTRAINT mine {kind}')
    entry = {"table": "Customer", "name": "mine"}
    with database.nothing_changed():
        with pytest.raises(SteadyError, match='cannot be dropped: it belongs to the constraint "mine"'):
            database.apply(indexes=[{**entry, "state": "absent"}])
        with pytest.raises(SteadyError, match='cannot be replaced: it belongs to the constraint "mine"'):
            database.apply(indexes=[{**entry, "columns": ["email"]}])


def test_the_replica_identity_is_refused(database: Database) -> None:
    database.execute(
        'CREATE UNIQUE INDEX wanted ON "Order" (id); ALTER TABLE "Order" REPLICA IDENTITY USING INDEX wanted'
    )
    with database.nothing_changed(), pytest.raises(SteadyError, match="replica identity"):
        database.apply(indexes=[{**ORDER, "state": "absent"}])


# -- duplicates --------------------------------------------------------------------------------------------------------


def test_duplicates_are_shown_and_nothing_is_begun(database: Database) -> None:
    database.execute("UPDATE \"Order\" SET note = 'same', total = 4711.42 WHERE id IN (5, 6, 7)")
    other = {"table": "Customer", "columns": ["name"]}
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(indexes=[other, {**ORDER, "columns": ["note"], "unique": True}])
    assert re.search("1 keys? occurs? more than once", str(refusal.value))
    assert "note=same (3 times)" in str(refusal.value)
    assert "4711" not in str(refusal.value)
    assert set(database.indexes("Customer")) == {"Customer_pkey"}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"columns": [{"expression": "lower(note)"}]}, "(2 times)"),
        ({"columns": ["tenantId", "note"]}, "tenantId=t1, note=Same (2 times)"),
        ({"columns": ["note"], "where": "total > 0"}, "note=Same (2 times)"),
    ],
)
def test_duplicates_of_all_sorts_of_keys(database: Database, entry: dict[str, Any], says: str) -> None:
    database.execute("UPDATE \"Order\" SET note = 'Same', \"tenantId\" = 't1' WHERE id IN (5, 6)")
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(indexes=[{**ORDER, **entry, "unique": True}])
    assert says in str(refusal.value)


def test_what_a_unique_index_does_not_mind(database: Database, postgres_major: int) -> None:
    database.execute("UPDATE \"Order\" SET note = 'same', total = 0 WHERE id IN (5, 6)")
    # Rows outside of the predicate, and NULLs.
    database.apply(
        indexes=[
            {**ORDER, "columns": ["note"], "unique": True, "where": "total > 0"},
            {"table": "Customer", "name": "email_key", "columns": ["email"], "unique": True},
        ]
    )
    assert not database.indexes("Customer")["email_key"].startswith("INVALID")
    if postgres_major >= 15:
        entry = {
            "table": "Customer",
            "name": "strict",
            "columns": ["email"],
            "unique": True,
            "nulls_not_distinct": True,
        }
        with pytest.raises(SteadyError, match=r"email=None \(30 times\)|email=NULL \(30 times\)"):
            database.apply({"id": "strict", "indexes": [entry]})


def test_a_duplicate_that_comes_during_the_build(database: Database) -> None:
    """The build waits for an open transaction that has written to the table; meanwhile a second key comes."""
    before = database.dump()

    def build() -> SteadyError:
        with pytest.raises(SteadyError) as failure:
            database.apply(indexes=[{**ORDER, "columns": ["note"], "unique": True}])
        return failure.value

    with held(database, 'UPDATE "Order" SET total = 1 WHERE id = 1') as writer, background(build) as building:
        wait_until(lambda: builders(database))
        database.execute("UPDATE \"Order\" SET note = 'late' WHERE id IN (5, 6)")
        writer.release()
    error = building.result()
    assert error.sqlstate == "23505"
    assert "late" in str(error)
    assert "nothing of public.wanted is there" in error.left
    assert set(database.indexes("Order")) == {"Order_pkey", "Order_customerId_idx"}
    assert database.dump() == before
    # Once it is mended, the same command goes on.
    database.execute("UPDATE \"Order\" SET note = 'other' WHERE id = 5")
    assert database.apply(indexes=[{**ORDER, "columns": ["note"], "unique": True}])["attempt"] == 2
    database.rollback()
    assert database.dump() == before


# -- leftovers of interrupted runs -------------------------------------------------------------------------------------

NEW = temporary_name("wanted", "new", ("public", "Order"))
OLD = temporary_name("wanted", "old", ("public", "Order"))
REPLACEMENT = {**ORDER, "columns": ["note", "total"]}


def test_a_finished_new_one_is_used(database: Database) -> None:
    database.execute(f'CREATE INDEX wanted ON "Order" (note); CREATE INDEX {NEW} ON "Order" (note, total)')
    built = database.oid(NEW)
    assert actions(database.apply(indexes=[REPLACEMENT])) == ["replace"]
    assert database.oid("wanted") == built
    assert database.helpers() == []


def test_an_invalid_new_one_is_built_again(database: Database) -> None:
    database.execute(f'CREATE INDEX wanted ON "Order" (note); CREATE INDEX {NEW} ON "Order" (note, total)')
    database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s", (database.oid(NEW),))
    broken = database.oid(NEW)
    assert actions(database.apply(indexes=[REPLACEMENT])) == ["replace"]
    assert database.oid("wanted") != broken
    assert database.indexes("Order")["wanted"] == definition("btree (note, total)")
    assert database.helpers() == []


def test_a_new_one_of_another_plan_is_not_used(database: Database) -> None:
    database.execute(f'CREATE INDEX wanted ON "Order" (note); CREATE INDEX {NEW} ON "Order" (total)')
    database.apply(indexes=[REPLACEMENT])
    assert database.indexes("Order")["wanted"] == definition("btree (note, total)")
    assert database.helpers() == []


def test_an_old_one_after_the_swap_is_dropped(database: Database) -> None:
    database.execute(f'CREATE INDEX wanted ON "Order" (note, total); CREATE INDEX {OLD} ON "Order" (note)')
    swapped = database.oid("wanted")
    assert actions(database.apply(indexes=[REPLACEMENT])) == ["clean up"]
    assert database.oid("wanted") == swapped
    assert database.helpers() == []
    assert database.apply(indexes=[REPLACEMENT])["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
def test_helpers_without_the_index_go(database: Database, state: str) -> None:
    database.execute(f'CREATE INDEX {NEW} ON "Order" (total); CREATE INDEX {OLD} ON "Order" (status)')
    entry = REPLACEMENT if state == "present" else {**ORDER, "state": "absent"}
    assert database.apply(indexes=[entry])["changed"] is True
    assert database.helpers() == []
    assert ("wanted" in database.indexes("Order")) is (state == "present")
    assert database.apply(indexes=[entry])["changed"] is False


def test_a_helper_does_not_count_as_an_equivalent(database: Database) -> None:
    database.execute(f'CREATE INDEX {NEW} ON "Order" (note, total)')
    database.apply(indexes=[REPLACEMENT])
    assert database.indexes("Order")["wanted"] == definition("btree (note, total)")
    assert database.helpers() == []


# -- what the server does not take -------------------------------------------------------------------------------------

IMPOSSIBLE = {
    "a type without an operator class": ({"columns": ["raw"]}, "the type json of raw has no default operator class"),
    "the same for gin": ({"columns": ["note"], "method": "gin"}, "the type text of note has no default operator class"),
    "a function that is not immutable": (
        {"columns": [{"expression": "roll(note)"}]},
        "functions in index expression must be marked IMMUTABLE",
    ),
    "the same in the predicate": (
        {"columns": ["id"], "where": "roll(note) > 'x'"},
        "functions in index predicate must be marked IMMUTABLE",
    ),
    "an operator class that is not there": ({"columns": [{"name": "note", "opclass": "nope_ops"}]}, '"nope_ops"'),
    "one of another type": ({"columns": [{"name": "note", "opclass": "int4_ops"}]}, 'int4_ops" does not'),
    "a collation that is not there": ({"columns": [{"name": "note", "collation": "xx-x-no"}]}, '"xx-x-no"'),
    "a collation of a number": ({"columns": [{"name": "id", "collation": "C"}]}, "collations are not supported"),
    "a method that is not there": ({"columns": ["note"], "method": "btre"}, '"btre"'),
    "a parameter that is not there": (
        {"columns": ["note"], "storage_parameters": {"fillfaktor": 5}},
        'unrecognized parameter "fillfaktor"',
    ),
    "a parameter out of range": ({"columns": ["note"], "storage_parameters": {"fillfactor": 5}}, "5 out of bounds"),
    "a function that is not there": ({"columns": [{"expression": "nope(note)"}]}, "function nope"),
    "a column that is not there, in an expression": (
        {"columns": ["id"], "where": "notes > ''"},
        '"notes" does not exist',
    ),
    "no condition": ({"columns": ["id"], "where": "total + 1"}, "must be type boolean"),
    "a subquery": ({"columns": ["id"], "where": 'id IN (SELECT 1 FROM "Customer")'}, "subquer"),
    "an aggregate": ({"columns": [{"expression": "max(total)"}]}, "aggregate"),
    "half a parenthesis": ({"columns": ["id"], "where": "(total > 0"}, ": (total > 0"),
    "a tablespace that is not there": ({"columns": ["id"], "tablespace": "nowhere"}, '"nowhere"'),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_indexed_is_one_message_before_anything_is_changed(database: Database, case: str) -> None:
    entry, says = IMPOSSIBLE[case]
    good = {"table": "Customer", "columns": ["name"]}
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(indexes=[good, {**ORDER, **entry}])
    assert says in str(refusal.value)
    assert "wanted" in str(refusal.value)
    assert "nothing was changed" in str(refusal.value)


ATTACK = """) FROM "Order"; COMMIT; SET default_transaction_read_only = off; COMMIT; CREATE TABLE evil (); SELECT (1"""


@pytest.mark.parametrize(
    "text",
    [
        'true) FROM "Order"; CREATE TABLE evil (); SELECT (1',
        f"true{ATTACK}",
        # What looks like a quotation and is none: a backslash before the closing quote, a name with dollars.
        f"note > '\\'{ATTACK} --'",
        f"(SELECT 1 AS x$$) = 1{ATTACK} --$$",
    ],
)
def test_an_sql_text_that_is_more_than_an_expression_does_nothing_in_check_mode(database: Database, text: str) -> None:
    with database.nothing_written(), pytest.raises(SteadyError):
        database.apply(indexes=[{**ORDER, "columns": ["id"], "where": text}], check=True)


# -- side by side ------------------------------------------------------------------------------------------------------


def test_builds_on_several_tables_overlap_and_those_of_one_table_do_not(database: Database) -> None:
    entries = [
        {"table": "Order", "columns": ["note"]},
        {"table": "Order", "columns": ["total"]},
        {"table": "Customer", "columns": ["name"]},
        {"table": "Category", "columns": ["name"]},
    ]
    question = "SELECT relid::regclass::text, pid FROM pg_stat_progress_create_index ORDER BY 1"
    with Watch(database, question) as watch, held(database, *OLD_SNAPSHOT) as snapshot:
        with background(lambda: database.apply(indexes=entries, parallel=3)) as deployment:
            wait_until(lambda: {row[1] for row in builders(database)} == {'"Order"', '"Customer"', '"Category"'})
            snapshot.release()
        assert deployment.result()["status"] == "succeeded"
    for answer in watch.answers:
        tables = [table for table, _pid in answer]
        assert len(tables) == len(set(tables)), "two builds on one table would wait for each other"
    assert "Order_note_idx" in database.indexes("Order")
    assert "Order_total_idx" in database.indexes("Order")


def test_one_at_a_time_where_that_is_asked_for(database: Database) -> None:
    entries = [{"table": "Order", "columns": ["note"]}, {"table": "Customer", "columns": ["name"]}]
    question = "SELECT count(*) FROM pg_stat_progress_create_index"
    with Watch(database, question) as watch, held(database, *OLD_SNAPSHOT, seconds=0.5):
        database.apply(indexes=entries, parallel=1)
    assert {answer[0][0] for answer in watch.answers} == {0, 1}


def test_partial_and_expression_indexes_side_by_side_do_not_lock_each_other_out(database: Database) -> None:
    entries = [
        {"table": table, "name": f"{table}_{number}", **entry}
        for table in ("Order", "Customer", "Category")
        for number, entry in enumerate(
            [{"columns": ["id"], "where": "id IS NOT NULL"}, {"columns": [{"expression": "md5(id::text)"}]}]
        )
    ]
    for _unused in range(3):
        assert database.apply(indexes=entries, parallel=3)["status"] == "succeeded"
        database.rollback()


def test_after_a_failure_what_runs_is_finished_and_nothing_else_is_begun(database: Database) -> None:
    """The failing build and another table's are at work together; what comes after them is not started."""
    entries = [
        {**ORDER, "columns": ["note"], "unique": True},
        {"table": "Order", "columns": ["total"]},
        {"table": "Customer", "columns": ["name"]},
    ]

    def build() -> SteadyError:
        with pytest.raises(SteadyError) as failure:
            database.apply(indexes=entries, parallel=2)
        return failure.value

    with held(database, 'UPDATE "Order" SET total = 1 WHERE id = 1') as writer, background(build) as building:
        wait_until(lambda: builders(database))
        database.execute("UPDATE \"Order\" SET note = 'late' WHERE id IN (5, 6)")
        writer.release()
    steps = {step["object"]: step["status"] for step in building.result().facts["steps"]}
    assert steps == {
        "public.wanted": "failed",
        "public.Order_total_idx": "not started",
        "public.Customer_name_idx": "done",
    }
    assert "public.Order_total_idx" in building.result().left
    assert set(database.indexes("Order")) == {"Order_pkey", "Order_customerId_idx"}
    assert set(database.indexes("Customer")) == {"Customer_pkey", "Customer_name_idx"}


# -- the module --------------------------------------------------------------------------------------------------------


def test_the_module_in_four_phases(database: Database) -> None:
    before = database.dump()
    arguments = {
        "database_url": database.url(),
        "indexes": [
            {"table": "Order", "columns": ["tenantId", {"name": "placedAt", "order": "desc"}], "include": ["total"]},
            {"table": "Customer", "columns": ["name"], "where": '"isActive" = true', "name": "active"},
        ],
    }
    with database.nothing_written():
        planned = run_module("index", arguments, "--check", "--diff")
    assert (planned["failed"], planned["changed"], planned["status"]) == (False, True, "planned")
    done = run_module("index", arguments)
    assert (done["failed"], done["changed"], done["status"]) == (False, True, "succeeded")
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    assert done["plan_hash"] == planned["plan_hash"]
    name = "Order_tenantId_placedAt_idx"
    assert database.indexes("Order")[name] == definition(
        'btree ("tenantId", "placedAt" DESC) INCLUDE (total)', name=f'"{name}"'
    )
    assert database.indexes("Customer")["active"] == (
        'CREATE INDEX active ON public."Customer" USING btree (name) WHERE ("isActive" = true)'
    )
    with database.nothing_written():
        assert run_module("index", arguments, "--check")["changed"] is False
        assert run_module("index", arguments)["changed"] is False
    database.rollback()
    assert database.dump() == before
