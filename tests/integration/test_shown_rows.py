# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Values of rows leave the database only with steady_show_rows: every way out is tried, without it and with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.clients.client import client_of, run_program
from ansible_collections.steady.postgresql.plugins.module_utils._backup.clients.programs import newest_programs
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.verification import verify
from ansible_collections.steady.postgresql.plugins.module_utils._evidence.evidence import Wanted, take_evidence
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.plugin_utils._evidence_verdicts import (
    probe_verdicts,
    query_verdicts,
)
from ansible_collections.steady.postgresql.plugins.plugin_utils._expectation import judge_queries
from integration.cluster import Cluster, Database
from integration.sessions import background, held, wait_until
from lab.installations import installation

pytestmark = pytest.mark.postgres

SECRET = "Zw7qk9"
FILL = f"""
CREATE TABLE p (id text PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, word text, twice text, none text, note text);
INSERT INTO p VALUES ('there');
INSERT INTO t VALUES (1, '{SECRET}', '{SECRET}', '{SECRET}', 'there'), (2, 'x', '{SECRET}', NULL, 'there');
CREATE FUNCTION told(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
  IF $1 IS NOT NULL THEN RAISE EXCEPTION 'told of %', $1 USING ERRCODE = '42501', DETAIL = $1, HINT = $1; END IF;
  RETURN $1; END $$;
CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'no %', old.word; END $$;
CREATE TRIGGER broken BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION broken();
ALTER TABLE t ADD CONSTRAINT t_word CHECK (word <> 'never');
"""
KEY = {"table": "t", "name": "k", "columns": ["word"], "references": {"table": "p", "columns": ["id"]}}
JOURNAL = (
    "SELECT pg_catalog.string_agg(x, ' ') FROM (SELECT d::text FROM steady.deployment d UNION ALL"
    " SELECT s::text FROM steady.step s UNION ALL SELECT a::text FROM steady.attempt a) AS r(x)"
)


@pytest.fixture
def rows(cluster: Cluster) -> Database:
    database = cluster.database()
    database.execute(FILL)
    return database


def journal(database: Database) -> str:
    return str(database.value(JOURNAL)) if database.journal() else ""


def failed(run: Callable[[], Any]) -> str:
    with pytest.raises(SteadyError) as refused:
        run()
    error = refused.value
    return f"{error} {error.facts}"


# -- refusals and failures of a deployment -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"foreign_keys": [KEY]}, "2 rows of"),
        ({"indexes": [{"table": "t", "columns": ["twice"], "unique": True}]}, "1 key occurs more than once in"),
        ({"columns": [{"table": "t", "name": "none", "nullable": False}]}, '1 row of "public"."t" has no none'),
    ],
)
def test_rows_that_contradict_are_counted_and_psql_shows_them(rows: Database, entry: dict[str, Any], said: str) -> None:
    """The primary key of the row without a value is secret enough to be left out, too."""
    rows.execute("ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD COLUMN key text")
    rows.execute(f"UPDATE t SET key = '{SECRET}' || id; ALTER TABLE t ADD PRIMARY KEY (key)")
    hidden = failed(lambda: rows.apply({"id": "m", **entry}, show_rows=False))
    assert SECRET not in hidden
    assert said in hidden
    query = hidden.split("(here steady_show_rows: true does): ")[1].split(";")[0]
    assert SECRET in str(rows.execute(query))
    assert SECRET in failed(lambda: rows.apply({"id": "m", **entry}))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("(word::int)", "invalid text representation"),
        ("told(word)", "a function of the database raised insufficient privilege"),
    ],
)
def test_what_the_server_says_at_a_step(rows: Database, expression: str, said: str) -> None:
    """A data exception; and what a function says, whatever SQLSTATE it says it with."""
    migration = {"id": "m", "indexes": [{"table": "t", "name": "i", "columns": [{"expression": expression}]}]}
    hidden = failed(lambda: rows.apply(migration, show_rows=False))
    assert said in hidden
    assert SECRET not in hidden + journal(rows)
    assert SECRET in failed(lambda: rows.apply(migration))
    assert SECRET in journal(rows)


def test_a_row_that_comes_while_a_constraint_is_added(rows: Database) -> None:
    """DETAIL of the server, and the question that is asked again."""
    rows.execute("UPDATE t SET word = 'there'")
    for show in (False, True):
        with (
            held(rows, f"INSERT INTO t VALUES (7, '{SECRET}', '', '', '')") as writer,
            background(lambda show=show: rows.apply({"id": "m", "foreign_keys": [KEY]}, show_rows=show)) as run,
        ):
            wait_until(
                lambda: rows.journal() and rows.value("SELECT count(*) FROM steady.step WHERE status = 'running'")
            )
            writer.release()
            error = run.exception()
        assert isinstance(error, SteadyError)
        assert "1 row of" in error.why
        assert (SECRET in f"{error} {error.facts} {journal(rows)}") is show
        rows.rollback()
        rows.execute("DROP TRIGGER IF EXISTS broken ON t; DELETE FROM t WHERE id = 7")


# -- verification and evidence -----------------------------------------------------------------------------------------

QUESTIONS = {
    "id": "m",
    "verification": {
        "queries": [
            {"name": "answer", "sql": "SELECT word FROM t", "expect": "length(@) == `9`"},
            {"name": "value", "sql": "SELECT word FROM t ORDER BY id", "expect": "[0].word"},
            {"name": "type", "sql": "SELECT word FROM t ORDER BY id", "expect": "abs([0].word) == `1`"},
            {"name": "shown", "sql": "SELECT word FROM t"},
            {"name": "error", "sql": "SELECT word::int FROM t", "expect": "`true`"},
            {"name": "count", "sql": "SELECT count(*) AS n, min(word) AS m FROM t", "expect": "[0].n == `77`"},
        ]
    },
    "probes": [
        {"name": "answer", "sql": "UPDATE t SET note = word RETURNING word", "expect": "rowcount == `9`"},
        {"name": "raised", "sql": "DELETE FROM t", "expect": "rowcount == `9`"},
        {"name": "detail", "sql": "UPDATE t SET word = 'never'", "expect": "rowcount == `9`"},
        {"name": "cast", "sql": "UPDATE t SET id = word::int", "expect": "rowcount == `9`"},
        {
            "name": "after",
            "sql": "UPDATE t SET note = ''",
            "expect": "rowcount == `2`",
            "follow_up": [{"sql": "SELECT word FROM t", "expect": "rowcount == `9`"}],
        },
    ],
    "queries": [
        {"name": "cast", "sql": "SELECT word::int FROM t"},
        {
            "name": "literal",
            "sql": "SELECT * FROM t WHERE word = %(word)s",
            "sample_by": {"table": "t", "column": "word"},
        },
    ],
}


@pytest.mark.parametrize("show", [False, True])
def test_answers_of_queries_and_probes(rows: Database, show: bool) -> None:
    options = rows.options(show_rows=show, budget_ms=2000)
    result = verify(QUESTIONS, options)
    assert (SECRET in str(result["queries"][3])) is show, "what is not judged stays in the database"
    judge_queries(result, show)
    found = take_evidence(QUESTIONS, Wanted("before"), options)["evidence"]
    probes = probe_verdicts(QUESTIONS, found, True, show)
    queries = query_verdicts(QUESTIONS, found, True)
    details = {check["name"]: check["detail"] for check in result["verification"] if check["kind"] == "query"}
    for name, said in details.items():
        assert (SECRET in said) is show, (name, said)
    assert "'n': 2" in details["count"], "what counts rows is no row"
    for probe in probes:
        assert probe["before"]["status"] in ("ok", "failed"), probe
        assert show or SECRET not in str(probe), probe
    assert (SECRET in str(probes)) is show
    assert SECRET not in str(queries[1])
    assert (SECRET in str(queries[0])) is show
    kept = rows.value("SELECT pg_catalog.string_agg((content - 'values')::text, '') FROM steady.evidence")
    messages = rows.value(
        "SELECT pg_catalog.string_agg(p.value ->> 'message', ' ') FROM steady.evidence e,"
        " pg_catalog.jsonb_each(e.content -> 'probes') p"
    )
    assert "constraint" in messages
    assert (SECRET in messages) is show
    assert kept


# -- PostgreSQL's programs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verbose", [[], ["--set=VERBOSITY=verbose"]])
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (f"INSERT INTO p VALUES ('{SECRET}'), ('{SECRET}');", "duplicate key value violates unique constraint"),
        (f"CREATE TABLE n (n int);\nCOPY n FROM stdin;\n{SECRET}\n\\.\n", "invalid input syntax for type integer"),
        (f"CREATE TABLE n (n int);\nCOPY n FROM stdin;\n1\t{SECRET}\n\\.\n", "extra data after last expected column"),
        ("SELECT * FROM nowhere;", 'relation "nowhere" does not exist'),
    ],
)
def test_what_programs_say_of_the_server(rows: Database, verbose: list[str], sql: str, said: str) -> None:
    """A restore, its proof, and a restore in place end so."""
    programs = newest_programs(str(installation().bin_dir))
    for show in (False, True):
        target = rows.options(show_rows=show).target(rows.options(show_rows=show).address(), "test")
        session, _server = target.first_session()
        try:
            with client_of(session, target.parameters, "test") as client:
                psql = [programs.path("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *verbose]
                done = run_program([*psql, f"--dbname={client.dsn}"], client, supply=[sql.encode()])
        finally:
            session.close()
        assert done.status != 0
        assert said in done.errors
        assert (SECRET in done.errors) is (show and SECRET in sql), done.errors
        rows.execute("DROP TABLE IF EXISTS n")
