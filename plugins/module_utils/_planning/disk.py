# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What new indexes take on disk, estimated, and whether that fits: said before anything is begun."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.session import Session
from .._model.catalog import TableName
from .._model.plan import Plan, Problem
from .._support.size import size_text
from .._support.sqltext import qualified
from .wishes import Wish

__all__ = [
    "Build",
    "Estimate",
    "Space",
    "builds_of",
    "disk_problems",
    "index_bytes",
    "read_estimates",
    "read_free",
    "space_of",
]

# What an expression's value is taken to be wide, and a column of which the server has no statistics (bytes).
_WIDTH = 32
_PAGE = 8192
# Of a page, what is left for tuples: the page's header and the index's own area (PostgreSQL documentation, 66.6).
_USABLE = 8152
# An index tuple's header and the pointer to it.
_TUPLE = 8 + 4
_HEAP_TUPLE = 24 + 4


@dataclass(frozen=True)
class Build:
    """An index that will be built. columns: None for an expression. tablespace None: the database's own."""

    table: TableName
    name: str
    columns: Tuple[Optional[str], ...]
    method: str = "btree"
    fillfactor: int = 90
    tablespace: Optional[str] = None


@dataclass(frozen=True)
class Estimate:
    """A build with its size in bytes."""

    build: Build
    bytes: int


@dataclass(frozen=True)
class Space:
    """What all builds need and the largest of them by itself, in bytes; what there is, in words; whether it fits."""

    needed: int
    largest: int
    room: Tuple[str, ...]
    fits: bool


def builds_of(plan: Plan, wishes: Sequence[Wish]) -> List[Build]:
    """The indexes that the plan's steps build."""
    builds = []
    making = {
        (step.kind, step.table, step.name)
        for step in plan.steps
        if step.action in ("add", "create", "replace", "repair")
    }
    for wish in wishes:
        target = wish.kind.built_index(wish.target)
        if target is None or (wish.kind.name, target.table_name, wish.target.name) not in making:
            continue
        if target.image is not None:
            image = target.image
            columns = [column["name"] for column in image["columns"]] + list(image["include"])
            options: Mapping[str, Any] = image["options"]
            method, tablespace = image["method"], image["tablespace"]
        else:
            wanted = target.wanted
            columns = [column.name for column in wanted.columns] + list(wanted.include)
            options, method, tablespace = dict(wanted.storage_parameters), wanted.method, wanted.tablespace
        fill = str(options.get("fillfactor", "90"))
        builds.append(
            Build(
                target.table_name,
                wish.target.name,
                tuple(columns),
                method,
                int(fill) if fill.isdigit() else 90,
                tablespace,
            )
        )
    return builds


def index_bytes(build: Build, rows: float, widths: Mapping[str, int]) -> int:
    """About how large it becomes; rather too large: duplicates, NULLs and a partial index's predicate make it smaller.

    widths: the average width of each column's values in bytes. A btree's pages are filled to its fillfactor, and its
    upper levels take about a hundredth. Other methods are taken to be as large; BRIN has a tuple for 128 pages.
    """
    if build.method == "brin":
        return 3 * _PAGE
    width = sum(widths.get(column, _WIDTH) if column is not None else _WIDTH for column in build.columns)
    aligned = -(-width // 8) * 8
    room = _USABLE * max(10, min(build.fillfactor, 100)) / 100.0
    pages = rows * (_TUPLE + aligned) / room
    return int(pages * 1.01 + 2) * _PAGE


def read_estimates(session: Session, builds: Sequence[Build]) -> List[Estimate]:
    """The sizes of all of them, from the planner's statistics. One question. Raises psycopg2.Error."""
    names = sorted({build.table for build in builds})
    rows = session.rows(
        "WITH root AS MATERIALIZED (SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c"
        "  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        "  JOIN unnest(%s::text[], %s::text[]) AS w(schema, name) ON w.schema = n.nspname AND w.name = c.relname),"
        # The table, or the partitions that hold its rows. Autovacuum analyzes these, and never the whole.
        " leaf AS MATERIALIZED (SELECT r.oid AS root, n.nspname, c.relname, c.reltuples, c.relpages,"
        "  coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS bytes FROM root r CROSS JOIN LATERAL"
        "  (SELECT t.relid FROM pg_catalog.pg_partition_tree(r.oid) AS t WHERE t.isleaf AND r.relkind = 'p'"
        "   UNION ALL SELECT r.oid WHERE r.relkind <> 'p') AS t JOIN pg_catalog.pg_class c ON c.oid = t.relid"
        "  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace),"
        " stats AS MATERIALIZED (SELECT l.root, s.attname, ceil(sum(s.avg_width * greatest(l.reltuples, 1))"
        "   / sum(greatest(l.reltuples, 1)))::int AS width FROM leaf l"
        "  JOIN pg_catalog.pg_stats s ON s.schemaname = l.nspname AND s.tablename = l.relname GROUP BY 1, 2)"
        # As the planner does: so many rows on a page as when it was analyzed, on the pages that there are now.
        " SELECT r.nspname, r.relname, (SELECT coalesce(sum(l.reltuples * (l.bytes / l.relpages"
        "   / pg_catalog.current_setting('block_size')::float8)), 0)::float8"
        "  FROM leaf l WHERE l.root = r.oid AND l.reltuples > 0 AND l.relpages > 0) AS rows,"
        " (SELECT coalesce(sum(l.bytes), 0)::float8 FROM leaf l"
        "  WHERE l.root = r.oid AND NOT (l.reltuples > 0 AND l.relpages > 0)) AS other_bytes,"
        " (SELECT pg_catalog.jsonb_object_agg(a.attname, coalesce(s.width,"
        "   CASE WHEN a.attlen > 0 THEN a.attlen ELSE %s END)) FROM pg_catalog.pg_attribute a"
        "  LEFT JOIN stats s ON s.root = r.oid AND s.attname = a.attname"
        "  WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) AS widths FROM root r",
        ([schema for schema, _name in names], [name for _schema, name in names], _WIDTH),
    )
    found = {(row["nspname"], row["relname"]): row for row in rows}
    return [
        Estimate(build, index_bytes(build, _rows(found[build.table]), found[build.table]["widths"] or {}))
        for build in builds
        if build.table in found
    ]


def _rows(row: Mapping[str, Any]) -> float:
    """Of what was never analyzed (reltuples is -1, before PostgreSQL 14 it is 0) the size says how many there are."""
    return float(row["rows"] + row["other_bytes"] / (_HEAP_TUPLE + sum((row["widths"] or {}).values())))


def read_free(session: Session, tablespaces: Sequence[Optional[str]]) -> Optional[Dict[Optional[str], Tuple[int, int]]]:
    """For each tablespace its file system and what is free there in bytes, of a server on this machine.

    None where that cannot be seen: another role's setting, or a folder that this account may not look at.
    """
    rows = session.rows(
        "SELECT s.setting AS directory, t.spcname AS name, pg_catalog.pg_tablespace_location(t.oid) AS location,"
        " t.oid = (SELECT dattablespace FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        " AS own FROM pg_catalog.pg_settings s CROSS JOIN pg_catalog.pg_tablespace t WHERE s.name = 'data_directory'"
    )
    free: Dict[Optional[str], Tuple[int, int]] = {}
    try:
        for row in rows:
            # An empty or relative location is inside of the data directory.
            path = os.path.join(row["directory"], row["location"])
            for name in (row["name"], None) if row["own"] else (row["name"],):
                if name in tablespaces:
                    space = os.statvfs(path)
                    free[name] = (os.stat(path).st_dev, space.f_bavail * space.f_frsize)
    except OSError:
        return None
    return free if all(name in free for name in tablespaces) else None


def disk_problems(
    estimates: Sequence[Estimate],
    builds: int,
    free: Optional[Mapping[Optional[str], Tuple[int, int]]],
    allowance: Optional[int],
) -> Tuple[List[Problem], List[str]]:
    """Whether all of it fits, and what cannot be judged. builds: at a time; each sorts in about its own size.

    allowance: what may be used in bytes (steady_disk_allowance). free: as read_free gives it; a tenth of it stays.
    """
    if not estimates:
        return [], []
    if allowance is not None:
        total, most = _need(estimates, builds), allowance
        return (
            [_too_large(estimates, total, f"steady_disk_allowance is {size_text(most)}")] if total > most else []
        ), []
    if free is None:
        return [], [
            f"the new indexes take about {size_text(_need(estimates, builds))} while they are built; what is free on "
            "the server cannot be seen from here (steady_disk_allowance says what may be used)"
        ]
    problems = []
    for system in sorted({free[estimate.build.tablespace][0] for estimate in estimates}):
        those = [estimate for estimate in estimates if free[estimate.build.tablespace][0] == system]
        room = free[those[0].build.tablespace][1]
        if _need(those, builds) > room * 0.9:
            problems.append(
                _too_large(those, _need(those, builds), f"{size_text(room)} are free there, of which a tenth must stay")
            )
    return problems, []


def space_of(
    estimates: Sequence[Estimate],
    builds: int,
    free: Optional[Mapping[Optional[str], Tuple[int, int]]],
    allowance: Optional[int],
    problems: Sequence[Problem],
) -> Space:
    """The figures by which disk_problems has judged, for a report."""
    if allowance is not None:
        room = [f"steady_disk_allowance is {size_text(allowance)}"]
    elif free is None:
        room = ["how much is free on the server cannot be seen from here"]
    else:
        systems = {free[estimate.build.tablespace] for estimate in estimates}
        room = [f"{size_text(bytes_)} are free where they will be" for _system, bytes_ in sorted(systems)]
    largest = max((estimate.bytes for estimate in estimates), default=0)
    return Space(_need(estimates, builds), largest, tuple(room), not problems)


def _need(estimates: Sequence[Estimate], builds: int) -> int:
    """The indexes, and what those that are built at the same time need for sorting on top."""
    sizes = sorted((estimate.bytes for estimate in estimates), reverse=True)
    return sum(sizes) + sum(sizes[:builds])


def _too_large(estimates: Sequence[Estimate], total: int, room: str) -> Problem:
    largest = max(estimates, key=lambda estimate: estimate.bytes)
    return Problem(
        f"the disk is too small: {len(estimates)} index{'' if len(estimates) == 1 else 'es'} take about "
        f"{size_text(total)} while they are built, and {room}; the largest is {largest.build.name} on "
        f"{qualified(*largest.build.table)} with about {size_text(largest.bytes)}; free space, raise "
        "steady_disk_allowance, set steady_parallel: 1, or take some of them into a later migration"
    )
