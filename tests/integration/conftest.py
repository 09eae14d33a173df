# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""One server for the session, and for each test what it needs on it: fresh databases, roles, tablespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from integration.cluster import Cluster, Database
from lab import clinic
from lab.server import Server

SHOP = Path(__file__).parent / "shop.sql"
EVENTS = Path(__file__).parent / "events.sql"


@pytest.fixture(scope="session")
def server(postgres_major: int) -> Iterator[Server]:
    """The server of the session. Nothing happens on it by itself: autovacuum is off."""
    settings = {"autovacuum": "off", "max_prepared_transactions": 5, "jit": "off"}
    with Server.start(postgres_major, settings=settings) as server:
        yield server


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    """The template databases that were made so far, by the name of what is in them."""
    return {}


@pytest.fixture
def cluster(server: Server, templates: dict[str, str]) -> Iterator[Cluster]:
    """For tests that make databases, roles or tablespaces themselves; whatever they make goes with the test."""
    cluster = Cluster(server, templates)
    yield cluster
    cluster.clean_up()


@pytest.fixture
def database(cluster: Cluster) -> Database:
    """A fresh copy of the shop (shop.sql)."""
    return cluster.database(cluster.template("shop", _fill_shop))


@pytest.fixture
def events(cluster: Cluster) -> Database:
    """A fresh copy of a database with partitioned tables (events.sql)."""
    return cluster.database(cluster.template("events", _fill_events))


@pytest.fixture
def clinic_database(cluster: Cluster) -> Database:
    """A fresh copy of the clinic, with a few thousand rows."""
    return cluster.database(cluster.template("clinic", _fill_clinic))


def _fill_shop(url: str) -> None:
    _fill(url, SHOP)


def _fill_events(url: str) -> None:
    _fill(url, EVENTS)


def _fill(url: str, script: Path) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(script.read_text())
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()


def _fill_clinic(url: str) -> None:
    clinic.load(url, scale=0.001)
