# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person who waits is told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._progress import final_lines, line
from unit.results import applied, backed_up, step


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            {
                "doing": "create index public.i: building index: scanning table",
                "done": 300,
                "total": 400,
                "unit": "blocks",
                "elapsed": 100.0,
                "phase_elapsed": 30.0,
                "waiting": "",
            },
            "create index public.i: building index: scanning table: 300 of 400 blocks, 75 %, 100 s, about 10 s to go",
        ),
        (
            {"doing": "create index public.i: waiting for old snapshots", "elapsed": 7.0, "waiting": "pid 7 (app)"},
            "create index public.i: waiting for old snapshots, 7 s; waits for pid 7 (app)",
        ),
    ],
)
def test_a_line(content: dict[str, Any], said: str) -> None:
    assert line(content) == said


def test_the_lines_that_stay() -> None:
    done, failed = step("done", "a", duration_ms=91_000.0), step("failed", "b", duration_ms=7_000.0)
    assert final_lines(applied(done, failed, step("not started", "c"))) == [
        ("create index public.a", "create index public.a: done, 91 s"),
        ("create index public.b", "create index public.b: failed, 7 s"),
    ]
    assert final_lines(backed_up()) == [("", f"backup proven: {backed_up()['backup']['detail']}")]
    assert final_lines({"status": "succeeded"}) == [("", "succeeded")]
