# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence: what works, how fast it is and how much room it takes, before a deployment and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from .._connection.session import Session
from .._connection.target import Server, Target
from .._connection.translation import translate
from .._journal.evidence import before_of, keep_after, keep_before, newest_deployment, waits_of
from .._journal.journal import Journal
from .._migration.migration import Migration
from .._migration.reading import open_target, read_migration
from .._run.options import Options, now
from .._run.results import result_of
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED
from .probes import run_probes
from .queries import measure
from .storage import read_counters, read_storage, tables_of

__all__ = ["Wanted", "take_evidence"]


@dataclass(frozen=True)
class Wanted:
    """moment: before | after. probes, queries: whether they are wanted in this environment."""

    moment: str
    probes: bool = True
    queries: bool = True


def take_evidence(data: Mapping[str, Any], wanted: Wanted, options: Options) -> Dict[str, Any]:
    """Measure, and keep it in the journal. Raises SteadyError.

    evidence: {kept, waits, before, after}, each moment None or {taken_at, probes, queries, storage}; probes and queries
    as run_probes() and measure() give them, by name. Their expectations are judged by the caller.
    """
    started_at = now()
    address = options.address()
    migration, schema = read_migration(data, address)
    target = options.target(address, f"evidence {wanted.moment}")
    session, server = open_target(target, migration, schema)
    try:
        deployment_id, evidence = None, {"kept": False, "waits": None, "before": None, "after": None}
        if not options.check:
            deployment_id, evidence = _take(session, server, target, schema, migration, data, wanted, options)
    except psycopg2.Error as error:
        raise translate(error, f"The evidence {wanted.moment} the deployment could not be taken", _LEFT) from None
    finally:
        session.close()
    return result_of(
        server,
        address,
        "measured" if not options.check else "planned",
        started_at,
        changed=False,
        migration_id=migration.id,
        deployment_id=deployment_id,
        evidence=evidence,
    )


_LEFT = f"{NOTHING_CHANGED} by measuring: probes are rolled back"


def _take(
    session: Session,
    server: Server,
    target: Target,
    schema: str,
    migration: Migration,
    data: Mapping[str, Any],
    wanted: Wanted,
    options: Options,
) -> Any:
    journal = Journal(session, server)
    journal.prepare()
    # No measurement waits for a table that somebody has locked.
    session.execute("SET statement_timeout TO 30000; SET lock_timeout TO 1000")
    budget_ms = options.policy.budget_ms
    if wanted.moment == "before":
        unfinished = journal.unfinished(migration.id)
        kept = before_of(session, migration.id, unfinished) if unfinished is not None else None
        if unfinished is None:
            content = _measured(session, target, schema, migration, data, wanted, budget_ms, {})
            keep_before(session, migration.id, content)
            return None, {"kept": False, "waits": None, "before": _shown(content), "after": None}
        # The database is half-changed by now: what was measured before the first attempt is what counts.
        return unfinished, {"kept": True, "waits": None, "before": _shown(kept), "after": None}
    deployment_id = newest_deployment(session, migration.id)
    before = before_of(session, migration.id, deployment_id) if deployment_id is not None else None
    values = (before or {}).get("values") or {}
    content = _measured(session, target, schema, migration, data, wanted, budget_ms, values)
    if deployment_id is not None:
        keep_after(session, migration.id, deployment_id, {**content, "values": {}})
    waits = waits_of(session, deployment_id) if deployment_id is not None else None
    return deployment_id, {"kept": False, "waits": waits, "before": _shown(before), "after": _shown(content)}


def _measured(
    session: Session,
    target: Target,
    schema: str,
    migration: Migration,
    data: Mapping[str, Any],
    wanted: Wanted,
    budget_ms: int,
    values: Mapping[str, Any],
) -> Dict[str, Any]:
    """All of one moment. values: those of the samples of each query, which stay in the journal."""
    storage = _unless_locked(lambda: read_storage(session, schema, migration, data))
    probes = _named(migration.probes, run_probes(target, schema, migration.probes, budget_ms)) if wanted.probes else {}
    measured = measure(session, schema, migration.queries, budget_ms, values) if wanted.queries else []
    used = {
        query.name: {sample["sample"]: sample.pop("params") for sample in found["samples"]}
        for query, found in zip(migration.queries, measured)
    }
    return {
        "taken_at": now(),
        "probes": probes,
        "queries": _named(migration.queries, measured),
        "storage": storage,
        "counters": _unless_locked(lambda: read_counters(session, schema, tables_of(migration, data))),
        "values": used,
    }


def _unless_locked(read: Callable[[], Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    """What was read; None where a table was locked: no deployment stops for that."""
    try:
        return read()
    except psycopg2.errors.LockNotAvailable:
        return None


def _named(entries: Sequence[Any], results: List[Dict[str, Any]]) -> Dict[str, Dict[str, Any]]:
    return {entry.name: result for entry, result in zip(entries, results)}


def _shown(content: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """What leaves the database: all but the values of the samples and the counters."""
    if content is None:
        return None
    return {key: value for key, value in content.items() if key not in ("values", "counters")}
