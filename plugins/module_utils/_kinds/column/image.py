# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a column: read strictly out of the journal, and compared with what is there.

A step that only changes nullability has an image of nullability alone: what others do to the default or the comment of
such a column is no drift, and a rollback leaves it.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..._support.forms import Form, expression, flag, form, list_of, name, or_none, text, word
from ..differing import differing

__all__ = ["alike", "before_of", "definition", "differences", "differs", "is_whole", "nullability_of", "parse", "texts"]

_NOT_NULL: Form = {
    "name": (name,),
    "validated": (flag,),
    "no_inherit": (flag, False),
    "local": (flag, None),
    "comment": (or_none(text), None),
}
_HELPER: Form = {"name": (name,), "validated": (flag,)}
_PLACE: Form = {"schema": (name,), "name": (name,)}


_COLUMN: Form = {
    "name": (name,),
    "nullable": (flag,),
    "constraint": (or_none(form(_NOT_NULL)), None),
    "checks": (list_of(form(_HELPER)), []),
    "proven": (or_none(name), None),
    "type": (or_none(text), None),
    "default": (or_none(expression), None),
    "generated": (or_none(expression), None),
    "virtual": (flag, False),
    "identity": (or_none(word("always", "by_default")), None),
    "collation": (or_none(form(_PLACE)), None),
    "comment": (or_none(text), None),
}
#: What ADD COLUMN says beside NOT NULL.
_DEFINITION = ("type", "default", "generated", "virtual", "identity", "collation")
_WHOLE = ("name", "nullable", "constraint", *_DEFINITION, "comment")


def parse(image: Any) -> Dict[str, Any]:
    found = dict(form(_COLUMN)(image))
    return (
        found
        if is_whole(found)
        else {key: found[key] for key in ("name", "nullable", "constraint", "checks", "proven")}
    )


def is_whole(image: Mapping[str, Any]) -> bool:
    """Whether it has the definition, and not only the nullability."""
    return image.get("type") is not None


def alike(image: Mapping[str, Any], other: Optional[Mapping[str, Any]]) -> Mapping[str, Any]:
    """As much of an image as another one of the same column has; None: there was no column."""
    if other is None or is_whole(other):
        return image
    return {key: value for key, value in image.items() if key not in (*_DEFINITION, "comment")}


def before_of(image: Mapping[str, Any]) -> Dict[str, Any]:
    """What a step that is about the definition keeps of the column as it found it."""
    return {key: image[key] for key in _WHOLE if key in image}


def differs(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two images are different columns for a rollback's purposes."""
    if left["nullable"] != right["nullable"]:
        return True
    return is_whole(left) and is_whole(right) and any(left[key] != right[key] for key in _DEFINITION)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[List[str], List[str]]:
    named = before["constraint"] and now["constraint"]  # since 18
    beside = differing(("name", "validated"), before["constraint"], now["constraint"]) if named else []
    if not (is_whole(before) and is_whole(now)):
        return differing(("nullable",), before, now), beside
    return differing(("nullable", *_DEFINITION), before, now), beside + differing(("comment",), before, now)


def nullability_of(image: Mapping[str, Any]) -> str:
    return "NULL allowed" if image["nullable"] else "NOT NULL"


def definition(image: Mapping[str, Any]) -> str:
    """An image as people read it."""
    if not is_whole(image):
        return nullability_of(image)
    words = [image["type"]]
    if image["collation"] is not None:
        words.append(f"COLLATE {image['collation']['schema']}.{image['collation']['name']}")
    if image["default"] is not None:
        words.append(f"DEFAULT {image['default']}")
    if image["generated"] is not None:
        words.append(f"GENERATED ALWAYS AS ({image['generated']}) {'VIRTUAL' if image['virtual'] else 'STORED'}")
    if image["identity"] is not None:
        words.append(f"GENERATED {image['identity'].upper().replace('_', ' ')} AS IDENTITY")
    return " ".join([*words, *([] if image["nullable"] else ["NOT NULL"])])


def texts(image: Mapping[str, Any]) -> List[str]:
    """The default, which comes back. A generated column's expression never does: nothing changes it."""
    return [image["default"]] if image.get("default") is not None else []
