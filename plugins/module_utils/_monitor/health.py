# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the database beside its sessions: invalid indexes, dead rows, replicas, cache, connections."""

from __future__ import annotations

from typing import Any, Dict

from .._connection.session import Session
from .._locks.lag import read_replicas
from .._model.invalid_indexes import read_invalid_indexes

__all__ = ["read_health"]

# Dead rows by the server's own estimate: what VACUUM has not taken away yet, which is what bloat comes from.
_DEAD = """
SELECT schemaname AS schema, relname AS table, n_live_tup AS live, n_dead_tup AS dead,
  to_char(greatest(last_vacuum, last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS vacuumed_at
FROM pg_catalog.pg_stat_user_tables WHERE n_dead_tup > 10000 AND n_dead_tup > 0.2 * n_live_tup
ORDER BY n_dead_tup DESC LIMIT 20
"""

_DATABASE = """
SELECT d.blks_hit AS hit, d.blks_read AS read, d.xact_commit AS commits, d.xact_rollback AS rollbacks,
  d.deadlocks, d.temp_bytes, pg_catalog.current_setting('max_connections')::int AS max_connections,
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') AS connections,
  pg_catalog.age(b.datfrozenxid) AS transaction_age, to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at,
  to_char(pg_catalog.pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS server_started_at
FROM pg_catalog.pg_stat_database d JOIN pg_catalog.pg_database b ON b.oid = d.datid
WHERE d.datname = pg_catalog.current_database()
"""


def read_health(session: Session) -> Dict[str, Any]:
    """{database, invalid_indexes, dead_rows, replicas}; database with cache_hit, a share of 1 or None. Raises
    psycopg2.Error.
    """
    database = session.one(_DATABASE)
    reads = database["hit"] + database["read"]
    database["cache_hit"] = round(database["hit"] / reads, 4) if reads else None
    replicas, _slots = read_replicas(session)
    return {
        "database": database,
        "invalid_indexes": [
            {"schema": one.schema, "table": one.table, "index": one.name, "partitioned": one.partitioned}
            for one in read_invalid_indexes(session)
        ],
        "dead_rows": session.rows(_DEAD),
        "replicas": [
            {"name": one.name, "state": one.state, "lag_s": one.lag_s, "lag_bytes": one.bytes} for one in replicas
        ],
    }
