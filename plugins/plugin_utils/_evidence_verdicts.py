# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdicts on what a module tried and measured: probes[], queries[] and storage of result.json. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._expectation import judge, without_rows

__all__ = ["probe_verdicts", "query_verdicts", "storage_verdicts", "times"]

_SHOWN = ("rowcount", "sqlstate", "message", "duration_ms", "rows", "follow_up", "attempts", "rolled_back")


# -- probes ------------------------------------------------------------------------------------------------------------


def probe_verdicts(
    migration: Mapping[str, Any], evidence: Mapping[str, Any], wanted: bool, show_rows: bool = False
) -> list[dict[str, Any]]:
    """The entries of probes[]: the status is that of after, or where there is none that of before.

    show_rows: with the values of the rows that probes gave; else with their kinds.
    """
    return [_probe(probe, evidence, wanted, show_rows) for probe in migration.get("probes") or []]


def _probe(probe: Mapping[str, Any], evidence: Mapping[str, Any], wanted: bool, show_rows: bool) -> dict[str, Any]:
    before, after = (_tried(probe, evidence.get(moment), show_rows) for moment in ("before", "after"))
    entry = {
        "name": probe["name"],
        "on_failure": probe.get("on_failure") or "fail",
        "before": before,
        "after": after,
    }
    if after is not None:
        return {**entry, "status": after["status"], "detail": _compared(before, after)}
    if not wanted:
        return {**entry, "status": "skipped", "detail": "switched off here (steady_probes)"}
    if before is None:
        return {**entry, "status": "skipped", "detail": "it was not tried"}
    status = before["status"] if before["status"] == "refused" else "skipped"
    return {**entry, "status": status, "detail": f"before: {before['detail']}"}


def _tried(probe: Mapping[str, Any], moment: Mapping[str, Any] | None, show_rows: bool) -> dict[str, Any] | None:
    found = ((moment or {}).get("probes") or {}).get(probe["name"])
    if found is None:
        return None
    shown = {key: found.get(key) for key in _SHOWN}
    if not show_rows:
        shown = without_rows(shown)
    if found["status"] != "tried":
        return {"status": found["status"], "detail": found["reason"], "fault": bool(found.get("fault")), **shown}
    expected = [(probe["expect"], found), *zip(_follow_ups(probe), found["follow_up"])]
    wrong = [text for expect, outcome in expected for text in [_wrong(expect, outcome, show_rows)] if text is not None]
    if not wrong and len(found["follow_up"]) < len(_follow_ups(probe)) and found["sqlstate"] is None:
        wrong = ["a follow-up was not asked, since the one before it failed"]
    detail = "; ".join(wrong) or _done(found)
    if found.get("left_database"):
        detail += f"; it was allowed to leave the database: {'; '.join(found['left_database'])}"
    return {"status": "failed" if wrong else "ok", "detail": detail, "fault": False, **shown}


def _follow_ups(probe: Mapping[str, Any]) -> list[str]:
    return [item["expect"] for item in probe.get("follow_up") or []]


def _wrong(expect: str, outcome: Mapping[str, Any], show_rows: bool) -> str | None:
    """Why an expectation is not met; None when it is."""
    answer = {key: outcome.get(key) for key in ("rowcount", "rows", "sqlstate")}
    verdict = judge({"name": "", "expect": expect, "rows": answer}, show_rows)
    if verdict["status"] == "ok":
        return None
    if outcome.get("sqlstate"):
        return f"{outcome['message']} ({outcome['sqlstate']})"
    return str(verdict["detail"])


def _done(found: Mapping[str, Any]) -> str:
    if found["sqlstate"]:
        return f"{found['message']} ({found['sqlstate']}), as expected"
    rows = found["rowcount"]
    return f"done to {rows} row{'' if rows == 1 else 's'} and rolled back"


def _compared(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """What was broken before and works now is the evidence; so is the opposite."""
    detail = str(after["detail"])
    if before is None or before["status"] == after["status"]:
        return detail
    if after["status"] == "ok":
        return f"works now; before: {before['detail']}"
    if before["status"] == "ok":
        return f"worked before; now: {detail}"
    return f"{detail}; before: {before['detail']}"


# -- queries -----------------------------------------------------------------------------------------------------------


def query_verdicts(migration: Mapping[str, Any], evidence: Mapping[str, Any], wanted: bool) -> list[dict[str, Any]]:
    """The entries of queries[]."""
    return [_query(query, evidence, wanted) for query in migration.get("queries") or []]


def _query(query: Mapping[str, Any], evidence: Mapping[str, Any], wanted: bool) -> dict[str, Any]:
    before, after = (
        ((evidence.get(moment) or {}).get("queries") or {}).get(query["name"]) for moment in ("before", "after")
    )
    last = after or before or {}
    entry = {
        "name": query["name"],
        "promise": query.get("promise"),
        "speedup": None,
        "at_least": False,
        "uses_index": last.get("uses_index"),
        "index_judged": last.get("index_judged"),
        "fault": bool(last.get("fault")),
        "missed": [],
        "samples": _samples(before or {}, after or {}),
    }
    if after is None:
        words = "it was not measured after the change" if wanted else "switched off here (steady_queries)"
        return {**entry, "status": "inconclusive", "detail": last.get("reason") or words}
    if after["status"] != "measured":
        return {**entry, "status": "inconclusive", "detail": after["reason"]}
    speedup, at_least, why = _speedup(entry["samples"])
    entry.update(speedup=speedup, at_least=at_least)
    wrong = entry["missed"] = [
        text for text in (_too_slow(query, speedup), _other_index(query, after, entry["samples"])) if text
    ]
    figures = f"{times(speedup, at_least)} as fast" if speedup is not None else why
    if wrong:
        status = "warning" if query.get("on_slow") == "warn" else "failed"
        return {**entry, "status": status, "detail": "; ".join([figures, *wrong])}
    if speedup is None and (query.get("min_speedup") or query.get("promise") or not query.get("uses_index")):
        return {**entry, "status": "inconclusive", "detail": why}
    return {**entry, "status": "ok", "detail": figures}


def _samples(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The samples of both moments beside each other, in the order large, median, small."""
    found: dict[str, dict[str, Any]] = {}
    for moment, measured in (("before", before), ("after", after)):
        for sample in measured.get("samples") or []:
            entry = found.setdefault(
                sample["sample"],
                {"sample": sample["sample"], "params_masked": sample["params_masked"], "before": None, "after": None},
            )
            entry[moment] = sample["figures"]
    return list(found.values())


def _speedup(samples: list[dict[str, Any]]) -> tuple[float | None, bool, str]:
    """How many times less time all samples together take; whether it is at least that; or why it is not known.

    Together, since a small tenant's query is fast either way: what counts is the time that is really spent.
    """
    both = [sample for sample in samples if sample["before"] and sample["after"]]
    if not both:
        return None, False, "there is no measurement from before to compare with"
    if any(sample["after"]["timed_out"] for sample in both):
        return None, False, f"it did not end within {max(s['after']['median_ms'] for s in both):.0f} ms"
    earlier = sum(sample["before"]["median_ms"] for sample in both)
    later = sum(sample["after"]["median_ms"] for sample in both)
    if later <= 0:
        return None, False, "it is too fast to be measured"
    return round(earlier / later, 2), any(sample["before"]["timed_out"] for sample in both), ""


def times(speedup: float, at_least: bool) -> str:
    """The factor in words; a digit behind the point says nothing from ten on."""
    return f"{'at least ' if at_least else ''}{speedup:.{1 if speedup < 10 else 0}f} x"


def _too_slow(query: Mapping[str, Any], speedup: float | None) -> str | None:
    least = query.get("min_speedup")
    if least is None or speedup is None or speedup >= least:
        return None
    return f"min_speedup is {least:g} x"


def _other_index(query: Mapping[str, Any], after: Mapping[str, Any], samples: list[dict[str, Any]]) -> str | None:
    wanted = query.get("uses_index")
    if wanted is None or after["index_judged"] == "by the plan":
        return None
    if after["index_judged"] and after["small"]:
        return None
    taken = list(
        dict.fromkeys(s["after"]["index"] or s["after"]["node"] for s in samples if s["after"] and s["after"]["node"])
    )
    instead = f"; the planner takes {', '.join(taken)}" if taken else ""
    if after["index_judged"]:
        return f"it could use {wanted} (with enable_seqscan=off) and does not{instead}"
    return f"it does not use {wanted}{instead}"


# -- storage -----------------------------------------------------------------------------------------------------------


def storage_verdicts(evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """The storage of result.json: bytes before and after, None where one was not measured."""
    before, after = ((evidence.get(moment) or {}).get("storage") for moment in ("before", "after"))
    if before is None and after is None:
        return None
    first, second = before or {}, after or {}

    def names(key: str) -> list[str]:
        return list(dict.fromkeys([*first.get(key, {}), *second.get(key, {})]))

    def of_table(storage: Mapping[str, Any], name: str, number: int) -> Any:
        return (storage.get("tables", {}).get(name) or [None, None])[number]

    return {
        "database": {"before_bytes": first.get("database"), "after_bytes": second.get("database")},
        "tables": [
            {
                "table": name,
                "before_bytes": of_table(first, name, 0),
                "after_bytes": of_table(second, name, 0),
                "index_before_bytes": of_table(first, name, 1),
                "index_after_bytes": of_table(second, name, 1),
            }
            for name in names("tables")
        ],
        "indexes": [{"index": name, "bytes": second.get("indexes", {}).get(name)} for name in names("indexes")],
        "columns": [
            {
                "table": name.partition(".")[0],
                "column": name.partition(".")[2],
                "before_avg_width": first.get("columns", {}).get(name),
                "after_avg_width": second.get("columns", {}).get(name),
            }
            for name in names("columns")
        ],
    }
