# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many indexes are built at a time, and with what memory: chosen from what the server has."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

from .._connection.session import Session
from .._support.size import size_text
from .disk import Space

__all__ = ["Capacity", "ConnectionFacts", "choose", "read_facts"]

# What is assumed of a server that does not say how many cores it has: three builds.
_ASSUMED_CORES = 8
_MOST_BUILDS = 8
# Beyond this a sort hardly gains from memory.
_MOST_MEMORY = 2 * 1024**3


@dataclass(frozen=True)
class ConnectionFacts:
    """What bears on the choice; sizes in bytes. cores, free_memory: None where the server is on another machine.

    connections: how many more this role may open now.
    """

    cores: Optional[int]
    free_memory: Optional[int]
    max_connections: int
    connections: int
    shared_buffers: int
    effective_cache_size: int
    maintenance_work_mem: int
    maintenance_workers: int


@dataclass(frozen=True)
class Capacity:
    """The choice. memory in bytes for each build, workers of each; None: as the server has it. notes: assumptions.

    space: what the builds need of the disk and what there is; None without a build.
    """

    builds: int
    memory: Optional[int] = None
    workers: Optional[int] = None
    notes: Tuple[str, ...] = ()
    space: Optional[Space] = None

    @property
    def settings(self) -> List[str]:
        """The statements for each session that builds, and only for these."""
        statements = []
        if self.memory is not None:
            statements.append(f"SET maintenance_work_mem TO '{self.memory // 1024}kB'")
        if self.workers is not None:
            statements.append(f"SET max_parallel_maintenance_workers TO '{self.workers}'")
        return statements


def choose(facts: ConnectionFacts, tables: int, wanted: Optional[int] = None) -> Capacity:
    """tables: how many could be worked on at a time. wanted: steady_parallel, which is not argued with, unless there
    are not so many connections; of these the look at others' waits takes one.

    Cores: two builds, and one more for every eight cores; each may use its share of the cores, at most what the server
    allows (max_parallel_maintenance_workers). Connections: what is free but a twentieth of max_connections, at least
    three, which are the application's. Memory: all builds together may use half of shared_buffers and at most a
    quarter of effective_cache_size and of what is free where that is known; never less for one than
    maintenance_work_mem, which is what the server's administrator thinks right.
    """
    notes = []
    by_memory = _MOST_BUILDS
    if facts.free_memory is not None:
        by_memory = max(1, facts.free_memory // 2 // facts.maintenance_work_mem)
    cores = facts.cores or _ASSUMED_CORES
    limits = {
        f"{cores} cores": min(cores, 2 + cores // 8, _MOST_BUILDS),
        f"{facts.connections} free connections": max(1, facts.connections - max(3, facts.max_connections // 20)),
        f"{size_text(facts.free_memory or 0)} of free memory": by_memory,
    }
    most = min(limits.values())
    room = max(1, facts.connections - 1)
    builds = max(1, min(wanted or most, tables, room))
    if wanted is not None and builds < min(wanted, tables):
        notes.append(f"{builds} at a time instead of {wanted}: {facts.connections} more connections may be opened")
    if wanted is None and tables > builds:
        reason = next(name for name, limit in limits.items() if limit == most)
        assumed = " assumed, since the server does not say how many it has" if facts.cores is None else ""
        notes.append(
            f"{builds} index build{'' if builds == 1 else 's'} at a time: {reason}"
            f"{assumed if reason.endswith('cores') else ''} (steady_parallel says otherwise)"
        )
    total = min(facts.shared_buffers // 2, facts.effective_cache_size // 4)
    if facts.free_memory is not None:
        total = min(total, facts.free_memory // 4)
    memory = min(total // builds, _MOST_MEMORY)
    workers = None
    if facts.cores is not None:
        share = max(0, facts.cores // builds - 1)
        workers = share if share < facts.maintenance_workers else None
    return Capacity(builds, memory if memory > facts.maintenance_work_mem else None, workers, tuple(notes))


def read_facts(session: Session, here: bool) -> ConnectionFacts:
    """here: the server is on this machine. One question. Raises psycopg2.Error."""
    row = session.one(
        "SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) AS shared_buffers,"
        " pg_catalog.pg_size_bytes(pg_catalog.current_setting('effective_cache_size')) AS effective_cache_size,"
        " pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) AS maintenance_work_mem,"
        " pg_catalog.current_setting('max_parallel_maintenance_workers')::int AS maintenance_workers,"
        " pg_catalog.current_setting('max_connections')::int AS max_connections,"
        " pg_catalog.current_setting('superuser_reserved_connections')::int"
        "  + coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0) AS reserved,"
        " (SELECT sum(numbackends)::int FROM pg_catalog.pg_stat_database) AS used,"
        " (SELECT rolconnlimit - (SELECT count(*)::int FROM pg_catalog.pg_stat_activity WHERE usename = session_user)"
        "  FROM pg_catalog.pg_roles WHERE rolname = session_user AND rolconnlimit >= 0) AS of_role,"
        " (SELECT d.datconnlimit - s.numbackends FROM pg_catalog.pg_database d"
        "  JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid"
        "  WHERE d.datname = pg_catalog.current_database() AND d.datconnlimit >= 0) AS of_database"
    )
    free: List[Any] = [row["max_connections"] - row["reserved"] - row["used"], row["of_role"], row["of_database"]]
    return ConnectionFacts(
        _cores() if here else None,
        _free_memory() if here else None,
        row["max_connections"],
        min(count for count in free if count is not None),
        row["shared_buffers"],
        row["effective_cache_size"],
        row["maintenance_work_mem"],
        row["maintenance_workers"],
    )


def _cores() -> Optional[int]:
    """Of this machine, or of what a container may use of it (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = re.match(r"(\d+) (\d+)", _content("/sys/fs/cgroup/cpu.max"))
    if quota and cores:
        cores = min(cores, max(1, int(quota.group(1)) // int(quota.group(2))))
    return cores


def _free_memory() -> Optional[int]:
    """What the system could give away without swapping (proc(5), MemAvailable)."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _content("/proc/meminfo"), re.M)
    return int(found.group(1)) * 1024 if found else None


def _content(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except (OSError, ValueError):
        return ""
