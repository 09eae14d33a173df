# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns of a table that is there: added, changed, dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..effect import Effect
from ..fragments import NotWritable
from ..in_steps import not_null_in_steps
from ..scene import Place, SqlScene, dotted, strings
from ..tree import is_constant, kind_of_node
from ..values import Entry
from .column_entry import added_column, defaulted_column
from .constraint import take_names
from .foreign_key import add_foreign_key

__all__ = ["COLUMN_COMMANDS", "ColumnFacts", "facts"]

_NOT_NULL = (
    "A CHECK (column IS NOT NULL) is added NOT VALID and validated while rows are written (PostgreSQL 18: the NOT NULL "
    "itself), so that SET NOT NULL needs no scan; NULLs are found before anything is changed."
)
_SERIALS = {"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"}
#: Types without a limit: every value of a text type fits.
_WIDE = {"text"}
#: Types into which a cast rounds or cuts without an error.
_NARROW = {"int2", "int4", "float4", "float8", "date", "time", "timetz", "bpchar", "bool"}


@dataclass(frozen=True)
class ColumnFacts:
    """What ADD COLUMN or CREATE TABLE says of a column. default: the tree of its expression.

    references: pglast's Constraint of an inline foreign key.
    """

    not_null: bool = False
    default: Any = None
    identity: bool = False
    serial: bool = False
    stored: bool = False
    virtual: bool = False
    unique: bool = False
    primary: bool = False
    check: bool = False
    references: Any = None
    deferrable: bool = False
    deferred: bool = False

    @property
    def filled(self) -> bool:
        """Whether each row has a value of its own accord."""
        return bool(self.identity or self.serial or self.stored or self.virtual) or self.default is not None


def facts(definition: Any) -> ColumnFacts:
    """Of a ColumnDef."""
    kinds = {constraint.contype.name: constraint for constraint in definition.constraints or ()}
    names = strings(definition.typeName.names) if definition.typeName else [""]
    generated = kinds.get("CONSTR_GENERATED")
    default = kinds.get("CONSTR_DEFAULT")
    return ColumnFacts(
        not_null="CONSTR_NOTNULL" in kinds or "CONSTR_PRIMARY" in kinds,
        default=default.raw_expr if default is not None else None,
        identity="CONSTR_IDENTITY" in kinds,
        serial=len(names) == 1 and names[0] in _SERIALS,
        stored=generated is not None and generated.generated_kind != "v",
        virtual=generated is not None and generated.generated_kind == "v",
        unique="CONSTR_UNIQUE" in kinds,
        primary="CONSTR_PRIMARY" in kinds,
        check="CONSTR_CHECK" in kinds,
        references=kinds.get("CONSTR_FOREIGN"),
        deferrable="CONSTR_ATTR_DEFERRABLE" in kinds or "CONSTR_ATTR_DEFERRED" in kinds,
        deferred="CONSTR_ATTR_DEFERRED" in kinds,
    )


def _add_column(command: Any, table: Place, scene: SqlScene) -> Effect:
    definition = command.def_
    name = definition.colname
    about = dotted(*table, name)
    effect = Effect("ALTER TABLE ADD COLUMN", f"column {name} of {dotted(*table)}")
    found = facts(definition)
    for constraint in definition.constraints or ():
        take_names(constraint, table, scene, name)
    try:
        entry = added_column(definition, table, scene)
        effect.entries = (entry, *_inline_key(effect, found, table, name, scene))
    except NotWritable as error:
        effect.entries, effect.mend = None, str(error)
    if command.missing_ok:
        effect.notes.append("IF NOT EXISTS: a column of this name must be as the statement says, or deploy.yml refuses")
    scene.make("column", table, name, surely=not command.missing_ok)
    if not found.filled:
        scene.make("column without values", table, name)
    if not scene.is_new("table", table):
        _hazards_of_new_column(effect, found, table, about)
    if scene.is_surely_new("table", table) or _is_as_written(effect, table, name, scene):
        effect.entries, effect.mend = None, ""
    return effect


def _is_as_written(effect: Effect, table: Place, name: str, scene: SqlScene) -> bool:
    """Whether it is added as it is written: no entry says it, or the file changes it later, or accepts the rewrite."""
    return (
        effect.entries is None
        or any(one.name == "table_rewrite" for one in effect.hazards)
        or scene.comes_later("changed column", table[1], name)
        or scene.comes_later("default", table[1], name)
        or scene.rows_before("not null", table[1], name)
    )


def _inline_key(effect: Effect, found: ColumnFacts, table: Place, name: str, scene: SqlScene) -> tuple[Entry, ...]:
    """The entry of a foreign key in the column's definition. Raises NotWritable."""
    if found.references is None:
        return ()
    scene.make("column", table, name)
    key = add_foreign_key(found.references, table, scene, [name], found.deferrable, found.deferred)
    if key.entries is None:
        raise NotWritable(key.summary)
    effect.instead = key.instead
    effect.notes += key.notes
    return key.entries


def _hazards_of_new_column(effect: Effect, found: ColumnFacts, table: Place, about: str) -> None:
    whole = dotted(*table)
    if found.not_null and not found.filled:
        effect.hazard(
            "fails_on_data",
            about,
            f"NOT NULL without a default: it fails if {whole} has one row.",
        )
        effect.hazard("breaks_running_application", about, "Code that does not know the column cannot insert any more.")
    if found.identity or found.serial or found.stored or (found.default is not None and not is_constant(found.default)):
        why = "has a value of its own in each row" if not found.stored else "is computed for each row"
        effect.hazard("table_rewrite", about, f"The column {why}: {whole} is written anew while reads and writes wait.")
    if found.unique or found.primary:
        effect.hazard("blocks_reads", about, f"Its index is built while reads and writes of {whole} wait.")
    elif found.check or (found.references is not None and found.default is not None):
        effect.hazard("blocks_reads", about, f"All rows of {whole} are checked while reads and writes wait.")
    if found.unique and found.default is not None:
        effect.hazard("fails_on_data", about, f"All rows get the same value: it fails if {whole} has two rows.")


def _drop_column(command: Any, table: Place, scene: SqlScene) -> Effect:
    about = dotted(*table, command.name)
    effect = Effect("ALTER TABLE DROP COLUMN", f"column {command.name} of {dotted(*table)}")
    is_new = scene.is_surely_new("table", table) or scene.is_surely_new("column", table, command.name)
    scene.forget("column", table, command.name)
    if not is_new:
        effect.hazard("data_loss", about, "All values of the column are deleted.")
        effect.hazard("breaks_running_application", about, "Code that reads or writes the column fails.")
    return effect


def _drop_not_null(command: Any, table: Place, scene: SqlScene) -> Effect:
    return _nullable(command, table, scene, True)


def _set_not_null(command: Any, table: Place, scene: SqlScene) -> Effect:
    return _nullable(command, table, scene, False)


def _nullable(command: Any, table: Place, scene: SqlScene, nullable: bool) -> Effect:
    name = command.name
    verb = "DROP" if nullable else "SET"
    effect = Effect(f"ALTER TABLE {verb} NOT NULL", f"column {name} of {dotted(*table)}")
    is_new = scene.is_new("table", table) or scene.is_new("column", table, name)
    if not nullable:
        effect.instead = _NOT_NULL
        if not is_new:
            effect.hazard(
                "breaks_running_application",
                dotted(*table, name),
                "Code that runs now and writes NULL there, or leaves the column out, fails from now on.",
            )
        elif scene.is_new("column without values", table, name) and not scene.is_new("table", table):
            about = dotted(*table, name)
            effect.hazard("fails_on_data", about, "The file adds the column without a default: rows have NULL there.")
            effect.hazard(
                "breaks_running_application", about, "Code that does not know the column cannot insert any more."
            )
    if not nullable and not scene.is_new("table", table) and scene.rows_since("column", table, name):
        effect.entries = tuple(not_null_in_steps(effect, table, name, scene))
        return effect
    effect.entries = (Entry("columns", {"table": table[1], "name": name, "nullable": nullable}, table[0]),)
    return effect


def _default(command: Any, table: Place, scene: SqlScene) -> Effect:
    verb = "DROP" if command.def_ is None else "SET"
    effect = Effect(f"ALTER TABLE {verb} DEFAULT", f"default of column {command.name} of {dotted(*table)}")
    retyped = scene.came_before("changed column", table[1], command.name) or scene.comes_later(
        "changed column", table[1], command.name
    )
    if retyped:
        return effect  # it is a default of the type that the column has at this place
    if scene.came_before("made", "column", table[1], command.name):
        return effect  # the rows that are there have the value from before, so the column was added as it is written
    if command.def_ is None:
        effect.notes.append("code that leaves the column out writes NULL from now on, which NOT NULL refuses")
    try:
        effect.entries = (defaulted_column(command, table, scene),)
    except NotWritable as error:
        effect.mend = str(error)
    return effect


def _type(command: Any, table: Place, scene: SqlScene) -> Effect:
    about, whole = dotted(*table, command.name), dotted(*table)
    effect = Effect("ALTER TABLE ALTER COLUMN TYPE", f"type of column {command.name} of {whole}")
    if scene.is_new("table", table):
        return effect
    effect.hazard(
        "table_rewrite",
        about,
        f"{whole} is written anew while reads and writes wait, unless the old type has the same form of storage.",
    )
    target = strings(command.def_.typeName.names)[-1]
    if command.def_.raw_default is not None or target not in _WIDE:
        effect.hazard("fails_on_data", about, "It fails if one value does not fit into the new type.")
    using = command.def_.raw_default
    if command.def_.typeName.typmods or target in _NARROW or (using is not None and not _only_casts(using)):
        effect.hazard("data_loss", about, "Values may be rounded or cut to fit, and the old ones are not kept.")
    effect.hazard(
        "breaks_running_application", about, "Code that runs now may not know the new type, or the values of it."
    )
    return effect


def _only_casts(node: Any) -> bool:
    """Whether USING only casts the column, as an ORM changes an enum: it fails, or keeps each value."""
    while kind_of_node(node) == "TypeCast":
        node = node.arg
    return kind_of_node(node) == "ColumnRef"


def _rewriting(kind: str) -> Callable[[Any, Place, SqlScene], Effect]:
    def read(command: Any, table: Place, scene: SqlScene) -> Effect:
        effect = Effect(f"ALTER TABLE {kind}", f"column {command.name} of {dotted(*table)}")
        if not scene.is_new("table", table):
            effect.hazard(
                "table_rewrite", dotted(*table, command.name), "The table is written anew while reads and writes wait."
            )
        return effect

    return read


def _plain(kind: str) -> Callable[[Any, Place, SqlScene], Effect]:
    def read(command: Any, table: Place, scene: SqlScene) -> Effect:
        return Effect(f"ALTER TABLE {kind}", f"column {command.name} of {dotted(*table)}")

    return read


#: By pglast's AlterTableType; each gives what one subcommand does.
COLUMN_COMMANDS: dict[str, Callable[[Any, Place, SqlScene], Effect]] = {
    "AT_AddColumn": _add_column,
    "AT_DropColumn": _drop_column,
    "AT_DropNotNull": _drop_not_null,
    "AT_SetNotNull": _set_not_null,
    "AT_ColumnDefault": _default,
    "AT_AlterColumnType": _type,
    "AT_SetExpression": _rewriting("SET EXPRESSION"),
    "AT_DropExpression": _plain("DROP EXPRESSION"),
    "AT_SetStatistics": _plain("SET STATISTICS"),
    "AT_SetOptions": _plain("SET (column options)"),
    "AT_ResetOptions": _plain("RESET (column options)"),
    "AT_SetStorage": _plain("SET STORAGE"),
    "AT_SetCompression": _plain("SET COMPRESSION"),
    "AT_AddIdentity": _plain("ADD GENERATED AS IDENTITY"),
    "AT_SetIdentity": _plain("SET GENERATED"),
    "AT_DropIdentity": _plain("DROP IDENTITY"),
    "AT_AlterColumnGenericOptions": _plain("OPTIONS"),
}
