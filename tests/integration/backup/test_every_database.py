# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A backup of every database that people have: extensions with tables, other encodings, thousands of sequences."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg2 import sql

from integration.backup.backing_up import Shop
from lab.accounts import private_area
from lab.installations import installation
from lab.server import Server

_SCRIPT = """
CREATE TABLE ref (id int PRIMARY KEY, note text, UNIQUE (note));
CREATE INDEX ref_note ON ref (lower(note));
CREATE FUNCTION ref_t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER ref_tg BEFORE INSERT ON ref FOR EACH ROW EXECUTE FUNCTION ref_t();
ALTER TABLE ref ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON ref USING (true);
CREATE RULE r AS ON INSERT TO ref DO ALSO NOTHING;
CREATE TABLE fixed (id int PRIMARY KEY);
SELECT pg_catalog.pg_extension_config_dump('ref', 'WHERE id > 100');
"""


@contextmanager
def a_shop(machine: Server, name: str, folder: Path, options: str = "") -> Iterator[Shop]:
    made = Shop(machine, name, folder / "backups", str(installation().bin_dir))
    machine.execute(sql.SQL("CREATE DATABASE {} " + options).format(sql.Identifier(name)))
    try:
        yield made
    finally:
        made.remove()


def test_an_extension_that_owns_tables(machine: Server, tmp_path: Path) -> None:
    """A1"""
    if machine.installation.major < 18:
        pytest.skip("extension_control_path is PostgreSQL 18's")
    place = private_area() / "extensions of tests"
    (place / "extension").mkdir(parents=True, exist_ok=True)
    (place / "extension" / "exty.control").write_text("default_version='1.0'\nrelocatable=false\nschema=exty\n")
    (place / "extension" / "exty--1.0.sql").write_text(_SCRIPT)
    for path in (place, place / "extension", *(place / "extension").iterdir()):
        path.chmod(0o755)
    machine.execute(f"ALTER SYSTEM SET extension_control_path = '{place}:$system'")
    machine.execute("SELECT pg_reload_conf()")
    try:
        with a_shop(machine, "exty", tmp_path) as shop:
            shop.execute(
                "CREATE EXTENSION exty; INSERT INTO exty.ref VALUES (1, 'a'), (101, 'b');"
                ' CREATE TABLE "Pet" (id int PRIMARY KEY, name text)'
            )
            said = shop.back_up(proof="restore")["backup"]
            assert said["proof"] == "restore"
            assert not [one for one in said["left_out"] if "added to tables of extensions" in one]
            # What a user adds to it is in no dump: it is named, and keeps nothing from being backed up.
            shop.execute(
                "CREATE INDEX mine ON exty.ref (id, note);"
                " CREATE TRIGGER mine BEFORE UPDATE ON exty.ref FOR EACH ROW EXECUTE FUNCTION exty.ref_t()"
            )
            (left,) = [
                one for one in shop.back_up(proof="restore")["backup"]["left_out"] if "added to tables of ext" in one
            ]
            assert left.endswith(": index exty.mine, trigger mine on exty.ref")
            shop.execute("DELETE FROM exty.ref")
            shop.restore()
            assert shop.execute("SELECT * FROM exty.ref") == [(101, "b")]
    finally:
        machine.execute("ALTER SYSTEM RESET extension_control_path")
        machine.execute("SELECT pg_reload_conf()")
        shutil.rmtree(place)


@pytest.mark.parametrize(
    ("encoding", "code"), [("SQL_ASCII", b"caf\xe9"), ("LATIN1", b"caf\xe9"), ("EUC_JP", b"\xc6\xfc\xcb\xdc")]
)
def test_other_encodings_byte_for_byte(machine: Server, tmp_path: Path, encoding: str, code: bytes) -> None:
    """A5, S25"""
    options = f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    with a_shop(machine, f"in {encoding.lower()}", tmp_path, options) as shop:
        shop.execute('CREATE TABLE "Pet" (id int PRIMARY KEY, name text)')
        if encoding != "SQL_ASCII":
            shop.execute('CREATE TABLE "日" (id int)' if encoding == "EUC_JP" else 'CREATE TABLE "Käfer" (id int)')
        hexadecimal = "".join(f"\\x{byte:02x}" for byte in code)
        own = machine.connect(shop.name, client_encoding=encoding)
        own.cursor().execute(f"INSERT INTO \"Pet\" VALUES (1, E'{hexadecimal}')")
        own.close()
        shop.back_up(proof="restore")
        shop.execute('DELETE FROM "Pet"')
        shop.restore(in_place=True)
        bytes_of = f"SELECT encode(convert_to(name, '{encoding}'), 'hex') FROM \"Pet\""
        if encoding == "SQL_ASCII":
            bytes_of = "SELECT encode(name::bytea, 'hex') FROM \"Pet\""
        assert shop.execute(bytes_of) == [(code.hex(),)]
        shop.execute('DELETE FROM "Pet"')
        shop.restore()
        assert shop.execute(bytes_of) == [(code.hex(),)]


def test_thousands_of_sequences(machine: Server, tmp_path: Path) -> None:
    """A14, S21: no statement is over all of them, and no lock on them is kept"""
    with a_shop(machine, "sequences", tmp_path) as shop:
        for first in range(0, 4000, 1000):
            shop.execute(
                f"DO $$ BEGIN FOR i IN {first}..{first + 999} LOOP"
                " EXECUTE format('CREATE SEQUENCE s%s START %s', i, i + 7); END LOOP; END $$"
            )
        shop.execute("CREATE TABLE t (id int); SELECT nextval('s3999')")
        assert shop.back_up()["backup"]["status"] == "proven"


@pytest.mark.parametrize("name", ["a=b", "host=nowhere", "postgresql://x"])
def test_names_that_look_like_connection_strings(machine: Server, tmp_path: Path, name: str) -> None:
    """B34: pg_dumpall takes the name for a name"""
    with a_shop(machine, name, tmp_path) as shop:
        shop.execute("CREATE TABLE t (id int)")
        assert shop.back_up(proof="list")["backup"]["globals"] == {
            "included": True,
            "detail": "roles and tablespaces",
        }
