# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What it costs that a deployment was killed: the same command again, beside the steps that it still has to do."""

from __future__ import annotations

from typing import Any

from bench import Bench, median
from results import Figure, amounts

TARGET_S = 3.0
# In the middle of the longest build: half of the table is in the index.
_HALF = """
    SELECT 1 FROM pg_stat_progress_create_index
    WHERE relid = '"Appointment"'::regclass
        AND phase LIKE 'building index: loading%' AND tuples_done * 2 > tuples_total"""


def measure(bench: Bench) -> list[Figure]:
    """Each round: killed in the middle of the longest build, which the server goes on with; then the command again."""
    rounds: list[dict[str, Any]] = []
    for _unused in bench.each_round():
        bench.clinic.make_fresh()
        bench.kill_deployment(bench.clinic, lambda: bench.server.execute(_HALF, database=bench.clinic.name))
        again = bench.deploy(bench.clinic).must_change()
        rounds.append(
            {
                "beside_s": again.seconds - again.step_seconds(),
                "again_s": again.seconds,
                "steps_s": again.step_seconds(),
            }
        )
    beside = [one["beside_s"] for one in rounds]
    told = f"again {median([one['again_s'] for one in rounds]):.2f} s; rounds {amounts(beside)}"
    return [Figure("after a kill, beside the steps to do", median(beside), "s", TARGET_S, told, rounds)]
