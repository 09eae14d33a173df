# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The rows that a statement writes are kept in its own transaction, and come back where nobody has changed them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg2.errors
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.session import Session
from ansible_collections.steady.postgresql.plugins.module_utils._model.kept_rows import (
    DELETE,
    INSERT,
    UPDATE,
    Keeping,
    read_rows,
    read_store,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.kept_rows_sql import bring_back, keep
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

TABLE = ("Other", 'Every "v" t')
SETUP = """
CREATE SCHEMA "Other";
SET search_path TO "Other", public;
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE pair AS (a float8, b timestamptz);
CREATE DOMAIN short AS varchar(20) CHECK (VALUE <> 'never');
CREATE TABLE "Every ""v"" t" (
  k uuid DEFAULT gen_random_uuid(), "K 2" int GENERATED ALWAYS AS IDENTITY, f float8, n numeric, t timestamptz,
  j json, jb jsonb, b bytea, a int[], m mood, ms mood[], p pair, s short, long text, c text COLLATE "C",
  twice numeric GENERATED ALWAYS AS (n * 2) STORED, PRIMARY KEY (k, "K 2"));
ALTER TABLE "Every ""v"" t" ALTER long SET STORAGE EXTERNAL;
INSERT INTO "Every ""v"" t" (f, n, t, j, jb, b, a, m, ms, p, s, long, c) VALUES
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('NaN', 'NaN', 'infinity', '{"a" :1}', '{"a": 1.00}', '\\xdead00', '{1,NULL,3}', 'low', '{low,high}',
   ROW(0.1::float8 + 0.2::float8, '-infinity'), 'x', repeat('0123456789', 20000), E'a\\nb'),
  ('-0', 1.00, '0044-03-15 10:00 BC', '[]', 'null', '', '{}', 'high', '{}', ROW(NULL, NULL), '', '', '');
"""


def _session(database: Database) -> Session:
    connection = database.connect()
    session = Session(connection)
    session.execute("SET search_path TO pg_catalog, pg_temp")
    return session


def _rows(database: Database) -> Any:
    """Every row with every value, as PostgreSQL writes it."""
    return database.execute('SELECT r::text FROM "Other"."Every ""v"" t" AS r ORDER BY k, "K 2"')


def _keep(session: Session, keeping: Keeping, sql: str, role: str | None = None) -> Keeping:
    rows = read_rows(session, keeping)
    assert rows is not None
    assert (rows.problem, rows.partly) == ("", ())
    path = 'SET LOCAL search_path TO "Other", public'
    statements = keep(keeping, rows, read_store(session), "step", role, [path], sql)
    session.execute("; ".join(["BEGIN", *statements, "COMMIT"]))
    return replace(keeping, kept="step", key=rows.key)


def _undo(session: Session, keeping: Keeping, role: str | None = None) -> int:
    """How many rows are left in steady_kept."""
    rows = read_rows(session, keeping)
    assert rows is not None
    session.execute("; ".join(["BEGIN", *bring_back(keeping, rows, role, []), "COMMIT"]))
    return int(session.one("SELECT count(*) AS left FROM steady_kept.step")["left"])


SET_ALL = (
    "UPDATE \"Every \"\"v\"\" t\" AS e SET f = 1, n = 1.0, t = now(), j = '1', jb = '1', b = 'x', a = '{9}',"
    " m = 'low', ms = '{low}', p = ROW(1, now()), s = 'y', long = 'z', c = 'c' FROM generate_series(1, 2) AS g"
)
COLUMNS = ("f", "n", "t", "j", "jb", "b", "a", "m", "ms", "p", "s", "long", "c")
WRITES = {
    UPDATE: (
        Keeping(UPDATE, TABLE, "e", COLUMNS, 'SELECT e.* FROM "Every ""v"" t" AS e FOR NO KEY UPDATE OF e'),
        SET_ALL + " -- all",
    ),
    DELETE: (Keeping(DELETE, TABLE, 'Every "v" t'), 'DELETE FROM "Every ""v"" t"'),
    INSERT: (
        Keeping(INSERT, TABLE, 'Every "v" t'),
        'INSERT INTO "Every ""v"" t" (f, n, j, m, p) SELECT f, n, j, m, p FROM "Every ""v"" t"',
    ),
}


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("role", [None, "owner"])
def test_all_values_come_back_as_they_were(cluster: Cluster, verb: str, role: str | None) -> None:
    database = cluster.database()
    database.execute(SETUP)
    if role is not None:
        cluster.role(role)
        database.execute('GRANT USAGE ON SCHEMA "Other" TO owner; ALTER TABLE "Other"."Every ""v"" t" OWNER TO owner')
    before = _rows(database)
    session = _session(database)
    kept = _keep(session, *WRITES[verb], role)
    assert _rows(database) != before
    assert database.value("SELECT count(*) FROM steady_kept.step") == 3
    assert (
        database.value(
            "SELECT count(*) FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a"
            " WHERE c.relnamespace = 'steady_kept'::regnamespace AND a.grantee <> c.relowner"
        )
        == 0
    )
    assert _undo(session, kept, role) == 0
    assert _rows(database) == before
    session.close()


@pytest.mark.parametrize(
    ("verb", "change"),
    [
        (UPDATE, 'UPDATE {} SET n = 1.00 WHERE "K 2" = 2'),
        (UPDATE, 'DELETE FROM {} WHERE "K 2" = 2'),
        (
            DELETE,
            'INSERT INTO {} (k, "K 2") OVERRIDING SYSTEM VALUE SELECT k, "K 2" FROM steady_kept.step WHERE "K 2" = 2',
        ),
        (INSERT, 'UPDATE {} SET long = $$$$ WHERE "K 2" = 5'),
    ],
)
def test_what_the_application_changed_is_left(cluster: Cluster, verb: str, change: str) -> None:
    database = cluster.database()
    database.execute(SETUP)
    session = _session(database)
    kept = _keep(session, *WRITES[verb])
    name = '"Other"."Every ""v"" t"'
    database.execute(change.format(name))
    theirs = database.execute(f'SELECT r::text FROM {name} AS r WHERE "K 2" IN (2, 5)')
    assert _undo(session, kept) == 1
    # On an UPDATE the application's change of one column stays, and nothing else of that row comes back.
    assert database.execute(f'SELECT r::text FROM {name} AS r WHERE "K 2" IN (2, 5)') == theirs
    assert database.value(f"SELECT count(*) FROM {name}") == len(theirs) + 2
    session.close()


def test_a_table_without_a_key_is_refused(database: Database) -> None:
    database.execute("CREATE TABLE loose (a int)")
    session = _session(database)
    rows = read_rows(session, Keeping(DELETE, ("public", "loose"), "loose"))
    assert rows is not None
    assert "neither a primary key nor another unique key" in rows.problem
    session.close()


def test_a_row_that_comes_between_the_lock_and_the_update_ends_the_transaction(cluster: Cluster) -> None:
    """What was not locked is not changed: the error names the table in steady_kept, and it can be tried again."""
    database = cluster.database()
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 5)")
    session = _session(database)
    keeping = Keeping(
        UPDATE, ("public", "t"), "t", ("v",), "SELECT t.* FROM public.t WHERE v = 1 FOR NO KEY UPDATE OF t"
    )
    rows = read_rows(session, keeping)
    assert rows is not None
    statements = keep(keeping, rows, read_store(session), "step", None, [], "UPDATE public.t SET v = 2 WHERE v = 1")
    written = next(place for place, text in enumerate(statements) if text.startswith("WITH"))
    session.execute("; ".join(["BEGIN", *statements[:written]]))
    database.execute("UPDATE t SET v = 1 WHERE id = 2")
    with pytest.raises(psycopg2.errors.NotNullViolation) as ended:
        session.execute("; ".join([*statements[written:], "COMMIT"]))
    assert ended.value.diag.schema_name == "steady_kept"
    session.execute("ROLLBACK")
    session.execute("; ".join(["BEGIN", *statements, "COMMIT"]))
    assert _undo(session, replace(keeping, kept="step", key=rows.key)) == 0
    assert database.execute("SELECT * FROM t ORDER BY id") == [(1, 1), (2, 1)]
    session.close()


def test_what_is_referred_to_by_now_stays_and_rows_without_a_parent_stay_away(cluster: Cluster) -> None:
    database = cluster.database()
    database.execute(
        "CREATE TABLE p (id int PRIMARY KEY);"
        " CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE);"
        " INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1, 1), (2, 2), (3, NULL)"
    )
    session = _session(database)
    deleted = _keep(session, Keeping(DELETE, ("public", "c"), "c"), "DELETE FROM public.c")
    database.execute("DELETE FROM p WHERE id = 1")
    assert _undo(session, deleted) == 1
    assert database.execute("SELECT * FROM c ORDER BY id") == [(2, 2), (3, None)]
    database.execute("DROP TABLE steady_kept.step")
    inserted = _keep(session, Keeping(INSERT, ("public", "p"), "p"), "INSERT INTO public.p VALUES (7), (8)")
    database.execute("INSERT INTO c VALUES (8, 8)")
    assert _undo(session, inserted) == 1
    assert database.execute("SELECT id FROM p ORDER BY id") == [(2,), (8,)]
    session.close()


@pytest.mark.parametrize(
    ("more", "verb", "said"),
    [
        (
            "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            UPDATE,
            "what the trigger g does",
        ),
        ("CREATE TABLE c (t int CONSTRAINT k REFERENCES t ON DELETE CASCADE)", DELETE, "what the key k changes in"),
    ],
)
def test_what_else_a_statement_changes_is_named(cluster: Cluster, more: str, verb: str, said: str) -> None:
    database = cluster.database()
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v int); " + more)
    session = _session(database)
    rows = read_rows(session, Keeping(verb, ("public", "t"), "t", ("v",) if verb == UPDATE else ()))
    assert rows is not None
    assert [one for one in rows.partly if said in one]
    session.close()
