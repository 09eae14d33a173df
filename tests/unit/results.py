# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return, as report, summary and result.json get it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.steady.postgresql.plugins.plugin_utils._outcome import outcome

ROOT = Path(__file__).resolve().parents[2]
RESTORE = "ansible-playbook restore.yml"
UNDO = "ansible-playbook rollback.yml"
HASH = "0" * 64


def step(status: str = "done", name: str = "i", **changes: Any) -> dict[str, Any]:
    """The entry of steps[]."""
    entry = {
        "kind": "index",
        "object": f"public.{name}",
        "table": "public.Sale",
        "name": name,
        "action": "create",
        "summary": "",
        "status": status,
        "sql": ["CREATE INDEX"],
        "locks": ["SHARE UPDATE EXCLUSIVE"],
        "attempts": 1 if status in ("done", "failed") else 0,
        "lock_wait_ms": 0.0,
        "duration_ms": 1234.5,
    }
    if status in ("done", "failed"):
        entry["started_at"] = "2026-11-22T21:53:39.250Z"
    if status == "failed":
        entry["error"] = "no room"
    return {**entry, **changes}


def check(status: str = "ok", name: str = "index Sale.i", kind: str = "structure") -> dict[str, Any]:
    """The entry of verification[]."""
    return {"name": name, "kind": kind, "status": status, "detail": "valid, exactly as wanted"}


def module_result(result_status: str, *steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What apply, rollback and verify return, with what Ansible adds to it."""
    return {
        "status": result_status,
        "database": "clinic",
        "server_version": "18.1",
        "system_identifier": "7341",
        "database_role": "deployer",
        "started_at": "2026-11-22T21:53:39Z",
        "finished_at": "2026-11-22T21:53:49Z",
        "removed_parameters": [],
        "migration_id": "m",
        "plan_hash": HASH,
        "plan_sql": "CREATE INDEX;\n",
        "steps": list(steps),
        "present": [],
        "notes": [],
        "changed": any(entry["status"] in ("done", "failed") for entry in steps),
        "failed": False,
        **changes,
    }


def planned(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the review returns."""
    return module_result(
        "planned", *steps, **{"changed": bool(steps), "deployment_id": None, "attempt": None, **changes}
    )


def applied(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a deployment returns."""
    identity = {"deployment_id": "20261122T215339Z-4f1c", "attempt": 1}
    return module_result("succeeded", *steps, **{**identity, **changes})


def verified(*checks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the verification returns."""
    wrong = any(entry["status"] == "failed" for entry in checks)
    message = {"msg": "1 of 1 checks failed", "failed": True} if wrong else {}
    result = module_result("failed" if wrong else "succeeded", verification=list(checks), **message)
    for key in ("steps", "present", "notes", "plan_hash", "plan_sql"):
        del result[key]
    return {**result, **changes}


def tried(**changes: Any) -> dict[str, Any]:
    """What the evidence returns: nothing was tried, unless the changes say so."""
    result = module_result("measured", changed=False, probes=[], queries=[], storage=None, promises=[], kept=False)
    for key in ("steps", "present", "notes", "plan_hash", "plan_sql"):
        del result[key]
    return {**result, **changes}


def backed_up(**changes: Any) -> dict[str, Any]:
    """What a backup returns."""
    backup = {
        "status": "proven",
        "id": "20261122T215330Z-1a2b",
        "path": "/backups/db1/20261122T215330Z-1a2b",
        "method": "pg_dump",
        "format": "directory",
        "compression": "gzip:3",
        "pg_dump_version": "18.4",
        "snapshot_at": "2026-11-22T21:53:30Z",
        "finished_at": "2026-11-22T21:53:32Z",
        "bytes": 12925472,
        "tables": 14,
        "rows": 150590,
        "proof": "read",
        "proofs": [
            {
                "level": "read",
                "at": "2026-11-22T21:53:32Z",
                "duration_ms": 144.8,
                "status": "ok",
                "figures": {"rows": 150590},
            }
        ],
        "left_out": ["planner statistics: a restore makes them anew (ANALYZE)"],
        "globals": {"included": True, "detail": "roles and tablespaces"},
        "copies": [],
        "deleted": [],
        "detail": "150590 rows in 14 tables, 12.9 MB; read whole, every row counted",
    }
    result = module_result("succeeded", changed=True, backup={**backup, **changes})
    for key in ("steps", "present", "notes", "plan_hash", "plan_sql", "migration_id"):
        del result[key]
    return result


def refused(message: str = "not like this") -> dict[str, Any]:
    """What a module returns that failed before it knew anything."""
    return {"failed": True, "changed": False, "msg": message}


def came_to(checking: bool = False, **results: Any) -> dict[str, Any]:
    """The content of result.json."""
    result = outcome("db1", results, checking, UNDO, RESTORE)
    assert result is not None
    return result
