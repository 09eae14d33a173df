# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a constraint: read strictly out of the journal, and compared with what is there."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ..._support.forms import Form, expression, flag, form, list_of, name, or_none, pairs, text, word
from ..differing import differing

__all__ = ["differences", "differs", "parse"]

#: What a constraint is. The definition, as the server writes it, is for people.
_DEFINITION = (
    *("type", "columns", "include", "check", "nulls_not_distinct", "deferrable", "initially_deferred", "no_inherit"),
    *("options", "tablespace", "enforced"),
)
_IMAGE: Form = {
    "schema": (name,),
    "table": (name,),
    "name": (name,),
    "type": (word("u", "p", "c"),),
    "columns": (list_of(name),),
    "include": (list_of(name),),
    "check": (or_none(expression),),
    "nulls_not_distinct": (flag,),
    "deferrable": (flag,),
    "initially_deferred": (flag,),
    "no_inherit": (flag,),
    "options": (pairs(name, text),),
    "tablespace": (or_none(name),),
    "validated": (flag,),
    "enforced": (flag,),
    "period": (flag,),
    "inherited": (flag,),
    "clustered": (flag,),
    "replica_identity": (flag,),
    "comment": (or_none(text),),
    "definition": (text,),
}


def parse(image: Any) -> Dict[str, Any]:
    found = dict(form(_IMAGE)(image))
    if (found["check"] is not None) is not (found["type"] == "c"):
        raise ValueError("has a condition, and is no check, or the other way round")
    return found


def differs(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two images are different constraints for a rollback's purposes."""
    return any(left[key] != right[key] for key in _DEFINITION)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[List[str], List[str]]:
    return differing((*_DEFINITION, "validated"), before, now), differing(("comment", "clustered"), before, now)
