# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How PostgreSQL's programs are run: on the server that our session is on, with no secret on their command line."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from ..._connection.address import hidden
from ..._connection.session import Session
from ..._support.driver import extensions
from ..._support.errors import NOTHING_CHANGED, SteadyError
from .words import without_rows

__all__ = ["ENDED", "LOST", "Client", "Finished", "client_of", "run_program"]

# What libpq and the programs say when the server is gone, or wants nothing more of a session; to be searched for.
LOST = "server closed the connection|terminating connection|connection to server|Connection reset|crash"
# Advice for a program that a signal has ended.
ENDED = "see what ended it (for want of memory, dmesg says so), then run the same command again"

_OTHER_SECRETS = ("sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
# What a program's session must have, whatever a role has been given.
_OURS = {
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "lc_messages": "C",
    "lock_timeout": "0",
    "statement_timeout": "0",
    "transaction_timeout": "0",
}
_CHUNK = 1 << 20
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Client:
    """What a program gets to connect with. dsn: for its command line, nothing secret in it. environment: the rest.

    shows_rows: values of rows may be in what it says.
    """

    dsn: str
    environment: Dict[str, str] = field(repr=False)
    secrets: Sequence[str] = field(repr=False, default=())
    parameters: Mapping[str, str] = field(repr=False, default_factory=dict)
    shows_rows: bool = False

    @property
    def verbosity(self) -> List[str]:
        """Options of psql with which it says the SQLSTATE, where values of rows are to be told apart by it."""
        return [] if self.shows_rows else ["--set=VERBOSITY=verbose"]

    def clean(self, text: str) -> str:
        """A program's words without anything secret."""
        return hidden(text if self.shows_rows else without_rows(text), self.secrets, self.parameters)


@dataclass(frozen=True)
class Finished:
    """A program's end. status: as a shell counts it; negative: the signal that ended it."""

    status: int
    errors: str

    @property
    def brief(self) -> str:
        """What it said, or how it ended."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        words = " ".join(lines[-4:])
        if self.status < 0:
            return f"it was ended by signal {signal.Signals(-self.status).name}" + (f": {words}" if words else "")
        return words or f"it ended with status {self.status} and said nothing"


@contextmanager
def client_of(
    session: Session, parameters: Dict[str, str], application_name: str, database: Optional[str] = None
) -> Iterator[Client]:
    """A client for the very server that the session is on, whichever of several hosts that is.

    parameters: the target's. database: another one than the session's. Passwords go through the environment, what the
    environment has no variable for through a service file (0600) that is gone afterwards (libpq, 34.15 and 34.17).
    """
    info = session.connection.info
    plain = {key: value for key, value in parameters.items() if key not in (*_OTHER_SECRETS, "password", "passfile")}
    plain.update(_pinned(parameters, info))
    plain["dbname"] = database if database is not None else info.dbname
    plain["user"] = info.user
    plain["application_name"] = application_name[:63]
    environment = {**os.environ, "LC_ALL": "C", "PGOPTIONS": ""}
    options = [parameters.get("options") or os.environ.get("PGOPTIONS") or "", *_own_settings(session)]
    if any(options):
        plain["options"] = " ".join(option for option in options if option)
    if parameters.get("passfile"):
        environment["PGPASSFILE"] = parameters["passfile"]
    if info.password:
        environment["PGPASSWORD"] = info.password
    others = {key: parameters[key] for key in _OTHER_SECRETS if parameters.get(key)}
    secrets = [secret for secret in [info.password, *others.values()] if secret]
    if not others:
        yield Client(extensions.make_dsn(**plain), environment, secrets, plain, session.shows_rows)
        return
    if "service" in plain:
        raise SteadyError(
            f"The address has a service and beside it {', '.join(others)}.",
            "PostgreSQL's programs get such a secret through a service file, and can read only one",
            f"write {', '.join(others)} into the service file, and take it out of the address",
            NOTHING_CHANGED,
        )
    with tempfile.TemporaryDirectory(prefix="steady-") as folder:
        path = os.path.join(folder, "service")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join(["[steady]", *(f"{key}={value}" for key, value in others.items())]) + "\n")
        environment["PGSERVICEFILE"] = path
        dsn = extensions.make_dsn(**{**plain, "service": "steady"})
        yield Client(dsn, environment, secrets, plain, session.shows_rows)


def _own_settings(session: Session) -> List[str]:
    """Options against what role, database or server set for new sessions, and would end or cut off a program's.

    Only where they do: not every pooler lets options through. And the server's words in English, where that may be set.
    """
    rows = session.rows(
        "SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name = ANY (%s)"
        " AND CASE name WHEN 'lc_messages' THEN reset_val !~ '^(C|POSIX|en)' AND"
        " (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) ELSE reset_val <> '0' END ORDER BY 1",
        (list(_OURS),),
    )
    return [f"-c {row['name']}={_OURS[row['name']]}" for row in rows]


def _pinned(parameters: Dict[str, str], info: Any) -> Dict[str, str]:
    """Host and port of the session's server. Of several hosts the others are left out."""
    pinned = {"host": info.host, "port": str(info.port)}
    addresses = parameters.get("hostaddr", "").split(",")
    if len(addresses) > 1:
        hosts = (parameters.get("host") or parameters["hostaddr"]).split(",")
        pinned["hostaddr"] = addresses[hosts.index(info.host)] if info.host in hosts else info.host
    return {key: value for key, value in pinned.items() if value}


def _with_us() -> None:
    """Runs in the child: it ends when we are killed, and does not go on with nobody there to prove what it writes."""
    try:
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    except (OSError, AttributeError):  # not Linux
        pass


def run_program(
    arguments: List[str],
    client: Client,
    *,
    consume: Optional[Callable[[bytes], None]] = None,
    watch: Optional[Callable[[], None]] = None,
    on_line: Optional[Callable[[str], None]] = None,
    supply: Optional[Iterable[bytes]] = None,
    interval: float = 0.5,
    source: Optional[IO[bytes]] = None,
    terminal: bool = True,
) -> Finished:
    """Run it to its end. consume gets its output in pieces, on_line each line of its messages, watch is called about
    every interval seconds. Whatever any of them raises ends the program, and is raised. Its input is source, a real
    file, or what supply gives, or nothing. terminal: with False it cannot ask a person anything.
    """
    errors: List[str] = []
    process = subprocess.Popen(
        arguments,
        stdin=source if source is not None else subprocess.DEVNULL if supply is None else subprocess.PIPE,
        stdout=subprocess.PIPE if consume else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=client.environment,
        # One program at a time and from the main thread: nothing here forks while another thread holds a lock.
        preexec_fn=_with_us,
        start_new_session=not terminal,  # such a session has no /dev/tty
    )
    reader = threading.Thread(target=_read_lines, args=(process.stderr, errors, on_line), daemon=True)
    reader.start()
    try:
        if supply is not None and process.stdin is not None:
            _supply(process.stdin, supply, watch)
        if consume is not None and process.stdout is not None:
            _consume(process.stdout, consume, watch, interval)
        while True:
            try:
                process.wait(interval)
                break
            except subprocess.TimeoutExpired:
                if watch is not None:
                    watch()
    except BaseException:
        _end(process)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    reader.join(5)
    return Finished(process.returncode, client.clean("".join(errors)))


def _supply(stream: IO[bytes], supply: Iterable[bytes], watch: Optional[Callable[[], None]]) -> None:
    try:
        with stream:
            for piece in supply:
                stream.write(piece)
                if watch is not None:
                    watch()
    except BrokenPipeError:
        pass  # it has ended before its time, and says why


def _consume(
    stream: IO[bytes], consume: Callable[[bytes], None], watch: Optional[Callable[[], None]], interval: float
) -> None:
    told = time.monotonic()
    while True:
        piece = os.read(stream.fileno(), _CHUNK)
        if not piece:
            return
        consume(piece)
        if watch is not None and time.monotonic() - told > interval:
            watch()
            told = time.monotonic()


def _read_lines(stream: Any, errors: List[str], on_line: Optional[Callable[[str], None]]) -> None:
    """Keeps the last messages only: a verbose program may have millions of them."""
    for raw in stream:
        line = raw.decode("utf-8", "replace")
        if on_line is not None:
            on_line(line)
        errors.append(line)
        del errors[:-200]


def _end(process: Any) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
