# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""Images out of the journal: read strictly, each value into the type that it must have.

Who may write steady.step could write anything into an image, and a rollback makes statements of it, with the rights of
whoever rolls back. So names are only quoted, choices are words of a list, and a definition has no part that is not
known. What is left of SQL are the expressions and the predicate of an index: who may have written these is asked by
the rollback (_journal.trust.text_writers).
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from .._kinds.index.tail import columns_of, read_tail
from .._support.sqltext import NAME_LIMIT
from .._support.values import printable

__all__ = ["has_sql", "read_image_of"]

Reader = Callable[[Any], Any]
#: The reader of each key, and what an older collection that did not write the key means by that.
Form = Mapping[str, Tuple[Any, ...]]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is no text: {_shown(value)}")
    return value


def _name(value: Any) -> str:
    if not value or len(_text(value).encode("utf-8", "surrogateescape")) > NAME_LIMIT:
        raise ValueError(f"is no name: {_shown(value)}")
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is neither true nor false: {_shown(value)}")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"is no whole number: {_shown(value)}")
    return value


def _word(*words: str) -> Reader:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"is none of {', '.join(words)}: {_shown(value)}")
        return str(value)

    return read


def _or_none(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _list(reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError(f"is no list: {_shown(value)}")
        return [reader(item) for item in value]

    return read


def _pairs(key: Reader, reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        return {key(one): reader(other) for one, other in _mapping(value).items()}

    return read


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"is no object: {_shown(value)}")
    return value


def _form(form: Form) -> Reader:
    def read(value: Any) -> Dict[str, Any]:
        image = _mapping(value)
        unknown = sorted(set(image) - set(form))
        if unknown:
            raise ValueError(f"has what this version does not know: {_shown(unknown[0])}")
        result = {}
        for key, (reader, *default) in form.items():
            if key not in image and not default:
                raise ValueError(f"has no {key}")
            try:
                result[key] = reader(image[key]) if key in image else default[0]
            except ValueError as error:
                raise ValueError(f"{key} {error}") from None
        return result

    return read


def _digits(value: Any) -> str:
    if not _text(value).isascii() or not value.isdigit():
        raise ValueError(f"is no number: {_shown(value)}")
    return str(value)


def _shown(value: Any) -> str:
    text = printable(repr(value))
    return text if len(text) <= 80 else text[:79] + "…"


_NOT_NULL: Form = {
    "name": (_name,),
    "validated": (_flag,),
    "no_inherit": (_flag, False),
    "local": (_flag, None),
    "comment": (_or_none(_text), None),
}
_HELPER: Form = {"name": (_name,), "validated": (_flag,)}
_COLUMN: Form = {
    "name": (_name,),
    "nullable": (_flag,),
    "constraint": (_or_none(_form(_NOT_NULL)), None),
    "checks": (_list(_form(_HELPER)), []),
    "proven": (_or_none(_name), None),
}

_KEY_COLUMN: Form = {
    "name": (_or_none(_name),),
    "expression": (_or_none(_text),),
    "descending": (_flag,),
    "nulls_first": (_flag,),
    "opclass": (_name,),
    "opclass_schema": (_name,),
    "opclass_default": (_flag,),
    "collation": (_or_none(_name),),
    "collation_schema": (_or_none(_name), None),
    "own_collation": (_flag,),
    "parameters": (_or_none(_pairs(_name, _text)), None),
}
_ABOVE: Form = {"schema": (_name,), "table": (_name,), "name": (_name,)}
_PART: Form = {
    "schema": (_name,),
    "table": (_name,),
    "name": (_name,),
    "tail": (_text,),
    "unique": (_flag,),
    "immediate": (_flag, True),
    "valid": (_flag,),
    "method": (_name,),
    "columns": (_list(_form(_KEY_COLUMN)),),
    "include": (_list(_name),),
    "predicate": (_or_none(_text),),
    "nulls_not_distinct": (_flag,),
    "options": (_pairs(_name, _text),),
    "tablespace": (_or_none(_name),),
    "comment": (_or_none(_text),),
    "statistics": (_pairs(_digits, _number),),
    "clustered": (_flag,),
    "replica_identity": (_flag,),
    "constraint": (_or_none(_name),),
    "is_partition": (_flag,),
    "parent": (_or_none(_form(_ABOVE)), None),
    "using": (_text, None),
    "builder": (_or_none(_number),),
}

_ACTION = _word("no_action", "restrict", "cascade", "set_null", "set_default")
_KEY: Form = {
    "schema": (_name,),
    "table": (_name,),
    "name": (_name,),
    "type": (_word("f"),),
    "referenced_schema": (_name,),
    "referenced_table": (_name,),
    "columns": (_list(_name),),
    "referenced_columns": (_list(_name),),
    "on_delete": (_ACTION,),
    "on_delete_columns": (_list(_name),),
    "on_update": (_ACTION,),
    "match": (_word("simple", "full", "partial"),),
    "deferrable": (_flag,),
    "initially_deferred": (_flag,),
    "validated": (_flag,),
    "enforced": (_flag,),
    "period": (_flag,),
    "inherited": (_flag,),
    "disabled": (_flag, False),
    "comment": (_or_none(_text),),
}
# A constraint of another type under the name of a key: it is only compared, and never brought back.
_OTHER: Form = {
    **_KEY,
    "type": (_word("c", "p", "u", "x", "t", "n"),),
    "referenced_schema": (_or_none(_name),),
    "referenced_table": (_or_none(_name),),
    "on_delete": (_or_none(_ACTION),),
    "on_update": (_or_none(_ACTION),),
    "match": (_or_none(_word("simple", "full", "partial")),),
}


def _column(image: Any) -> Dict[str, Any]:
    return dict(_form(_COLUMN)(image))


def _foreign_key(image: Any) -> Dict[str, Any]:
    return dict(_form(_KEY if _mapping(image).get("type") == "f" else _OTHER)(image))


def _part(image: Any) -> Dict[str, Any]:
    """One index, its definition taken apart and compared with the values that stand beside it."""
    found = dict(_form(_PART)(image))
    try:
        tail = read_tail(found["tail"], [column["expression"] for column in found["columns"]])
        found["columns"] = columns_of(tail, found["columns"])
    except ValueError as error:
        raise ValueError(f"has a definition that is none of PostgreSQL's: {error}") from None
    found["using"] = tail.using if found["using"] is None else found["using"]
    for key in ("schema", "table", "using", "method", "include", "nulls_not_distinct", "options", "predicate"):
        if getattr(tail, key) != found[key]:
            raise ValueError(f"has a definition with another {key.replace('_', ' ')} than {_shown(found[key])}")
    found["options"] = tail.options  # in the order of the definition, which jsonb does not keep
    return found


def _index(image: Any) -> Dict[str, Any]:
    whole = dict(_mapping(image))
    parts = whole.pop("partitions", None)
    found = _part(whole)
    if parts is not None:
        found["partitions"] = _list(_part)(parts)
    return found


_KINDS: Mapping[str, Reader] = {"column": _column, "index": _index, "foreign_key": _foreign_key}


def read_image_of(row: Mapping[str, Any], image: Any) -> Optional[Dict[str, Any]]:
    """An image of a row of steady.step, each value of the type that it must have; None for none.

    Raises ValueError with what is wrong. An image is one of the object that the row names, and of no other.
    """
    if row["kind"] not in _KINDS:
        raise ValueError(f"is of a kind that this version does not know: {_shown(row['kind'])}")
    if image is None:
        return None
    found: Dict[str, Any] = _KINDS[row["kind"]](image)
    place = (row["table_schema"], row["table_name"], row["name"])
    if (found.get("schema", place[0]), found.get("table", place[1]), found["name"]) != place:
        raise ValueError(f"is one of another object than {_shown('.'.join(place))}")
    return found


def has_sql(image: Optional[Mapping[str, Any]]) -> bool:
    """Whether bringing it back makes the server evaluate a text of it: the expressions and predicates of an index."""
    parts = [image, *image.get("partitions", ())] if image is not None else []
    return any(
        part.get("predicate") is not None
        or any(isinstance(column, Mapping) and column["expression"] is not None for column in part.get("columns", ()))
        for part in parts
    )
