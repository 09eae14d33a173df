# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of rows: what Python cannot hold stays the server's own text, so that every value survives.

Python has no year before 1 or after 9999, no infinite date, no month in a timedelta; a JSON text has no NaN; a database
in SQL_ASCII holds bytes that are no text at all (PostgreSQL documentation, 8.1.2, 8.5, 24.3.4).
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, Callable, Dict, List, Optional, Tuple

from .driver import extensions

__all__ = ["OBEYED", "encodable", "keep_values", "printable", "sample_rows", "server_texts", "take_any_bytes"]

# Arrays are of the element's caster. Names are those of psycopg2.extensions.
_OIDS: Dict[str, Tuple[int, int]] = {
    "PYDATE": (1082, 1182),
    "PYTIME": (1083, 1183),
    "PYDATETIME": (1114, 1115),
    "PYDATETIMETZ": (1184, 1185),
}
_TIMETZ, _TIMETZ_ARRAY = 1266, 1270
# An interval of a month is no number of days, bytes are no text, a range may end where Python's dates do not: all
# stay in the server's words.
_TEXTS: Dict[int, int] = {1186: 1187, 17: 1001, **{oid: oid + 1 for oid in (3904, 3906, 3908, 3910, 3912, 3926)}}
_JSON: Dict[int, int] = {114: 199, 3802: 3807}
# What a parameter may be without a loss: whole numbers, booleans, texts, and lists of whole numbers and texts.
_EXACT = (16, 20, 21, 23, 26, 25, 1042, 1043, 19, 18, 1005, 1007, 1016, 1009, 1015)

Caster = Callable[[Optional[str], Any], Any]


def _or_text(caster: Any) -> Caster:
    """What psycopg2 makes of the value; the value's own text where it can make nothing of it, or something else."""

    def cast(value: Optional[str], cursor: Any) -> Any:
        # psycopg2 takes infinity for the last day that Python has, and the end of a day for its beginning.
        if value is None or value.lstrip("-") == "infinity" or value.startswith("24:"):
            return value
        try:
            return caster(value, cursor)
        except (ValueError, OverflowError, RecursionError):
            return value

    return cast


def _as_it_is(value: Optional[str], cursor: Any) -> Any:
    return value


def _document(value: str, cursor: Any) -> Any:
    return json.loads(value)


def keep_values(connection: Any) -> Any:
    """The connection, with rows in which every value survives."""
    casters: List[Tuple[Tuple[int, ...], int, Caster]] = [
        ((oid,), array, _or_text(getattr(extensions, name))) for name, (oid, array) in _OIDS.items()
    ]
    casters.append(((_TIMETZ,), _TIMETZ_ARRAY, _or_text(extensions.PYTIME)))
    casters += [((oid,), array, _as_it_is) for oid, array in _TEXTS.items()]
    casters += [((oid,), array, _or_text(_document)) for oid, array in _JSON.items()]
    for oids, array, cast in casters:
        element = extensions.new_type(oids, f"STEADY{oids[0]}", cast)
        extensions.register_type(element, connection)
        extensions.register_type(extensions.new_array_type((array,), f"STEADY{array}", element), connection)
    return connection


def _texts(cursor: Any, kept: Tuple[int, ...] = ()) -> None:
    """Let the cursor give each value as the server writes it, but for the types that are kept."""
    oids = tuple(oid for oid in (*extensions.string_types, *(_TEXTS), *_JSON) if oid not in kept)
    more = tuple(array for _oid, array in (*_OIDS.values(), *_TEXTS.items(), *_JSON.items(), (_TIMETZ, _TIMETZ_ARRAY)))
    extensions.register_type(extensions.new_type((*oids, *more), "STEADYTEXT", _as_it_is), cursor)


def server_texts(connection: Any, statement: str) -> Tuple[List[str], List[Tuple[Optional[str], ...]]]:
    """Names of columns, and rows in which every value is the server's text. Raises psycopg2.Error."""
    with connection.cursor() as cursor:
        _texts(cursor)
        cursor.execute(statement)
        return [column.name for column in cursor.description], cursor.fetchall()


def sample_rows(connection: Any, statement: str) -> List[Dict[str, Any]]:
    """Rows whose values mean the same when they are given back: exact in Python, or else the server's text."""
    with connection.cursor() as cursor:
        _texts(cursor, kept=_EXACT)
        cursor.execute(statement)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


_CODEC = "steady_bytes"


def _codec(name: str) -> Optional[codecs.CodecInfo]:
    """UTF-8 in which every byte survives, there and back."""
    if name != _CODEC:
        return None
    return codecs.CodecInfo(
        lambda text, errors="strict": (text.encode("utf-8", "surrogateescape"), len(text)),
        lambda data, errors="strict": (bytes(data).decode("utf-8", "surrogateescape"), len(data)),
        name=_CODEC,
    )


def take_any_bytes() -> None:
    """Let connections in SQL_ASCII, an encoding that is none, have UTF-8 and other bytes."""
    codecs.register(_codec)
    for name in ("SQL_ASCII", "SQLASCII"):
        extensions.encodings[name] = _CODEC


# What a terminal, a pager or a browser obeys instead of showing it: control characters but for line breaks and
# tabulators, and what turns the direction of writing (Unicode, 9.0 and UAX 9).
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""The text for people: what is obeyed and not shown is written as \x1b, and bytes that are no UTF-8 as \xe9."""
    return OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), encodable(text))


def encodable(text: str) -> str:
    r"""The text as a value: all of it, with bytes that are no UTF-8 written as \xe9, halves of pairs as \ud800."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogateescape" if all(_is_byte(one) for one in text) else "backslashreplace")
        return data.decode("utf-8", "backslashreplace")
    return text


def _is_byte(character: str) -> bool:
    """Whether it can be encoded, as itself or as the byte that it stands for."""
    return not "\ud800" <= character <= "\udfff" or "\udc80" <= character <= "\udcff"
