# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Foreign keys on a real server: added, replaced and dropped without a gap, and back."""

from __future__ import annotations

import threading
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import temporary_name
from integration.ansible_command import run_module
from integration.cluster import Database
from integration.sessions import held

pytestmark = pytest.mark.postgres

NAME = "Order_customerId_fkey"
KEY: dict[str, Any] = {
    "name": NAME,
    "table": "Order",
    "columns": ["customerId"],
    "references": {"table": "Customer", "columns": ["id"]},
}
SELLER: dict[str, Any] = {**KEY, "name": "seller", "columns": ["sellerId"]}
BEFORE = 'FOREIGN KEY ("customerId") REFERENCES "Customer"(id) ON UPDATE CASCADE ON DELETE RESTRICT'
HELPER = temporary_name(NAME, "new", ("public", "Order"))


def actions(result: dict[str, Any]) -> list[str]:
    """What the steps of a result do."""
    return [step["action"] for step in result["steps"]]


# -- every attribute ---------------------------------------------------------------------------------------------------

SELLER_KEY = 'FOREIGN KEY ("sellerId") REFERENCES "Customer"(id)'
PAIR = {"columns": ["tenantId", "sellerId"], "references": {"table": "Customer", "columns": ["tenantId", "id"]}}
PAIR_KEY = 'FOREIGN KEY ("tenantId", "sellerId") REFERENCES "Customer"("tenantId", id)'

ATTRIBUTES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing given": ({}, SELLER_KEY),
    **{
        f"{event} {action}": (
            {f"on_{event}": action},
            " ".join((SELLER_KEY, "ON", event.upper(), *action.upper().split("_"))),
        )
        for event in ("delete", "update")
        for action in ("restrict", "cascade", "set_null", "set_default")
    },
    "no action": ({"on_delete": "no_action", "on_update": "no_action"}, SELLER_KEY),
    "both": (
        {"on_delete": "set_null", "on_update": "cascade"},
        " ".join((SELLER_KEY, "ON UPDATE CASCADE", "ON DELETE SET NULL")),
    ),
    "deferrable": ({"deferrable": True}, f"{SELLER_KEY} DEFERRABLE"),
    "deferred": ({"deferrable": True, "initially_deferred": True}, f"{SELLER_KEY} DEFERRABLE INITIALLY DEFERRED"),
    "match full": ({"match": "full"}, f"{SELLER_KEY} MATCH FULL"),
    "two columns": (PAIR, PAIR_KEY),
    "another schema": (
        {"references": {"schema": "side", "table": "Customer", "columns": ["id"]}},
        'FOREIGN KEY ("sellerId") REFERENCES side."Customer"(id)',
    ),
}


def prepare(database: Database) -> None:
    """What some of the keys need to be possible: a second parent, a unique pair, and orders that name one tenant."""
    database.execute('CREATE UNIQUE INDEX "Customer_pair" ON "Customer" ("tenantId", id)')
    database.execute(
        'UPDATE "Order" o SET "tenantId" = c."tenantId" FROM "Customer" c WHERE c.id = o."sellerId";'
        'CREATE SCHEMA side; CREATE TABLE side."Customer" AS SELECT * FROM "Customer";'
        'ALTER TABLE side."Customer" ADD PRIMARY KEY (id)'
    )


@pytest.mark.parametrize("case", ATTRIBUTES)
def test_a_key_is_added_found_again_and_taken_back(database: Database, case: str) -> None:
    attributes, wanted = ATTRIBUTES[case]
    prepare(database)
    before = database.dump()
    entry = {**SELLER, **attributes}
    with database.nothing_written():
        assert database.apply(foreign_keys=[entry], check=True)["changed"] is True
    assert actions(database.apply(foreign_keys=[entry])) == ["add"]
    assert database.foreign_keys("Order")["seller"] == wanted
    with database.nothing_written():
        assert database.apply(foreign_keys=[entry])["changed"] is False
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        database.execute('UPDATE "Order" SET "sellerId" = \'nobody\' WHERE id = 4')
    database.rollback()
    assert database.dump() == before


@pytest.mark.parametrize(
    ("attributes", "tail"),
    [
        ({"on_delete": "set_null", "on_delete_columns": ["sellerId"]}, ' ON DELETE SET NULL ("sellerId")'),
        (
            {"on_delete": "set_default", "on_delete_columns": ["sellerId", "tenantId"]},
            ' ON DELETE SET DEFAULT ("tenantId", "sellerId")',
        ),
    ],
)
def test_only_some_columns_are_set(database: Database, postgres_major: int, attributes: Any, tail: str) -> None:
    prepare(database)
    before = database.dump()
    entry = {**SELLER, **PAIR, **attributes}
    if postgres_major < 15:
        with database.nothing_changed(), pytest.raises(SteadyError, match="needs PostgreSQL 15 or newer"):
            database.apply(foreign_keys=[entry])
        return
    database.apply(foreign_keys=[entry])
    said = database.foreign_keys("Order")["seller"]
    # The order in which PostgreSQL says the columns is the one in which they were written.
    assert said.startswith(f"{PAIR_KEY} ON DELETE SET")
    assert sorted(said.removeprefix(PAIR_KEY)) == sorted(tail)
    assert database.apply(foreign_keys=[entry])["changed"] is False
    database.rollback()
    assert database.dump() == before


# -- replaced and dropped ----------------------------------------------------------------------------------------------

REPLACEMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "delete": ({"on_delete": "cascade"}, BEFORE.replace("RESTRICT", "CASCADE")),
    "update": ({"on_update": "restrict"}, BEFORE.replace("UPDATE CASCADE", "UPDATE RESTRICT")),
    "deferrable": ({"deferrable": True}, BEFORE + " DEFERRABLE"),
    "match": ({"match": "full"}, BEFORE.replace(" ON UPDATE", " MATCH FULL ON UPDATE")),
    "parent": (
        {"references": {"schema": "side", "table": "Customer", "columns": ["id"]}},
        BEFORE.replace('"Customer"', 'side."Customer"'),
    ),
    "columns": ({"columns": ["sellerId"]}, BEFORE.replace("customerId", "sellerId")),
}


@pytest.mark.parametrize("case", REPLACEMENTS)
def test_a_key_is_replaced_and_what_is_left_out_is_kept(database: Database, case: str) -> None:
    attributes, wanted = REPLACEMENTS[case]
    prepare(database)
    database.execute(f'COMMENT ON CONSTRAINT "{NAME}" ON "Order" IS \'who pays, 100 %\'')
    before = database.dump()
    entry = {**KEY, **attributes}
    assert actions(database.apply(foreign_keys=[entry])) == ["replace"]
    assert database.foreign_keys("Order") == {NAME: wanted}
    comment = "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = %s"
    assert database.execute(comment, (NAME,)) == [("who pays, 100 %",)]
    assert database.apply(foreign_keys=[entry])["changed"] is False
    database.rollback()
    assert database.dump() == before


def test_more_than_the_defaults_is_kept(database: Database) -> None:
    """A key that is deferred and matches full stays so when only its delete behaviour is given."""
    database.execute(
        f'ALTER TABLE "Order" DROP CONSTRAINT "{NAME}", ADD CONSTRAINT "{NAME}" FOREIGN KEY ("customerId")'
        ' REFERENCES "Customer" (id) MATCH FULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED'
    )
    before = database.dump()
    database.apply(foreign_keys=[{**KEY, "on_delete": "cascade"}])
    assert database.foreign_keys("Order")[NAME] == (
        'FOREIGN KEY ("customerId") REFERENCES "Customer"(id) MATCH FULL ON UPDATE CASCADE ON DELETE CASCADE'
        " DEFERRABLE INITIALLY DEFERRED"
    )
    database.rollback()
    assert database.dump() == before


def test_a_key_is_dropped_and_comes_back(database: Database) -> None:
    before = database.dump()
    entry = {"name": NAME, "table": "Order", "state": "absent"}
    assert actions(database.apply(foreign_keys=[entry])) == ["drop"]
    assert database.foreign_keys("Order") == {}
    assert database.apply(foreign_keys=[entry])["changed"] is False
    database.rollback()
    assert database.dump() == before


def test_a_key_of_a_table_to_itself(database: Database) -> None:
    empty = database.dump()
    entry = {
        "name": "parent",
        "table": "Category",
        "columns": ["parentId"],
        "references": {"table": "Category", "columns": ["id"]},
    }
    database.apply({"id": "one", "foreign_keys": [entry]})
    assert database.foreign_keys("Category") == {"parent": 'FOREIGN KEY ("parentId") REFERENCES "Category"(id)'}
    added = database.dump()
    database.apply({"id": "two", "foreign_keys": [{**entry, "on_delete": "cascade"}]})
    assert database.foreign_keys("Category") == {
        "parent": 'FOREIGN KEY ("parentId") REFERENCES "Category"(id) ON DELETE CASCADE'
    }
    database.rollback()
    assert database.dump() == added
    database.rollback()
    assert database.dump() == empty


def test_a_key_of_another_name_that_does_the_job(database: Database) -> None:
    with database.nothing_written():
        result = database.apply(foreign_keys=[{**KEY, "name": "mine", "on_update": "cascade", "on_delete": "restrict"}])
    assert result["changed"] is False
    assert any(f'"{NAME}" already does the job of "mine"' in note for note in result["notes"])


def test_a_second_key_on_the_same_columns_is_reported(database: Database) -> None:
    result = database.apply(foreign_keys=[{**KEY, "name": "mine", "on_delete": "cascade"}])
    assert any(f'"{NAME}" on the same columns stays and acts too' in note for note in result["notes"])


def test_referencing_columns_without_an_index_are_reported(database: Database) -> None:
    result = database.apply(foreign_keys=[SELLER], check=True)
    assert any("no index begins with (sellerId)" in note for note in result["notes"])
    result = database.apply(foreign_keys=[{**KEY, "on_delete": "cascade"}], check=True)
    assert not any("no index begins" in note for note in result["notes"])


def test_a_constraint_that_is_no_foreign_key(database: Database) -> None:
    database.execute('ALTER TABLE "Order" ADD CONSTRAINT seller CHECK (total >= 0)')
    with database.nothing_changed(), pytest.raises(SteadyError, match=r"is a constraint of .* but not a foreign key"):
        database.apply(foreign_keys=[SELLER])


# -- orphans -----------------------------------------------------------------------------------------------------------


def statements_logged(database: Database, work: Any) -> str:
    """What the server logs of all statements that the work sends."""
    database.execute(f"ALTER DATABASE {database.name} SET log_statement = 'all'")
    before = len(database.server.log())
    work()
    return database.server.log()[before:]


def test_orphans_are_counted_and_shown_before_any_lock_is_taken(database: Database) -> None:
    database.execute("UPDATE \"Order\" SET \"sellerId\" = 'gone' || id, note = 'secret diagnosis' WHERE id <= 12")
    index = {"table": "Customer", "columns": ["name"]}

    def work() -> None:
        with pytest.raises(SteadyError) as refusal:
            database.apply(indexes=[index], foreign_keys=[SELLER])
        message = str(refusal.value)
        assert '12 rows of "public"."Order" refer to no row of "public"."Customer" (foreign key "seller")' in message
        assert "sellerId=gone1" in message
        assert message.count("sellerId=") == 10
        assert "secret" not in message

    # While somebody holds a row, even a lock that is asked for with NOWAIT would be a failure.
    with database.nothing_changed(), held(database, 'UPDATE "Order" SET total = 1 WHERE id = 1'):
        logged = statements_logged(database, work)
    assert "NOT EXISTS" in logged
    assert "LOCK TABLE" not in logged
    assert 'ALTER TABLE "public"' not in logged


def test_the_log_shows_the_lock_of_a_key_without_orphans(database: Database) -> None:
    """The counterpart of the test above: it could see a lock."""
    assert "LOCK TABLE" in statements_logged(database, lambda: database.apply(foreign_keys=[SELLER]))


def test_keys_that_are_null_in_part(database: Database) -> None:
    prepare(database)
    database.apply(foreign_keys=[{**SELLER, **PAIR}])  # MATCH SIMPLE does not look at them
    with pytest.raises(SteadyError, match=r'1125 rows of "public"\."Order" refer to no row'):
        database.apply({"id": "full", "foreign_keys": [{**SELLER, **PAIR, "match": "full"}]})
    assert database.foreign_keys("Order")["seller"] == PAIR_KEY
    assert database.helpers() == []


def test_orphans_that_come_before_the_key(database: Database) -> None:
    """The lock is waited for; meanwhile somebody writes a row without a parent."""
    before = database.dump()
    with held(database, 'UPDATE "Order" SET total = 1 WHERE id = 1', seconds=1.5):
        late = threading.Timer(0.7, lambda: database.execute('UPDATE "Order" SET "sellerId" = \'gone\' WHERE id = 5'))
        late.start()
        with pytest.raises(SteadyError) as failure:
            database.apply(foreign_keys=[{**SELLER, "name": "seller"}])
        late.join()
    assert failure.value.sqlstate == "23503"
    assert "gone" in str(failure.value)
    # A key that is left NOT VALID already refuses new orphans; nobody may be surprised by it.
    left = database.foreign_keys("Order")
    assert "seller" not in left or "NOT VALID" in str(failure.value)
    database.rollback()
    assert database.dump() == before


# -- leftovers of interrupted runs -------------------------------------------------------------------------------------


def add_key(database: Database, name: str, tail: str) -> int:
    """A key as an interrupted run leaves it."""
    database.execute(f'ALTER TABLE "Order" ADD CONSTRAINT "{name}" FOREIGN KEY ("customerId") {tail}')
    return database.constraint_oid(name)


CASCADE = 'REFERENCES "Customer" (id) ON UPDATE CASCADE ON DELETE CASCADE'
WISH = {**KEY, "on_delete": "cascade"}
REPLACED = BEFORE.replace("RESTRICT", "CASCADE")


@pytest.mark.parametrize("tail", [CASCADE + " NOT VALID", CASCADE])
def test_a_helper_with_the_wanted_key_is_used(database: Database, tail: str) -> None:
    helper = add_key(database, HELPER, tail)
    assert actions(database.apply(foreign_keys=[WISH])) == ["replace"]
    assert database.foreign_keys("Order") == {NAME: REPLACED}
    assert database.constraint_oid(NAME) == helper


def test_a_helper_of_another_plan_is_not_used(database: Database) -> None:
    helper = add_key(database, HELPER, 'REFERENCES "Customer" (id) ON DELETE SET NULL NOT VALID')
    database.apply(foreign_keys=[WISH])
    assert database.foreign_keys("Order") == {NAME: REPLACED}
    assert database.constraint_oid(NAME) != helper


def test_a_helper_beside_the_wanted_key_goes(database: Database) -> None:
    key = database.constraint_oid(NAME)
    add_key(database, HELPER, CASCADE)
    keep = {**KEY, "on_delete": "restrict"}
    assert actions(database.apply(foreign_keys=[keep])) == ["clean up"]
    assert database.foreign_keys("Order") == {NAME: BEFORE}
    assert database.constraint_oid(NAME) == key
    assert database.apply(foreign_keys=[keep])["changed"] is False


def test_a_helper_goes_with_the_key(database: Database) -> None:
    add_key(database, HELPER, CASCADE + " NOT VALID")
    database.apply(foreign_keys=[{"name": NAME, "table": "Order", "state": "absent"}])
    assert database.foreign_keys("Order") == {}


def test_a_key_that_was_never_validated_is(database: Database) -> None:
    database.execute(
        'ALTER TABLE "Order" ADD CONSTRAINT seller FOREIGN KEY ("sellerId") REFERENCES "Customer" NOT VALID'
    )
    key, before = database.constraint_oid("seller"), database.dump()
    assert actions(database.apply(foreign_keys=[SELLER])) == ["validate"]
    assert database.foreign_keys("Order")["seller"] == SELLER_KEY
    assert database.constraint_oid("seller") == key
    database.rollback()
    assert database.dump() == before


def test_a_key_that_was_never_validated_comes_back_so(database: Database) -> None:
    database.execute(
        'UPDATE "Order" SET "sellerId" = \'gone\' WHERE id = 3;'
        'ALTER TABLE "Order" ADD CONSTRAINT seller FOREIGN KEY ("sellerId") REFERENCES "Customer" NOT VALID'
    )
    before = database.dump()
    with database.nothing_changed(), pytest.raises(SteadyError, match=r"1 rows? of .* refer"):
        database.apply(foreign_keys=[SELLER])
    database.apply(foreign_keys=[{"name": "seller", "table": "Order", "state": "absent"}])
    database.rollback()
    assert database.dump() == before


# -- without a gap -----------------------------------------------------------------------------------------------------


def test_in_twenty_replacements_no_orphan_gets_in(database: Database) -> None:
    stop = threading.Event()
    refused: list[str] = []
    accepted: list[int] = []

    def write() -> None:
        connection = database.connect(application_name="orphan writer")
        with connection.cursor() as cursor:
            while not stop.is_set():
                try:
                    cursor.execute('UPDATE "Order" SET "customerId" = \'nobody\' WHERE id = 7')
                    accepted.append(1)
                except psycopg2.Error as error:
                    refused.append(error.pgcode)
        connection.close()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for number in range(20):
            wish = {**KEY, "on_delete": "cascade" if number % 2 == 0 else "restrict"}
            assert actions(database.apply({"id": f"turn-{number}", "foreign_keys": [wish]})) == ["replace"]
    finally:
        stop.set()
        writer.join()
    assert accepted == []
    assert set(refused) == {"23503"}
    assert len(refused) > 500
    assert database.helpers() == []


# -- what the server does not take -------------------------------------------------------------------------------------

IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "no unique index": (
        {"references": {"table": "Customer", "columns": ["name"]}},
        "no unique index of",
    ),
    "types that do not compare": (
        {"columns": ["id"]},
        "integer",
    ),
    "types that compare and do not fit": (
        {"columns": ["total"], "references": {"table": "Category", "columns": ["id"]}},
        "numeric",
    ),
    "a column that is not there": ({"columns": ["sellerid"]}, 'did you mean "sellerId"?'),
    "a referenced column that is not there": (
        {"references": {"table": "Customer", "columns": ["ID"]}},
        'did you mean "id"?',
    ),
    "a table that is not there": (
        {"references": {"table": "customer", "columns": ["id"]}},
        'there is no table "customer" in schema "public"; did you mean "Customer"?',
    ),
    "a schema that is not there": (
        {"references": {"schema": "nowhere", "table": "Customer", "columns": ["id"]}},
        'there is no table "Customer" in schema "nowhere"',
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_key_is_one_message_before_anything_is_changed(database: Database, case: str) -> None:
    attributes, says = IMPOSSIBLE[case]
    good = {"table": "Customer", "columns": ["name"]}
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(indexes=[good], foreign_keys=[{**SELLER, **attributes}])
    assert says in str(refusal.value)
    assert "nothing was changed" in str(refusal.value)


@pytest.mark.parametrize("event", ["on_delete", "on_update"])
def test_set_null_on_a_column_that_is_not_null(database: Database, event: str) -> None:
    wish = {**KEY, event: "set_null"}
    with database.nothing_changed(), pytest.raises(SteadyError) as refusal:
        database.apply(foreign_keys=[wish])
    assert "columns: [{table: Order, name: customerId, nullable: true}]" in str(refusal.value)
    before = database.dump()
    column = {"table": "Order", "name": "customerId", "nullable": True}
    database.apply(foreign_keys=[wish], columns=[column])
    assert f"ON {event[3:].upper()} SET NULL" in database.foreign_keys("Order")[NAME]
    assert database.nullable("Order", "customerId") is True
    if event == "on_delete":
        database.execute("DELETE FROM \"Customer\" WHERE id = 'c5'")
        assert database.value('SELECT count(*) FROM "Order" WHERE "customerId" IS NULL') == 5
        database.execute('UPDATE "Order" SET "customerId" = \'c6\' WHERE "customerId" IS NULL')
    database.rollback()
    assert database.dump() == before


# -- the module --------------------------------------------------------------------------------------------------------


def test_the_module_in_four_phases(database: Database) -> None:
    before = database.dump()
    arguments = {
        "database_url": database.url(),
        "foreign_keys": [WISH, {**SELLER, "on_delete": "set_null", "deferrable": True}],
    }
    with database.nothing_written():
        planned = run_module("foreign_key", arguments, "--check", "--diff")
    assert (planned["failed"], planned["changed"], planned["status"]) == (False, True, "planned")
    done = run_module("foreign_key", arguments)
    assert (done["failed"], done["changed"], done["status"]) == (False, True, "succeeded")
    assert [step["sql"] for step in done["steps"]] == [step["sql"] for step in planned["steps"]]
    assert database.foreign_keys("Order") == {
        NAME: REPLACED,
        "seller": f"{SELLER_KEY} ON DELETE SET NULL DEFERRABLE",
    }
    with database.nothing_written():
        assert run_module("foreign_key", arguments, "--check")["changed"] is False
        assert run_module("foreign_key", arguments)["changed"] is False
    database.rollback()
    assert database.dump() == before
