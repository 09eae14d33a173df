# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A restore costs the application a moment, says what is lost, and harms nothing when it fails."""

from __future__ import annotations

import psycopg2
import pytest
from psycopg2 import sql

from integration.backup.backing_up import Application, Shop
from lab.faults import Sighting

RESTORE = "steady.postgresql restore"
FACTS = """
SELECT pg_get_userbyid(datdba), datacl::text, datconnlimit, shobj_description(d.oid, 'pg_database'),
       (SELECT array_agg(setconfig::text ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)
  FROM pg_database d WHERE datname = %s
"""


def test_the_application_is_back_within_a_second_and_everything_is_as_it_was(shop: Shop) -> None:
    schema, rows = shop.dump(), shop.rows()
    name = sql.Identifier(shop.name)
    shop.server.execute("DROP ROLE IF EXISTS shop_owner")
    shop.server.execute("CREATE ROLE shop_owner")
    for statement in (
        "ALTER DATABASE {} OWNER TO shop_owner",
        "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
        "GRANT CREATE ON DATABASE {} TO pg_monitor WITH GRANT OPTION",
        'ALTER DATABASE {} SET search_path TO "$user", public, "S x"',
        "ALTER ROLE postgres IN DATABASE {} SET work_mem TO '5MB'",
        "ALTER DATABASE {} CONNECTION LIMIT 77",
        "COMMENT ON DATABASE {} IS 'it''s ours'",
    ):
        shop.server.execute(sql.SQL(statement).format(name))
    facts = shop.server.execute(FACTS, (shop.name,))
    shop.back_up()
    shop.execute("INSERT INTO parent VALUES (7); DELETE FROM ul; CREATE TABLE later (a int); DROP INDEX mv_a_idx")
    with Application(shop) as application:
        said = shop.restore()
    assert application.longest < 1.0
    assert application.answers > 10
    lost = {one["table"]: (one["live_rows"], one["backup_rows"]) for one in said["lost"]}
    assert lost == {"public.parent": (2, 1), "public.ul": (0, 1), "public.later": (0, None)}
    assert (shop.dump(), shop.rows()) == (schema, rows)
    assert shop.server.execute(FACTS, (shop.name,)) == facts
    assert shop.databases() == [shop.name, said["kept_database"]]

    again = shop.restore(undo=True)
    assert again["swapped_back"] == said["kept_database"]
    assert shop.rows()["public.parent"] == 2
    assert shop.server.execute(FACTS, (shop.name,)) == facts
    for (database,) in shop.server.execute(
        "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = 'shop_owner'"
    ):
        shop.server.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(database)))
    shop.server.execute("DROP ROLE shop_owner")


def test_a_copy_beside_it_needs_no_confirmation(shop: Shop) -> None:
    shop.back_up()
    said = shop.restore(swap=False, confirm=None)
    assert shop.databases() == [shop.name, said["new_database"]]
    assert said["drop_command"] == f'DROP DATABASE "{said["new_database"]}"'


def test_in_place_in_one_transaction(shop: Shop) -> None:
    shop.execute("DROP TABLE p CASCADE")
    schema, rows = shop.dump(), shop.rows()
    shop.back_up()
    shop.execute("DELETE FROM big; DROP VIEW v")
    shop.restore(in_place=True)
    assert (shop.dump(), shop.rows(), shop.databases()) == (schema, rows, [shop.name])


@pytest.mark.fault(
    "sessions are connected: 20 idle, one idle in a transaction, one with a table locked, one that always reconnects",
    during="restore",
)
def test_whoever_is_connected_is_put_out_and_comes_back(shop: Shop, seen: Sighting) -> None:
    """And nobody can keep the rows of the live database from being counted for longer than a moment."""
    shop.back_up()
    sessions = [shop.server.connect(shop.name) for _number in range(22)]
    sessions[0].cursor().execute("BEGIN; SELECT 1")
    sessions[1].cursor().execute("BEGIN; LOCK TABLE big; SET application_name = 'the holder'")
    with Application(shop, pause=0) as application:
        said = shop.restore()
    assert application.longest < 1.0
    (lost,) = said["lost"]
    assert (lost["table"], lost["live_rows"], lost["backup_rows"]) == ("public.big", None, 20000)
    assert "the holder" in lost["locked_by"][0]
    for session in sessions:
        with pytest.raises(psycopg2.OperationalError):
            session.cursor().execute("SELECT 1")
    assert shop.rows()["public.big"] == 20000
    seen(
        "The database is restored; the sessions are ended, and are back in it within a second. Of a locked table the"
        " lost rows are not counted, and the holder is named.",
        left="the former database, under another name",
    )
