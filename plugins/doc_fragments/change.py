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
      - The longest that one attempt to take a lock may make a statement of the application wait.
    type: str
    default: 100ms
  lock_patience:
    description:
      - How long to try to take one lock. Then the run fails and names the blocking sessions.
    type: str
    default: 10m
  parallel:
    description:
      - How many indexes to build in parallel, on different tables. By default it is chosen from the server's cores,
        connections and memory.
    type: int
  on_blocker:
    description:
      - What to do about a session whose transaction blocks a step and is older than O(old_transaction). V(cancel) ends
        its statement, which does not affect a session that is idle in its transaction; V(terminate) ends the session.
      - Only sessions that O(on_blocker_applications) and O(on_blocker_roles) name are ended, and never autovacuum,
        replication or sessions of this collection. The result lists the ended sessions.
      - The role needs C(pg_signal_backend), unless the session belongs to the same role.
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
      - The roles whose sessions may be ended. If O(on_blocker_applications) is given too, a session must match both.
    type: list
    elements: str
    default: []
  old_transaction:
    description:
      - Transactions older than this are treated as long-running. An index build that would have to wait for one names
        it before the build begins. O(on_blocker) ends no younger transaction.
    type: str
    default: 1m
  max_replica_lag:
    description:
      - How far replicas may be behind when a step begins. The step waits for them for at most O(lock_patience). It also
        waits for a replication slot that the server is about to break (C(wal_status=unreserved)). V(off) checks
        neither.
    type: str
    default: 30s
  disk_allowance:
    description:
      - How much disk space the new indexes may use while they are built, such as C(20GB). Set it if the free space
        cannot be seen from here or must not be used up. A plan that needs more by estimate is refused before any
        change.
    type: str
  operator:
    description:
      - The user who runs this, for the journal, such as C(alice@deploy-host).
    type: str
"""

    OBJECTS = r"""
options:
  schema:
    description:
      - Schema of the tables. By default that of the URL (C(schema=) or its search path), else V(public). V(public) is
        refused if sessions of the role would find tables of another schema first.
    type: str
  journal:
    description:
      - Whether to keep a journal of the change in schema C(steady) of the database. M(steady.postgresql.rollback) needs
        it to undo the change.
    type: bool
    default: true
"""
