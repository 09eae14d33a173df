# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A database to back up and restore, and the questions to it that share no code with the collection."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from ansible_collections.steady.postgresql.plugins.module_utils._backup.restoring.restore import restore
from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking.backup import backup
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.sessions import wait_until
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
CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(coalesce(nullif(current_setting('shop.sleep', true), ''), '0')::float8);
  RETURN true;
END $$;
CREATE TABLE slow (a int CHECK (slowly()));
INSERT INTO slow VALUES (1);
CREATE TABLE big AS SELECT g AS id, md5(g::text) AS a FROM generate_series(1, 20000) g;
"""


@dataclass
class Shop:
    """One database with its backups."""

    server: Server
    name: str
    folder: Path
    programs: str
    cable: Cable | None = None

    def remove(self) -> None:
        self.server_up()
        for (name,) in self.server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (self.name,)
        ):
            self.server.drop_database(name)

    def server_up(self) -> None:
        """As an administrator would after a crash."""
        if not self.server.running():
            self.server.restart("immediate")

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
        url = self.server.url(self.name, user)
        if self.cable is not None:
            url = make_dsn(url, host="127.0.0.1", port=self.cable.port)
        return Options(url, **more)

    def back_up(self, user: str = SUPERUSER, check: bool = False, **parameters: Any) -> dict[str, Any]:
        """Run the backup; its result."""
        arguments = {"directory": str(self.folder), "programs_dir": self.programs, **parameters}
        return backup(arguments, self.options(user, check=check))

    def restore(
        self, user: str = SUPERUSER, check: bool = False, policy: LockPolicy | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """Run the restore, confirmed; what it says of it."""
        arguments = {"backup": str(self.folder), "programs_dir": self.programs, "confirm": self.name, **parameters}
        return restore(arguments, self.options(user, check=check, policy=policy or LockPolicy()))["restore"]

    def hashes(self) -> dict[str, str]:
        """Every file below the folder of backups."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    @contextmanager
    def stuck(self, what: Callable[[], Any], application: str, table: str = "big") -> Iterator[dict[str, Any]]:
        """Run it in a thread while a table is locked, so that its program waits; then the block does what it wants.

        The lock goes with the block; the outcome is there when it has ended: result or error.
        """
        blocker = self.server.connect(self.name, application_name="the blocker")
        blocker.autocommit = False
        blocker.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        query = "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, %s) AND wait_event_type = 'Lock'"
        with self.running(what) as outcome:
            try:
                outcome["pid"] = self.until(outcome, lambda: self.server.execute(query, (application,)))[0][0]
                yield outcome
            finally:
                blocker.close()

    def struck(self, what: Callable[[], Any], harm: Callable[[], Any]) -> SteadyError:
        """Run it, and do the harm when it restores the table `slow`, which does not end by itself; its error."""
        asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND starts_with(datname, %s)"
        self.server.execute(f"ALTER ROLE {SUPERUSER} SET shop.sleep = '50'")
        try:
            with self.running(what) as outcome:
                self.until(outcome, lambda: self.server.execute(asleep, (self.name,)))
                harm()
        finally:
            self.server_up()
            self.server.execute(f"ALTER ROLE {SUPERUSER} RESET shop.sleep")
        return outcome["error"]

    @contextmanager
    def running(self, what: Callable[[], Any]) -> Iterator[dict[str, Any]]:
        """Run it in a thread beside the block; the outcome is there when it has ended: result or error."""
        outcome: dict[str, Any] = {}

        def run() -> None:
            try:
                outcome["result"] = what()
            except SteadyError as error:
                outcome["error"] = error

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield outcome
        finally:
            thread.join(45)
            assert not thread.is_alive()

    @staticmethod
    def until(outcome: dict[str, Any], condition: Callable[[], Any]) -> Any:
        """Wait until the condition is true, which it must be before the work beside it has an outcome; its value."""
        value = wait_until(lambda: outcome or condition())
        assert not outcome, f"it did not come to that: {outcome}"
        return value


def refusal(what: Callable[[], Any]) -> SteadyError:
    """The error that it ends with, which says what to do and what was left."""
    with pytest.raises(SteadyError) as error:
        what()
    assert error.value.todo, str(error.value)
    assert error.value.left
    return error.value


def kill_child(program: str) -> None:
    """As the kernel does for want of memory: SIGKILL for a program that this process has started."""
    listed = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-x", program], capture_output=True, text=True, check=True
    )
    os.kill(int(listed.stdout.split()[0]), signal.SIGKILL)


class Cable:
    """The way to a server, from a port of its own; whoever came through it is thrown out when it is cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._ends: list[socket.socket] = []
        self._whole = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, mended: bool = True) -> None:
        """Cut it. mended: whoever comes after that is let through again."""
        self._whole = mended
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has been closed by its other side

    def close(self) -> None:
        self._listener.close()
        self.cut(mended=False)

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            if not self._whole:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            self._ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(1 << 16):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # cut


class Application:
    """A client that connects again whenever it has to. longest: between two answers, in seconds."""

    def __init__(self, shop: Shop, pause: float = 0.005, question: str = "SELECT count(*) FROM parent") -> None:
        self.shop = shop
        self.question = question
        self.pause = pause
        self.longest = 0.0
        self.answers = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Application:
        self._thread.start()
        wait_until(lambda: self.answers)
        return self

    def __exit__(self, *_error: Any) -> None:
        before = self.answers
        try:
            wait_until(lambda: self.answers > before)
        finally:
            self._stop.set()
            self._thread.join(10)

    def _run(self) -> None:
        connection, last = None, time.monotonic()
        while not self._stop.is_set():
            try:
                connection = connection or self.shop.server.connect(self.shop.name)
                connection.cursor().execute(self.question)
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now
                self.answers += 1
            except psycopg2.Error:
                connection = None
            time.sleep(self.pause)
