# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of a run: its sessions are opened here, and what must not be worked on is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Optional, Tuple

from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, ConnectionProblem
from .._support.values import keep_values, take_any_bytes
from .address import Address, hidden
from .advice import connection_advice
from .pooler import refuse_pooler_by_name, refuse_transaction_pooling
from .session import Session
from .settings import settings_message
from .translation import translate

__all__ = [
    "APPLICATION_NAME",
    "OLDEST_SERVER",
    "Expectation",
    "Server",
    "Target",
    "no_constraints_checked",
    "unsupported_version",
]

APPLICATION_NAME = "steady.postgresql"
OLDEST_SERVER = 130000

# A dead connection is noticed in under 30 s: 10 s of silence, then three probes 5 s apart (libpq, 34.1.2). What such
# probes do not notice: _liveness.
_KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


@dataclass(frozen=True)
class Expectation:
    """The wrong-target guard (steady_expect): what the database must be."""

    database: Optional[str] = None
    system_identifier: Optional[str] = None


@dataclass(frozen=True)
class Server:
    """Facts about the target, read once. version: server_version_num, 180001 for 18.1."""

    version: int
    version_text: str
    database: str
    role: str
    system_identifier: Optional[str]
    read_only_default: bool
    address: Optional[str]

    @property
    def major(self) -> int:
        return self.version // 10000


def _cluster(session: Session) -> Tuple[Any, ...]:
    """What tells a running server and its database from every other. Readable for all roles."""
    row = session.one(
        "SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text AS started,"
        " (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS database"
    )
    return row["started"], row["database"]


class Target:
    """The database that all sessions of a run belong to. Opens them, and refuses what must not be worked on."""

    def __init__(
        self,
        address: Address,
        expectation: Expectation,
        purpose: str,
        writes: bool,
        patience: Callable[[Target, Session], Any] = lambda _target, _session: None,
        shows_rows: bool = False,
    ) -> None:
        self._patience = patience
        self.address = address
        self.expectation = expectation
        self.purpose = purpose
        self.writes = writes
        self.shows_rows = shows_rows
        self.cluster: Optional[Tuple[Any, ...]] = None
        self.parameters = {
            **_KEEPALIVES,
            "connect_timeout": "10",
            **address.parameters,
            "client_encoding": "UTF8",
            "application_name": f"{APPLICATION_NAME} {purpose}"[:63],
        }

    def beside(self, address: Address, database: str, purpose: str) -> Target:
        """The target for another database, at this address: with the same patience, and what sessions may show."""
        elsewhere = replace(address, parameters={**address.parameters, "dbname": database})
        return Target(elsewhere, Expectation(), purpose, True, self._patience, self.shows_rows)

    def first_session(self, schema: Optional[str] = None) -> Tuple[Session, Server]:
        """Connect, and make sure that this is the right kind of endpoint and the right database."""
        refuse_pooler_by_name(self.address.parameters)
        session = self._connect(schema)
        try:
            # A pooler first: behind one, a SET would stay behind in somebody else's session.
            refuse_transaction_pooling(session.connection, self.parameters)
            self._prepare(session)
            server = self._read_server(session)
            self._refuse_wrong_target(server)
            self.cluster = _cluster(session)
            session.patience = self._patience(self, session)
        except psycopg2.Error as error:
            session.close()
            raise translate(error, "The session could not be prepared", NOTHING_CHANGED) from None
        except BaseException:
            session.close()
            raise
        return session, server

    def session(self, schema: Optional[str] = None) -> Session:
        """A further session on the same database. Raises ConnectionProblem, also when it is another server by now."""
        session = self._connect(schema)
        try:
            self._prepare(session)
            # Prepared first: a statement_timeout of the role's must not cut this off.
            if _cluster(session) != self.cluster:
                raise ConnectionProblem(
                    f"The address leads to another server than before ({self.address.place}).",
                    "of several hosts another one answered, or the server was exchanged or started again",
                    "see which server is the right one",
                    "what was done so far stays",
                    rerun=True,
                )
        except psycopg2.Error as error:
            session.close()
            raise translate(error, "A further session could not be prepared") from None
        except BaseException:
            session.close()
            raise
        return session

    def _prepare(self, session: Session) -> None:
        """Make every setting our own, and learn which process serves it.

        A statement_timeout of the role may cut even that off, so it is tried again.
        """
        for last in (False, False, False, False, True):
            try:
                session.pid = session.one(settings_message(session.connection.server_version, self.writes))["pid"]
                return
            except psycopg2.errors.QueryCanceled:
                if last:
                    raise
            except psycopg2.errors.InsufficientPrivilege:
                if session.one("SHOW session_replication_role")["session_replication_role"] != "replica":
                    raise
                raise no_constraints_checked(session.one("SELECT session_user::text AS role")["role"]) from None

    def _connect(self, schema: Optional[str]) -> Session:
        try:
            connection = psycopg2.connect(**self.parameters)
        except psycopg2.OperationalError as error:
            raise self._no_connection(error) from None
        connection.autocommit = True
        if connection.get_parameter_status("standard_conforming_strings") == "off":
            # psycopg2 learns at connection start how to quote, and does not look again after a SET.
            connection.close()
            options = f"{self.parameters.get('options', '')} -c standard_conforming_strings=on".strip()
            self.parameters["options"] = options
            return self._connect(schema)
        if connection.get_parameter_status("server_encoding") == "SQL_ASCII" and connection.encoding == "UTF8":
            # Its bytes may be in any encoding, and the server refuses to give those that are not in ours (24.3.4).
            connection.close()
            take_any_bytes()
            self.parameters["client_encoding"] = "SQL_ASCII"
            return self._connect(schema)
        return Session(keep_values(connection), schema, self.shows_rows)

    def _no_connection(self, error: Any) -> ConnectionProblem:
        message = hidden(" ".join(str(error).split()), self.address.secrets, self.address.parameters)
        return ConnectionProblem(
            f"No connection to the database at {self.address.place}.",
            message,
            connection_advice(message, self.address.place),
            NOTHING_CHANGED,
            getattr(error, "pgcode", None),
        )

    @staticmethod
    def _read_server(session: Session) -> Server:
        row = session.one(
            "SELECT pg_catalog.current_setting('server_version_num')::int AS version,"
            " pg_catalog.current_setting('server_version') AS version_text,"
            " pg_catalog.current_database() AS database, current_user::text AS role,"
            " pg_catalog.pg_is_in_recovery() AS standby,"
            " (SELECT reset_val::bool FROM pg_catalog.pg_settings"
            " WHERE name = 'default_transaction_read_only') AS read_only,"
            " pg_catalog.host(pg_catalog.inet_server_addr()) || ':' || pg_catalog.inet_server_port() AS address,"
            # Asked for below, in a statement of its own: naming the function takes the right to execute it.
            " pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS identifiable"
        )
        identifier_of_cluster = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
        cluster = session.one(identifier_of_cluster)["system_identifier"] if row["identifiable"] else None
        if row["version"] < OLDEST_SERVER:
            raise unsupported_version(row["version_text"])
        if row["standby"]:
            raise ConnectionProblem(
                f"The address leads to a standby ({row['address'] or 'local socket'}).",
                "a standby is read-only: schema changes are made on its primary",
                "use the primary's address, or list all hosts and add target_session_attrs=read-write",
                NOTHING_CHANGED,
            )
        return Server(
            row["version"],
            row["version_text"],
            row["database"],
            row["role"],
            cluster,
            row["read_only"],
            row["address"],
        )

    def _refuse_wrong_target(self, server: Server) -> None:
        wanted = self.expectation
        differences = []
        if wanted.database is not None and wanted.database != server.database:
            differences.append(f'the database is "{server.database}", expected is "{wanted.database}"')
        if wanted.system_identifier is not None and wanted.system_identifier != server.system_identifier:
            found = server.system_identifier or "not readable for this role"
            differences.append(f"the system identifier is {found}, expected is {wanted.system_identifier}")
        if differences:
            raise ConnectionProblem(
                "This is not the database that steady_expect names.",
                "; ".join(differences),
                "check the address of this host in the inventory; if the server was rebuilt, correct steady_expect",
                NOTHING_CHANGED,
            )
        if self.writes and server.read_only_default:
            raise ConnectionProblem(
                f'Transactions of role "{server.role}" in database "{server.database}" are read-only by default.',
                "default_transaction_read_only is on: for the server, the database, the role or in the address",
                "if that is not meant for you: ALTER ROLE … or ALTER DATABASE … RESET "
                "default_transaction_read_only, or take it out of the address; check mode works as it is",
                NOTHING_CHANGED,
            )


def no_constraints_checked(role: str) -> ConnectionProblem:
    """The refusal of a session that checks no foreign keys and may not begin to."""
    return ConnectionProblem(
        f'Sessions of role "{role}" check no foreign keys and fire no triggers.',
        "session_replication_role is replica: for the role or the database; this role may not set it",
        "as a superuser: ALTER ROLE … or ALTER DATABASE … RESET session_replication_role; or connect as a role without "
        "that setting",
        NOTHING_CHANGED,
    )


def unsupported_version(text: str) -> ConnectionProblem:
    """The refusal of a server that is too old."""
    return ConnectionProblem(
        f"The server is PostgreSQL {text}.",
        f"the oldest supported version is {OLDEST_SERVER // 10000}",
        "upgrade the server first",
        NOTHING_CHANGED,
    )
