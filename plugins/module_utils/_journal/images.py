# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images out of the journal: read strictly, each value into the type that it must have.

Who may write steady.step could write anything into an image, and a rollback makes statements of it, with the rights of
whoever rolls back. So names are only quoted, choices are words of a list, and a definition has no part that is not
known. What is left of SQL are the texts that a kind names (Kind.texts): who may have written these is asked by the
rollback (_journal.trust.text_writers).
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from .._kinds.registry import KINDS
from .._support.forms import shown

__all__ = ["read_image_of"]


def read_image_of(row: Mapping[str, Any], image: Any) -> Optional[Dict[str, Any]]:
    """An image of a row of steady.step, each value of the type that it must have; None for none.

    Raises ValueError with what is wrong. An image is one of the object that the row names, and of no other.
    """
    if row["kind"] not in KINDS:
        raise ValueError(f"is of a kind that this version does not know: {shown(row['kind'])}")
    if image is None:
        return None
    found = KINDS[row["kind"]].parse(image)
    place = (row["table_schema"], row["table_name"], row["name"])
    if (found.get("schema", place[0]), found.get("table", place[1]), found["name"]) != place:
        raise ValueError(f"is one of another object than {shown('.'.join(place))}")
    return found
