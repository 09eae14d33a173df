# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run came to, out of what its modules returned: the content of result.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.steady.postgresql.plugins.module_utils._deployment_id import new_deployment_id

__all__ = ["outcome"]

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


def outcome(host: str, results: Mapping[str, Any], check: bool, undo: str) -> dict[str, Any] | None:
    """The content of result.json: its JSON Schema is docs/result.schema.json. None when nothing was run.

    undo: the command that undoes a deployment, with {id} for its id. Keys of later versions stand empty.
    """
    plan, verify = _ran(results.get("plan")), _ran(results.get("verify"))
    rollback = _ran(results.get("rollback"))
    work = _ran(results.get("apply")) or rollback
    source = work or plan or verify
    if not source:
        return None
    action = "rollback" if rollback else "deploy" if plan or work else "verify"
    facts: dict[str, Any] = {key: source.get(key) for key in _FACTS}
    # A run that found nothing to do, or that failed before it began, has evidence too, and so a folder of its own.
    facts["deployment_id"] = facts["deployment_id"] or new_deployment_id()
    failures = [result for result in (plan, work, verify) if result and result.get("status", "failed") == "failed"]
    changed = bool(work.get("changed"))
    verification = (verify or plan).get("verification", [])
    wrong = [check["name"] for check in verification if check["status"] == "failed"]
    error = failures[0].get("msg") if failures else None
    if wrong and not check and error is None:
        error = f"{len(wrong)} of {len(verification)} checks failed: {', '.join(wrong)}"
    return {
        "host": host,
        "action": action,
        **facts,
        "status": "failed" if error is not None or failures else _status(action, plan, work, verify, check),
        "changed": changed,
        "preflight": [],
        "backup": {"status": "none", "detail": "this version takes no backup"},
        "steps": source.get("steps", []),
        "present": source.get("present", []),
        "left_out": source.get("left_out", []),
        "notes": source.get("notes", []),
        "missing_privileges": plan.get("missing_privileges", []),
        "removed_parameters": source.get("removed_parameters", []),
        "verification": verification,
        "probes": [],
        "queries": [],
        "undo": undo.format(id=facts["deployment_id"]) if changed and action == "deploy" else None,
        "error": error,
        "plan_sql": source.get("plan_sql", ""),
    }


def _ran(result: Any) -> Mapping[str, Any]:
    """A registered result; empty when its task was skipped or never came to its turn."""
    return result if isinstance(result, Mapping) and not result.get("skipped") else {}


def _status(
    action: str, plan: Mapping[str, Any], work: Mapping[str, Any], verify: Mapping[str, Any], check: bool
) -> str:
    """The status of a run in which nothing failed."""
    if action == "rollback":
        return str(work["status"])
    if check and action == "deploy":
        return "planned"
    # A plan without steps is a deployment that had nothing to do; one with steps that was not applied is only a plan.
    return "succeeded" if work or verify or not plan.get("steps") else "planned"
