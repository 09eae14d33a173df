# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every planner asks of a table first: is it there, is it of a kind that can be changed, may this role do it."""

from __future__ import annotations

from typing import Iterable, List, Optional

from .._support.problem import nearest
from .._support.sqltext import compose, identifier, qualified
from .catalog import Catalog, Table, TableName
from .plan import Problem

__all__ = ["column_problems", "lock_problems", "owner_problems", "schema_problems", "table_problems"]

_INHERIT_OF_GRANT = 160000  # GRANT, "WITH INHERIT"
_SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
_KINDS = {"p": "a partitioned table", "v": "a view", "m": "a materialized view", "f": "a foreign table"}


def _meant(word: str, known: Iterable[str]) -> str:
    guess = nearest(word, list(known))
    return f'; did you mean "{guess}"?' if guess else ""


def table_problems(
    catalog: Catalog, name: TableName, partitioned: bool = False, partition: bool = False
) -> List[Problem]:
    """Why nothing can be planned on this table; empty when it can.

    partitioned, partition: whether the planner can change a partitioned table, or a partition by itself.
    """
    if name[0] in _SYSTEM_SCHEMAS or name[0].startswith("pg_toast"):
        return [Problem(f"{qualified(*name)} belongs to PostgreSQL itself")]
    table = catalog.tables.get(name)
    if table is None:
        return [
            Problem(
                f'there is no table "{name[1]}" in schema "{name[0]}"' + _meant(name[1], catalog.nearby.get(name, ()))
            )
        ]
    refused = _refused(table, partitioned)
    if refused is None and table.is_partition and not partition:
        refused = "is a partition of another table, which this version does not change"
    if refused is None:
        for below in catalog.below(name):
            reason = _refused(catalog.tables[below], True)
            if reason is not None:
                refused = f"cannot be changed as a whole: its partition {qualified(*below)} {reason}"
                break
    return [Problem(f"{qualified(*name)} {refused}")] if refused else []


def _refused(table: Table, partitioned: bool) -> Optional[str]:
    if table.kind != "r" and not (partitioned and table.kind == "p"):
        return f"is {_KINDS.get(table.kind, 'not an ordinary table')}, which this version does not change"
    if table.persistence == "t":
        return "is a temporary table"
    if table.extension is not None:
        return f'belongs to the extension "{table.extension}"; change it through the extension'
    return None


def column_problems(table: Table, name: TableName, columns: Iterable[str]) -> List[Problem]:
    """Columns that are not there."""
    return [
        Problem(f'there is no column "{column}" in {qualified(*name)}{_meant(column, table.columns)}')
        for column in columns
        if column not in table.columns
    ]


def owner_problems(catalog: Catalog, name: TableName) -> List[Problem]:
    """ALTER TABLE and CREATE INDEX ask for ownership, of partitions too (PostgreSQL documentation, 5.8)."""
    problems = []
    for one in (name, *catalog.below(name)):
        table = catalog.tables[one]
        if table.owned:
            continue
        problems.append(
            Problem(
                f'permission denied: {qualified(*one)} belongs to "{table.owner}", and role "{catalog.role}" '
                f"{_membership(table, catalog)}; or connect as the owner",
                permission=True,
            )
        )
    return problems


def _membership(table: Table, catalog: Catalog) -> str:
    """What a member lacks is the right to use the owner's rights: one of the role, since 16 one of each GRANT."""
    parts = {"owner": identifier(table.owner), "role": identifier(catalog.role)}
    if not table.member:
        return compose("is not a member of it; GRANT {owner} TO {role}", **parts)
    if catalog.version < _INHERIT_OF_GRANT:
        return compose("is a member of it that does not inherit; ALTER ROLE {role} INHERIT", **parts)
    return compose("is a member of it that does not inherit; GRANT {owner} TO {role} WITH INHERIT TRUE", **parts)


def schema_problems(catalog: Catalog, names: Iterable[TableName]) -> List[Problem]:
    """No name of a schema is looked up without USAGE on it, whatever the role may do with the table (5.8)."""
    closed = {name[0] for name in names if name in catalog.tables and not catalog.tables[name].may_use_schema}
    return [
        Problem(
            f'permission denied: role "{catalog.role}" may not use the schema "{schema}"; '
            + compose("GRANT USAGE ON SCHEMA {n} TO {role}", n=identifier(schema), role=identifier(catalog.role)),
            permission=True,
            closed=True,
        )
        for schema in sorted(closed)
    ]


def lock_problems(catalog: Catalog, names: Iterable[TableName]) -> List[Problem]:
    """LOCK TABLE asks for UPDATE, DELETE or TRUNCATE (PostgreSQL documentation, LOCK, "Notes")."""
    return [
        Problem(
            f'permission denied: role "{catalog.role}" may not lock {qualified(*name)}; '
            + compose("GRANT UPDATE ON {table} TO {role}", table=identifier(*name), role=identifier(catalog.role)),
            permission=True,
        )
        for name in sorted(set(names))
        if name in catalog.tables and not catalog.tables[name].may_lock and not catalog.tables[name].owned
    ]
