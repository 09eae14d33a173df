# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nullability of a column: DROP NOT NULL in an instant, SET NOT NULL without a scan under lock."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..._model.catalog import Catalog, Column
from ..._model.data_questions import Nulls
from ..._model.plan import (
    ACCESS_EXCLUSIVE,
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
from ..._model.tables import owner_problems
from ..._support.sqltext import compose, derived_name, identifier, literal, qualified, temporary_name
from .image import nullability_of
from .target import KIND, DesiredColumn, alter

__all__ = ["plan_nullability"]

# Since PostgreSQL 18 a NOT NULL can be NOT VALID; before, a validated CHECK spares the scan (ALTER TABLE, "Notes").
_NOT_NULL_NOT_VALID = 180000


def plan_nullability(target: DesiredColumn, catalog: Catalog) -> Outcome:
    """The outcome for whether a column that is there takes NULL."""
    name = target.table_name
    column = catalog.tables[name].columns[target.name]
    image = catalog.image(KIND, name, target.name)
    helper = temporary_name(target.name, "check", name)
    leftover = next((check for check in image["checks"] if check["name"] == helper), None)
    units, checks, refusals = (_to_null if target.nullable else _to_not_null)(target, catalog, column, leftover)
    # SET NOT NULL looks for a CHECK that implies it, and simplifies all of them meanwhile.
    units = [replace(unit, evaluates=True) for unit in units]
    state = nullability_of(image)
    if not units:
        return Outcome(KIND, name, target.name, state)
    refusals += owner_problems(catalog, name)
    again = _validated_since(target, column)
    summary = (
        "leftover of an interrupted run"
        if column.not_null != target.nullable and not checks and not again
        else ("NULL allowed" if target.nullable else "NOT NULL")
    )
    if checks and column.not_null:
        summary = "NOT NULL, which was NOT VALID until now"
    action = "clean up" if column.not_null != target.nullable and not checks and not again else "alter"
    step = Step(KIND, name, target.name, action, tuple(units), _before(image), summary, tuple(checks))
    return Outcome(KIND, name, target.name, state, step, tuple(refusals))


def _before(image: Mapping[str, Any]) -> Dict[str, Any]:
    return {key: image[key] for key in ("name", "nullable", "constraint")}


def _to_null(
    target: DesiredColumn, catalog: Catalog, column: Column, leftover: Optional[Mapping[str, Any]]
) -> Tuple[List[Unit], List[DataCheck], List[Problem]]:
    name = (target.schema, target.table)
    place = f"{qualified(*name)}.{target.name}"
    problems: List[Problem] = []
    statements = []
    if column.not_null:
        statements.append(alter(target, "ALTER COLUMN {column} DROP NOT NULL", column=identifier(target.name)))
        everywhere = [column, *(catalog.tables[below].columns[target.name] for below in catalog.below(name))]
        if any(one.primary_key for one in everywhere):
            problems.append(_stays(place, "is part of the primary key", "change the key first"))
        if column.identity:
            drop = alter(target, "ALTER COLUMN {column} DROP IDENTITY", column=identifier(target.name))
            problems.append(_stays(place, "is an identity column", f"run {drop} first"))
        if any(
            image["replica_identity"] and any(key["name"] == target.name for key in image["columns"])
            for image in catalog.objects("index", (target.schema, target.table))
        ):
            other = alter(target, "REPLICA IDENTITY FULL")
            problems.append(_stays(place, "is part of the table's replica identity", f"run {other} first"))
        problems += _inheritance_problems(target, catalog, column)
    if leftover is not None:
        statements.append(alter(target, "DROP CONSTRAINT {name}", name=identifier(leftover["name"])))
    units = [guarded(ACCESS_EXCLUSIVE, [name, *catalog.below(name)], *statements)] if statements else []
    return units, [], problems


def _stays(place: str, why: str, todo: str) -> Problem:
    return Problem(f"{place} {why} and stays NOT NULL; take it out of the migration, or {todo}")


def _by_hand(target: DesiredColumn) -> str:
    verb = "DROP" if target.nullable else "SET"
    statement = alter(target, f"ALTER COLUMN {{column}} {verb} NOT NULL", column=identifier(target.name))
    return f"take it out of the migration, or run it in psql, with a lock_timeout: {statement}"


def _inheritance_problems(target: DesiredColumn, catalog: Catalog, column: Column) -> List[Problem]:
    name = (target.schema, target.table)
    table = catalog.tables[name]
    if table.kind == "p":
        return _partition_problems(target, catalog, column)
    if not table.has_children and not column.inherited:
        return []
    return [
        Problem(
            f"{qualified(target.schema, target.table)} takes part in table inheritance, where NOT NULL concerns "
            f"several tables at once, which this version does not change; {_by_hand(target)}"
        )
    ]


def _partition_problems(target: DesiredColumn, catalog: Catalog, column: Column) -> List[Problem]:
    """ALTER TABLE gives all partitions the same; what one had of its own, no rollback could tell any more."""
    name = (target.schema, target.table)
    others = []
    for below in catalog.below(name):
        own = catalog.tables[below].columns[target.name]
        constraint = own.not_null_constraint
        if own.not_null != column.not_null or (constraint is not None and constraint.get("local")):
            others.append(qualified(*below))
    if not others:
        return []
    return [
        Problem(
            f"{qualified(*name)}.{target.name}: NOT NULL is a matter of their own for the partitions "
            f"{', '.join(others[:3])}{', …' if len(others) > 3 else ''}, which a change of the whole would take away, "
            f"and this version does not change that; {_by_hand(target)}"
        )
    ]


def _constraint_name(target: DesiredColumn, catalog: Catalog) -> str:
    """The name that the journal has, or that PostgreSQL would choose itself, with a number where that is taken.

    A partition gets the constraint under the same name. Names of constraints are those of one table (pg_constraint).
    """
    place = (target.schema, target.table)
    taken = set()
    for table in (place, *catalog.below(place)):
        taken |= {image["name"] for image in catalog.objects("foreign_key", table)}  # all but NOT NULL constraints
        constraints = (column.not_null_constraint for column in catalog.tables[table].columns.values())
        taken |= {constraint["name"] for constraint in constraints if constraint is not None}
    natural = f"{target.table}_{target.name}_not_null"
    former = (target.constraint or {}).get("name")
    names = itertools.chain([former] if former else [], [natural], (f"{natural}{n}" for n in itertools.count(1)))
    return next(name for name in (derived_name(one, place) for one in names) if name not in taken)


def _to_not_null(
    target: DesiredColumn, catalog: Catalog, column: Column, leftover: Optional[Mapping[str, Any]]
) -> Tuple[List[Unit], List[DataCheck], List[Problem]]:
    table_name = (target.schema, target.table)
    below = catalog.below(table_name)
    everywhere, also = [table_name, *below], tuple(Lock(SHARE_UPDATE_EXCLUSIVE, one) for one in below)
    present = column.not_null_constraint
    drop_leftover = [alter(target, "DROP CONSTRAINT {name}", name=identifier(leftover["name"]))] if leftover else []
    if _validated_since(target, column):
        return [guarded(ACCESS_EXCLUSIVE, everywhere, *_not_valid_again(target, column), *drop_leftover)], [], []
    if column.not_null and (present is None or present["validated"] or _was_not_valid(target)):
        return ([guarded(ACCESS_EXCLUSIVE, everywhere, *drop_leftover)] if drop_leftover else []), [], []
    units: List[Unit] = []
    proven = catalog.image(KIND, table_name, target.name).get("proven")
    if proven is not None and not column.not_null and target.constraint is None:
        # "if a valid CHECK constraint exists … which proves no NULL can exist, then the table scan is skipped" (ALTER
        # TABLE, SET NOT NULL). On 18 PostgreSQL gives the constraint a name that is free.
        statement = alter(target, "ALTER COLUMN {column} SET NOT NULL", column=identifier(target.name))
        units.append(guarded(ACCESS_EXCLUSIVE, everywhere, statement, *drop_leftover))
        return units, [], _inheritance_problems(target, catalog, column)
    if catalog.version >= _NOT_NULL_NOT_VALID:
        name = present["name"] if present else _constraint_name(target, catalog)
        constraint = identifier(name)
        if not present:
            units.append(guarded(ACCESS_EXCLUSIVE, everywhere, *_add_not_valid(target, name)))
        if not _was_not_valid(target):
            validate = alter(target, "VALIDATE CONSTRAINT {name}", name=constraint)
            units.append(autocommit(table_name, validate, also=also))
        if drop_leftover:
            units.append(guarded(ACCESS_EXCLUSIVE, everywhere, *drop_leftover))
    else:
        # IS NOT NULL asks more of a row value than NOT NULL does, and would not spare the scan for one; of any other
        # value this is the same (9.2 "Comparison Functions and Operators").
        helper = identifier(temporary_name(target.name, "check", table_name))
        if leftover is None:
            units.append(
                guarded(
                    ACCESS_EXCLUSIVE,
                    everywhere,
                    alter(
                        target,
                        "ADD CONSTRAINT {name} CHECK ({column} IS DISTINCT FROM NULL) NOT VALID",
                        name=helper,
                        column=identifier(target.name),
                    ),
                )
            )
        if leftover is None or not leftover["validated"]:
            validate = alter(target, "VALIDATE CONSTRAINT {name}", name=helper)
            units.append(autocommit(table_name, validate, also=also))
        units.append(
            guarded(
                ACCESS_EXCLUSIVE,
                everywhere,
                alter(target, "ALTER COLUMN {column} SET NOT NULL", column=identifier(target.name)),
                alter(target, "DROP CONSTRAINT {name}", name=helper),
            )
        )
    checks = [] if _was_not_valid(target) else [_null_check(target, catalog)]
    return units, checks, _inheritance_problems(target, catalog, column)


def _add_not_valid(target: DesiredColumn, name: str) -> List[str]:
    """NOT NULL for new rows alone, under this name (PostgreSQL 18+)."""
    former = target.constraint or {}
    constraint, end = identifier(name), (" NO INHERIT" if former.get("no_inherit") else "") + " NOT VALID"
    add = "ADD CONSTRAINT {name} NOT NULL {column}" + end
    statements = [alter(target, add, name=constraint, column=identifier(target.name))]
    if former.get("comment"):
        statements.append(
            compose(
                "COMMENT ON CONSTRAINT {name} ON {table} IS {comment}",
                name=constraint,
                table=identifier(target.schema, target.table),
                comment=literal(former["comment"]),
            )
        )
    return statements


def _validated_since(target: DesiredColumn, column: Column) -> bool:
    """Whether a NOT NULL that was NOT VALID before a deployment is valid by now: no statement takes that back."""
    present = column.not_null_constraint
    return _was_not_valid(target) and column.not_null and present is not None and bool(present["validated"])


def _not_valid_again(target: DesiredColumn, column: Column) -> List[str]:
    """The constraint made anew, in one transaction."""
    present = column.not_null_constraint or {}
    name = (target.constraint or {}).get("name") or present["name"]
    return [alter(target, "DROP CONSTRAINT {name}", name=identifier(present["name"])), *_add_not_valid(target, name)]


def _was_not_valid(target: DesiredColumn) -> bool:
    """A NOT NULL that was NOT VALID before a deployment comes back so: its rows were never all checked."""
    return target.constraint is not None and not target.constraint["validated"]


def _null_check(target: DesiredColumn, catalog: Catalog) -> DataCheck:
    table_name = (target.schema, target.table)
    keys = [column.name for column in catalog.tables[table_name].columns.values() if column.primary_key]
    return DataCheck(
        table_name,
        Nulls(table_name, target.name, tuple(keys)),
        f"1 row of {qualified(*table_name)} has no {target.name}, so it cannot be NOT NULL",
        f"{{total}} rows of {qualified(*table_name)} have no {target.name}, so it cannot be NOT NULL",
        "give these rows a value, or leave the column nullable",
    )
