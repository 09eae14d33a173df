# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration: the state that a database shall have, the same for every environment, and what proves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._kinds.registry import KINDS
from .._support import entry as _entry
from .evidence import Probe, Query
from .rules import ID_PATTERN, migration_problems

__all__ = ["ID_PATTERN", "Migration", "Probe", "Verification", "VerificationQuery", "migration_problems"]


@dataclass(frozen=True)
class VerificationQuery:
    """A question to the database after the change. expect: JMESPath over its rows (a list of mappings), or None."""

    name: str
    sql: str
    expect: str | None = None


@dataclass(frozen=True)
class Verification:
    """What proves the change. unchanged_counts: literal names of tables that must have as many rows as before."""

    unchanged_counts: tuple[str, ...] = ()
    queries: tuple[VerificationQuery, ...] = ()

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Verification:
        """The verification of a valid ``verification`` section, which may be empty."""
        return cls(
            unchanged_counts=tuple(_entry.items(data, "unchanged_counts")),
            queries=tuple(
                VerificationQuery(name=query["name"], sql=query["sql"], expect=query.get("expect"))
                for query in _entry.items(data, "queries")
            ),
        )


@dataclass(frozen=True)
class Migration:
    """A valid migration. schema: None when the file leaves it to the connection; the specifications have it anyway.

    objects: by section of the file, the specifications of what it says there. sources: by section, of a migration in
    SQL, file and line of the statement behind each of them. order: the same with the number of the statement, by which
    a migration in SQL is carried out; empty where the kinds' order counts.
    """

    id: str
    description: str
    schema: str | None
    objects: Mapping[str, tuple[Any, ...]]
    verification: Verification
    probes: tuple[Probe, ...] = ()
    queries: tuple[Query, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], default_schema: str = "public") -> Migration:
        """The migration of valid ``data``: the schema in the file wins over ``default_schema`` (the connection's)."""
        schema = data.get("schema") or default_schema
        return cls(
            id=data["id"],
            description=data.get("description") or "",
            schema=data.get("schema"),
            objects={
                kind.section: tuple(
                    kind.specification(entry, schema, data["id"]) for entry in _entry.items(data, kind.section)
                )
                for kind in KINDS.values()
            },
            verification=Verification.from_mapping(_entry.mapping(data, "verification")),
            probes=tuple(Probe.from_entry(entry) for entry in _entry.items(data, "probes")),
            queries=tuple(Query.from_entry(entry) for entry in _entry.items(data, "queries")),
            sources=_sources(data),
            order=_order(data),
        )


def _sources(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Those of the sections that have one for each entry. They are for messages: others are passed over."""
    written = _entry.mapping(data, "sources")
    found = {}
    for kind in KINDS.values():
        sources = [source for _position, source in _entry.texts(written, kind.section)]
        if sources and len(sources) == len(_entry.items(data, kind.section)):
            found[kind.section] = tuple(sources)
    return found


def _order(data: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Of all sections, or of none: what has no number has no place among the others."""
    written = _entry.mapping(data, "order")
    found: dict[str, tuple[int, ...]] = {}
    if not written:
        return found
    for kind in KINDS.values():
        numbers = [number for number in _entry.items(written, kind.section) if isinstance(number, int)]
        if len(numbers) != len(_entry.items(data, kind.section)):
            return {}
        found[kind.section] = tuple(numbers)
    return found
