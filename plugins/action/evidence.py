# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the migration file on the controller, and judges there what its probes did and its queries took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..module_utils._support.values import printable
from ..plugin_utils._evidence_verdicts import probe_verdicts, query_verdicts, storage_verdicts
from ..plugin_utils._execution import execute
from ..plugin_utils._migration_argument import folder_of, read_argument, shows_rows
from ..plugin_utils._promises import promise_verdicts

__all__ = ["ActionModule"]


class ActionModule(ActionBase):
    """steady.postgresql.evidence"""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        arguments = dict(self._task.args)
        if folder_of(self, variables) is not None:  # SQL has no probes and no queries
            return {"changed": False, "skipped": True, "status": "succeeded"}
        migration = arguments["migration"] = read_argument(self, variables)
        result = execute(self, arguments, variables)
        if result.get("failed") or "evidence" not in result:
            return result
        evidence = result.pop("evidence")
        wanted = {key: boolean(arguments.get(key, True)) for key in ("probes", "queries")}
        probes = probe_verdicts(migration, evidence, wanted["probes"], shows_rows(arguments))
        queries = query_verdicts(migration, evidence, wanted["queries"])
        storage = storage_verdicts(evidence)
        after = evidence.get("after") is not None
        result.update(
            kept=evidence["kept"],
            probes=probes,
            queries=queries,
            storage=storage,
            promises=promise_verdicts(migration, probes, queries, storage, evidence["waits"]) if after else [],
        )
        problem = _problem_after(probes, queries) if after else _problem_before(probes, queries)
        if problem is not None:
            result.update(status="failed", failed=True, msg=printable(problem))
        return result


def _problem_before(probes: list[dict[str, Any]], queries: list[dict[str, Any]]) -> str | None:
    """What the author of the migration has to mend, while everything still stands as it was."""
    wrong = [probe["before"]["detail"] for probe in probes if (probe["before"] or {}).get("fault")]
    wrong += [query["detail"] for query in queries if query["fault"]]
    if not wrong:
        return None
    return "\n".join(
        [
            "The migration's probes or queries cannot be run:",
            *(f"- {text}" for text in wrong),
            "What to do: correct them; or leave them out with steady_probes: false and steady_queries: false",
            "Left as it was: nothing was changed",
        ]
    )


def _problem_after(probes: list[dict[str, Any]], queries: list[dict[str, Any]]) -> str | None:
    """What the change was for and does not do."""
    wrong = [f"probe: {one['name']}: {one['detail']}" for one in _failed(probes) if one["on_failure"] == "fail"]
    wrong += [f"query: {one['name']}: {one['detail']}" for one in _failed(queries)]
    if not wrong:
        return None
    return "\n".join(
        [
            f"{len(wrong)} of {len(probes) + len(queries)} probes and queries failed:",
            *(f"- {text}" for text in wrong),
            "What to do: see in the report what each of them did before and after; the change itself is done, and "
            "rollback.yml undoes it",
        ]
    )


def _failed(entries: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if entry["status"] == "failed"]
