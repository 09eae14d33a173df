# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A server that asks for passwords, on TCP too, and roles whose names and passwords are awkward."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.connection.logins import Login, drop_login, has_ipv6, make_login
from lab.server import Server

# Every character that a URL, a key/value string or a password file has to say in another way.
AWKWARD_PASSWORD = "P4ss@w:rd/w?th#all%of &='them'\\+\"é\" "
AWKWARD_USER = "us@r:na/me?of#100%25 é"
AWKWARD_DATABASE = "cli/nic #1?é"


@pytest.fixture(scope="session")
def tcp_server(postgres_major: int) -> Iterator[Server]:
    """A server on its socket, 127.0.0.1 and ::1 that wants a password from everybody but `guest` on the socket."""
    settings = {"autovacuum": "off", "jit": "off", "log_statement": "all", "log_connections": "on"}
    hba = [
        "local replication postgres trust",
        "local all guest trust",
        "local all all scram-sha-256",
        "host all all 127.0.0.1/32 scram-sha-256",
        "host all all ::1/128 scram-sha-256",
    ]
    with Server.start(postgres_major, settings=settings, hba=hba, listen_tcp=True, ipv6=has_ipv6()) as server:
        yield server


@pytest.fixture(scope="session")
def awkward(tcp_server: Server) -> Login:
    """A login of which every part has to be escaped. Shared: nothing in its database may be changed."""
    return make_login(tcp_server, AWKWARD_USER, AWKWARD_PASSWORD, AWKWARD_DATABASE)


@pytest.fixture
def login(tcp_server: Server) -> Iterator[Login]:
    """A login of the test's own."""
    made = make_login(tcp_server, "app", "Pa55-of-app", "clinic")
    yield made
    drop_login(made)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of this machine's own: no PG… variable, and a home without .pgpass, .pg_service.conf and .postgresql."""
    for name in [name for name in os.environ if name.startswith("PG") or name == "DATABASE_URL"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def home() -> Path:
    """The home that the test has."""
    return Path(os.environ["HOME"])
