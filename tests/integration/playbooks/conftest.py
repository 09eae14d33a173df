# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""For each module of tests a desk with an inventory, and databases that are copies of the clinic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from integration.cluster import Cluster
from integration.playbooks.desk import Desk
from lab import clinic
from lab.server import Server

NewDesk = Callable[..., Desk]

_numbers = count(1)


@pytest.fixture(scope="module")
def module_cluster(server: Server, templates: dict[str, str]) -> Iterator[Cluster]:
    """What a module's tests share on the session's server."""
    cluster = Cluster(server, templates)
    yield cluster
    cluster.clean_up()


@pytest.fixture(scope="module")
def new_desk(module_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    """Makes a desk; each host that is named gets a copy of the clinic of its own."""
    template = module_cluster.template("clinic", lambda url: clinic.load(url, scale=0.001))

    def make(*hosts: str) -> Desk:
        number = next(_numbers)
        databases = {host: module_cluster.database(template, f"{host} {number}") for host in hosts}
        return Desk(tmp_path_factory.mktemp("desk"), databases)

    return make
