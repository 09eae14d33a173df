# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""One change of the clinic while its application is at work, and what the application felt of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import Bench

from lab.blockers import Blocker, Place, nobody
from lab.errors import LabError
from lab.lock_waits import LockLog, LockWait, worst_ms
from lab.profiles import CLINIC_MIXED, Profile
from lab.traffic import APPLICATION_NAME, Traffic, TrafficResult

# Connecting is not what is measured.
MARGIN_SECONDS = 1.5
# The shortest wait for a lock that is worth a line in the server's log.
LOGGED_MS = 5


@dataclass(frozen=True)
class Seen:
    """traffic: what was under way meanwhile. seconds: until the change was made. attempts: the most that a step took.

    lock_waits: the application's waits for the lock of a table.
    """

    traffic: TrafficResult
    seconds: float
    attempts: int
    lock_waits: tuple[LockWait, ...]

    def as_dict(self) -> dict[str, Any]:
        """The figures of a round."""
        return {
            "worst_ms": self.traffic.worst_ms,
            "p99_9_ms": self.traffic.p999_ms,
            "p99_ms": self.traffic.p99_ms,
            "p50_ms": self.traffic.p50_ms,
            "over_1s": self.traffic.over_1s,
            "transactions": self.traffic.count,
            "longest_lock_wait_ms": worst_ms(self.lock_waits),
            "seconds": self.seconds,
            "attempts": self.attempts,
        }


# What makes the change; returns how many attempts its hardest step took.
Way = Callable[[Bench], int]


def deploy(bench: Bench) -> int:
    """deploy.yml, as its user types it."""
    return max(step["attempts"] for step in bench.deploy(bench.clinic).must_change().steps())


def psql(bench: Bench) -> int:
    """Careful statements in psql, one after another."""
    bench.clinic.migrate_with_psql()
    return 1


def guide(bench: Bench) -> int:
    """A script with one transaction around it."""
    bench.clinic.migrate_with_the_guide()
    return 1


def nothing(seconds: float) -> Way:
    """No change at all, for so long: what the machine does to these transactions anyway."""

    def wait(_bench: Bench) -> int:
        time.sleep(seconds)
        return 0

    return wait


def under_traffic(
    bench: Bench, way: Way, profile: Profile = CLINIC_MIXED, blocker: Blocker = nobody, seconds: float = 20
) -> Seen:
    """Make the change under traffic, with somebody in the way for so many seconds; from a fresh database."""
    bench.clinic.make_fresh()
    log = LockLog(bench.server)
    with (
        Traffic(bench.server, bench.clinic.name, profile, log_waits_ms=LOGGED_MS) as traffic,
        blocker(place(bench), seconds),
    ):
        time.sleep(MARGIN_SECONDS)
        started = time.time()
        attempts = way(bench)
        ended = time.time()
        time.sleep(MARGIN_SECONDS)
        seen = traffic.stop()
    if seen.errors or not seen.count:
        raise LabError(f"the traffic failed: {'; '.join(seen.errors) or 'no transaction at all'}")
    waits = tuple(wait for wait in log.read() if wait.application == APPLICATION_NAME)
    return Seen(seen.between(started, ended), ended - started, attempts, waits)


def place(bench: Bench) -> Place:
    """Who stands in the way, stands here: both tables of the key that is replaced. The last rows are nobody else's."""

    def last(table: str) -> str:
        rows = bench.server.execute(f'SELECT count(*) FROM "{table}"', database=bench.clinic.name)[0][0]
        return f'UPDATE "{table}" SET "updatedAt" = "updatedAt" WHERE id = md5(\'{table}{rows}\')::uuid::text'

    return Place(bench.server, bench.clinic.name, '"CashDrawer"', '"updatedAt"', last("CashDrawer"), last("User"))
