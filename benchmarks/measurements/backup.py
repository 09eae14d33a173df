# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A proven backup and a restore against the floor: pg_dump and pg_restore alone. What a client feels of the swap."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psycopg2
from bench import SMALL_SCALE, Bench, median
from database import Clinic
from playbook import Run
from psycopg2 import sql
from results import Figure, amounts

from lab.errors import LabError
from lab.server import Server
from measurements import memory

JOBS = 2
BACKUP_RATIO = 1.5
RESTORE_RATIO = 1.2
SWAP_SECONDS = 1.0
TARGET_MB = 80
FLOOR_DATABASE = "floor"


def measure(bench: Bench) -> list[Figure]:
    """In turn: pg_dump, backup with either proof, pg_restore, restore. The ratios are those within each round."""
    rounds = [_round(bench, bench.clinic, number) for number in bench.each_round()]
    small = _round(bench, bench.small, 0)
    reads, restores = [one["backup_s"] / one["pg_dump_s"] for one in rounds], [one["restore_ratio"] for one in rounds]
    proofs = [one["backup_by_restore_s"] / one["pg_dump_s"] for one in rounds]
    swaps = [one["swap_s"] for one in rounds]
    return [
        Figure(
            "backup proven by reading, against pg_dump",
            median(reads),
            "×",
            BACKUP_RATIO,
            f"{_seconds(rounds, 'backup_s', 'pg_dump_s')}; rounds {amounts(reads)}; {rounds[0]['compression']}",
            rounds,
        ),
        Figure(
            "  proven by restoring",
            median(proofs),
            "×",
            None,
            f"{_seconds(rounds, 'backup_by_restore_s')}; rounds {amounts(proofs)}",
        ),
        Figure(
            "restore and swap, against pg_restore",
            median(restores),
            "×",
            RESTORE_RATIO,
            f"{_seconds(rounds, 'restore_s', 'pg_restore_s')}; rounds {amounts(restores)}",
        ),
        Figure("  the swap, as a client sees it", max(swaps), "s", SWAP_SECONDS, f"rounds {amounts(swaps)}"),
        _memory(f"memory of a backup and a restore, scale {bench.scale:g}", rounds),
        _memory(f"memory of a backup and a restore, scale {SMALL_SCALE:g}", [small]),
    ]


def _seconds(rounds: list[dict[str, Any]], *keys: str) -> str:
    return ", ".join(f"{key.removesuffix('_s')} {median([one[key] for one in rounds]):.2f} s" for key in keys)


def _memory(name: str, rounds: list[dict[str, Any]]) -> Figure:
    beside = "processes " + "; ".join(amounts(one["processes_mb"]) for one in rounds)
    return Figure(name, max(max(one["processes_mb"]) for one in rounds), "MB", TARGET_MB, beside)


def _round(bench: Bench, clinic: Clinic, number: int) -> dict[str, Any]:
    folder = bench.folder / f"backups-{clinic.name}-{number}"
    log = bench.folder / f"memory-backup-{clinic.name}-{number}"
    variables = {
        "steady_backup_dir": str(folder),
        "backup_jobs": JOBS,
        "restore_jobs": JOBS,
        "ansible_python_interpreter": str(memory.interpreter(bench.folder, log)),
    }
    try:
        clinic.make_fresh()
        dump = _pg_dump(bench, clinic, folder)
        backup = bench.play("backup", clinic, variables=variables).must_change()
        by_restore = bench.play("backup", clinic, variables={**variables, "backup_proof": "restore"}).must_change()
        path = by_restore.result()["backup"]["path"]
        floor = _pg_restore(bench, Path(path) / "archive")
        confirmed = {**variables, "steady_backup": path, "steady_confirm": clinic.name}
        bench.server.execute("CHECKPOINT")
        with Client(bench.server, clinic.name) as client:
            restore = bench.play("restore", clinic, variables=confirmed).must_change()
        _put_back(bench.server, clinic, restore)
        return {
            "pg_dump_s": dump,
            "backup_s": backup.seconds,
            "backup_by_restore_s": by_restore.seconds,
            "proofs": by_restore.result()["backup"]["proofs"],
            "compression": by_restore.result()["backup"]["compression"],
            "pg_restore_s": floor,
            "restore_s": restore.seconds,
            "restore_ratio": restore.seconds / floor,
            "swap_s": client.longest,
            "swap_ms_of_its_own": restore.result()["restore"]["swap_ms"],
            "processes_mb": memory.read_log(log),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pg_dump(bench: Bench, clinic: Clinic, folder: Path) -> float:
    target = folder.with_suffix(".floor")
    program = bench.server.installation.program("pg_dump")
    started = time.perf_counter()
    subprocess.run([program, "-Fd", f"-j{JOBS}", "-f", target, clinic.url], check=True)
    seconds = time.perf_counter() - started
    shutil.rmtree(target)
    return seconds


def _pg_restore(bench: Bench, archive: Path) -> float:
    """Into an empty database, which is there already."""
    program = bench.server.installation.program("pg_restore")
    bench.server.create_database(FLOOR_DATABASE, "template0")
    try:
        started = time.perf_counter()
        subprocess.run([program, f"-j{JOBS}", "-d", bench.server.url(FLOOR_DATABASE), archive], check=True)
        return time.perf_counter() - started
    finally:
        bench.server.drop_database(FLOOR_DATABASE)


def _put_back(server: Server, clinic: Clinic, restore: Run) -> None:
    """The clinic as all measurements use it, not the restored one."""
    kept = restore.result()["restore"]["kept_database"]
    server.drop_database(clinic.name)
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    server.execute(rename.format(sql.Identifier(kept), sql.Identifier(clinic.name)))


class Client(threading.Thread):
    """Asks all the time, and connects again when it must. longest: between two answers, in seconds."""

    def __init__(self, server: Server, database: str) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._database = database
        self._ended = threading.Event()
        self.longest = 0.0
        self.answers = 0

    def run(self) -> None:
        connection: Any = None
        last = time.monotonic()
        while not self._ended.wait(0.005):
            try:
                connection = connection or self._server.connect(self._database)
                connection.cursor().execute("SELECT 1")
            except psycopg2.Error:
                connection = None
                continue
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now
            self.answers += 1
        if connection is not None:
            connection.close()

    def __enter__(self) -> Client:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: Any) -> None:
        self._ended.set()
        self.join()
        if kind is None and not self.answers:
            raise LabError("the client got no answer at all")
