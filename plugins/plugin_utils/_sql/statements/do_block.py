# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the text of a DO block proves: that it does nothing but read and raise messages; that it ends transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..parsing import parse_block, parse_query
from ..tree import calls, kind_of_node, walk
from .query import stops

__all__ = ["ends_transactions", "only_reads"]

#: Statements of PL/pgSQL that by themselves change nothing but variables.
_HARMLESS = {
    "PLpgSQL_stmt_block",
    "PLpgSQL_stmt_assign",
    "PLpgSQL_stmt_if",
    "PLpgSQL_stmt_case",
    "PLpgSQL_stmt_loop",
    "PLpgSQL_stmt_while",
    "PLpgSQL_stmt_fori",
    "PLpgSQL_stmt_fors",
    "PLpgSQL_stmt_foreach_a",
    "PLpgSQL_stmt_exit",
    "PLpgSQL_stmt_return",
    "PLpgSQL_stmt_execsql",
    "PLpgSQL_stmt_perform",
    "PLpgSQL_stmt_raise",
}
_ENDS = {"PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"}
#: elog.h: ERROR. A block that may raise one is a check that has to run.
_ERROR = 21


def ends_transactions(node: Any) -> bool:
    """Of a DoStmt: whether COMMIT or ROLLBACK is in it, which PostgreSQL permits only outside of a transaction."""
    return any(kind in _ENDS for kind, _value in _found(node) or ())


def only_reads(node: Any) -> bool:
    """Of a DoStmt. False wherever it is not proven."""
    found = _found(node)
    if found is None:
        return False
    if any(kind.startswith("PLpgSQL_stmt_") and kind not in _HARMLESS for kind, _value in found):
        return False
    for kind, value in found:
        if kind == "PLpgSQL_stmt_execsql" and value.get("strict"):
            return False
        if kind == "PLpgSQL_stmt_raise" and value.get("elog_level", _ERROR) >= _ERROR:
            return False
        if kind == "PLpgSQL_expr" and not _query_reads(value.get("query", "")):
            return False
    return True


def _found(node: Any) -> list[tuple[str, Any]] | None:
    """All that is in a block of PL/pgSQL; None where it cannot be read."""
    arguments = {argument.defname: argument.arg for argument in node.args or ()}
    language = arguments.get("language")
    if "as" not in arguments or (language is not None and language.sval != "plpgsql"):
        return None
    tree = parse_block("".join(part.sval for part in _parts(arguments["as"])))
    return None if tree is None else list(_entries(tree))


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _entries(tree: Any) -> Iterator[tuple[str, Any]]:
    """All mappings below, each with the key that names its kind."""
    if isinstance(tree, list):
        for one in tree:
            yield from _entries(one)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, dict):
                yield key, value
            yield from _entries(value)


def _query_reads(text: str) -> bool:
    """Whether an expression or query of a block only reads; an assignment is "name := expression" there."""
    for candidate in (text, f"SELECT {text}", f"SELECT {text.split(':=', 1)[-1]}"):
        nodes = parse_query(candidate)
        if nodes is not None:
            return all(_reads(node) for node in nodes)
    return False


def _reads(node: Any) -> bool:
    if kind_of_node(node) != "SelectStmt" or calls(node) or stops(node):
        return False
    kinds = {kind_of_node(one) for one in walk(node)}
    return not kinds & {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "LockingClause", "IntoClause"}
