# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A server that may be killed, a shop on it for each test, and its backups."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg2 import sql

from integration.backup.backing_up import EVERYTHING, Cable, Shop
from lab.accounts import private_area, server_account
from lab.installations import installation, installations
from lab.server import Server

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def machine(postgres_major: int) -> Iterator[Server]:
    """A server of the module's own."""
    settings = {"autovacuum": "off", "max_prepared_transactions": 5, "jit": "off"}
    with Server.start(postgres_major, settings=settings, listen_tcp=True) as server:
        yield server


@pytest.fixture(scope="module")
def twin(postgres_major: int) -> Iterator[Server]:
    """Another server of the same version."""
    with Server.start(postgres_major) as server:
        yield server


@pytest.fixture(scope="module")
def of_two_versions(machine: Server) -> Iterator[tuple[Server, Server]]:
    """An older and a newer server, one of them the module's."""
    others = [major for major in installations() if major != machine.installation.major]
    if not others:
        pytest.skip("only one version of PostgreSQL is installed here")
    with Server.start(others[0]) as other:
        older, newer = sorted((machine, other), key=lambda server: server.installation.major)
        yield older, newer


@pytest.fixture(scope="module")
def pattern(machine: Server) -> str:
    """The database that every shop is a copy of."""
    machine.create_database("pattern")
    machine.execute(EVERYTHING, database="pattern")
    return "pattern"


@pytest.fixture
def shop(machine: Server, pattern: str, tmp_path: Path) -> Iterator[Shop]:
    """A database with some of everything, and a folder for its backups."""
    made = Shop(machine, f"Shop {next(_NUMBERS)}", tmp_path / "backups", str(installation().bin_dir))
    machine.create_database(made.name, pattern)
    yield made
    made.remove()


@pytest.fixture
def cable(shop: Shop) -> Iterator[Cable]:
    """What the shop's database is reached through."""
    shop.cable = Cable(shop.server.port)
    yield shop.cable
    shop.cable.close()
    shop.cable = None


@pytest.fixture
def earlier(shop: Shop, request: pytest.FixtureRequest) -> Iterator[None]:
    """A good backup, which the test must leave as it is; and nothing half made beside it."""
    seen = request.getfixturevalue("seen") if request.node.get_closest_marker("fault") else None
    shop.back_up(proof="list")
    before, rows = shop.hashes(), shop.rows()
    yield
    shop.server_up()
    assert shop.hashes() == before
    assert [path.name for path in shop.folder.iterdir() if path.name.startswith(".")] == []
    # A crash empties unlogged tables, whoever is at work.
    assert {**shop.rows(), "public.ul": 0} == {**rows, "public.ul": 0}
    assert shop.databases() == [shop.name]
    if seen is not None:
        seen.was_left("earlier backups; the database")


@pytest.fixture
def live(shop: Shop, request: pytest.FixtureRequest) -> Iterator[None]:
    """A backup, and a live database which the test must leave as it is, to the last row, and alone."""
    seen = request.getfixturevalue("seen") if request.node.get_closest_marker("fault") else None
    shop.back_up(proof="list")
    shop.execute("INSERT INTO parent VALUES (7)")
    schema, rows = shop.dump(), shop.rows()
    yield
    shop.server_up()
    assert (shop.dump(), {**shop.rows(), "public.ul": 0}) == (schema, {**rows, "public.ul": 0})
    assert shop.databases() == [shop.name]
    if seen is not None:
        seen.was_left("the live database")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[Path, int], None]]:
    """Mounts a disk of so many bytes at a folder; only root can."""
    mounted: list[Path] = []

    def mount(folder: Path, size: int, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        command = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            ",".join([f"size={size}", "mode=0700", *options]),
            "tmpfs",
            str(folder),
        ]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a small disk")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def tight(machine: Server, small_disk: Callable[..., None], tmp_path: Path) -> Iterator[Shop]:
    """A shop on a disk of the server that has room for a second database, but not for all that is in it."""
    account = server_account()
    folder = private_area() / f"tablespace-{next(_NUMBERS)}"
    small_disk(folder, 50_000_000, f"uid={account.uid}", f"gid={account.gid}", "mode=0700")
    place = sql.Literal(str(folder))
    machine.execute(sql.SQL("CREATE TABLESPACE tight LOCATION {}").format(place))
    made = Shop(machine, f"Shop {next(_NUMBERS)}", tmp_path / "tight", str(installation().bin_dir))
    machine.execute(sql.SQL("CREATE DATABASE {} TABLESPACE tight").format(sql.Identifier(made.name)))
    made.execute(EVERYTHING)
    # A new database takes hardly any room before a checkpoint has written it: its files have holes. What is restored
    # into it takes room at once.
    machine.execute("CHECKPOINT")
    (folder / "filler").write_bytes(b"x" * (shutil.disk_usage(folder).free - 4_000_000))
    yield made
    made.remove()
    machine.execute("DROP TABLESPACE tight")
