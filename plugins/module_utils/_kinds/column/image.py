# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a column: read strictly out of the journal, and compared with what is there."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ..._support.forms import Form, flag, form, list_of, name, or_none, text
from ..differing import differing

__all__ = ["differences", "parse"]

_NOT_NULL: Form = {
    "name": (name,),
    "validated": (flag,),
    "no_inherit": (flag, False),
    "local": (flag, None),
    "comment": (or_none(text), None),
}
_HELPER: Form = {"name": (name,), "validated": (flag,)}
_COLUMN: Form = {
    "name": (name,),
    "nullable": (flag,),
    "constraint": (or_none(form(_NOT_NULL)), None),
    "checks": (list_of(form(_HELPER)), []),
    "proven": (or_none(name), None),
}


def parse(image: Any) -> Dict[str, Any]:
    return dict(form(_COLUMN)(image))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[List[str], List[str]]:
    named = before["constraint"] and now["constraint"]  # since 18
    beside = differing(("name", "validated"), before["constraint"], now["constraint"]) if named else []
    return differing(("nullable",), before, now), beside
