# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Which processes belong to a data directory, or were started by another one.

Every process of a PostgreSQL server works in its data directory, so that is what tells them, not a process id that
may have been given to somebody else since.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path


def processes_in(directory: Path) -> list[int]:
    """The ids of the living processes whose working directory is the given one (those that this user may see)."""
    wanted = os.path.realpath(directory)
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if os.readlink(f"/proc/{entry.name}/cwd") == wanted:
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended, or it is somebody else's
    return found


def wait_until_none_in(directory: Path, seconds: float) -> list[int]:
    """Wait until no process works in the directory; returns those that still do when the time is over."""
    until = time.monotonic() + seconds
    while (left := processes_in(directory)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for it and all of its descendants. Its workers lead sessions of their own, so no group has them all."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    ours = {process.pid}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    for pid in ours:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
