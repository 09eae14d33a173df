# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the statements of a file make, by name, before any of them is read: a DROP before a CREATE is a replacement."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from . import naming
from .scene import strings
from .statements.query import WRITES

__all__ = ["facts_of"]


def facts_of(node: Any) -> Iterator[tuple[Hashable, ...]]:
    """What the statement does: ("made", "view", name), ("foreign key", table, name), ("validated", table, name).

    Names have no schema here: one file hardly has two objects of one kind and name.
    """
    kind = type(node).__name__
    if kind in _WRITES:
        yield ("writes",)
    find = _FACTS.get(kind)
    if find is not None:
        yield from find(node)


#: What writes rows, or may.
_WRITES = frozenset([*WRITES, "DoStmt", "SelectStmt", "CallStmt"])


def _of_create_table(node: Any) -> Iterator[tuple[Hashable, ...]]:
    yield "made", "table", node.relation.relname


def _of_alter_table(node: Any) -> Iterator[tuple[Hashable, ...]]:
    table = node.relation.relname
    for command in node.cmds or ():
        kind = command.subtype.name
        if kind == "AT_AddConstraint":
            kind = command.def_.contype.name
            yield "foreign key" if kind == "CONSTR_FOREIGN" else "constraint", table, command.def_.conname
            if kind in _WITH_INDEX and not command.def_.indexname and not command.def_.without_overlaps:
                yield "index constraint", table, _name_of(command.def_, table)
            if kind == "CONSTR_CHECK" and not command.def_.skip_validation and command.def_.is_enforced:
                yield "check", table, command.def_.conname
            if kind == "CONSTR_FOREIGN":
                yield _form_of_key(command.def_), table, command.def_.conname
        elif kind == "AT_ValidateConstraint":
            yield "validated", table, command.name
        elif kind == "AT_AddColumn":
            yield "made", "column", table, command.def_.colname
            if any(one.contype.name in _REFUSE_NULL for one in command.def_.constraints or ()):
                yield "made not null", table, command.def_.colname
        elif kind == "AT_ColumnDefault":
            yield "default", table, command.name
        elif kind == "AT_DropConstraint":
            yield "dropped constraint", table, command.name
        elif kind == "AT_SetNotNull":
            yield "not null", table, command.name
        elif kind in ("AT_DropColumn", "AT_AlterColumnType"):
            yield "changed column", table, command.name


_REFUSE_NULL = ("CONSTR_NOTNULL", "CONSTR_PRIMARY", "CONSTR_IDENTITY")

#: The last part of the name that the server chooses.
_WITH_INDEX = {"CONSTR_UNIQUE": "key", "CONSTR_PRIMARY": "pkey"}


def _name_of(constraint: Any, table: str) -> str:
    """The name of a constraint, or the one that the server chooses where it is free."""
    label = _WITH_INDEX[constraint.contype.name]
    columns = naming.joined([*strings(constraint.keys), *strings(constraint.including)])
    chosen = naming.chosen(table, columns if label == "key" else None, label, lambda name: False)
    return constraint.conname or chosen


def _form_of_key(key: Any) -> str:
    """Whether an entry of `foreign_keys` can say it; one that stays NOT VALID none can."""
    if not key.pk_attrs or not key.is_enforced or key.fk_with_period or key.pk_with_period:
        return "key as written"
    return "key not valid" if key.skip_validation else "key"


def _of_rename(node: Any) -> Iterator[tuple[Hashable, ...]]:
    what = node.renameType.name.removeprefix("OBJECT_").lower()
    yield "made", what, node.newname
    if what == "column" and node.relation is not None:
        yield "changed column", node.relation.relname, node.subname


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
    "InsertStmt": lambda node: iter([("rows", node.relation.relname)]),
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
