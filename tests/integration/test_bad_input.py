# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Wrong names, missing rights, odd settings, odd names, odd tables: one message each, and nothing half-applied."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.rollback import rollback
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import copy_of
from integration.ansible_command import run_module
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

NAME = "Order_customerId_fkey"
GOOD = {"table": "Customer", "columns": ["name"]}


def column(table: str, name: str = "note", nullable: bool = False) -> dict[str, Any]:
    """An entry of columns."""
    return {"table": table, "name": name, "nullable": nullable}


# -- names that are not there ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        (
            {"indexes": [{"table": "order", "columns": ["note"]}]},
            'there is no table "order" in schema "public"; did you mean "Order"?',
        ),
        (
            {"columns": [column("Custommer", "name")]},
            'there is no table "Custommer" in schema "public"; did you mean "Customer"?',
        ),
        (
            {"indexes": [{"table": "Zebra", "columns": ["note"]}]},
            'there is no table "Zebra" in schema "public"',
        ),
        (
            {"indexes": [{"table": "Order", "columns": ["tenantid"]}]},
            'there is no column "tenantid" in "public"."Order"; did you mean "tenantId"?',
        ),
        (
            {"indexes": [{"table": "Order", "columns": ["note"], "include": ["totl"]}]},
            'there is no column "totl" in "public"."Order"; did you mean "total"?',
        ),
        ({"columns": [column("Order", "NOTE")]}, 'did you mean "note"?'),
        (
            {"foreign_keys": [{"name": "x", "table": "orders", "state": "absent"}]},
            'there is no table "orders" in schema "public"; did you mean "Order"?',
        ),
    ],
)
def test_a_name_that_is_not_there(database: Database, sections: dict[str, Any], says: str) -> None:
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
            database.apply({"id": "x", **sections, "indexes": [GOOD, *sections.get("indexes", [])]}, check=check)
        assert says in str(refusal.value)
        assert "nothing was changed" in str(refusal.value)


def test_a_schema_that_is_not_there(database: Database) -> None:
    with database.nothing_changed(), pytest.raises(SteadyError, match='in schema "publik"'):
        database.apply({"id": "x", "schema": "publik", "indexes": [GOOD]})


def test_all_that_is_wrong_is_said_at_once(database: Database) -> None:
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(
            indexes=[{"table": "order", "columns": ["id"]}, {"table": "Order", "columns": ["nope"]}],
            columns=[column("Order", "nix")],
        )
    assert "for 3 reasons" in str(refusal.value)
    assert all(word in str(refusal.value) for word in ('"order"', '"nope"', '"nix"'))


def test_the_module_says_it_in_one_message(database: Database) -> None:
    arguments = {"database_url": database.url(), "indexes": [{"table": "order", "columns": ["note"]}]}
    with database.nothing_written():
        result = run_module("index", arguments)
    assert result["failed"] is True
    assert 'did you mean "Order"?' in result["msg"]
    assert result["left"] == "nothing was changed"


# -- rights ------------------------------------------------------------------------------------------------------------

RIGHTS: dict[str, dict[str, Any]] = {
    "an index": {"indexes": [{"table": "Order", "columns": ["note"], "where": "total > 0"}]},
    "a unique index": {"indexes": [{"table": "Order", "columns": ["note"], "unique": True}]},
    "an index dropped": {"indexes": [{"table": "Order", "name": "Order_customerId_idx", "state": "absent"}]},
    "a column": {"columns": [column("Order")]},
    "a key added": {
        "foreign_keys": [
            {
                "table": "Order",
                "columns": ["sellerId"],
                "references": {"table": "Customer", "columns": ["id"]},
            }
        ]
    },
    "a key replaced": {
        "foreign_keys": [
            {
                "name": NAME,
                "table": "Order",
                "columns": ["customerId"],
                "references": {"table": "Customer", "columns": ["id"]},
                "on_delete": "cascade",
            }
        ]
    },
    "a key dropped": {"foreign_keys": [{"name": NAME, "table": "Order", "state": "absent"}]},
}


def grants(message: str) -> list[str]:
    """The GRANTs that a message offers."""
    return re.findall(r'GRANT [^;]+? TO "[^"]+"', message)


@pytest.mark.parametrize("case", RIGHTS)
@pytest.mark.parametrize("owner_of", ["nothing", "the table"])
def test_the_grants_of_the_messages_are_all_that_is_needed(
    cluster: Cluster, database: Database, case: str, owner_of: str
) -> None:
    """Each refusal names what is missing with the GRANT that gives it; with these the run succeeds."""
    role, owner = cluster.role(), cluster.role("owner", "NOLOGIN")
    database.execute(f'ALTER TABLE "Order" OWNER TO {role if owner_of == "the table" else owner}')
    database.execute(f'ALTER TABLE "Customer" OWNER TO {owner}; GRANT USAGE, CREATE ON SCHEMA public TO {owner}')
    before = database.dump()
    migration = {"id": "x", **RIGHTS[case]}
    given: list[str] = []
    result = run_with_grants(database, lambda: database.apply(migration, user=role), given)
    assert result["status"] == "succeeded"
    assert given
    assert database.apply(migration, user=role)["changed"] is False
    run_with_grants(database, lambda: database.rollback(user=role), given)
    for grant in given:
        if " ON " in grant:
            database.execute(grant.replace("GRANT ", "REVOKE ", 1).replace(" TO ", " FROM "))
    assert database.dump() == before


def run_with_grants(database: Database, work: Callable[[], dict[str, Any]], given: list[str]) -> dict[str, Any]:
    """Run it again and again, each time with the GRANTs that the refusal named."""
    for _unused in range(6):
        begun = steps_begun(database)
        try:
            return work()
        except SteadyError as error:
            message = str(error)
        assert steps_begun(database) == begun, f"it was begun, and then: {message}"
        assert "permission denied" in message
        found = [grant for grant in grants(message) if grant not in given]
        assert found, f"no GRANT in: {message}"
        for grant in found:
            database.execute(grant)
        given += found
    raise AssertionError("six times permission denied")


def steps_begun(database: Database) -> int:
    """How many steps the journal knows."""
    return database.value("SELECT count(*) FROM steady.step") if database.journal() else 0


@pytest.mark.parametrize("case", RIGHTS)
def test_check_mode_needs_no_more_than_to_read_and_says_what_a_run_would(
    cluster: Cluster, database: Database, case: str
) -> None:
    role = cluster.role()
    database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    migration = {"id": "x", **RIGHTS[case]}
    with database.nothing_written():
        planned = database.apply(migration, user=role, check=True)
    assert planned["changed"] is True
    assert any('"Order" belongs to "postgres"' in line for line in planned["missing_privileges"])
    assert planned["plan_hash"] == database.apply(migration, check=True)["plan_hash"]


@pytest.mark.parametrize("case", ["duplicates", "NULLs", "orphans"])
def test_check_mode_of_a_reader_sees_the_rows_that_are_in_the_way(
    cluster: Cluster, database: Database, case: str
) -> None:
    """Otherwise the plan that is reviewed is one that the run refuses."""
    role = cluster.role()
    database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    database.execute(
        'UPDATE "Order" SET note = NULL, "sellerId" = \'gone\' WHERE id = 1;'
        "UPDATE \"Order\" SET note = 'x' WHERE id IN (2, 3)"
    )
    name = {"duplicates": "a unique index", "NULLs": "a column", "orphans": "a key added"}[case]
    says = {"duplicates": "note=x (2 times)", "NULLs": "no note, so", "orphans": "sellerId=gone"}[case]
    for user in ("postgres", role):
        with database.nothing_written(), pytest.raises(SteadyError) as refusal:
            database.apply({"id": "x", **RIGHTS[name]}, user=user, check=True)
        assert says in str(refusal.value)


def test_check_mode_for_a_role_that_may_not_even_read(cluster: Cluster, database: Database) -> None:
    role = cluster.role()
    with database.nothing_written():
        planned = database.apply({"id": "x", **RIGHTS["a unique index"]}, user=role, check=True)
    assert any("SELECT" in line for line in planned["missing_privileges"])


# -- settings ----------------------------------------------------------------------------------------------------------

ALL: dict[str, Any] = {
    "id": "all",
    "columns": [column("Order", "customerId", True)],
    "indexes": [{"table": "Order", "name": "wanted", "columns": [{"expression": "lower(note)"}], "where": "total > 0"}],
    "foreign_keys": [
        {
            "name": NAME,
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "set_null",
        }
    ],
    "verification": {"unchanged_counts": ["Order"]},
}


def assert_all_applied(database: Database) -> None:
    """What the migration above makes."""
    assert database.nullable("Order", "customerId") is True
    assert database.indexes("Order")["wanted"] == (
        'CREATE INDEX wanted ON public."Order" USING btree (lower(note)) WHERE (total > (0)::numeric)'
    )
    assert "ON DELETE SET NULL" in database.foreign_keys("Order")[NAME]


@pytest.mark.parametrize("where", ["ROLE", "DATABASE"])
def test_a_default_of_reading_only(cluster: Cluster, database: Database, where: str) -> None:
    role = cluster.role(options="LOGIN SUPERUSER")
    name = role if where == "ROLE" else database.name
    database.execute(f"ALTER {where} {name} SET default_transaction_read_only = on")
    with database.nothing_written():
        planned = database.apply(ALL, user=role, check=True)
        assert (planned["status"], len(planned["steps"])) == ("planned", 3)
        with pytest.raises(SteadyError, match="read-only by default") as refusal:
            database.apply(ALL, user=role)
    assert "RESET default_transaction_read_only" in refusal.value.todo
    database.server.execute(f"ALTER {where} {name} RESET default_transaction_read_only")
    database.apply(ALL, user=role)
    assert_all_applied(database)


HOSTILE = {
    "statement_timeout": "'1ms'",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'1ms'",
    "transaction_timeout": "'50ms'",
    "default_transaction_isolation": "serializable",
    "search_path": "nowhere",
    "client_encoding": "LATIN1",
    "DateStyle": "'German, DMY'",
    "standard_conforming_strings": "off",
    "row_security": "on",
    "quote_all_identifiers": "on",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "enable_seqscan": "off",
    "TimeZone": "'Asia/Tokyo'",
}


@pytest.mark.parametrize("setting", HOSTILE)
def test_a_role_with_settings_of_its_own(
    cluster: Cluster, database: Database, postgres_major: int, setting: str
) -> None:
    if setting == "transaction_timeout" and postgres_major < 17:
        pytest.skip("transaction_timeout is there since PostgreSQL 17")
    role = cluster.role(options="LOGIN SUPERUSER")
    before = database.dump()
    database.execute(f"ALTER ROLE {role} SET {setting} = {HOSTILE[setting]}")
    # The schema is named: a role that searches another one would be asked which of them is meant.
    migration = {**ALL, "schema": "public"}
    planned = database.apply(migration, user=role, check=True)
    result = database.apply(migration, user=role)
    assert [step["sql"] for step in result["steps"]] == [step["sql"] for step in planned["steps"]]
    assert_all_applied(database)
    assert database.apply(migration, user=role)["changed"] is False
    assert {check["status"] for check in database.verify(migration, role)["verification"]} == {"ok"}
    database.rollback(user=role)
    assert database.dump() == before


def test_an_index_comes_back_where_it_was_whatever_the_role_s_tablespace(cluster: Cluster, database: Database) -> None:
    role = cluster.role(options="LOGIN SUPERUSER")
    database.execute(f"ALTER ROLE {role} SET default_tablespace = {cluster.tablespace('elsewhere')}")
    before = database.dump()
    database.apply(indexes=[{"table": "Order", "name": "Order_customerId_idx", "state": "absent"}], user=role)
    database.rollback(user=role)
    assert database.dump() == before


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_names_in_any_script_for_a_role_with_another_encoding(
    cluster: Cluster, database: Database, encoding: str
) -> None:
    role = cluster.role(options="LOGIN SUPERUSER")
    database.execute(f"ALTER ROLE {role} SET client_encoding = '{encoding}'")
    database.execute('CREATE TABLE "Größe" (id int PRIMARY KEY, "日本" text)')
    before = database.dump()
    migration = {"id": "x", "indexes": [{"table": "Größe", "columns": ["日本"], "where": "\"日本\" <> 'ж'"}]}
    for url_says in (False, True):
        options = database.options(role)
        if url_says:
            options = replace(options, database_url=database.url(role, client_encoding=encoding))
        assert apply(migration, options)["changed"] is True
        assert database.indexes("Größe")["Größe_日本_idx"] == (
            'CREATE INDEX "Größe_日本_idx" ON public."Größe" USING btree ("日本") WHERE ("日本" <> \'ж\'::text)'
        )
        assert apply(migration, options)["changed"] is False
        rollback(None, False, options)
        assert database.dump() == before


def test_temporary_tables_shadow_nothing(database: Database) -> None:
    """Not even with the same names as the helpers of the rehearsal."""
    copies = [copy_of("public", table).removeprefix("pg_temp.") for table in ("Order", "Customer")]
    database.execute("; ".join(f"CREATE TABLE {name} (other int)" for name in copies))
    database.apply(ALL)
    assert_all_applied(database)
    assert database.value("SELECT count(*) FROM pg_attribute WHERE attname = 'other'") == 2


def test_a_role_that_may_make_no_temporary_table(cluster: Cluster, database: Database) -> None:
    role = cluster.role()
    database.execute(
        f"REVOKE TEMP ON DATABASE {database.name} FROM PUBLIC; GRANT CREATE ON DATABASE {database.name} TO {role};"
        f'GRANT CREATE ON SCHEMA public TO {role}; ALTER TABLE "Order" OWNER TO {role};'
        f'ALTER TABLE "Customer" OWNER TO {role}'
    )
    database.apply(ALL, user=role)
    assert_all_applied(database)


# -- odd names ---------------------------------------------------------------------------------------------------------

ODD = {
    "quotes": 'a"b""c\'d',
    "spaces": " two  words ",
    "dots": "public.x.y",
    "percent": "100%(x)s %s %% %",
    "braces": "{0} {table} {} }{",
    "backslashes": "a\\b\\\\n\\",
    "dollars": "$1 $$ $steady$",
    "comments": "--x /* y */ ;",
    "newline": "a\nb\tc",
    "letters": "Größe_日本語_Ж",
    "63 bytes": "x" * 63,
    "63 bytes of others": "é" * 31 + "x",
    "reserved": "select",
    "upper case": "USER",
    "a helper's": "a_steady_new_12345678",
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_name_everywhere(cluster: Cluster, database: Database, case: str) -> None:
    name = ODD[case]
    parts = {"n": sql.Identifier(name), "q": sql.Identifier(name, name)}
    database.execute(sql.SQL("CREATE SCHEMA {n}").format(**parts))
    database.execute(
        sql.SQL(
            "CREATE TABLE {q} ({n} int PRIMARY KEY);"
            "CREATE TABLE {n}.child (id int, {n} int NOT NULL, v text NOT NULL);"
            "ALTER TABLE {n}.child ADD CONSTRAINT {n} FOREIGN KEY ({n}) REFERENCES {q} ON DELETE RESTRICT;"
            "COMMENT ON CONSTRAINT {n} ON {n}.child IS 'it''s %s {{}} \\ odd';"
            "INSERT INTO {q} VALUES (1); INSERT INTO {n}.child VALUES (1, 1, 'a')"
        ).format(**parts)
    )
    before = database.dump()
    index = name if len(name.encode()) < 63 else name[:-1] + "i"
    migration = {
        "id": "odd",
        "schema": name,
        "columns": [{"table": "child", "name": name, "nullable": True}],
        "indexes": [
            {"table": "child", "name": index + "i" if len(index.encode()) < 63 else index, "columns": [name, "v"]}
        ],
        "foreign_keys": [
            {
                "name": name,
                "table": "child",
                "columns": [name],
                "references": {"table": name, "columns": [name]},
                "on_delete": "set_null",
            }
        ],
        "verification": {"unchanged_counts": [name, "child"]},
    }
    with database.nothing_written():
        assert database.apply(migration, check=True)["changed"] is True
    assert database.apply(migration)["changed"] is True
    assert database.execute("SELECT confdeltype FROM pg_constraint WHERE conname = %s AND contype = 'f'", (name,)) == [
        ("n",)
    ]
    assert database.value(
        "SELECT array_agg(a.attname::text ORDER BY k.position) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid"
        " CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k(number, position)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE c.relname = %s AND indisvalid",
        (migration["indexes"][0]["name"],),
    ) == [name, "v"]
    assert database.apply(migration)["changed"] is False
    assert {check["status"] for check in database.verify(migration)["verification"]} == {"ok"}
    # A second one replaces what the first made; the helpers' names stay within their limit.
    second = {
        "id": "odder",
        "schema": name,
        "indexes": [{**migration["indexes"][0], "columns": [{"name": name, "order": "desc"}]}],
        "foreign_keys": [{**migration["foreign_keys"][0], "on_delete": "cascade"}],
    }
    assert [step["action"] for step in database.apply(second)["steps"]] == ["replace", "replace"]
    database.rollback()
    database.rollback()
    assert database.dump() == before


@pytest.mark.parametrize("case", ["quotes", "spaces", "percent", "backslashes", "letters", "reserved"])
def test_odd_names_of_role_and_database(cluster: Cluster, case: str) -> None:
    name = ODD[case]
    role = cluster.role(name)
    database = cluster.database(name=name)
    database.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v int)", user=role)
    migration = {"id": "x", "indexes": [{"table": "t", "columns": ["v"]}]}
    with pytest.raises(SteadyError) as refusal:
        database.apply(migration, user=role)
    database.execute(refusal.value.todo.partition(";")[0])
    assert database.apply(migration, user=role)["changed"] is True
    assert database.rollback(user=role)["changed"] is True


# -- odd tables --------------------------------------------------------------------------------------------------------

TABLES = {
    "a view": ("CREATE VIEW t AS SELECT 1 AS id, 2 AS v", "t", "is a view"),
    "a materialized view": ("CREATE MATERIALIZED VIEW t AS SELECT 1 AS id, 2 AS v", "t", "is a materialized view"),
    "a sequence": ("CREATE SEQUENCE t", "t", '"t"'),
    "an index": ('CREATE INDEX t ON "Order" (note)', "t", '"t"'),
    "a composite type": ("CREATE TYPE t AS (id int, v int)", "t", '"t"'),
}


@pytest.mark.parametrize("case", TABLES)
def test_what_is_no_ordinary_table(database: Database, case: str) -> None:
    make, name, says = TABLES[case]
    database.execute(make)
    key = {"name": "k", "table": name, "columns": ["v"], "references": {"table": "Category", "columns": ["id"]}}
    sections: list[dict[str, Any]] = [
        {"indexes": [{"table": name, "columns": ["v"]}]},
        {"columns": [column(name, "v", False)]},
        {"foreign_keys": [key]},
        {
            "foreign_keys": [
                {**key, "table": "Order", "columns": ["id"], "references": {"table": name, "columns": ["id"]}}
            ]
        },
    ]
    if case == "a materialized view":  # it has indexes
        assert database.apply({"id": "x", **sections.pop(0)})["changed"]
    for section in sections:
        with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
            database.apply({"id": "x", **section})
        assert says in str(refusal.value)
        assert len(str(refusal.value).splitlines()) <= 4


def test_a_foreign_table(cluster: Cluster, database: Database) -> None:
    try:
        database.execute("CREATE EXTENSION file_fdw")
    except psycopg2.Error:
        pytest.skip("this PostgreSQL has no foreign data wrapper")
    database.execute(
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
        "CREATE FOREIGN TABLE t (id int, v int) SERVER files OPTIONS (filename '/dev/null')"
    )
    with database.nothing_changed(), pytest.raises(SteadyError, match="is a foreign table"):
        database.apply(indexes=[{"table": "t", "columns": ["v"]}])


def test_a_temporary_table_of_another_session(database: Database) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE t (id int, v int)")
        cursor.execute("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")
        ((schema,),) = cursor.fetchall()
        connection.commit()
        with pytest.raises(SteadyError, match="is a temporary table"):
            database.apply({"id": "x", "schema": schema, "indexes": [{"table": "t", "columns": ["v"]}]})
    connection.close()


@pytest.mark.parametrize("schema", ["pg_catalog", "information_schema"])
def test_a_table_of_the_system(database: Database, schema: str) -> None:
    table, name = ("pg_class", "relname") if schema == "pg_catalog" else ("sql_features", "feature_id")
    with database.nothing_changed(), pytest.raises(SteadyError, match="belongs to PostgreSQL itself"):
        database.apply({"id": "x", "schema": schema, "indexes": [{"table": table, "columns": [name]}]})


def test_a_table_of_an_extension(database: Database) -> None:
    # Any extension will do; this is what CREATE EXTENSION does to its tables.
    database.execute(
        "CREATE TABLE t (id int, v int); INSERT INTO pg_depend SELECT 'pg_class'::regclass, 't'::regclass, 0,"
        " 'pg_extension'::regclass, oid, 0, 'e' FROM pg_extension WHERE extname = 'plpgsql'"
    )
    with pytest.raises(SteadyError, match='belongs to the extension "plpgsql"'):
        database.apply(indexes=[{"table": "t", "columns": ["v"]}])


def test_an_unlogged_table_is_as_good_as_any(database: Database) -> None:
    database.execute("CREATE UNLOGGED TABLE t (id int PRIMARY KEY, v int)")
    before = database.dump()
    database.apply(indexes=[{"table": "t", "columns": ["v"]}], columns=[column("t", "v")])
    assert "t_v_idx" in database.indexes("t")
    database.rollback()
    assert database.dump() == before


def test_generated_columns_and_domains(database: Database) -> None:
    database.execute(
        "CREATE DOMAIN price AS numeric CHECK (value >= 0);"
        "CREATE TABLE t (id int PRIMARY KEY, p price, twice numeric GENERATED ALWAYS AS (p * 2) STORED)"
    )
    before = database.dump()
    database.apply(indexes=[{"table": "t", "columns": ["twice"]}, {"table": "t", "columns": ["p"], "where": "p > 5"}])
    assert database.apply(indexes=[{"table": "t", "columns": ["p"], "where": "p > 5"}])["changed"] is False
    database.rollback()
    assert database.dump() == before


# -- what no server has to be asked for --------------------------------------------------------------------------------


def test_a_migration_that_is_wrong_in_itself_contacts_nobody(database: Database) -> None:
    question = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute(question)
        before = cursor.fetchone()
        with pytest.raises(SteadyError, match="the database was not contacted"):
            database.apply(indexes=[{"table": "Order", "columns": ["note"], "method": "gin", "unique": True}])
        cursor.execute(question)
        assert cursor.fetchone() == before
    connection.close()
