# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Runs of the engine in processes of their own, which stop where a test says and can be killed there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.ansible_command import ROOT, environment
from integration.cluster import PATIENCE_S
from lab.accounts import private_area, server_account
from lab.server import Server

DISK_MEGABYTES = 400
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended. died: without a word. error: the message of a SteadyError; "" where there was none."""

    died: bool = False
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


class Run:
    """One job in a process of its own. backend: the server process of the session that was about to speak."""

    def __init__(self, path: str, request: dict[str, Any], seconds: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        self._socket.connect(path)
        self._reader = self._socket.makefile("r", encoding="utf-8")
        self._say(request)
        self.pid = 0
        self.backend = 0
        self._outcome: Outcome | None = None

    def _say(self, message: Any) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _hear(self) -> dict[str, Any]:
        try:
            line = self._reader.readline()
        except ConnectionResetError:
            line = ""
        event = json.loads(line) if line else {"event": "died"}
        if event["event"] == "begins":
            self.pid = event["pid"]
        elif event["event"] == "stopped":
            self.backend = event["backend"]
        elif event["event"] in ("ends", "died"):
            assert "traceback" not in event, event["traceback"]
            self._outcome = Outcome(event["event"] == "died", event.get("error", ""), event.get("result") or {})
            self._reader.close()
            self._socket.close()
        return event

    def until(self, *events: str) -> str:
        """Wait until one of these has happened (stopped, refused, ends, died); says which. ends comes always."""
        while self._outcome is None:
            event = self._hear()["event"]
            if event in (*events, "ends", "died"):
                return event
        return "ends"

    def go(self) -> None:
        """Let it go on from where it stopped."""
        self._say({"go": True})

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> Outcome:
        """Wait for its end."""
        while self._outcome is None:
            self._hear()
        return self._outcome

    def ended(self) -> bool:
        """Whether it has ended; does not wait."""
        self._socket.settimeout(0.02)
        try:
            while self._outcome is None:
                self._hear()
        except (TimeoutError, BlockingIOError):
            return False
        return True


@dataclass(frozen=True)
class Workshop:
    """Where the runs are started. island: the namespaces are its own, so that there is a link and a small disk."""

    path: str
    folder: Path
    island: bool

    @property
    def disk(self) -> Path:
        """The folder of the small disk; only the island's processes see it."""
        return self.folder / "disk"

    def job(self, job: str, seconds: float = 120.0, **request: Any) -> Run:
        """Begin a job."""
        return Run(self.path, {"job": job, **request}, seconds)

    def do(self, job: str, **request: Any) -> None:
        """Do a job that only has to be done."""
        self.job(job, **request).end()

    def start_server(self, major: int, settings: Mapping[str, str | int]) -> Server:
        """A server of the workshop's own."""
        directory = self.folder / "server"
        self.do("start", major=major, directory=str(directory), settings=dict(settings))
        server = Server.find(directory)
        assert server is not None
        return server

    def crash(self, server: Server) -> None:
        """pg_ctl stop -m immediate, and start again: every session is gone, and the server recovers."""
        self.do("restart", directory=str(server.directory))


def _island() -> list[str]:
    """The command that gives a process network and mounts of its own; empty where that is not allowed."""
    command = ["unshare", "--net", "--mount"]
    if os.geteuid() != 0:
        command += ["--user", "--map-current-user", "--keep-caps"]
    try:
        done = subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    except OSError:
        return []
    return command if done.returncode == 0 else []


@contextmanager
def open_workshop() -> Iterator[Workshop]:
    """A workshop; at the end of the block all of its processes are gone, its server among them."""
    account = server_account()
    with tempfile.TemporaryDirectory(prefix="workshop-", dir=private_area()) as name:
        folder = Path(name)
        folder.chmod(0o711)
        for part in ("disk", "server"):
            (folder / part).mkdir()
            account.own(folder / part, 0o700)
        island = _island()
        workshop = Workshop(str(folder / "workshop"), folder, bool(island))
        command = [*island, sys.executable, str(Path(__file__).with_name("workshop_process.py")), workshop.path]
        if island:
            command += [str(workshop.disk), str(DISK_MEGABYTES)]
        paths = f"{ROOT / '.ansible' / 'collections'}:{ROOT / 'tests'}"
        process = subprocess.Popen(
            command, env=environment(PYTHONPATH=paths), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield workshop
        finally:
            if (server := Server.find(folder / "server")) is not None:
                server.stop("immediate")
            process.communicate()  # closes its standard input, which ends it


def engine_request(url: str, action: str, **more: Any) -> dict[str, Any]:
    """What a run of the engine is told. action: deploy | rollback."""
    usual = {"stop": None, "budget_ms": 5000, "patience_s": PATIENCE_S, "parallel": 1, "deployment_id": None}
    return {"url": url, "action": action, "migration": None, **usual, **more}
