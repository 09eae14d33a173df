# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One round of monitoring: everything is read in a few questions, none of which reads a user table, and judged."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional

from .._connection.session import Session
from .._connection.translation import translate
from .._locks.lag import Replica, behind
from .._run.options import Options, now
from .._run.results import result_of
from .._support.commands import variable
from .._support.driver import psycopg2
from .._support.duration import milliseconds, seconds_or_off
from .._support.errors import NOTHING_CHANGED, SteadyError
from .activity import Thresholds, read_activity
from .health import read_health
from .indexes import read_usage
from .statements import read_statements

__all__ = ["activity_info", "findings", "index_usage_info", "monitor"]

# No statement of a round may take longer: it is about others who are slow.
_TIMEOUT = "5s"
_WRAPAROUND = 1_500_000_000
_CACHE_HIT = 0.9
_CONNECTIONS = 0.9


def activity_info(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """The sessions that are worth a word. Raises SteadyError."""
    thresholds = _thresholds(parameters)
    literals = bool(parameters.get("show_literals"))
    return _looked(options, lambda session: {"activity": read_activity(session, thresholds, literals)})


def index_usage_info(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """How much each index is used. Raises SteadyError."""
    unused_after_s = _seconds(parameters, "unused_after", "24h")
    schema = parameters.get("schema")
    return _looked(options, lambda session: {"usage": read_usage(session, schema, unused_after_s)})


def monitor(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """One round: {activity, usage, statements, health, findings, server_ms}. Raises SteadyError."""
    thresholds = _thresholds(parameters)
    unused_after_s = _seconds(parameters, "unused_after", "24h")
    try:
        most_lag_s = seconds_or_off(parameters.get("max_replica_lag") or "30s", "max_replica_lag")
    except ValueError as error:
        raise _no_duration(error) from None

    def look(session: Session) -> Dict[str, Any]:
        began = time.monotonic()
        found: Dict[str, Any] = {
            "activity": read_activity(session, thresholds, bool(parameters.get("show_literals"))),
            "usage": read_usage(session, None, unused_after_s),
            "statements": read_statements(session),
            "health": read_health(session),
        }
        found["server_ms"] = round((time.monotonic() - began) * 1000, 1)
        found["findings"] = findings(found, most_lag_s)
        return {"round": found}

    return _looked(options, look)


def _looked(options: Options, look: Callable[[Session], Dict[str, Any]]) -> Dict[str, Any]:
    started_at = now()
    address = options.address()
    target = replace(options, check=True).target(address, "monitor")
    session, server = target.first_session(None)
    try:
        session.execute(f"SET statement_timeout TO '{_TIMEOUT}'")
        found = look(session)
    except psycopg2.Error as error:
        raise translate(error, "The database could not be looked at", NOTHING_CHANGED) from None
    finally:
        session.close()
    return result_of(server, address, "succeeded", started_at, changed=False, **found)


def _thresholds(parameters: Mapping[str, Any]) -> Thresholds:
    try:
        return Thresholds.of(parameters)
    except ValueError as error:
        raise _no_duration(error) from None


def _seconds(parameters: Mapping[str, Any], option: str, default: str) -> float:
    try:
        return milliseconds(str(parameters.get(option) or default), option) / 1000.0
    except ValueError as error:
        raise _no_duration(error) from None


def _no_duration(error: ValueError) -> SteadyError:
    return SteadyError(str(error), "", "correct it, then run this again", "the database was not contacted")


def findings(found: Mapping[str, Any], most_lag_s: Optional[float]) -> List[Dict[str, Any]]:
    """What somebody should know, worst first: [{name, object, status (warning | critical), detail, todo}]. Pure.

    object: what it is about; with the name it is the same finding in the next round, whatever the figures are by then.
    most_lag_s: None where replicas are not judged.
    """
    result: List[Dict[str, Any]] = []

    def add(name: str, about: str, status: str, detail: str, todo: str = "") -> None:
        result.append({"name": name, "object": about, "status": status, "detail": detail, "todo": todo})

    for one in found["activity"]["sessions"]:
        status = "critical" if "blocks others" in one["reasons"] or "blocked" in one["reasons"] else "warning"
        add("session", f"pid {one['pid']}", status, _session(one), _session_todo(one))
    if found["activity"]["hidden"]:
        add(
            "hidden sessions",
            "",
            "warning",
            f"the queries of {found['activity']['hidden']} sessions are not visible to this role",
            "GRANT pg_read_all_stats to it",
        )
    health = found["health"]
    for one in health["invalid_indexes"]:
        name = f"{one['schema']}.{one['index']}"
        add(
            "invalid index",
            name,
            "warning" if one["partitioned"] else "critical",
            f"{name} on {one['table']} is invalid: "
            + ("not all partitions have it" if one["partitioned"] else "it slows writes, and no query uses it"),
            "run the migration that makes it again, or drop it concurrently",
        )
    for one in found["usage"]["indexes"]:
        if one["use"] == "unused" and one["deployment_id"]:
            name = f"{one['schema']}.{one['index']}"
            add(
                "unused index",
                name,
                "warning",
                f"{name} was made by {one['deployment_id']} at {one['made_at']}, and no query "
                f"has used it since{'; ' + one['note'] if one['note'] else ''}",
                f"rollback.yml {variable('steady_deployment', one['deployment_id'])} "
                + variable("steady_rollback_only", [name]),
            )
    for one in health["dead_rows"]:
        share = one["dead"] / max(one["dead"] + one["live"], 1) * 100
        add(
            "dead rows",
            f"{one['schema']}.{one['table']}",
            "warning",
            f"{one['schema']}.{one['table']}: about {one['dead']} dead rows ({share:.0f} %), last vacuumed "
            f"{one['vacuumed_at'] or 'never'}",
            "see why autovacuum does not come: an old transaction, or its settings for the table",
        )
    for one in health["replicas"] if most_lag_s is not None else ():
        replica = Replica(one["name"], one["state"], one["lag_bytes"], one["lag_s"])
        for detail in behind([replica], [], most_lag_s or 0.0):
            add("replica lag", replica.name, "critical", detail, "see what it waits for; reads from it are that old")
    _database(health["database"], add)
    return sorted(result, key=lambda one: one["status"] != "critical")


def _database(database: Mapping[str, Any], add: Callable[..., None]) -> None:
    if database["connections"] >= _CONNECTIONS * database["max_connections"]:
        add(
            "connections",
            "",
            "critical",
            f"{database['connections']} of {database['max_connections']} connections are taken",
            "find who opens them; a pooler helps",
        )
    if database["transaction_age"] > _WRAPAROUND:
        add(
            "transaction ids",
            "",
            "critical",
            f"the oldest transaction id is {database['transaction_age']} old; at 2,147,483,648 the server stops writes",
            "VACUUM the oldest tables; end old transactions, prepared transactions and unused replication slots",
        )
    hit: Optional[float] = database["cache_hit"]
    if hit is not None and hit < _CACHE_HIT and database["read"] > 100_000:
        add("cache", "", "warning", f"{hit * 100:.0f} % of the pages were in shared_buffers", "more shared_buffers")


def _session(one: Mapping[str, Any]) -> str:
    who = f'pid {one["pid"]} (role "{one["role"]}", application "{one["application"]}", {one["state"]})'
    age = max(one["query_s"] or 0.0, one["transaction_s"] or 0.0)
    by = f", kept by pid {', '.join(str(pid) for pid in one['blocked_by'])}" if one["blocked_by"] else ""
    others = f", keeps {one['blocking']} waiting" if one["blocking"] else ""
    return f"{who} {', '.join(one['reasons'])}: {age:.0f} s{by}{others}: {one['query'] or 'its query is not visible'}"


def _session_todo(one: Mapping[str, Any]) -> str:
    if one["blocked_by"] and not one["blocking"]:
        return "end the session that blocks it"
    call = "pg_terminate_backend" if str(one["state"]).startswith("idle in transaction") else "pg_cancel_backend"
    return f"SELECT {call}({one['pid']}), if its owner agrees"
