# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A server that may be killed, a shop on it for each test, and its backups."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.backup.backing_up import Shop
from lab.installations import installation
from lab.server import Server

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def machine(postgres_major: int) -> Iterator[Server]:
    """A server of the module's own."""
    settings = {"autovacuum": "off", "max_prepared_transactions": 5, "jit": "off"}
    with Server.start(postgres_major, settings=settings) as server:
        yield server


@pytest.fixture
def shop(machine: Server, tmp_path: Path) -> Iterator[Shop]:
    """A database with some of everything, and a folder for its backups."""
    made = Shop(machine, f"Shop {next(_NUMBERS)}", tmp_path / "backups", str(installation().bin_dir))
    made.make()
    yield made
    made.remove()
