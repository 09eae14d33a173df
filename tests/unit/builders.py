# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small catalogs for planners, as the readers would give them, and plans in a form that a test can compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import (
    Catalog,
    Column,
    Relation,
    Table,
    TableName,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome, Step
from ansible_collections.steady.postgresql.plugins.module_utils._support.driver import psycopg2
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import qualified

#: The versions at whose borders something changes: the oldest, the corrupting ones, 15, the last before 18, and 18.
VERSIONS = (130000, 140002, 150000, 170004, 180001)
#: Names that every statement must quote: each is literal. 63 bytes is the longest that PostgreSQL keeps.
ODD_NAMES = ('say "hi"', "a.b", "two words", "straße", "select", "CamelCase", "ö" * 31 + "x", "x" * 63, "{0}", "100%")

DRAWER: TableName = ("public", "CashDrawer")
USER: TableName = ("public", "User")


# -- what stands there -------------------------------------------------------------------------------------------------


def table(*columns: Column | str, **facts: Any) -> Table:
    """A plain table of the present role; a column that is only named is a nullable text."""
    made = [Column(item, "text", False) if isinstance(item, str) else item for item in columns]
    return Table(**{"oid": 1, "kind": "r", "owner": "owner", "columns": {c.name: c for c in made}, **facts})


def key_column(name: str | None, **changes: Any) -> dict[str, Any]:
    """One key column of an index image: ascending, with the type's own operator class and collation."""
    return {
        "name": name,
        "expression": None,
        "descending": False,
        "nulls_first": False,
        "opclass": "text_ops",
        "opclass_schema": "pg_catalog",
        "opclass_default": True,
        "collation": "default",
        "own_collation": True,
        **changes,
    }


def index_image(
    name: str, columns: Iterable[str | Mapping[str, Any]] = ("a",), of: TableName = DRAWER, **changes: Any
) -> dict[str, Any]:
    """The image of a valid btree index, as the catalog's reader gives it."""
    keys = [key_column(item) if isinstance(item, str) else dict(item) for item in columns]
    texts = [str(key["name"]) if key["expression"] is None else f"({key['expression']})" for key in keys]
    image = {
        "schema": of[0],
        "table": of[1],
        "name": name,
        "unique": False,
        "valid": True,
        "method": "btree",
        "columns": keys,
        "include": [],
        "predicate": None,
        "nulls_not_distinct": False,
        "options": {},
        "tablespace": None,
        "comment": None,
        "statistics": {},
        "clustered": False,
        "replica_identity": False,
        "constraint": None,
        "is_partition": False,
        "parent": None,
        "builder": None,
        **changes,
    }
    where = f" WHERE {image['predicate']}" if image["predicate"] is not None else ""
    image.setdefault("using", f" USING {image['method']} ({', '.join(texts)}){where}")
    image.setdefault("tail", qualified(*of) + image["using"])
    return image


def key_image(
    name: str, columns: Iterable[str] = ("a",), of: TableName = DRAWER, to: TableName = USER, **changes: Any
) -> dict[str, Any]:
    """The image of a valid foreign key with PostgreSQL's defaults, as the catalog's reader gives it."""
    return {
        "schema": of[0],
        "table": of[1],
        "name": name,
        "type": "f",
        "referenced_schema": to[0],
        "referenced_table": to[1],
        "columns": list(columns),
        "referenced_columns": ["id"],
        "on_delete": "no_action",
        "on_delete_columns": [],
        "on_update": "no_action",
        "match": "simple",
        "deferrable": False,
        "initially_deferred": False,
        "validated": True,
        "enforced": True,
        "period": False,
        "inherited": False,
        "comment": None,
        **changes,
    }


def other_constraint(name: str, of: TableName = DRAWER, kind: str = "c") -> dict[str, Any]:
    """The image of a constraint that is no foreign key: CHECK (c), UNIQUE (u), PRIMARY KEY (p)."""
    nothing = {"referenced_schema": None, "referenced_table": None, "referenced_columns": []}
    return key_image(name, of=of, type=kind, on_delete=None, on_update=None, match=None, **nothing)


def catalog(
    tables: Mapping[TableName, Table],
    indexes: Iterable[Mapping[str, Any]] = (),
    constraints: Iterable[Mapping[str, Any]] = (),
    checks: Iterable[Mapping[str, Any]] = (),
    relations: Mapping[TableName, Relation] | None = None,
    version: int = 180001,
    **more: Any,
) -> Catalog:
    """All that planners look at. checks: helper constraints of an interrupted SET NOT NULL, on the first table.

    Columns have their images, and tables and indexes their entries in the name space, as a server would have it.
    """
    names: dict[TableName, Relation] = {name: Relation(entry.kind, None) for name, entry in tables.items()}
    images: dict[str, dict[TableName, list[Mapping[str, Any]]]] = {"column": {}, "index": {}, "foreign_key": {}}
    leftovers = list(checks)
    for position, (name, entry) in enumerate(tables.items()):
        images["column"][name] = [
            {
                "name": column.name,
                "nullable": not column.not_null,
                "constraint": dict(column.not_null_constraint) if column.not_null_constraint else None,
                "checks": leftovers if position == 0 else [],
            }
            for column in entry.columns.values()
        ]
    for kind, found in (("index", indexes), ("foreign_key", constraints)):
        for image in found:
            place = (image["schema"], image["table"])
            images[kind].setdefault(place, []).append(image)
            if kind == "index":
                names[(image["schema"], image["name"])] = Relation("i", place)
    names.update(relations or {})
    return Catalog(version, "deployer", tables, names, images, **more)


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


# -- what is planned ---------------------------------------------------------------------------------------------------


def script(step: Step | None) -> list[tuple[str, list[str], list[str]]]:
    """The units of a step: how each runs (alone: statement by statement), its locks, its statements."""
    assert step is not None
    return [
        (
            "guarded" if unit.guarded else "transaction" if unit.transaction else "alone",
            [f"{lock.mode}: {lock.table[0]}.{lock.table[1]}" for lock in unit.locks],
            list(unit.statements),
        )
        for unit in step.units
    ]


def steps_of(outcome: Outcome) -> list[str]:
    """The statements of an outcome without a problem, one after another."""
    assert outcome.problems == ()
    return outcome.step.statements if outcome.step is not None else []


def texts(outcome: Outcome) -> list[str]:
    """The problems of an outcome."""
    return [problem.text for problem in outcome.problems]


# -- a server that says no ---------------------------------------------------------------------------------------------


def server_error(sqlstate: str | None, message: str = "the server says no") -> Exception:
    """psycopg2's error with this SQLSTATE; None: the connection is gone. (psycopg2 sets pgcode only from a server.)"""
    base = psycopg2.OperationalError if sqlstate is None else psycopg2.errors.lookup(sqlstate)
    return type(base.__name__, (base,), {"pgcode": sqlstate})(message)


class FakeConnection:
    """As much of a connection as a session asks for."""

    def __init__(self) -> None:
        self.closed = 0
        self.info = SimpleNamespace(transaction_status=0)


_OF_OWNERS = re.compile(r"\A\s*WITH RECURSIVE named\b|\bpg_event_trigger\b")


class FakeSession:
    """A session whose server is a function: statement → rows, or a number of rows, or an error that is raised.

    All tables are the role's own. statements: all that was sent, in order, but for the path around a migration's texts
    and the questions for the owners of tables.
    """

    schema = "public"
    shows_rows = True
    blocked = False
    finishing = 0

    def __init__(self, answer: Callable[[str], Any] = lambda _statement: [], pid: int = 4711) -> None:
        self.answer = answer
        self.pid = pid
        self.connection = FakeConnection()
        self.statements: list[str] = []

    def rows(self, statement: str, parameters: Any = None) -> list[dict[str, Any]]:
        if statement.startswith("SET search_path") or _OF_OWNERS.search(statement):
            return []
        self.statements.append(statement)
        answer = self.answer(statement)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def texts(self, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        rows = self.rows(statement)
        return list(rows[0]) if rows else [], [tuple(row.values()) for row in rows]

    def samples(self, statement: str) -> list[dict[str, Any]]:
        return self.rows(statement)

    def execute(self, statement: str, parameters: Any = None) -> int:
        answer: Any = self.rows(statement, parameters)
        return answer if isinstance(answer, int) else len(answer)

    def one(self, statement: str, parameters: Any = None) -> dict[str, Any]:
        return self.rows(statement, parameters)[0]

    def close(self) -> None:
        self.connection.closed = 1
