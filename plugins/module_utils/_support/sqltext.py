# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL text out of psycopg2.sql objects, without a connection, and the names that the collection makes itself."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Iterable, List, Optional, Sequence, Tuple

from .driver import sql

__all__ = [
    "NAME_LIMIT",
    "ONE_NAME",
    "closed_line",
    "collations_in",
    "compose",
    "copy_of",
    "derived_name",
    "enclosed",
    "identifier",
    "identifiers",
    "is_one_expression",
    "is_one_statement",
    "literal",
    "literal_name",
    "mask_literals",
    "qualified",
    "raw",
    "temporary_name",
    "without_collation",
]

# PostgreSQL documentation, 4.1.1 "Identifiers and Key Words": NAMEDATALEN - 1 bytes; longer names are cut silently.
NAME_LIMIT = 63


def _quoted_literal(text: str) -> str:
    """A string constant that means the same whatever standard_conforming_strings says (4.1.2.2)."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def _render(part: Any) -> str:
    """psycopg2's own rendering needs a connection, only to learn its encoding; planners have none."""
    if isinstance(part, sql.Composed):
        return "".join(_render(inner) for inner in part.seq)
    if isinstance(part, sql.Identifier):
        return ".".join('"' + name.replace('"', '""') + '"' for name in part.strings)
    if isinstance(part, sql.Literal):
        return _quoted_literal(str(part.wrapped))
    if isinstance(part, sql.SQL):
        return str(part.string)
    raise TypeError(f"not a part of an SQL text: {part!r}")


def compose(template: str, **parts: Any) -> str:
    """SQL text: the template's {placeholders} filled with identifier(), literal() or raw() parts."""
    return _render(sql.SQL(template).format(**parts))


def identifier(*names: str) -> Any:
    """A quoted name; several make a qualified one."""
    return sql.Identifier(*names)


def identifiers(names: Iterable[str]) -> Any:
    """A comma-separated list of quoted names."""
    return sql.SQL(", ").join([sql.Identifier(name) for name in names])


def literal(text: str) -> Any:
    """A quoted string constant."""
    return sql.Literal(text)


def raw(text: str) -> Any:
    """SQL that is SQL already: an expression or predicate of the migration, or a text that we composed before."""
    return sql.SQL(text)


def qualified(schema: str, name: str) -> str:
    """ "schema"."name" as text, for statements and for messages."""
    return _render(sql.Identifier(schema, name))


def _cut(text: str, limit: int) -> str:
    return text.encode("utf-8", "surrogateescape")[:limit].decode("utf-8", "ignore")


def temporary_name(name: str, purpose: str, scope: Sequence[str]) -> str:
    """A name for a helper object: the same in every run, so that an interrupted run's leftovers are found again.

    purpose: new | old | check. scope: what tells the object from others of the same name (schema, table).
    At most NAME_LIMIT bytes, a prefix of the object's own name in front, so that a person knows what it is.
    """
    digest = hashlib.sha256("\0".join((*scope, name)).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    suffix = f"_steady_{purpose}_{digest}"
    return _cut(name, NAME_LIMIT - len(suffix)) + suffix


def copy_of(schema: str, name: str) -> str:
    """The empty temporary copy of a table on which definitions are tried: the same for all steps of a run."""
    digest = hashlib.sha256("\0".join((schema, name)).encode("utf-8")).hexdigest()[:8]
    return f'pg_temp."steady_copy_{digest}"'


def derived_name(text: str, scope: Sequence[str]) -> str:
    """The text itself where it fits into a name; else its beginning and a digest, the same in every run."""
    if len(text.encode("utf-8", "surrogateescape")) <= NAME_LIMIT:
        return text
    digest = hashlib.sha256("\0".join((*scope, text)).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{_cut(text, NAME_LIMIT - len(digest) - 1)}_{digest}"


# PostgreSQL documentation, 4.1: backslashes escape in E'' only, a dollar quote does not follow a name, tags keep case.
_NAMES = r"""
    [eE]' (?: [^'\\] | '' | \\. )* (?: \\?\Z | ')
    | (?P<kept> "(?: [^"] | "" )* (?: " | \Z) | \$\d+ | [^\W\d][\w$]* )
    """
_REST = r"""
    | -- [^\n]*
    | /\* (?: [^*/] | \*(?!/) | /(?!\*) )* (?: \*/ | %s )
    | \$(?P<tag>(?:[^\W\d]\w*)?)\$ .*? (?: \$(?P=tag)\$ | \Z)
    """
# Other people's text: a backslash before a quote means two things (standard_conforming_strings), and a nested comment
# ends where nobody knows: the rest is masked then.
_THEIRS = re.compile(
    "(?sx)"
    + _NAMES
    + r"| ' (?: [^'\\] | '' | \\[^'] )* (?: \\? \Z | \\' .* | ')"
    + _REST % ".*"
    + r"| \.?\d [\w.]* (?: (?<=[eE])[+-][\w.]* )?"
)
# Ours, in a session with standard_conforming_strings on.
_OURS = re.compile("(?sx)" + _NAMES + r"| ' (?: [^'] | '' )* (?: ' | \Z)" + _REST % r"(?!)")


def _code(text: str) -> str:
    """The text without constants and comments; a name or a word is an x."""
    return _OURS.sub(lambda part: "x" if part.group("kept") else " ", text)


def _closed(text: str) -> bool:
    """Whether no quote or comment is left open: what is appended to the text stays code."""
    return "/*" not in _code(text) and _code(text + "\n;").rstrip().endswith(";")


def enclosed(expression: str) -> str:
    """The SQL text of an expression in parentheses; a comment at its end does not swallow the closing one."""
    return f"({closed_line(expression)})"


def closed_line(text: str) -> str:
    """SQL after which a comment at its end does not swallow what comes behind."""
    return f"{text}\n" if "--" in text else text


def is_one_expression(text: str) -> bool:
    """Whether the text stays within the parentheses that are put around it: no statement ends in it, none is closed."""
    depth = 0
    for character in _code(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0 or character == ";":
            return False
    return depth == 0 and _closed(text)


def is_one_statement(text: str) -> bool:
    """Whether no second statement follows a semicolon."""
    return ";" not in _code(text).rstrip().rstrip(";") and _closed(text)


#: A name as SQL writes it, with or without quotes (4.1.1).
ONE_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_ONE_PLACE = rf"(?P<name>{ONE_NAME}(?:\s*\.\s*{ONE_NAME})?)"
_COLLATE = re.compile(rf'(?i)"(?:[^"]|"")*"|\bcollate\s+{_ONE_PLACE}')


def collations_in(text: str) -> List[str]:
    """The names behind each COLLATE of an SQL text, as they are written there."""
    code = _OURS.sub(lambda part: part.group("kept") or " ", text)
    return [found.group("name") for found in _COLLATE.finditer(code) if found.group("name")]


_LAST_COLLATE = re.compile(rf'(?is)(?P<rest>.*[\s)"])collate\s+{_ONE_PLACE}\s*')
# One column, one call of a function, or anything in parentheses, each with casts behind it: COLLATE is of all of it.
_ONE_OPERAND = re.compile(r"\s*(?:[\w$.]+(?:\s*\(\))?|\(\))(?:\s*::\s*[\w$.]+(?:\(\))?)*\s*")


def without_collation(expression: str) -> Tuple[str, Optional[str]]:
    """An expression without the COLLATE that is of all of it, and that collation's literal name; None without one.

    CREATE INDEX takes "(x COLLATE y)" for "x COLLATE y", the collation of the key (indexcmds.c, ComputeIndexAttrs).
    """
    text = expression.strip()
    while text.startswith("(") and text.endswith(")") and is_one_expression(text[1:-1]):
        text = text[1:-1].strip()
    found = _LAST_COLLATE.fullmatch(text)
    if found is None or not is_one_expression(found.group("rest")):
        return expression, None
    if not _ONE_OPERAND.fullmatch(_outermost(_code(found.group("rest")))):
        return expression, None
    names = re.findall(ONE_NAME, found.group("name"))
    return found.group("rest").strip(), ".".join(literal_name(name) for name in names)


def literal_name(written: str) -> str:
    """A name as the catalog has it (4.1.1)."""
    return written[1:-1].replace('""', '"') if written.startswith('"') else written.lower()


def _outermost(code: str) -> str:
    """The text with nothing in its parentheses."""
    depth, kept = 0, []
    for character in code:
        depth -= character == ")"
        if depth == 0:
            kept.append(character)
        depth += character == "("
    return "".join(kept)


def mask_literals(query: str, limit: int = 300) -> str:
    """Somebody else's query with its constants taken out: they are the application's data, not ours to print."""
    masked = _THEIRS.sub(lambda part: part.group("kept") or "?", query)
    masked = re.sub(r"\s+", " ", masked).strip()
    return masked if len(masked) <= limit else masked[: limit - 1] + "…"
