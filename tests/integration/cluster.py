# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What a test makes on the session's server, databases, roles and tablespaces, and takes away when it ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.rollback import rollback
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.verification import verify
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from lab.server import SUPERUSER, Server

# Long enough for every lock that a test frees again, short enough for a test that fails to do so.
PATIENCE_S = 20.0
OPERATOR = "tester@workshop"


@dataclass(frozen=True)
class Database:
    """One database of a test. The questions to its catalog are the tests' own and share no code with the collection."""

    server: Server
    name: str

    def url(self, user: str = SUPERUSER, **parameters: str) -> str:
        """Its libpq URL."""
        return self.server.url(self.name, user, **parameters)

    def connect(self, user: str = SUPERUSER, **parameters: Any) -> Any:
        """A psycopg2 connection in autocommit."""
        return self.server.connect(self.name, user, **parameters)

    def execute(
        self, statement: str | sql.Composable, parameters: Any = None, user: str = SUPERUSER
    ) -> list[tuple[Any, ...]]:
        """Run it in a connection of its own; the rows of the last statement."""
        return self.server.execute(statement, parameters, database=self.name, user=user)

    def value(self, statement: str | sql.Composable, parameters: Any = None) -> Any:
        """The only column of the only row."""
        ((value,),) = self.execute(statement, parameters)
        return value

    def dump(self) -> str:
        """The schema as pg_dump writes it, without the journal."""
        return self.server.dump_schema(self.name)

    # -- the engine ------------------------------------------------------------------------------------------------

    def options(
        self,
        user: str = SUPERUSER,
        *,
        patience_s: float = PATIENCE_S,
        budget_ms: int = 100,
        check: bool = False,
        **more: Any,
    ) -> Options:
        """Options of a run on this database, as a module would make them. Rows are shown: tests look for them."""
        policy = LockPolicy(budget_ms, patience_s)
        more.setdefault("show_rows", True)
        return Options(self.url(user), policy=policy, check=check, operator=OPERATOR, **more)

    def apply(self, migration: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        """Apply a migration, or the sections indexes=, foreign_keys=, columns= and verification=."""
        sections = {
            key: arguments.pop(key)
            for key in ("indexes", "foreign_keys", "columns", "verification")
            if key in arguments
        }
        return apply(migration or {"id": "test", **sections}, self.options(**arguments))

    def refusal(self, **sections: Any) -> str:
        """What check mode says against a migration, and the run as well."""
        said = []
        for check in (True, False):
            with pytest.raises(SteadyError) as refused:
                self.apply({"id": "refused", **sections}, check=check)
            said.append(str(refused.value))
        assert said[0] == said[1]
        return said[0]

    def rollback(
        self, deployment_id: str | None = None, *, partial: bool = False, only: Sequence[str] = (), **arguments: Any
    ) -> dict[str, Any]:
        """Undo a deployment, by default the last one."""
        return rollback(deployment_id, partial, self.options(**arguments), only)

    def verify(self, migration: dict[str, Any], user: str = SUPERUSER) -> dict[str, Any]:
        """Verify a migration."""
        return verify(migration, self.options(user, check=True))

    # -- what stands there -----------------------------------------------------------------------------------------

    def indexes(self, table: str) -> dict[str, str]:
        """Definitions of all indexes of a table by name; INVALID stands in front of one that is."""
        rows = self.execute(
            "SELECT c.relname, CASE WHEN i.indisvalid AND i.indisready THEN '' ELSE 'INVALID ' END"
            " || pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = %s::regclass",
            (f'"{table}"',),
        )
        return dict(rows)

    def oid(self, name: str) -> int | None:
        """The oid of a table or index of the schema public; None when there is none."""
        return self.value(
            "SELECT (SELECT oid::bigint FROM pg_class WHERE relname = %s AND relnamespace = 'public'::regnamespace)",
            (name,),
        )

    def foreign_keys(self, table: str) -> dict[str, str]:
        """Definitions of all foreign keys of a table by name; NOT VALID stands at the end of one that is."""
        return dict(
            self.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE contype = 'f' AND conrelid = %s::regclass",
                (f'"{table}"',),
            )
        )

    def constraint_oid(self, name: str) -> int:
        """The oid of a constraint."""
        return self.value("SELECT oid::bigint FROM pg_constraint WHERE conname = %s", (name,))

    def nullable(self, table: str, column: str) -> bool:
        """Whether a column takes NULL."""
        return self.value(
            "SELECT NOT attnotnull FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
            (f'"{table}"', column),
        )

    def helpers(self) -> list[str]:
        """Names of helper objects of the collection that are left."""
        return [
            name
            for (name,) in self.execute(
                "SELECT relname FROM pg_class WHERE relname LIKE '%\\_steady\\_%'"
                " UNION ALL SELECT conname FROM pg_constraint WHERE conname LIKE '%\\_steady\\_%' ORDER BY 1"
            )
        ]

    def journal(self) -> bool:
        """Whether the schema `steady` is there."""
        return self.value("SELECT to_regnamespace('steady') IS NOT NULL")

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        """Fail when the block wrote anything at all on the server: every write takes a transaction id."""
        question = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
        before = self.value(question)
        yield
        assert self.value(question) == before, "a transaction wrote something"

    @contextmanager
    def nothing_changed(self) -> Iterator[None]:
        """Fail when the block changed the schema, or left something of ours behind, the journal included."""
        before, journal = self.dump(), self.journal()
        yield
        assert self.dump() == before
        assert self.journal() == journal
        assert self.helpers() == []


@dataclass
class Cluster:
    """The session's server, as one test uses it."""

    server: Server
    templates: dict[str, str]
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _databases: list[str] = field(default_factory=list)
    _roles: list[str] = field(default_factory=list)
    _tablespaces: list[str] = field(default_factory=list)

    def template(self, name: str, fill: Callable[[str], None]) -> str:
        """The template of that name; its first use in the session makes it: fill gets the URL of an empty database."""
        if name not in self.templates:
            self.server.create_database(f"template_{name}")
            fill(self.server.url(f"template_{name}"))
            self.templates[name] = f"template_{name}"
        return self.templates[name]

    def database(self, template: str | None = None, name: str | None = None) -> Database:
        """A new database, as a copy of a template, until the test ends."""
        name = name or f"test_{next(self._numbers)}"
        self._databases.append(name)
        self.server.create_database(name, template)
        return Database(self.server, name)

    def role(self, name: str = "app", options: str = "LOGIN") -> str:
        """A new role, until the test ends."""
        self.server.execute(sql.SQL("CREATE ROLE {} " + options).format(sql.Identifier(name)))
        self._roles.append(name)
        return name

    def tablespace(self, name: str) -> str:
        """A new tablespace, until the test ends."""
        connection = self.server.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET allow_in_place_tablespaces = on")
            cursor.execute(sql.SQL("CREATE TABLESPACE {} LOCATION ''").format(sql.Identifier(name)))
        connection.close()
        self._tablespaces.append(name)
        return name

    def clean_up(self) -> None:
        """Take away all of it. Databases come first, since roles and tablespaces are in use there."""
        for gid, name in self.server.execute("SELECT gid, database FROM pg_prepared_xacts"):
            self.server.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)), database=name)
        for name in self._databases:
            self.server.drop_database(name)
        for name in self._tablespaces:
            self.server.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(name)))
        for name in self._roles:
            self.server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
