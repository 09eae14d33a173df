# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two images of an object, key by key, in words."""

from __future__ import annotations

from typing import Any, Iterable, List, Mapping

from .._support.values import printable

__all__ = ["differing"]


def differing(keys: Iterable[str], before: Mapping[str, Any], now: Mapping[str, Any]) -> List[str]:
    return [
        f"{key.replace('_', ' ')} is {printable(str(now[key]))}, and was {printable(str(before[key]))}"
        for key in keys
        if before[key] != now[key]
    ]
