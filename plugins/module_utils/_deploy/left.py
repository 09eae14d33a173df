# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""What a step that did not succeed has left: read from the catalog, in words. The one place that says so."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .._connection.session import Session
from .._model.plan import Step
from .._planning.images import read_objects
from .._planning.registry import kind_named
from .._support.sqltext import temporary_name

__all__ = ["Left", "read_left"]

Image = Mapping[str, Any]


class Left:
    """What stands at a step's place now. image: of its object. changed: whether that or a helper is not as before.

    text: one line for a person; never empty.
    """

    def __init__(self, step: Step, image: Optional[Image], helpers: Mapping[str, Image]) -> None:
        self.image = image
        found = [*_object(step, image), *(_helper(step, name, one) for name, one in sorted(helpers.items()))]
        self.changed = bool(found)
        self.text = "; ".join(found) or _as_before(step)


def read_left(session: Session, step: Step) -> Left:
    """Look at the step's object and at the helpers that a step of its kind makes. Raises psycopg2.Error."""
    objects = read_objects(session, [step.table], [kind_named(step.kind)])
    image = objects.find(step.kind, step.table, step.name)
    if step.kind == "column":
        checks = image["checks"] if image is not None else ()
        helpers = {one["name"]: one for one in checks if one["name"] == temporary_name(step.name, "check", step.table)}
    else:
        names = [temporary_name(step.name, purpose, step.table) for purpose in ("new", "old")]
        found = {name: objects.find(step.kind, step.table, name) for name in names}
        helpers = {name: one for name, one in found.items() if one is not None}
    return Left(step, image, helpers)


def _as_before(step: Step) -> str:
    if step.before is None and step.kind != "column":
        return f"nothing of {step.object} is there"
    return f"{step.object} stands as it was"


def _object(step: Step, image: Optional[Image]) -> List[str]:
    """What is not as the step found it."""
    before = step.before
    if image is None:
        return [f"{step.object} is gone"] if before is not None else []
    state = _state(step, step.object, image)
    if before is None and step.kind != "column":
        return [state or f"{step.object} is there"]
    if before is not None and kind_named(step.kind).differs(before, image):
        return [state or f"{step.object} is {kind_named(step.kind).definition(image)} by now"]
    return [state] if state and state != _state(step, step.object, before or {}) else []


def _helper(step: Step, name: str, image: Image) -> str:
    if step.kind == "column":
        checked = "" if image["validated"] else " NOT VALID"
        return (
            f"the helper constraint {name} stands{checked}: new rows without a {step.name} are rejected; the next run "
            "of the same command goes on from there"
        )
    what = {"index": "index", "foreign_key": "key"}.get(step.kind, step.kind)
    return _state(step, f"the helper {what} {name}", image) or f"the helper {what} {name} is there, and complete"


def _state(step: Step, name: str, image: Image) -> str:
    """What is unfinished about an image; empty for nothing.

    INVALID: "CREATE INDEX", "Building Indexes Concurrently"; NOT VALID: "ALTER TABLE", ADD table_constraint.
    """
    if step.kind == "index" and not image.get("valid", True):
        return (
            f"{name} is there and INVALID: no query uses it, and writes may still have to maintain it; the next run of "
            "the same command builds or drops it"
        )
    if step.kind == "foreign_key" and not image.get("validated", True):
        return (
            f"{name} is there, NOT VALID: rows that are written from now on are checked and rejected, those that were "
            "there are not checked yet; the next run of the same command goes on from there"
        )
    constraint = image.get("constraint")
    if step.kind == "column" and isinstance(constraint, Mapping) and not constraint.get("validated", True):
        return (
            f"{name} is NOT NULL, NOT VALID ({constraint['name']}): new rows without it are rejected, those that were "
            "there are not checked yet; the next run of the same command goes on from there"
        )
    return ""
