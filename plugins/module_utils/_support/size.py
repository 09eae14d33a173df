# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes as people and PostgreSQL write them: 512MB, 20GB. The units are powers of 1024, as in PostgreSQL's settings."""

from __future__ import annotations

import re
from typing import Optional

__all__ = ["size_bytes", "size_text"]

_UNITS = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


def size_bytes(text: str, option: str) -> int:
    """The size in bytes. Raises ValueError with a sentence for the option's user."""
    match = re.match(r"^\s*(\d+(?:\.\d+)?)\s*([kKMGT]?[bB])\s*$", str(text))
    if match is None:
        raise ValueError(f'{option}: "{text}" is not a size; write for example 512MB or 20GB')
    unit = match.group(2).upper().replace("KB", "kB")
    return int(float(match.group(1)) * _UNITS[unit])


def size_text(count: Optional[float]) -> str:
    """The one way in which a size is said: in the largest unit of which there is at least one. None is nothing."""
    value = float(count or 0)
    for unit in ("TB", "GB", "MB", "kB"):
        if abs(value) >= _UNITS[unit]:
            return f"{value / _UNITS[unit]:.1f} {unit}"
    return f"{value:.0f} bytes"
