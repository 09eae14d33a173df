# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own programs on this host: which of several to use, and what they can do."""

from __future__ import annotations

import glob
import os
import re
import subprocess
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from ..._support.errors import NOTHING_CHANGED, SteadyError

__all__ = ["Programs", "choose", "find_programs", "newest_programs"]

# Where packages put the programs of each version (Debian's, the PostgreSQL project's RPMs, Homebrew, Postgres.app).
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
# The best first. Of gzip, level 3 makes 3 % less and takes 1.6 times as long (measured on a clinic).
_COMPRESSIONS = ("zstd:3", "lz4:1", "gzip:1")
_SECONDS = 10


@dataclass(frozen=True)
class Programs:
    """The client programs of one installation. version: (major, minor)."""

    folder: str
    version: Tuple[int, int]

    @property
    def text(self) -> str:
        return ".".join(str(part) for part in self.version)

    def path(self, name: str) -> str:
        """The program's path. Raises SteadyError when this installation has none of that name."""
        path = os.path.join(self.folder, name)
        if not os.access(path, os.X_OK):
            raise SteadyError(
                f"There is no {name} beside {self.folder}/pg_dump.",
                "",
                f"install all client programs of PostgreSQL {self.version[0]}: {_packages(self.version[0])}",
                NOTHING_CHANGED,
            )
        return path

    def knows_compression(self, compression: str) -> bool:
        """Whether pg_dump can write it and pg_restore read it: both come from one build, so pg_dump is asked.

        It judges the option before it connects; the address leads nowhere.
        """
        method = compression.split(":", maxsplit=1)[0]
        if method not in ("gzip", "none") and self.version[0] < 16:
            return False
        option = f"--compress={compression}" if self.version[0] >= 16 else f"--compress={gzip_level(compression)}"
        done = subprocess.run(
            [self.path("pg_dump"), "--format=custom", option, f"--file={os.devnull}", "--dbname=host=/nonexistent"],
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_SECONDS,
            check=False,
        )
        return "compression" not in done.stderr

    def compression(self, wanted: Optional[str]) -> str:
        """The compression to use, such as zstd:3. Raises SteadyError when this pg_dump does not know what is wanted."""
        if wanted is None:
            return next((one for one in _COMPRESSIONS if self.knows_compression(one)), "none")
        if re.fullmatch(r"none|(?:zstd|lz4|gzip)(?::\d{1,2})?", wanted) is None:
            raise SteadyError(
                f"{wanted} is no compression of pg_dump.",
                "",
                "write zstd, lz4, gzip or none, with a level if you like: zstd:3",
                NOTHING_CHANGED,
            )
        if not self.knows_compression(wanted):
            raise SteadyError(
                f"pg_dump {self.text} in {self.folder} does not know the compression {wanted}.",
                "zstd and lz4 need a pg_dump 16 or newer that was built with them",
                "leave the compression out: then the best one that it knows is taken",
                NOTHING_CHANGED,
            )
        return wanted


def gzip_level(compression: str) -> str:
    """The level alone, as pg_dump before 16 wants it."""
    method, _colon, level = compression.partition(":")
    return "0" if method == "none" else level or "6"


def _version(program: str) -> Optional[Tuple[int, int]]:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Who built it is in the parentheses: PostgreSQL, EnterpriseDB …
    found = re.search(r"^\S+ \([^)]*\) (\d+)(?:\.(\d+))?", done.stdout)
    return (int(found.group(1)), int(found.group(2) or 0)) if found else None


def _folders() -> Iterator[str]:
    yield from filter(None, os.environ.get("PATH", "").split(os.pathsep))
    for place in _PLACES:
        yield from sorted(glob.glob(place), reverse=True)


def choose(found: List[Programs], major: int) -> Optional[Programs]:
    """The best of several for a server: its own version, else the next newer one; of these the newest minor release."""
    fit = [one for one in found if one.version[0] >= major]
    return min(fit, key=lambda one: (one.version[0], -one.version[1]), default=None)


def _installed(folder: Optional[str]) -> List[Programs]:
    """All there are, or those of one folder."""
    found = []
    seen = set()
    for place in [folder] if folder else _folders():
        program = os.path.join(place, "pg_dump")
        real = os.path.realpath(program)
        # Debian's /usr/bin/pg_dump is a script that chooses a version by rules of its own.
        if real in seen or os.path.basename(real) == "pg_wrapper" or not os.access(program, os.X_OK):
            continue
        seen.add(real)
        version = _version(program)
        if version is not None:
            found.append(Programs(os.path.dirname(os.path.abspath(program)), version))
    return found


def find_programs(major: int, folder: Optional[str] = None) -> Programs:
    """The programs for a server of that major version. folder: look only there.

    Raises SteadyError when there are none, or only older ones: pg_dump refuses a server newer than itself.
    """
    found = _installed(folder)
    best = choose(found, major)
    if best is None:
        there = ", ".join(sorted({f"{one.text} in {one.folder}" for one in found}))
        raise SteadyError(
            f"There is no pg_dump for PostgreSQL {major} on this host.",
            f"pg_dump refuses a server newer than itself; found: {there or 'none'}",
            f"install the client programs of version {major}: {_packages(major)}; or say where they are with "
            "steady_programs_dir",
            NOTHING_CHANGED,
        )
    return best


def newest_programs(folder: Optional[str] = None) -> Programs:
    """The newest: its pg_restore reads what every older pg_dump wrote. Raises SteadyError when there are none."""
    return max(_installed(folder), key=lambda one: one.version, default=None) or find_programs(13, folder)


def _packages(major: int) -> str:
    return f"apt-get install postgresql-client-{major}, or dnf install postgresql{major}"
