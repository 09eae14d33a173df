# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A fault at each boundary between two calls of each operation and its rollback, and inside each that can wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from faults import strikes
from faults.matrix import (
    ACTIONS,
    CANCELLED,
    KILLED,
    KILLED_AND_UNDONE,
    KILLED_FINISHING,
    KILLED_WAITING,
    SESSION_ENDED,
    SESSION_ENDED_INSIDE,
    Fault,
    Matrix,
)
from faults.operations import OPERATIONS
from faults.scenes import Scene, Scenes
from integration.cluster import Database

pytestmark = [pytest.mark.postgres]
Strike = Callable[[Scene, Database, str, Any], None]

NAMES = [operation.name for operation in OPERATIONS]
both_ways = pytest.mark.parametrize("action", ACTIONS)
every_operation = pytest.mark.parametrize("name", NAMES)
# The deployment of the migration with everything stands for all of them where time is short.
the_whole_at_least = pytest.mark.parametrize(
    ("name", "action"),
    [
        pytest.param(one.name, action, marks=() if one.whole and action == "deploy" else pytest.mark.long)
        for one in OPERATIONS
        for action in ACTIONS
    ],
)


@pytest.fixture
def strike_all(scenes: Scenes, matrix: Matrix) -> Callable[[Fault, str, str, Strike], None]:
    """Strikes an operation or its rollback with a fault in all places, each on a database of its own."""

    def strike_all(fault: Fault, name: str, action: str, strike: Strike) -> None:
        scene = scenes.of(name)

        def one(place: Any) -> None:
            with scene.database() as database:
                strike(scene, database, action, place)

        matrix.green(fault, name, action, strikes.each(fault.places(scene, action), one))

    return strike_all


@the_whole_at_least
def test_the_module_is_killed(strike_all: Any, name: str, action: str) -> None:
    strike_all(KILLED, name, action, lambda *where: strikes.converges(strikes.killed(*where)))


@pytest.mark.long
@every_operation
def test_the_module_is_killed_and_the_deployment_undone_at_once(strike_all: Any, name: str) -> None:
    strike_all(KILLED_AND_UNDONE, name, "deploy", lambda *where: strikes.undoes(strikes.killed(*where)))


@pytest.mark.long
@both_ways
@every_operation
def test_sessions_are_ended(strike_all: Any, name: str, action: str) -> None:
    strike_all(SESSION_ENDED, name, action, lambda *where: strikes.converges(strikes.session_ended(*where)))


@pytest.mark.long
@both_ways
@every_operation
def test_the_module_is_killed_and_its_statement_still_waits(strike_all: Any, name: str, action: str) -> None:
    strike_all(KILLED_WAITING, name, action, lambda *where: strikes.killed_inside(*where, finishes=False))


@pytest.mark.long
@both_ways
@every_operation
def test_the_module_is_killed_and_its_statement_finishes(strike_all: Any, name: str, action: str) -> None:
    strike_all(KILLED_FINISHING, name, action, lambda *where: strikes.killed_inside(*where, finishes=True))


@pytest.mark.long
@both_ways
@every_operation
def test_a_statement_is_cancelled(strike_all: Any, name: str, action: str) -> None:
    strike_all(CANCELLED, name, action, lambda *where: strikes.ended_inside(*where, "pg_cancel_backend"))


@pytest.mark.long
@both_ways
@every_operation
def test_a_session_is_ended_inside(strike_all: Any, name: str, action: str) -> None:
    strike_all(SESSION_ENDED_INSIDE, name, action, lambda *where: strikes.ended_inside(*where, "pg_terminate_backend"))
