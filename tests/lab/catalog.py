# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What stands in a database, read from its catalog, and what differs between two such readings.

It knows nothing of the collection and shares no code with it: the demo's summary says what has really changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The schema `steady` is left out: there the collection keeps its journal, which is nothing of the application's.
_OVERVIEW = """
    SELECT current_setting('server_version'), current_database(), pg_database_size(current_database()),
           count(*), coalesce(sum(greatest(reltuples, 0)), 0)::bigint
    FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p')
      AND NOT starts_with(n.nspname, 'pg_') AND n.nspname NOT IN ('information_schema', 'steady')"""

# Kind, name as the collection's results write it, and definition. PostgreSQL 18 has a constraint of type n for each
# NOT NULL, which the column says already.
_OBJECTS = """
    WITH relation AS (
        SELECT c.oid, relkind, n.nspname || '.' || relname AS name
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE NOT starts_with(n.nspname, 'pg_') AND n.nspname NOT IN ('information_schema', 'steady'))
    SELECT 'column', name || '.' || attname,
           format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
    FROM relation JOIN pg_attribute ON attrelid = oid
    WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'index', name, pg_get_indexdef(oid) || CASE WHEN indisvalid AND indisready THEN '' ELSE ' INVALID' END
    FROM relation JOIN pg_index ON indexrelid = oid
    UNION ALL
    SELECT CASE contype WHEN 'f' THEN 'foreign_key' ELSE 'constraint' END, name || '.' || conname,
           pg_get_constraintdef(o.oid)
    FROM relation AS r JOIN pg_constraint AS o ON conrelid = r.oid
    WHERE contype <> 'n'"""


@dataclass(frozen=True)
class Reading:
    """What stood there at one moment. `objects` maps kind and name to the definition; `rows` is an estimate."""

    version: str
    database: str
    size: int
    tables: int
    rows: int
    objects: Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Difference:
    """One object that is not as it was; `before` or `after` is None where it did not or does not exist."""

    kind: str
    name: str
    before: str | None
    after: str | None

    @property
    def action(self) -> str:
        """What happened to it, in a word."""
        if self.before is None:
            return "created"
        return "dropped" if self.after is None else "changed"


def read(connection: Any) -> Reading:
    """Read the catalog through a psycopg2 connection."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW)
        version, database, size, tables, rows = cursor.fetchone()
        cursor.execute(_OBJECTS)
        objects = {(kind, name): definition for kind, name, definition in cursor.fetchall()}
    return Reading(version.split()[0], database, size, tables, rows, objects)


def differences(before: Reading, after: Reading) -> list[Difference]:
    """What changed from the one reading to the other, in the order of kind and name."""
    return [
        Difference(*key, before.objects.get(key), after.objects.get(key))
        for key in sorted(before.objects.keys() | after.objects.keys())
        if before.objects.get(key) != after.objects.get(key)
    ]
