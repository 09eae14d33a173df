# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a constraint cannot be added, replaced or dropped, as far as the catalog tells it at its turn."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from ..._model.catalog import Catalog
from ..._model.plan import Problem
from ..._model.tables import column_problems
from ..._support.sqltext import qualified
from ..foreign_key.planner import names_not_null
from ..index.dependents import dependent_reasons
from ..index.statements import other_identity
from .target import KIND, WORDS, DesiredConstraint

__all__ = ["dropping_problems", "fixed_problems", "place_problems"]

#: By pg_constraint.contype: what has the name, and where it is changed.
_OTHERS = {
    "f": "a foreign key: name it in foreign_keys",
    "x": "an exclusion constraint, which this version does not change: change it in psql",
    "t": "a constraint trigger, which this version does not change: change it in psql",
}


def place_problems(target: DesiredConstraint, catalog: Catalog) -> List[Problem]:
    """Missing columns, and names that something else has."""
    table, problems = target.table_name, []
    wanted = target.specification
    if wanted is not None:
        problems += column_problems(catalog.tables[table], table, (*wanted.columns, *wanted.include))
        problems += _virtual_problems(target, catalog)
    other = catalog.find("foreign_key", table, target.name)
    if other is not None and other["type"] in _OTHERS:
        if not catalog.goes_before(("foreign_key", table, target.name), target.key):
            text = f'"{target.name}" of {qualified(*table)} is {_OTHERS[other["type"]]}, or choose another name'
            problems.append(Problem(text, clash=True))
    elif names_not_null(catalog, table, target.name):
        text = f'the name "{target.name}" is taken by a NOT NULL constraint of {qualified(*table)}; choose another name'
        problems.append(Problem(text, clash=True))
    return problems + _second_key_problems(target, catalog) + _name_problems(target, catalog)


def _second_key_problems(target: DesiredConstraint, catalog: Catalog) -> List[Problem]:
    """A table has one primary key at most (5.4.4)."""
    if target.specification is None or target.specification.type != "p":
        return []
    table = target.table_name
    others = [one for one in catalog.objects(KIND, table) if one["type"] == "p" and one["name"] != target.name]
    return [
        Problem(
            f'{qualified(*table)} has a primary key already, "{one["name"]}"; name that one in the entry, or drop it '
            "in the same migration"
        )
        for one in others
    ]


def _virtual_problems(target: DesiredConstraint, catalog: Catalog) -> List[Problem]:
    """Of virtual generated columns nothing is stored, and PostgreSQL has no index on them (CREATE TABLE of 18)."""
    columns = catalog.tables[target.table_name].columns
    return [
        Problem(
            f'"{target.name}": {qualified(*target.table_name)}.{name} is a virtual generated column, on which '
            "PostgreSQL has no index; make the column STORED, or take the constraint out"
        )
        for name in (*target.wanted.columns, *target.wanted.include)
        if name in columns and columns[name].generated == "v"
    ]


def _name_problems(target: DesiredConstraint, catalog: Catalog) -> List[Problem]:
    """Its index has its name, which tables, views, sequences and indexes of a schema share."""
    if not target.has_index:
        return []
    relation = catalog.relations.get((target.schema, target.name))
    there = catalog.find(KIND, target.table_name, target.name)
    if relation is None or (there is not None and there["type"] in ("u", "p")):
        return []
    if relation.table is not None:
        if relation.table == target.table_name and not _stands(target, catalog):
            return []
        owner = f"an index of {qualified(*relation.table)}"
    else:
        owner = "a table, view or sequence"
    text = f'the name "{target.name}" is taken in schema "{target.schema}" by {owner}; choose another name'
    return [Problem(text, clash=True)]


def _stands(target: DesiredConstraint, catalog: Catalog) -> bool:
    """Whether an index of this name is there at the constraint's turn."""
    if catalog.goes_before(("index", target.table_name, target.name), target.key):
        return False
    return catalog.find("index", target.table_name, target.name) is not None


def fixed_problems(target: DesiredConstraint, catalog: Catalog, found: Optional[Mapping[str, Any]]) -> List[Problem]:
    """What this version does not change, by what the table or the constraint is."""
    place, table = qualified(*target.table_name), catalog.tables[target.table_name]
    kind = found["type"] if found is not None else target.wanted.type
    reasons = []
    if found is not None and found["inherited"]:
        reasons.append(f"it is part of a constraint of the table above {place}; name that table in the entry")
    if found is not None and found["period"]:
        reasons.append("it is temporal (WITHOUT OVERLAPS); change it in psql")
    if table.kind == "p" and (kind in ("u", "p") or target.has_index):
        reasons.append(
            f"{place} is partitioned, and PostgreSQL builds the index of such a constraint on all partitions while "
            "reads and writes wait (blocks_reads); for rows that are unique, write an index with unique: true, which "
            "is built on the partitions one by one, or run ALTER TABLE in psql, with a lock_timeout"
        )
    if table.kind == "r" and table.has_children and (target.present or found is not None):
        if kind == "c" and not _of_one_table(target, found):
            reasons.append(f"tables inherit from {place}, for which it holds, too; change it in psql")
        elif kind == "p":
            reasons.append(f"tables inherit from {place}, and NOT NULL concerns them, too; change it in psql")
    words = WORDS.get(kind, "constraint").lower()
    return [Problem(f'the {words} constraint "{target.name}" is not changed: {reason}') for reason in reasons]


def _of_one_table(target: DesiredConstraint, found: Optional[Mapping[str, Any]]) -> bool:
    return (found is None or found["no_inherit"]) and (not target.present or target.wanted.no_inherit)


def dropping_problems(
    target: DesiredConstraint, catalog: Catalog, found: Mapping[str, Any], verb: str
) -> List[Problem]:
    """What rests on a constraint that stands there."""
    reasons: List[str] = []
    index = next((one for one in catalog.objects("index", target.table_name) if one["constraint"] == target.name), None)
    if index is not None and found["type"] in ("u", "p"):
        reasons += dependent_reasons(target, index, catalog, target.key)
    if found["replica_identity"]:
        reasons.append(f"it is the table's replica identity: logical replication would break; {other_identity(found)}")
    return [Problem(f'the constraint "{target.name}" cannot be {verb}: {reason}') for reason in reasons]
