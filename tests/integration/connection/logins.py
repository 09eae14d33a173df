# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Roles with a password and a database of their own, and all ways to write down how one gets there."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from lab.server import Server


@dataclass(frozen=True)
class Login:
    """A role with its password and its own database."""

    server: Server
    user: str
    password: str
    database: str

    def url(self, host: str | None = None, password: str | None = None, **parameters: str) -> str:
        """The libpq URL, all parts percent-encoded: through TCP where a host is given, else through the socket."""
        return self.server.url(self.database, self.user, password or self.password, host, **parameters)

    def bare_url(self, host: str | None = None, **parameters: str) -> str:
        """The same without the password."""
        return self.server.url(self.database, self.user, None, host, **parameters)

    def dsn(self, host: str | None = None, **parameters: str) -> str:
        """The key/value string, all values quoted."""
        place = host or str(self.server.socket_dir)
        values = {"host": place, "port": str(self.server.port), "user": self.user, "password": self.password}
        return " ".join(
            "{}='{}'".format(key, value.replace("\\", "\\\\").replace("'", "\\'"))
            for key, value in {**values, "dbname": self.database, **parameters}.items()
        )

    def set(self, statement: str, **names: str) -> None:
        """Run a statement as the superuser in this database; {user} and {database} are filled in."""
        known = {"user": self.user, "database": self.database, **names}
        identifiers = {key: sql.Identifier(value) for key, value in known.items() if f"{{{key}}}" in statement}
        self.server.execute(sql.SQL(statement).format(**identifiers), database=self.database)

    def value(self, statement: str, parameters: Any = None) -> Any:
        """The only column of the only row, asked by the superuser."""
        ((value,),) = self.server.execute(statement, parameters, database=self.database)
        return value


def make_login(server: Server, user: str, password: str, database: str) -> Login:
    """Make role and database; the database holds the tables "Owner" and "Pet"."""
    role = sql.Identifier(user)
    # Not in the server's log: what it says about passwords shall be the collection's doing only.
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password))
    server.execute(statement, options="-c log_statement=none")
    server.create_database(database)
    server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), role))
    tables = """
        CREATE TABLE "Owner" (id int PRIMARY KEY);
        CREATE TABLE "Pet" (id int PRIMARY KEY, name text NOT NULL, "ownerId" int);
        INSERT INTO "Owner" SELECT generate_series(1, 50);
        INSERT INTO "Pet" SELECT n, 'pet ' || n, n FROM generate_series(1, 50) AS n;
    """
    owner = sql.SQL("SET ROLE {};").format(role)
    server.execute(owner + sql.SQL("GRANT ALL ON SCHEMA public TO CURRENT_USER;" + tables), database=database)
    return Login(server, user, password, database)


def drop_login(login: Login) -> None:
    """Take role and database away."""
    login.server.drop_database(login.database)
    login.server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login.user)))


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
