# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Columns that a migration adds: of each sort that people have, without writing a row anew, and back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column import judgement
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.ansible_command import run_module
from integration.cluster import Cluster, Database
from integration.killable import deployment_process
from integration.sessions import Probe, held, wait_until

pytestmark = pytest.mark.postgres


def added(name: str = "extra", type_: str = "text", table: str = "Order", **more: Any) -> dict[str, Any]:
    """An entry of columns."""
    return {"table": table, "name": name, "type": type_, **more}


def stands(database: Database, name: str, table: str = "Order") -> tuple[Any, ...] | None:
    """Type, NOT NULL and default of a column, as the catalog has them."""
    rows = database.execute(
        "SELECT format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped",
        (f'"{table}"', name),
    )
    return rows[0] if rows else None


def file_of(database: Database, table: str = "Order") -> int:
    """The table's file, which is another one once its rows are written anew."""
    return database.value("SELECT pg_relation_filenode(%s::regclass)", (f'"{table}"',))


@contextmanager
def not_rewritten(database: Database, table: str = "Order") -> Iterator[None]:
    before = file_of(database, table)
    yield
    assert file_of(database, table) == before


def there_and_back(database: Database, *entries: dict[str, Any], table: str = "Order") -> dict[str, Any]:
    """Check, deploy, again, verify, and back; the result of the deployment. No row is written anew."""
    before, migration = database.dump(), {"id": "added", "columns": list(entries)}
    with database.nothing_written():
        planned = database.apply(migration, check=True)
    with not_rewritten(database, table):
        done = database.apply(migration)
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    with database.nothing_written():
        assert database.apply(migration)["changed"] is False
    assert {check["status"] for check in database.verify(migration)["verification"]} == {"ok"}
    with not_rewritten(database, table):
        undone = database.rollback()
    assert "the values written to it since are lost" in undone["plan_sql"]
    assert (database.dump(), database.helpers()) == (before, [])
    return done


# -- what people add ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "stored"),
    [
        (added(type_="varchar(20)"), ("character varying(20)", False, None)),
        (added(type_="numeric(10,2)", default=0, nullable=False), ("numeric(10,2)", True, "0")),
        (added(type_="boolean", default=False, nullable=False), ("boolean", True, "false")),
        (
            added(type_="timestamptz", default="CURRENT_TIMESTAMP", nullable=False),
            ("timestamp with time zone", True, "CURRENT_TIMESTAMP"),
        ),
        (added(type_="jsonb", default="'{}'", nullable=False), ("jsonb", True, "'{}'::jsonb")),
        (added(type_="text[]", default="'{}'"), ("text[]", False, "'{}'::text[]")),
        (added(type_="time(0)"), ("time(0) without time zone", False, None)),
        (added(type_='"OrderStatus"', default="'NEW'"), ('"OrderStatus"', False, "'NEW'::\"OrderStatus\"")),
        (added(type_="text", default="shout('it''s')"), ("text", False, "shout('it''s'::text)")),
        (added(type_="int", default="CASE WHEN 1 > 2 THEN 3 END"), ("integer", False, "NULL::integer")),
        (added('odd "name"; x', "text", default="'a;b -- c'"), ("text", False, "'a;b -- c'::text")),
        (added(type_="uuid", default="NULL", nullable=True), ("uuid", False, None)),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_column_of_each_sort(database: Database, entry: dict[str, Any], stored: tuple[Any, ...]) -> None:
    migration = {"id": "look", "columns": [entry]}
    database.apply(migration)
    assert stands(database, entry["name"]) == (stored if stored[2] != "NULL::integer" else stands(database, "extra"))
    database.rollback()
    there_and_back(database, entry)


def test_types_of_other_schemas_domains_and_extensions(database: Database) -> None:
    database.execute(
        'CREATE SCHEMA "Other types"; CREATE TYPE "Other types"."Mood" AS ENUM (\'a\', \'b\');'
        "CREATE DOMAIN \"Other types\".plain AS text DEFAULT 'x'"
    )
    done = there_and_back(
        database,
        added("mood", '"Other types"."Mood"', default="'b'", nullable=False),
        added("moods", '"Other types"."Mood"[]'),
        added("plain", '"Other types".plain', nullable=False),
    )
    assert len(done["steps"]) == 3


def test_a_type_of_an_extension(database: Database) -> None:
    if not database.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"):
        pytest.skip("this PostgreSQL has no citext")
    database.execute("CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions")
    there_and_back(database, added(type_="extensions.citext", default="'A'", nullable=False))
    assert "extensions.citext" in database.refusal(columns=[added(type_="citext")])


def test_comment_and_collation(database: Database) -> None:
    done = there_and_back(database, added(collation="C", comment="it's 100 % \\ so"))
    assert done["steps"][0]["sql"][0].endswith('ADD COLUMN "extra" text COLLATE "pg_catalog"."C"')
    migration = {"id": "commented", "columns": [added(comment="new")]}
    database.apply({"id": "first", "columns": [added(comment="old")]})
    (step,) = database.apply(migration)["steps"]
    assert step["sql"] == ['COMMENT ON COLUMN "public"."Order"."extra" IS \'new\'']
    database.rollback()
    assert (
        database.value(
            "SELECT col_description('\"Order\"'::regclass, attnum) FROM pg_attribute"
            " WHERE attrelid = '\"Order\"'::regclass AND attname = 'extra'"
        )
        == "old"
    )


# -- what would write all rows anew ------------------------------------------------------------------------------------

REWRITES = [
    added(type_="uuid", default="gen_random_uuid()"),
    added(type_="text", default="roll('x')"),
    added(type_="bigint", identity="by_default"),
    added(type_="integer", generated="id * 2"),
    added(type_="short", default="'x'"),
]


@pytest.mark.parametrize("entry", REWRITES, ids=lambda entry: str(entry["type"]))
def test_a_rewrite_is_refused_where_there_are_rows_and_done_where_there_are_none(
    database: Database, entry: dict[str, Any]
) -> None:
    database.execute("CREATE DOMAIN short AS text CHECK (length(VALUE) < 9); CREATE TABLE empty (id int)")
    with database.nothing_changed():
        said = database.refusal(columns=[entry])
    assert "the table has rows" in said
    assert "table_rewrite" in said
    before, migration = database.dump(), {"id": "empty", "columns": [{**entry, "table": "empty"}]}
    (step,) = database.apply(migration)["steps"]
    assert step["sql"][0].endswith("CHECK (false)")
    assert stands(database, "extra", "empty")
    assert database.apply(migration)["changed"] is False
    database.rollback()
    assert database.dump() == before


def test_the_empty_copy_says_it_where_no_question_does(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is another one afterwards. Here the plan is made to believe that the default is a constant."""
    monkeypatch.setattr(judgement._Judge, "_rewrites", lambda *_arguments: "")
    entry = added(type_="uuid", default="gen_random_uuid()")
    with database.nothing_changed(), not_rewritten(database), pytest.raises(SteadyError, match="table_rewrite"):
        database.apply(columns=[entry])


def test_rows_that_come_meanwhile_are_not_written_anew(database: Database) -> None:
    """They were not there when the plan was made: the statement ends at the first of them."""
    database.execute("CREATE TABLE empty (id int)")
    before = database.dump()
    entry = added(table="empty", type_="uuid", default="gen_random_uuid()")
    writer = held(database, "INSERT INTO empty SELECT generate_series(1, 9)", seconds=1.5)
    with writer, pytest.raises(SteadyError) as failure:
        database.apply(columns=[entry])
    assert "the table has rows" in str(failure.value)
    assert database.dump() == before


def test_not_null_without_a_value_for_the_rows(database: Database) -> None:
    database.execute("CREATE TABLE empty (id int)")
    for default in ({}, {"default": "NULL"}):
        with database.nothing_changed():
            said = database.refusal(columns=[added(nullable=False, **default)])
        assert "fails_on_data" in said
        assert "give it a constant default" in said
    there_and_back(database, added(table="empty", nullable=False), table="empty")


# -- what the server would not take ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (added(type_="nope"), 'type "nope" does not exist'),
        (added(type_="int; DROP TABLE x"), "is no type"),
        (added(type_="int) x"), "is no type"),
        (added(type_="anyelement"), "is no type of columns"),
        (added("ctid"), "name of a system column"),
        (added(type_="int", default="'x'"), "invalid input syntax"),
        (added(type_="int", default="1; SELECT 2"), "more than one SQL expression"),
        (added(type_="int", default="nope(1)"), "function nope(integer) does not exist"),
        (added(type_="int", generated="nope + 1"), 'column "nope" does not exist'),
        (added(type_="int", default="(SELECT 1)"), "has a subquery, an aggregate or"),
        (added(type_="bigint", default="count(*)"), "has a subquery, an aggregate or"),
        (added(type_="int", default="generate_series(1, 2)"), "has a subquery, an aggregate or"),
        (added(type_="int", default="id"), 'column "id" does not exist'),
        (added(type_="int", collation="C"), "has no collations"),
        (added(collation="klingon"), 'no collation "klingon"'),
        (added(table="Ordr"), 'did you mean "Order"'),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value["name"]),
)
def test_refused_in_check_mode_as_in_the_run(database: Database, entry: dict[str, Any], said: str) -> None:
    with database.nothing_changed():
        assert said in database.refusal(columns=[entry])


def test_tables_that_take_no_column(database: Database) -> None:
    database.execute(
        "CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent);"
        "CREATE TYPE two AS (a int, b int); CREATE TABLE typed OF two;"
        "CREATE TABLE used (a int); CREATE TABLE user_of (u used[]);"
        "DO $$ BEGIN EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg('c' || n || ' int', ',')"
        " FROM generate_series(1, 1600) n) || ')'; END $$; ALTER TABLE wide DROP COLUMN c1"
    )
    for table, said, more in (
        ("parent", "tables that inherit", {}),
        ("typed", "OF a composite type", {}),
        ("wide", "1600", {}),
        ("used", "row type", {"default": "'x'"}),
    ):
        with database.nothing_changed():
            assert said in database.refusal(columns=[added(table=table, **more)]), table
    there_and_back(database, added(table="child"), table="child")
    there_and_back(database, added(table="used"), table="used")


def test_a_column_that_is_otherwise_is_refused(database: Database) -> None:
    database.execute('ALTER TABLE "Order" ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED')
    for entry, said in (
        ({"name": "total", "type": "numeric(10,2)"}, "is numeric(12,2), and not numeric(10,2) (table_rewrite)"),
        ({"name": "twice", "type": "int", "generated": "id * 3"}, "is generated otherwise"),
        ({"name": "twice", "type": "int", "default": 1}, "has no default of its own"),
        ({"name": "note", "type": "text", "generated": "'x'"}, "is no generated column"),
        ({"name": "id", "type": "int", "identity": "always"}, "is no identity column"),
        ({"name": "note", "type": "text", "collation": "C"}, "has the collation pg_catalog.default"),
    ):
        with database.nothing_changed():
            assert said in database.refusal(columns=[{"table": "Order", **entry}])
    same = [
        {"table": "Order", "name": "twice", "type": "integer", "generated": "(id)*2"},
        {"table": "Order", "name": "total", "type": "decimal(12, 2)"},
    ]
    with database.nothing_written():
        assert database.apply(columns=same)["changed"] is False


# -- defaults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "default", "stored"),
    [
        ("note", "'none'", "'none'::text"),
        ("tags", "NULL", None),
        ("tags", "'{new}'", "'{new}'::text[]"),
        ("placedAt", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
        ("id", "nextval('numbers')", "nextval('numbers'::regclass)"),
    ],
)
def test_a_default_is_set_and_the_former_one_comes_back(
    database: Database, name: str, default: str, stored: str | None
) -> None:
    database.execute("CREATE SEQUENCE numbers")
    before, entry = database.dump(), {"table": "Order", "name": name, "default": default}
    with database.nothing_written():
        planned = database.apply(columns=[entry], check=True)
    (step,) = database.apply(columns=[entry])["steps"]
    assert step["sql"] == planned["steps"][0]["sql"]
    found = stands(database, name)
    assert found is not None
    assert found[2] == stored
    with database.nothing_written():
        assert database.apply(columns=[entry])["changed"] is False
    database.rollback()
    assert database.dump() == before


def test_default_and_not_null_of_one_column_in_one_entry(database: Database) -> None:
    before = database.dump()
    database.apply(columns=[{"table": "Order", "name": "note", "default": "'none'", "nullable": False}])
    assert stands(database, "note") == ("text", True, "'none'::text")
    database.rollback()
    assert database.dump() == before


# -- with what the same migration does to it ---------------------------------------------------------------------------


def test_what_names_a_column_that_the_same_migration_adds(database: Database) -> None:
    migration = {
        "id": "all",
        "columns": [
            added("managerId"),
            added("rank", "int", default=0, nullable=False),
            added("loud", "text"),
        ],
        "indexes": [
            {"table": "Order", "columns": ["managerId"]},
            {"table": "Order", "columns": ["tenantId", "rank"], "where": "rank > 3"},
            {"table": "Order", "name": "loud", "columns": [{"expression": "lower(loud)"}]},
            {"table": "Order", "name": "lone", "columns": ["managerId"], "unique": True},
        ],
        "foreign_keys": [
            {
                "table": "Order",
                "columns": ["managerId"],
                "references": {"table": "Customer", "columns": ["id"]},
                "on_delete": "set_null",
            }
        ],
    }
    before = database.dump()
    with database.nothing_written():
        planned = database.apply(migration, check=True)
    assert len(planned["steps"]) == 8
    done = database.apply(migration)
    assert {step["status"] for step in done["steps"]} == {"done"}
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    with database.nothing_written():
        assert database.apply(migration)["changed"] is False
    assert {check["status"] for check in database.verify(migration)["verification"]} == {"ok"}
    database.rollback()
    assert (database.dump(), database.helpers()) == (before, [])


def test_a_unique_index_over_a_value_that_all_rows_get(database: Database) -> None:
    """No two rows are alike in it only where it is NULL, or where another column tells them apart."""
    column, alone = added("rank", "int", default=0), {"table": "Order", "columns": ["rank"], "unique": True}
    with database.nothing_changed():
        assert "1 key occurs more than once" in database.refusal(columns=[column], indexes=[alone])
    told_apart = {"table": "Order", "columns": ["rank", "id"], "unique": True}
    before = database.dump()
    for columns, index in ((column, told_apart), (added("rank", "int"), alone)):
        database.apply(columns=[columns], indexes=[index])
        database.rollback()
        assert database.dump() == before


def test_a_foreign_key_from_a_value_that_all_rows_get(database: Database) -> None:
    key = {"table": "Order", "columns": ["buyer"], "references": {"table": "Customer", "columns": ["id"]}}
    known, unknown = (added("buyer", default=f"'{name}'") for name in (_customer(database), "nobody"))
    with database.nothing_changed():
        said = database.refusal(columns=[unknown], foreign_keys=[key])
    assert 'all rows of "public"."Order" get the default of (buyer), and refer to no row' in said
    before = database.dump()
    for column in (known, added("buyer")):
        database.apply(columns=[column], foreign_keys=[key])
        database.rollback()
        assert database.dump() == before


def _customer(database: Database) -> str:
    return str(database.value('SELECT min(id) FROM "Customer"'))


def test_an_expression_that_names_what_nobody_adds(database: Database) -> None:
    index = {"table": "Order", "name": "loud", "columns": [{"expression": "lower(lod)"}]}
    with database.nothing_changed(), pytest.raises(SteadyError, match='column "lod" does not exist'):
        database.apply(columns=[added("loud")], indexes=[index])


# -- partitions, roles, row security -----------------------------------------------------------------------------------


def test_a_partitioned_table(events: Database) -> None:
    entry = added("kindOf", "text", "Event", default="'x'", nullable=False)
    before = events.dump()
    (step,) = events.apply(columns=[entry])["steps"]
    partitions = events.value("SELECT count(*) FROM pg_partition_tree('\"Event\"')")
    assert len(step["locks"]) == partitions
    index = {"table": "Event", "columns": ["kindOf"]}
    assert events.apply({"id": "more", "columns": [entry], "indexes": [index]})["changed"]
    events.rollback()
    events.rollback()
    assert events.dump() == before


def test_an_added_column_and_its_index_on_a_partitioned_table_in_one(events: Database) -> None:
    before = events.dump()
    migration = {
        "id": "both",
        "columns": [added("kindOf", "text", "Event")],
        "indexes": [{"table": "Event", "columns": ["kindOf"]}],
    }
    events.apply(migration)
    assert events.apply(migration)["changed"] is False
    events.rollback()
    assert events.dump() == before


def test_a_member_of_the_owner_and_forced_row_security(cluster: Cluster) -> None:
    owner, member = cluster.role("owner of t", "NOLOGIN"), cluster.role("member of owner")
    database = cluster.database()
    database.execute(
        f'GRANT "{owner}" TO "{member}"; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);'
        f'ALTER TABLE t OWNER TO "{owner}"; ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{member}"'
    )
    before = database.dump()
    entry = added(table="t", default="'x'", nullable=False)
    assert database.apply(columns=[entry], user=member)["changed"]
    assert database.apply(columns=[entry], user=member)["changed"] is False
    database.rollback(user=member)
    assert database.dump() == before


def test_what_a_role_lacks_is_said_in_check_mode(cluster: Cluster) -> None:
    app = cluster.role("app")
    database = cluster.database()
    database.execute(
        "CREATE TABLE theirs (id int); CREATE TABLE own (id int); ALTER TABLE own OWNER TO app;"
        "CREATE TYPE mood AS ENUM ('a'); REVOKE USAGE ON TYPE mood FROM PUBLIC"
    )
    for table, said in (("theirs", 'belongs to "postgres"'), ("own", "GRANT USAGE ON TYPE")):
        entry = added(table=table, type_="mood")
        missing = database.apply(columns=[entry], check=True, user=app, journal=False)["missing_privileges"]
        assert said in missing[0]
        with database.nothing_changed(), pytest.raises(SteadyError):
            database.apply(columns=[entry], user=app, journal=False)


def test_event_triggers(database: Database) -> None:
    """One that writes down what happens is left to it; one that refuses leaves everything as it was."""
    database.execute(
        "CREATE TABLE log (tag text);"
        "CREATE FUNCTION log() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (tg_tag);"
        " END'; CREATE EVENT TRIGGER log ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION log()"
    )
    there_and_back(database, added(default="'x'", nullable=False))
    assert database.value("SELECT count(*) FROM log") >= 2  # the journal is made meanwhile, too
    database.execute(
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END';"
        "CREATE EVENT TRIGGER no ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION no()"
    )
    before = database.dump()
    with pytest.raises(SteadyError, match="not today"):
        database.apply(columns=[added("other")])
    assert database.dump() == before


def test_the_rights_with_which_a_default_is_evaluated(cluster: Cluster) -> None:
    """Those of the table's owner, whose function it is, and not those of the superuser who deploys."""
    cluster.role("keeper", "NOLOGIN")
    database = cluster.database()
    database.execute(
        "CREATE TABLE seen (who text); GRANT CREATE ON SCHEMA public TO keeper; SET ROLE keeper;"
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1);"
        "CREATE FUNCTION who() RETURNS text STABLE LANGUAGE sql AS 'SELECT current_user::text'"
    )
    database.apply(columns=[added("stable", table="t", default="who()")])
    assert database.value("SELECT stable FROM t") == "keeper"


def test_a_published_table_is_said(database: Database) -> None:
    database.execute('CREATE PUBLICATION p FOR TABLE "Order"')
    notes = database.apply(columns=[added()], check=True)["notes"]
    assert any("is published (p): subscribers need the column extra before" in note for note in notes)


# -- others meanwhile, and afterwards ----------------------------------------------------------------------------------


def test_nobody_waits_for_long(database: Database) -> None:
    reader, statement = (
        held(database, 'SELECT 1 FROM "Order"', seconds=1.5),
        'UPDATE "Order" SET note = note WHERE id = 1',
    )
    with reader, Probe(database, statement) as probe:
        result = database.apply(columns=[added(default="'x'", nullable=False)])
    assert result["steps"][0]["attempts"] > 1
    assert probe.errors == []
    assert max(probe.times_ms) < 1000


def test_killed_while_it_waits_for_its_lock(database: Database) -> None:
    migration = {"id": "killed", "columns": [added(default="'x'", nullable=False)]}
    before = database.dump()
    with held(database, 'SELECT 1 FROM "Order"', seconds=30), deployment_process(database, migration) as process:
        wait_until(lambda: database.journal() and bool(database.execute("SELECT 1 FROM steady.step")))
        process.kill()
        process.wait()
    assert database.dump() == before
    assert database.apply(migration)["changed"]
    database.rollback()
    assert database.dump() == before


def test_a_column_that_somebody_else_adds_first_is_theirs(database: Database) -> None:
    """It is not what was planned for, and no rollback drops it."""
    other = held(database, 'LOCK TABLE "Order"', 'ALTER TABLE "Order" ADD COLUMN extra text', seconds=4)
    with other, pytest.raises(SteadyError) as failure:
        database.apply(columns=[added(type_="int", default=1)])
    assert "extra" in str(failure.value)
    database.execute("UPDATE \"Order\" SET extra = 'theirs'")
    try:
        database.rollback()
    except SteadyError:
        pass
    assert stands(database, "extra") == ("text", False, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('CREATE INDEX mine ON "Order" (extra)', "index public.mine"),
        ('CREATE VIEW mine AS SELECT extra FROM "Order"', "view public.mine"),
        ('ALTER TABLE "Order" ADD CONSTRAINT mine CHECK (extra <> note)', "constraint mine on table"),
        ('CREATE STATISTICS mine ON extra, note FROM "Order"', "statistics object public.mine"),
        ("ALTER TABLE \"Order\" ALTER extra SET DEFAULT 'y'", "has another definition by now"),
        ('ALTER TABLE "Order" ALTER extra TYPE varchar', "has another definition by now"),
    ],
)
def test_what_others_made_of_it_since_stays(database: Database, change: str, said: str) -> None:
    database.apply(columns=[added()])
    database.execute(change)
    before = database.dump()
    for check in (True, False):
        with pytest.raises(SteadyError) as refusal:
            database.rollback(check=check)
        assert said in str(refusal.value)
    assert database.dump() == before


def test_what_others_make_of_it_while_the_rollback_waits_for_its_lock_stays(database: Database) -> None:
    database.apply(columns=[added()])
    with held(database, 'SELECT 1 FROM "Order"', seconds=2.0) as reader:
        late = threading.Timer(1.0, lambda: reader.run('CREATE INDEX mine ON "Order" (extra)'))
        late.start()
        with pytest.raises(SteadyError) as failure:
            database.rollback()
        late.join()
    assert "something depends on the column by now" in str(failure.value)
    assert "mine" in database.indexes("Order")
    with pytest.raises(SteadyError, match=r"index public\.mine"):
        database.rollback()
    database.execute("DROP INDEX mine")
    database.rollback()
    assert stands(database, "extra") is None


def test_what_nobody_wrote_into_the_journal_is_not_run(database: Database) -> None:
    """A default out of the journal is one expression, or the image is refused."""
    database.apply(columns=[{"table": "Order", "name": "note", "default": "'none'"}])
    database.execute(
        "UPDATE steady.step SET before = jsonb_set(before::jsonb, '{default}', '\"1); DROP TABLE \\\"Order\\\"; --\"')"
    )
    with database.nothing_written(), pytest.raises(SteadyError):
        database.rollback(check=True)


# -- the module --------------------------------------------------------------------------------------------------------


def test_the_module_in_four_phases(database: Database) -> None:
    before = database.dump()
    entries = [
        added(default=0, type_="int", nullable=False),
        {"table": "Order", "name": "note", "default": "'none'", "comment": "a note"},
    ]
    arguments = {"database_url": database.url(), "columns": entries}
    with database.nothing_written():
        planned = run_module("column", arguments, "--check", "--diff")
    assert (planned["failed"], planned["changed"], planned["status"]) == (False, True, "planned")
    done = run_module("column", arguments)
    assert (done["failed"], done["changed"], done["status"]) == (False, True, "succeeded")
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    with database.nothing_written():
        assert run_module("column", arguments, "--check")["changed"] is False
        assert run_module("column", arguments)["changed"] is False
    database.rollback()
    assert database.dump() == before


@pytest.mark.parametrize("type_", ['"Order"', '"Order"[]', "bundle", "several"])
def test_the_row_type_of_the_table_itself_is_refused_beforehand(database: Database, type_: str) -> None:
    """PostgreSQL refuses it at its turn, after what stands before it in the file is done."""
    database.execute('CREATE TYPE bundle AS (a int, orders "Order"[]); CREATE DOMAIN several AS bundle[]')
    migration = {"id": "itself", "columns": [added("ok", "int"), added("itself", type_)]}
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(SteadyError) as refused:
            database.apply(migration, check=check)
        assert "row type of the table itself" in str(refused.value)
