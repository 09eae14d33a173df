# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a statement as the file has them: expressions, by the words and signs around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .parsing import Token, parsed_expression, written
from .tree import kind_of_node, walk

__all__ = ["NotWritable", "expression_from", "in_parentheses", "same", "value_of"]

_OPEN, _CLOSE, _COMMA = "ASCII_40", "ASCII_41", "ASCII_44"
#: What may follow DEFAULT expression in a column's definition (gram.y, ColConstraintElem and ConstraintAttr).
_FOLLOWING = frozenset(
    (
        *("NOT", "NULL_P", "UNIQUE", "PRIMARY", "CHECK", "DEFAULT", "GENERATED", "REFERENCES", "COLLATE", "CONSTRAINT"),
        *("DEFERRABLE", "INITIALLY", "ENFORCED", _COMMA),
    )
)


class NotWritable(Exception):
    """What an entry has no form for. The message is what to do about it."""


def same(text: str, node: Any) -> str:
    """The text of an expression, if it reads back as the tree; else what pglast writes for the tree."""
    read = parsed_expression(text) if text else None
    if read is not None and read == node:
        return text
    # AT TIME ZONE and its like are calls of functions in the tree, and the server keeps how they were written.
    calls = [one for one in walk(node) if kind_of_node(one) == "FuncCall"]
    if any(call.funcformat.name == "COERCE_SQL_SYNTAX" for call in calls):
        raise NotWritable("its expression cannot be cut out of the statement: put parentheses around it")
    return written(node)


def expression_from(node: Any, code: str, tokens: Sequence[Token], first: int) -> str:
    """The text of an expression that begins with the token of this number, up to the first end that gives its tree."""
    depth = 0
    for number in range(first, len(tokens)):
        name = tokens[number].name
        if depth == 0 and number > first and (name in _FOLLOWING or name == _CLOSE):
            text = code[tokens[first].start : tokens[number - 1].end]
            if parsed_expression(text) == node:
                return text
        depth += {_OPEN: 1, _CLOSE: -1, "ASCII_91": 1, "ASCII_93": -1}.get(name, 0)
        if depth < 0:
            break
    text = code[tokens[first].start : tokens[-1].end] if first < len(tokens) else ""
    return same(text, node)


def in_parentheses(node: Any, code: str, tokens: Sequence[Token], first: int) -> str:
    """The text of an expression in the first parentheses from the token of this number on."""
    depth, begin = 0, None
    for token in tokens[first:]:
        if token.name == _OPEN and begin is None:
            begin = token.end
        depth += {_OPEN: 1, _CLOSE: -1}.get(token.name, 0)
        if begin is not None and depth == 0:
            return same(code[begin : token.start].strip(), node)
    return same("", node)


def value_of(argument: Any) -> Any:
    """The value of a storage parameter; for one without a value the server keeps "true"."""
    if argument is None:
        return "true"
    kind = kind_of_node(argument)
    if kind == "Integer":
        return argument.ival
    if kind == "Float":
        return argument.fval
    return argument.names[-1].sval if kind == "TypeName" else argument.sval
