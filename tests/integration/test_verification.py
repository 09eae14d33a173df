# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Verification on a real server: structure, row counts and queries; nothing hidden, nothing written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._planning import row_counts as _row_counts
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.plugin_utils._expectation import judge
from integration.ansible_command import run_module
from integration.cluster import Cluster, Database
from integration.sessions import held

pytestmark = pytest.mark.postgres

NAME = "Order_customerId_fkey"
MIGRATION: dict[str, Any] = {
    "id": "one",
    "columns": [{"table": "Order", "name": "customerId", "nullable": True}],
    "indexes": [{"table": "Order", "name": "wanted", "columns": ["note"], "where": "status = 'OPEN'"}],
    "foreign_keys": [
        {
            "name": NAME,
            "table": "Order",
            "columns": ["customerId"],
            "references": {"table": "Customer", "columns": ["id"]},
            "on_delete": "set_null",
        }
    ],
    "verification": {"unchanged_counts": ["Customer", "Order"]},
}


def verdicts(result: dict[str, Any], kind: str) -> dict[str, tuple[str, str]]:
    """Status and detail of the checks of a kind by name."""
    return {
        check["name"]: (check["status"], check["detail"]) for check in result["verification"] if check["kind"] == kind
    }


def answer(database: Database, text: str, user: str = "postgres") -> dict[str, Any]:
    """What one query of a migration brings."""
    queries = [{"name": "question", "sql": text}]
    (found,) = database.verify({"id": "ask", "verification": {"queries": queries}}, user)["queries"]
    return found


# -- structure ---------------------------------------------------------------------------------------------------------


def test_all_is_as_the_migration_says(database: Database) -> None:
    database.apply(MIGRATION)
    with database.nothing_written():
        result = database.verify(MIGRATION)
    assert result["changed"] is False
    assert {name: status for name, (status, _detail) in verdicts(result, "structure").items()} == {
        "column Order.customerId": "ok",
        "index Order.wanted": "ok",
        f"foreign_key Order.{NAME}": "ok",
    }
    assert {name: status for name, (status, _detail) in verdicts(result, "count").items()} == {
        "rows of Customer": "ok",
        "rows of Order": "ok",
    }


DIFFERENCES = {
    "nothing applied": (None, {"column Order.customerId", "index Order.wanted", f"foreign_key Order.{NAME}"}, ""),
    "index gone": ("DROP INDEX wanted", {"index Order.wanted"}, "not there"),
    "index of the name, of other columns": (
        "DROP INDEX wanted; CREATE INDEX wanted ON \"Order\" (total) WHERE status = 'OPEN'",
        {"index Order.wanted"},
        "columns: (total) instead of (note)",
    ),
    "index of the name, of another condition": (
        "DROP INDEX wanted; CREATE INDEX wanted ON \"Order\" (note) WHERE status = 'NEW'",
        {"index Order.wanted"},
        "where: ",
    ),
    "index unique": (
        "DROP INDEX wanted; CREATE UNIQUE INDEX wanted ON \"Order\" (note) WHERE status = 'OPEN'",
        {"index Order.wanted"},
        "unique: yes instead of no",
    ),
    "index invalid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'wanted'::regclass",
        {"index Order.wanted"},
        "invalid",
    ),
    "index not ready": (
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'wanted'::regclass",
        {"index Order.wanted"},
        "invalid",
    ),
    "column not null": (
        'ALTER TABLE "Order" ALTER "customerId" SET NOT NULL',
        {"column Order.customerId"},
        "NOT NULL",
    ),
    "key gone": (f'ALTER TABLE "Order" DROP CONSTRAINT "{NAME}"', {f"foreign_key Order.{NAME}"}, "not there"),
    "key with another action": (
        f'ALTER TABLE "Order" DROP CONSTRAINT "{NAME}", ADD CONSTRAINT "{NAME}" FOREIGN KEY ("customerId")'
        ' REFERENCES "Customer" ON DELETE CASCADE',
        {f"foreign_key Order.{NAME}"},
        "on delete cascade",
    ),
    "key not valid": (
        f'ALTER TABLE "Order" DROP CONSTRAINT "{NAME}", ADD CONSTRAINT "{NAME}" FOREIGN KEY ("customerId")'
        ' REFERENCES "Customer" ON DELETE SET NULL ON UPDATE CASCADE NOT VALID',
        {f"foreign_key Order.{NAME}"},
        "NOT VALID",
    ),
    "column renamed": (
        'ALTER TABLE "Order" RENAME note TO remark',
        {"index Order.wanted"},
        'there is no column "note"',
    ),
    "table renamed": (
        'ALTER TABLE "Order" RENAME TO "Orders"',
        {"column Order.customerId", "index Order.wanted", f"foreign_key Order.{NAME}"},
        'there is no table "Order"',
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_difference_is_named(database: Database, case: str) -> None:
    change, failed, says = DIFFERENCES[case]
    migration = {key: value for key, value in MIGRATION.items() if key != "verification"}
    if change is not None:
        database.apply(migration)
        database.execute(change)
    with database.nothing_written():
        found = verdicts(database.verify(migration), "structure")
    assert {name for name, (status, _detail) in found.items() if status == "failed"} == failed
    assert all(says in found[name][1] for name in failed)
    assert {status for name, (status, _detail) in found.items() if name not in failed} <= {"ok"}


def test_what_shall_be_absent_and_is_there(database: Database) -> None:
    migration = {"id": "x", "indexes": [{"table": "Order", "name": "Order_customerId_idx", "state": "absent"}]}
    assert verdicts(database.verify(migration), "structure")["index Order.Order_customerId_idx"][0] == "failed"
    database.execute('DROP INDEX "Order_customerId_idx"')
    assert verdicts(database.verify(migration), "structure")["index Order.Order_customerId_idx"][0] == "ok"


# -- row counts --------------------------------------------------------------------------------------------------------


def counts(database: Database) -> dict[str, tuple[str, str]]:
    """The verdicts on the row counts."""
    return verdicts(database.verify(MIGRATION), "count")


def test_rows_that_came_and_went_are_explained(database: Database) -> None:
    database.apply(MIGRATION)
    database.execute('DELETE FROM "Order" WHERE id <= 100')
    database.execute(
        "INSERT INTO \"Customer\" SELECT 'n' || n, 't1', NULL, 'new', true, now() FROM generate_series(1, 20) AS n"
    )
    found = counts(database)
    assert found["rows of Order"][0] == "ok"
    assert "1500 rows before, 1400 now (-100)" in found["rows of Order"][1]
    assert "100 deleted" in found["rows of Order"][1]
    assert found["rows of Customer"][0] == "ok"
    assert "300 rows before, 320 now (+20)" in found["rows of Customer"][1]


def test_a_transaction_that_is_still_open_makes_no_loss(database: Database) -> None:
    database.apply(MIGRATION)
    with held(database, 'DELETE FROM "Order" WHERE id <= 100'):
        assert counts(database)["rows of Order"][0] == "ok"


@pytest.mark.parametrize(
    ("loss", "left"),
    [
        ('TRUNCATE "Order"', 0),
        ('BEGIN; SET LOCAL track_counts = off; DELETE FROM "Order" WHERE id <= 100; COMMIT', 1400),
        (
            'BEGIN; SET LOCAL track_counts = off; INSERT INTO "Order" SELECT id + 9000, "tenantId", "customerId",'
            ' "sellerId", status, total, "placedAt" FROM "Order" WHERE id <= 10; COMMIT',
            1510,
        ),
    ],
    ids=["truncate", "a delete that nobody counted", "rows from nowhere"],
)
def test_a_change_that_no_write_explains_is_a_failure(
    database: Database, monkeypatch: pytest.MonkeyPatch, loss: str, left: int
) -> None:
    monkeypatch.setattr(_row_counts, "_COUNTER_LAG_SECONDS", 1.5)
    database.apply(MIGRATION)
    database.execute(loss)
    status, detail = counts(database)["rows of Order"]
    assert status == "failed"
    assert f"1500 rows before, {left} now" in detail
    assert counts(database)["rows of Customer"][0] == "ok"


def test_counters_that_were_reset_prove_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_row_counts, "_COUNTER_LAG_SECONDS", 1.5)
    database.apply(MIGRATION)
    database.execute("SELECT pg_stat_reset()")
    database.execute('DELETE FROM "Order" WHERE id <= 100')
    assert counts(database)["rows of Order"][0] == "skipped"


def test_without_an_earlier_count_there_is_nothing_to_compare(database: Database) -> None:
    assert {status for status, _detail in counts(database).values()} == {"skipped"}
    database.apply(MIGRATION)
    database.rollback()
    assert {status for status, _detail in counts(database).values()} == {"skipped"}


def test_a_table_that_is_counted_and_gone(database: Database) -> None:
    database.apply({**MIGRATION, "verification": {"unchanged_counts": ["Category"]}})
    database.execute('DROP TABLE "Category"')
    found = verdicts(database.verify({"id": "one", "verification": {"unchanged_counts": ["Category"]}}), "count")
    assert found["rows of Category"][0] == "failed"
    assert "does not exist" in found["rows of Category"][1]


def test_a_table_to_count_that_is_not_there_is_said_before_anything_is_changed(database: Database) -> None:
    migration = {**MIGRATION, "verification": {"unchanged_counts": ["order"]}}
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
            database.apply(migration, check=check)
        assert 'did you mean "Order"?' in str(refusal.value)


# -- queries -----------------------------------------------------------------------------------------------------------


def test_an_answer(database: Database) -> None:
    found = answer(
        database,
        'SELECT count(*) AS orders, sum(total) AS total, min("placedAt")::date AS first, true AS yes, NULL AS none,'
        " ARRAY[1, 2] AS list, '{\"a\": [1.5]}'::jsonb AS doc, '10.0.0.1'::inet AS address, 1.5::numeric AS part"
        ' FROM "Order" -- all of them, 100 %',
    )
    assert found["rows"] == [
        {
            "orders": 1500,
            "total": 1407187.5,
            "first": "2025-01-01",
            "yes": True,
            "none": None,
            "list": [1, 2],
            "doc": {"a": [1.5]},
            "address": "10.0.0.1",
            "part": 1.5,
        }
    ]
    assert judge({**found, "expect": "[0].orders == `1500` && [0].yes"})["status"] == "ok"
    assert judge({**found, "expect": "[0].orders == `1`"})["status"] == "failed"


def test_no_rows_and_a_thousand(database: Database) -> None:
    assert answer(database, "SELECT 1 AS one WHERE false")["rows"] == []
    assert len(answer(database, "SELECT n FROM generate_series(1, 1000) AS n")["rows"]) == 1000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT n FROM generate_series(1, 1001) AS n", "more than 1000 rows"),
        ('SELECT a.* FROM "Order" a, "Order" b, "Order" c', "more than 1000 rows"),
        ("SELECT 1 / 0 AS x", "division by zero"),
        ('SELECT nope FROM "Order"', '"nope" does not exist'),
        ("SELEC 1", "syntax error"),
        ('UPDATE "Order" SET total = 0 RETURNING id', "syntax error"),
        ('DELETE FROM "Order"', "syntax error"),
        ('WITH gone AS (DELETE FROM "Order" RETURNING id) SELECT * FROM gone', "data-modifying statements in WITH"),
        ("SELECT setval('counter', 5)", "read-only transaction"),
        ("SELECT write_it()", "read-only transaction"),
        ('SELECT * FROM "Order" FOR UPDATE', "read-only transaction"),
    ],
)
def test_a_query_that_fails_or_would_write_is_an_error_and_changes_nothing(
    database: Database, text: str, says: str
) -> None:
    database.execute(
        "CREATE SEQUENCE counter; CREATE FUNCTION write_it() RETURNS int LANGUAGE plpgsql AS"
        ' $$ BEGIN DELETE FROM "Order"; RETURN 1; END $$'
    )
    queries = [{"name": "bad", "sql": text}, {"name": "good", "sql": 'SELECT count(*) AS rows FROM "Order"'}]
    with database.nothing_written():
        bad, good = database.verify({"id": "ask", "verification": {"queries": queries}})["queries"]
    assert says in bad["error"]
    assert "rows" not in bad
    assert judge(bad)["status"] == "failed"
    # One that fails does not take the others with it.
    assert good["rows"] == [{"rows": 1500}]


@pytest.mark.parametrize(
    "text",
    [
        'SELECT 1 AS x; DELETE FROM "Order"',
        'SELECT 1 AS x; COMMIT; DELETE FROM "Order"',
        'SELECT 1 AS x; COMMIT; SET default_transaction_read_only = off; COMMIT; DELETE FROM "Order"',
        "SELECT '\\' AS x; COMMIT; SET default_transaction_read_only = off; COMMIT; DELETE FROM \"Order\" --'",
    ],
)
def test_a_query_of_several_statements_writes_nothing(database: Database, text: str) -> None:
    with database.nothing_written():
        try:
            found = answer(database, text)
        except SteadyError as error:
            found = {"error": str(error)}
    assert found["error"]
    assert database.value('SELECT count(*) FROM "Order"') == 1500


def test_all_queries_see_the_same_moment(database: Database) -> None:
    slow = 'SELECT count(*) AS n FROM "Order", pg_sleep(0.6)'
    queries = [{"name": "before", "sql": slow}, {"name": "after", "sql": 'SELECT count(*) AS n FROM "Order"'}]
    with held(database, 'DELETE FROM "Order" WHERE id <= 100', seconds=0.3):
        found = database.verify({"id": "ask", "verification": {"queries": queries}})["queries"]
    assert [query["rows"] for query in found] == [[{"n": 1500}], [{"n": 1500}]]


# -- hidden rows -------------------------------------------------------------------------------------------------------


def hide_rows(cluster: Cluster, database: Database) -> str:
    """A role that row level security shows one tenant only."""
    role = cluster.role()
    database.execute(
        f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; ALTER TABLE "Order" ENABLE ROW LEVEL SECURITY;'
        'CREATE POLICY tenant ON "Order" USING ("tenantId" = \'t1\')'
    )
    return role


def test_hidden_rows_are_an_error_and_not_a_smaller_count(cluster: Cluster, database: Database) -> None:
    role = hide_rows(cluster, database)
    assert database.execute('SELECT count(*) FROM "Order"', user=role)[0][0] < 1500
    database.apply(MIGRATION)
    database.execute(f"GRANT USAGE ON SCHEMA steady TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA steady TO {role}")
    result = database.verify(MIGRATION, role)
    status, detail = verdicts(result, "count")["rows of Order"]
    assert status == "failed"
    assert "row-level security" in detail
    assert verdicts(result, "count")["rows of Customer"][0] == "ok"
    found = answer(database, 'SELECT count(*) AS n FROM "Order"', role)
    assert "row-level security" in found["error"]


def test_hidden_rows_do_not_hide_the_structure(cluster: Cluster, database: Database) -> None:
    """A role that can only read compares definitions all the same."""
    role = hide_rows(cluster, database)
    migration = {key: value for key, value in MIGRATION.items() if key != "verification"}
    database.apply(migration)
    found = verdicts(database.verify(migration, role), "structure")
    assert {name: status for name, (status, _detail) in found.items()} == dict.fromkeys(found, "ok")
    assert database.apply(migration, user=role, check=True)["changed"] is False


def test_the_owner_under_forced_row_level_security(cluster: Cluster, database: Database) -> None:
    role = hide_rows(cluster, database)
    database.execute(
        f'ALTER TABLE "Order" OWNER TO {role}; ALTER TABLE "Order" FORCE ROW LEVEL SECURITY;'
        f"GRANT CREATE ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {database.name} TO {role}"
    )
    indexes = MIGRATION["indexes"]
    assert database.apply({"id": "x", "indexes": indexes}, user=role)["changed"] is True
    assert database.indexes("Order")["wanted"] == (
        'CREATE INDEX wanted ON public."Order" USING btree (note) WHERE (status = \'OPEN\'::"OrderStatus")'
    )
    assert database.apply({"id": "x", "indexes": indexes}, user=role)["changed"] is False
    # What would have to look at the rows is refused, not done with a part of them.
    unique = [{"table": "Order", "name": "key", "columns": ["note"], "unique": True}]
    with pytest.raises(SteadyError, match="row-level security"):
        database.apply({"id": "y", "indexes": unique}, user=role)


def test_a_role_that_may_not_read(cluster: Cluster, database: Database) -> None:
    role = cluster.role()
    found = answer(database, 'SELECT count(*) AS n FROM "Order"', role)
    assert "permission denied for table Order" in found["error"]


# -- the module --------------------------------------------------------------------------------------------------------


def test_the_module_judges_and_writes_nothing(database: Database) -> None:
    queries = [
        {"name": "good", "sql": 'SELECT count(*) AS n FROM "Order"', "expect": "[0].n == `1500`"},
        {"name": "silent", "sql": "SELECT 1 AS x"},
    ]
    migration = {**MIGRATION, "verification": {"unchanged_counts": ["Order"], "queries": queries}}
    database.apply(migration)
    arguments = {"database_url": database.url(), "migration": migration}
    with database.nothing_written():
        good = run_module("verify", arguments, "--check")
        again = run_module("verify", arguments)
    for result in (good, again):
        assert (result["failed"], result["changed"], result["status"]) == (False, False, "succeeded")
        assert [(check["kind"], check["status"]) for check in result["verification"]] == [
            *[("structure", "ok")] * 3,
            ("count", "ok"),
            ("drift", "ok"),
            ("query", "ok"),
            ("query", "skipped"),
        ]
    database.execute("DROP INDEX wanted")
    with database.nothing_written():
        bad = run_module("verify", arguments)
    assert (bad["failed"], bad["status"]) == (True, "failed")
    assert "1 of 7 checks failed" in bad["msg"]
    assert "index Order.wanted: not there" in bad["msg"]
