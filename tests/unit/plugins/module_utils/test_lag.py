# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which replicas are behind, and how long they are waited for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._locks.lag import (
    Replica,
    Slot,
    behind,
    hidden,
    wait_for_replicas,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError

MB = 1024**2
LATE = Replica("b", "streaming", 5 * MB, 31.0)
FINE = Replica("a", "streaming", 0, 0.0)


@pytest.mark.parametrize(
    ("replica", "late"),
    [
        (FINE, False),
        (LATE, True),
        (Replica("a", "streaming", 5 * MB, 29.9), False),
        (Replica("a", "streaming", 5 * MB, None), False),
        # All is replayed; the server goes on showing the last lag that it measured.
        (Replica("a", "streaming", 0, 3600.0), False),
        (Replica("a", "streaming", -8, 3600.0), False),
        (Replica("a", "catchup", 500 * MB, None), True),
        (Replica("a", "catchup", 1 * MB, None), False),
        (Replica("a", "catchup", 500 * MB, 0.1), False),
        (Replica("a", None, None, None), False),
    ],
)
def test_a_replica(replica: Replica, late: bool) -> None:
    assert behind([replica], [], 30.0) == ([replica.text] if late else [])


@pytest.mark.parametrize(
    ("status", "late"), [("reserved", False), ("extended", False), ("unreserved", True), ("lost", False), (None, False)]
)
def test_a_slot(status: str | None, late: bool) -> None:
    assert bool(behind([], [Slot("s", False, status, 900 * MB)], 30.0)) is late


def test_in_words() -> None:
    assert LATE.text == "replica b (streaming) is behind by 31 s, 5.0 MB of WAL"
    assert Slot("s", False, "unreserved", 64 * MB).text.startswith("slot s (not used) has 64.0 MB of WAL to read")
    assert hidden([FINE, Replica("x", None, None, None)])
    assert not hidden([FINE])


class Clock:
    """Time that passes only in pauses."""

    now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def waited(answers: Sequence[list[Replica]], patience_s: float = 600.0) -> tuple[dict[str, object], list[str]]:
    clock, said, left = Clock(), [], list(answers)
    outcome = wait_for_replicas(
        lambda: (left.pop(0) if len(left) > 1 else left[0], []),
        30.0,
        patience_s,
        said.append,
        (lambda: clock.now_s, clock.sleep),
    )
    return outcome, said


def test_nobody_is_behind() -> None:
    assert waited([[FINE]]) == ({"waited_s": 0.0, "who": [], "hidden": False}, [])


def test_it_waits_and_says_for_whom() -> None:
    outcome, said = waited([[LATE], [LATE], [FINE]])
    assert outcome == {"waited_s": 2.0, "who": [LATE.text], "hidden": False}
    assert said == [f"waiting for replicas: {LATE.text}"] * 2


def test_the_patience_has_an_end() -> None:
    with pytest.raises(SteadyError, match=r"waited 11 s for them") as caught:
        waited([[LATE]], 10.0)
    assert LATE.text in caught.value.why
    assert caught.value.facts == {"replicas": [LATE.text]}
