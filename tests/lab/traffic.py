# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Live traffic on a database: transactions at a fixed rate, and how long each of them took.

pgbench makes it. At a fixed rate it counts a transaction's time from the moment when it was due, not from when a
connection came free for it: that is what a user of the application would have waited.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from lab.errors import LabError
from lab.profiles import CLINIC, Profile
from lab.server import Server

APPLICATION_NAME = "steady-traffic"
LONGEST_SECONDS = 24 * 3600
START_SECONDS = 30
STOP_SECONDS = 60


@dataclass(frozen=True)
class Transaction:
    """One transaction: when it was due and when it was done (seconds since the epoch)."""

    due: float
    done: float

    @property
    def ms(self) -> float:
        """How long the application waited for it."""
        return (self.done - self.due) * 1000


@dataclass(frozen=True)
class TrafficResult:
    """What the traffic saw. `errors` is everything that went wrong: unless it is empty, the traffic was disturbed."""

    transactions: tuple[Transaction, ...]
    errors: tuple[str, ...] = ()

    def between(self, start: float, end: float) -> TrafficResult:
        """The transactions that were under way at any time between the two (as `time.time()` gives it).

        The errors all stay: pgbench does not say when they happened.
        """
        meanwhile = tuple(one for one in self.transactions if one.done >= start and one.due <= end)
        return TrafficResult(meanwhile, self.errors)

    @property
    def count(self) -> int:
        """How many transactions were done."""
        return len(self.transactions)

    @property
    def worst_ms(self) -> float:
        """The longest wait."""
        return max((one.ms for one in self.transactions), default=math.nan)

    @property
    def p50_ms(self) -> float:
        """The median wait."""
        return self.percentile(50)

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 transactions stayed within."""
        return self.percentile(99)

    @property
    def p999_ms(self) -> float:
        """What 999 of 1,000 transactions stayed within."""
        return self.percentile(99.9)

    @property
    def over_1s(self) -> int:
        """How many waited longer than a second."""
        return sum(one.ms > 1000 for one in self.transactions)

    def percentile(self, percent: float) -> float:
        """The smallest wait that so many percent of the transactions stayed within; nan when there were none."""
        waits = sorted(one.ms for one in self.transactions)
        return waits[math.ceil(len(waits) * percent / 100) - 1] if waits else math.nan


class Traffic:
    """Traffic on one database, from start() to stop(). As a context manager it never outlives its block.

    log_waits_ms: the server logs each wait for a lock that is longer than that (lab/lock_waits.py reads it).
    """

    def __init__(
        self, server: Server, database: str, profile: Profile = CLINIC, *, log_waits_ms: int | None = None
    ) -> None:
        self._server = server
        self._database = database
        self._profile = profile
        self._log_waits_ms = log_waits_ms
        self._process: subprocess.Popen[str] | None = None
        self._folder: Path | None = None

    def start(self) -> Traffic:
        """Start it; returns when all its connections are there."""
        if self._process is not None:
            raise LabError("this traffic has already been started")
        self._folder = Path(tempfile.mkdtemp(prefix="steady-traffic-"))
        try:
            self._process = self._launch(self._folder)
            self._wait_until_connected()
        except BaseException:
            self._end()
            raise
        return self

    def _launch(self, folder: Path) -> subprocess.Popen[str]:
        command = [
            os.fspath(self._server.installation.client("pgbench")),
            "--no-vacuum",
            f"--client={self._profile.clients}",
            f"--rate={self._profile.rate}",
            f"--time={LONGEST_SECONDS}",
            "--log",
            f"--log-prefix={folder / 'log'}",
            *(f"--file={script}" for script in self._profile.scripts),
            *(f"--define={name}={number}" for name, number in self._numbers().items()),
            self._server.url(self._database, application_name=APPLICATION_NAME),
        ]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        if self._log_waits_ms is not None:
            # In these sessions only: what the server does about others after deadlock_timeout stays as it is.
            environment["PGOPTIONS"] = f"-c log_lock_waits=on -c deadlock_timeout={self._log_waits_ms}ms"
        with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
            # A session of its own: Ctrl-C in the terminal must not end it before its log is written.
            return subprocess.Popen(
                command, env=environment, stdout=stdout, stderr=stderr, text=True, start_new_session=True
            )

    def _numbers(self) -> dict[str, int]:
        connection = self._server.connect(self._database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(self._profile.numbers)
                names = [column.name for column in cursor.description]
                return dict(zip(names, cursor.fetchone()))
        finally:
            connection.close()

    def _wait_until_connected(self) -> None:
        until = time.monotonic() + START_SECONDS
        connected = 0
        while connected < self._profile.clients:
            if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                raise LabError(f"the traffic did not start: {self._said('stderr') or 'no connection'}")
            time.sleep(0.02)
            connected = self._server.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = %s",
                (APPLICATION_NAME, self._database),
            )[0][0]

    def stop(self) -> TrafficResult:
        """Stop it and say what it saw."""
        if self._process is None or self._folder is None:
            raise LabError("this traffic is not running")
        errors = []
        if self._process.poll() is not None:
            errors.append(f"pgbench ended by itself, with status {self._process.returncode}")
        else:
            # The alarm that pgbench has set itself for its --time: it ends in order and writes all of its log, which it
            # does at no other signal.
            self._process.send_signal(signal.SIGALRM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            errors.append(f"transactions were still waiting {STOP_SECONDS} s after the traffic was to stop")
            self._process.kill()
            status = self._process.wait()
        if status != 0 and not errors:
            errors.append(f"pgbench ended with status {status}")
        errors += _errors(self._said("stdout"), self._said("stderr"))
        transactions, unreadable = _read_logs(sorted(self._folder.glob("log.*")))
        errors += unreadable
        self._end()
        return TrafficResult(transactions, tuple(errors))

    def _said(self, name: str) -> str:
        assert self._folder is not None
        return (self._folder / name).read_text(errors="replace").strip()

    def _end(self) -> None:
        """End the process if it still runs, and delete its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._process = self._folder = None

    def __enter__(self) -> Traffic:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


def _errors(stdout: str, stderr: str) -> list[str]:
    """What pgbench reported as gone wrong: clients that gave up, and transactions that failed."""
    # All of stderr counts, except the lines that show the statement and the place in it.
    found = [line for line in stderr.splitlines() if line.strip() and not line.startswith((" ", "LINE "))]
    failed = re.search(r"^number of failed transactions: (\d+)", stdout, re.MULTILINE)
    if failed and int(failed.group(1)):
        found.append(failed.group(0))
    return found


def _read_logs(files: Sequence[Path]) -> tuple[tuple[Transaction, ...], list[str]]:
    """pgbench's logs: client, number, latency in µs (since it was due), script, end in s and µs, lag, retries."""
    transactions = []
    unreadable = 0
    for file in files:
        for line in file.read_text().splitlines():
            fields = line.split()
            try:
                done = int(fields[4]) + int(fields[5]) / 1e6
                transactions.append(Transaction(done - int(fields[2]) / 1e6, done))
            except (IndexError, ValueError):
                unreadable += 1  # a failed transaction has a word there, and a killed pgbench leaves half a line
    errors = [f"{unreadable} transactions without a latency in pgbench's log"] if unreadable else []
    return tuple(sorted(transactions, key=lambda one: one.done)), errors
