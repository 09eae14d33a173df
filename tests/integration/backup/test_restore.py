# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A restore costs the application a moment, says what is lost, and harms nothing when it fails."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._errors import SteadyError
from integration.backup.backing_up import Shop

RESTORE = "steady.postgresql restore"
FACTS = """
SELECT pg_get_userbyid(datdba), datacl::text, datconnlimit, shobj_description(d.oid, 'pg_database'),
       (SELECT array_agg(setconfig::text ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)
  FROM pg_database d WHERE datname = %s
"""


class Application:
    """A client that connects again whenever it has to. longest: between two answers, in seconds."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.longest = 0.0
        self.answers = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Application:
        self._thread.start()
        time.sleep(0.2)
        return self

    def __exit__(self, *_error: Any) -> None:
        time.sleep(0.3)
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        connection, last = None, time.monotonic()
        while not self._stop.is_set():
            try:
                connection = connection or self.shop.server.connect(self.shop.name)
                connection.cursor().execute("SELECT count(*) FROM parent")
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now
                self.answers += 1
            except psycopg2.Error:
                connection = None
            time.sleep(0.005)


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


class TestNothingHappens:
    """Whatever fails: the live database is as it was, to the last row, and nothing is left beside it."""

    @pytest.fixture(autouse=True)
    def live(self, shop: Shop) -> Any:
        shop.back_up()
        shop.execute("INSERT INTO parent VALUES (7)")
        schema, rows = shop.dump(), shop.rows()
        yield
        # A crash empties unlogged tables, whoever is at work.
        crashed = {"public.ul": shop.rows()["public.ul"]}
        assert (shop.dump(), {**shop.rows(), **crashed}) == (schema, {**rows, **crashed})
        assert shop.databases() == [shop.name]

    def refusal(self, shop: Shop, **arguments: Any) -> SteadyError:
        with pytest.raises(SteadyError) as error:
            shop.restore(**arguments)
        assert error.value.todo
        assert error.value.left
        return error.value

    def folder(self, shop: Shop) -> Path:
        (folder,) = shop.folder.iterdir()
        return folder

    @pytest.mark.parametrize("typed", [None, "", "shop", "yes"])
    def test_without_the_name_typed(self, shop: Shop, typed: str | None) -> None:
        assert self.refusal(shop, confirm=typed).what == "The restore was not confirmed."

    def test_in_check_mode(self, shop: Shop) -> None:
        said = shop.restore(check=True, confirm=None)
        assert said["lost"] == [{"table": "public.parent", "live_rows": 2, "backup_rows": 1}]
        assert said["window_seconds"] >= 0

    def test_without_a_backup(self, shop: Shop, tmp_path: Path) -> None:
        assert "There is no backup in" in self.refusal(shop, backup=str(tmp_path / "nowhere")).what
        assert "no good backup of this database" in self.refusal(shop, backup=str(tmp_path)).what

    def test_with_one_bit_flipped(self, shop: Shop) -> None:
        path = max((self.folder(shop) / "archive").iterdir(), key=lambda one: one.stat().st_size)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert "is damaged" in self.refusal(shop).what

    def test_with_an_edited_manifest(self, shop: Shop) -> None:
        path = self.folder(shop) / "manifest.json"
        path.write_text(path.read_text().replace('"rows": 20000', '"rows": 20001'))
        assert "was changed after it was written" in self.refusal(shop, backup=str(path.parent)).what

    def test_with_a_backup_of_another_database(self, shop: Shop) -> None:
        other = Shop(shop.server, f"other {shop.name}", shop.folder / "other", shop.programs)
        other.server.create_database(other.name)
        made = other.back_up()["backup"]["path"]
        other.server.drop_database(other.name)
        error = self.refusal(shop, backup=made)
        assert "is not one of this database" in error.what
        assert other.name in error.why

    def test_with_a_role_missing(self, shop: Shop) -> None:
        shop.server.execute("CREATE ROLE leaver")
        shop.execute("GRANT SELECT ON v TO leaver")
        made = shop.back_up()["backup"]["path"]
        shop.execute("DROP OWNED BY leaver; DROP ROLE leaver")
        error = self.refusal(shop, backup=made)
        assert error.what == "Roles are missing on this server."
        assert "leaver" in error.why

    def test_with_a_prepared_transaction(self, shop: Shop) -> None:
        shop.execute("BEGIN; INSERT INTO big VALUES (0); PREPARE TRANSACTION 'held up'")
        error = self.refusal(shop)
        shop.execute("ROLLBACK PREPARED 'held up'")
        assert "held up" in error.why

    def test_when_pg_restore_loses_its_sessions(self, shop: Shop) -> None:
        self._harmed(
            shop,
            lambda: shop.server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(datname, %s)"
                " AND datname <> %s AND starts_with(application_name, %s)",
                (shop.name, shop.name, RESTORE),
            ),
        )

    def test_when_the_server_crashes(self, shop: Shop) -> None:
        self._harmed(shop, shop.server.kill)
        shop.server.restart("immediate")
        for name in shop.databases():
            if name != shop.name:  # nobody was left to drop it; its name and comment say what it is
                assert "_new_" in name
                shop.server.drop_database(name)

    def _harmed(self, shop: Shop, harm: Any) -> None:
        """A restore in a thread, harmed as soon as its new database is there."""
        outcome: dict[str, Any] = {}

        def run() -> None:
            try:
                outcome["said"] = shop.restore(jobs=1)
            except SteadyError as error:
                outcome["error"] = error

        thread = threading.Thread(target=run)
        thread.start()
        deadline = time.monotonic() + 20
        query = (
            "SELECT 1 FROM pg_stat_activity WHERE starts_with(datname, %s) AND datname <> %s"
            " AND query ~ '^(COPY|CREATE|ALTER)'"
        )
        while not shop.server.execute(query, (shop.name, shop.name)):
            assert time.monotonic() < deadline
            assert thread.is_alive()
        harm()
        thread.join(60)
        assert "error" in outcome, "it was too quick to be harmed"

    def test_in_place_with_partitioned_tables(self, shop: Shop) -> None:
        assert "partitioned tables" in self.refusal(shop, in_place=True).what

    def test_in_place_with_something_that_depends_and_is_not_in_the_backup(self, shop: Shop, tmp_path: Path) -> None:
        plain = Shop(shop.server, f"{shop.name} plain", tmp_path / "plain", shop.programs)
        plain.server.create_database(plain.name)
        plain.execute("CREATE TABLE big AS SELECT 1 AS id")
        plain.back_up()
        plain.execute("CREATE VIEW later AS SELECT * FROM big; INSERT INTO big VALUES (2)")
        error = self.refusal(plain, in_place=True)
        assert "later" in error.why
        assert "not committed" in error.left
        assert plain.rows() == {"public.big": 2}
        plain.server.drop_database(plain.name)
