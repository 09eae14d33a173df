# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run came to, out of what its modules returned: the content of result.json, and a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.steady.postgresql.plugins.module_utils._deployment_id import new_deployment_id

__all__ = ["lines", "outcome"]

#: Copied as they are from the module that did the work.
_FACTS = (
    "deployment_id",
    "migration_id",
    "database",
    "server_version",
    "system_identifier",
    "database_role",
    "plan_hash",
    "started_at",
    "finished_at",
    "attempt",
)


def outcome(host: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """The content of result.json: its JSON Schema is docs/result.schema.json. Keys of later versions stand empty."""
    plan, verify = _ran(results.get("plan")), _ran(results.get("verify"))
    work = _ran(results.get("apply")) or _ran(results.get("rollback"))
    action = "rollback" if _ran(results.get("rollback")) else "deploy" if plan or work else "verify"
    source = work or plan or verify
    facts: dict[str, Any] = {key: source.get(key) for key in _FACTS}
    # A run that found nothing to do, or that failed before it began, has evidence too, and so a folder of its own.
    facts["deployment_id"] = facts["deployment_id"] or new_deployment_id()
    failures = [result for result in (plan, work, verify) if result.get("failed")]
    steps = source.get("steps", [])
    return {
        "host": host,
        "action": action,
        **facts,
        "status": _status(action, plan, work, verify, failures),
        "changed": bool(work.get("changed")),
        "preflight": [],
        "backup": {"status": "none", "detail": "this version takes no backup"},
        "steps": steps,
        "present": source.get("present", []),
        "left_out": source.get("left_out", []),
        "notes": source.get("notes", []),
        "missing_privileges": plan.get("missing_privileges", []),
        "removed_parameters": source.get("removed_parameters", []),
        "verification": verify.get("verification", []),
        "probes": [],
        "queries": [],
        "error": failures[0].get("msg") if failures else None,
        "plan_sql": source.get("plan_sql", ""),
    }


def _ran(result: Any) -> Mapping[str, Any]:
    """A registered result; empty when its task was skipped or never came to its turn."""
    return result if isinstance(result, Mapping) and not result.get("skipped") else {}


def _status(
    action: str, plan: Mapping[str, Any], work: Mapping[str, Any], verify: Mapping[str, Any], failures: Sequence[Any]
) -> str:
    if failures:
        return "failed"
    if action == "rollback":
        return str(work.get("status", "failed"))
    if action == "verify":
        return "succeeded" if verify else "failed"
    if work or verify:
        return "succeeded"
    return "planned" if plan else "failed"


def lines(result: Mapping[str, Any], directory: str, not_started: Sequence[str], check: bool) -> list[str]:
    """The outcome for the person at the terminal: first what it is, last what to do."""
    done = [step for step in result["steps"] if step["status"] == "done"]
    wrong = [check for check in result["verification"] if check["status"] == "failed"]
    text = [f"{result['database'] or result['host']}: {_headline(result, done, wrong)}"]
    text += [f"  {_step(step)}" for step in result["steps"]]
    text += [f"  left out: {entry['object']}: {'; '.join(entry['reasons'])}" for entry in result["left_out"]]
    text += [f"  note: {note}" for note in result["notes"]]
    text += [f"  missing privilege: {problem}" for problem in result["missing_privileges"]]
    if result["removed_parameters"]:
        text.append(f"  not libpq parameters, taken out of the address: {', '.join(result['removed_parameters'])}")
    if result["verification"]:
        ok = sum(1 for entry in result["verification"] if entry["status"] == "ok")
        text.append(
            f"  verification: {ok} of {len(result['verification'])} checks ok"
            + "".join(
                f"\n    {entry['status']}: {entry['name']}: {entry['detail']}"
                for entry in result["verification"]
                if entry["status"] != "ok"
            )
        )
    if directory:
        text.append(f"  report: {directory}/report.html")
    if check and result["steps"]:
        text.append(f"  plan hash: {result['plan_hash']} (add --diff to see every statement and its locks)")
    if result["action"] == "deploy" and result["changed"] and result.get("deployment_id"):
        text.append(f"  to undo: rollback.yml -e steady_deployment={result['deployment_id']}")
    if not_started:
        text.append(f"  not begun yet: {', '.join(not_started)}")
    return text


def _headline(result: Mapping[str, Any], done: Sequence[Any], wrong: Sequence[Any]) -> str:
    count = f"{len(result['steps'])} step{'s' if len(result['steps']) != 1 else ''}"
    if result["status"] == "planned":
        return f"{count} planned, nothing was changed" if result["steps"] else "nothing to do"
    if result["status"] == "failed":
        if wrong and not (result["steps"] and len(done) < len(result["steps"])):
            return f"FAILED: verification found {len(wrong)} differences; {len(done)} steps were done and stay"
        return f"FAILED: {len(done)} of {count} done"
    if result["action"] == "verify":
        return "is what its migration says"
    if not result["steps"]:
        return "nothing to do: everything is as it shall be" if result["action"] == "deploy" else "nothing to undo"
    return f"{count} done" if result["action"] == "deploy" else f"{count} undone"


def _step(step: Mapping[str, Any]) -> str:
    text = f"{step['status']}: {step['action']} {step['kind'].replace('_', ' ')} {step['object']}"
    if step["status"] == "done":
        text += f" ({step['duration_ms'] / 1000:.1f} s"
        text += (
            f", waited {step['lock_wait_ms']:.0f} ms for locks in {step['attempts']} attempts)"
            if (step["attempts"] > 1)
            else ")"
        )
    return text
