# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a foreign key: read strictly out of the journal, and compared with what is there."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ..._support.forms import Form, flag, form, list_of, mapping, name, or_none, text, word
from ..differing import differing

__all__ = ["differences", "parse"]

_DEFINITION = (
    *("referenced_schema", "referenced_table", "columns", "referenced_columns", "on_delete", "on_delete_columns"),
    *("on_update", "match", "deferrable", "initially_deferred", "enforced", "validated"),
)

_ACTION = word("no_action", "restrict", "cascade", "set_null", "set_default")
_KEY: Form = {
    "schema": (name,),
    "table": (name,),
    "name": (name,),
    "type": (word("f"),),
    "referenced_schema": (name,),
    "referenced_table": (name,),
    "columns": (list_of(name),),
    "referenced_columns": (list_of(name),),
    "on_delete": (_ACTION,),
    "on_delete_columns": (list_of(name),),
    "on_update": (_ACTION,),
    "match": (word("simple", "full", "partial"),),
    "deferrable": (flag,),
    "initially_deferred": (flag,),
    "validated": (flag,),
    "enforced": (flag,),
    "period": (flag,),
    "inherited": (flag,),
    "disabled": (flag, False),
    "comment": (or_none(text),),
}
# A constraint of another type under the name of a key: it is only compared, and never brought back.
_OTHER: Form = {
    **_KEY,
    "type": (word("c", "p", "u", "x", "t", "n"),),
    "referenced_schema": (or_none(name),),
    "referenced_table": (or_none(name),),
    "on_delete": (or_none(_ACTION),),
    "on_update": (or_none(_ACTION),),
    "match": (or_none(word("simple", "full", "partial")),),
}


def parse(image: Any) -> Dict[str, Any]:
    return dict(form(_KEY if mapping(image).get("type") == "f" else _OTHER)(image))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[List[str], List[str]]:
    return differing(_DEFINITION, before, now), differing(("comment",), before, now)
