# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invalid indexes of a whole database: read here for the preflight and the monitoring alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

from .._connection.session import Session

__all__ = ["InvalidIndex", "read_invalid_indexes"]

_MOST = 100
# One that is being built is invalid by right. Who builds it is in pg_stat_progress_create_index; of another role's
# build only the process is shown there, and pg_locks has the table (PostgreSQL documentation, 27.4.4 and 13.3.1).
_QUESTION = """
SELECT n.nspname AS schema, t.relname AS table_name, c.relname AS name, c.relkind = 'I' AS partitioned,
  c.relpages * pg_catalog.current_setting('block_size')::int8 AS bytes
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE NOT (i.indisvalid AND i.indisready) AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
    LEFT JOIN pg_catalog.pg_locks l ON l.pid = p.pid AND l.relation = i.indrelid AND l.granted
      AND l.mode = 'ShareUpdateExclusiveLock' AND l.database = p.datid
    WHERE p.datname = pg_catalog.current_database()
      AND (p.index_relid = c.oid OR p.index_relid IS NULL AND l.pid IS NOT NULL))
ORDER BY 1, 2, 3 LIMIT %s
"""


@dataclass(frozen=True)
class InvalidIndex:
    """partitioned: an index of a partitioned table that not every partition has. bytes: its size."""

    schema: str
    table: str
    name: str
    partitioned: bool
    bytes: int


def read_invalid_indexes(session: Session) -> List[InvalidIndex]:
    """The first hundred, by name. Raises psycopg2.Error."""
    return [
        InvalidIndex(row["schema"], row["table_name"], row["name"], row["partitioned"], row["bytes"])
        for row in session.rows(_QUESTION, (_MOST,))
    ]
