# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""A session on the target: connected, checked, and with every setting that matters set explicitly."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from .._support.driver import extensions, psycopg2
from .._support.errors import (
    NOTHING_CHANGED,
    ConnectionProblem,
    DatabaseProblem,
    SteadyError,
)
from .._support.values import (
    keep_values,
    sample_rows,
    server_texts,
    take_any_bytes,
)
from .address import Address, hidden
from .pooler import (
    refuse_pooler_by_name,
    refuse_transaction_pooling,
)
from .settings import settings_message
from .stop import STOP

__all__ = ["Expectation", "Server", "Session", "Target", "translate"]

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


# What libpq or the server says, in this order, and what to do then.
_CONNECTION_ADVICE = (
    (
        "password authentication failed|no password supplied",
        "check user and password: in the address, in ~/.pgpass (mode 0600) or in the service file",
    ),
    (r'role ".*" does not exist', "check the user in the address; the ones that are there: psql -c '\\du', at {place}"),
    (
        r'database ".*" does not exist',
        "check the database's name in the address; the ones that are there: psql -l, at {place}",
    ),
    (
        "permission denied for database",
        'as the owner of the database: GRANT CONNECT ON DATABASE "…" TO "…"',
    ),
    ("no pg_hba.conf entry", "ask for a pg_hba.conf entry for this host, user and database, or try another sslmode"),
    (
        "certificate|SSL|private key file|sslmode|tlsv1|gssencmode",
        "check sslmode, sslrootcert, sslcert and sslkey of the address; paths are those of the inventory host",
    ),
    ("too many|remaining connection slots", "wait until connections are free, or lower steady_parallel"),
    (
        "session is read-only|session is not read-only|hot standby mode|recovery",
        "the hosts of the address that answer are standbys: add the primary's host, or check target_session_attrs",
    ),
    (
        "definition of service|service file",
        "check the service's name in the address, and ~/.pg_service.conf (PGSERVICEFILE) of the inventory host",
    ),
    ("", "check host and port of the address, and that the server runs and the inventory host can reach it"),
)


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


def translate(error: Any, doing: str = "", left: str = "") -> DatabaseProblem:
    """psycopg2's error as ours: the server's own words and its SQLSTATE. No statement parameters are in it."""
    diagnostics = getattr(error, "diag", None)
    primary = (
        getattr(diagnostics, "message_primary", None)
        or str(error).strip().split("\n", maxsplit=1)[0]
        or type(error).__name__
    )
    details = [
        text
        for text in (getattr(diagnostics, "message_detail", None), getattr(diagnostics, "message_hint", None))
        if text
    ]
    code = getattr(error, "pgcode", None)
    what = f"{doing}: {primary}" if doing else primary
    return DatabaseProblem(what, " ".join(details), _advice(code), left, code)


def _advice(sqlstate: Optional[str]) -> str:
    """What to do about a class of errors (PostgreSQL documentation, appendix A)."""
    by_code = {
        "42501": "grant the privilege that is named, or connect as the owner",
        "53100": "free disk space on the database server, then run the same command again: it goes on where it stopped",
        "57P01": "the server ended the session; run the same command again: it goes on where it stopped",
        "57P02": "the server crashed; once it is up, run the same command again: it goes on where it stopped",
        "57P03": "the server is starting or stopping; run the same command again when it is up",
        "57014": "somebody cancelled the statement; run the same command again when that is settled",
        None: "the connection was lost; run the same command again: it finds out what is there and goes on",
    }
    return by_code.get(sqlstate, "")


class Session:
    """One autocommitting connection. Not for two threads at a time.

    pid: of its server process. What a pooler names at connection start is not it (54.2.2): Target asks for it.
    schema: that of the migration, whose texts are read with it (_rights.theirs); None where there is no such text.
    since: when the statement began that runs now. why: set by whoever cancels that, and raised in place of the server's
    error. blocked: it was seen to wait for a lock. finishing: what runs is no longer cancelled by a stop (_stop).
    patience: whoever bounds its waits (_patience).
    """

    def __init__(self, connection: Any, schema: Optional[str] = None) -> None:
        self.connection = connection
        self.schema = schema
        self.pid: int = connection.info.backend_pid
        self.since: Optional[float] = None
        self.why: Optional[SteadyError] = None
        self.blocked = False
        self.finishing = 0
        self.patience: Any = None
        STOP.sessions.add(self)

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """A statement: since when it runs can be seen, and whoever cancels it says why."""
        self.since, self.why = time.monotonic(), None
        try:
            with self.connection.cursor() as cursor:
                yield cursor
        except psycopg2.errors.QueryCanceled:
            if self.why is not None:
                raise self.why from None
            raise
        finally:
            self.since = None

    def execute(self, statement: str, parameters: Optional[Any] = None) -> int:
        """Run it; the number of rows concerned. Raises psycopg2.Error."""
        with self._asking() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)

    def rows(self, statement: str, parameters: Optional[Any] = None) -> List[Dict[str, Any]]:
        """All rows as dictionaries. Raises psycopg2.Error."""
        with self._asking() as cursor:
            cursor.execute(statement, parameters)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def texts(self, statement: str) -> Tuple[List[str], List[Tuple[Optional[str], ...]]]:
        """Names of columns, and rows in which every value is the server's own text. Raises psycopg2.Error."""
        with self._asking():
            return server_texts(self.connection, statement)

    def samples(self, statement: str) -> List[Dict[str, Any]]:
        """Rows whose values mean the same to the server when they are given back. Raises psycopg2.Error."""
        with self._asking():
            return sample_rows(self.connection, statement)

    def one(self, statement: str, parameters: Optional[Any] = None) -> Dict[str, Any]:
        """The first row. Raises psycopg2.Error; IndexError when there is none."""
        return self.rows(statement, parameters)[0]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction, an error within leaves the rest of it usable; outside of one, nothing to do."""
        inside = self.connection.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE
        if inside:
            self.execute("SAVEPOINT steady")
        try:
            yield
        except psycopg2.Error:
            if inside and not self.connection.closed:
                self.execute("ROLLBACK TO SAVEPOINT steady")
            raise
        if inside:
            self.execute("RELEASE SAVEPOINT steady")

    def lost(self) -> bool:
        """Whether the server has nothing more to say to this session."""
        try:
            self.execute("SELECT 1")
        except psycopg2.Error:
            return True
        return False

    def close(self) -> None:
        if self.patience is not None:
            self.patience.end()
        try:
            self.connection.close()
        except psycopg2.Error:  # the other side may be gone already
            pass


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
    ) -> None:
        self._patience = patience
        self.address = address
        self.expectation = expectation
        self.purpose = purpose
        self.writes = writes
        self.cluster: Optional[Tuple[Any, ...]] = None
        self.parameters = {
            **_KEEPALIVES,
            "connect_timeout": "10",
            **address.parameters,
            "client_encoding": "UTF8",
            "application_name": f"{APPLICATION_NAME} {purpose}"[:63],
        }

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
                    "of several hosts another one answered, or the server was exchanged or started again meanwhile",
                    "see which server is the right one, then run the same command again: it finds out what is there",
                    "what was done so far stays",
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
        return Session(keep_values(connection), schema)

    def _no_connection(self, error: Any) -> ConnectionProblem:
        message = hidden(" ".join(str(error).split()), self.address.secrets, self.address.parameters)
        todo = next(
            (advice for pattern, advice in _CONNECTION_ADVICE if re.search(pattern, message)), _CONNECTION_ADVICE[-1][1]
        ).format(place=self.address.place)
        return ConnectionProblem(
            f"No connection to the database at {self.address.place}.",
            message,
            todo,
            NOTHING_CHANGED,
            getattr(error, "pgcode", None),
        )

    @staticmethod
    def _read_server(session: Session) -> Server:
        row = session.one(
            "SELECT pg_catalog.current_setting('server_version_num')::int AS version,"
            " pg_catalog.current_setting('server_version') AS version_text,"
            " pg_catalog.current_database() AS database, session_user::text AS role,"
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
