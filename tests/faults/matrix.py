# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The faults, where each strikes an operation, and the table of what was tried (docs/faults.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from faults import pages
from faults.application import LOGGED_MS
from faults.operations import OPERATIONS
from faults.scenes import Scene
from integration.ansible_command import ROOT

PAGE = ROOT / "docs" / "faults.md"
ACTIONS = ("deploy", "rollback")


@dataclass(frozen=True)
class Fault:
    """letter: its column. places: where it strikes a run of an operation. island: only where the workshop is one."""

    letter: str
    places: Callable[[Scene, str], Sequence[Any]]
    island: bool = False


def _before(scene: Scene, action: str) -> Sequence[Any]:
    return scene.course(action).before


def _before_of_a_deployment(scene: Scene, action: str) -> Sequence[Any]:
    return scene.deploy.before if action == "deploy" else []


def _around(scene: Scene, action: str) -> Sequence[Any]:
    return scene.course(action).around


def _holds(scene: Scene, action: str) -> Sequence[Any]:
    """The statements of the migration with everything are those of the others."""
    return [] if scene.operation.whole else scene.course(action).holds


def _holds_at_the_server(scene: Scene, action: str) -> Sequence[Any]:
    return [hold for hold in _holds(scene, action) if not hold.guarded]


def _everywhere(scene: Scene, action: str) -> Sequence[Any]:
    return [*_before(scene, action), *_holds(scene, action)]


def _some(scene: Scene, action: str) -> Sequence[Any]:
    """Half a minute passes until a lost connection is noticed, and all of these pass it together."""
    if scene.operation.whole:
        return _before(scene, action)[2::4] if action == "deploy" else []
    return _holds(scene, action) if scene.operation.name in ("index build", "foreign key replaced") else []


KILLED = Fault("A", _before)
KILLED_AND_UNDONE = Fault("B", _before_of_a_deployment)
SESSION_ENDED = Fault("C", _around)
CRASHED = Fault("D", _everywhere)
DISK_FULL = Fault("E", _before, island=True)
CONNECTION_LOST = Fault("F", _some, island=True)
KILLED_WAITING = Fault("G", _holds)
KILLED_FINISHING = Fault("H", _holds)
CANCELLED = Fault("I", _holds_at_the_server)
SESSION_ENDED_INSIDE = Fault("J", _holds_at_the_server)
FAULTS = (
    KILLED, KILLED_AND_UNDONE, SESSION_ENDED, CRASHED, DISK_FULL, CONNECTION_LOST, KILLED_WAITING, KILLED_FINISHING,
    CANCELLED, SESSION_ENDED_INSIDE,
)  # fmt: skip


@dataclass
class Matrix:
    """What the tests of this session have tried, all of it green: (letter, operation, action) to the number.

    felt: the longest that an application waited for a lock because of the struck run or the next one, in milliseconds,
    by (letter, operation).
    """

    major: int
    tried: dict[tuple[str, str, str], int] = field(default_factory=dict)
    felt: dict[tuple[str, str], float] = field(default_factory=dict)

    def green(self, fault: Fault, operation: str, action: str, count: int) -> None:
        """So many places were struck, and each test of them has passed."""
        self.tried[fault.letter, operation, action] = count


def expected(scene_of: Callable[[str], Scene]) -> dict[tuple[str, str, str], int]:
    """All that there is to try, by the plans."""
    return {
        (fault.letter, operation.name, action): len(fault.places(scene_of(operation.name), action))
        for fault in FAULTS
        for operation in OPERATIONS
        for action in ACTIONS
    }


def table(counts: dict[tuple[str, str, str], int]) -> str:
    """The section of a version: a row for each operation, a column for each fault; deployment + rollback."""
    rows = []
    total = 0
    for operation in OPERATIONS:
        row = [operation.name]
        for fault in FAULTS:
            found = [counts.get((fault.letter, operation.name, action), 0) for action in ACTIONS]
            total += sum(found)
            row.append(" + ".join(map(str, found)) if any(found) else "–")
        rows.append(row)
    counted = pages.table(["operation", *(fault.letter for fault in FAULTS)], rows)
    return f"{counted}\n\n{total} runs struck, {total} green."


def waits(felt: dict[tuple[str, str], float]) -> str:
    """The longest waits, a row for each operation and a column for each fault that was struck under traffic."""
    letters = [fault.letter for fault in FAULTS if any(fault.letter == letter for letter, _name in felt)]
    rows = []
    for operation in OPERATIONS:
        cells = [felt.get((letter, operation.name)) for letter in letters]
        rows.append([operation.name, *("–" if ms is None else pages.longest(ms, LOGGED_MS) for ms in cells)])
    return pages.table(["operation, longest wait in ms", *letters], rows)


def written(major: int) -> str | None:
    """The section of a version as it stands in the page; None where it has none."""
    return pages.read(PAGE, f"PostgreSQL {major}")


def write(major: int, text: str) -> None:
    """Put a version's section into the page."""
    pages.write(PAGE, f"PostgreSQL {major}", text)
