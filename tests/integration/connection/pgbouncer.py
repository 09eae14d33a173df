# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A PgBouncer in front of a server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2

from lab.accounts import private_area, server_account
from lab.errors import LabError
from lab.server import SUPERUSER, Server

START_SECONDS = 10


def program() -> str | None:
    """The path of PgBouncer, None where it is not installed."""
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin")


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer; whoever connects is the superuser behind it."""

    port: int
    database: str
    folder: Path

    def url(self, **parameters: str) -> str:
        """The address of the database through the pooler."""
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in parameters.items())
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{self.database}" + (f"?{query}" if query else "")

    def connect(self, **parameters: Any) -> Any:
        """A psycopg2 connection through the pooler, in autocommit."""
        connection = psycopg2.connect(self.url(), **parameters)
        connection.autocommit = True
        return connection

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement in a connection of its own through the pooler."""
        connection = self.connect(**parameters)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()

    def log(self) -> str:
        """What PgBouncer has said."""
        return (self.folder / "log").read_text(errors="replace")


@contextmanager
def pgbouncer(server: Server, database: str, mode: str, **settings: str | int) -> Iterator[Pooler]:
    """Start one with this pool_mode, and stop it in the end."""
    found = program()
    assert found is not None
    account = server_account()
    folder = Path(tempfile.mkdtemp(dir=private_area(), prefix="pooler-"))
    port = _free_port()
    place = f"host={server.socket_dir} port={server.port} dbname={database} user={SUPERUSER}"
    lines = [f"{key} = {value}" for key, value in {"pool_mode": mode, "default_pool_size": 20, **settings}.items()]
    own = ["listen_addr = 127.0.0.1", f"listen_port = {port}", "unix_socket_dir =", "auth_type = any"]
    text = "\n".join(["[databases]", f"{database} = {place}", "[pgbouncer]", *own, *lines, ""])
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(text)
    account.own(configuration, 0o600)
    account.own(folder, 0o700)
    # It refuses to run as root.
    switch: dict[str, Any] = {} if account.is_me else {"user": account.uid, "group": account.gid, "extra_groups": []}
    with (folder / "log").open("w") as log:
        command = [found, str(configuration)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **switch)
    pooler = Pooler(port, database, folder)
    try:
        _wait(pooler, process)
        yield pooler
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(pooler: Pooler, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while not _answers(pooler.port):
        if process.poll() is not None or time.monotonic() > until:
            raise LabError(f"PgBouncer did not start:\n{pooler.log()}")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
