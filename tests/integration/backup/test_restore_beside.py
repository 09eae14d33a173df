# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What lies beside the live database is closed to others, and nothing is left behind by an exchange."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from integration.backup.backing_up import Shop, refusal
from lab.installations import installation
from lab.server import Server

_COMMENT = (
    "SELECT shobj_description(oid, 'pg_database'), datacl::text, datconnlimit FROM pg_database WHERE datname = %s"
)
_NEW = "SELECT datname FROM pg_database WHERE starts_with(datname, 'shop_new_')"


@pytest.fixture(scope="module")
def machine(postgres_major: int) -> Iterator[Server]:
    """A server with logical replication."""
    with Server.start(postgres_major, settings={"wal_level": "logical", "autovacuum": "off"}) as server:
        yield server


@pytest.fixture
def shop(machine: Server, tmp_path: Path) -> Iterator[Shop]:
    """A database with one table."""
    made = Shop(machine, "shop", tmp_path / "backups", str(installation().bin_dir))
    machine.create_database(made.name)
    made.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    yield made
    made.remove()


def test_no_comment_stays_none_and_undo_takes_what_the_last_restore_kept(shop: Shop) -> None:
    """A16, S24, B34"""
    facts = shop.server.execute(_COMMENT, (shop.name,))
    shop.back_up()
    first = shop.restore()
    assert shop.server.execute(_COMMENT, (shop.name,)) == facts == [(None, None, -1)]
    second = shop.restore()
    shop.server.execute(second["drop_command"])
    shop.server.execute('CREATE DATABASE "shop_pre_20990101t000000z-abcd"')
    shown = refusal(lambda: shop.restore(undo=True))
    assert first["kept_database"] in shown.why
    assert shop.server.execute(_COMMENT, (shop.name,)) == facts
    # The chain goes back as it came: what was put aside for the database that is live now.
    third = shop.restore()
    assert shop.restore(undo=True)["swapped_back"] == third["kept_database"]
    assert shop.server.execute(_COMMENT, (shop.name,)) == facts


def test_nobody_else_connects_to_what_is_being_restored(shop: Shop) -> None:
    """S13: by a superuser and by the owner"""
    shop.server.execute("CREATE ROLE intruder LOGIN; CREATE ROLE keeper LOGIN CREATEDB")
    try:
        shop.execute(
            "CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_sleep(0.7); RETURN true; END'; CREATE TABLE slow (a int CHECK (slowly()));"
            " INSERT INTO slow VALUES (1); ALTER DATABASE shop OWNER TO keeper; ALTER TABLE t OWNER TO keeper;"
            " ALTER TABLE slow OWNER TO keeper; ALTER FUNCTION slowly() OWNER TO keeper"
        )
        shop.back_up(proof="list")
        for user in ("postgres", "keeper"):
            with shop.running(lambda user=user: shop.restore(user, swap=False)) as outcome:
                ((name,),) = shop.until(outcome, lambda: shop.server.execute(_NEW))
                tried = 0
                while not outcome:
                    asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = %s"
                    if not shop.server.execute(asleep, (name,)):
                        continue
                    with pytest.raises(psycopg2.OperationalError):
                        shop.server.connect(name, "intruder")
                    tried += 1
                    break
                assert tried
            assert "error" not in outcome, outcome
            shop.server.connect(name, "intruder").close()
            shop.server.drop_database(name)
    finally:
        shop.remove()
        shop.server.execute("DROP ROLE intruder; DROP ROLE keeper")


def test_slots_and_subscriptions_are_named_before_an_exchange(shop: Shop) -> None:
    """A16, S8"""
    shop.back_up()
    shop.execute("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')")
    try:
        for check in (True, False):
            shown = refusal(lambda check=check: shop.restore(check=check))
            assert 'the slot "cdc"' in shown.why
            assert "pg_drop_replication_slot('cdc')" in shown.todo
    finally:
        shop.execute("SELECT pg_drop_replication_slot('cdc')")
    shop.execute("CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false)")
    try:
        said = shop.back_up(proof="restore")["backup"]
        assert "subscriptions, which a restore does not make: sub" in said["left_out"]
        assert shop.databases() == ["shop"]
        assert 'the subscription "sub"' in refusal(lambda: shop.restore(check=True)).why
        copy = shop.restore(swap=False)["new_database"]
        assert shop.server.execute("SELECT 1 FROM pg_subscription WHERE subname <> 'sub'", database=copy) == []
        shop.server.drop_database(copy)
    finally:
        shop.execute("ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub")
    assert shop.restore()["kept_database"]


def test_settings_of_roles_that_end_sessions(shop: Shop) -> None:
    """B22"""
    if shop.server.installation.major < 14:
        pytest.skip("idle_session_timeout is PostgreSQL 14's")
    shop.execute(
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_catalog.pg_sleep(0.02); RETURN $1; END';"
        " CREATE TABLE s (id int PRIMARY KEY, g int GENERATED ALWAYS AS (slow(id)) STORED);"
        " INSERT INTO s SELECT generate_series(1, 60); CREATE INDEX ON s (g); CREATE TABLE t2 (id int REFERENCES s)"
    )
    shop.server.execute("ALTER ROLE postgres SET idle_session_timeout = '400ms'")
    shop.server.execute("ALTER ROLE postgres SET statement_timeout = '50ms'")
    try:
        assert shop.back_up(proof="restore", jobs=4)["backup"]["proof"] == "restore"
    finally:
        # Our own session for this would be cut off, too.
        with psycopg2.connect(shop.server.url("postgres", options="-c statement_timeout=0")) as connection:
            connection.cursor().execute("ALTER ROLE postgres RESET ALL")


def test_a_function_that_leans_on_search_path(shop: Shop) -> None:
    """B21: what helps is said, and helps"""
    shop.execute(
        "CREATE FUNCTION g(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';"
        " CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN g($1); END';"
        " CREATE TABLE lean (a text, b text GENERATED ALWAYS AS (f(a)) STORED); INSERT INTO lean (a) VALUES ('X')"
    )
    for check in (True, False):
        (said,) = [text for text in shop.back_up(check=check)["backup"]["left_out"] if "search_path" in text]
        assert "public.f(text) of default value for column b of table public.lean names g without a schema" in said
        assert "backup_proof=restore" in said
    shown = refusal(lambda: shop.back_up(proof="restore"))
    assert "ALTER FUNCTION … SET search_path" in shown.todo
    assert "same command again" not in shown.todo
    shop.execute(sql.SQL("ALTER FUNCTION f(text) SET search_path = public"))
    assert shop.back_up(proof="restore")["backup"]["proof"] == "restore"
    assert not [text for text in shop.back_up()["backup"]["left_out"] if "search_path" in text]
    # What it calls by its full name leans itself; an operator and a materialized view are no other.
    shop.execute(
        "ALTER FUNCTION f(text) RESET search_path;"
        " CREATE OR REPLACE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN RETURN public.g($1); END';"
        " CREATE FUNCTION h(int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ($1 + 1)::text';"
        " CREATE FUNCTION eq(text, int) RETURNS bool IMMUTABLE LANGUAGE sql AS $$ SELECT $1 = h($2) $$;"
        " CREATE OPERATOR === (LEFTARG = text, RIGHTARG = int, FUNCTION = eq);"
        " ALTER TABLE lean ADD CHECK (a === 7 IS NOT NULL)"
    )
    (said,) = [text for text in shop.back_up(check=True)["backup"]["left_out"] if "search_path" in text]
    assert "public.eq(text,integer) of constraint lean_a_check on table public.lean names h" in said
    assert "public.g(text)" not in said
    assert "public.f(text)" not in said


def test_what_the_owner_cannot_restore_is_said_by_check_mode(shop: Shop) -> None:
    """B33"""
    shop.execute("CREATE ROLE keeper LOGIN; CREATE ROLE helper")
    try:
        shop.execute(
            "ALTER DATABASE shop OWNER TO keeper; ALTER TABLE t OWNER TO keeper;"
            " CREATE VIEW of_the_superuser AS SELECT 1; CREATE SCHEMA h AUTHORIZATION helper;"
            " CREATE VIEW h.of_the_helper AS SELECT 1; ALTER VIEW h.of_the_helper OWNER TO helper;"
            " CREATE PUBLICATION everything FOR ALL TABLES;"
            " ALTER DATABASE shop SET log_min_duration_statement = 0;"
            " ALTER ROLE postgres IN DATABASE shop SET work_mem = '5MB'"
        )
        shop.back_up()
        shown = str(refusal(lambda: shop.restore("keeper", check=True)))
        assert "ALTER ROLE … CREATEDB" in shown
        assert "only a superuser sets log_min_duration_statement for the database" in shown
        assert "only a superuser sets work_mem for the role postgres in the database" in shown
        assert "something in it belongs to the superuser postgres" in shown
        assert 'belongs to the role helper, of which this one is no member: GRANT "helper" TO "keeper"' in shown
        assert "only a superuser creates the publication everything (for all tables" in shown
        shop.execute("ALTER ROLE keeper CREATEDB; ALTER DATABASE shop RESET ALL; GRANT helper TO keeper")
        shop.execute("DROP PUBLICATION everything; DROP VIEW of_the_superuser")
        shop.back_up()
        shop.execute("ALTER ROLE postgres IN DATABASE shop RESET ALL")
        assert shop.restore("keeper")["kept_database"]
    finally:
        shop.remove()
        shop.server.execute("DROP ROLE keeper; DROP ROLE helper")


def test_a_folder_that_others_may_write_to(shop: Shop) -> None:
    """S33"""
    shop.folder.mkdir(mode=0o700)
    shop.folder.chmod(0o777)
    for check in (True, False):
        assert "chmod go-w" in refusal(lambda check=check: shop.back_up(check=check)).todo
    shop.folder.chmod(0o700)
    assert shop.back_up(check=True)["status"] == "planned"
