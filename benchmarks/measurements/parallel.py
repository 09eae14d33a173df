# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Which steady_parallel is the fastest here."""

from __future__ import annotations

from bench import Bench, median
from results import Figure, amounts

CHOICES = (1, 2, 3, 4)


def measure(bench: Bench) -> list[Figure]:
    """In turn: a deployment with each, and psql, by which each is divided."""
    seconds: dict[int, list[float]] = {choice: [] for choice in CHOICES}
    floors: list[float] = []
    for _unused in bench.each_round():
        for choice in CHOICES:
            run = bench.deploy_fresh(bench.clinic, variables={"steady_parallel": choice})
            seconds[choice].append(run.seconds)
        bench.clinic.make_fresh()
        floors.append(bench.clinic.migrate_with_psql())
    return [_figure(choice, seconds[choice], floors) for choice in CHOICES]


def _figure(choice: int, seconds: list[float], floors: list[float]) -> Figure:
    rounds = [{"ratio": one / floor, "deploy_s": one, "psql_s": floor} for one, floor in zip(seconds, floors)]
    ratios = [one["ratio"] for one in rounds]
    beside = f"deploy {median(seconds):.2f} s, psql {median(floors):.2f} s; rounds {amounts(ratios)}"
    return Figure(f"steady_parallel {choice} against psql", median(ratios), "×", None, beside, rounds)
