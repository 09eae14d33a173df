# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step that did not succeed has left: read from the catalog, in words. The one place that says so."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

from .._connection.session import Session
from .._kinds.registry import kind_named
from .._model.plan import Step
from .._planning.images import read_objects

__all__ = ["Left", "read_left"]

Image = Mapping[str, Any]


class Left:
    """What stands at a step's place now. image: of its object. changed: whether that or a helper is not as before.

    text: one line for a person; never empty.
    """

    def __init__(self, step: Step, image: Optional[Image], helpers: Sequence[str]) -> None:
        self.image = image
        found = [*_object(step, image), *helpers]
        self.changed = bool(found)
        self.text = "; ".join(found) or _as_before(step)


def read_left(session: Session, step: Step) -> Left:
    """Look at the step's object and at the helpers that a step of its kind makes. Raises psycopg2.Error."""
    kind = kind_named(step.kind)
    helping = kind_named(kind.helper_kind or kind.name)
    objects = read_objects(session, [step.table], dict.fromkeys([kind, helping]))
    image = objects.find(step.kind, step.table, step.name)
    return Left(step, image, kind.helpers(step, image, objects.images.get(helping.name, {}).get(step.table, ())))


def _as_before(step: Step) -> str:
    if step.before is None:
        return f"nothing of {step.object} is there"
    return f"{step.object} stands as it was"


def _object(step: Step, image: Optional[Image]) -> List[str]:
    """What is not as the step found it."""
    kind, before = kind_named(step.kind), step.before
    if image is None:
        return [f"{step.object} is gone"] if before is not None else []
    state = kind.unfinished(step.object, image)
    if before is None:
        return [state or f"{step.object} is there"]
    if before is not None and kind.differs(before, image):
        return [state or f"{step.object} is {kind.definition(kind.alike(image, before))} by now"]
    return [state] if state and state != kind.unfinished(step.object, before or {}) else []
