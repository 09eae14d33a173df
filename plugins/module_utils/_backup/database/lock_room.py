# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the server's lock table has room for one transaction that locks thousands of tables (19.12).

When it is full, every other session gets 53200, too: the application among them.
"""

from __future__ import annotations

import math
from typing import Sequence

from ..._connection.session import Session
from ..._support.errors import NOTHING_CHANGED, Refused

__all__ = ["refuse_a_full_lock_table", "relations_to_dump", "relations_to_replace"]

# Of what the settings promise: a tenth of shared memory is reserved beyond it (lock.c, LockShmemSize), and what one
# session alone locks takes less than was counted for it. Tables are locked by pg_dump and by its workers.
_SHARE = 1.2
# What is advised has room for the catalog's own tables and for the application.
_AMPLE = 1.25
_OTHERS = 100

_ROOM = """
SELECT s.per_slot, s.slots, (SELECT pg_catalog.count(DISTINCT (database, relation)) FROM pg_catalog.pg_locks
                              WHERE relation IS NOT NULL AND NOT fastpath) AS held
  FROM (SELECT sum(setting::bigint) FILTER (WHERE name = 'max_locks_per_transaction')::bigint AS per_slot,
               sum(setting::bigint) FILTER (WHERE name IN ('max_connections', 'max_prepared_transactions',
                   'max_worker_processes', 'max_wal_senders', 'autovacuum_max_workers'))::bigint + 1 AS slots
          FROM pg_catalog.pg_settings WHERE name LIKE 'max\\_%' OR name = 'autovacuum_max_workers') s
"""

_RELATIONS = """
SELECT pg_catalog.count(*) FILTER (WHERE c.relkind IN ('r', 'p')) AS tables,
       pg_catalog.count(*) FILTER (WHERE c.relkind = 'S') AS sequences,
       pg_catalog.count(*) FILTER (WHERE c.relkind <> 'c')
       + pg_catalog.count(*) FILTER (WHERE c.reltoastrelid <> 0) * 2 AS all_of_them
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL (%s::text[])
"""


def relations_to_dump(session: Session, excluded: Sequence[str]) -> int:
    """What pg_dump's locks of each table, partition and sequence take. Raises psycopg2.Error."""
    row = session.one(_RELATIONS, (list(excluded),))
    return int(row["tables"] * _SHARE + row["sequences"])


def relations_to_replace(session: Session, excluded: Sequence[str]) -> int:
    """What a restore in one transaction locks: all that it drops, and as much again. Raises psycopg2.Error."""
    return 2 * int(session.one(_RELATIONS, (list(excluded),))["all_of_them"])


def refuse_a_full_lock_table(session: Session, needed: int, what: str, otherwise: str) -> None:
    """Raise Refused when so many locks find no room. what: needs them. Raises psycopg2.Error."""
    room = session.one(_ROOM)
    if needed + room["held"] <= room["per_slot"] * room["slots"] * _SHARE:
        return
    wanted = math.ceil((needed + room["held"] + _OTHERS) * _AMPLE / room["slots"])
    raise Refused(
        f"{what} would fill the server's lock table, for the application, too:",
        [
            f"its locks of tables and sequences take {needed} places at once; there are"
            f" {room['per_slot'] * room['slots']} (max_locks_per_transaction = {room['per_slot']})"
        ],
        f"set max_locks_per_transaction to {wanted} or more and restart the server, or {otherwise}",
        NOTHING_CHANGED,
    )
