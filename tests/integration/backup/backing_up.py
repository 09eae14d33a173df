# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A database to back up and restore, and the questions to it that share no code with the collection."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._backup.backup import backup
from ansible_collections.steady.postgresql.plugins.module_utils._backup.restore import restore
from ansible_collections.steady.postgresql.plugins.module_utils._errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._run import Options
from lab.server import SUPERUSER, Server

EVERYTHING = """
CREATE SCHEMA "S x";
CREATE TABLE "S x"."A.b" (id serial PRIMARY KEY, "x y" int CHECK ("x y" > 0), n int GENERATED ALWAYS AS IDENTITY);
CREATE INDEX ON "S x"."A.b" ("x y");
INSERT INTO "S x"."A.b" ("x y") SELECT g FROM generate_series(1, 500) g;
ALTER TABLE "S x"."A.b" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "S x"."A.b" FORCE ROW LEVEL SECURITY;
CREATE POLICY "only mine" ON "S x"."A.b" USING ("x y" > 10);
CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE agg(int) (SFUNC = int4pl, STYPE = int);
CREATE VIEW v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a;
CREATE INDEX ON mv (a);
CREATE TABLE p (i int PRIMARY KEY, t text) PARTITION BY RANGE (i);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10);
CREATE TABLE p2 PARTITION OF p DEFAULT;
INSERT INTO p VALUES (3, E'tab\\tnew\\nline'), (30, '\\.'), (31, NULL);
CREATE INDEX ON p (t);
CREATE TYPE e AS ENUM ('a');
CREATE DOMAIN d AS int CHECK (value > 0);
CREATE TYPE r AS RANGE (subtype = int);
CREATE TYPE c AS (a int);
CREATE TABLE fk (i int REFERENCES p, j int REFERENCES "S x"."A.b");
ALTER TABLE fk ADD CONSTRAINT late CHECK (i > 0) NOT VALID;
CREATE TABLE parent (a int);
CREATE TABLE child (z int) INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 2), (3, 4);
CREATE SEQUENCE down INCREMENT -1 MINVALUE -10 MAXVALUE 5 START 5;
SELECT nextval('down'), nextval('down');
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tg BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION tf();
CREATE RULE also AS ON INSERT TO parent DO ALSO NOTHING;
CREATE STATISTICS st ON a, z FROM child;
CREATE COLLATION co (provider = libc, locale = 'C');
CREATE UNLOGGED TABLE ul (a int);
INSERT INTO ul VALUES (1);
CREATE FOREIGN DATA WRAPPER fdw;
CREATE SERVER fs FOREIGN DATA WRAPPER fdw;
CREATE FOREIGN TABLE ft (a int) SERVER fs;
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE "new
line" ("q""uote" int);
INSERT INTO "new
line" VALUES (1);
SELECT lo_from_bytea(4711, 'large');
CREATE PUBLICATION pub FOR TABLE p;
CREATE TABLE big AS SELECT g AS id, md5(g::text) AS a FROM generate_series(1, 20000) g;
"""


@dataclass
class Shop:
    """One database with its backups."""

    server: Server
    name: str
    folder: Path
    programs: str

    def make(self) -> None:
        self.server.create_database(self.name)
        self.execute(EVERYTHING)

    def remove(self) -> None:
        if not self.server.running():
            self.server.restart("immediate")
        for (name,) in self.server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (self.name,)
        ):
            self.server.drop_database(name)

    def execute(self, statement: Any, parameters: Any = None, user: str = SUPERUSER) -> list[tuple[Any, ...]]:
        return self.server.execute(statement, parameters, database=self.name, user=user)

    def databases(self) -> list[str]:
        """All that there are of this shop, its copies among them."""
        found = self.server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1", (self.name,)
        )
        return [name for (name,) in found]

    def dump(self) -> str:
        return self.server.dump_schema(self.name)

    def rows(self) -> dict[str, int]:
        """The rows of each table."""
        tables = self.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname IN ('public', 'S x')"
        )
        query = "SELECT count(*) FROM ONLY {}"
        return {name: self.execute(sql.SQL(query).format(sql.SQL(name)))[0][0] for (name,) in tables}

    def options(self, user: str = SUPERUSER, **more: Any) -> Options:
        return Options(self.server.url(self.name, user), **more)

    def back_up(self, user: str = SUPERUSER, check: bool = False, **parameters: Any) -> dict[str, Any]:
        """Run the backup; its result."""
        arguments = {"directory": str(self.folder), "programs_dir": self.programs, **parameters}
        return backup(arguments, self.options(user, check=check))

    def restore(self, user: str = SUPERUSER, check: bool = False, **parameters: Any) -> dict[str, Any]:
        """Run the restore, confirmed; what it says of it."""
        arguments = {"backup": str(self.folder), "programs_dir": self.programs, "confirm": self.name, **parameters}
        return restore(arguments, self.options(user, check=check))["restore"]

    def hashes(self) -> dict[str, str]:
        """Every file below the folder of backups."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    @contextmanager
    def stuck(self, what: Callable[[], Any], application: str) -> Iterator[dict[str, Any]]:
        """Run it in a thread while a table is locked, so that its program waits; then the block does what it wants.

        The lock goes with the block; the outcome is there when it has ended: result or error.
        """
        outcome: dict[str, Any] = {}

        def run() -> None:
            try:
                outcome["result"] = what()
            except SteadyError as error:
                outcome["error"] = error

        blocker = self.server.connect(self.name, application_name="the blocker")
        blocker.autocommit = False
        blocker.cursor().execute("LOCK TABLE big IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=run)
        thread.start()
        query = "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, %s) AND wait_event_type = 'Lock'"
        deadline = time.monotonic() + 20
        while not (found := self.server.execute(query, (application,))):
            assert time.monotonic() < deadline, f"no {application} came to wait: {outcome}"
            time.sleep(0.05)
        outcome["pid"] = found[0][0]
        try:
            yield outcome
        finally:
            blocker.close()
            thread.join(60)
            assert not thread.is_alive()
