# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Statements that are run as they are written: once, under the lock policy, with the owner's rights, and undone."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import JournaledAttempt
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused, SteadyError
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres


def migration(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "m", "statements": list(statements), **more}


def statement(sql: str, *undo: str, **more: Any) -> dict[str, Any]:
    return {"name": sql, "sql": sql, **({} if "not_reversible" in more else {"undo": list(undo)}), **more}


TABLE = statement("CREATE TABLE n (id int)", "DROP TABLE n", makes=[{"type": "table", "names": ["n"]}])


class Crash(BaseException):
    """The process is gone."""


def test_a_statement_is_run_once_whatever_becomes_of_the_process(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction says itself that it is done: a process that ends just after it leaves nothing to guess."""
    database.execute("CREATE TABLE counted (n int)")
    wanted = migration(statement("INSERT INTO counted VALUES (1)", "DELETE FROM counted WHERE n = 1"))

    def crash(*_arguments: Any) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(JournaledAttempt, "ends", crash)
        with pytest.raises(Crash):
            database.apply(wanted)
    assert database.value("SELECT count(*) FROM counted") == 1
    assert database.value("SELECT status FROM steady.step") == "done"
    done = database.apply(wanted)
    assert (done["changed"], done["steps"]) == (False, [])
    assert database.value("SELECT count(*) FROM counted") == 1
    database.rollback()
    assert database.value("SELECT count(*) FROM counted") == 0
    assert database.apply(wanted)["changed"]
    assert database.value("SELECT count(*) FROM counted") == 1


def test_after_a_failure_the_same_command_goes_on_behind_what_is_done(database: Database) -> None:
    database.execute("CREATE TABLE counted (n int)")
    first = statement("INSERT INTO counted VALUES (1)", not_reversible="a test")
    with pytest.raises(SteadyError) as failed:
        database.apply(
            migration(first, statement("INSERT INTO counted SELECT 1 / count(*) - 1 FROM pg_am WHERE false"))
        )
    assert "division by zero" in str(failed.value)
    assert "1 of 2 steps" in str(failed.value)
    second = statement("INSERT INTO counted VALUES (2)", not_reversible="a test")
    assert [step["name"] for step in database.apply(migration(first, second))["steps"]] == [second["name"]]
    assert database.execute("SELECT n FROM counted ORDER BY n") == [(1,), (2,)]


def test_one_that_was_run_with_another_text_is_refused(database: Database) -> None:
    database.apply(migration({**TABLE, "name": "the table"}))
    changed = migration({**TABLE, "name": "the table", "sql": "CREATE TABLE n (id bigint)"})
    with pytest.raises(Refused, match="was run with another text: CREATE TABLE n"):
        database.apply(changed)


def test_what_it_made_is_there_or_the_verification_says_so(database: Database) -> None:
    database.apply(migration(TABLE))
    assert database.verify(migration(TABLE))["verification"][0]["status"] == "ok"
    database.execute("DROP TABLE n")
    check = database.verify(migration(TABLE))["verification"][0]
    assert (check["status"], "table n is not there any more" in check["detail"]) == ("failed", True)


def test_what_is_there_already_is_refused_before_anything_is_changed(database: Database) -> None:
    database.execute("CREATE TABLE n (other text)")
    with database.nothing_changed(), pytest.raises(Refused, match="table n is there already"):
        database.apply(migration(statement("CREATE TABLE before (id int)", "DROP TABLE before"), TABLE))


def test_what_the_server_does_not_accept_is_refused_before_anything_is_changed(database: Database) -> None:
    wrong = statement("CREATE TABLE w (a no_such_type)", "DROP TABLE w", makes=[{"type": "table", "names": ["w"]}])
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(Refused, match='type "no_such_type" does not exist'):
            database.apply(migration(TABLE, wrong), check=check)


@pytest.mark.parametrize(
    "query",
    ["SELECT nextval('s') AS n", "(SELECT nextval('s') AS n)", "WITH x AS (SELECT 1) SELECT nextval('s') AS n FROM x"],
)
def test_no_query_is_run_for_the_plan(database: Database, query: str) -> None:
    database.execute("CREATE SEQUENCE s")
    table = statement(f"CREATE TABLE c AS {query}", "DROP TABLE c", makes=[{"type": "table", "names": ["c"]}])
    with database.nothing_changed():
        database.apply(migration(table), check=True)
    assert database.value("SELECT is_called FROM s") is False
    database.apply(migration(table))
    assert database.value("SELECT n FROM c") == 1


def test_a_table_that_has_rows_by_now_is_not_dropped(database: Database) -> None:
    database.apply(migration(TABLE))
    database.execute("INSERT INTO n VALUES (1)")
    for check in (True, False):
        with pytest.raises(Refused, match="has rows by now, which would be lost with the table"):
            database.rollback(check=check)
    assert database.rollback(partial=True)["left_out"][0]["object"] == TABLE["name"]
    assert database.value("SELECT count(*) FROM n") == 1


def test_rows_that_come_after_the_question_are_seen_under_the_lock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.apply(migration(TABLE))
    begins = JournaledAttempt.begins

    def write_first(self: JournaledAttempt, *arguments: Any) -> None:
        database.execute("INSERT INTO n VALUES (1)")
        begins(self, *arguments)

    monkeypatch.setattr(JournaledAttempt, "begins", write_first)
    with pytest.raises(SteadyError, match="the table has rows by now, which would be lost"):
        database.rollback()
    assert database.value("SELECT count(*) FROM n") == 1


def test_without_a_journal_none_is_run(database: Database) -> None:
    with database.nothing_changed(), pytest.raises(Refused, match="only the journal knows"):
        database.apply(migration(TABLE), journal=False)


def test_one_that_takes_too_long_is_rolled_back(database: Database) -> None:
    slow = statement("UPDATE \"Order\" SET note = 'x' || pg_sleep(0.01)::text", not_reversible="a test", limit_ms=200)
    began = time.monotonic()
    with pytest.raises(SteadyError) as failed:
        database.apply(migration({**slow, "locks": [{"table": "Order"}], "mode": "ROW EXCLUSIVE"}))
    assert time.monotonic() - began < 10
    assert "it was not done within 200 ms, and was rolled back." in str(failed.value)
    assert database.value("SELECT count(*) FROM \"Order\" WHERE note = 'x'") == 0


def test_whoever_reads_does_not_wait_behind_it(database: Database) -> None:
    """A transaction holds the table; the statement waits for it in attempts, and readers are not held up by these."""
    holder = database.connect()
    holder.autocommit = False
    holder.cursor().execute('SELECT count(*) FROM "Order"')
    wanted = migration(
        statement('ALTER TABLE "Order" DROP COLUMN doc', not_reversible="a test", locks=[{"table": "Order"}])
    )
    result: list[Any] = []
    running = threading.Thread(target=lambda: result.append(database.apply(wanted)))
    running.start()
    longest, until = 0.0, time.monotonic() + 3
    while time.monotonic() < until:
        began = time.monotonic()
        database.value('SELECT count(*) FROM "Order"')
        longest = max(longest, time.monotonic() - began)
    holder.rollback()
    running.join(60)
    holder.close()
    assert [one["changed"] for one in result] == [True]
    assert longest < 1, f"a reader waited for {longest:.2f} s"


def test_code_of_the_tables_owner_does_not_run_with_a_superusers_rights(cluster: Cluster) -> None:
    cluster.role("owner")
    database = cluster.database()
    database.execute(
        "CREATE TABLE t (v text); CREATE TABLE log (who text); GRANT ALL ON log TO PUBLIC;"
        " CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO public.log VALUES (current_user); RETURN NULL; END';"
        " ALTER FUNCTION note_it OWNER TO owner; ALTER TABLE t OWNER TO owner;"
        " CREATE TRIGGER g AFTER INSERT OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION note_it()"
    )
    database.apply(
        migration(
            statement("INSERT INTO t VALUES ('x')", "DELETE FROM t", locks=[{"table": "t"}], mode="ROW EXCLUSIVE")
        )
    )
    assert database.execute("SELECT who FROM log") == [("owner",)]
    assert database.value("SELECT status FROM steady.step") == "done"
    database.rollback()
    assert database.execute("SELECT DISTINCT who FROM log") == [("owner",)]
    assert database.value("SELECT count(*) FROM t") == 0


def test_a_role_that_owns_its_tables_alone_runs_and_undoes_them(cluster: Cluster) -> None:
    cluster.role("dep")
    database = cluster.database()
    database.execute("GRANT CREATE ON SCHEMA public TO dep")
    database.execute(f'GRANT CREATE ON DATABASE "{database.name}" TO dep')
    before = database.dump()
    database.apply(migration(TABLE), user="dep")
    assert database.value("SELECT tableowner::text FROM pg_tables WHERE tablename = 'n'") == "dep"
    database.rollback(user="dep")
    assert database.dump() == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("COMMIT", 'begins with "COMMIT"'),
        ("SELECT 1; DROP TABLE x", "is more than one statement"),
        ("VACUUM", 'begins with "VACUUM"'),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "builds or drops an index CONCURRENTLY"),
        ("SET ROLE postgres", 'begins with "SET ROLE"'),
    ],
)
def test_what_cannot_run_in_the_transaction_of_a_step_is_refused(database: Database, sql: str, said: str) -> None:
    with database.nothing_changed(), pytest.raises(Refused, match=said):
        database.apply(migration(statement(sql)))


@pytest.mark.parametrize("undo", ["COMMIT", "DROP TABLE n; DROP TABLE m"])
def test_an_undo_that_others_wrote_into_the_journal_is_not_run(database: Database, undo: str) -> None:
    database.apply(migration(TABLE))
    database.execute("UPDATE steady.step SET after = jsonb_set(after, '{undo}', jsonb_build_array(%s))", (undo,))
    with pytest.raises(SteadyError, match="an image that the collection did not write"):
        database.rollback()
    assert database.oid("n")


def test_a_plan_waits_for_no_view_that_it_would_replace(database: Database) -> None:
    """CREATE OR REPLACE VIEW takes ACCESS EXCLUSIVE on the view: it is not tried while the plan is made."""
    database.execute("CREATE VIEW shown AS SELECT 1 AS one")
    makes = [{"type": "view", "names": ["shown"]}]
    replacing = statement("CREATE OR REPLACE VIEW shown AS SELECT 2 AS one", makes=makes, if_there="replace")
    wanted = migration(replacing, statement("COMMENT ON VIEW shown IS 'two'", "COMMENT ON VIEW shown IS NULL"))
    waited = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shown'::regclass"
    planned: list[Any] = []
    thread = threading.Thread(target=lambda: planned.append(database.apply(wanted, check=True)))
    reader = database.connect()
    with reader.cursor() as cursor:
        cursor.execute("BEGIN; SELECT * FROM shown")
        seen = []
        thread.start()
        while thread.is_alive():
            seen.append(database.value(waited))
            time.sleep(0.02)
        thread.join()
    reader.close()
    assert seen
    assert not any(seen)
    assert [step["status"] for step in planned[0]["steps"]] == ["planned", "planned"]
    database.apply(wanted)
    assert database.value("SELECT one FROM shown") == 2
    database.rollback()
    assert database.value("SELECT one FROM shown") == 1
