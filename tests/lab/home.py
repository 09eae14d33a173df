# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The folder of one server: its files, and the process that works in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.accounts import owned_folder, private_area, server_account
from lab.errors import LabError
from lab.installations import Installation
from lab.processes import processes_in, wait_until_none_in

SUPERUSER = "postgres"
SOCKET_PATH_LIMIT = 107  # bytes, the size of sun_path less the closing zero
START_SECONDS = 60
STOP_SECONDS = 60
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
TRUST_ALL = (
    "local all,replication all trust",
    "host all,replication all 127.0.0.1/32 trust",
    "host all,replication all ::1/128 trust",
)


@dataclass(frozen=True)
class Home:
    """The folder of one server: data/, socket/ and log."""

    path: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.path / "log"

    @property
    def socket_dir(self) -> Path:
        """Where the socket is: in here, or where that path is too long for a socket, in /tmp."""
        inside = self.path / "socket"
        if len(os.fsencode(inside / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT:
            return inside
        return Path("/tmp") / f"steady-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]}"

    def data_major(self) -> int | None:
        """The version of the data, or None where there is none yet."""
        try:
            return int((self.data / "PG_VERSION").read_text().strip())
        except FileNotFoundError:
            return None

    # -- what is written -------------------------------------------------------------------------------------------

    def make_socket_dir(self) -> Path:
        """Make the socket's folder, for the server's user only (and root)."""
        # Root left it to the server's user the last time; it is taken back for the check who owns it.
        if self.socket_dir.parent == self.path:
            self.socket_dir.mkdir(exist_ok=True)
        elif not self.socket_dir.exists() or self.socket_dir.lstat().st_uid != server_account().uid:
            owned_folder(self.socket_dir, 0o700)
        server_account().own(self.socket_dir, 0o700)
        return self.socket_dir

    def initdb(self, use: Installation) -> None:
        """Make a new, empty cluster."""
        self.data.mkdir(exist_ok=True)
        server_account().own(self.data, 0o700)
        # No locale: every machine sorts and folds alike. The data is still UTF-8.
        options = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", f"--username={SUPERUSER}"]
        done = server_account().run([use.program("initdb"), *options, "-D", self.data], self.path, _environment())
        if done.returncode != 0:
            raise LabError(f"initdb failed in {self.path}:\n{done.stderr.strip()}")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\ninclude = 'lab.conf'\n")

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file of the data directory that only the server may read."""
        path = self.data / name
        path.touch()
        server_account().own(path, 0o600)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def write_settings(self, settings: Mapping[str, str | int]) -> None:
        """Write all settings that differ from initdb's."""
        lines = [f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
        self.write("lab.conf", "".join(lines))

    def write_hba(self, hba: Sequence[str] | None) -> None:
        """Write pg_hba.conf: the lab's own way in first, then the given lines."""
        lines = [f"local all {SUPERUSER} trust", *(TRUST_ALL if hba is None else hba)]
        self.write("pg_hba.conf", "\n".join(lines) + "\n")

    def check_is_ours(self) -> None:
        """Refuse a folder with anything else in it: its owner and mode are about to change, or it is to be deleted."""
        if self.path.exists() and any(self.path.iterdir()) and not self.data.exists():
            raise LabError(f"{self.path} is not empty and holds no server: choose another folder")

    def delete(self) -> None:
        """Delete all of it; the server must be stopped."""
        self.check_is_ours()
        shutil.rmtree(self.path, ignore_errors=True)
        if self.socket_dir.parent != self.path:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        if self.path.exists():
            raise LabError(f"{self.path} could not be deleted")

    # -- the process -----------------------------------------------------------------------------------------------

    def pid_file_lines(self) -> list[str]:
        """postmaster.pid: process id, data directory, start time, port, socket folder, address, memory, status."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def postmaster(self) -> int | None:
        """The process id of the server that runs here; the file of a dead one, or of another's process, counts not."""
        lines = self.pid_file_lines()
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else None
        return pid if pid in processes_in(self.data) else None

    @property
    def running(self) -> bool:
        """Whether the server runs, be it still on its way up."""
        return self.postmaster() is not None

    def wait_until_ready(self) -> list[str]:
        """Wait until the server takes connections (it may be recovering); returns the lines of its pid file."""
        until = time.monotonic() + START_SECONDS
        while self.running:
            lines = self.pid_file_lines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return lines
            if time.monotonic() > until:
                raise LabError(f"the server in {self.path} was not ready within {START_SECONDS} s; see {self.log}")
            time.sleep(0.05)
        raise LabError(f"the server in {self.path} ended while starting; see {self.log}")

    def launch(self, use: Installation) -> str | None:
        """Start the server and wait until it answers; returns what it logged when it does not."""
        # Nothing works in the data directory (the callers made sure), so these files are of a dead server. The number
        # in them may be another process's by now, or a zombie's, and then PostgreSQL would refuse to start.
        for stale in (self.data / "postmaster.pid", *self.socket_dir.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        before = self.log.stat().st_size if self.log.exists() else 0
        command = [use.program("pg_ctl"), "start", "-w", "-t", str(START_SECONDS), "-D", self.data, "-l", self.log]
        done = server_account().run(command, self.data, _environment())
        if done.returncode == 0:
            return None
        logged = self.log.read_bytes()[before:].decode(errors="replace") if self.log.exists() else ""
        return f"{done.stderr.strip()}\n{logged.strip()}"

    def stop(self, mode: str) -> None:
        """Signals, not pg_ctl: this works for a server whose installation is gone, too."""
        pid = self.postmaster()
        if pid is not None:
            os.kill(pid, STOP_SIGNALS[mode])
        if left := wait_until_none_in(self.data, STOP_SECONDS):
            raise LabError(f"the server in {self.path} did not stop within {STOP_SECONDS} s; still there: {left}")


def make_home(directory: Path | None) -> Home:
    """The folder of a server, made where it is missing, in a place that the server's user can reach."""
    account = server_account()
    path = Path(tempfile.mkdtemp(dir=private_area(), prefix="server-")) if directory is None else directory.absolute()
    path.mkdir(parents=True, exist_ok=True)
    if not account.can_enter(path.parent):
        raise LabError(
            f"the server runs as {account.name}, which cannot enter {path.parent}: "
            f"choose a folder in {private_area()}, or leave it out"
        )
    home = Home(path)
    home.check_is_ours()
    account.own(path, 0o700)
    return home


def _environment() -> dict[str, str]:
    """The environment of the server's programs: nothing that would change what they do or say."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}
