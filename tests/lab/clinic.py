# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The clinic: the example database on which everything is shown, tested and measured.

The SQL is in lab/sql/: schema.sql (what Prisma Migrate would write), data.sql and indexes.sql.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2

SQL = Path(__file__).parent / "sql"

# Rows at scale 1.
ROWS = {
    "Tenant": 200,
    "User": 5_000,
    "Customer": 200_000,
    "Pet": 300_000,
    "Staff": 4_000,
    "Service": 20_000,
    "InventoryItem": 200_000,
    "Appointment": 2_000_000,
    "Reminder": 1_000_000,
    "MedicalHistory": 600_000,
    "TreatmentSchedule": 600_000,
    "Sale": 1_000_000,
    "SaleItem": 1_500_000,
    "CashDrawer": 100_000,
}
# However small the scale, there are tenants of each size, and each has staff, services and inventory.
FEWEST = {"Tenant": 10, "Staff": 30, "User": 50, "Service": 30, "InventoryItem": 30}

# Of 25 tenants one is 50 times and four are 10 times as large as the others.
TENANT_SIZES = (50, 10, 10, 10, 10) + (1,) * 20

FIRST_NAMES = "Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas Klara Leo Mia Noah Olga Paul Rosa Sam Tina Udo"
LAST_NAMES = "Adam Baur Cohn Dietz Engel Fuchs Graf Hahn Imhof Jung Kern Lang Maier Nau Otto Pohl Roth Seitz Thoma Vogt"
PET_NAMES = "Bello Luna Max Nala Rocky Mimi Simba Kira Felix Lucy Balu Maja Sammy Emma Oskar Lilly Bruno Cleo Tiger Amy"
SPECIES = "Dog Cat Rabbit Bird Hamster"

WORKERS = 2


def rows_at(scale: float) -> dict[str, int]:
    """How many rows each table has at that scale."""
    return {table: max(round(rows * scale), FEWEST.get(table, 20)) for table, rows in ROWS.items()}


def create(url: str) -> None:
    """Create the clinic's schema, complete and empty, in the database."""
    _run(url, [_read("schema.sql"), _read("indexes.sql")])


def load(url: str, scale: float = 1.0, now: datetime.datetime | None = None) -> None:
    """Create the clinic in an empty database and fill it: the same rows every time, dated around `now`.

    Takes a superuser: it fills with the triggers off, foreign keys' included, and every reference is computed to hold.
    """
    parameters = _parameters(rows_at(scale), now or datetime.datetime.now(datetime.timezone.utc))
    inserts, indexes = _inserts(), _indexes()
    _run(url, [_read("schema.sql")])
    # The largest tables first, so that the workers come to an end together.
    tables = sorted(ROWS, key=lambda table: ROWS[table], reverse=True)
    _side_by_side(lambda table: _run(url, [inserts[table], *indexes[table]], parameters), tables)
    # Afterwards, since VACUUM can only settle rows that no running transaction is older than.
    _side_by_side(lambda table: _run(url, [f'VACUUM (ANALYZE) "{table}"']), tables)


def _parameters(rows: dict[str, int], now: datetime.datetime) -> dict[str, Any]:
    """The parameters that data.sql names."""
    sizes = [TENANT_SIZES[number % len(TENANT_SIZES)] for number in range(rows["Tenant"])]
    slots = [tenant for tenant, size in enumerate(sizes, start=1) for slot in range(size)]
    parameters: dict[str, Any] = {
        **rows,
        "now": now.astimezone(datetime.timezone.utc).replace(tzinfo=None, microsecond=0),
        "slots": slots,
        "slot_count": len(slots),
        "first_names": FIRST_NAMES.split(),
        "last_names": LAST_NAMES.split(),
        "pet_names": PET_NAMES.split(),
        "species": SPECIES.split(),
    }
    for name, table in (("staff", "Staff"), ("service", "Service"), ("item", "InventoryItem")):
        counts = _shares(rows[table], sizes)
        parameters[f"{name}_count"] = counts
        parameters[f"{name}_first"] = [1 + sum(counts[:tenant]) for tenant in range(len(counts))]
    return parameters


def _shares(total: int, sizes: list[int]) -> list[int]:
    """Divide a number of rows among the tenants by their sizes: at least one to each, nothing left over."""
    spare = total - len(sizes)
    ends = [sum(sizes[: number + 1]) * spare // sum(sizes) for number in range(len(sizes))]
    return [1 + end - start for start, end in zip([0, *ends], ends)]


def _side_by_side(work: Callable[[str], None], tables: Iterable[str]) -> None:
    """Do the work for all the tables, a few at a time; the first failure is raised."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(work, table) for table in tables]:
            done.result()


def _run(url: str, statements: Iterable[str], parameters: dict[str, Any] | None = None) -> None:
    """Run statements in a connection of their own, each in a transaction of its own."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            # The workers are as many as make sense: PostgreSQL's parallelism on top would only get in their way.
            cursor.execute(
                "SET session_replication_role = replica; SET synchronous_commit = off;"
                "SET work_mem = '64MB'; SET maintenance_work_mem = '256MB';"
                "SET max_parallel_workers_per_gather = 0; SET max_parallel_maintenance_workers = 0;"
                # Both only cost time here. They are switched off where they exist: memoize is there from 14 on.
                "SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('jit', 'enable_memoize')"
            )
            for statement in statements:
                cursor.execute(statement, parameters)
    finally:
        connection.close()


def _read(name: str) -> str:
    return (SQL / name).read_text()


def _inserts() -> dict[str, str]:
    """data.sql by table, as its markers divide it."""
    parts = re.split(r"^-- table: (\w+)\n", _read("data.sql"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def _indexes() -> dict[str, list[str]]:
    """indexes.sql by table."""
    found: dict[str, list[str]] = {table: [] for table in ROWS}
    statement_of_table = r'^((?:CREATE .*INDEX .* ON|ALTER TABLE) "(\w+)".*;)$'
    for statement, table in re.findall(statement_of_table, _read("indexes.sql"), re.MULTILINE):
        found[table].append(statement)
    return found
