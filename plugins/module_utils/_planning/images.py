# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as the catalog has them now, and whether one is still what the plan was made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence

from .._connection.session import Session
from .._journal.done import read_done
from .._kinds.kind import Kind
from .._kinds.registry import KINDS, kind_named
from .._model.catalog import Table, TableName, read_tables
from .._model.plan import Step
from .._support.errors import SteadyError

__all__ = ["Objects", "read_image", "read_objects", "recheck"]


@dataclass(frozen=True)
class Objects:
    """Tables, with the partitions of each, and the images of what is on them: by kind, then by table."""

    tables: Mapping[TableName, Table]
    images: Mapping[str, Mapping[TableName, Sequence[Mapping[str, Any]]]]

    def find(self, kind: str, table: TableName, name: str) -> Optional[Mapping[str, Any]]:
        """The image of one object; None when it is not there."""
        objects = self.images.get(kind, {}).get(table, ())
        return next((image for image in objects if image["name"] == name), None)


def read_objects(session: Session, names: Iterable[TableName], kinds: Optional[Iterable[Kind]] = None) -> Objects:
    """What these tables have of these kinds (None: of all). A few round trips. Raises psycopg2.Error."""
    names = list(names)
    tables = read_tables(session, names)
    images: Dict[str, Mapping[TableName, Sequence[Mapping[str, Any]]]] = {}
    for kind in kinds or KINDS.values():
        if kind.of_journal:
            images[kind.name] = read_done(session, kind.name, names)
        elif tables:
            images[kind.name] = kind.read(session, tables)
    return Objects(tables, images)


def read_image(session: Session, step: Step) -> Optional[Mapping[str, Any]]:
    """What stands at the step's place now, as much of it as the step is about. Raises psycopg2.Error."""
    kind = kind_named(step.kind)
    found = read_objects(session, [step.table], [kind]).find(step.kind, step.table, step.name)
    return None if found is None else kind.alike(found, step.before)


def recheck(session: Session, step: Step) -> None:
    """Raise SteadyError when somebody else changed the object since it was planned."""
    found, planned = read_image(session, step), step.before
    same = (found is None) == (planned is None)
    if same and found is not None and planned is not None:
        # The index of a partitioned table becomes valid by what is attached to it.
        grown = "partitions" in found and found["valid"]
        same = not kind_named(step.kind).differs(found, planned) and (
            grown or found.get("valid") == planned.get("valid")
        )
    if not same:
        raise SteadyError(
            f"{step.kind} {step.object} was changed by another session since the plan was made.",
            f"planned for: {_brief(planned)}; found: {_brief(found)}",
            "run the same command again: it makes a new plan",
            f"{step.object} was not touched",
        )


def _brief(image: Optional[Mapping[str, Any]]) -> str:
    if image is None:
        return "nothing there"
    keys = (
        "type",
        "default",
        "nullable",
        "tail",
        "valid",
        "columns",
        "referenced_table",
        "on_delete",
        "on_update",
        "validated",
    )
    return ", ".join(
        f"{key} {image[key]}" for key in keys if key in image and not (key == "columns" and "tail" in image)
    )
