# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The rows that an INSERT, UPDATE or DELETE of a migration writes are kept, and a rollback brings them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import JournaledAttempt
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused, SteadyError
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import load
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

TABLE = (
    "CREATE TABLE t (id int PRIMARY KEY, v int, w text); INSERT INTO t VALUES (1, 1, 'a'), (2, 5, NULL), (3, 1, 'c')"
)
UPDATE = {
    "sql": "UPDATE t SET v = v + 1 WHERE v = 1",
    "keep_rows": {
        "command": "UPDATE",
        "table": "t",
        "columns": ["v"],
        "locking": "SELECT t.* FROM t WHERE v = 1 FOR NO KEY UPDATE OF t",
    },
}
DELETE = {"sql": "DELETE FROM t WHERE v = 1", "keep_rows": {"command": "DELETE", "table": "t"}}
INSERT = {
    "sql": "INSERT INTO t SELECT id + 10, v, w FROM t ON CONFLICT DO NOTHING",
    "keep_rows": {"command": "INSERT", "table": "t"},
}
ALL = {"UPDATE": UPDATE, "DELETE": DELETE, "INSERT": INSERT}


class Crash(BaseException):
    """The process is gone."""


def migration(*statements: dict[str, Any]) -> dict[str, Any]:
    common = {"undo": [], "locks": [{"table": "t"}], "mode": "ROW EXCLUSIVE"}
    return {"id": "m", "statements": [{"name": one["sql"], **common, **one} for one in statements]}


def rows(database: Database) -> Any:
    return database.execute("SELECT * FROM t ORDER BY id")


def kept_tables(database: Database) -> int:
    return int(database.value("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('steady_kept')::oid"))


@pytest.mark.parametrize("owner", [False, True])
@pytest.mark.parametrize("command", ALL)
def test_they_come_back(cluster: Cluster, command: str, owner: bool) -> None:
    database = cluster.database()
    database.execute(TABLE)
    if owner:
        cluster.role("owner")
        database.execute("ALTER TABLE t OWNER TO owner")
    before = rows(database)
    wanted = migration(ALL[command])
    assert database.apply(wanted, check=True)["changed"]
    assert rows(database) == before
    done = database.apply(wanted)
    assert rows(database) != before
    assert [note for note in done["notes"] if f"that {command} wrote: what a rollback needs is kept in" in note]
    assert "lasting" not in done["steps"][0]
    assert kept_tables(database) == 1
    assert not database.apply(wanted)["changed"]
    assert database.rollback(check=True)["changed"]
    back = database.rollback()
    assert (rows(database), kept_tables(database), back["left_out"]) == (before, 0, [])
    assert not [note for note in back["notes"] if "did not come back" in note]
    assert not database.rollback()["changed"]
    assert database.apply(wanted)["changed"]


def test_all_three_in_one_migration_with_an_earlier_column(database: Database) -> None:
    database.execute(TABLE)
    before = rows(database)
    fill = {
        "sql": "UPDATE t SET n = 'x', v = 9",
        "keep_rows": {
            "command": "UPDATE",
            "table": "t",
            "columns": ["n", "v"],
            "locking": "SELECT t.* FROM t FOR NO KEY UPDATE OF t",
        },
    }
    column = {
        "sql": "ALTER TABLE t ADD COLUMN n text",
        "undo": ["ALTER TABLE t DROP COLUMN n"],
        "mode": "ACCESS EXCLUSIVE",
    }
    first, rest = ({**DELETE, "sql": f"DELETE FROM t WHERE id {which}"} for which in ("= 1", "> 1"))
    database.apply(migration(UPDATE, column, fill, INSERT, first, rest))
    assert rows(database) == []
    assert kept_tables(database) == 5
    database.rollback()
    assert (rows(database), kept_tables(database)) == (before, 0)
    assert database.value("SELECT to_regnamespace('steady_kept') IS NULL")


@pytest.mark.parametrize("command", ALL)
def test_nothing_is_kept_of_a_statement_that_writes_no_row(database: Database, command: str) -> None:
    database.execute(TABLE + "; TRUNCATE t")
    wanted = migration(ALL[command])
    done = database.apply(wanted)
    assert database.value("SELECT to_regnamespace('steady_kept') IS NULL")
    assert not [note for note in done["notes"] if "is kept in" in note]
    assert not database.apply(wanted)["changed"]
    database.rollback()
    assert not database.value("SELECT EXISTS (SELECT FROM t)")


def test_what_the_application_changed_since_stays_and_is_said(database: Database) -> None:
    database.execute(TABLE)
    database.apply(migration(UPDATE))
    database.execute("UPDATE t SET v = 7 WHERE id = 1")
    back = database.rollback()
    assert rows(database) == [(1, 7, "a"), (2, 5, None), (3, 1, "c")]
    (note,) = [note for note in back["notes"] if "did not come back" in note]
    assert '1 row of "public"."t" did not come back, since they were changed after UPDATE' in note
    assert kept_tables(database) == 1


@pytest.mark.parametrize("command", ALL)
def test_a_process_that_ends_leaves_all_or_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Both in the deployment and in the rollback: the next run of the same command goes on."""
    database.execute(TABLE)
    before = rows(database)
    wanted = migration(ALL[command])

    def crash(*_arguments: Any) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(JournaledAttempt, "ends", crash)
        with pytest.raises(Crash):
            database.apply(wanted)
    after = rows(database)
    assert (after != before, kept_tables(database)) == (True, 1)
    assert not database.apply(wanted)["changed"]
    with monkeypatch.context() as patched:
        patched.setattr(JournaledAttempt, "ends", crash)
        with pytest.raises(Crash):
            database.rollback()
    assert (rows(database), kept_tables(database)) == (before, 0)
    database.rollback()
    assert (rows(database), kept_tables(database)) == (before, 0)


@pytest.mark.parametrize("command", ALL)
def test_without_a_key_somebody_has_to_accept_it_first(database: Database, command: str) -> None:
    database.execute(TABLE + "; ALTER TABLE t DROP CONSTRAINT t_pkey")
    with database.nothing_changed(), pytest.raises(Refused, match="has neither a primary key nor another unique key"):
        database.apply(migration(ALL[command]))
    done = database.apply(migration({**ALL[command], "not_reversible": "a test"}))
    assert (done["steps"][0]["lasting"], kept_tables(database)) == (True, 0)
    with pytest.raises(Refused, match="cannot be undone: a test"):
        database.rollback()


def test_what_a_trigger_does_is_not_kept_and_has_to_be_accepted(database: Database) -> None:
    database.execute(
        TABLE + "; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"
    )
    before = rows(database)
    with database.nothing_changed(), pytest.raises(Refused, match="but not what the trigger g does"):
        database.apply(migration(UPDATE))
    database.apply(migration({**UPDATE, "not_reversible": "a test"}))
    database.rollback()
    assert rows(database) == before


def test_rows_that_are_not_kept_any_more_are_said_before_anything_is_undone(database: Database) -> None:
    database.execute(TABLE)
    database.apply(migration(UPDATE))
    database.execute("DROP SCHEMA steady_kept CASCADE")
    with database.nothing_changed(), pytest.raises(Refused, match="the rows from before are not kept any more"):
        database.rollback()


def test_a_condition_that_means_other_rows_each_time_changes_nothing(database: Database) -> None:
    database.execute(TABLE)
    other = {**UPDATE, "keep_rows": {**UPDATE["keep_rows"], "locking": "SELECT t.* FROM t WHERE false FOR UPDATE"}}
    before = rows(database)
    with pytest.raises(SteadyError, match="it wrote rows that were not there, or not meant"):
        database.apply(migration(other))
    assert (rows(database), kept_tables(database)) == (before, 0)


SQL = {
    "an update of all": "UPDATE t SET v = 0;",
    "an update with other tables": (
        "WITH high AS (SELECT max(v) AS v FROM t) UPDATE ONLY public.t AS \"T\" SET (v, w) = (SELECT u.n, 'x')"
        ' FROM u LEFT JOIN high ON true WHERE u.id = "T".id AND "T".v < high.v -- the others'
    ),
    "an insert": "INSERT INTO t (id, v) VALUES (7, 1), (1, 1) ON CONFLICT (id) DO NOTHING;",
    "an insert of a query": "INSERT INTO public.t AS n SELECT n + 10, n FROM u WHERE EXISTS (SELECT FROM t);",
    "a delete with other tables": "DELETE FROM t USING u WHERE t.id = u.id AND u.n > 3;",
    "several after one another": (
        "ALTER TABLE t ADD COLUMN z text DEFAULT 'z';\nUPDATE t SET z = w, v = v * 2 WHERE w IS NOT NULL;\n"
        "DELETE FROM t WHERE id = 2;\nINSERT INTO t VALUES (2, 3, 'y', 'z');\nUPDATE t SET v = id;"
    ),
}


def read(folder: Path, text: str) -> dict[str, Any]:
    file = folder / "m.sql"
    file.write_text(text)
    return load(file)


@pytest.mark.parametrize("what", SQL)
def test_a_file_in_sql_needs_no_decision(database: Database, tmp_path: Path, what: str) -> None:
    database.execute(TABLE + "; CREATE TABLE u (id int, n int); INSERT INTO u VALUES (1, 7), (1, 8), (2, 9), (3, 2)")
    before = rows(database)
    wanted = read(tmp_path, SQL[what])
    done = database.apply(wanted)
    assert not [step for step in done["steps"] if step.get("lasting")]
    assert rows(database) != before
    assert kept_tables(database) > 0
    database.rollback()
    assert (rows(database), kept_tables(database)) == (before, 0)


def test_what_is_accepted_is_kept_as_far_as_that_is_possible(database: Database, tmp_path: Path) -> None:
    database.execute(TABLE + "; CREATE TABLE c (t int CONSTRAINT k REFERENCES t ON DELETE CASCADE)")
    before = rows(database)
    with pytest.raises(Refused, match="but not what the key k changes in"):
        database.apply(read(tmp_path, "DELETE FROM t;"))
    database.apply(read(tmp_path, "-- steady: accept data_loss because a test\nDELETE FROM t;"))
    database.rollback()
    assert rows(database) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE t SET vv = 1;", '"public"."t" has no column vv'),
        ("DELETE FROM nothing;", 'there is no table "public"."nothing"'),
        ("INSERT INTO t VALUES (9, 9, '');\nUPDATE t SET vv = 1;", '"public"."t" has no column vv'),
    ],
)
def test_what_a_file_writes_to_and_nothing_makes_is_said_in_check_mode(
    database: Database, tmp_path: Path, sql: str, said: str
) -> None:
    database.execute(TABLE)
    (tmp_path / "m.sql").write_text(sql)
    for check in (True, False):
        with pytest.raises(Refused) as refused:
            database.apply(load(tmp_path / "m.sql"), check=check)
        assert said in str(refused.value)
        assert "accept" not in str(refused.value)
    assert len(rows(database)) == 3


def test_what_the_file_makes_first_is_written_to(database: Database, tmp_path: Path) -> None:
    database.execute(TABLE)
    (tmp_path / "m.sql").write_text(
        "ALTER TABLE t ADD COLUMN vv int;\nUPDATE t SET vv = v;\nCREATE TABLE u (id int PRIMARY KEY);\n"
        "INSERT INTO u SELECT id FROM t;\n"
    )
    wanted = load(tmp_path / "m.sql")
    assert database.apply(wanted, check=True)["changed"]
    database.apply(wanted)
    assert database.value("SELECT count(*) FROM t JOIN u USING (id) WHERE vv = v") == 3
    database.rollback()
    assert len(rows(database)[0]) == 3
    assert database.value("SELECT to_regclass('u')") is None
