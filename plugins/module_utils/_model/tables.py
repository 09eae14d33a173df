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

__all__ = ["NOT_THE_USERS", "column_problems", "lock_problems", "owner_problems", "schema_problems", "table_problems"]

_INHERIT_OF_GRANT = 160000  # GRANT, "WITH INHERIT"
_SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
#: The journal, and what a restore keeps: a migration that changes them breaks every later deployment.
_OWN_SCHEMAS = ("steady", "steady_kept")
#: No migration changes what is in them.
NOT_THE_USERS = (*_SYSTEM_SCHEMAS, *_OWN_SCHEMAS)
#: By pg_class.relkind: what it is, and what to do instead.
_KINDS = {
    "p": ("a partitioned table", "name its partitions, each in an entry of its own"),
    "v": ("a view", "name the tables that it reads"),
    "m": ("a materialized view", "it has indexes and comments, but no keys and no NOT NULL"),
    "f": ("a foreign table", "change the table on its own server, or run ALTER FOREIGN TABLE {table} … in psql"),
}
_OTHER = ("not an ordinary table", "name a table")


def _meant(word: str, known: Iterable[str], otherwise: str) -> str:
    guess = nearest(word, list(known))
    return f'did you mean "{guess}"?' if guess else otherwise


def _whose(schema: str) -> Optional[str]:
    """Whose schema it is that no migration changes; None: the user's."""
    if schema in _SYSTEM_SCHEMAS or schema.startswith("pg_toast"):
        return "PostgreSQL itself"
    return "the collection's journal" if schema in _OWN_SCHEMAS else None


def table_problems(
    catalog: Catalog, name: TableName, partitioned: bool = False, partition: bool = False, kinds: str = ""
) -> List[Problem]:
    """Why nothing can be planned on this table; empty when it can.

    partitioned, partition: whether the planner can change a partitioned table, or a partition by itself. kinds: what
    else it can change, by pg_class.relkind.
    """
    owner = _whose(name[0])
    if owner is not None:
        text = f"{qualified(*name)} belongs to {owner}, and no migration changes it; take it out of the migration"
        return [Problem(text)]
    table = catalog.tables.get(name)
    if table is None:
        return [Problem(_missing(catalog, name), missing=True)]
    refused = _refused(name, table, partitioned, kinds)
    if refused is None and table.is_partition and not partition:
        whole = f" {qualified(*table.parent)}" if table.parent else ""
        refused = f"is a partition; name the partitioned table{whole}, of which all partitions are changed at once"
    if refused is None:
        for below in catalog.below(name):
            reason = _refused(below, catalog.tables[below], True, kinds)
            if reason is not None:
                refused = f"cannot be changed as a whole: its partition {qualified(*below)} {reason}"
                break
    return [Problem(f"{qualified(*name)} {refused}")] if refused else []


def _missing(catalog: Catalog, name: TableName) -> str:
    """That there is no such table; what has the name instead, or the nearest one."""
    instead = catalog.instead.get(name)
    if instead is None:
        todo = _meant(name[1], catalog.nearby.get(name, ()), "correct the name, or create the table first")
        return f'there is no table "{name[1]}" in schema "{name[0]}"; {todo}'
    return f'there is no table "{name[1]}" in schema "{name[0]}": {instead}'


def _refused(name: TableName, table: Table, partitioned: bool, kinds: str) -> Optional[str]:
    if table.kind not in ("r", *kinds, *("p" if partitioned else "")):
        kind, todo = _KINDS.get(table.kind, _OTHER)
        return f"is {kind}, which this version does not change; " + compose(todo, table=identifier(*name))
    if table.persistence == "t":
        return "is a temporary table, which goes with its session; take it out of the migration"
    if table.extension is not None:
        return f'belongs to the extension "{table.extension}"; change it through the extension'
    return None


def column_problems(table: Table, name: TableName, columns: Iterable[str]) -> List[Problem]:
    """Columns that are not there."""
    return [
        Problem(
            f'there is no column "{column}" in {qualified(*name)}; '
            + _meant(column, table.columns, "correct the name, or add the column first"),
            missing=True,
        )
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
