# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of the preflight in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["finding_lines", "finding_summary"]

# The rest is in the report and the result: a terminal is no place for nine sentences of one kind.
_SENTENCES = 3


def finding_summary(findings: Sequence[Mapping[str, Any]]) -> str:
    """How many checks there were, and the names of those that found something, in one line."""
    counts = [_number(len(findings), "check")]
    for status in ("warning", "blocker"):
        names = [one["name"] for one in findings if one["status"] == status]
        if names or status == "warning":
            counts.append(_number(len(names), status) + (f" ({', '.join(names)})" if names else ""))
    return f"preflight: {', '.join(counts)}"


def finding_lines(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many checks there were, then each blocker and warning with what to do. Empty without any check."""
    if not findings:
        return []
    warnings = [one for one in findings if one["status"] == "warning"]
    blockers = [one for one in findings if one["status"] == "blocker"]
    counts = [_number(len(findings), "check"), _number(len(warnings), "warning")]
    counts += [_number(len(blockers), "blocker")] if blockers else []
    text = [f"preflight: {', '.join(counts)}"]
    for one in [*blockers, *warnings]:
        shown = list(one["evidence"][:_SENTENCES])
        more = len(one["evidence"]) - len(shown)
        shown += [f"… and {more} more"] if more else []
        text.append(f"  {one['status']}: {one['name']}: {'; '.join(shown)}")
        text += [f"    what to do: {one['todo']}"] if one["todo"] else []
    return text


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
