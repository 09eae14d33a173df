# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The demo's summary: what was there, what was done, how long it took, and what the application felt of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.catalog import Difference, Reading, differences
from lab.traffic import TrafficResult

BUDGET_MS = 100
WIDTH = 110
KIND_NAMES = {
    "index": ("index", "indexes"),
    "foreign_key": ("foreign key", "foreign keys"),
    "column": ("column", "columns"),
    "constraint": ("constraint", "constraints"),
}


@dataclass(frozen=True)
class Run:
    """One run of a playbook, as it was seen from outside. `result_file` is its result.json, if it left one."""

    playbook: str
    exit_status: int
    seconds: float
    before: Reading
    after: Reading
    traffic: TrafficResult
    rate: float
    result_file: Path | None


def text(run: Run, folder: Path) -> str:
    """The summary; paths are written relative to the folder where they lie in it."""
    result = _read_result(run.result_file)
    changed = differences(run.before, run.after)
    parts = [
        ("Was there", _was_there(run)),
        ("Was done", _was_done(changed, result, run.exit_status)),
        ("Took", [_took(run, result)]),
        ("Traffic", _traffic(run)),
        ("Report", [_report(run.result_file, folder)]),
        ("Next", _next(run)),
    ]
    lines = ["", "─" * WIDTH, _headline(run, result), ""]
    for label, content in parts:
        lines += [f"  {label if number == 0 else '':<10} {line}" for number, line in enumerate(content)]
    return "\n".join([*lines, "─" * WIDTH])


def newest_result(artifacts: Path, since: float) -> Path | None:
    """The result.json of the run that began at that time, or None where it left none."""
    written = {path: path.stat().st_mtime for path in artifacts.glob("*/latest/result.json")}
    recent = [path for path, when in written.items() if when >= since]
    return max(recent, key=lambda path: written[path], default=None)


def _read_result(path: Path | None) -> Mapping[str, Any]:
    """result.json, or nothing where there is none: a run that failed early has not written it."""
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _headline(run: Run, result: Mapping[str, Any]) -> str:
    done = {"deploy": ("DEPLOYED", "DEPLOYMENT FAILED"), "rollback": ("ROLLED BACK", "ROLLBACK FAILED")}
    words = done[run.playbook][0 if run.exit_status == 0 else 1]
    migration = result.get("migration_id")
    return f"  {words}: {migration}" if migration else f"  {words}"


def _was_there(run: Run) -> list[str]:
    before = run.before
    return [
        f"PostgreSQL {before.version}, database {before.database}: {before.tables} tables, about {before.rows:,} rows, "
        f"{before.size / 2**20:,.0f} MB",
        f"and an application at work: {run.rate:g} transactions a second, each an insert and three updates",
    ]


def _was_done(changed: Sequence[Difference], result: Mapping[str, Any], exit_status: int) -> list[str]:
    if not changed:
        return ["nothing: it was all there already" if exit_status == 0 else "nothing: the database is as it was"]
    durations = {
        (step.get("kind"), step.get("object")): step.get("duration_ms")
        for step in result.get("steps") or []
        if isinstance(step, dict)
    }
    lines = []
    for kind, action in dict.fromkeys((one.kind, one.action) for one in changed):
        group = [one for one in changed if (one.kind, one.action) == (kind, action)]
        one_name, more_name = KIND_NAMES.get(kind, (kind, kind))
        lines.append(f"{len(group)} {one_name if len(group) == 1 else more_name} {action}")
        for one in group:
            lines += _one_change(one, durations.get((one.kind, one.name)))
    return lines


def _one_change(one: Difference, duration_ms: Any) -> list[str]:
    """The name with the time it took, and for what was changed the definitions."""
    name = one.name.split(".", 1)[-1]  # without the schema, which is the same for all
    lines = [f"  {name:<66}{_seconds(duration_ms):>8}".rstrip()]
    if one.action == "changed":
        lines += [f"    from  {_short(one.before)}", f"    to    {_short(one.after)}"]
    return lines


def _short(definition: str | None) -> str:
    """A definition that fits into a line."""
    shown = definition or ""
    return shown if len(shown) <= WIDTH - 22 else shown[: WIDTH - 23] + "…"


def _seconds(milliseconds: Any) -> str:
    return f"{milliseconds / 1000:.2f} s" if isinstance(milliseconds, (int, float)) else ""


def _took(run: Run, result: Mapping[str, Any]) -> str:
    steps = [step for step in result.get("steps") or [] if isinstance(step, dict)]
    said = f"{run.seconds:.1f} s"
    if steps:
        repeated = sum(max(int(step.get("attempts") or 1) - 1, 0) for step in steps)
        waited = sum(float(step.get("lock_wait_ms") or 0) for step in steps)
        said += f", with {_count(len(steps), 'step')}; for its locks it waited {waited:,.0f} ms itself"
        said += f", {_count(repeated, 'attempt')} repeated" if repeated else ", and got each at once"
    return said


def _traffic(run: Run) -> list[str]:
    seen = run.traffic
    if not seen.count:
        lines = ["NO TRANSACTION was done meanwhile, so nothing is known of what the application felt"]
    else:
        verdict = "within" if seen.worst_ms <= BUDGET_MS else "OVER"
        lines = [
            f"the worst wait was {seen.worst_ms:,.0f} ms, {verdict} the budget of {BUDGET_MS} ms",
            f"{seen.count:,} transactions meanwhile: half of them within {seen.p50_ms:,.1f} ms, "
            f"99 of 100 within {seen.p99_ms:,.0f} ms, {seen.over_1s or 'none'} over 1 s",
        ]
    if seen.errors:
        lines += [f"{_count(len(seen.errors), 'ERROR').replace('ERRORs', 'ERRORS')} in the application:"]
        lines += [f"  {error}" for error in seen.errors[:5]]
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _report(result_file: Path | None, folder: Path) -> str:
    if result_file is None:
        return "none: the run did not come so far"
    report = result_file.with_name("report.html")
    path = report if report.exists() else result_file
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _next(run: Run) -> list[str]:
    if run.playbook == "deploy":
        lines = ["make demo-rollback   undo it"]
        lines += ["make demo            " + ("try again" if run.exit_status else "once more: it finds nothing to do")]
    else:
        lines = ["make demo-rollback   try again"] if run.exit_status else []
        lines += ["make demo            do it again"]
    return [*lines, "make demo-stop       stop the server and delete its data"]
