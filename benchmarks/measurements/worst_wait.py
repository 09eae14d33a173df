# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""How long an application's transactions wait while a deployment runs, with nobody in its way."""

from __future__ import annotations

from bench import Bench
from results import Figure, amounts
from under_traffic import Seen, deploy, nothing, under_traffic

from lab.lock_waits import worst_ms
from lab.traffic import TrafficResult

TARGET_MS = 100
TARGET_P999 = 3.0


def measure(bench: Bench) -> list[Figure]:
    """In turn: traffic with a deployment, and as long without one. The worst wait of all rounds is what counts."""
    during: list[Seen] = []
    quiet: list[Seen] = []
    for _unused in bench.each_round():
        during.append(under_traffic(bench, deploy))
        quiet.append(under_traffic(bench, nothing(during[-1].seconds)))
    with_it, without = _all(during), _all(quiet)
    beside = f"p99.9 {amounts([with_it.p999_ms])} ms with, {amounts([without.p999_ms])} ms without"
    return [
        _figure("worst wait of a transaction", during, TARGET_MS),
        _figure("  the same traffic, no deployment", quiet, None),
        Figure("  p99.9 against no deployment", with_it.p999_ms / without.p999_ms, "×", TARGET_P999, beside),
    ]


def _all(seen: list[Seen]) -> TrafficResult:
    return TrafficResult(tuple(one for result in seen for one in result.traffic.transactions))


def _figure(name: str, seen: list[Seen], target: float | None) -> Figure:
    everything = _all(seen)
    beside = (
        f"p50 {amounts([everything.p50_ms])}, p99 {amounts([everything.p99_ms])}, p99.9 {amounts([everything.p999_ms])}"
        f" of {everything.count}; rounds {amounts([result.traffic.worst_ms for result in seen])}"
        f"; longest wait for a lock {amounts([max(worst_ms(one.lock_waits) for one in seen)])}"
    )
    return Figure(name, everything.worst_ms, "ms", target, beside, [one.as_dict() for one in seen])
