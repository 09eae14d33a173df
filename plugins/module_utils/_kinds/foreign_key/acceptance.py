# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether PostgreSQL will accept a foreign key, as far as the catalog tells it, as it will be at the key's turn.

PostgreSQL documentation, CREATE TABLE, "REFERENCES": the referenced columns are those of a unique, not deferrable and
not partial index that is valid; 5.4.5 "Foreign Keys" and 5.5 "Generated Columns" have the rest.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Tuple

from ..._model.catalog import Catalog, TableName
from ..._model.plan import Problem
from ..._support.sqltext import compose, copy_of, identifier, qualified, raw
from ..index.dependents import has_columns, unsupported

__all__ = ["acceptance_problems", "rehearsal"]

_ON_GENERATED = {"on_delete": ("set_null", "set_default"), "on_update": ("set_null", "set_default", "cascade")}


def acceptance_problems(target: Any, catalog: Catalog, wanted: Mapping[str, Any]) -> List[Problem]:
    """Why PostgreSQL would refuse to add the key at its turn; empty when the catalog knows no reason."""
    return [*_support_problems(target, catalog, wanted), *_column_problems(target, catalog, wanted)]


def rehearsal(
    target: Any, catalog: Catalog, wanted: Mapping[str, Any], definition: str
) -> Tuple[Tuple[TableName, str], ...]:
    """The same key between empty copies. The index that supports it is there already, or an earlier step's."""
    parent = _parent(wanted)
    support = next((one for one in _there(target, catalog, wanted) if unsupported(one) is None), None)
    statements = []
    if support is not None:
        index = compose("CREATE UNIQUE INDEX ON {copy}{using}", copy=raw(copy_of(*parent)), using=raw(support["using"]))
        statements.append((parent, index))
    statement = "ALTER TABLE {copy} ADD CONSTRAINT {name} {definition}"
    copy, name = raw(copy_of(*target.table_name)), identifier(target.name)
    statements.append((target.table_name, compose(statement, copy=copy, name=name, definition=raw(definition))))
    return tuple(statements)


def _parent(wanted: Mapping[str, Any]) -> TableName:
    return (wanted["referenced_schema"], wanted["referenced_table"])


def _there(target: Any, catalog: Catalog, wanted: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """The unique indexes of the referenced table that have just its columns, and are as they are at the key's turn."""
    parent = _parent(wanted)
    own = ("foreign_key", target.table_name, target.name)
    result = []
    for image in catalog.objects("index", parent):
        names = [column["name"] for column in image["columns"]]
        if not image["unique"] or not has_columns(names, wanted["referenced_columns"]):
            continue
        key = ("index", parent, image["name"])
        stays = key not in catalog.targets or catalog.targets[key].image is not None
        if (stays or not _is_earlier(catalog, key, own)) and not catalog.goes_before(key, own):
            result.append(image)
    return result


def _is_earlier(catalog: Catalog, one: Any, other: Any) -> bool:
    order = list(catalog.targets)
    return one in order and other in order and order.index(one) < order.index(other)


def _made_before(target: Any, catalog: Catalog, wanted: Mapping[str, Any]) -> bool:
    """Whether this run makes, or keeps, a unique index of just these columns before the key's turn."""
    own = ("foreign_key", target.table_name, target.name)
    for key, index in catalog.targets.items():
        if key == own:
            return False
        if key[0] != "index" or key[1] != _parent(wanted) or not index.present:
            continue
        unique, names = index.image["unique"] if index.image else index.wanted.unique, index.leading_columns
        if unique and has_columns(names, wanted["referenced_columns"]):
            return True
    return False


def _support_problems(target: Any, catalog: Catalog, wanted: Mapping[str, Any]) -> List[Problem]:
    there = _there(target, catalog, wanted)
    if _made_before(target, catalog, wanted) or any(unsupported(image) is None for image in there):
        return []
    parent, columns = _parent(wanted), ", ".join(wanted["referenced_columns"])
    why = "".join(f"; {unsupported(image)}" for image in there)
    return [
        Problem(
            f'"{target.name}": no unique index of {qualified(*parent)} that a foreign key can refer to has just the '
            f"columns ({columns}){why}; add to the migration: indexes: [{{table: {parent[1]}, columns: [{columns}], "
            "unique: true}]",
            missing=True,
        )
    ]


def _column_problems(target: Any, catalog: Catalog, wanted: Mapping[str, Any]) -> List[Problem]:
    table, parent = catalog.tables[target.table_name], catalog.tables[_parent(wanted)]
    problems = []
    if table.persistence == "p" and parent.persistence == "u":
        problems.append(
            f"{qualified(*_parent(wanted))} is unlogged, and PostgreSQL has no key from a permanent table to one; "
            "run ALTER TABLE … SET LOGGED first"
        )
    for name in wanted["columns"]:
        generated, place = table.columns[name].generated, f"{qualified(*target.table_name)}.{name}"
        if generated == "v":
            problems.append(
                f"{place} is a virtual generated column, on which PostgreSQL has no foreign key; take the key out, or "
                "make the column STORED"
            )
        elif generated:
            problems += [
                f"{place} is a generated column, for which PostgreSQL refuses {event}: {wanted[event]}; leave "
                f"{event} out, or say no_action or restrict"
                for event, refused in _ON_GENERATED.items()
                if wanted[event] in refused
            ]
    return [Problem(f'"{target.name}": {text}') for text in problems]
