# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Operations on databases: what stands there before and after, the course of both runs, and fresh copies to strike."""

from __future__ import annotations

import functools
import itertools
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.rollback import inverse
from ansible_collections.steady.postgresql.plugins.module_utils._journal.journal import Journal
from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import Migration
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Step
from ansible_collections.steady.postgresql.plugins.module_utils._planning.planning import make_plan
from ansible_collections.steady.postgresql.plugins.module_utils._planning.wishes import wishes_of
from faults.boundaries import Course
from faults.operations import OPERATIONS, SETUP, TIDY, Operation
from faults.workshop import Outcome, Run, Workshop, engine_request
from integration.cluster import Cluster, Database

# Names of helper objects, what is half done, and triggers but that of an operation: nothing of it stands in these
# databases by itself. Of a key to a partitioned table the whole counts: its parts are triggers, and before 18 VALIDATE
# leaves their mark alone.
_REMAINS = """
    SELECT 'helper ' || relname FROM pg_class WHERE relname LIKE '%\\_steady\\_%'
    UNION ALL SELECT 'helper ' || conname FROM pg_constraint WHERE conname LIKE '%\\_steady\\_%'
    UNION ALL SELECT 'not valid ' || conname FROM pg_constraint AS c WHERE NOT convalidated AND NOT EXISTS (
        SELECT FROM pg_constraint AS whole WHERE whole.oid = c.conparentid AND whole.conrelid = c.conrelid)
    UNION ALL SELECT 'invalid ' || indexrelid::regclass FROM pg_index
        WHERE NOT (indisvalid AND indisready AND indislive)
    UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname <> 'stamped'"""
_ATTEMPTS = """
    SELECT a.direction, a.status, coalesce((
        SELECT array_agg(s.status ORDER BY s.number) FROM steady.step AS s
        WHERE s.deployment_id = a.deployment_id AND s.attempt = a.number), '{}')
    FROM steady.attempt AS a
    WHERE a.deployment_id = (SELECT id FROM steady.deployment ORDER BY started_at DESC LIMIT 1) ORDER BY a.number"""


def remains(database: Database) -> list[str]:
    """What an interrupted run could have left behind."""
    return [name for (name,) in database.execute(_REMAINS)]


def contents(database: Database, operation: Operation) -> str:
    """What stands there: the schema as pg_dump writes it, and the rows that the operation is about."""
    rows = database.execute(operation.rows) if operation.rows else []
    return "\n".join([database.dump(), *map(str, rows)])


def attempts(database: Database) -> list[tuple[str, str, list[str]]]:
    """What the journal says of the newest deployment: its attempts' directions, statuses and steps' statuses."""
    return database.execute(_ATTEMPTS)


def deployment_status(database: Database) -> str:
    """What the journal says of the newest deployment as a whole."""
    return database.value("SELECT status FROM steady.deployment ORDER BY started_at DESC LIMIT 1")


@dataclass
class Pool:
    """Databases with what the operations find there, and with an empty journal. tablespace: where they lie."""

    cluster: Cluster
    template: str
    tablespace: str | None = None
    _free: queue.SimpleQueue[Database] = field(default_factory=queue.SimpleQueue)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """One that is left as it was found; one of a block that failed is not used again."""
        try:
            database = self._free.get_nowait()
        except queue.Empty:
            database = self._make()
        yield database
        database.execute(TIDY)
        self._free.put(database)

    def _make(self) -> Database:
        if self.tablespace is None:
            return self.cluster.database(self.template)
        name = f"{self.tablespace} {next(self._numbers)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} TABLESPACE {}")
        names = map(sql.Identifier, (name, self.template, self.tablespace))
        self.cluster.server.execute(statement.format(*names))
        return Database(self.cluster.server, name)


@dataclass
class Scene:
    """One operation. before, deployed: what stands there then. deploy, undo: the courses of the two runs."""

    workshop: Workshop
    pool: Pool
    operation: Operation
    before: str = ""
    deployed: str = ""
    deploy: Course = field(default_factory=lambda: Course(()))
    undo: Course = field(default_factory=lambda: Course(()))

    def course(self, action: str) -> Course:
        """The course of an action: deploy | rollback."""
        return {"deploy": self.deploy, "rollback": self.undo}[action]

    def start(self, database: Database, action: str, **more: Any) -> Run:
        """Begin the operation or its rollback in a process of its own."""
        url = more.pop("url", database.url())
        return self.workshop.job("engine", **engine_request(url, action, migration=self.operation.migration, **more))

    def run(self, database: Database, action: str, **more: Any) -> Outcome:
        """The operation or its rollback, from beginning to end."""
        return self.start(database, action, **more).end()

    @contextmanager
    def database(self, pool: Pool | None = None) -> Iterator[Database]:
        """A database as it is before a deployment, to be left so."""
        with (pool or self.pool).database() as database:
            if self.operation.before_each:
                database.execute(self.operation.before_each)
            elif not database.journal():
                options = database.options()
                control, server = options.target(options.address(), "plan").first_session("public")
                Journal(control, server).prepare()
                control.close()
            yield database

    # -- the reference: nobody interrupts it -----------------------------------------------------------------------

    def rehearse(self) -> None:
        """Learn from an uninterrupted run what comes out, and that it takes the course that the plan says."""
        with self.database() as database:
            self.before = contents(database, self.operation)
            first, counts = not database.journal(), "verification" in self.operation.migration
            self.deploy = Course.of(self._plan(database), first=first, counts=counts)
            deployed = self.run(database, "deploy")
            self.deploy.check(deployed.result["calls"])
            self.deployed = contents(database, self.operation)
            assert self.deployed != self.before
            assert remains(database) == []
            self.undo = Course.of(self._plan_of_rollback(database, deployed.result["deployment_id"]))
            self.undo.check(self.run(database, "rollback").result["calls"])
            assert contents(database, self.operation) == self.before
            assert remains(database) == []

    def _plan(self, database: Database) -> list[Step]:
        options = database.options(check=True)
        control, server = options.target(options.address(), "plan").first_session("public")
        try:
            migration = Migration.from_mapping(self.operation.migration, "public")
            return make_plan(control, server, wishes_of(migration)).steps
        finally:
            control.close()

    def _plan_of_rollback(self, database: Database, deployment_id: str) -> list[Step]:
        options = database.options(check=True)
        control, server = options.target(options.address(), "plan").first_session("public")
        try:
            undos = inverse(Journal(control, server).steps(deployment_id))
            return make_plan(control, server, [undo.wish for undo in undos]).steps
        finally:
            control.close()

    # -- what must be true in the end ------------------------------------------------------------------------------

    def check_deployed(self, database: Database) -> None:
        """The same as without an interruption, and nothing else."""
        assert contents(database, self.operation) == self.deployed
        assert remains(database) == []
        assert deployment_status(database) == "succeeded"

    def check_undone(self, database: Database) -> None:
        """As if nothing had ever been there."""
        assert contents(database, self.operation) == self.before
        assert remains(database) == []


@dataclass
class Scenes:
    """All operations of the session; each is rehearsed when it is first asked for."""

    workshop: Workshop
    cluster: Cluster

    def __post_init__(self) -> None:
        template = self.cluster.database(self.cluster.templates["shop"], "scenery")
        template.execute(SETUP)
        self._pool = Pool(self.cluster, template.name)
        self.of = functools.lru_cache(maxsize=None)(self._make)

    def _make(self, name: str) -> Scene:
        operation = next(one for one in OPERATIONS if one.name == name)
        scene = Scene(self.workshop, self._pool, operation)
        scene.rehearse()
        return scene

    @functools.cached_property
    def small_disk(self) -> Pool:
        """Databases that lie on the workshop's small disk, all of them."""
        name = "small disk"
        self.cluster.server.execute(
            sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(
                sql.Identifier(name), sql.Literal(str(self.workshop.disk))
            )
        )
        return Pool(self.cluster, "scenery", name)
