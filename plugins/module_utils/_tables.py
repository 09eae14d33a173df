# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""What every planner asks of a table first: is it there, is it of a kind that can be changed, may this role do it."""

from __future__ import annotations

from typing import Iterable, List, Optional

from ansible_collections.steady.postgresql.plugins.module_utils._catalog import Catalog, Table, TableName
from ansible_collections.steady.postgresql.plugins.module_utils._plan import Problem
from ansible_collections.steady.postgresql.plugins.module_utils._problem import nearest
from ansible_collections.steady.postgresql.plugins.module_utils._sqltext import compose, identifier, qualified

__all__ = ["column_problems", "owner_problems", "table_problems"]

_KINDS = {"p": "a partitioned table", "v": "a view", "m": "a materialized view", "f": "a foreign table"}


def _meant(word: str, known: Iterable[str]) -> str:
    guess = nearest(word, list(known))
    return f'; did you mean "{guess}"?' if guess else ""


def table_problems(catalog: Catalog, name: TableName) -> List[Problem]:
    """Why nothing can be planned on this table; empty when it can."""
    table = catalog.tables.get(name)
    if table is None:
        return [
            Problem(
                f'there is no table "{name[1]}" in schema "{name[0]}"' + _meant(name[1], catalog.nearby.get(name, ()))
            )
        ]
    refused: Optional[str] = None
    if name[0] in ("pg_catalog", "information_schema") or name[0].startswith("pg_toast"):
        refused = "belongs to PostgreSQL itself"
    elif table.kind != "r":
        refused = f"is {_KINDS.get(table.kind, 'not an ordinary table')}, which this version does not change"
    elif table.is_partition:
        refused = "is a partition of another table, which this version does not change"
    elif table.persistence == "t":
        refused = "is a temporary table"
    elif table.extension is not None:
        refused = f'belongs to the extension "{table.extension}"; change it through the extension'
    return [Problem(f"{qualified(*name)} {refused}")] if refused else []


def column_problems(table: Table, name: TableName, columns: Iterable[str]) -> List[Problem]:
    """Columns that are not there."""
    return [
        Problem(f'there is no column "{column}" in {qualified(*name)}{_meant(column, table.columns)}')
        for column in columns
        if column not in table.columns
    ]


def owner_problems(catalog: Catalog, name: TableName) -> List[Problem]:
    """ALTER TABLE and CREATE INDEX ask for ownership (PostgreSQL documentation, 5.8 "Privileges")."""
    table = catalog.tables[name]
    if table.owned:
        return []
    grant = compose("GRANT {owner} TO {role}", owner=identifier(table.owner), role=identifier(catalog.role))
    return [
        Problem(
            f'permission denied: {qualified(*name)} belongs to "{table.owner}", and role "{catalog.role}" is not '
            f"a member of it; {grant}; or connect as the owner",
            permission=True,
        )
    ]
