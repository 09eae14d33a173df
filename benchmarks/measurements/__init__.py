# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The measurements by name, in the order in which they are taken. Each takes the bench and returns its figures."""

from __future__ import annotations

from collections.abc import Callable

from bench import Bench
from results import Figure

from measurements import (
    against_psql,
    backup,
    blocked,
    fleet,
    interrupted,
    memory,
    migrations_in_sql,
    nothing_to_do,
    parallel,
    worst_wait,
)

# The traffic comes last of those that use the large clinic: it writes to it.
MEASUREMENTS: dict[str, Callable[[Bench], list[Figure]]] = {
    "psql": against_psql.measure,
    "nothing": nothing_to_do.measure,
    "fleet": fleet.measure,
    "memory": memory.measure,
    "sql": migrations_in_sql.measure,
    "backup": backup.measure,
    "again": interrupted.measure,
    "traffic": worst_wait.measure,
    "blocked": blocked.measure,
    "crowded": blocked.measure_crowded,
}
# These answer a question of ours, and are taken only when they are named.
SIDE_MEASUREMENTS: dict[str, Callable[[Bench], list[Figure]]] = {"parallel": parallel.measure}
