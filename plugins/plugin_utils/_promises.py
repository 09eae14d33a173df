# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises beside what was measured of them: promises[] of result.json. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..module_utils._support.duration import milliseconds
from ._evidence_verdicts import times

__all__ = ["promise_verdicts"]

# The first number of "10-50 x", "20–100x faster", "at least 3 times".
_TIMES = re.compile(r"(\d+(?:\.\d+)?)\s*(?:(?:-|–|to)\s*\d+(?:\.\d+)?\s*)?(?:x|×|times)", re.IGNORECASE)


def promise_verdicts(
    migration: Mapping[str, Any],
    probes: list[dict[str, Any]],
    queries: list[dict[str, Any]],
    storage: Mapping[str, Any] | None,
    waits: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Each {claim, source, status (held | not_held | not_measured), measured, evidence}: those of the queries first.

    waits: how long other sessions waited for locks of the deployment (longest_ms); None where nobody looked.
    """
    by_name = {query["name"]: query for query in queries}
    found = [
        _of_query(query, by_name[query["name"]]) for query in migration.get("queries") or [] if query.get("promise")
    ]
    for promise in migration.get("promises") or []:
        entry = {"claim": promise["claim"], "source": promise.get("source")}
        found.append({**entry, **_measured(promise, probes, by_name, storage, waits)})
    return found


def _of_query(query: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"claim": f"{query['name']}: {query['promise']}", "source": None}
    least = _TIMES.search(query["promise"])
    return {**entry, **_faster([measured], float(least.group(1)) if least else None)}


def _measured(
    promise: Mapping[str, Any],
    probes: list[dict[str, Any]],
    queries: Mapping[str, Mapping[str, Any]],
    storage: Mapping[str, Any] | None,
    waits: Mapping[str, Any] | None,
) -> dict[str, Any]:
    if promise.get("probes"):
        return _works([probe for probe in probes if probe["name"] in promise["probes"]])
    if promise.get("queries"):
        return _faster([queries[name] for name in promise["queries"]], promise["faster_by"])
    if promise.get("smaller_by"):
        return _smaller(promise, storage or {})
    if promise.get("waits_at_most"):
        return _waits(promise["waits_at_most"], waits)
    return _not_measured(promise.get("why_not") or "nothing in the migration measures it")


def _verdict(held: bool, measured: str, evidence: str) -> dict[str, Any]:
    return {"status": "held" if held else "not_held", "measured": measured, "evidence": evidence}


def _not_measured(why: str, evidence: str = "") -> dict[str, Any]:
    return {"status": "not_measured", "measured": why, "evidence": evidence}


def _works(probes: list[dict[str, Any]]) -> dict[str, Any]:
    names = "; ".join(f"probe: {probe['name']}" for probe in probes)
    failed = [str(probe["name"]) for probe in probes if probe["status"] == "failed"]
    unknown = [probe for probe in probes if probe["status"] not in ("ok", "failed")]
    count = f"{len(probes)} probe{'' if len(probes) == 1 else 's'}"
    if failed:
        return _verdict(False, f"{len(failed)} of {count} failed: {'; '.join(failed)}", names)
    if unknown:
        return _not_measured("; ".join(str(probe["detail"]) for probe in unknown), names)
    return _verdict(True, f"{len(probes)} of {count} ok", names)


def _faster(queries: list[Mapping[str, Any]], least: float | None) -> dict[str, Any]:
    names = "; ".join(f"query: {query['name']}" for query in queries)
    unknown = [query for query in queries if query["speedup"] is None]
    if unknown:
        return _not_measured("; ".join(str(query["detail"]) for query in unknown), names)
    measured = ", ".join(times(query["speedup"], query["at_least"]) for query in queries)
    if least is None:
        return _not_measured(f"{measured}; the promise names no figure", names)
    short = [query for query in queries if query["speedup"] < least]
    # One whose earlier run was cut off may be faster still.
    if short and all(query["at_least"] for query in short):
        return _not_measured(measured, names)
    return _verdict(not short, measured, names)


def _smaller(promise: Mapping[str, Any], storage: Mapping[str, Any]) -> dict[str, Any]:
    what = promise.get("columns")
    pairs = list(_widths(what, storage)) if what else list(_database(storage))
    evidence = ", ".join(f"{column['table']}.{column['name']}" for column in what) if what else "pg_database_size()"
    if not pairs or any(before is None or after is None or not before for before, after in pairs):
        return _not_measured("its size is not known from before and after", evidence)
    earlier, later = sum(before for before, _after in pairs), sum(after for _before, after in pairs)
    percent = 100.0 * (earlier - later) / earlier
    unit = "bytes a value" if what else "bytes"
    count = len(pairs)
    figures = f"{earlier / count:.1f} → {later / count:.1f} {unit}" if what else f"{earlier:,} → {later:,} {unit}"
    words = f"{abs(percent):.0f} % {'larger' if percent < -0.5 else 'smaller'}"
    return _verdict(percent >= promise["smaller_by"], f"{words} ({figures})", evidence)


def _widths(columns: list[Mapping[str, Any]], storage: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    known = {(column["table"], column["column"]): column for column in storage.get("columns") or []}
    for column in columns:
        found = known.get((column["table"], column["name"]), {})
        yield found.get("before_avg_width"), found.get("after_avg_width")


def _database(storage: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    database = storage.get("database") or {}
    yield database.get("before_bytes"), database.get("after_bytes")


def _waits(most: str, waits: Mapping[str, Any] | None) -> dict[str, Any]:
    evidence = "sessions that waited for a lock of the deployment, by the server's own account (pg_blocking_pids)"
    if waits is None:
        return _not_measured("the waits of other sessions were not watched", evidence)
    longest, looked = waits["longest_ms"], f"looked every {waits['looked_every_ms']} ms"
    measured = f"the longest wait that was seen was {longest:.0f} ms" if longest else "no session was seen to wait"
    return _verdict(longest <= milliseconds(most, "waits_at_most"), f"{measured} ({looked})", evidence)
