# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the schema around the migration's tables looks like, and will look like. Pure functions of the facts."""

from __future__ import annotations

from typing import Any, List, Mapping, Set, Tuple

from .._kinds.index.covering import KeyShape, covers, finds_rows, shape_of_image, shape_of_target
from .._model.catalog import TableName
from .._support.size import size_text
from .._support.sqltext import compose, identifier, qualified
from .facts import Facts
from .finding import Judgement, found, good

__all__ = ["dependent_object", "invalid_index", "not_valid_constraint", "redundant_index", "unindexed_foreign_key"]


def _stepped(facts: Facts, kind: str) -> Set[Tuple[TableName, str]]:
    """The objects of a kind that the plan changes, by table and name."""
    return {(step.table, step.name) for step in facts.plan.steps if step.kind == kind}


def invalid_index(facts: Facts) -> Judgement:
    """Invalid indexes of the whole database: each slows writes and serves no query."""
    mended = _stepped(facts, "index")
    bad = [one for one in facts.invalid if ((one.schema, one.table), one.name) not in mended]
    if not bad:
        return good("no invalid index is left, or the plan repairs it")
    drops = [
        compose("DROP INDEX CONCURRENTLY {name}", name=identifier(one.schema, one.name))
        for one in bad
        if not one.partitioned
    ]
    return found(
        [
            f"{qualified(one.schema, one.name)} of {one.table} ({size_text(one.bytes)})"
            + (": not all partitions have it" if one.partitioned else " is invalid: a build of it failed")
            for one in bad
        ],
        "; ".join(drops[:5]) or "build what is missing on the partitions, and attach it",
    )


def _kept(facts: Facts, table: TableName) -> List[KeyShape]:
    """The indexes that stand on the table and that the migration does not mention."""
    images = facts.catalog.others("index", table)
    return [shape_of_image(image, facts.catalog) for image in images if image["valid"]]


def _wanted(facts: Facts, table: TableName) -> List[KeyShape]:
    """The migration's indexes on the table that stand or will be built; not one whose work another is accepted for."""
    there = {image["name"] for image in facts.catalog.objects("index", table)} | _built(facts, table)
    return [
        shape_of_target(target, facts.catalog)
        for (kind, of_table, name), target in facts.catalog.targets.items()
        if kind == "index" and of_table == table and target.present and name in there
    ]


def _built(facts: Facts, table: TableName) -> Set[str]:
    return {name for of_table, name in _stepped(facts, "index") if of_table == table}


def redundant_index(facts: Facts) -> Judgement:
    """Indexes that the migration's make superfluous, and indexes of the migration that are superfluous themselves."""
    sentences, drops = [], []
    for table in sorted({key[1] for key in facts.catalog.targets}):
        kept, wanted, new = _kept(facts, table), _wanted(facts, table), _built(facts, table)
        # Of two that are equal only one is superfluous: the one that is not there yet, or else the other's.
        for number, shape in enumerate(wanted):
            above = [one for one in kept if covers(one, shape) and (shape.name in new or not covers(shape, one))]
            for place, one in enumerate(wanted):
                if one is not shape and covers(one, shape) and (place < number or not covers(shape, one)):
                    above.append(one)
            if above:
                sentences.append(_sentence(table, shape, above[0], "is not needed"))
        for shape in kept:
            above = [one for one in wanted if covers(one, shape) and (one.name not in new or not covers(shape, one))]
            if above:
                sentences.append(_sentence(table, shape, above[0], "is not needed beside it"))
                drops.append(f"{{table: {table[1]}, name: {shape.name}, state: absent}}")
    if not sentences:
        return good("no index does the work of another")
    todo = f"when no plan needs them any more, add to the indexes of a migration: {', '.join(drops)}" if drops else ""
    return found(sentences, todo or "leave these indexes out of the migration")


def _sentence(table: TableName, less: KeyShape, more: KeyShape, verdict: str) -> str:
    relation = "has the same definition as" if covers(less, more) else "is the beginning of"
    return f'{qualified(*table)}: "{less.name}" {less.text} {relation} "{more.name}" {more.text}, and {verdict}'


def unindexed_foreign_key(facts: Facts) -> Judgement:
    """Foreign keys of the migration's tables whose columns no index begins with, now and after the plan."""
    sentences, additions = [], []
    for table in sorted(facts.catalog.images.get("foreign_key", {})):
        for name, columns, parent in _keys(facts, table):
            if finds_rows(facts.catalog, table, columns):
                continue
            sentences.append(
                f'{qualified(*table)}: no index begins with the columns ({", ".join(columns)}) of "{name}", so each '
                f"delete in {qualified(*parent)} scans the whole table"
            )
            additions.append(f"{{table: {table[1]}, columns: [{', '.join(columns)}]}}")
    if not sentences:
        return good("every foreign key of the migration's tables has an index")
    return found(sentences, f"add to the indexes of a migration: {', '.join(dict.fromkeys(additions))}")


def _keys(facts: Facts, table: TableName) -> List[Tuple[str, List[str], TableName]]:
    """Name, columns and parent of the table's foreign keys as they will be."""
    keys = {
        image["name"]: (image["columns"], (image["referenced_schema"], image["referenced_table"]))
        for image in facts.catalog.objects("foreign_key", table)
        if image["type"] == "f"
    }
    for (kind, of_table, name), target in facts.catalog.targets.items():
        if kind == "foreign_key" and of_table == table:
            keys.pop(name, None)
            wanted = target.specification
            if wanted is not None:
                keys[name] = (list(wanted.columns), (wanted.referenced_schema, wanted.referenced_table))
    return [(name, columns, parent) for name, (columns, parent) in sorted(keys.items())]


def not_valid_constraint(facts: Facts) -> Judgement:
    """Constraints that hold for new rows only: nobody ever looked at the old ones."""
    sentences, validations = [], []
    for table, entry in sorted(facts.catalog.tables.items()):
        validated = _stepped(facts, "foreign_key") | _stepped(facts, "constraint") | _stepped(facts, "column")
        loose: List[Tuple[str, str]] = [
            (image["name"], image["name"])
            for image in facts.catalog.objects("foreign_key", table)
            if not image["validated"] and image["enforced"]
        ]
        loose += [
            (column.name, str(column.not_null_constraint["name"]))
            for column in entry.columns.values()
            if column.not_null_constraint is not None and not column.not_null_constraint["validated"]
        ]
        for name, constraint in loose:
            if (table, name) in validated:
                continue
            sentences.append(f'{qualified(*table)}: "{constraint}" is NOT VALID: rows from before it were not checked')
            validations.append(
                compose(
                    "ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
                    table=identifier(*table),
                    name=identifier(constraint),
                )
            )
    if not sentences:
        return good("every constraint of the migration's tables is valid, or the plan validates it")
    return found(sentences, "; ".join(validations[:5]) + " (reads and writes continue)")


def dependent_object(facts: Facts) -> Judgement:
    """Views and functions on columns that the plan changes: whoever reads them may meet a NULL that was never there."""
    if not facts.dependents:
        return good("no view or function depends on a column that changes")
    return found(
        [_dependent(row) for row in facts.dependents],
        "see that they can do with the change: a column that may be NULL, or may not be any more",
    )


def _dependent(row: Mapping[str, Any]) -> str:
    verb = "mentions" if row["kind"] == "function" else "reads"
    return f"the {row['kind']} {row['name']} {verb} {row['table_name']}.{row['column_name']}, which changes"
