# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A deployment against the floor: the same changes in psql, one statement after another."""

from __future__ import annotations

from typing import Any

from bench import Bench, median
from results import Figure, amounts

from lab.errors import LabError

TARGET_RATIO = 1.15
AIM_RATIO = 1.0


def measure(bench: Bench) -> list[Figure]:
    """In turn: deploy, psql, deploy, psql. What counts is the ratio within each pair."""
    rounds: list[dict[str, Any]] = []
    for _unused in bench.each_round():
        run = bench.deploy_fresh(bench.clinic)
        deployed = bench.clinic.objects()
        bench.clinic.make_fresh()
        floor = bench.clinic.migrate_with_psql()
        if bench.clinic.objects() != deployed:
            raise LabError("deploy.yml and sql/migrate.sql did not come to the same")
        rounds.append(
            {
                "ratio": run.seconds / floor,
                "deploy_s": run.seconds,
                "deploy_cpu_s": run.cpu_seconds,
                "psql_s": floor,
                "steps_ratio": run.step_seconds() / floor,
                "steps": run.steps(),
            }
        )
    ratios = [one["ratio"] for one in rounds]
    deploys, floors = median([one["deploy_s"] for one in rounds]), median([one["psql_s"] for one in rounds])
    aim = "reached" if median(ratios) < AIM_RATIO else "not reached"
    beside = f"deploy {deploys:.2f} s, psql {floors:.2f} s; rounds {amounts(ratios)}; aim < {AIM_RATIO:.2f} {aim}"
    steps = [one["steps_ratio"] for one in rounds]
    return [
        Figure("deploy against psql", median(ratios), "×", TARGET_RATIO, beside, rounds),
        Figure("  its steps alone", median(steps), "×", AIM_RATIO, f"rounds {amounts(steps)}"),
    ]
