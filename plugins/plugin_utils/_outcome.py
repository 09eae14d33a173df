# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run came to, out of what its modules returned: the content of result.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._support.commands import variable
from ..module_utils._support.deployment_id import new_deployment_id

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


def outcome(host: str, results: Mapping[str, Any], check: bool, undo: str, restore: str = "") -> dict[str, Any] | None:
    """The content of result.json: its JSON Schema is docs/result.schema.json. None when nothing was run.

    undo: the command of a rollback. restore: the one of a restore, empty where none is to be named. Keys of later
    versions stand empty.
    """
    plan, verify = _ran(results.get("plan")), _ran(results.get("verify"))
    checked = _ran(results.get("backup_verify"))
    rollback, backup = _ran(results.get("rollback")), checked or _ran(results.get("backup"))
    restored, monitored = _ran(results.get("restore")), _ran(results.get("monitor"))
    evidence = _ran(results.get("evidence"))
    work = _ran(results.get("apply")) or rollback or restored
    source = work or plan or verify or backup or evidence or monitored
    if not source:
        return None
    action = _action(plan, work, verify or evidence, rollback, restored)
    action = "monitor" if monitored else "backup_verify" if checked else action
    facts: dict[str, Any] = {key: source.get(key) for key in _FACTS}
    # A run that found nothing to do, or that failed before it began, has evidence too, and so a folder of its own.
    facts["deployment_id"] = facts["deployment_id"] or new_deployment_id()
    parts = (plan, backup, work, verify, evidence, monitored)
    failures = [result for result in parts if result and result.get("status", "failed") == "failed"]
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
        "status": "failed" if error is not None or failures else _status(action, plan, work, verify or evidence, check),
        "changed": changed,
        "preflight": plan.get("preflight", []),
        "backup": _backup(backup, action, check),
        "restore": restored.get("restore"),
        "monitoring": monitored.get("monitoring"),
        "deployments": source.get("deployments", []),
        "steps": source.get("steps", []),
        "present": source.get("present", []),
        "left_out": source.get("left_out", []),
        "notes": source.get("notes", []),
        "missing_privileges": plan.get("missing_privileges", []),
        "removed_parameters": source.get("removed_parameters", []),
        "verification": verification,
        "waits": source.get("waits"),
        "probes": evidence.get("probes", []),
        "queries": evidence.get("queries", []),
        "storage": evidence.get("storage"),
        "promises": evidence.get("promises", []),
        "undo": f"{undo} {variable('steady_deployment', facts['deployment_id'])}"
        if changed and action == "deploy"
        else None,
        "restore_command": _restore_command(restore, backup, facts["database"]),
        "error": error,
        "plan_sql": source.get("plan_sql", ""),
    }


def _action(
    plan: Mapping[str, Any],
    work: Mapping[str, Any],
    verify: Mapping[str, Any],
    rollback: Mapping[str, Any],
    restored: Mapping[str, Any],
) -> str:
    if rollback or restored:
        return "rollback" if rollback else "restore"
    return "deploy" if plan or work else "verify" if verify else "backup"


def _backup(backup: Mapping[str, Any], action: str, check: bool) -> dict[str, Any]:
    """What is known of the backup, in the form of result.json: always with status and detail."""
    if not backup:
        reasons = {
            "deploy": "nothing is changed by looking" if check else "nothing was to be changed",
            "rollback": "a rollback takes none",
        }
        return {"status": "none", "detail": reasons.get(action, "none was asked for")}
    if backup.get("status", "failed") == "failed":
        return {
            "status": "failed",
            "detail": str(backup.get("what") or backup.get("msg") or "it stopped without a message"),
        }
    return {key: value for key, value in backup["backup"].items() if key != "files"}


def _restore_command(command: str, backup: Mapping[str, Any], database: Any) -> str | None:
    """The command that restores the backup of this run."""
    described = backup.get("backup") or {}
    # Dumps of somebody else's, and what the Supabase CLI took, are restored by hand.
    if not command or described.get("status") != "proven" or described.get("method") != "pg_dump" or not database:
        return None
    which, confirm = variable("steady_backup", str(described["path"])), variable("steady_confirm", str(database))
    return f"{command} {which} {confirm}"


def _ran(result: Any) -> Mapping[str, Any]:
    """A registered result; empty when its task was skipped or never came to its turn."""
    return result if isinstance(result, Mapping) and not result.get("skipped") else {}


def _status(
    action: str, plan: Mapping[str, Any], work: Mapping[str, Any], verify: Mapping[str, Any], check: bool
) -> str:
    """The status of a run in which nothing failed."""
    if action == "rollback":
        return str(work["status"])
    if check and action in ("deploy", "backup", "restore"):
        return "planned"
    # A plan without steps is a deployment that had nothing to do; one with steps that was not applied is only a plan.
    others = ("backup", "backup_verify", "monitor")
    return "succeeded" if work or verify or action in others or not plan.get("steps") else "planned"
