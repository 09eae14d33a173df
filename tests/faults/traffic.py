# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Operations under live traffic with somebody in their way, and what the traffic felt of it (docs/traffic.md)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults import pages
from faults.application import LOGGED_MS
from faults.operations import OPERATIONS, Operation
from faults.scenes import contents, remains
from integration.ansible_command import ROOT
from integration.cluster import Database
from lab.blockers import BLOCKERS, Place
from lab.lock_waits import LockLog, worst_ms
from lab.profiles import Profile
from lab.traffic import APPLICATION_NAME, Traffic

PAGE = ROOT / "docs" / "traffic.md"
SQL = Path(__file__).parent / "sql"
BUDGET_MS = 100
# What a busy machine adds: scheduling, and the statements of an attempt that got its lock at the last moment.
SLACK_MS = 50
# Attempts queue from the third second on: whoever is in the way outlasts that.
SECONDS = 4.0
OURS = "steady.postgresql"

_NUMBERS = """
    SELECT (SELECT count(*) - 1 FROM "Order" WHERE id < 1000000) AS orders,
           (SELECT count(*) - 1 FROM "Customer") AS customers, (SELECT count(*) - 1 FROM "Category") AS categories,
           (SELECT count(*) - 1 FROM "Payment") AS payments, (SELECT count(*) - 1 FROM "Refund") AS refunds,
           (SELECT count(*) - 1 FROM "Parcel") AS parcels, (SELECT count(*) - 1 FROM "Visit") AS visits"""
PROFILES: Mapping[str, Profile] = {
    "short transactions": Profile((SQL / "shop_reads.sql", SQL / "shop_writes.sql"), 60, 4, _NUMBERS),
    "50 clients, long transactions": Profile((SQL / "shop_crowded.sql",), 150, 50, _NUMBERS),
}
# Those of the crowd: two tables locked together, and one; with nobody, and with one of each sort, in the way.
CROWDED_OPERATIONS = ("foreign key replaced", "column made nullable")
CROWDED_BLOCKERS = ("nobody", "idle transaction, child", "REPEATABLE READ reader")
# What an autovacuum has something to do with.
MORE_ROWS = """
    INSERT INTO "Customer"
        SELECT 'c' || n, 't' || n % 7, NULL, 'Name', true, now() FROM generate_series(301, 9000) AS n;
    INSERT INTO "Order" ("id", "tenantId", "customerId", status, total, "placedAt", note)
        SELECT n, 't' || n % 7, 'c' || n % 300 + 1, 'NEW', n, now(), 'note ' || n FROM generate_series(1501, 9000) AS n;
    INSERT INTO "Category" SELECT n, n / 2, repeat('Category ', 20) || n FROM generate_series(41, 3000) AS n;
    INSERT INTO "Payment" SELECT n, repeat('method ', 70) || n % 5 FROM generate_series(301, 999) AS n;
    INSERT INTO "Refund" SELECT n, NULL FROM generate_series(101, 9000) AS n;
    INSERT INTO "Parcel" SELECT n, repeat('code ', 20) || n FROM generate_series(301, 3000) AS n;
    INSERT INTO "Visit" SELECT n, 'v' || n FROM generate_series(301, 9000) AS n;
    VACUUM ANALYZE"""
_LAST = {
    "Order": ("total", "id = 9000"),
    "Customer": ("email", "id = 'c9000'"),
    "Category": ("name", "id = 3000"),
    "Payment": ("method", "id = 999"),
    "Refund": ('"paymentId"', "id = 9000"),
    "Parcel": ("code", "id = 3000"),
    "Visit": ("id", "code = 'v9000'"),
}
# The partition in which that row is: of a partitioned table nothing but partitions is locked, vacuumed or read.
_PARTITION = {"Payment": "Payment_1_rest", "Parcel": "Parcel_rest"}
_REFERS = {"Order": "Customer", "Refund": "Payment"}


@dataclass(frozen=True)
class Felt:
    """worst_ms: the longest that a transaction waited for a lock because of the operation.

    attempts: of its hardest step. seconds: until it was done, with all waiting for whoever was in the way.
    """

    worst_ms: float
    seconds: float
    attempts: int

    def __str__(self) -> str:
        wait = pages.longest(self.worst_ms, LOGGED_MS)
        return f"{wait} ms, {self.seconds:.1f} s" + (f", {self.attempts} attempts" if self.attempts > 1 else "")


@dataclass
class Felts:
    """What was felt so far: (profile, operation, blocker)."""

    major: int
    cells: dict[tuple[str, str, str], Felt] = field(default_factory=dict)

    def table(self, profile: str) -> str:
        """A row for each operation, a column for each blocker."""
        blockers = [one for one in BLOCKERS if any(key[0] == profile and key[2] == one for key in self.cells)]
        rows = []
        for operation in OPERATIONS:
            found = [self.cells.get((profile, operation.name, blocker)) for blocker in blockers]
            if any(found):
                rows.append([operation.name, *(str(felt) if felt else "–" for felt in found)])
        return pages.table(["operation", *blockers], rows)

    def write(self) -> None:
        """Put the tables of this version into the page."""
        for profile in dict.fromkeys(key[0] for key in self.cells):
            pages.write(PAGE, f"PostgreSQL {self.major}, {profile}", self.table(profile))


def place(database: Database, operation: Operation) -> Place:
    """Where somebody stands in the operation's way: at its table, and at the one that this refers to."""
    names = ("foreign_keys", "columns", "indexes", "constraints", "statements")
    entry = next(operation.migration[name][0] for name in names if operation.migration.get(name))
    child = operation.table or next(one["table"] for one in (entry, *entry.get("locks", ())) if "table" in one)
    parent = _REFERS.get(child, child)

    def hold(table: str) -> str:
        column, row = _LAST[table]
        return f'UPDATE "{table}" SET {column} = {column} WHERE {row}'

    column, table = _LAST[child][0], _PARTITION.get(child, child)
    return Place(database.server, database.name, f'"{table}"', column, hold(child), hold(parent))


def run(database: Database, operation: Operation, profile: str, blocker: str, deployed: str) -> Felt:
    """The operation and its rollback under traffic; fails when not all comes out as without, or anybody waited.

    deployed: what stands there after a deployment that nobody disturbed.
    """
    log = LockLog(database.server)
    if operation.before_each:
        database.execute(operation.before_each)
    # As short as in the traffic's sessions: where it is, the application is the victim of every deadlock.
    database.execute(f'ALTER DATABASE "{database.name}" SET deadlock_timeout = {LOGGED_MS}')
    before = contents(database, operation)
    options: dict[str, Any] = {"budget_ms": BUDGET_MS, "patience_s": 90.0}
    with Traffic(database.server, database.name, PROFILES[profile], log_waits_ms=LOGGED_MS) as traffic:
        with BLOCKERS[blocker](place(database, operation), SECONDS):
            started = time.monotonic()
            result = database.apply(operation.migration, **options)
            seconds = time.monotonic() - started
        assert contents(database, operation) == deployed
        database.rollback(**options)
        seen = traffic.stop()
    assert seen.errors == (), seen.errors
    assert contents(database, operation) == before
    assert remains(database) == []
    oid = database.value("SELECT oid::bigint FROM pg_database WHERE datname = current_database()")
    waits = [
        wait
        for wait in log.read()
        if wait.database == oid and wait.application == APPLICATION_NAME and wait.caused_by(OURS)
    ]
    assert worst_ms(waits) <= BUDGET_MS + SLACK_MS, waits
    return Felt(worst_ms(waits), seconds, max(step["attempts"] for step in result["steps"]))
