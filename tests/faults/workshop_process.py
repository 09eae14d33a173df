# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The process behind workshop.py. It has loaded the engine once and forks a process of its own for each job.

It is the engine of this checkout, untouched, with one thing around it: each call that writes is numbered, and at the
number that a job names the process stops and waits for a word. Where this process runs in namespaces of its own
(`island`), its servers do so too, and their network can be cut and their disk filled.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2

from ansible_collections.steady.postgresql.plugins.module_utils._connection.session import Session
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.rollback import rollback
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from lab.accounts import server_account
from lab.server import Server

# What only asks or sets, and the ends of transactions that failed.
_WRITES_NOT = re.compile(
    r"\s*((SELECT|SET|SHOW|EXPLAIN|ROLLBACK|SAVEPOINT|RELEASE)\b|WITH\b(?!.*\b(INSERT|UPDATE|DELETE)\b)"
    # What was measured is kept beside the run: nothing of it depends on that, and none of its failures fails a run.
    r"|(INSERT INTO|UPDATE) steady\.evidence\b)",
    re.IGNORECASE | re.DOTALL,
)
# An attempt to take locks that somebody else may have: however often it is made, it is one call.
_ATTEMPT = tuple(f"BEGIN; {sets}SET LOCAL lock_timeout" for sets in ("SET LOCAL synchronous_commit TO off; ", ""))
# With the first of these a run has begun: what comes before is planning, which leaves nothing.
_BEGINS = re.compile(r"INSERT INTO steady\.deployment|CREATE SCHEMA IF NOT EXISTS steady")


class Channel:
    """Lines of JSON between a job's process and the test."""

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection.makefile("r", encoding="utf-8")
        self._connection = connection
        self._mutex = threading.Lock()

    def say(self, **event: Any) -> None:
        """Tell the test."""
        with self._mutex:
            try:
                self._connection.sendall(json.dumps(event).encode() + b"\n")
            except OSError:
                os._exit(3)  # a test that is gone ends this process

    def hear(self) -> dict[str, Any]:
        """Wait for the test. A test that is gone ends this process."""
        line = self._reader.readline()
        if not line:
            os._exit(3)
        return json.loads(line)


class Tracer:
    """Numbers the calls that write, and stops before or after one of them: stop is [number, before | after]."""

    def __init__(self, channel: Channel, stop: list[Any] | None) -> None:
        self._channel = channel
        self._stop = stop
        self._mutex = threading.Lock()
        self._again: tuple[int, int] | None = None
        self.calls: list[str] = []

    def install(self) -> None:
        """Put it around both ways in which the engine talks to a server."""
        for name in ("execute", "rows"):
            setattr(Session, name, self._around(getattr(Session, name)))

    def _around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def traced(session: Any, statement: str, parameters: Any = None) -> Any:
            number = self._number(statement, session.pid)
            if number is None:
                return method(session, statement, parameters)
            self._stop_at([number, "before"], session)
            try:
                result = method(session, statement, parameters)
            except psycopg2.Error as error:
                if statement.startswith(_ATTEMPT):
                    self._again = (number, session.pid)
                self._channel.say(event="refused", number=number, sqlstate=error.pgcode)
                raise
            self._stop_at([number, "after"], session)
            return result

        return traced

    def _number(self, statement: str, pid: int) -> int | None:
        with self._mutex:
            if _WRITES_NOT.match(statement) or not (self.calls or _BEGINS.search(statement)):
                return None
            again, self._again = self._again, None
            if again is not None and again[1] == pid and statement.startswith(_ATTEMPT):
                return again[0]
            self.calls.append(statement)
            return len(self.calls) - 1

    def _stop_at(self, place: list[Any], session: Any) -> None:
        if place == self._stop:
            self._stop = None  # an attempt at a lock that comes again is no other place
            self._channel.say(event="stopped", backend=session.pid)
            self._channel.hear()


def _engine(channel: Channel, request: dict[str, Any]) -> dict[str, Any]:
    tracer = Tracer(channel, request["stop"])
    tracer.install()
    policy = LockPolicy(request["budget_ms"], request["patience_s"])
    options = Options(request["url"], policy=policy, parallel=request["parallel"], operator="tester@workshop")
    channel.say(event="begins", pid=os.getpid())
    if request["action"] == "deploy":
        result = apply(request["migration"], options)
    else:
        result = rollback(request["deployment_id"], False, options)
    keys = ("status", "changed", "deployment_id", "notes")
    return {**{key: result.get(key) for key in keys}, "calls": tracer.calls}


# -- the island --------------------------------------------------------------------------------------------------------

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)


def _link(up: bool) -> None:
    """Connect or cut the loopback of this network namespace. Cut, packets vanish: nobody is told, no RST is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = b"lo".ljust(16, b"\0")
        (flags,) = struct.unpack_from("16xh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, name + bytes(24)))
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", name, flags))


def _job_link(_channel: Channel, request: dict[str, Any]) -> None:
    _link(request["up"])


def _job_start(_channel: Channel, request: dict[str, Any]) -> None:
    Server.start(request["major"], Path(request["directory"]), settings=request["settings"], listen_tcp=True)


def _job_restart(_channel: Channel, request: dict[str, Any]) -> None:
    server = Server.find(Path(request["directory"]))
    assert server is not None
    server.restart("immediate")


def _job_fill(_channel: Channel, request: dict[str, Any]) -> None:
    """Leave not a byte free on the disk of this folder."""
    with open(Path(request["directory"]) / "fill", "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def _job_free(_channel: Channel, request: dict[str, Any]) -> None:
    (Path(request["directory"]) / "fill").unlink()


JOBS: dict[str, Callable[[Channel, dict[str, Any]], Any]] = {
    "engine": _engine,
    "link": _job_link,
    "start": _job_start,
    "restart": _job_restart,
    "fill": _job_fill,
    "free": _job_free,
}


def _serve(connection: socket.socket) -> None:
    channel = Channel(connection)
    request = channel.hear()
    try:
        reply = {"result": JOBS[request["job"]](channel, request)}
    except SteadyError as error:
        reply = {"error": str(error), "sqlstate": error.sqlstate, "deployment_id": error.facts.get("deployment_id")}
    except BaseException:
        reply = {"traceback": traceback.format_exc()}
    channel.say(event="ends", **reply)


def _small_disk(directory: Path, megabytes: int) -> None:
    """A disk of so many megabytes, for the server's user. It goes with the namespace."""
    import subprocess

    account = server_account()
    options = f"size={megabytes}m,mode=0700,uid={account.uid},gid={account.gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)


def main() -> None:
    """Arguments: the socket to listen on; on an island also the folder for its small disk, and its size in MB."""
    path, *island = sys.argv[1:]
    if island:
        _link(True)
        _small_disk(Path(island[0]), int(island[1]))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(256)
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    while True:
        ready = select.select([listener, sys.stdin], [], [])[0]
        if sys.stdin in ready:  # closed: the tests are over
            return
        connection = listener.accept()[0]
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            _serve(connection)
            os._exit(0)
        connection.close()


if __name__ == "__main__":
    main()
