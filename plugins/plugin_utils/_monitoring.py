# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rounds of a monitoring come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._monitor.statements import changes
from ..module_utils._support.values import printable

__all__ = ["MonitoringRounds"]

_RANK = {"critical": 2, "warning": 1}
_MOST = 500
#: Of a module's result, what says where it was.
_FACTS = (
    *("database", "server_version", "system_identifier", "database_role"),
    *("started_at", "finished_at", "removed_parameters"),
)
_SLOWER = 1.5


class MonitoringRounds:
    """Round after round: what is new, what stays, and how it ends. fail_on: critical | warning | never."""

    def __init__(self, fail_on: str) -> None:
        self.fail_on = fail_on
        self.rounds = 0
        self.reachable = False
        self.last: Mapping[str, Any] | None = None
        self._first_statements: list[Mapping[str, Any]] = []
        self._facts: dict[str, Any] = {}
        self._findings: dict[tuple[str, str], dict[str, Any]] = {}
        self._unreachable: list[dict[str, Any]] = []

    def saw(self, result: Mapping[str, Any]) -> list[str]:
        """Take a round's result in; returns a line for each thing that was not so in the round before."""
        at = str(result.get("finished_at") or "")
        if "round" not in result:
            # A module that could not connect, or a host that could not be reached.
            message = str(result.get("what") or result.get("msg") or "no answer").split("\n", 1)[0]
            was, self.reachable = self.reachable, False
            if was or not self._unreachable:
                self._unreachable.append({"at": at, "message": message})
                return [f"cannot be looked at: {message}"]
            return []
        lines = ["answers again"] if self._unreachable and not self.reachable else []
        self.rounds += 1
        self.reachable = True
        self.last = result["round"]
        self._facts = {key: result[key] for key in _FACTS if key in result}
        statements = self.last["statements"]["statements"]
        if self.rounds == 1:
            self._first_statements = statements
        for finding in self.last["findings"]:
            lines += self._note(finding, at)
        return lines

    def _note(self, finding: Mapping[str, Any], at: str) -> list[str]:
        key = (finding["name"], finding["object"])
        known = self._findings.get(key)
        if known is None:
            if len(self._findings) < _MOST:
                self._findings[key] = {**finding, "first_at": at, "last_at": at, "times": 1}
            return [f"{finding['status']}: {finding['detail']}"]
        known.update(finding, last_at=at, times=known["times"] + 1)
        return []

    def result(self) -> dict[str, Any]:
        """The action's result."""
        findings = sorted(self._findings.values(), key=lambda one: -_RANK[one["status"]])
        worst = max((_RANK[one["status"]] for one in findings), default=0)
        if self._unreachable:
            worst = 2
        wanted = {"critical": 2, "warning": 1, "never": 3}[self.fail_on]
        failed = worst >= wanted or self.rounds == 0
        last = self.last
        if last is not None:
            # What became slower while we watched: of what ran before and since.
            slower = changes(self._first_statements, self._first_statements, last["statements"]["statements"], _SLOWER)
            last = {**last, "statements": {**last["statements"], "slower": slower}}
        monitoring = {"rounds": self.rounds, "unreachable": self._unreachable, "findings": findings, "last": last}
        result = {**self._facts, "changed": False, "failed": failed, "status": "failed" if failed else "succeeded"}
        count = sum(1 for one in findings if _RANK[one["status"]] >= wanted) + len(self._unreachable)
        if failed:
            said = [f"it did not answer at {one['at']}: {one['message']}" for one in self._unreachable]
            said += [one["detail"] for one in findings if _RANK[one["status"]] >= wanted]
            result["msg"] = printable(f"{count} thing{'' if count == 1 else 's'} to fix: {'; '.join(said)}")
        return {**result, "monitoring": monitoring}
