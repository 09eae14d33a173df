# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What an application does to a database: the kinds of traffic, for lab/traffic.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Profile:
    """A kind of traffic.

    scripts: files for pgbench, each as often as the others. rate: transactions a second. clients: connections.
    numbers: a query of one row; its columns are variables of the scripts.
    """

    scripts: tuple[Path, ...]
    rate: float
    clients: int
    numbers: str


def _counts(**tables: str) -> str:
    """The largest row number of each table that a script may use. The last row is not among them: it is a blocker's."""
    counts = ", ".join(f'(SELECT count(*) - 1 FROM "{table}") AS {name}' for name, table in tables.items())
    return f"SELECT {counts}"


_CLINIC = _counts(pets="Pet", sales="Sale", drawers="CashDrawer", users="User")

# One transaction over four tables, as the demo shows it.
CLINIC = Profile((SQL / "traffic.sql",), 100, 4, _CLINIC)
# The same, and beside it reads and single statements that write: all tables that the migration is about.
CLINIC_MIXED = Profile(
    (SQL / "traffic.sql", SQL / "traffic_reads.sql", SQL / "traffic_writes.sql"),
    100,
    8,
    _counts(
        pets="Pet",
        sales="Sale",
        drawers="CashDrawer",
        users="User",
        staff="Staff",
        services="Service",
        items="InventoryItem",
        reminders="Reminder",
        visits="MedicalHistory",
        treatments="TreatmentSchedule",
    ),
)
# Transactions that think in between, so many of them that there is hardly an instant without one.
CLINIC_CROWDED = Profile((SQL / "traffic_crowded.sql",), 300, 50, _CLINIC)
