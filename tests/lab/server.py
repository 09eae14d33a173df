# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""PostgreSQL servers to test, show and measure on: private to their folder, reached through a unix socket in it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import sql

from lab.errors import LabError
from lab.home import START_SECONDS, SUPERUSER, Home, make_home
from lab.installations import Installation, installation, installations
from lab.processes import wait_until_none_in

__all__ = ["SUPERUSER", "Installation", "LabError", "Server", "installation", "installations", "remove_directory"]

DEFAULT_PORT = 5432

# Messages and times are the same on every machine; everything else is PostgreSQL's default.
COMMON_SETTINGS = {"timezone": "UTC", "log_timezone": "UTC", "lc_messages": "C"}
# A test's data need not survive a power cut, and waiting for the disk is most of what a small test does.
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Server:
    """One PostgreSQL server. Made by `Server.start`; as a context manager it stops what it started.

    `directory` holds all of it: data/, socket/ and the log.
    """

    directory: Path
    installation: Installation
    port: int
    socket_dir: Path
    started_here: bool = False
    temporary: bool = False

    # -- start and stop ------------------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        major: int | None = None,
        directory: Path | None = None,
        *,
        settings: Mapping[str, str | int] | None = None,
        listen_tcp: bool = False,
        ipv6: bool = False,
        hba: Sequence[str] | None = None,
        files: Mapping[str, str | bytes] | None = None,
        durable: bool = False,
    ) -> Server:
        """Start a server, or attach to the one that already runs in the directory.

        major       the version; without it that of the data found in the directory, else the newest installed
        directory   where it lives; without it a new temporary folder, which leaving the context removes
        settings    of postgresql.conf; these win over the lab's own
        listen_tcp  also listen on 127.0.0.1 (with ipv6 on ::1 too), on a free port; otherwise unix socket only
        hba         the lines of pg_hba.conf in place of "trust for everybody". One line is always put before them:
                    the lab itself comes in as `postgres` through the socket
        files       to put into the data directory, readable by the server only: certificates and keys
        durable     leave fsync and the like on, for figures that mean something

        The server goes on when this process ends. With a server that already runs, only `directory` counts.
        """
        temporary = directory is None
        home = make_home(directory)
        if home.running:
            return cls._attach(home)
        use = installation(home.data_major() or major).for_server_user()
        if major not in (None, use.major):
            raise LabError(f"{home.path} holds data of PostgreSQL {use.major}, not {major}")
        # After a crash of the postmaster its children need a moment to notice; until then a new one cannot start.
        if left := wait_until_none_in(home.data, START_SECONDS):
            raise LabError(f"{home.path}: no server, but processes of a former one are still there: {left}")
        own_settings: dict[str, str | int] = {**COMMON_SETTINGS, **({} if durable else FAST_SETTINGS)}
        own_settings["listen_addresses"] = ("127.0.0.1,::1" if ipv6 else "127.0.0.1") if listen_tcp else ""
        try:
            if home.data_major() is None:
                home.initdb(use)
            home.write_hba(hba)
            for name, content in (files or {}).items():
                home.write(name, content)
            _launch(home, use, {**own_settings, **(settings or {})}, ipv6)
            server = cls._attach(home)
        except BaseException:
            if temporary:
                home.stop("immediate")
                home.delete()
            raise
        server.started_here, server.temporary = True, temporary
        return server

    @classmethod
    def find(cls, directory: Path) -> Server | None:
        """The server that runs in the directory, or None; starts and changes nothing."""
        home = Home(directory)
        return cls._attach(home) if home.running else None

    @classmethod
    def _attach(cls, home: Home) -> Server:
        lines = home.wait_until_ready()
        return cls(home.path, installation(home.data_major()).for_server_user(), int(lines[3]), Path(lines[4]))

    def running(self) -> bool:
        """Whether it runs."""
        return self._home.running

    def stop(self, mode: str = "fast") -> None:
        """Stop it: smart, fast or immediate. Nothing happens where it does not run."""
        self._home.stop(mode)

    def kill(self) -> None:
        """Stop it the hard way, as a crash would: it has to recover at its next start."""
        self.stop("immediate")

    def restart(self, mode: str = "fast") -> None:
        """Stop it and start it with the same settings and port."""
        self.stop(mode)
        failure = self._home.launch(self.installation)
        if failure is not None:
            raise LabError(f"PostgreSQL {self.installation.major} did not start again in {self.directory}:\n{failure}")

    def remove(self) -> None:
        """Stop it and delete all of it."""
        self._home.stop("immediate")
        self._home.delete()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.temporary:
            self.remove()
        elif self.started_here:
            self.stop()

    @property
    def _home(self) -> Home:
        return Home(self.directory)

    @property
    def data_dir(self) -> Path:
        """PostgreSQL's data directory."""
        return self._home.data

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, when it runs."""
        return self._home.postmaster()

    @property
    def log_path(self) -> Path:
        """The file with what the server logs."""
        return self._home.log

    def log(self) -> str:
        """What the server has logged."""
        return self.log_path.read_text(errors="replace")

    # -- use -----------------------------------------------------------------------------------------------------

    def url(
        self,
        database: str = "postgres",
        user: str = SUPERUSER,
        password: str | None = None,
        host: str | None = None,
        **parameters: str,
    ) -> str:
        """The libpq URL of a database: through the socket, or through TCP where a host is given."""
        login = quote(user, safe="") + ("" if password is None else f":{quote(password, safe='')}")
        if host is None:
            place = ""
            parameters = {"host": str(self.socket_dir), "port": str(self.port), **parameters}
        else:
            place = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        query = f"?{urlencode(parameters, quote_via=quote, safe='')}" if parameters else ""
        return f"postgresql://{login}@{place}/{quote(database, safe='')}{query}"

    def connect(self, database: str = "postgres", user: str = SUPERUSER, **parameters: Any) -> Any:
        """A psycopg2 connection through the socket, in autocommit."""
        place = {"host": str(self.socket_dir), "port": self.port, "dbname": database, "user": user}
        connection = psycopg2.connect(**{**place, **parameters})
        connection.autocommit = True
        return connection

    def execute(
        self, statement: str | sql.Composable, parameters: Any = None, *, database: str = "postgres", **connect: Any
    ) -> list[tuple[Any, ...]]:
        """Run one statement in a connection of its own; its rows, or an empty list where it has none."""
        connection = self.connect(database, **connect)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of another where that is named."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self.execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, and end the connections to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def psql(
        self, *arguments: str, database: str = "postgres", user: str = SUPERUSER, script: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run psql with these arguments, or with a script on its standard input; raises when it fails."""
        options = ["--no-psqlrc", "--set=ON_ERROR_STOP=1"]
        return self._client("psql", [*options, *arguments], database, user, script)

    def dump_schema(self, database: str) -> str:
        """The database's schema as pg_dump writes it, the same for the same schema. Without our own schemas.

        Taken out are the versions of server and pg_dump, and the \\restrict lines, whose key is another each time.
        """
        arguments = ["--schema-only", "--exclude-schema=steady", "--exclude-schema=steady_kept"]
        text = self._client("pg_dump", arguments, database, SUPERUSER).stdout
        varying = re.compile(r"^(\\(un)?restrict .*|-- Dumped (from|by) .*)\n", re.MULTILINE)
        return varying.sub("", text)

    def _client(
        self, name: str, arguments: Sequence[str], database: str, user: str, script: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        # What PG… variables stand in this environment must not lead the program to another server.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        done = subprocess.run(
            [self.installation.client(name), f"--dbname={self.url(database, user)}", *arguments],
            input=script or "",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(f"{name} failed with status {done.returncode}:\n{done.stderr.strip()}")
        return done


def remove_directory(directory: Path) -> bool:
    """Stop the server in the directory, if one runs, and delete it all; says whether anything was there.

    Needs no PostgreSQL installed: what is left of a removed virtual environment can still be cleaned up.
    """
    home = Home(directory)
    if not directory.exists():
        return False
    home.stop("fast")
    home.delete()
    return True


def _launch(home: Home, use: Installation, settings: Mapping[str, str | int], ipv6: bool) -> None:
    """Start the server of the folder, on a free port where it is to listen on any address."""
    place = {"unix_socket_directories": str(home.make_socket_dir()), "port": DEFAULT_PORT}
    for attempts_left in (2, 1, 0):
        if settings["listen_addresses"]:
            place["port"] = _free_port(ipv6)
        home.write_settings({**place, **settings})
        failure = home.launch(use)
        if failure is None:
            return
        # Between asking for a free port and taking it, somebody else can have taken it.
        if "could not create any TCP/IP sockets" not in failure or not attempts_left:
            raise LabError(f"PostgreSQL {use.major} did not start in {home.path}:\n{failure}")


def _free_port(ipv6: bool) -> int:
    """A port that nobody listens on at this moment, on both addresses where both are wanted."""
    for attempts_left in range(9, -1, -1):
        with socket.socket(socket.AF_INET) as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            if not ipv6:
                return port
            with socket.socket(socket.AF_INET6) as second:
                try:
                    second.bind(("::1", port))
                    return port
                except OSError as error:
                    if not attempts_left:
                        raise LabError(f"this machine has no free port on ::1: {error}") from None
    raise AssertionError("not reached")
