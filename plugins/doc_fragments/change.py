# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules that change something take their locks."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lock_budget:
    description:
      - The longest that any statement of the application may be made to wait by one attempt to take a lock.
    type: str
    default: 100ms
  lock_patience:
    description:
      - How long to go on trying for one lock before giving up with the names of the sessions in the way.
    type: str
    default: 10m
  parallel:
    description:
      - How many indexes to build side by side, on different tables. By default it is chosen from the server's cores,
        connections and memory.
    type: int
  on_blocker:
    description:
      - What to do about a session whose transaction is in the way and older than O(old_transaction). V(cancel) ends its
        statement, which does nothing to a session that is idle in its transaction; V(terminate) ends the session.
      - Only sessions that O(on_blocker_applications) and O(on_blocker_roles) name are ended, and of these never
        autovacuum, replication or sessions of this collection. Each is in the result.
      - Takes a role that may do so (C(pg_signal_backend), or the same role).
    type: str
    choices: [wait, cancel, terminate]
    default: wait
  on_blocker_applications:
    description:
      - The C(application_name) of sessions that may be ended, exactly.
    type: list
    elements: str
    default: []
  on_blocker_roles:
    description:
      - The roles whose sessions may be ended. Given together with O(on_blocker_applications), both must name a session.
    type: list
    elements: str
    default: []
  old_transaction:
    description:
      - How old a transaction is that does not end by itself soon. An index build for which one would have to be waited
        names it before it begins, and O(on_blocker) ends none that is younger.
    type: str
    default: 1m
  max_replica_lag:
    description:
      - How far replicas may be behind when a step begins; it is waited for as long as O(lock_patience) allows. So it is
        for a replication slot that the server is about to break (C(wal_status=unreserved)). V(off) does not look.
    type: str
    default: 30s
  disk_allowance:
    description:
      - How much disk the new indexes may take while they are built, such as C(20GB), when what is free cannot be seen
        from here or must not be used up. What does not fit by estimate is refused before anything is begun.
    type: str
  operator:
    description:
      - Who does this, for the journal, such as C(alice@deploy-host).
    type: str
"""

    OBJECTS = r"""
options:
  schema:
    description:
      - Schema of the tables. By default what the URL says with C(schema=) or its search path, else V(public), which is
        refused when sessions of the role would find tables of another schema first.
    type: str
  journal:
    description:
      - Whether to keep in schema C(steady) of the database what was done and what stood there before, so that
        M(steady.postgresql.rollback) can undo it.
    type: bool
    default: true
"""
