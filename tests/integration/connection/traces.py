# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Looking for a secret in everything that a run leaves behind, and in what other users of the machine see meanwhile."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from lab.server import Server

SHARED_FOLDERS = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))


class Secret:
    """A password, and all the forms in which it could stand somewhere."""

    def __init__(self, password: str, core: str) -> None:
        """core: a part of it that looks the same percent-encoded, in JSON and in YAML, and stands nowhere else."""
        assert core in password
        assert quote(core, safe="") == core
        self.password = password
        self.forms = {core.encode(), core.encode().hex().encode(), core.encode("utf-16-le"), core[::-1].encode()}
        for text in (core, password, quote(password, safe="")):
            self.forms |= set(_base64(text.encode()))

    def found_in(self, data: bytes) -> bool:
        """Whether it stands there in any form."""
        return any(form in data for form in self.forms)


def _base64(data: bytes) -> Iterable[bytes]:
    """What is the same in base64 whatever stands before and after: once for each place that the data can begin at."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            # A character of base64 is six bits: those that share bits with a neighbour of the data are left out.
            first, last = (shift * 8 + 5) // 6, (shift + len(data)) * 8 // 6
            yield encode(b"\0" * shift + data)[first:last]


class Onlooker(threading.Thread):
    """Reads the command lines of all processes again and again, as `ps` shows them to everybody."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        super().__init__(daemon=True)
        self._secrets = list(secrets)
        self._stop_asked = threading.Event()
        self.rounds = 0
        self.programs: set[bytes] = set()
        self.found: set[bytes] = set()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    try:
                        line = Path(entry.path, "cmdline").read_bytes()
                    except OSError:
                        continue  # it has ended
                    self.programs.update(os.path.basename(part) for part in line.split(b"\0")[:2])
                    if any(secret.found_in(line) for secret in self._secrets):
                        self.found.add(line)
            self.rounds += 1
            time.sleep(0.05)

    def __enter__(self) -> Onlooker:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop_asked.set()
        self.join()


class Surroundings:
    """The folders that everybody may write to: what is new in them since then."""

    def __init__(self) -> None:
        self._before = {path for folder in SHARED_FOLDERS if folder.is_dir() for path in folder.iterdir()}

    def new_files(self) -> list[Path]:
        """The files that came since, as far as they are not of servers and tests beside this one."""
        new = [path for folder in SHARED_FOLDERS if folder.is_dir() for path in folder.iterdir()]
        return [file for path in new if path not in self._before for file in files_below(path)]


def files_below(path: Path) -> list[Path]:
    """The file, or all files of the folder; hidden ones, too."""
    if path.is_dir() and not path.is_symlink():
        return [Path(folder, name) for folder, _folders, names in os.walk(path) for name in names]
    return [path]


def places(files: Iterable[Path], secrets: Iterable[Secret]) -> list[str]:
    """The files in which, or in whose names, one of the secrets stands."""
    secrets = list(secrets)
    found = []
    for file in files:
        try:
            data = os.fsencode(file) + b"\0" + (file.read_bytes() if file.is_file() else b"")
        except OSError:
            continue  # of another process, and gone by now
        if any(secret.found_in(data) for secret in secrets):
            found.append(str(file))
    return found


def database_text(server: Server, database: str) -> bytes:
    """All rows of the journal and of all else in the database that is no system's, and what statistics show."""
    question = (
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    text = []
    for (table,) in server.execute(question, database=database):
        text += [row for (row,) in server.execute(f"SELECT t::text FROM {table} AS t", database=database)]
    text += [row for (row,) in server.execute("SELECT a::text FROM pg_stat_activity AS a", database=database)]
    return "\n".join(text).encode()
