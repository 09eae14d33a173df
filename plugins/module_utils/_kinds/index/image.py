# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of an index: read strictly out of the journal, and compared with what is there."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ..._support.forms import Form, digits, flag, form, list_of, mapping, name, number, or_none, pairs, shown, text
from ..differing import differing
from .tail import columns_of, read_tail

__all__ = ["differences", "parse", "texts"]

_DEFINITION = ("method", "unique", "valid", "include", "nulls_not_distinct", "options", "tablespace")
_KEY_DEFINITION = ("name", "descending", "nulls_first", "opclass", "opclass_schema", "collation", "parameters")
#: What hangs on it, or may be written otherwise by another version of the server. It is told.
_BESIDE = ("tail", "comment", "clustered", "statistics")

_KEY_COLUMN: Form = {
    "name": (or_none(name),),
    "expression": (or_none(text),),
    "descending": (flag,),
    "nulls_first": (flag,),
    "opclass": (name,),
    "opclass_schema": (name,),
    "opclass_default": (flag,),
    "collation": (or_none(name),),
    "collation_schema": (or_none(name), None),
    "own_collation": (flag,),
    "parameters": (or_none(pairs(name, text)), None),
}
_ABOVE: Form = {"schema": (name,), "table": (name,), "name": (name,)}
_PART: Form = {
    "schema": (name,),
    "table": (name,),
    "name": (name,),
    "tail": (text,),
    "unique": (flag,),
    "immediate": (flag, True),
    "valid": (flag,),
    "method": (name,),
    "columns": (list_of(form(_KEY_COLUMN)),),
    "include": (list_of(name),),
    "predicate": (or_none(text),),
    "nulls_not_distinct": (flag,),
    "options": (pairs(name, text),),
    "tablespace": (or_none(name),),
    "comment": (or_none(text),),
    "statistics": (pairs(digits, number),),
    "clustered": (flag,),
    "replica_identity": (flag,),
    "constraint": (or_none(name),),
    "is_partition": (flag,),
    "parent": (or_none(form(_ABOVE)), None),
    "using": (text, None),
    "builder": (or_none(number),),
}


def _part(image: Any) -> Dict[str, Any]:
    """One index, its definition taken apart and compared with the values that stand beside it."""
    found = dict(form(_PART)(image))
    try:
        tail = read_tail(found["tail"], [column["expression"] for column in found["columns"]])
        found["columns"] = columns_of(tail, found["columns"])
    except ValueError as error:
        raise ValueError(f"has a definition that PostgreSQL does not write: {error}") from None
    found["using"] = tail.using if found["using"] is None else found["using"]
    for key in ("schema", "table", "using", "method", "include", "nulls_not_distinct", "options", "predicate"):
        if getattr(tail, key) != found[key]:
            raise ValueError(f"has a definition with another {key.replace('_', ' ')} than {shown(found[key])}")
    found["options"] = tail.options  # in the order of the definition, which jsonb does not keep
    return found


def parse(image: Any) -> Dict[str, Any]:
    whole = dict(mapping(image))
    parts = whole.pop("partitions", None)
    found = _part(whole)
    if parts is not None:
        found["partitions"] = list_of(_part)(parts)
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[List[str], List[str]]:
    wrong = differing(_DEFINITION, before, now)
    for number_, (key, other) in enumerate(zip(before["columns"], now["columns"]), 1):
        wrong += [f"key {number_}: {found}" for found in differing(_KEY_DEFINITION, key, other)]
    if len(before["columns"]) != len(now["columns"]) or _has(before) != _has(now):
        wrong.append("it has other keys, or another predicate")
    return wrong, differing(_BESIDE, before, now)


def _has(image: Mapping[str, Any]) -> Tuple[bool, ...]:
    """Which keys are expressions, and whether there is a predicate."""
    return (image["predicate"] is not None, *(column["expression"] is not None for column in image["columns"]))


def texts(image: Mapping[str, Any]) -> List[str]:
    """The expressions and predicates of an index and of its parts."""
    parts = [image, *image.get("partitions", ())]
    found = [column["expression"] for part in parts for column in part["columns"]]
    return [one for one in [*found, *(part["predicate"] for part in parts)] if one is not None]
