# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The workshop of the session, a server of its own on which everything may go wrong, and the databases on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.matrix import Matrix
from faults.scenes import Scenes
from faults.workshop import Workshop, open_workshop
from integration.ansible_command import ROOT
from integration.cluster import Cluster
from lab.server import Server


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """Where runs are started that can be stopped and killed."""
    with open_workshop() as workshop:
        yield workshop


@pytest.fixture(scope="session")
def server(workshop: Workshop, postgres_major: int) -> Server:
    """The server of the session. Commits are not waited for, so that the engine's own setting is what saves them."""
    settings: dict[str, str | int] = {
        "autovacuum": "off",
        "jit": "off",
        "max_connections": 300,
        "max_wal_size": "4GB",
        "log_connections": "on",
    }
    return workshop.start_server(postgres_major, settings)


@pytest.fixture(scope="session")
def cluster(server: Server) -> Cluster:
    """Databases on it. They go with the server."""
    cluster = Cluster(server, {})
    shop = (ROOT / "tests/integration/shop.sql").read_text()
    cluster.template("shop", lambda _url: server.psql(script=shop, database="template_shop"))
    return cluster


@pytest.fixture(scope="session")
def scenes(workshop: Workshop, cluster: Cluster) -> Scenes:
    """The operations, and databases on which they can be struck."""
    return Scenes(workshop, cluster)


@pytest.fixture(scope="session")
def matrix(postgres_major: int) -> Matrix:
    """What the session has tried."""
    return Matrix(postgres_major)
