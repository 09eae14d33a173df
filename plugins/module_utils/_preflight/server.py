# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server itself says: its release, settings, limits, disk, replicas and age. Pure functions of the facts."""

from __future__ import annotations

import re
from typing import List, Tuple

from .._locks.lag import behind, hidden
from .._support.size import size_text
from .facts import Facts
from .finding import Judgement, found, good
from .releases import defects

__all__ = [
    "connection_headroom",
    "disk_space",
    "inactive_slot",
    "replication_lag",
    "server_release",
    "synchronous_standby",
    "timeout_setting",
    "unsafe_setting",
    "wraparound",
]

# What a run takes at the most: its control session, the builds side by side, and the processes of pg_dump.
CONNECTIONS = 8
# A vacuum that nothing ends for a lock begins at the limit; near it, it may begin in the middle of a deployment.
_NEAR = 0.95


def server_release(facts: Facts) -> Judgement:
    """A minor release that is known to corrupt data."""
    known = defects(facts.server.version)
    if not known:
        return good(f"PostgreSQL {facts.server.version_text}: no such defect is known of this release")
    return found(
        [f"PostgreSQL {facts.server.version_text}: {defect.what} ({defect.source})" for defect in known],
        "update to the newest minor release of this major version; it needs a restart and no dump",
    )


def unsafe_setting(facts: Facts) -> Judgement:
    """Settings with which a crash, or a damaged page, loses data."""
    consequences = (
        ("fsync", "off", "a crash of the machine can leave the database beyond repair"),
        ("full_page_writes", "off", "a crash of the machine can leave half-written pages"),
        ("zero_damaged_pages", "on", "a damaged page is emptied without an error"),
        ("ignore_checksum_failure", "on", "damaged pages are read as if they were whole"),
    )
    bad = [(name, what) for name, value, what in consequences if facts.row.get(name) == value]
    if not bad:
        return good("fsync and full_page_writes are on; damaged pages are errors")
    names = ", ".join(name for name, _what in bad)
    return found(
        [f"{name} = {facts.row[name]}: {what}" for name, what in bad],
        f"set {names} back to the default, unless this database may be lost",
    )


def timeout_setting(facts: Facts) -> Judgement:
    """Timeouts of the server, the database, the role or the address."""
    if not facts.settings:
        return good("no timeout is set for this role and database")
    return found(
        [
            f"{row['name']} = {row['value']} {row['unit'] or ''}".rstrip()
            + f" (set for the {row['places'] or 'server, or in the address'})"
            for row in facts.settings
        ],
        "nothing for this deployment, whose sessions set their own; a statement by hand as this role needs SET … TO 0",
    )


def connection_headroom(facts: Facts) -> Judgement:
    """Whether the run gets all the connections that it may ask for."""
    row = facts.row
    usable = row["max_connections"] - (0 if row["superuser"] else row["superuser_reserved"] + row["reserved"])
    limits: List[Tuple[str, int, int]] = [("the server (max_connections)", usable, row["connections"])]
    # Superusers are not held to the limits of databases and roles (CREATE ROLE, CREATE DATABASE).
    if not row["superuser"] and row["database_limit"] >= 0:
        limits.append((f'database "{facts.server.database}"', row["database_limit"], row["database_connections"]))
    if not row["superuser"] and row["role_limit"] >= 0:
        limits.append((f'role "{facts.server.role}"', row["role_limit"], row["role_connections"]))
    sentences = [f"{place}: {used} of {limit} connections are taken" for place, limit, used in limits]
    # Our own session is among those that are taken.
    if all(limit - used + 1 >= CONNECTIONS for _place, limit, used in limits):
        return good(*sentences)
    return found(
        sentences,
        f"free connections or raise the limit: a run takes up to {CONNECTIONS}, fewer with steady_parallel=1 and "
        "backup_jobs=1",
    )


def disk_space(facts: Facts) -> Judgement:
    """Room for the new indexes, with the figures by which the run itself decides."""
    space = facts.space
    if space is None:
        return good("no index is built")
    limit_kb = facts.row.get("temp_file_limit_kb", -1)
    evidence = [f"the new indexes take about {size_text(space.needed)} while they are built", *space.room]
    todo = [] if space.fits else ["free disk space, or deploy the indexes in several migrations"]
    # Of each process by itself (PostgreSQL documentation, 19.4.2).
    if limit_kb is not None and 0 <= limit_kb * 1024 < space.largest:
        evidence.append(f"temp_file_limit = {limit_kb} kB: a build that has to sort more on disk is ended")
        todo.append("raise temp_file_limit for this role")
    return found(evidence, "; ".join(todo)) if todo else good(*evidence)


def replication_lag(facts: Facts) -> Judgement:
    """Replicas and slots that the run would wait for: the same judgement, with the same steady_max_replica_lag."""
    if not facts.replicas:
        return good("no replica is connected")
    sentences = [replica.text for replica in facts.replicas if replica.state is not None]
    if hidden(facts.replicas):
        sentences.append("a replica is connected; its state is hidden from this role (GRANT pg_monitor)")
    if facts.most_lag_s is None:
        return good(*sentences, "steady_max_replica_lag is off: a run does not wait for them")
    late = behind(facts.replicas, facts.slots, facts.most_lag_s)
    if not late:
        return good(*sentences)
    return found(
        [*late, *(sentence for sentence in sentences if sentence not in late)],
        "wait until they have caught up, as a run does for steady_lock_patience; or raise steady_max_replica_lag",
    )


def synchronous_standby(facts: Facts) -> Judgement:
    """Synchronous standbys that are away: whoever commits waits for them (documentation, 26.2.8, and 19.6.2)."""
    names, commit = facts.row["synchronous_standby_names"] or "", facts.row["synchronous_commit"]
    if not names.strip():
        return good("no synchronous standby is asked for")
    counted = re.match(r"(?:(?:FIRST|ANY)\s+)?(\d+)\s*\(", names.strip(), re.IGNORECASE)
    needed = int(counted.group(1)) if counted else 1
    there = sum(replica.sync_state in ("sync", "quorum") for replica in facts.replicas)
    asked = f"synchronous_standby_names = '{names}' (synchronous_commit is {commit} for this role)"
    if there >= needed:
        return good(f"{asked}: {there} synchronous standbys are connected")
    if hidden(facts.replicas):
        return good(f"{asked}: who is connected is hidden from this role (GRANT pg_monitor)")
    return found(
        [f"{asked}: {there} of {needed} are connected, so that commits of the application wait until they are back"],
        "bring the standby back, or take it out of synchronous_standby_names; a deployment does not wait for it, and "
        "what it commits is on this server alone until then",
    )


def inactive_slot(facts: Facts) -> Judgement:
    """Replication slots that nobody reads: they keep all WAL since, and index builds write much."""
    idle = [slot for slot in facts.slots if not slot.active and slot.retained is not None]
    if not idle:
        return good("every replication slot is in use, or there is none")
    return found(
        [
            f'the {slot.kind} slot "{slot.name}" is not in use and keeps {size_text(slot.retained)} of WAL'
            + (f" ({slot.wal_status})" if slot.wal_status not in (None, "reserved") else "")
            for slot in idle
        ],
        "start its consumer again; or, when there is none any more: SELECT pg_drop_replication_slot('…')",
    )


def published_journal(facts: Facts) -> Judgement:
    """Publications for all tables: a subscriber without the journal's tables applies nothing any more (42P01)."""
    read = [row for row in facts.publications if row["slots"]]
    if not facts.plan.steps or not read:
        return good("no subscriber would get the rows of a journal that it has no tables for")
    slots = ", ".join(f'"{slot}"' for slot in read[0]["slots"])
    return found(
        [
            f'the publication "{row["name"]}" is for all tables: with the first deployment the tables of the journal '
            f"(schema steady) would be part of it, and a subscriber that has no such tables stops applying changes; "
            f"read by: {slots}"
            for row in read
        ],
        "make the tables at each subscriber first (pg_dump --schema-only --schema=steady of a database that has a "
        "journal); then, or when what reads the slot takes tables that it does not know, steady_preflight_severity: "
        "{published_journal: warning}. Or name the tables in the publication instead of FOR ALL TABLES",
    )


def wraparound(facts: Facts) -> Judgement:
    """Ages at which a vacuum begins that does not give way to anybody's lock."""
    limit = facts.row.get("freeze_max_age") or 0
    age = facts.row.get("database_age") or 0
    old = []
    if limit and age > _NEAR * limit:
        old.append(f'database "{facts.server.database}": its oldest transaction id is {age} old, the limit is {limit}')
    for row in facts.tables:
        own = min(limit, row["freeze_max_age"] or limit)
        if own and (row["age"] or 0) > _NEAR * own:
            old.append(
                f"{row['schema']}.{row['name']}: its oldest transaction id is {row['age']} old, the limit is {own}"
            )
    if not old:
        return good(
            f"the oldest transaction id is {age} old; a vacuum that gives way to no other session begins at {limit}"
        )
    return found(old, "VACUUM (FREEZE) these tables first: an anti-wraparound vacuum does not give way to a lock")
