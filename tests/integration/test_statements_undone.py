# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A file in SQL is undone exactly by what the catalog had before, or refused before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import load
from integration.cluster import Database

pytestmark = pytest.mark.postgres

Read = Callable[[str], "dict[str, Any]"]

THERE = """
CREATE FUNCTION tax(integer) RETURNS integer LANGUAGE sql STABLE AS 'SELECT $1';
REVOKE ALL ON FUNCTION tax FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tax TO pg_monitor;
COMMENT ON FUNCTION tax IS 'it''s due';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public
  AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER stamped BEFORE UPDATE OF note, total ON "Order" FOR EACH ROW WHEN (OLD.note IS DISTINCT FROM NEW.note)
  EXECUTE FUNCTION stamp();
COMMENT ON TRIGGER stamped ON "Order" IS 'when; it''s "late"';
ALTER TABLE "Order" DISABLE TRIGGER stamped;
CREATE POLICY own ON "Order" AS RESTRICTIVE FOR UPDATE TO pg_monitor, pg_read_all_data USING (note <> '')
  WITH CHECK (total > 0);
COMMENT ON POLICY own ON "Order" IS 'their own';
CREATE RULE quiet AS ON DELETE TO "Category" DO INSTEAD (SELECT 1; SELECT 2);
ALTER TABLE "Category" DISABLE RULE quiet;
CREATE TYPE mood AS ENUM ('b', 'it''s a');
ALTER TYPE mood ADD VALUE 'first' BEFORE 'b';
COMMENT ON TYPE mood IS 'of the day';
GRANT USAGE ON TYPE mood TO pg_monitor;
CREATE VIEW plain WITH (security_barrier) AS SELECT 2 AS one;
CREATE VIEW above AS SELECT one FROM plain;
"""
BREAKS = "-- steady: accept breaks_running_application because it is a test\n"
PRIVILEGES = "-- steady: accept privileges because it is a test\n"

UNDONE = {
    "a function with a default": (
        "CREATE OR REPLACE FUNCTION tax(integer DEFAULT 7) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2';"
    ),
    "a function whose parameter gets a name": (
        "CREATE OR REPLACE FUNCTION tax(amount integer) RETURNS integer LANGUAGE sql AS 'SELECT amount * 2';"
    ),
    "a function of which a trigger depends": (
        "CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';"
    ),
    "a view of the same columns, with a view above it": "CREATE OR REPLACE VIEW plain AS SELECT 3 AS one;",
    "a view that gets a column": "CREATE OR REPLACE VIEW above AS SELECT one, 2 AS two FROM plain;",
    "a trigger replaced": (
        'CREATE OR REPLACE TRIGGER stamped AFTER INSERT ON "Order" FOR EACH ROW EXECUTE FUNCTION nothing();'
    ),
    "a trigger, a policy, a rule and a type dropped": (
        f'{BREAKS}DROP TRIGGER stamped ON "Order";\n{PRIVILEGES}DROP POLICY own ON public."Order";\n'
        f'{BREAKS}DROP RULE quiet ON "Category";\n{BREAKS}DROP TYPE mood;'
    ),
    "a policy and a trigger made anew": (
        f'{PRIVILEGES}DROP POLICY IF EXISTS own ON "Order";\n{PRIVILEGES}CREATE POLICY own ON "Order" USING (true);\n'
        f'DROP TRIGGER IF EXISTS stamped ON "Order";\n{BREAKS}DROP TRIGGER IF EXISTS nothing ON "Order";\n'
        'CREATE TRIGGER stamped BEFORE DELETE ON "Order" FOR EACH ROW EXECUTE FUNCTION nothing();'
    ),
    "a rule replaced": f'{BREAKS}CREATE OR REPLACE RULE quiet AS ON DELETE TO "Category" DO ALSO SELECT 3;',
    "a type that is renamed, made anew and dropped": (
        "ALTER TYPE mood RENAME TO mood_old; CREATE TYPE mood AS ENUM ('b'); DROP TYPE mood_old;"
    ),
    "what is not there is not renamed": (
        f'{BREAKS}ALTER TABLE IF EXISTS gone RENAME TO "Category";\n{BREAKS}ALTER VIEW IF EXISTS plain RENAME TO v;\n'
        f"ALTER VIEW IF EXISTS v RENAME TO w;\n{BREAKS}ALTER TABLE IF EXISTS gone RENAME COLUMN note TO total;\n"
        f'{BREAKS}ALTER TABLE IF EXISTS "Order" RENAME COLUMN note TO remark;'
    ),
}


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a migration of the given content, as a playbook does."""
    monkeypatch.chdir(tmp_path)

    def content(text: str) -> dict[str, Any]:
        file = Path("m.sql")
        file.write_text(text, encoding="utf-8")
        return load(file)

    return content


@pytest.mark.parametrize("text", UNDONE.values(), ids=UNDONE)
def test_it_is_undone_exactly(database: Database, read: Read, text: str) -> None:
    database.execute(THERE)
    before = database.dump()
    assert database.apply(read(text))["changed"]
    assert database.dump() != before
    database.rollback()
    assert database.dump() == before


REFUSED = {
    "a view that gains a column under another view": "CREATE OR REPLACE VIEW plain AS SELECT 3 AS one, 4 AS two;",
    "a view whose columns nobody can count": "CREATE OR REPLACE VIEW plain AS SELECT * FROM (SELECT 5 AS one) AS x;",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_could_not_be_undone_is_said_before_the_change(database: Database, read: Read, text: str) -> None:
    database.execute(THERE)
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(Refused, match="since other objects depend on it") as refused:
            database.apply(read(text), check=check)
    assert "-- steady: accept not_reversible because …" in str(refused.value)
    accepted = read(f"-- steady: accept not_reversible because it may stay\n{text}")
    database.apply(accepted)
    with pytest.raises(Refused, match="cannot be undone: it may stay"):
        database.rollback()


def test_default_privileges_do_not_come_with_what_is_made_again(database: Database, read: Read) -> None:
    database.execute(THERE)
    database.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO pg_monitor")
    before = database.dump()
    database.apply(read(f"{BREAKS}DROP VIEW above;"))
    database.rollback()
    assert database.dump() == before


def test_what_something_depends_on_that_stays_is_left_out_and_the_rest_undone(database: Database, read: Read) -> None:
    database.apply(
        read(
            "COMMENT ON TABLE \"Order\" IS 'new';\nCREATE TYPE kind AS ENUM ('a');\n"
            "CREATE TABLE kinds (k kind);\n"
            "-- steady: accept not_reversible because it is a test\n"
            'INSERT INTO "Category" SELECT * FROM "Category" LIMIT 0 RETURNING 1;\n'
            f'{BREAKS}ALTER TABLE "Order" RENAME COLUMN note TO remark;\n'
        )
    )
    database.execute("INSERT INTO kinds VALUES ('a')")
    undone = database.rollback(partial=True)
    left = {one["object"]: " ".join(one["reasons"]) for one in undone["left_out"]}
    assert undone["status"] == "rolled_back"
    assert set(left) == {"INSERT: rows of Category", "CREATE TABLE: table kinds", "CREATE TYPE: type kind"}
    assert "something that stays depends on it" in left["CREATE TYPE: type kind"]
    assert database.value("SELECT obj_description('\"Order\"'::regclass)") is None
    assert database.value("SELECT count(*) FROM pg_attribute WHERE attname = 'remark'") == 0
    assert database.value("SELECT count(*) FROM kinds") == 1
    with pytest.raises(Refused, match='"kinds" has rows by now'):
        database.rollback()
