# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as people write them."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.duration import (
    duration_text,
    milliseconds,
    seconds_or_off,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100ms", 100),
        ("1ms", 1),
        ("30s", 30_000),
        ("1.5s", 1500),
        ("0.0015s", 1),
        ("10m", 600_000),
        ("10min", 600_000),
        ("1h", 3_600_000),
        ("0.5h", 1_800_000),
        (" 10 m ", 600_000),
    ],
)
def test_each_unit(text: str, expected: int) -> None:
    assert milliseconds(text, "lock_budget") == expected


@pytest.mark.parametrize(
    "text", ["", "10", "ten seconds", "10 M", "-5s", "1d", "1h30m", "1e3s", ".5s", "5s\n5s", "None"]
)
def test_what_is_none_is_refused_with_the_option_and_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example 100ms, 30s, 10m or 1h") as caught:
        milliseconds(text, "lock_budget")
    assert str(caught.value).startswith("lock_budget: ")


@pytest.mark.parametrize("text", ["0ms", "0s", "0.0h", "0.4ms"])
def test_nothing_is_too_short(text: str) -> None:
    """lock_timeout 0 would mean: wait without end."""
    with pytest.raises(ValueError, match=f'lock_patience: "{text}" must be longer than nothing'):
        milliseconds(text, "lock_patience")


def test_off_is_none_in_every_way_that_yaml_writes_it() -> None:
    assert [seconds_or_off(text, "max_replica_lag") for text in ("off", "OFF", "False", "no")] == [None] * 4
    assert seconds_or_off("1m", "max_replica_lag") == 60.0
    with pytest.raises(ValueError, match="max_replica_lag: "):
        seconds_or_off("never", "max_replica_lag")


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "0 s"), (90, "90 s"), (720, "12 min"), (12_600, "3.5 h"), (345_600, "4 days")]
)
def test_one_way_to_say_it(seconds: float | None, text: str) -> None:
    """4.2 no. 5."""
    assert duration_text(seconds) == text
