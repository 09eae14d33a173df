# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The server crashes, the network is cut, the disk is full: at each boundary, and in the middle of what takes long."""

from __future__ import annotations

import time

import pytest

from faults.matrix import ACTIONS, CONNECTION_LOST, CRASHED, DISK_FULL, Fault, Matrix
from faults.operations import OPERATIONS
from faults.scenes import Scenes
from faults.waves import Case, Wave
from faults.workshop import Workshop
from lab.server import Server

pytestmark = [pytest.mark.postgres, pytest.mark.long]
every_operation = pytest.mark.parametrize("name", [one.name for one in OPERATIONS])


def _over(wave: Wave, fault: Fault, scenes: Scenes, matrix: Matrix, *names: str) -> None:
    cases = [
        Case(scenes.of(name), action, place)
        for name in names
        for action in ACTIONS
        for place in fault.places(scenes.of(name), action)
    ]
    wave.over(cases)
    for name in names:
        for action in ACTIONS:
            count = sum(case.scene.operation.name == name and case.action == action for case in cases)
            matrix.green(fault, name, action, count)


@every_operation
def test_the_server_crashes(scenes: Scenes, matrix: Matrix, workshop: Workshop, server: Server, name: str) -> None:
    _over(Wave(lambda: workshop.crash(server), forgets=True), CRASHED, scenes, matrix, name)


@every_operation
def test_the_disk_is_full(scenes: Scenes, matrix: Matrix, workshop: Workshop, name: str) -> None:
    if not workshop.island:
        pytest.skip("this machine gives no process a disk of its own")
    disk = str(workshop.disk)
    wave = Wave(
        lambda: workshop.do("fill", directory=disk),
        lambda: workshop.do("free", directory=disk),
        pool=scenes.small_disk,
        surely=False,
    )
    _over(wave, DISK_FULL, scenes, matrix, name)


def test_the_connection_is_lost(scenes: Scenes, matrix: Matrix, workshop: Workshop) -> None:
    """No RST comes, and no packet: the run notices within 30 s, and so does the server."""
    if not workshop.island:
        pytest.skip("this machine gives no process a network of its own")
    since: list[float] = []

    def cut() -> None:
        workshop.do("link", up=False)
        since.append(time.monotonic())

    def connect() -> None:
        # 30 s until it is noticed; then it tries in vain, 10 s each, to clean up, and to see what stands there.
        assert time.monotonic() - since[-1] < 75
        workshop.do("link", up=True)

    names = [one.name for one in OPERATIONS]
    _over(Wave(cut, connect, where="127.0.0.1"), CONNECTION_LOST, scenes, matrix, *names)
