# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Careful reading of an entry that may still be wrong.

The semantic rules run over the same data as the JSON Schema does, so that all mistakes of a file come out at once. A
rule must therefore pass over a value of a wrong type (the schema reports it) and never stumble over it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .problem import Path

__all__ = ["First", "given", "items", "mapping", "mappings", "text", "texts"]


def given(entry: Mapping[str, Any], key: str) -> bool:
    """Whether the key stands there with a value: Ansible fills in None for each option that the user left out."""
    return entry.get(key) is not None


def text(entry: Mapping[str, Any], key: str) -> str | None:
    """The string under ``key``, None when it is not there or is something else."""
    value = entry.get(key)
    return value if isinstance(value, str) else None


def items(entry: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The items of the list under ``key``, whatever they are; empty when there is no list."""
    value = entry.get(key)
    return value if isinstance(value, (list, tuple)) else ()


def texts(entry: Mapping[str, Any], key: str) -> list[tuple[int, str]]:
    """The strings of the list under ``key``, each with its position in it."""
    return [(position, item) for position, item in enumerate(items(entry, key)) if isinstance(item, str)]


def mapping(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under ``key``; an empty one when there is none."""
    value = entry.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(entry: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
    """The mappings of the list under ``key``, each with its position in it."""
    return [(position, item) for position, item in enumerate(items(entry, key)) if isinstance(item, Mapping)]


class First:
    """Remembers where each value stood first, to find the second one."""

    def __init__(self) -> None:
        self._seen: dict[Any, Path] = {}

    def before(self, value: Any, path: Path) -> Path | None:
        """The path at which ``value`` (hashable) was seen before; None, and remembers ``path``, at its first time."""
        if value in self._seen:
            return self._seen[value]
        self._seen[value] = path
        return None
