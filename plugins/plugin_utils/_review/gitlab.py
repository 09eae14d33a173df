# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A review as GitLab's code quality report (GitLab documentation, "Code Quality report format")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .remarks import Remark, fingerprints

__all__ = ["code_quality"]

_SEVERITIES = {"error": "critical", "warning": "minor"}


def code_quality(found: Sequence[Remark]) -> list[dict[str, Any]]:
    """One entry for each remark."""
    return [
        {
            "description": one.message,
            "check_name": one.rule,
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[one.level],
            "location": {"path": one.file, "lines": {"begin": one.line}},
        }
        for one, fingerprint in zip(found, fingerprints(found))
    ]
