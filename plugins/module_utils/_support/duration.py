# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as people write them, 100ms, 30s, 10m, 1h, and as they are said to people."""

from __future__ import annotations

import re
from typing import Optional

__all__ = ["duration_text", "milliseconds", "seconds_or_off"]

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}


def milliseconds(text: str, option: str) -> int:
    """The duration in milliseconds. Raises ValueError with a sentence for the option's user."""
    match = re.match(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)\s*$", str(text))
    if match is None:
        raise ValueError(f'{option}: "{text}" is not a duration; write for example 100ms, 30s, 10m or 1h')
    value = int(float(match.group(1)) * _UNITS[match.group(2)])
    if value <= 0:
        raise ValueError(f'{option}: "{text}" must be longer than nothing')
    return value


def seconds_or_off(text: str, option: str) -> Optional[float]:
    """The duration in seconds, None for off, which YAML reads as false. Raises ValueError, as milliseconds does."""
    if str(text).strip().lower() in ("off", "false", "no"):
        return None
    return milliseconds(text, option) / 1000.0


def duration_text(seconds: Optional[float]) -> str:
    """The one way in which a duration is said: 90 s, 12 min, 3.5 h or 4 days."""
    value = float(seconds or 0)
    if value < 120:
        return f"{value:.0f} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h" if value < 172800 else f"{value / 86400:.0f} days"
