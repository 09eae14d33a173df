# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""How long an application's transactions wait while a deployment runs."""

from __future__ import annotations

import time
from typing import Any

from bench import Bench
from results import Figure, amounts

from lab.errors import LabError
from lab.traffic import Traffic, TrafficResult

RATE = 100
TARGET_MS = 100
# Connecting is not what is measured.
MARGIN_SECONDS = 1.5


def measure(bench: Bench) -> list[Figure]:
    """In turn: traffic with a deployment, and as long without one. The worst wait of all rounds is what counts."""
    during: list[TrafficResult] = []
    quiet: list[TrafficResult] = []
    for _unused in bench.each_round():
        seen, seconds = _during_deployment(bench)
        during.append(seen)
        quiet.append(_without(bench, seconds))
    return [
        _figure("worst wait of a transaction", during, TARGET_MS),
        _figure("  the same traffic, no deployment", quiet, None),
    ]


def _during_deployment(bench: Bench) -> tuple[TrafficResult, float]:
    bench.clinic.make_fresh()
    with Traffic(bench.server, bench.clinic.name, RATE) as traffic:
        time.sleep(MARGIN_SECONDS)
        run = bench.deploy(bench.clinic).must_change()
        time.sleep(MARGIN_SECONDS)
        return _checked(traffic.stop().between(run.started, run.ended)), run.seconds


def _without(bench: Bench, seconds: float) -> TrafficResult:
    bench.clinic.make_fresh()
    with Traffic(bench.server, bench.clinic.name, RATE) as traffic:
        time.sleep(MARGIN_SECONDS)
        started = time.time()
        time.sleep(seconds)
        ended = time.time()
        time.sleep(MARGIN_SECONDS)
        return _checked(traffic.stop().between(started, ended))


def _checked(seen: TrafficResult) -> TrafficResult:
    if seen.errors or not seen.count:
        raise LabError(f"the traffic failed: {'; '.join(seen.errors) or 'no transaction at all'}")
    return seen


def _figure(name: str, results: list[TrafficResult], target: float | None) -> Figure:
    everything = TrafficResult(tuple(one for result in results for one in result.transactions))
    beside = (
        f"p50 {amounts([everything.p50_ms])}, p99 {amounts([everything.p99_ms])}, p99.9 {amounts([everything.p999_ms])}"
        f" of {everything.count}; rounds {amounts([result.worst_ms for result in results])}"
    )
    return Figure(name, everything.worst_ms, "ms", target, beside, [_round(result) for result in results])


def _round(result: TrafficResult) -> dict[str, Any]:
    return {
        "transactions": result.count,
        "p50_ms": result.p50_ms,
        "p99_ms": result.p99_ms,
        "p99_9_ms": result.p999_ms,
        "worst_ms": result.worst_ms,
    }
