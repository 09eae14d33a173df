# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Who waited for a table's lock, for how long, and because of whom: from the server's own log.

Unlike a latency that is measured from outside, this is not longer on a machine that is busy with something else. The
sessions that count have log_lock_waits on, and their deadlock_timeout is the shortest wait that is logged; the server
has log_connections on, so that each process can be told by its application.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.server import Server

# PostgreSQL's messages, with lc_messages = C; the log's line prefix is the server's default.
_WAITING = re.compile(
    r"LOG:  process (?P<pid>\d+) still waiting for (?P<mode>\w+) on relation \d+ of database (?P<database>\d+)"
    r" after (?P<ms>[\d.]+) ms\b.*\n"
    r".*DETAIL:  Process(?:es)? holding the lock: (?P<holders>[\d, ]*)\. Wait queue: (?P<queue>[\d, ]*)\."
)
_ACQUIRED = re.compile(
    r"LOG:  process (?P<pid>\d+) acquired \w+ on relation \d+ of database \d+ after (?P<ms>[\d.]+) ms"
)
_CONNECTED = re.compile(
    r"\[(?P<pid>\d+)\] LOG:  connection authorized: .*?\bapplication_name=(?P<name>.*?)(?: SSL .*)?$", re.MULTILINE
)


@dataclass(frozen=True)
class LockWait:
    """A session that waited for a relation's lock. holders, ahead: applications that had it, or came first."""

    application: str
    database: int
    mode: str
    ms: float
    holders: tuple[str, ...]
    ahead: tuple[str, ...]

    def caused_by(self, application: str) -> bool:
        """Whether a session of an application whose name begins so had the lock, or stood before this one."""
        return any(name.startswith(application) for name in (*self.holders, *self.ahead))


class LockLog:
    """The waits that a server logs from now on."""

    def __init__(self, server: Server) -> None:
        self._path = server.log_path
        self._from = self._path.stat().st_size
        self._names: dict[str, str] = {}

    def read(self) -> list[LockWait]:
        """All that were logged since the last reading."""
        with self._path.open(errors="replace") as file:
            file.seek(self._from)
            text = file.read()
            self._from = file.tell()
        return list(_waits(text, self._names))


def _waits(text: str, names: dict[str, str]) -> Iterator[LockWait]:
    """names: application by process, of connections from before; those of this text are added."""
    names.update((found["pid"], found["name"]) for found in _CONNECTED.finditer(text))
    ends = [(found.start(), found["pid"], float(found["ms"])) for found in _ACQUIRED.finditer(text)]
    for found in _WAITING.finditer(text):
        # Without such an end it was cancelled, or went with the server: it waited for as long as was logged.
        ms = next((ms for at, pid, ms in ends if at > found.start() and pid == found["pid"]), float(found["ms"]))
        queue = found["queue"].split(", ")
        ahead = queue[: queue.index(found["pid"])] if found["pid"] in queue else queue
        yield LockWait(
            names.get(found["pid"], "?"),
            int(found["database"]),
            found["mode"],
            ms,
            tuple(names.get(pid, "?") for pid in found["holders"].split(", ")),
            tuple(names.get(pid, "?") for pid in ahead),
        )


def worst_ms(waits: Sequence[LockWait]) -> float:
    """The longest of them; 0 where there is none."""
    return max((wait.ms for wait in waits), default=0.0)
