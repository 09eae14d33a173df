# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of the preflight in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["finding_lines"]

# The rest is in the report and the result: a terminal is no place for nine sentences of one kind.
_SENTENCES = 3


def finding_lines(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many checks there were, then each warning and blocker with what to do. Empty without any check."""
    if not findings:
        return []
    warnings = sum(1 for one in findings if one["status"] == "warning")
    blockers = [one for one in findings if one["status"] == "blocker"]
    count = f"preflight: {_number(len(findings), 'check')}, {_number(warnings, 'warning')}"
    if blockers:
        count += f", {_number(len(blockers), 'blocker')}"
    text = [count]
    for one in [*blockers, *(one for one in findings if one["status"] == "warning")]:
        shown = list(one["evidence"][:_SENTENCES])
        more = len(one["evidence"]) - len(shown)
        shown += [f"… and {more} more"] if more else []
        text.append(f"  {one['status']}: {one['name']}: {'; '.join(shown)}")
        text += [f"    what to do: {one['todo']}"] if one["todo"] else []
    return text


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
