# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for one foreign key: added, replaced and dropped so that at every instant a key is enforced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from ..._model.catalog import Catalog, TableName
from ..._model.data_questions import Orphans, Place, Unmatched
from ..._model.plan import (
    ACCESS_EXCLUSIVE,
    ROW_SHARE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    DataCheck,
    Lock,
    Outcome,
    Problem,
    Step,
    Unit,
    autocommit,
    guarded,
)
from ..._model.tables import column_problems, lock_problems, owner_problems, table_problems
from ..._support.sqltext import compose, copy_of, identifier, identifiers, literal, qualified, raw, temporary_name
from .. import conflict
from ..index.covering import finds_rows
from .acceptance import acceptance_problems, rehearsal
from .specification import ForeignKeySpecification

__all__ = [
    "KIND",
    "DesiredKey",
    "definition",
    "differs",
    "from_image",
    "from_specification",
    "names_not_null",
    "nulled_columns",
    "plan",
    "tables",
]

KIND = "foreign_key"
_NOT_VALID_PARTITIONED = 180000  # before, NOT VALID is refused on a partitioned table (ALTER TABLE, "Notes" of 17)
_SET_COLUMNS = 150000  # ON DELETE SET NULL (column, …), release notes of 15
_DEFINITION = (
    "columns",
    "referenced_schema",
    "referenced_table",
    "referenced_columns",
    "on_delete",
    "on_delete_columns",
    "on_update",
    "match",
    "deferrable",
    "initially_deferred",
)


@dataclass(frozen=True)
class DesiredKey:
    """What a foreign key shall be. What a specification leaves out (None) is kept as it stands.

    restores: true for a key of the journal, which is brought back as it was, wise or not. validated: false only for
    such a key that was NOT VALID.
    """

    schema: str
    table: str
    name: str
    specification: Optional[ForeignKeySpecification]
    validated: bool = True
    comment: Optional[str] = None
    restores: bool = False
    enforced: bool = True

    @property
    def table_name(self) -> TableName:
        return (self.schema, self.table)

    @property
    def present(self) -> bool:
        return self.specification is not None


def from_specification(specification: ForeignKeySpecification) -> DesiredKey:
    return DesiredKey(
        specification.schema,
        specification.table,
        specification.name,
        specification if specification.state == "present" else None,
    )


def from_image(table: TableName, name: str, image: Optional[Mapping[str, Any]]) -> DesiredKey:
    """The target that brings back what stood there."""
    if image is None:
        return DesiredKey(table[0], table[1], name, None)
    specification = ForeignKeySpecification(
        schema=table[0],
        table=table[1],
        name=name,
        columns=tuple(image["columns"]),
        referenced_schema=image["referenced_schema"],
        referenced_table=image["referenced_table"],
        referenced_columns=tuple(image["referenced_columns"]),
        on_delete=image["on_delete"],
        on_delete_columns=tuple(image["on_delete_columns"]),
        on_update=image["on_update"],
        match=image["match"],
        deferrable=image["deferrable"],
        initially_deferred=image["initially_deferred"],
        state="present",
    )
    return DesiredKey(
        table[0],
        table[1],
        name,
        specification,
        image["validated"],
        image["comment"],
        restores=True,
        enforced=image["enforced"],
    )


def differs(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two images are different keys for a rollback's purposes."""
    return any(left[key] != right[key] for key in (*_DEFINITION, "enforced"))


def definition(image: Mapping[str, Any]) -> str:
    """An image as people read it: what stands behind ADD CONSTRAINT. A constraint of another type is only named."""
    if image["type"] != "f":
        return "a constraint that is no foreign key"
    return _definition(image, identifier(*_parent(image))) + _standing(image)


def _standing(key: Mapping[str, Any]) -> str:
    """What ADD CONSTRAINT says of the rows. A key that is NOT ENFORCED (18) is never valid (ALTER TABLE)."""
    if not key["enforced"]:
        return " NOT ENFORCED"
    return "" if key["validated"] else " NOT VALID"


def tables(target: DesiredKey) -> Set[TableName]:
    wanted = target.specification
    parent = wanted.parent if wanted is not None else None
    return {target.table_name} | ({parent} if parent is not None else set())


def _wanted(specification: ForeignKeySpecification, found: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """The whole definition: the specification, then what stands there, then PostgreSQL's defaults."""
    kept: Mapping[str, Any] = (
        found
        if found is not None
        else {
            "on_delete": "no_action",
            "on_delete_columns": [],
            "on_update": "no_action",
            "match": "simple",
            "deferrable": False,
            "initially_deferred": False,
        }
    )
    wanted: Dict[str, Any] = {
        "columns": list(specification.columns),
        "referenced_schema": specification.referenced_schema,
        "referenced_table": specification.referenced_table,
        "referenced_columns": list(specification.referenced_columns),
    }
    for key in ("on_delete", "on_update", "match", "deferrable", "initially_deferred"):
        value = getattr(specification, key)
        wanted[key] = kept[key] if value is None else value
    wanted["on_delete_columns"] = sorted(
        kept["on_delete_columns"] if specification.on_delete is None else specification.on_delete_columns
    )
    if not wanted["deferrable"]:
        wanted["initially_deferred"] = False
    return wanted


def _same(target: DesiredKey, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    equal = _comparable(found) == _comparable(wanted)
    return equal and found["enforced"] == target.enforced and not found["period"]


def _comparable(key: Mapping[str, Any]) -> Dict[str, Any]:
    """A definition as it acts: the order of the pairs of columns means nothing."""
    form: Dict[str, Any] = {name: key[name] for name in _DEFINITION}
    form["columns"] = sorted(zip(form["columns"], form.pop("referenced_columns")))
    form["on_delete_columns"] = sorted(form["on_delete_columns"])
    return form


def _validated_since(target: DesiredKey, found: Mapping[str, Any]) -> bool:
    """A key that was NOT VALID before a deployment comes back so: its rows were never all checked."""
    return target.restores and not target.validated and bool(found["validated"])


def plan(target: DesiredKey, catalog: Catalog) -> Outcome:
    """The outcome for one foreign key."""
    outcome = _plan(target, catalog)
    return outcome if target.specification is None else conflict.refused(outcome, target.specification.on_conflict)


def _plan(target: DesiredKey, catalog: Catalog) -> Outcome:
    table = target.table_name
    wanted = target.specification
    problems = table_problems(catalog, table, partitioned=True, partition=True)
    if wanted is not None and wanted.parent is not None:
        parent = wanted.parent
        if parent != table:
            problems += table_problems(catalog, parent, partitioned=True, partition=True)
        if not problems:
            problems += column_problems(catalog.tables[table], table, wanted.columns)
            problems += column_problems(catalog.tables[parent], parent, wanted.referenced_columns)
    found = catalog.find(KIND, table, target.name) if not problems else None
    if found is not None and found["type"] != "f":
        text = f'"{target.name}" is a constraint of {qualified(*table)}, but not a foreign key; '
        text += "give the key another name" if wanted is not None else "correct the name, or drop it in psql"
        problems.append(Problem(text, clash=True))
    elif wanted is not None and found is None and not problems and names_not_null(catalog, table, target.name):
        text = f'the name "{target.name}" is taken by a NOT NULL constraint of {qualified(*table)}; choose another name'
        problems.append(Problem(text, clash=True))
    elif found is not None and (found["period"] or found["inherited"]):
        problems.append(
            Problem(
                f'the foreign key "{target.name}" of {qualified(*table)} is '
                + ("temporal (PERIOD)" if found["period"] else "part of a partitioned table's key")
                + ", which this version does not change; "
                + ("change it in psql" if found["period"] else "name the partitioned table in the entry")
            )
        )
    if problems:
        return Outcome(KIND, table, target.name, "cannot be planned", problems=tuple(problems))
    helper = catalog.find(KIND, table, temporary_name(target.name, "new", table))
    if wanted is None:
        return _absent(target, catalog, found, helper)
    return _present(target, catalog, _wanted(wanted, found), found, helper)


def names_not_null(catalog: Catalog, table: TableName, name: str) -> bool:
    """Whether a NOT NULL constraint has the name: since 18 these share theirs with a table's other constraints."""
    columns = catalog.tables[table].columns.values()
    return any((column.not_null_constraint or {}).get("name") == name for column in columns)


def _alter(target: DesiredKey, template: str, only: bool = False, **parts: Any) -> str:
    start = "ALTER TABLE ONLY {table} " if only else "ALTER TABLE {table} "
    return compose(start + template, table=identifier(*target.table_name), **parts)


def _heirs(catalog: Catalog, tables: List[TableName]) -> Set[TableName]:
    """Those of the tables from which others inherit, as partitions do not."""
    there = [name for name in tables if name in catalog.tables]
    return {name for name in there if catalog.tables[name].kind == "r" and catalog.tables[name].has_children}


def _parent(key: Mapping[str, Any]) -> TableName:
    return (key["referenced_schema"], key["referenced_table"])


def _all(catalog: Catalog, *names: TableName) -> List[TableName]:
    """The tables and their partitions: a key of a partitioned table, or to one, is one of each partition, too."""
    return [one for name in names for one in (name, *catalog.below(name))]


def _partitioned_problems(target: DesiredKey, catalog: Catalog) -> List[Problem]:
    table = catalog.tables[target.table_name]
    if table.kind != "p" or catalog.version >= _NOT_VALID_PARTITIONED:
        return []
    return [
        Problem(
            f"{qualified(*target.table_name)} is partitioned, and PostgreSQL before 18 adds a foreign key to it only "
            f'while all writes wait for the check of all rows, so "{target.name}" is not changed; change the key of '
            "each partition by an entry of its own, or update the server to 18"
        )
    ]


def _guarded(catalog: Catalog, mode: str, tables: List[TableName], *statements: str) -> Unit:
    """What ALTER TABLE locks for a key: partitions, which have a part of it, and no tables that inherit.

    "Indexes (including unique constraints) and foreign key constraints only apply to single tables, not to their
    inheritance children" (PostgreSQL documentation, 5.11.1 "Caveats"). LOCK TABLE without ONLY would take these too.
    """
    unit = guarded(mode, tables, *statements)
    heirs = _heirs(catalog, tables)
    return replace(unit, locks=tuple(replace(lock, only=lock.table in heirs) for lock in unit.locks))


def _drop(target: DesiredKey, catalog: Catalog, *keys: Mapping[str, Any]) -> Unit:
    """DROP CONSTRAINT takes ACCESS EXCLUSIVE on both tables of a key."""
    return _guarded(
        catalog,
        ACCESS_EXCLUSIVE,
        _all(catalog, target.table_name, *(_parent(key) for key in keys)),
        *(_alter(target, "DROP CONSTRAINT {name}", name=identifier(key["name"])) for key in keys),
    )


def _absent(
    target: DesiredKey, catalog: Catalog, found: Optional[Mapping[str, Any]], helper: Optional[Mapping[str, Any]]
) -> Outcome:
    keys = [key for key in (found, helper) if key is not None]
    state = describe(found) if found is not None else "not there"
    if not keys:
        return Outcome(KIND, target.table_name, target.name, state)
    step = Step(
        KIND,
        target.table_name,
        target.name,
        "drop" if found is not None else "clean up",
        (_drop(target, catalog, *keys),),
        dict(found) if found is not None else None,
        "" if found is not None else "leftover of an interrupted run",
    )
    problems = _partitioned_problems(target, catalog) + owner_problems(catalog, target.table_name)
    problems += lock_problems(catalog, _all(catalog, *(_parent(key) for key in keys)))
    return Outcome(KIND, target.table_name, target.name, state, step, tuple(problems))


def _present(
    target: DesiredKey,
    catalog: Catalog,
    wanted: Dict[str, Any],
    found: Optional[Mapping[str, Any]],
    helper: Optional[Mapping[str, Any]],
) -> Outcome:
    table, notes = target.table_name, _notes(target, catalog, wanted)
    state = describe(found) if found is not None else "not there"
    units: List[Unit] = []
    adds = False
    action = "add"
    if found is None:
        twin = next(
            (
                key
                for key in catalog.others(KIND, table)
                if not target.restores
                and key["type"] == "f"
                and key is not helper
                and key["validated"]
                and _same(target, wanted, key)
            ),
            None,
        )
        if twin is not None:
            notes.append(
                f'{qualified(*table)}: the foreign key "{twin["name"]}" already does the job of "{target.name}"'
            )
            state = f'the key "{twin["name"]}" already does the job'
            if helper is None:
                return Outcome(KIND, table, target.name, state, notes=tuple(notes))
            cleaning = Step(
                KIND, table, target.name, "clean up", (_drop(target, catalog, helper),), None, "leftover of a run"
            )
            return Outcome(KIND, table, target.name, state, cleaning, notes=tuple(notes))
        units += [_drop(target, catalog, helper)] if helper is not None else []
        units += _added(target, catalog, wanted, target.name)
        adds = True
    elif _same(target, wanted, found) and not _validated_since(target, found):
        if helper is not None:
            units.append(_drop(target, catalog, helper))
            action = "clean up"
        for below in catalog.below(table):
            if helper is None and catalog.find(KIND, below, temporary_name(target.name, "new", table)) is not None:
                units.append(_renamed(below, temporary_name(target.name, "new", table), target.name))
                action = "clean up"
        if target.validated and not found["validated"]:
            units.append(_validation(target, catalog, wanted, target.name))
            action = "validate"
    else:
        action = "replace"
        if found.get("disabled"):
            notes.append(
                f'{qualified(*table)}: triggers of the key "{target.name}" are disabled (DISABLE TRIGGER), '
                "and those of the new key will not be, nor those that a rollback brings back"
            )
        name = temporary_name(target.name, "new", table)
        reuse = helper is not None and _same(target, wanted, helper)
        if not reuse:
            units += [_drop(target, catalog, helper)] if helper is not None else []
            units += _added(target, catalog, wanted, name)
            adds = True
        elif target.validated and helper is not None and not helper["validated"]:
            units.append(_validation(target, catalog, wanted, name))
        units.append(_swap(target, catalog, wanted, found, name))
        units += [_renamed(below, name, target.name) for below in catalog.below(table)]
    if not units:
        return Outcome(KIND, table, target.name, state, notes=tuple(notes))
    described = {**wanted, "validated": True, "enforced": target.enforced}
    validates = target.validated and any(unit.evaluates for unit in units)
    step = Step(
        KIND,
        table,
        target.name,
        action,
        tuple(units),
        dict(found) if found is not None else None,
        f"{state} → {describe(described)}"
        if action == "replace"
        else "leftover of an interrupted run"
        if action == "clean up"
        else describe(described),
        (_orphan_check(target, catalog, wanted),) if validates else (),
        rehearsal(target, catalog, wanted, _definition(wanted, raw(copy_of(*_parent(wanted))))) if adds else (),
        tuple(sorted({table, _parent(wanted)})) if adds else (),
    )
    judged = action != "clean up" and not target.restores
    problems, told = _failing_set_null(target, catalog, wanted) if judged else ([], [])
    notes += told
    problems += acceptance_problems(target, catalog, wanted) if adds else []
    problems += _partitioned_problems(target, catalog)
    problems += owner_problems(catalog, table) + _reference_problems(catalog, wanted, adds)
    problems += lock_problems(catalog, [lock.table for unit in units if unit.guarded for lock in unit.locks])
    if wanted["on_delete_columns"] and catalog.version < _SET_COLUMNS:
        problems.append(Problem(f'"{target.name}": on_delete_columns needs PostgreSQL 15 or newer; leave it out'))
    return Outcome(KIND, table, target.name, state, step, tuple(problems), tuple(notes))


def _definition(wanted: Mapping[str, Any], referenced: Any) -> str:
    text = compose(
        "FOREIGN KEY ({columns}) REFERENCES {table} ({referenced})",
        columns=identifiers(wanted["columns"]),
        table=referenced,
        referenced=identifiers(wanted["referenced_columns"]),
    )
    if wanted["match"] == "full":
        text += " MATCH FULL"
    for event in ("update", "delete"):
        action = wanted[f"on_{event}"]
        if action != "no_action":
            text += f" ON {event.upper()} {action.replace('_', ' ').upper()}"
        if event == "delete" and wanted["on_delete_columns"]:
            text += compose(" ({columns})", columns=identifiers(wanted["on_delete_columns"]))
    if wanted["deferrable"]:
        text += " DEFERRABLE" + (" INITIALLY DEFERRED" if wanted["initially_deferred"] else "")
    return text


def _added(target: DesiredKey, catalog: Catalog, wanted: Mapping[str, Any], name: str) -> List[Unit]:
    """NOT VALID first: from that moment new rows are checked. Then the old rows, while everything goes on."""
    standing = _standing({"enforced": target.enforced, "validated": False})
    statements = [
        _alter(
            target,
            "ADD CONSTRAINT {name} {definition}{standing}",
            # Without ONLY it locks the tables that inherit, too, which get no part of the key.
            only=bool(_heirs(catalog, [target.table_name])),
            name=identifier(name),
            definition=raw(_definition(wanted, identifier(*_parent(wanted)))),
            standing=raw(standing),
        )
    ]
    if target.comment is not None:
        statements.append(_comment(target, name, target.comment))
    units = [_guarded(catalog, SHARE_ROW_EXCLUSIVE, _all(catalog, target.table_name, _parent(wanted)), *statements)]
    return units + ([_validation(target, catalog, wanted, name)] if target.validated else [])


def _validation(target: DesiredKey, catalog: Catalog, wanted: Mapping[str, Any], name: str) -> Unit:
    """A query of the server's own over both tables, with the predicates of their indexes."""
    unit = autocommit(
        target.table_name,
        _alter(target, "VALIDATE CONSTRAINT {name}", name=identifier(name)),
        also=(
            *(Lock(SHARE_UPDATE_EXCLUSIVE, below) for below in catalog.below(target.table_name)),
            Lock(ROW_SHARE, _parent(wanted)),
        ),
    )
    return replace(unit, evaluates=True, queries=True)


def _comment(target: DesiredKey, name: str, comment: str) -> str:
    return compose(
        "COMMENT ON CONSTRAINT {name} ON {table} IS {comment}",
        name=identifier(name),
        table=identifier(*target.table_name),
        comment=literal(comment),
    )


def _renamed(partition: TableName, old: str, new: str) -> Unit:
    """The key's part on a partition has the name under which it was added; the rename of the whole leaves it."""
    return guarded(
        ACCESS_EXCLUSIVE,
        [partition],
        compose(
            "ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}",
            table=identifier(*partition),
            old=identifier(old),
            new=identifier(new),
        ),
        only=True,
    )


def _swap(target: DesiredKey, catalog: Catalog, wanted: Mapping[str, Any], found: Mapping[str, Any], name: str) -> Unit:
    """One short transaction: both keys stand before it, the new one alone after it."""
    statements = [
        _alter(target, "DROP CONSTRAINT {name}", name=identifier(target.name)),
        _alter(target, "RENAME CONSTRAINT {old} TO {new}", old=identifier(name), new=identifier(target.name)),
    ]
    if target.comment is None and found["comment"] is not None and not target.restores:
        statements.append(_comment(target, target.name, found["comment"]))
    tables_of_both = _all(catalog, target.table_name, _parent(wanted), _parent(found))
    return _guarded(catalog, ACCESS_EXCLUSIVE, tables_of_both, *statements)


def _orphan_check(target: DesiredKey, catalog: Catalog, wanted: Mapping[str, Any]) -> DataCheck:
    child, parent = target.table_name, _parent(wanted)
    aim = f'{qualified(*parent)} (foreign key "{target.name}")'
    heirs = catalog.tables[parent].kind == "r" and catalog.tables[parent].has_children
    note = "; a key finds no rows of tables that inherit from the one it refers to" if heirs else ""
    values = [catalog.value_of_new(child, column) for column in wanted["columns"]]
    new = tuple(value for value in values if value is not None)
    if len(new) == len(values):
        said = (
            f"all rows of {qualified(*child)} get the default of ({', '.join(wanted['columns'])}), and refer to no row"
        )
        return DataCheck(
            child,
            Unmatched(
                Place(child, catalog.tables[child].kind == "p"),
                Place(parent, catalog.tables[parent].kind == "p"),
                tuple(wanted["referenced_columns"]),
                new,
            ),
            f"{said} of {aim}",
            f"{said} of {aim}",
            f"add what they refer to, or add the column without this default{note}",
            also=(parent,),
        )
    return DataCheck(
        child,
        Orphans(
            Place(child, catalog.tables[child].kind == "p"),
            tuple(wanted["columns"]),
            Place(parent, catalog.tables[parent].kind == "p"),
            tuple(wanted["referenced_columns"]),
            wanted["match"] == "full",
        ),
        f"1 row of {qualified(*child)} refers to no row of {aim}",
        f"{{total}} rows of {qualified(*child)} refer to no row of {aim}",
        f"add what they refer to, or correct their keys, then run this again{note}",
        also=(parent,),
    )


_ACCEPT = (
    "or accept it: in SQL with -- steady: accept breaks_running_application because … before the statement, in YAML "
    "with set_null_fails: accept"
)


def _failing_set_null(
    target: DesiredKey, catalog: Catalog, wanted: Mapping[str, Any]
) -> Tuple[List[Problem], List[str]]:
    """SET NULL on a NOT NULL column is accepted as DDL, and fails at the first DELETE with 23502: a problem, or a note
    where the migration accepts it.
    """
    table = target.table_name
    concerned = _nulled(wanted)
    found = [
        (
            f"{event}: set_null, but {qualified(*table)}.{column} is NOT NULL, so each such {event[3:]} would fail "
            "(23502)",
            f"add to the migration: columns: [{{table: {table[1]}, name: {column}, nullable: true}}]",
        )
        for event, columns in concerned.items()
        for column in columns
        if not _takes_null(catalog, table, column)
    ]
    found += [
        (
            f"{event}: set_null, but {refusal.text}, so each such {event[3:]} would fail ({refusal.sqlstate})",
            "choose another action, or change that first",
        )
        for event, columns in concerned.items()
        for refusal in catalog.null_refusals.get((table, columns), ())
        if refusal.certain
    ]
    if target.specification is not None and target.specification.set_null_fails == "accept":
        return [], [f'"{target.name}": {why}; the migration accepts that' for why, _todo in found]
    return [Problem(f'"{target.name}": {why}; {todo}, {_ACCEPT}') for why, todo in found], []


def _nulled(wanted: Mapping[str, Any]) -> Dict[str, Tuple[str, ...]]:
    """The columns that are set to NULL, by event."""
    concerned = {}
    if wanted["on_delete"] == "set_null":
        concerned["on_delete"] = tuple(wanted["on_delete_columns"] or wanted["columns"])
    if wanted["on_update"] == "set_null":
        concerned["on_update"] = tuple(wanted["columns"])
    return concerned


def _takes_null(catalog: Catalog, table: TableName, column: str) -> bool:
    """Whether it will, once this run has given the column what the migration says of it."""
    wanted = catalog.targets.get(("column", table, column))
    if wanted is not None and wanted.nullable is not None:
        return bool(wanted.nullable)
    return not catalog.tables[table].columns[column].not_null


def nulled_columns(target: DesiredKey) -> Dict[str, Tuple[str, ...]]:
    """The columns that the key shall set to NULL, by event; what the specification leaves out is not in it."""
    wanted = target.specification
    return {} if wanted is None or target.restores else _nulled(_wanted(wanted, None))


def _reference_problems(catalog: Catalog, wanted: Mapping[str, Any], adds: bool) -> List[Problem]:
    parent = _parent(wanted)
    if not adds or catalog.tables[parent].may_reference:
        return []
    grant = compose("GRANT REFERENCES ON {table} TO {role}", table=identifier(*parent), role=identifier(catalog.role))
    return [
        Problem(
            f'permission denied: REFERENCES on {qualified(*parent)} is missing for role "{catalog.role}"; {grant}',
            permission=True,
        )
    ]


def _notes(target: DesiredKey, catalog: Catalog, wanted: Mapping[str, Any]) -> List[str]:
    table, notes = target.table_name, []
    columns = wanted["columns"]
    for event, nulled in _nulled(wanted).items():
        for refusal in catalog.null_refusals.get((table, nulled), ()):
            if not refusal.certain:
                notes.append(
                    f'{qualified(*table)}: {refusal.text}, where such a {event[3:]} fails because of "{target.name}" '
                    f"({event}: set_null)"
                )
    for event in ("on_delete", "on_update"):
        if wanted[event] == "set_default":
            notes.append(
                f'{qualified(*table)}: such a {event[3:]} fails because of "{target.name}" ({event}: set_default) '
                f"while {qualified(*_parent(wanted))} has no row of the default of ({', '.join(columns)})"
            )
    if not finds_rows(catalog, table, columns):
        notes.append(
            f"{qualified(*table)}: no index begins with ({', '.join(columns)}), so each delete in "
            f'{qualified(*_parent(wanted))} scans the whole table because of "{target.name}"'
        )
    notes += [
        f'{qualified(*below)}: its own foreign key "{key["name"]}" becomes a part of "{target.name}": a rollback takes '
        "both away"
        for below in catalog.below(table)
        for key in catalog.objects(KIND, below)
        if catalog.find(KIND, table, target.name) is None
        and key["type"] == "f"
        and not key["inherited"]
        and _same(target, wanted, key)
    ]
    helper = temporary_name(target.name, "new", table)
    for key in catalog.others(KIND, table):
        if (
            key["type"] == "f"
            and key["name"] not in (target.name, helper)
            and key["columns"] == columns
            and _parent(key) == _parent(wanted)
            and not _same(target, wanted, key)
        ):
            notes.append(
                f'{qualified(*table)}: the foreign key "{key["name"]}" on the same columns stays and acts too '
                f"({describe(key)}); to take it away add {{name: {key['name']}, table: {table[1]}, state: absent}}"
            )
    return notes


def describe(key: Mapping[str, Any]) -> str:
    """The part of a key that people ask for, in a few words."""
    text = f"on delete {key['on_delete'].replace('_', ' ')}, on update {key['on_update'].replace('_', ' ')}"
    if key["on_delete_columns"]:
        text += f" ({', '.join(key['on_delete_columns'])})"
    if key["deferrable"]:
        text += ", initially deferred" if key["initially_deferred"] else ", deferrable"
    if not key.get("enforced", True):
        return text + ", NOT ENFORCED"
    return text if key["validated"] else text + ", NOT VALID"
