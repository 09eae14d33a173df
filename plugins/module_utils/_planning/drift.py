# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What deployments and rollbacks left, and somebody changed since: by the images that the journal keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from .._connection.session import Session
from .._kinds.registry import KINDS, differ, kind_named
from .._model.catalog import Table, TableName
from .._model.plan import object_name
from .images import read_objects

__all__ = ["Drift", "as_left", "differing", "find_drift"]

NOTHING = "not there"
# What temporary_name makes. Where a run has ended, such an object has its own name by now, or is gone.
_HELPER = re.compile(r"_steady_(new|old|check)_[0-9a-f]{8}$")
# How a statement begins that takes away a name which the journal knows.
_RENAMES = re.compile(r"(?is)DROP\b|ALTER\b.*\b(RENAME|DROP|SCHEMA)\b")


@dataclass(frozen=True)
class Drift:
    """One object that is not as it was left. before: its definition as it was left; after: the one that stands now."""

    kind: str
    table: Tuple[str, str]
    name: str
    deployment_id: str
    migration_id: str
    before: str
    after: str

    @property
    def object(self) -> str:
        """Its full name, as steps have it."""
        return object_name(self.kind, self.table, self.name)


def differing(kind_name: str, left: Optional[Mapping[str, Any]], now: Optional[Mapping[str, Any]]) -> bool:
    """Whether an object is not as it was left. Unlike for a rollback, a state that is lost counts too."""
    if left is None or now is None or differ(kind_name, left, now):
        return differ(kind_name, left, now)
    return any(left.get(state) != now.get(state) for state in ("valid", "validated"))


def _of_a_whole(row: Mapping[str, Any], left: Sequence[Mapping[str, Any]], tables: Mapping[TableName, Table]) -> bool:
    """Whether it is the part, on a partition, of an index that the same deployment made or took away as a whole."""
    wholes = {
        (one["table_schema"], one["table_name"])
        for one in left
        if one["kind"] == row["kind"] == "index" and one["deployment_id"] == row["deployment_id"]
    }
    above = tables.get((row["table_schema"], row["table_name"]))
    while above is not None and above.parent is not None:
        if above.parent in wholes:
            return True
        above = tables.get(above.parent)
    return False


def _changed_by_statement(row: Mapping[str, Any], left: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a later statement renames, moves or drops something of its table, or of the one that it references.

    The journal knows the statement's text, and not what it changed beside its own objects.
    """
    image = row["after"] or {}
    tables = {
        (row["table_schema"], row["table_name"]),
        (image.get("referenced_schema"), image.get("referenced_table")),
    }
    return any(
        KINDS[one["kind"]].of_journal
        and one["begun"] > row["begun"]
        and one["after"] is not None
        and _RENAMES.match(one["after"]["text"]) is not None
        and any((lock["schema"], lock["name"]) in tables for lock in one["after"]["locks"])
        for one in left
    )


def _completed(left: Optional[Mapping[str, Any]], now: Optional[Mapping[str, Any]]) -> bool:
    """An index of a partitioned table is left invalid by its own step, and becomes valid with the last attachment."""
    if left is None or now is None or "partitions" not in now:
        return False
    return not left["valid"] and bool(now["valid"]) and not kind_named("index").differs(left, now)


def as_left(kind: str, left: Optional[Mapping[str, Any]], now: Optional[Mapping[str, Any]]) -> bool:
    """Whether an object stands as its last step left it; None: it is not there."""
    return not differing(kind, left, now) or _completed(left, now)


def find_drift(session: Session, left: Sequence[Mapping[str, Any]]) -> List[Drift]:
    """The objects among the journal's last images that are not as they were left. A few round trips.

    Raises psycopg2.Error.
    """
    objects = read_objects(session, {(row["table_schema"], row["table_name"]) for row in left})
    found = []
    for row in left:
        table = (row["table_schema"], row["table_name"])
        now = objects.find(row["kind"], table, row["name"])
        if as_left(row["kind"], row["after"], now):
            continue
        if _HELPER.search(row["name"]) or _of_a_whole(row, left, objects.tables) or _changed_by_statement(row, left):
            continue
        kind = kind_named(row["kind"])
        found.append(
            Drift(
                row["kind"],
                table,
                row["name"],
                row["deployment_id"],
                row["migration_id"],
                NOTHING if row["after"] is None else kind.definition(row["after"]),
                NOTHING if now is None else kind.definition(kind.alike(now, row["after"])),
            )
        )
    return found
