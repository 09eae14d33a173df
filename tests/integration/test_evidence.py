# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Probes and measurements on a real server: what is tried is rolled back, and what is measured is real."""

from __future__ import annotations

import json
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._evidence.evidence import Wanted, take_evidence
from ansible_collections.steady.postgresql.plugins.module_utils._locks.wait_watch import WaitWatch
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.plugin_utils._evidence_verdicts import (
    probe_verdicts,
    query_verdicts,
    storage_verdicts,
)
from integration.ansible_command import run_module
from integration.cluster import Cluster, Database
from integration.sessions import Probe, background, held, wait_until

pytestmark = pytest.mark.postgres

CHANGE: dict[str, Any] = {
    "id": "one",
    "columns": [{"table": "Order", "name": "customerId", "nullable": True}],
    "indexes": [{"table": "Order", "name": "wanted", "columns": ["tenantId", "placedAt"]}],
    "foreign_keys": [
        {
            "name": "Order_customerId_fkey",
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "set_null",
        }
    ],
}
SAMPLE = 'SELECT "customerId" AS customer_id, id AS order_id FROM "Order" ORDER BY id LIMIT 1'
DELETE = 'DELETE FROM "Customer" WHERE id = %(customer_id)s'
DELETABLE = {
    "name": "a customer can be deleted",
    "params": SAMPLE,
    "sql": DELETE,
    "expect": "rowcount == `1`",
    "timeout": "2s",
    "follow_up": [
        {
            "sql": 'SELECT "customerId" AS customer FROM "Order" WHERE id = %(order_id)s',
            "expect": "length(rows) == `1` && rows[0].customer == `null`",
        }
    ],
}
SET_NULL = (
    'ALTER TABLE "Order" ALTER "customerId" DROP NOT NULL, DROP CONSTRAINT "Order_customerId_fkey",'
    ' ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" ON DELETE SET NULL;'
)
COUNTS = 'SELECT (SELECT count(*) FROM "Customer"), (SELECT count(*) FROM "Order"), (SELECT count(*) FROM "Category")'


def evidence(database: Database, migration: dict[str, Any], moment: str = "after", **arguments: Any) -> dict[str, Any]:
    """What is measured at a moment."""
    user = arguments.pop("user", "postgres")
    check = arguments.pop("check", False)
    return take_evidence(migration, Wanted(moment, **arguments), database.options(user, check=check))["evidence"]


def tried(database: Database, *probes: dict[str, Any], **arguments: Any) -> list[dict[str, Any]]:
    """What came of probes; rows and schema are those from before."""
    migration = {**CHANGE, "probes": list(probes)}
    before = database.execute(COUNTS), database.dump()
    found = evidence(database, migration, "before", **arguments)
    assert (database.execute(COUNTS), database.dump()) == before
    return [verdict["before"] for verdict in probe_verdicts(migration, found, True, True)]


def outcome(database: Database, user: str = "postgres", **probe: Any) -> dict[str, Any]:
    """What came of one probe."""
    (found,) = tried(database, {"name": "p", "expect": "rowcount == `1`", "timeout": "2s", **probe}, user=user)
    return found


def measured(database: Database, *queries: dict[str, Any], apply: bool = True) -> list[dict[str, Any]]:
    """The verdicts on queries, before and after the change."""
    migration = {**CHANGE, "queries": [{"name": f"q{number}", **query} for number, query in enumerate(queries)]}
    evidence(database, migration, "before")
    if apply:
        database.apply(migration)
    return query_verdicts(migration, evidence(database, migration), True)


# -- probes ------------------------------------------------------------------------------------------------------------


def test_what_was_broken_before_works_after_and_nothing_stays(database: Database) -> None:
    migration = {**CHANGE, "probes": [DELETABLE]}
    rows = database.execute(COUNTS)
    evidence(database, migration, "before")
    database.apply(migration)
    found = evidence(database, migration)
    assert database.execute(COUNTS) == rows
    (probe,) = probe_verdicts(migration, found, True, True)
    assert probe["status"] == "ok"
    assert probe["detail"].startswith("works now; before: update or delete on table")
    assert (probe["before"]["status"], probe["before"]["rowcount"]) == ("failed", None)
    assert probe["before"]["sqlstate"] in ("23503", "23001")  # restrict_violation, from 18 on
    assert (probe["after"]["rowcount"], probe["after"]["sqlstate"]) == (1, None)
    assert probe["after"]["follow_up"][0]["rows"] == [{"customer": None}]
    proof = probe["after"]["rolled_back"]
    assert proof["transaction"] == "aborted"
    assert proof["counts"] == {"Customer": [300, 300], "Order": [1500, 1500]}
    assert proof["sequences"] == []


def test_a_probe_is_checked_by_the_keys_whatever_the_database_says(database: Database) -> None:
    """B-own-1: session_replication_role = replica of the database would let a probe delete what a key keeps."""
    database.execute(
        sql.SQL("ALTER DATABASE {} SET session_replication_role = replica").format(sql.Identifier(database.name))
    )
    found = outcome(database, params=SAMPLE, sql=DELETE, expect="sqlstate == '23503' || sqlstate == '23001'")
    assert (found["status"], found["rowcount"]) == ("ok", None)


def test_a_follow_up_that_is_not_met_fails_the_probe(database: Database) -> None:
    follow_up = [{"sql": 'SELECT count(*) AS n FROM "Customer"', "expect": "rows[0].n == `300`"}]
    insert = "INSERT INTO \"Customer\" VALUES ('new', 't1', NULL, 'new', true, now())"
    found = outcome(database, sql=insert, follow_up=follow_up)
    assert found["status"] == "failed"
    assert "'n': 301" in found["detail"]


def test_no_row_is_never_ok(database: Database) -> None:
    none, untouched, unread = tried(
        database,
        {"name": "a", "params": f"{SAMPLE.replace('LIMIT 1', 'LIMIT 0')}", "sql": DELETE, "expect": "`true`"},
        {"name": "b", "sql": "DELETE FROM \"Customer\" WHERE id = 'nobody'", "expect": "rowcount == `0`"},
        {"name": "c", "sql": 'SELECT 1 FROM "Customer" WHERE false', "expect": "`true`"},
    )
    assert (none["status"], "params gave none" in none["detail"]) == ("inconclusive", True)
    assert (untouched["status"], "touched no row" in untouched["detail"]) == ("inconclusive", True)
    assert unread["status"] == "inconclusive"


def test_what_must_not_work_can_be_expected(database: Database) -> None:
    expect = "sqlstate == '23503' || sqlstate == '23001'"
    found = outcome(database, params=SAMPLE, sql=DELETE, expect=expect)
    assert found["status"] == "ok"
    assert found["detail"].endswith("as expected")


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a syntax error": ({"sql": 'DELETE FORM "Customer"'}, 'probes[0].sql: syntax error at or near "FORM"'),
    "on another line": ({"sql": 'DELETE FROM "Customer"\nWHERE id = = 1'}, '"=" (line 2)'),
    "an unknown column": ({"sql": 'DELETE FROM "Customer" WHERE nope = 1'}, 'probes[0].sql: column "nope" does not'),
    "an unknown table": ({"sql": "DELETE FROM nope"}, 'probes[0].sql: relation "nope" does not exist'),
    "params": ({"params": "SELECT nope", "sql": DELETE}, 'probes[0].params: column "nope" does not exist'),
    "params that write": ({"params": "SELECT setval('s', 7)", "sql": DELETE}, "read-only transaction"),
    "a missing parameter": (
        {"params": 'SELECT id FROM "Customer" LIMIT 1', "sql": DELETE},
        "probes[0].sql: %(customer_id)s has no value; params gives: id",
    ),
    "a commit inside": ({"sql": "SELECT commit_it()"}, "probes[0].sql: invalid transaction termination"),
    "a follow-up": (
        {"sql": "SELECT 1 AS x", "follow_up": [{"sql": "SELECT nope", "expect": "`true`"}]},
        'probes[0].follow_up[0].sql: column "nope" does not exist',
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_cannot_be_run_is_refused_with_its_place(database: Database, case: str) -> None:
    database.execute(
        "CREATE SEQUENCE s; CREATE FUNCTION commit_it() RETURNS int LANGUAGE plpgsql AS"
        ' $$ BEGIN DELETE FROM "Order"; COMMIT; RETURN 1; END $$'
    )
    probe, says = FAULTS[case]
    found = outcome(database, **probe)
    assert (found["status"], found["fault"]) == ("refused", True)
    assert says in found["detail"]


@pytest.mark.parametrize("sql", ['DELETE FROM "Order"; COMMIT', "COMMIT", "SELECT '"])
def test_what_could_end_the_transaction_never_gets_to_the_server(database: Database, sql: str) -> None:
    with database.nothing_written(), pytest.raises(SteadyError, match=r"probes\[0\]\.sql: ") as refusal:
        evidence(database, {**CHANGE, "probes": [{"name": "p", "sql": sql, "expect": "`true`"}]}, "before")
    assert "the database was not contacted" in str(refusal.value)


def test_a_check_that_is_put_off_to_the_commit_is_made(database: Database) -> None:
    database.execute('ALTER TABLE "Order" ALTER CONSTRAINT "Order_customerId_fkey" DEFERRABLE INITIALLY DEFERRED')
    database.execute(
        'ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey", ADD CONSTRAINT late FOREIGN KEY ("customerId")'
        ' REFERENCES "Customer" DEFERRABLE INITIALLY DEFERRED'
    )
    found = outcome(database, params=SAMPLE, sql=DELETE)
    assert (found["status"], found["sqlstate"]) == ("failed", "23503")


def test_a_cascade_through_many_rows_is_cut_off_and_keeps_writers_no_longer_waiting(database: Database) -> None:
    database.execute(
        'CREATE TABLE many (id int, "customerId" text REFERENCES "Customer" ON DELETE CASCADE);'
        "INSERT INTO many SELECT n, 'c1' FROM generate_series(1, 150000) AS n;"
        'DELETE FROM "Order" WHERE "customerId" = \'c1\''
    )
    sql = "DELETE FROM \"Customer\" WHERE id = 'c1'"
    with Probe(database, "UPDATE \"Customer\" SET name = name WHERE id = 'c1'", pause=0.02) as writer:
        (found,) = tried(database, {"name": "p", "sql": sql, "expect": "rowcount == `1`", "timeout": "25ms"})
    assert found["status"] == "inconclusive"
    assert found["detail"].startswith("it did not end within 25 ms in 3 attempts")
    assert found["rolled_back"]["transaction"] == "aborted"
    assert database.value("SELECT count(*) FROM many") == 150000
    assert writer.errors == []
    assert max(writer.times_ms) < 1000


def test_rows_that_others_hold_are_not_waited_for(database: Database) -> None:
    with held(database, "UPDATE \"Customer\" SET name = name WHERE id = 'c2'") as holder:
        sql = "DELETE FROM \"Customer\" WHERE id = 'c2'"
        (found,) = tried(database, {"name": "p", "sql": sql, "expect": "`true`", "timeout": "60ms"})
        assert holder.released_at is None
    assert (found["status"], found["attempts"]) == ("inconclusive", 3)


def test_of_two_that_wait_for_each_other_the_probe_yields(database: Database) -> None:
    """The application holds the child and wants the parent, the probe the other way round."""
    database.execute(SET_NULL)
    application = database.connect()
    sample = {"params": "SELECT 'c2' AS customer_id, 1 AS order_id", "sql": DELETE, "timeout": "4s"}
    with application, application.cursor() as cursor:
        cursor.execute('BEGIN; UPDATE "Order" SET note = note WHERE "customerId" = \'c2\'')
        with background(lambda: outcome(database, **sample)) as found:
            wait_until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            cursor.execute("UPDATE \"Customer\" SET name = name WHERE id = 'c2'; COMMIT")
            assert found.result()["status"] in ("ok", "inconclusive")
    application.close()


def test_sequences_that_moved_are_noted(database: Database) -> None:
    database.execute("CREATE TABLE numbered (id serial PRIMARY KEY)")
    found = outcome(database, sql="INSERT INTO numbered DEFAULT VALUES")
    assert found["status"] == "ok"
    assert found["rolled_back"]["sequences"] == ["public.numbered_id_seq"]
    assert found["rolled_back"]["counts"] == {}  # never analyzed: how many rows there are is not known


def test_hidden_rows_are_no_success(cluster: Cluster, database: Database) -> None:
    role = cluster.role()
    database.execute(
        f'GRANT SELECT, DELETE ON "Customer" TO {role}; ALTER TABLE "Customer" ENABLE ROW LEVEL SECURITY;'
        f"CREATE SCHEMA steady AUTHORIZATION {role}"
    )
    found = outcome(database, role, sql="DELETE FROM \"Customer\" WHERE id = 'c1'")
    assert found["status"] == "inconclusive"
    assert "row-level security" in found["detail"]
    database.execute(f"DROP OWNED BY {role}")


def test_check_mode_tries_nothing(database: Database) -> None:
    with database.nothing_written():
        found = evidence(database, {**CHANGE, "probes": [DELETABLE]}, "before", check=True)
    assert (found["before"], found["after"]) == (None, None)


# -- what leaves the database ------------------------------------------------------------------------------------------

_FUNCTION = "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN OLD; END $$;"
_LOGGING = _FUNCTION.format("INSERT INTO log VALUES (OLD.id);")
_ON_CUSTOMER = 'CREATE TRIGGER t BEFORE DELETE ON "Customer" FOR EACH ROW EXECUTE FUNCTION t()'
_ON_ORDER = 'CREATE TRIGGER t AFTER UPDATE ON "Order" FOR EACH ROW EXECUTE FUNCTION t()'
_FOREIGN = (
    "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;"
    "CREATE FOREIGN TABLE audit (id text) SERVER elsewhere;"
)
LEAVING = {
    "notify": (_FUNCTION.format("PERFORM pg_notify('x', OLD.id);") + _ON_CUSTOMER, "notifies other sessions"),
    "through a key": (_FUNCTION.format("NOTIFY changed;") + _ON_ORDER, 'trigger "t" on "Order"'),
    "dblink": (_FUNCTION.format("PERFORM dblink_exec('x', 'y');") + _ON_CUSTOMER, "through dblink"),
    "a program": (_FUNCTION.format("COPY \"Order\" TO PROGRAM 'cat';") + _ON_CUSTOMER, "with COPY"),
    "a request": (_FUNCTION.format("PERFORM net.http_post('x');") + _ON_CUSTOMER, "over the network"),
    "by a function": (
        "CREATE FUNCTION Tell(text) RETURNS void LANGUAGE sql AS 'SELECT pg_notify($1, $1)';"
        + _FUNCTION.format("PERFORM tell('x');")
        + _ON_CUSTOMER,
        "function tell notifies",
    ),
    "by another table": (
        "CREATE TABLE log (id text);"
        "CREATE FUNCTION u() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY x; RETURN NEW; END $$;"
        "CREATE TRIGGER u AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION u();" + _LOGGING + _ON_CUSTOMER,
        'trigger "u" on "log"',
    ),
    "a rule": ('CREATE RULE r AS ON DELETE TO "Customer" DO ALSO NOTIFY gone', 'rule "r" on "Customer"'),
    "a foreign table": (
        _FOREIGN + _FUNCTION.format("INSERT INTO audit VALUES (OLD.id);") + _ON_CUSTOMER,
        '"public"."audit" is a foreign table',
    ),
}


@pytest.mark.parametrize("case", LEAVING)
def test_a_probe_that_could_leave_the_database_is_refused(database: Database, case: str) -> None:
    made, says = LEAVING[case]
    database.execute(SET_NULL + made)
    found = outcome(database, params=SAMPLE, sql=DELETE)
    assert (found["status"], found["fault"], found["attempts"]) == ("refused", False, 0)
    assert says in found["detail"]
    assert "leaves_database: true" in found["detail"]


def test_a_probe_that_may_leave_is_tried(database: Database) -> None:
    database.execute(SET_NULL + LEAVING["notify"][0])
    found = outcome(database, params=SAMPLE, sql=DELETE, leaves_database=True)
    assert found["status"] == "ok"
    assert "allowed to leave the database" in found["detail"]


def test_what_a_trigger_does_wrong_is_not_the_fault_of_the_file(database: Database) -> None:
    database.execute(SET_NULL + _FUNCTION.format("DELETE FROM gone;") + _ON_CUSTOMER)
    found = outcome(database, params=SAMPLE, sql=DELETE)
    assert (found["status"], found["sqlstate"], found["fault"]) == ("failed", "42P01", False)


def test_triggers_that_stay_or_do_not_fire_keep_nobody(database: Database) -> None:
    database.execute(
        SET_NULL
        + "CREATE TABLE log (id text);"
        + _LOGGING
        + _ON_CUSTOMER
        + ";CREATE FUNCTION u() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY x; RETURN NEW; END $$;"
        'CREATE TRIGGER u AFTER INSERT ON "Order" FOR EACH ROW EXECUTE FUNCTION u()'
    )
    assert outcome(database, params=SAMPLE, sql=DELETE)["status"] == "ok"
    assert database.value("SELECT count(*) FROM log") == 0


# -- queries -----------------------------------------------------------------------------------------------------------

RECENT = 'SELECT * FROM "Order" WHERE "tenantId" = %(tenantId)s ORDER BY "placedAt" DESC LIMIT 5'
BY_TENANT = {"table": "Order", "column": "tenantId"}


def test_a_query_is_measured_before_and_after(database: Database) -> None:
    (query,) = measured(database, {"sql": RECENT, "sample_by": BY_TENANT, "uses_index": "wanted"})
    assert query["status"] == "ok"
    assert query["uses_index"] is True
    assert [sample["sample"] for sample in query["samples"]] == ["large", "median", "small"]
    for sample in query["samples"]:
        before, after = sample["before"], sample["after"]
        assert (before["runs"], after["runs"], before["index"]) == (5, 5, None)
        assert before["buffers_hit"] > after["buffers_hit"] > 0 or after["index"] is None
        assert before["node"] == "Seq Scan"
        assert sample["params_masked"] == {"tenantId": "a text of 2 characters"}
    total = {moment: sum(s[moment]["median_ms"] for s in query["samples"]) for moment in ("before", "after")}
    assert query["speedup"] == pytest.approx(total["before"] / total["after"], abs=0.01)


def test_the_index_of_a_small_table_is_judged_without_reading_it_whole(database: Database) -> None:
    sql = 'SELECT * FROM "Category" WHERE "parentId" = 3'
    database.execute('CREATE INDEX small ON "Category" ("parentId")')
    (query,) = measured(database, {"sql": sql, "uses_index": "small"}, apply=False)
    assert (query["uses_index"], query["index_judged"]) == (True, "with enable_seqscan=off")
    assert (query["status"], query["samples"][0]["after"]["node"]) == ("ok", "Seq Scan")


@pytest.mark.parametrize(("on_slow", "status"), [("fail", "failed"), ("warn", "warning")])
def test_an_index_that_is_not_used_and_a_speed_that_is_not_reached(
    database: Database, on_slow: str, status: str
) -> None:
    sql = "SELECT count(*) FROM \"Order\" WHERE note = 'x'"
    other, slow = measured(
        database,
        {"sql": sql, "uses_index": "wanted", "on_slow": on_slow},
        {"sql": sql, "min_speedup": 1000, "on_slow": on_slow},
    )
    assert (other["status"], other["uses_index"], slow["status"]) == (status, False, status)
    assert "it does not use wanted; the planner takes Seq Scan" in other["detail"]
    assert "min_speedup is 1000 x" in slow["detail"]


def test_samples_come_from_params_too(database: Database) -> None:
    params = "SELECT * FROM (VALUES ('small', 't1'), ('large', 't2'), ('median', 't3')) AS v (sample, \"tenantId\")"
    named, single, none, wrong = measured(
        database,
        {"sql": RECENT, "params": params},
        {"sql": RECENT, "params": "SELECT 't1' AS \"tenantId\""},
        {"sql": RECENT, "params": "SELECT 't1' AS \"tenantId\" WHERE false"},
        {"sql": RECENT, "params": "SELECT 'huge' AS sample, 't1' AS \"tenantId\""},
        apply=False,
    )
    assert [sample["sample"] for sample in named["samples"]] == ["large", "median", "small"]
    assert [sample["sample"] for sample in single["samples"]] == ["median"]
    assert (none["status"], none["samples"]) == ("inconclusive", [])
    assert (wrong["fault"], "it says large, median or small" in wrong["detail"]) == (True, True)


WRITING = (
    'WITH gone AS (DELETE FROM "Order" RETURNING id) SELECT * FROM gone',
    'SELECT * FROM "Order" FOR UPDATE',
    "SELECT nextval('s')",
    "SELECT write_it()",
)


def test_a_query_that_would_write_is_refused_and_others_go_on(database: Database) -> None:
    database.execute(
        "CREATE SEQUENCE s; CREATE FUNCTION write_it() RETURNS int LANGUAGE plpgsql AS"
        ' $$ BEGIN DELETE FROM "Order"; RETURN 1; END $$'
    )
    migration = {
        **CHANGE,
        "queries": [{"name": sql, "sql": sql} for sql in (*WRITING, "SELECT 1 / 0", "SELEC 1 FROM x")[:5]],
    }
    rows = database.execute(COUNTS)
    found = query_verdicts(migration, evidence(database, migration, "before"), True)
    assert database.execute(COUNTS) == rows
    assert [query["fault"] for query in found] == [True] * 4 + [False]
    for number, query in enumerate(found[:4]):
        assert f"queries[{number}].sql: only a query that reads is measured" in query["detail"]
    assert "division by zero" in found[4]["detail"]


def test_a_query_that_was_cut_off_before_is_faster_by_at_least_so_much(database: Database) -> None:
    database.execute(
        "CREATE FUNCTION slow() RETURNS int LANGUAGE plpgsql AS"
        " $$ BEGIN IF to_regclass('wanted') IS NULL THEN PERFORM pg_sleep(5); END IF; RETURN 1; END $$"
    )
    (query,) = measured(database, {"sql": "SELECT slow()", "timeout": "150ms", "min_speedup": 2})
    assert (query["status"], query["at_least"]) == ("ok", True)
    assert query["samples"][0]["before"]["timed_out"] is True
    assert query["samples"][0]["before"]["median_ms"] == 150


def test_no_value_leaves_the_database_and_the_journal_forgets_it(database: Database) -> None:
    secret = "t3-known-to-nobody-else"
    database.execute('UPDATE "Order" SET "tenantId" = %s WHERE "tenantId" = \'t3\'', (secret,))
    query = {
        "name": "q",
        "sql": 'SELECT id FROM "Order" WHERE "tenantId" = %(tenantId)s AND note LIKE \'%%9%\'',
        "params": f"SELECT '{secret}' AS \"tenantId\"",
    }
    migration = {**CHANGE, "queries": [query]}
    before = evidence(database, migration, "before")
    kept = "SELECT string_agg(content::text, '') FROM steady.evidence"
    assert secret in database.value(kept)
    database.apply(migration)
    after = evidence(database, migration)
    assert "tenantId" in json.dumps(after["after"]["queries"]["q"]["samples"][0]["figures"]["plan"])
    assert secret not in json.dumps([before, after])
    assert secret not in database.value(kept)


# -- room, counters, journal -------------------------------------------------------------------------------------------


def test_room_is_measured_before_and_after(database: Database) -> None:
    promise = {"claim": "c", "columns": [{"table": "Order", "name": "total"}], "smaller_by": 75}
    migration = {**CHANGE, "promises": [promise]}
    evidence(database, migration, "before")
    database.apply(migration)
    storage = storage_verdicts(evidence(database, migration))
    assert storage is not None
    (table,) = (one for one in storage["tables"] if one["table"] == "Order")
    size = database.value("SELECT pg_relation_size('wanted')")
    assert storage["indexes"] == [{"index": "wanted", "bytes": size}]
    assert table["index_after_bytes"] - table["index_before_bytes"] == size
    assert table["after_bytes"] == database.value("SELECT pg_table_size('\"Order\"')")
    width = database.value('SELECT round(avg(pg_column_size(total)), 2)::float8 FROM "Order"')
    (column,) = (one for one in storage["columns"] if one["column"] == "total")
    assert (column["before_avg_width"], column["after_avg_width"]) == (width, width)


def test_the_counters_of_index_use_are_kept_for_later(database: Database) -> None:
    database.apply(CHANGE)
    evidence(database, CHANGE)
    kept = database.value("SELECT content->'counters' FROM steady.evidence WHERE moment = 'after'")
    scans = {row["index"]: row["scans"] for row in kept["indexes"]}
    assert {"wanted", "Order_pkey", "Order_customerId_idx", "Customer_pkey"} <= set(scans) | {"Customer_pkey"}
    (wanted,) = (row for row in kept["indexes"] if row["index"] == "wanted")
    assert wanted["oid"] == database.oid("wanted")
    assert wanted["bytes"] > 0
    assert kept["at"]


def test_after_a_crash_the_measurement_from_before_still_counts(database: Database) -> None:
    """The first attempt changes a part and fails; the second must not take that for the state before."""
    migration = {**CHANGE, "probes": [DELETABLE]}
    first = evidence(database, migration, "before")
    with held(database, 'LOCK TABLE "Customer" IN SHARE MODE'), pytest.raises(SteadyError):
        database.apply(migration, patience_s=0.3)
    assert database.nullable("Order", "customerId")
    again = evidence(database, migration, "before")
    assert (first["kept"], again["kept"]) == (False, True)
    assert again["before"] == first["before"]
    database.apply(migration)
    (probe,) = probe_verdicts(migration, evidence(database, migration), True, True)
    assert (probe["before"]["status"], probe["after"]["status"]) == ("failed", "ok")


def test_what_was_measured_before_an_attempt_that_never_began_is_measured_again(database: Database) -> None:
    for _unused in range(2):
        assert evidence(database, CHANGE, "before")["kept"] is False
    assert database.value("SELECT count(*) FROM steady.evidence") == 1


def test_another_deployment_has_its_own(database: Database) -> None:
    evidence(database, CHANGE, "before")
    database.apply(CHANGE)
    database.rollback()
    assert evidence(database, CHANGE)["before"] is None
    evidence(database, CHANGE, "before")
    database.apply(CHANGE)
    assert evidence(database, CHANGE)["before"] is not None


def test_a_journal_of_version_1_gets_what_it_lacks(database: Database) -> None:
    database.apply(CHANGE)
    database.execute("DROP TABLE steady.evidence; COMMENT ON SCHEMA steady IS 'steady.postgresql journal, version 1'")
    evidence(database, CHANGE)
    assert database.value("SELECT count(*) FROM steady.evidence") == 1
    assert database.value("SELECT obj_description('steady'::regnamespace)").endswith("version 2")
    database.rollback()


def test_what_is_switched_off_is_not_done(database: Database) -> None:
    migration = {**CHANGE, "probes": [DELETABLE], "queries": [{"name": "q", "sql": "SELECT 1"}]}
    found = evidence(database, migration, "before", probes=False, queries=False)
    assert (found["before"]["probes"], found["before"]["queries"]) == ({}, {})
    assert probe_verdicts(migration, found, False)[0]["status"] == "skipped"
    assert found["before"]["storage"]["tables"]


# -- what others wait for ----------------------------------------------------------------------------------------------


def test_a_session_that_waits_for_a_lock_of_the_deployment_is_seen(database: Database) -> None:
    target = database.options().target(database.options().address(), "test")
    ours, _server = target.first_session("public")
    with WaitWatch(target) as watch:
        ours.execute('BEGIN; LOCK TABLE public."Customer" IN ACCESS EXCLUSIVE MODE')
        with background(lambda: database.value('SELECT count(*) FROM "Customer"')):
            wait_until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            wait_until(lambda: watch.seen and watch.seen["longest_ms"] > 100)
            ours.execute("ROLLBACK")
    ours.close()
    assert watch.seen is not None


def test_waits_for_others_are_not_ours(database: Database) -> None:
    target = database.options().target(database.options().address(), "test")
    ours, _server = target.first_session("public")
    with (
        WaitWatch(target) as watch,
        held(database, 'LOCK TABLE "Customer" IN ACCESS EXCLUSIVE MODE') as holder,
        background(lambda: database.value('SELECT count(*) FROM "Customer"')),
    ):
        wait_until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        holder.release()
    ours.close()
    assert watch.seen is not None
    assert watch.seen["longest_ms"] == 0.0
    assert watch.seen["looked_every_ms"] >= 25


# -- the module --------------------------------------------------------------------------------------------------------


def test_the_module_judges_and_fails_where_it_must(database: Database) -> None:
    promise = {"claim": "customers can be deleted", "source": "guide", "probes": [DELETABLE["name"]]}
    migration = {**CHANGE, "probes": [DELETABLE], "promises": [promise]}
    wrong = {**DELETABLE, "name": "wrong", "sql": "DELETE FORM x"}
    with_wrong = {**migration, "probes": [wrong, {**wrong, "name": "too", "sql": "DELETE FROM x"}]}
    arguments = {"database_url": database.url(), "migration": {**with_wrong, "promises": []}, "when": "before"}
    refused = run_module("evidence", arguments)
    assert (refused["failed"], refused["changed"]) == (True, False)
    assert 'probes[0].sql: syntax error at or near "FORM"' in refused["msg"]
    assert 'probes[1].sql: relation "x" does not exist' in refused["msg"]
    arguments = {**arguments, "migration": migration, "when": "after"}
    broken = run_module("evidence", arguments)
    assert (broken["failed"], broken["status"]) == (True, "failed")
    assert "1 of 1 probes and queries failed" in broken["msg"]
    database.execute(SET_NULL)
    after = run_module("evidence", arguments)
    assert (after["failed"], after["changed"], after["probes"][0]["status"]) == (False, False, "ok")
    assert [(one["status"], one["measured"]) for one in after["promises"]] == [("held", "1 of 1 probe ok")]


def test_a_lost_connection_is_one_sentence(database: Database) -> None:
    kill = "SELECT pg_terminate_backend(pg_backend_pid())"
    migration = {**CHANGE, "probes": [{"name": "p", "sql": kill, "expect": "`true`", "leaves_database": True}]}
    with pytest.raises((SteadyError, psycopg2.Error)) as error:
        evidence(database, migration, "before")
    assert isinstance(error.value, SteadyError)
    assert "could not be taken" in str(error.value)
