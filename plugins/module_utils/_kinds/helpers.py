# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper objects of steps whose new object is made beside the old one."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

from .._model.plan import Step
from .._support.sqltext import temporary_name
from .kind import Kind

__all__ = ["named_helpers", "not_valid"]


def named_helpers(kind: Kind, what: str, step: Step, others: Sequence[Mapping[str, Any]]) -> List[str]:
    """Those that are there, in words. what: the kind, for people."""
    names = {temporary_name(step.name, purpose, step.table) for purpose in ("new", "old")}
    found = sorted((one for one in others if one["name"] in names), key=lambda one: str(one["name"]))
    titles = [(f"the helper {what} {one['name']}", one) for one in found]
    return [kind.unfinished(title, one) or f"{title} is there, and complete" for title, one in titles]


def not_valid(name: str) -> str:
    """Of a constraint that is NOT VALID ("ALTER TABLE", ADD table_constraint): what that means."""
    return (
        f"{name} is there, NOT VALID: rows that are written from now on are checked and rejected, those that were "
        "there are not checked yet; the next run of the same command goes on from there"
    )
