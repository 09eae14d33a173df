# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What the application feels when somebody is in the way of the change: of ours, and of two others beside it."""

from __future__ import annotations

from collections.abc import Mapping

from bench import Bench
from results import Figure, amount
from under_traffic import Seen, Way, deploy, guide, psql, under_traffic

from lab.blockers import BLOCKERS, eager_autovacuum
from lab.lock_waits import worst_ms
from lab.profiles import CLINIC_CROWDED, CLINIC_MIXED, Profile

# steady_lock_budget and 50 ms.
TARGET_MS = 150
SECONDS = 20
WAYS: Mapping[str, Way] = {"deploy.yml": deploy, "psql": psql, "one transaction": guide}


def measure(bench: Bench) -> list[Figure]:
    """Once for each way and each of those who may be in it: a worst case has no median."""
    return _measure(bench, CLINIC_MIXED, list(BLOCKERS), "")


def measure_crowded(bench: Bench) -> list[Figure]:
    """The same of traffic that hardly leaves an instant free."""
    return _measure(bench, CLINIC_CROWDED, ["nobody", "idle transaction, child"], "crowded; ")


def _measure(bench: Bench, profile: Profile, blockers: list[str], prefix: str) -> list[Figure]:
    figures = []
    with eager_autovacuum(bench.server):
        for name in blockers:
            for way_name, way in WAYS.items():
                print(f"  {prefix}{name}: {way_name}", flush=True)
                seen = under_traffic(bench, way, profile, BLOCKERS[name], SECONDS)
                figures.append(_figure(f"{prefix}{name}: {way_name}", seen, TARGET_MS if way is deploy else None))
    return figures


def _figure(name: str, seen: Seen, target: float | None) -> Figure:
    beside = (
        f"p99.9 {amount(seen.traffic.p999_ms)}, longest wait for a lock {amount(worst_ms(seen.lock_waits))}, "
        f"{seen.traffic.over_1s} of {seen.traffic.count} over 1 s; done in {seen.seconds:.1f} s"
        + (f", {seen.attempts} attempts" if seen.attempts > 1 else "")
    )
    return Figure(name, seen.traffic.worst_ms, "ms", target, beside, [seen.as_dict()])
