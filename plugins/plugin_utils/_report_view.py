# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report's pages show beside the result itself: one sentence, figures, charts, and the checklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ._charts import bars
from ._summary import headline

__all__ = ["view"]

_TIME = "%Y-%m-%dT%H:%M:%S"


def view(result: Mapping[str, Any], commands: Mapping[str, str], operator: str = "") -> dict[str, Any]:
    """For the templates: {operator, sentence, figures, charts, checklist, changes}.

    commands: what can be typed for this host, by playbook. operator: who runs it.
    """
    return {
        "operator": operator,
        "sentence": _sentence(result),
        "figures": _figures(result),
        "charts": {
            "timeline": _timeline(result["steps"]),
            "queries": _latencies(result["queries"]),
            "indexes": _sizes((result.get("storage") or {}).get("indexes", [])),
        },
        "checklist": _checklist(result, commands) if result["action"] == "deploy" else [],
        "changes": [step for step in result["steps"] if step.get("before") or step.get("after")],
    }


def _sentence(result: Mapping[str, Any]) -> str:
    """The one that matters: outcome, safety, and whether it helped."""
    text = headline(result)
    if result["status"] == "failed" and any(step["status"] == "done" for step in result["steps"]):
        text += "; what is done stays"
    if result["action"] != "deploy" or result["status"] != "succeeded":
        return text[0].upper() + text[1:] + "."
    parts = [text]
    if result["backup"]["status"] == "proven":
        parts.append("a backup was proven before it")
    fine = [probe for probe in result["probes"] if probe["status"] == "ok"]
    mended = [probe for probe in fine if (probe.get("before") or {}).get("status") == "failed"]
    if mended:
        parts.append(f"{_count(mended, 'operation')} that failed before work{'s' if len(mended) == 1 else ''} now")
    faster = [one for one in result["queries"] if (one.get("speedup") or 0) >= 1.1]
    if faster:
        parts.append(f"{_count(faster, 'query', 'queries')} of {len(result['queries'])} became faster")
    broken = [one for one in result["promises"] if one["status"] == "not_held"]
    if broken:
        verb = "does" if len(broken) == 1 else "do"
        parts.append(f"{len(broken)} of {_count(result['promises'], 'promise')} {verb} not hold")
    sentence = "; ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def _figures(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tiles under the sentence: {label, value, note, status}."""
    tiles = []
    steps = result["steps"]
    if steps:
        done = [step for step in steps if step["status"] == "done"]
        waited = max(float(step["lock_wait_ms"]) for step in steps)
        tiles.append(_tile("Steps", f"{len(done)} of {len(steps)}", "done", len(done) == len(steps)))
        tiles.append(_tile("Our longest wait for a lock", _milliseconds(waited), "no session queues behind it", True))
    waits = result["waits"]
    if waits:
        value = _milliseconds(waits["longest_ms"]) if waits["longest_ms"] else "none seen"
        note = f"by the server's own account, every {waits['looked_every_ms']} ms"
        tiles.append(_tile("Others' longest wait for us", value, note, True))
    backup = result["backup"]
    if backup["status"] != "none":
        tiles.append(_tile("Backup", backup["status"], backup.get("proof", ""), backup["status"] != "failed"))
    for label, key in (("Verification", "verification"), ("Probes", "probes"), ("Queries", "queries")):
        entries = result[key]
        if entries:
            good = [one for one in entries if one["status"] == "ok"]
            tile = _tile(label, f"{len(good)} of {len(entries)}", "ok", len(good) == len(entries))
            if all(one["status"] != "failed" or one.get("on_failure") == "warn" for one in entries):
                tile["status"] = "ok" if len(good) == len(entries) else "warning"
            tiles.append(tile)
    return tiles


def _tile(label: str, value: str, note: str, good: bool) -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "status": "ok" if good else "failed"}


def _timeline(steps: Sequence[Mapping[str, Any]]) -> Any:
    """Each step from its beginning to its end, its wait for locks apart from its work, in seconds."""
    begun = [step for step in steps if step.get("started_at")]
    if not begun:
        return None
    moments = [_moment(step["started_at"]) for step in begun]
    waits = [step["lock_wait_ms"] / 1000 for step in begun]
    works = [max(step["duration_ms"] - step["lock_wait_ms"], 0) / 1000 for step in begun]
    first = min(moments)
    return bars(
        [step["object"].split(".", 1)[-1] for step in begun],
        {"": [moment - first for moment in moments], "waiting for locks": waits, "working": works},
        "s",
        stacked=True,
    )


def _moment(text: str) -> float:
    whole, _point, fraction = text.rstrip("Z").partition(".")
    return datetime.strptime(whole, _TIME).timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def _latencies(queries: Sequence[Mapping[str, Any]]) -> Any:
    """The medians of the largest sample of each query, before and after."""
    measured = []
    for query in queries:
        both = [one for one in query.get("samples", []) if one.get("before") and one.get("after")]
        if both:
            measured.append((query["name"], both[0]))
    return bars(
        [name for name, _sample in measured],
        {
            "before": [sample["before"]["median_ms"] for _name, sample in measured],
            "after": [sample["after"]["median_ms"] for _name, sample in measured],
        },
        "ms",
    )


def _sizes(indexes: Sequence[Mapping[str, Any]]) -> Any:
    """The largest indexes that are there. One that was dropped, or never built, has no size."""
    there = [one for one in indexes if one["bytes"] is not None]
    largest = sorted(there, key=lambda one: -one["bytes"])[:20]
    return bars([one["index"] for one in largest], {"size": [one["bytes"] / 1024**2 for one in largest]}, "MB")


def _checklist(result: Mapping[str, Any], commands: Mapping[str, str]) -> list[dict[str, Any]]:
    """The checklist of a deployment by hand: {text, done, evidence}, or the command that would do what is open."""

    def item(text: str, done: bool, evidence: str, playbook: str) -> dict[str, Any]:
        return {"text": text, "done": done, "evidence": evidence, "command": None if done else commands.get(playbook)}

    changed = result["status"] == "succeeded" and bool(result["steps"])
    verification, probes, queries = result["verification"], result["probes"], result["queries"]
    backup = result["backup"]
    return [
        item(
            "All verification queries passed",
            bool(verification) and all(one["status"] != "failed" for one in verification),
            f"{_ok(verification)} of {len(verification)} checks ok",
            "verify",
        ),
        item(
            "Critical operations tested",
            bool(probes) and all(one["status"] == "ok" for one in probes),
            f"{_ok(probes)} of {len(probes)} probes ok" if probes else "no probe was run",
            "deploy",
        ),
        item(
            "Performance improvements visible",
            bool(queries) and all(one["status"] == "ok" for one in queries),
            f"{_ok(queries)} of {len(queries)} queries as promised by the migration" if queries else "not measured",
            "deploy",
        ),
        item("Backup verified and stored safely", backup["status"] == "proven", backup["detail"], "backup"),
        item(
            "Application still works",
            False,
            "no attempt at a lock made another session wait longer than the budget; only a person can judge its "
            "features"
            if changed
            else "nothing was changed",
            "monitor",
        ),
        item("Update the team", False, "report.md beside this page is made for it", ""),
        item("Monitor production for 24 hours", False, "sessions, locks, the use of the new indexes", "monitor"),
    ]


def _ok(entries: Sequence[Mapping[str, Any]]) -> int:
    return sum(1 for one in entries if one["status"] == "ok")


def _count(entries: Sequence[Any], one: str, many: str = "") -> str:
    return f"{len(entries)} {one if len(entries) == 1 else many or one + 's'}"


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"
