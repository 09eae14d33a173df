# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A deployment that finds nothing to do, on one database."""

from __future__ import annotations

from bench import Bench, median
from results import Figure, amounts

TARGET_SECONDS = 2.5


def measure(bench: Bench) -> list[Figure]:
    """The whole command, on the database to which the migration was deployed before."""
    bench.deploy_fresh(bench.clinic)
    runs = [bench.deploy(bench.clinic).must_not_change() for _unused in bench.each_round()]
    rounds = [{"seconds": run.seconds, "cpu_seconds": run.cpu_seconds} for run in runs]
    seconds = [run.seconds for run in runs]
    beside = f"of the CPUs {median([run.cpu_seconds for run in runs]):.2f} s; rounds {amounts(seconds)}"
    return [Figure("deploy, nothing to do", median(seconds), "s", TARGET_SECONDS, beside, rounds)]
