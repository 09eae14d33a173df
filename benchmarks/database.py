# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A clinic database that is measured again and again, each time from the same state."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab import catalog, clinic
from lab.errors import LabError
from lab.server import Server

SQL = Path(__file__).parent / "sql"
#: What a manual of steps runs: one transaction around all of it.
GUIDE = SQL.parents[1] / "migrations" / "guide" / "PRODUCTION_MIGRATION.sql"


@dataclass(frozen=True)
class Clinic:
    """A clinic on the server; `schema` is how it is before the migration, as pg_dump writes it."""

    server: Server
    name: str
    scale: float
    schema: str

    @classmethod
    def load(cls, server: Server, name: str, scale: float) -> Clinic:
        """Create the database and fill it."""
        server.create_database(name)
        clinic.load(server.url(name), scale)
        return cls(server, name, scale, server.dump_schema(name))

    @property
    def url(self) -> str:
        """Its libpq URL."""
        return self.server.url(self.name)

    def make_fresh(self) -> None:
        """Take the migration back, whoever made it, and let the server come to rest, with the tables in memory."""
        self._psql("undo.sql")
        if self.server.dump_schema(self.name) != self.schema:
            raise LabError(f"{self.name} is not as it was before the migration: does sql/undo.sql take all of it back?")
        self._psql("warm.sql")
        self.server.execute("CHECKPOINT")

    def migrate_with_psql(self) -> float:
        """Make the migration's changes with psql, one statement after another; the seconds it took."""
        started = time.perf_counter()
        self._psql("migrate.sql")
        return time.perf_counter() - started

    def migrate_with_the_guide(self) -> None:
        """Make them as a manual of steps does, in one transaction."""
        self._psql(GUIDE)

    def objects(self) -> Mapping[tuple[str, str], str]:
        """What stands in its catalog."""
        connection = self.server.connect(self.name)
        try:
            return catalog.read(connection).objects
        finally:
            connection.close()

    def _psql(self, name: str | Path) -> None:
        """A file of sql/, or one by its whole path."""
        self.server.psql("--quiet", database=self.name, script=(SQL / name).read_text())
