# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A struck deployment, and the one that goes on with it, make nobody wait longer than their budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from faults import strikes
from faults.application import NAME, Application
from faults.matrix import (
    CANCELLED,
    KILLED,
    KILLED_FINISHING,
    KILLED_WAITING,
    SESSION_ENDED,
    SESSION_ENDED_INSIDE,
    Fault,
    Matrix,
)
from faults.operations import OPERATIONS
from faults.pages import WRITING
from faults.scenes import Scene, Scenes
from faults.traffic import BUDGET_MS, OURS, SLACK_MS
from integration.cluster import Database
from lab.lock_waits import LockLog, worst_ms
from lab.server import Server, installation

pytestmark = [pytest.mark.postgres, pytest.mark.long]

Strike = Callable[[Scene, Database, Any], None]
ACTION = "deploy"


def _converges(strike: Callable[..., strikes.Struck]) -> Strike:
    return lambda scene, database, place: strikes.converges(strike(scene, database, ACTION, place))


def _killed_inside(finishes: bool) -> Strike:
    return lambda *where: strikes.killed_inside(where[0], where[1], ACTION, where[2], finishes=finishes)


def _ended_inside(function: str) -> Strike:
    return lambda *where: strikes.ended_inside(where[0], where[1], ACTION, where[2], function)


STRIKES: list[tuple[Fault, Strike]] = [
    (KILLED, _converges(strikes.killed)),
    (SESSION_ENDED, _converges(strikes.session_ended)),
    (KILLED_WAITING, _killed_inside(False)),
    (KILLED_FINISHING, _killed_inside(True)),
    (CANCELLED, _ended_inside("pg_cancel_backend")),
    (SESSION_ENDED_INSIDE, _ended_inside("pg_terminate_backend")),
]


@pytest.mark.parametrize(("fault", "strike"), STRIKES, ids=[fault.letter for fault, _strike in STRIKES])
@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_nobody_waits(scenes: Scenes, matrix: Matrix, server: Server, name: str, fault: Fault, strike: Strike) -> None:
    """In every second place of a deployment: each of them is struck without traffic, too."""
    if server.installation.major != installation().major and not WRITING:
        pytest.skip("seen when the page was written")
    scene = scenes.of(name)
    log = LockLog(server)

    def one(place: Any) -> None:
        with scene.database() as database, Application(database) as application:
            strike(scene, database, place)
        assert application.done

    strikes.each(fault.places(scene, ACTION)[::2], one)
    waits = [wait for wait in log.read() if wait.application == NAME and wait.caused_by(OURS)]
    assert worst_ms(waits) <= BUDGET_MS + SLACK_MS, waits
    matrix.felt[fault.letter, name] = worst_ms(waits)
