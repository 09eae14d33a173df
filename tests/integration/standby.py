# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A standby that streams from one of the tests' servers, reached through its own socket."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from lab.accounts import private_area, server_account
from lab.server import SUPERUSER, Server


@dataclass(frozen=True)
class Standby:
    """Where it is."""

    folder: Path
    port: int

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run it there; its rows."""
        connection = psycopg2.connect(host=str(self.folder), port=self.port, user=SUPERUSER, dbname="postgres")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()


@contextmanager
def standby_of(server: Server, slot: str | None = None) -> Iterator[Standby]:
    """A standby made by pg_basebackup, with a replication slot of that name where one is given."""
    folder = Path(tempfile.mkdtemp(dir=private_area(), prefix="standby-"))
    server_account().own(folder, 0o700)
    data = folder / "data"

    def run(program: str, *arguments: str | Path) -> None:
        done = server_account().run([server.installation.client(program), *arguments], cwd=Path("/"))
        assert done.returncode == 0, f"{program}: {done.stdout}\n{done.stderr}"

    source = f"host={server.socket_dir} port={server.port} user={SUPERUSER} application_name=beside"
    with_slot = ["-C", "-S", slot] if slot else []
    run(
        "pg_basebackup",
        *["-d", source, "-D", data, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync", *with_slot],
    )
    options = f"-c port={server.port} -c unix_socket_directories={folder} -c listen_addresses="
    options += " -c wal_receiver_status_interval=1s"
    run("pg_ctl", "start", "-D", data, "-w", "-l", folder / "log", "-o", options)
    try:
        yield Standby(folder, server.port)
    finally:
        run("pg_ctl", "stop", "-D", data, "-m", "immediate")
        if slot:
            gone = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
            wait = "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active"
            while server.execute(wait, (slot,)):
                pass
            server.execute(gone, (slot,))
        shutil.rmtree(folder, ignore_errors=True)
