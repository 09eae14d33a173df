# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that the server gives to indexes and constraints that have none.

The rules are those of PostgreSQL's source: makeObjectName, ChooseRelationName, ChooseIndexColumnNames and
ChooseConstraintName (indexcmds.c, pg_constraint.c), FigureColname (parse_target.c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...module_utils._support.name_rules import LONGEST_NAME

__all__ = ["chosen", "column_names", "expression_name", "joined"]


def chosen(table: str, columns: str | None, label: str, taken: Callable[[str], bool]) -> str:
    """<table>_<columns>_<label>, shortened to what a name may have, and with a number where it is taken."""
    number = 0
    while True:
        name = _object_name(table, columns, f"{label}{number or ''}")
        if not taken(name):
            return name
        number += 1


def _object_name(table: str, columns: str | None, label: str) -> str:
    """makeObjectName: bytes go from the longer of the two parts, one by one."""
    first, second = table.encode("utf-8"), (columns or "").encode("utf-8")
    room = LONGEST_NAME - len(label) - 1 - (columns is not None)
    left, right = len(first), len(second)
    while left + right > room:
        if left > right:
            left -= 1
        else:
            right -= 1
    parts = [first[:left].decode("utf-8", "ignore")]
    if columns is not None:
        parts.append(second[:right].decode("utf-8", "ignore"))
    return "_".join((*parts, label))


def joined(names: Sequence[str]) -> str:
    """ChooseIndexNameAddition and its brother for foreign keys: names are added until a name is full."""
    text = b""
    for name in names:
        text += (b"_" if text else b"") + name.encode("utf-8")
        if len(text) > LONGEST_NAME:
            break
    return text.decode("utf-8")


def column_names(elements: Sequence[Any]) -> list[str]:
    """ChooseIndexColumnNames: of all columns of an index, keys and included ones; one that repeats gets a number."""
    names: list[str] = []
    for element in elements:
        origin = element.name or expression_name(element.expr) or "expr"
        name, number = origin, 0
        while name in names:
            number += 1
            room = LONGEST_NAME - len(str(number))
            name = origin.encode("utf-8")[:room].decode("utf-8", "ignore") + str(number)
        names.append(name)
    return names


_FIXED = {
    "A_ArrayExpr": "array",
    "RowExpr": "row",
    "CoalesceExpr": "coalesce",
    "GroupingFunc": "grouping",
    "XmlSerialize": "xmlserialize",
    "JsonParseExpr": "json",
    "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize",
    "JsonObjectConstructor": "json_object",
    "JsonArrayConstructor": "json_array",
    "JsonArrayQueryConstructor": "json_array",
}


def expression_name(node: Any) -> str | None:
    """FigureIndexColname: what the server calls the column of an expression; None where it says "expr"."""
    return _figured(node)[1]


def _figured(node: Any) -> tuple[int, str | None]:
    """FigureColnameInternal: how good the name is (0: none, 1: only a hint, 2: good), and the name."""
    kind = type(node).__name__
    if kind in _FIXED:
        return 2, _FIXED[kind]
    figure = _FIGURES.get(kind)
    return (0, None) if figure is None else figure(node)


def _last_string(nodes: Sequence[Any] | None) -> str | None:
    names = [node.sval for node in nodes or () if type(node).__name__ == "String"]
    return names[-1] if names else None


def _of_column(node: Any) -> tuple[int, str | None]:
    name = _last_string(node.fields)
    return (2, name) if name else (0, None)


def _of_indirection(node: Any) -> tuple[int, str | None]:
    name = _last_string(node.indirection)
    return (2, name) if name else _figured(node.arg)


def _of_operator(node: Any) -> tuple[int, str | None]:
    return (2, "nullif") if node.kind.name == "AEXPR_NULLIF" else (0, None)


def _of_cast(node: Any) -> tuple[int, str | None]:
    strength, name = _figured(node.arg)
    return (strength, name) if strength > 1 else (1, _last_string(node.typeName.names))


def _of_case(node: Any) -> tuple[int, str | None]:
    strength, name = _figured(node.defresult)
    return (strength, name) if strength > 1 else (1, "case")


def _of_min_max(node: Any) -> tuple[int, str | None]:
    return 2, "greatest" if node.op.name == "IS_GREATEST" else "least"


def _of_xml(node: Any) -> tuple[int, str | None]:
    # IS_XMLCONCAT → xmlconcat; IS DOCUMENT has no name of its own.
    name = node.op.name.removeprefix("IS_").lower()
    return (0, None) if name == "document" else (2, name)


_FIGURES: dict[str, Callable[[Any], tuple[int, str | None]]] = {
    "ColumnRef": _of_column,
    "A_Indirection": _of_indirection,
    "FuncCall": lambda node: (2, _last_string(node.funcname)),
    "A_Expr": _of_operator,
    "TypeCast": _of_cast,
    "CollateClause": lambda node: _figured(node.arg),
    "CaseExpr": _of_case,
    "MinMaxExpr": _of_min_max,
    "SQLValueFunction": lambda node: (2, node.op.name.removeprefix("SVFOP_").removesuffix("_N").lower()),
    "XmlExpr": _of_xml,
    "JsonFuncExpr": lambda node: (2, node.op.name.removesuffix("_OP").lower()),
}
