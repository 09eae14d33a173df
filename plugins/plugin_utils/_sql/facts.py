# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the statements of a file make, by name, before any of them is read: a DROP before a CREATE is a replacement."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from .scene import strings

__all__ = ["facts_of"]


def facts_of(node: Any) -> Iterator[tuple[Hashable, ...]]:
    """What the statement does: ("made", "view", name), ("foreign key", table, name), ("validated", table, name).

    Names have no schema here: one file hardly has two objects of one kind and name.
    """
    find = _FACTS.get(type(node).__name__)
    if find is not None:
        yield from find(node)


def _of_create_table(node: Any) -> Iterator[tuple[Hashable, ...]]:
    yield "made", "table", node.relation.relname


def _of_alter_table(node: Any) -> Iterator[tuple[Hashable, ...]]:
    table = node.relation.relname
    for command in node.cmds or ():
        kind = command.subtype.name
        if kind == "AT_AddConstraint":
            kind = command.def_.contype.name
            yield "foreign key" if kind == "CONSTR_FOREIGN" else "constraint", table, command.def_.conname
        elif kind == "AT_ValidateConstraint":
            yield "validated", table, command.name
        elif kind == "AT_AddColumn":
            yield "made", "column", table, command.def_.colname
        elif kind == "AT_ColumnDefault" and command.def_ is not None:
            yield "default", table, command.name
        elif kind == "AT_DropConstraint":
            yield "dropped constraint", table, command.name


def _of_rename(node: Any) -> Iterator[tuple[Hashable, ...]]:
    what = node.renameType.name.removeprefix("OBJECT_").lower()
    yield "made", what, node.newname


def _of_drop(node: Any) -> Iterator[tuple[Hashable, ...]]:
    if node.removeType.name == "OBJECT_INDEX":
        for one in node.objects:
            yield "dropped", "index", strings(one)[-1]


def _named(what: str, name: Callable[[Any], str]) -> Callable[[Any], Iterator[tuple[Hashable, ...]]]:
    def find(node: Any) -> Iterator[tuple[Hashable, ...]]:
        yield "made", what, name(node)

    return find


def _last(parts: Any) -> str:
    return strings(parts)[-1]


_FACTS: dict[str, Callable[[Any], Iterator[tuple[Hashable, ...]]]] = {
    "CreateStmt": _of_create_table,
    "AlterTableStmt": _of_alter_table,
    "RenameStmt": _of_rename,
    "DropStmt": _of_drop,
    "IndexStmt": lambda node: iter([("made", "index", node.idxname)]),
    "ViewStmt": _named("view", lambda node: str(node.view.relname)),
    "CreateTableAsStmt": _named("matview", lambda node: str(node.into.rel.relname)),
    "CreateFunctionStmt": _named("function", lambda node: _last(node.funcname)),
    "CreateEnumStmt": _named("type", lambda node: _last(node.typeName)),
    "CompositeTypeStmt": _named("type", lambda node: str(node.typevar.relname)),
    "CreateDomainStmt": _named("type", lambda node: _last(node.domainname)),
    "CreateRangeStmt": _named("type", lambda node: _last(node.typeName)),
    "CreateTrigStmt": _named("trigger", lambda node: str(node.trigname)),
    "CreatePolicyStmt": _named("policy", lambda node: str(node.policy_name)),
    "CreateSeqStmt": _named("sequence", lambda node: str(node.sequence.relname)),
    "RuleStmt": _named("rule", lambda node: str(node.rulename)),
}
