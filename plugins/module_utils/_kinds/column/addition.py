# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A column that is added, without a moment in which rows are written anew, and one that a rollback takes away."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Tuple

from ..._model.catalog import Catalog, TableName
from ..._model.data_questions import AnyRow, Place
from ..._model.plan import ACCESS_EXCLUSIVE, DataCheck, Outcome, Problem, Step, guarded
from ..._model.tables import owner_problems
from ..._support.sqltext import (
    closed_line,
    compose,
    copy_of,
    enclosed,
    identifier,
    literal,
    qualified,
    raw,
    temporary_name,
)
from .image import definition
from .judgement import ColumnJudgement
from .target import KIND, NO_DEFAULT, DesiredColumn, alter, default_sql

__all__ = ["plan_addition", "plan_removal"]

# 5.6 "System Columns".
_SYSTEM = ("tableoid", "cmax", "xmax", "cmin", "xmin", "ctid")
# Appendix K, "PostgreSQL Limits".
_MOST_COLUMNS = 1600


def plan_addition(target: DesiredColumn, catalog: Catalog) -> Outcome:
    """The outcome for a column that is not there, and whose type is known."""
    table, place = target.table_name, f"{qualified(*target.table_name)}.{target.name}"
    judged: ColumnJudgement = catalog.judgements.get(target.key, ColumnJudgement())
    problems = [*owner_problems(catalog, table), *_table_problems(target, catalog, judged)]
    if judged.problem:
        problems.append(Problem(f"{place}: {judged.problem}", permission=judged.permission, missing=True))
    wanted, has_value = target.definition, bool(judged.default or judged.rewrites)
    parts = _parts(target, judged)
    checks: List[DataCheck] = []
    if judged.rewrites:
        checks.append(_no_rows(target, catalog, _rewriting(judged.rewrites)))
    elif target.nullable is False and not has_value:
        checks.append(_no_rows(target, catalog, _WITHOUT_VALUE))
    statements = _statements(target, parts, bool(judged.rewrites))
    if wanted.comment:
        statements.append(_comment(target, wanted.comment))
    unit = guarded(ACCESS_EXCLUSIVE, [table, *catalog.below(table)], *statements)
    rehearsal = compose(
        "ALTER TABLE {copy} ADD COLUMN {name} {parts}",
        copy=raw(copy_of(*table)),
        name=identifier(target.name),
        parts=raw(parts),
    )
    step = Step(
        KIND,
        table,
        target.name,
        "add",
        (replace(unit, evaluates=True),),
        None,
        parts,
        tuple(checks),
        ((table, rehearsal),),
        (table,),
        rewrites=bool(judged.rewrites),
    )
    return Outcome(KIND, table, target.name, "not there", step, tuple(problems), tuple(_notes(target, catalog)))


def _parts(target: DesiredColumn, judged: ColumnJudgement) -> str:
    """What stands behind the name in ADD COLUMN (ALTER TABLE)."""
    wanted = target.definition
    text = closed_line(judged.type or str(wanted.type))
    if judged.collation is not None:
        text += compose(" COLLATE {name}", name=identifier(*judged.collation))
    if wanted.default is not None and wanted.default.strip().upper() != NO_DEFAULT:
        text += f" DEFAULT {default_sql(wanted.default)}"
    if wanted.generated is not None:
        text += f" GENERATED ALWAYS AS {enclosed(wanted.generated)} STORED"
    if wanted.identity is not None:
        text += f" GENERATED {wanted.identity.upper().replace('_', ' ')} AS IDENTITY"
    return text + (" NOT NULL" if target.nullable is False else "")


def _statements(target: DesiredColumn, parts: str, rewrites: bool) -> List[str]:
    column = compose("ADD COLUMN {name} {parts}", name=identifier(target.name), parts=raw(parts))
    if not rewrites:
        return [alter(target, "{column}", column=raw(column))]
    # Rows that came since the plan was made: the first of them ends the statement, before others are written anew.
    helper = identifier(temporary_name(target.name, "check", target.table_name))
    return [
        alter(target, "{column}, ADD CONSTRAINT {name} CHECK (false)", column=raw(column), name=helper),
        alter(target, "DROP CONSTRAINT {name}", name=helper),
    ]


def _comment(target: DesiredColumn, text: str) -> str:
    column = identifier(target.schema, target.table, target.name)
    return compose("COMMENT ON COLUMN {column} IS {text}", column=column, text=literal(text))


def _rewriting(why: str) -> Tuple[str, str]:
    return (
        f"the table has rows, and to add the column writes all of them anew while reads and writes wait "
        f"(table_rewrite): {why}",
        "add the column without that (nullable, with a constant default or none), and fill it in batches",
    )


_WITHOUT_VALUE = (
    "the table has rows, which would have no value in it, so it cannot be NOT NULL (fails_on_data)",
    "give it a constant default; or add it nullable, fill it, and make it NOT NULL in a later migration",
)


def _no_rows(target: DesiredColumn, catalog: Catalog, said: Tuple[str, str]) -> DataCheck:
    message = f"{qualified(*target.table_name)}.{target.name}: {said[0]}"
    place = Place(target.table_name, catalog.tables[target.table_name].kind == "p")
    return DataCheck(target.table_name, AnyRow(place), message, message, said[1])


def _table_problems(target: DesiredColumn, catalog: Catalog, judged: ColumnJudgement) -> List[Problem]:
    """What PostgreSQL would refuse, and what no rollback could undo."""
    table, around = catalog.tables[target.table_name], catalog.around_columns.get(target.table_name)
    name, place = qualified(*target.table_name), f"{qualified(*target.table_name)}.{target.name}"
    found = []
    if target.name in _SYSTEM:
        found.append(f"{place} has the name of a system column of PostgreSQL; choose another name")
    if table.kind == "r" and table.has_children:
        found.append(
            f"{name} has tables that inherit from it, which would get the column too, and this version does not change "
            "that; take it out of the migration, or add the column in psql, with a lock_timeout"
        )
    if table.kind == "p" and target.definition.identity is not None:
        found.append(f"{name} is partitioned, and PostgreSQL adds no identity column to it; take identity out")
    if around is None:
        return [Problem(text) for text in found]
    if around.typed:
        found.append(f"{name} was made OF a composite type, and has just its columns; change the type in psql")
    if around.numbers >= _MOST_COLUMNS:
        found.append(
            f"{name} has {around.numbers} columns, those that were dropped among them, and PostgreSQL takes "
            f"{_MOST_COLUMNS}; only a new table has room again"
        )
    if around.row_type_users and (judged.default or judged.rewrites):
        found.append(
            f"{place}: PostgreSQL adds no column with a value for each row while other columns have the row type of "
            f"{name}: {', '.join(around.row_type_users[:3])}; add it without default, and give it one afterwards"
        )
    return [Problem(text) for text in found]


def _notes(target: DesiredColumn, catalog: Catalog) -> List[str]:
    around = catalog.around_columns.get(target.table_name)
    if around is None or not around.publications:
        return []
    return [
        f"{qualified(*target.table_name)} is published ({', '.join(around.publications)}): subscribers need the column "
        f"{target.name} before rows with it arrive, or their replication of this table stops"
    ]


def plan_removal(target: DesiredColumn, catalog: Catalog) -> Outcome:
    """The outcome for a column that a deployment added, and that a rollback takes away. Nothing goes with it."""
    table = target.table_name
    image = catalog.find(KIND, table, target.name)
    if image is None:
        return Outcome(KIND, table, target.name, "not there")
    everywhere = [table, *catalog.below(table)]
    drop = alter(target, "DROP COLUMN {name}", name=identifier(target.name))
    unit = guarded(ACCESS_EXCLUSIVE, everywhere, _unused(target, everywhere), drop)
    problems = [*owner_problems(catalog, table), *_use_problems(target, catalog)]
    before = {key: value for key, value in image.items() if key not in ("checks", "proven")}
    step = Step(
        KIND,
        table,
        target.name,
        "drop",
        (unit,),
        before,
        "the values written to it since are lost",
        asserted="something depends on the column by now, which was made since this run began",
    )
    return Outcome(KIND, table, target.name, definition(image), step, tuple(problems))


def _unused(target: DesiredColumn, everywhere: List[TableName]) -> str:
    """Under the lock: fails with what is made of the column since it was asked, and is nothing else.

    DROP COLUMN without CASCADE takes indexes and constraints with it all the same.
    """
    return compose(
        "SELECT CAST(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS integer)"
        " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_depend d"
        " ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid"
        " AND d.refobjsubid = a.attnum WHERE a.attrelid = ANY (ARRAY[{tables}]::pg_catalog.regclass[])"
        " AND a.attname = {name} AND d.deptype <> 'i' AND NOT EXISTS (SELECT FROM pg_catalog.pg_attrdef f"
        " WHERE f.oid = d.objid AND f.adrelid = a.attrelid AND f.adnum = a.attnum)"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = d.objid AND k.contype = 'n'"
        " AND k.conkey = ARRAY[a.attnum])",
        tables=raw(", ".join(compose("{name}", name=literal(qualified(*table))) for table in everywhere)),
        name=literal(target.name),
    )


def _use_problems(target: DesiredColumn, catalog: Catalog) -> List[Problem]:
    place, own = f"{qualified(*target.table_name)}.{target.name}", (KIND, target.table_name, target.name)
    uses = [
        use.text
        for use in catalog.column_uses.get(target.key, ())
        if not catalog.goes_before(use.key, own) and not catalog.leaves_before(use.address, own)
    ]
    table = catalog.tables[target.table_name]
    if table.kind == "r" and table.has_children:
        uses.append("tables that inherit from it")
    if not uses:
        return []
    return [
        Problem(
            f"{place} is not dropped: {', '.join(uses)} depend on it by now, which the deployment did not make; drop "
            "them first, and then run this again"
        )
    ]
