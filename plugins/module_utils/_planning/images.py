# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""An object as the catalog has it now, and whether it is still what the plan was made for."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._connection.session import Session
from .._model.catalog import read_tables
from .._model.plan import Step
from .._planning.registry import kind_named
from .._support.errors import SteadyError

__all__ = ["read_image", "recheck"]


def read_image(session: Session, step: Step) -> Optional[Mapping[str, Any]]:
    """What stands at the step's place now. Raises psycopg2.Error."""
    tables = read_tables(session, [step.table])
    images = kind_named(step.kind).read(session, tables).get(step.table, ())
    return next((image for image in images if image["name"] == step.name), None)


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
            f"{step.kind} {step.object} was changed by somebody else since the plan was made.",
            f"planned for: {_brief(planned)}; found: {_brief(found)}",
            "run the same command again: it makes a new plan",
            f"{step.object} was not touched",
        )


def _brief(image: Optional[Mapping[str, Any]]) -> str:
    if image is None:
        return "nothing there"
    keys = ("nullable", "tail", "valid", "columns", "referenced_table", "on_delete", "on_update", "validated")
    return ", ".join(
        f"{key} {image[key]}" for key in keys if key in image and not (key == "columns" and "tail" in image)
    )
