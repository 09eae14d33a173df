# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of statement: its name in PostgreSQL's words, and its hazards, on objects that are there and on new."""

from __future__ import annotations

import pytest
from pglast import ast

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.statements.registry import _HANDLERS
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Verdict
from unit.plugins.sql.texts import hazards, one, reading, refusals

NEW = "CREATE TABLE t (a int, b int); CREATE TYPE e AS ENUM ('x'); "


def names(text: str) -> list[str]:
    return sorted({name for name, _object in hazards(text)})


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("CREATE TABLE n (a int PRIMARY KEY)", "CREATE TABLE", []),
        ("CREATE TABLE n AS SELECT 1", "CREATE TABLE AS", []),
        ("ALTER TABLE t ADD COLUMN c int", "ALTER TABLE ADD COLUMN", []),
        ("ALTER TABLE t ADD c int NOT NULL DEFAULT 0", "ALTER TABLE ADD COLUMN", []),
        ("ALTER TABLE t ADD c timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP", "ALTER TABLE ADD COLUMN", []),
        ("ALTER TABLE t ADD c text[] DEFAULT ARRAY[]::text[]", "ALTER TABLE ADD COLUMN", []),
        ("ALTER TABLE t ADD c jsonb DEFAULT '{}'", "ALTER TABLE ADD COLUMN", []),
        (
            "ALTER TABLE t ADD c int NOT NULL",
            "ALTER TABLE ADD COLUMN",
            ["breaks_running_application", "fails_on_data"],
        ),
        ("ALTER TABLE t ADD c uuid DEFAULT gen_random_uuid()", "ALTER TABLE ADD COLUMN", ["table_rewrite"]),
        ("ALTER TABLE t ADD c serial", "ALTER TABLE ADD COLUMN", ["table_rewrite"]),
        ("ALTER TABLE t ADD c int GENERATED ALWAYS AS IDENTITY", "ALTER TABLE ADD COLUMN", ["table_rewrite"]),
        ("ALTER TABLE t ADD c int GENERATED ALWAYS AS (a + 1) STORED", "ALTER TABLE ADD COLUMN", ["table_rewrite"]),
        ("ALTER TABLE t ADD c int GENERATED ALWAYS AS (a + 1) VIRTUAL", "ALTER TABLE ADD COLUMN", []),
        ("ALTER TABLE t ADD c int UNIQUE", "ALTER TABLE ADD COLUMN", ["blocks_reads"]),
        ("ALTER TABLE t DROP COLUMN a", "ALTER TABLE DROP COLUMN", ["breaks_running_application", "data_loss"]),
        ("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE SET NOT NULL", ["breaks_running_application"]),
        ("ALTER TABLE t ALTER a DROP NOT NULL", "ALTER TABLE DROP NOT NULL", []),
        ("ALTER TABLE t ALTER a SET DEFAULT 1", "ALTER TABLE SET DEFAULT", []),
        ("ALTER TABLE t ALTER a DROP DEFAULT", "ALTER TABLE DROP DEFAULT", []),
        (
            "ALTER TABLE t ALTER a TYPE numeric(10,2)",
            "ALTER TABLE ALTER COLUMN TYPE",
            ["breaks_running_application", "data_loss", "fails_on_data", "table_rewrite"],
        ),
        (
            "ALTER TABLE t ALTER a TYPE text",
            "ALTER TABLE ALTER COLUMN TYPE",
            ["breaks_running_application", "not_reversible", "table_rewrite"],
        ),
        (
            "ALTER TABLE t ADD CHECK (a > 0)",
            "ALTER TABLE ADD CHECK",
            ["blocks_reads", "breaks_running_application", "fails_on_data"],
        ),
        ("ALTER TABLE t ADD CHECK (a > 0) NOT VALID", "ALTER TABLE ADD CHECK", ["breaks_running_application"]),
        (
            "ALTER TABLE t ADD PRIMARY KEY (a)",
            "ALTER TABLE ADD PRIMARY KEY",
            ["breaks_running_application"],
        ),
        ("ALTER TABLE t RENAME a TO c", "ALTER TABLE RENAME", ["breaks_running_application"]),
        ("ALTER TABLE t RENAME TO u", "ALTER TABLE RENAME", ["breaks_running_application"]),
        ("ALTER TABLE t RENAME CONSTRAINT a TO c", "ALTER TABLE RENAME", []),
        ("ALTER TABLE t SET SCHEMA s", "ALTER TABLE SET SCHEMA", ["breaks_running_application", "not_reversible"]),
        ("ALTER TABLE t OWNER TO r", "ALTER TABLE OWNER TO", ["not_reversible", "privileges"]),
        (
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE ENABLE ROW LEVEL SECURITY",
            ["not_reversible", "privileges"],
        ),
        ("ALTER TABLE t SET UNLOGGED", "ALTER TABLE SET UNLOGGED", ["data_loss", "table_rewrite"]),
        ("ALTER TABLE t REPLICA IDENTITY FULL", "ALTER TABLE REPLICA IDENTITY", ["not_reversible", "published_table"]),
        (
            "ALTER TABLE t DETACH PARTITION u",
            "ALTER TABLE DETACH PARTITION",
            ["blocks_reads", "breaks_running_application", "not_reversible"],
        ),
        ("DROP TABLE t", "DROP TABLE", ["breaks_running_application", "data_loss"]),
        ("TRUNCATE t", "TRUNCATE", ["blocks_reads", "data_loss"]),
        ("INSERT INTO t VALUES (1)", "INSERT", ["not_reversible"]),
        ("UPDATE t SET a = 1", "UPDATE", ["blocks_writes", "not_reversible"]),
        ("DELETE FROM t", "DELETE", ["blocks_writes", "data_loss"]),
        ("ALTER TYPE e ADD VALUE 'y'", "ALTER TYPE ADD VALUE", ["not_reversible"]),
        ("ALTER TYPE e RENAME VALUE 'x' TO 'y'", "ALTER TYPE RENAME VALUE", ["breaks_running_application"]),
        ("DROP TYPE e", "DROP TYPE", ["breaks_running_application", "not_reversible"]),
        ("VACUUM FULL t", "VACUUM", ["table_rewrite"]),
    ],
)
def test_on_an_object_that_is_there(text: str, kind: str, wanted: list[str]) -> None:
    assert (one(text).kind, names(text)) == (kind, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE t ADD c int NOT NULL",
        "ALTER TABLE t ADD c serial",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t ALTER a SET NOT NULL",
        "ALTER TABLE t ALTER a TYPE text",
        "ALTER TABLE t ADD CHECK (a > 0)",
        "ALTER TABLE t ADD UNIQUE (a)",
        "ALTER TABLE t RENAME a TO c",
        "ALTER TABLE t OWNER TO r",
        "CREATE UNIQUE INDEX i ON t (a)",
        "DROP TABLE t",
        "TRUNCATE t",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "ALTER TYPE e ADD VALUE 'y'",
        "DROP TYPE e",
        "ALTER TABLE t RENAME TO u; ALTER TABLE u DROP a",
    ],
)
def test_on_an_object_that_the_file_makes_nothing_is_dangerous(text: str) -> None:
    assert names(NEW + text) == []


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW", []),
        ("DROP VIEW v", "DROP VIEW", ["breaks_running_application", "not_reversible"]),
        ("REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW", ["blocks_reads"]),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REFRESH MATERIALIZED VIEW", []),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE FUNCTION", []),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "CREATE FUNCTION",
            ["privileges"],
        ),
        ("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", "CREATE TRIGGER", []),
        ("DROP TRIGGER g ON t", "DROP TRIGGER", ["breaks_running_application", "not_reversible"]),
        ("CREATE POLICY p ON t USING (true)", "CREATE POLICY", ["privileges"]),
        ("GRANT SELECT ON t TO r", "GRANT", ["not_reversible", "privileges"]),
        ("REVOKE SELECT ON t FROM r", "REVOKE", ["breaks_running_application", "not_reversible", "privileges"]),
        ("CREATE ROLE r", "CREATE ROLE", ["leaves_database", "not_reversible", "privileges"]),
        ("CREATE EXTENSION pg_trgm", "CREATE EXTENSION", []),
        ("COMMENT ON COLUMN t.a IS 'x'", "COMMENT ON", []),
        ("CREATE SEQUENCE s", "CREATE SEQUENCE", []),
        ("CREATE PUBLICATION p FOR TABLE t", "CREATE PUBLICATION", []),
        ("ALTER PUBLICATION p ADD TABLE t", "ALTER PUBLICATION", ["not_reversible", "published_table"]),
        ("CALL p()", "CALL", ["not_reversible", "unknown_locks"]),
        ("SELECT f()", "SELECT", ["not_reversible", "unknown_locks"]),
        ("SELECT count(*), now() FROM t", "SELECT", []),
        ("WITH d AS (DELETE FROM t RETURNING a) SELECT * FROM d", "SELECT", ["blocks_writes", "data_loss"]),
        ("DO $$ BEGIN DELETE FROM t; END $$", "DO", ["not_reversible", "unknown_locks"]),
        ("DO $$ BEGIN EXECUTE 'x'; END $$", "DO", ["not_reversible", "unknown_locks"]),
        ("DO $$ BEGIN PERFORM f(); END $$", "DO", ["not_reversible", "unknown_locks"]),
        ("DO $$ BEGIN RAISE EXCEPTION 'x'; END $$", "DO", ["not_reversible", "unknown_locks"]),
        ("DO $$ BEGIN PERFORM 1 FROM t FOR UPDATE; END $$", "DO", ["not_reversible", "unknown_locks"]),
        ("DO LANGUAGE plperl 'x'", "DO", ["not_reversible", "unknown_locks"]),
        ("ALTER SYSTEM SET work_mem = '1MB'", "ALTER SYSTEM", ["leaves_database"]),
        ("COPY t TO PROGRAM 'x'", "COPY TO", ["leaves_database"]),
        ("COPY (SELECT a FROM t) TO STDOUT", "COPY TO", []),
        ("COPY (DELETE FROM t RETURNING *) TO STDOUT", "COPY TO", ["blocks_writes", "data_loss"]),
        ("COPY (SELECT setval('s', 77)) TO STDOUT", "COPY TO", ["not_reversible", "unknown_locks"]),
        (
            "WITH m AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM m",
            "INSERT",
            ["blocks_writes", "data_loss"],
        ),
        (
            "INSERT INTO u WITH m AS (DELETE FROM t RETURNING *) SELECT * FROM m",
            "INSERT",
            ["blocks_writes", "data_loss"],
        ),
        (
            "CREATE TABLE u AS WITH m AS (DELETE FROM t RETURNING *) SELECT * FROM m",
            "CREATE TABLE AS",
            ["blocks_writes", "data_loss"],
        ),
        ("CREATE TABLE u AS SELECT purge()", "CREATE TABLE AS", ["not_reversible", "unknown_locks"]),
        ("SELECT purge() INTO u", "SELECT INTO", ["not_reversible", "unknown_locks"]),
        ("INSERT INTO u SELECT purge()", "INSERT", ["not_reversible", "unknown_locks"]),
        ("INSERT INTO u VALUES (gen_random_uuid(), nextval('s'), now())", "INSERT", ["not_reversible"]),
        ("SELECT dblink_exec('x', 'DROP TABLE t')", "SELECT", ["leaves_database", "not_reversible", "unknown_locks"]),
        ("ALTER FUNCTION f() SECURITY DEFINER", "ALTER FUNCTION", ["not_reversible", "privileges"]),
        (
            "ALTER VIEW v SET (security_invoker = false)",
            "ALTER VIEW SET (storage parameters)",
            ["not_reversible", "privileges"],
        ),
        ("ALTER FUNCTION f() STABLE", "ALTER FUNCTION", ["not_reversible"]),
        ("EXPLAIN (ANALYZE false) DELETE FROM t", "EXPLAIN", []),
        ("EXPLAIN (ANALYZE) DELETE FROM t", "EXPLAIN", ["blocks_writes", "data_loss", "unknown_locks"]),
        ("REINDEX TABLE t", "REINDEX", ["blocks_writes"]),
        ("REINDEX TABLE CONCURRENTLY t", "REINDEX", []),
    ],
)
def test_other_statements(text: str, kind: str, wanted: list[str]) -> None:
    assert (one(text).kind, names(text)) == (kind, wanted)


def test_a_block_that_only_reads_and_raises_notices_is_not_run() -> None:
    text = """DO $$
        DECLARE n int; r record;
        BEGIN
          SELECT count(*) INTO n FROM "Sale" WHERE total < 0;
          n := n + 1;
          IF n > 0 THEN RAISE WARNING '% sales', n; ELSE RAISE NOTICE 'none'; END IF;
          FOR r IN SELECT id FROM "Sale" LOOP RAISE NOTICE '%', r.id; END LOOP;
        END $$"""
    statement = one(text)
    assert (statement.verdict, statement.entries, statement.hazards) == (Verdict.ANOTHER_WAY, (), ())


@pytest.mark.parametrize("word", ["COMMIT", "ROLLBACK"])
def test_a_block_that_ends_transactions_is_not_carried_out(word: str) -> None:
    statement = one(f"DO $$ BEGIN FOR n IN 1..3 LOOP UPDATE t SET a = n; {word}; END LOOP; END $$")
    assert statement.entries is None
    assert statement.mend.startswith("COMMIT and ROLLBACK cannot be in a block")


@pytest.mark.parametrize("text", ["DROP TABLE n", "TRUNCATE n", "DELETE FROM n", "ALTER TABLE n DROP a"])
def test_what_if_not_exists_makes_may_have_rows(text: str) -> None:
    assert "data_loss" in names(f"CREATE TABLE IF NOT EXISTS n (a int); {text}")
    assert "data_loss" not in names(f"CREATE TABLE n (a int); {text}")


def test_a_backfill_of_a_new_column_loses_no_value() -> None:
    assert names("ALTER TABLE t ADD c int; UPDATE t SET c = 1") == ["blocks_writes"]


def test_the_enum_swap_of_an_orm_breaks_no_name() -> None:
    swap = """BEGIN; CREATE TYPE "E_new" AS ENUM ('a');
        ALTER TABLE t ALTER COLUMN a TYPE "E_new" USING (a::text::"E_new");
        ALTER TYPE "E" RENAME TO "E_old"; ALTER TYPE "E_new" RENAME TO "E"; DROP TYPE "E_old"; COMMIT;"""
    found = {statement.kind: [hazard.name for hazard in statement.hazards] for statement in reading(swap).statements}
    assert (found["ALTER TYPE RENAME"], found["DROP TYPE"]) == ([], [])
    assert found["ALTER TABLE ALTER COLUMN TYPE"] == [
        "table_rewrite",
        "fails_on_data",
        "breaks_running_application",
        "not_reversible",
    ]


def test_a_view_that_is_made_again_is_a_replacement() -> None:
    statements = reading("DROP VIEW v; CREATE VIEW v AS SELECT 1").statements
    assert [one.undecided for one in statements] == [(), ()]


def test_an_alter_table_of_several_subcommands_is_one_statement() -> None:
    statement = one('ALTER TABLE "T" DROP COLUMN a, ADD COLUMN b int NOT NULL, ALTER c SET NOT NULL')
    assert statement.kind == "ALTER TABLE"
    assert statement.summary == "table T: DROP COLUMN, ADD COLUMN, SET NOT NULL"
    assert [(hazard.name, hazard.object) for hazard in statement.hazards] == [
        ("data_loss", "T.a"),
        ("breaks_running_application", "T.a"),
        ("fails_on_data", "T.b"),
        ("breaks_running_application", "T.b"),
        ("breaks_running_application", "T.c"),
    ]
    assert statement.entries is not None
    assert [entry.section for entry in statement.entries] == ["statements", "columns", "columns"]
    assert statement.entries[0].content["sql"] == 'ALTER TABLE "T" DROP COLUMN a'


@pytest.mark.parametrize(
    "text",
    ["BEGIN", "START TRANSACTION", "COMMIT", "SAVEPOINT s", "SET lock_timeout = '2s'", "SET client_encoding = 'UTF8'",
     "SET LOCAL statement_timeout = 0", "SELECT pg_catalog.set_config('search_path', '', false)", "RESET ALL",
     "LOCK TABLE t", "SET default_tablespace = ''", "SELECT 1"],
)  # fmt: skip
def test_what_the_session_does_needs_no_step(text: str) -> None:
    statement = reading(f"{text}; COMMIT").statements[0]
    assert (statement.verdict, statement.entries) == (Verdict.ANOTHER_WAY, ())
    assert statement.instead


@pytest.mark.parametrize(
    "text",
    [
        "ROLLBACK",
        "ROLLBACK TO s",
        "PREPARE TRANSACTION 'x'",
        "SET standard_conforming_strings = off",
        "SET client_encoding = 'LATIN1'",
    ],
)
def test_what_has_no_meaning_here_is_not_understood(text: str) -> None:
    statement = one(text)
    assert (statement.verdict, statement.entries) == (Verdict.NOT_UNDERSTOOD, None)
    assert statement.mend


@pytest.mark.parametrize(
    "text",
    [
        "SET timezone = 'America/New_York'",
        "SET TIME ZONE 'UTC'",
        "SET LOCAL DateStyle = 'ISO, DMY'",
        "SET intervalstyle = 'sql_standard'",
        "SET default_text_search_config = 'pg_catalog.german'",
        "SET array_nulls = off",
        "SET transform_null_equals = on",
        "SET xmloption = document",
        "SET role = admin",
    ],
)
def test_a_setting_that_changes_what_the_file_means_is_refused(text: str) -> None:
    (line,) = refusals(f"{text};\nALTER TABLE t ADD c timestamptz DEFAULT '2020-01-01'")
    assert line.startswith("m.sql:1:1: ")
    assert "this setting changes what the file does" in line


@pytest.mark.parametrize("text", ["RESET timezone", "SET datestyle TO DEFAULT", "SET array_nulls = on",
                                  "SET xmloption = content", "SET transform_null_equals TO off"])  # fmt: skip
def test_a_setting_that_is_the_usual_one_needs_no_step(text: str) -> None:
    assert one(text).entries == ()


def test_a_query_of_copy_that_writes_is_never_left_out() -> None:
    assert one("COPY (SELECT a FROM t) TO STDOUT").entries == ()
    for query in ("DELETE FROM new RETURNING *", "INSERT INTO t VALUES (1) RETURNING *", "SELECT setval('s', 77)"):
        assert one(f"CREATE TABLE new (a int); COPY ({query}) TO STDOUT").entries is None


@pytest.mark.parametrize(
    "command", ["ALTER a SET DEFAULT 5", "ALTER a DROP DEFAULT", "ALTER a DROP NOT NULL", "ADD c int"]
)
def test_only_is_as_it_is_written_where_psql_leaves_out_the_partitions(command: str) -> None:
    (entry,) = one(f"ALTER TABLE ONLY p {command}").entries or ()
    assert (entry.section, entry.content["sql"]) == ("statements", f"ALTER TABLE ONLY p {command}")


def test_only_is_refused_where_rows_would_be_scanned_under_the_lock() -> None:
    accepted = "-- steady: accept breaks_running_application because it is a test\n"
    (line,) = refusals(f"{accepted}ALTER TABLE ONLY p ALTER a SET NOT NULL")
    assert line.endswith("ONLY leaves out partitions and tables that inherit, which deploy.yml does not: remove it")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "ALTER TABLE u ADD c int; ALTER TABLE u ALTER c SET NOT NULL",
            ["breaks_running_application", "fails_on_data"],
        ),
        ("ALTER TABLE u ADD c int DEFAULT 1; ALTER TABLE u ALTER c SET NOT NULL", []),
        (NEW + "ALTER TABLE t ADD c int; ALTER TABLE t ALTER c SET NOT NULL", []),
    ],
)
def test_not_null_of_a_column_that_is_added(text: str, wanted: list[str]) -> None:
    assert names(text) == wanted


@pytest.mark.parametrize("query", ["1/0", "'t'::regclass", "'t'::regclass, 1", "1/(SELECT count(*) FROM t)"])
def test_a_query_that_stops_psql_is_never_left_out(query: str) -> None:
    (line,) = refusals(f"SELECT {query}")
    assert "it is there to stop psql where it fails" in line
    assert names(f"DO $$ BEGIN PERFORM {query}; END $$") == ["not_reversible", "unknown_locks"]


@pytest.mark.parametrize(
    "query", ["sum(a) / 2 FROM t", "100 / 4", "to_regclass('t')", "a FROM t WHERE o = 't'::regclass"]
)
def test_a_query_that_reports_is_left_out(query: str) -> None:
    assert one(f"SELECT {query}").entries == ()


def test_a_transaction_that_is_chained_is_open_again() -> None:
    lines = refusals("BEGIN;\nCREATE INDEX i ON t (a);\nCOMMIT AND CHAIN;\nCREATE INDEX j ON t (b);")
    assert [line.split(" ")[0] for line in lines] == ["m.sql:3:1:"]


def test_a_transaction_without_its_end_is_not_understood() -> None:
    begin, index = reading("BEGIN;\nCREATE INDEX i ON t (a);").statements
    assert begin.verdict is Verdict.NOT_UNDERSTOOD
    assert begin.mend.startswith("COMMIT is missing: psql would undo all that follows")
    assert index.verdict is Verdict.ANOTHER_WAY


def test_every_statement_of_the_grammar_is_read_by_somebody() -> None:
    """But those that are parts of others, or that no file can contain."""
    parts = {"PLAssignStmt", "RawStmt", "ReturnStmt", "SetOperationStmt", "ReplicaIdentityStmt"}
    assert {name for name in dir(ast) if name.endswith("Stmt")} - parts == set(_HANDLERS)
