# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the preflight, in the order in which they are shown. docs/preflight.md says the same for people."""

from __future__ import annotations

from typing import Tuple

from . import activity, history, refusals, schema, server
from .facts import Facts
from .finding import BLOCKER, OK, WARNING, Check, Judgement, good

__all__ = ["CHECKS", "CONNECTION"]


def _connected(facts: Facts) -> Judgement:
    """Judged by connecting: there are no facts without it."""
    where = f" at {facts.server.address}" if facts.server.address else ""
    return good(f'connected to database "{facts.server.database}"{where}, a primary, without a transaction pooler')


CONNECTION = Check(
    "connection",
    "connection to the right database",
    BLOCKER,
    _connected,
    fixed=True,
)

CHECKS: Tuple[Check, ...] = (
    CONNECTION,
    Check("read_only", "write access", BLOCKER, refusals.read_only, True, True),
    Check("privileges", "privileges of the role", BLOCKER, refusals.privileges, True, True),
    Check("name_clash", "names that are taken", BLOCKER, refusals.name_clash, True),
    Check("conflicting_rows", "rows that violate the planned constraints", BLOCKER, refusals.conflicting_rows, True),
    Check("refused_change", "what else the planners refuse", BLOCKER, refusals.refused_change, True),
    Check("server_release", "known defects of the release", WARNING, server.server_release),
    Check("unsafe_setting", "settings with which data gets lost", WARNING, server.unsafe_setting),
    Check("timeout_setting", "timeouts of role and database", WARNING, server.timeout_setting, reads="settings"),
    Check("connection_headroom", "free connections", WARNING, server.connection_headroom),
    Check("disk_space", "room for the new indexes", WARNING, server.disk_space),
    Check("replication_lag", "replicas that are behind", WARNING, server.replication_lag, reads="replicas"),
    Check("synchronous_standby", "synchronous standbys", WARNING, server.synchronous_standby, reads="replicas"),
    Check(
        "inactive_slot",
        "replication slots that keep WAL without a consumer",
        WARNING,
        server.inactive_slot,
        reads="replicas",
    ),
    Check(
        "published_journal",
        "publications that would take the journal along",
        BLOCKER,
        server.published_journal,
        reads="publications",
    ),
    Check("wraparound", "age of transaction ids", WARNING, server.wraparound, reads="tables"),
    Check("old_transaction", "transactions that run for long", WARNING, activity.old_transaction, reads="sessions"),
    Check(
        "idle_in_transaction",
        "transactions that were left open",
        WARNING,
        activity.idle_in_transaction,
        reads="sessions",
    ),
    Check("prepared_transaction", "two-phase transactions", WARNING, activity.prepared_transaction, reads="prepared"),
    Check(
        "running_vacuum",
        "vacuums and builds on the migration's tables",
        WARNING,
        activity.running_vacuum,
        reads="sessions",
    ),
    Check("hidden_session", "sessions that cannot be seen", WARNING, activity.hidden_session, reads="sessions"),
    Check("invalid_index", "invalid indexes in the database", WARNING, schema.invalid_index, reads="invalid"),
    Check("redundant_index", "indexes that do the work of another", WARNING, schema.redundant_index),
    Check("unindexed_foreign_key", "foreign keys without an index", WARNING, schema.unindexed_foreign_key),
    Check("not_valid_constraint", "constraints that are NOT VALID", WARNING, schema.not_valid_constraint),
    Check(
        "dependent_object",
        "views and functions on columns that change",
        WARNING,
        schema.dependent_object,
        reads="dependents",
    ),
    Check("drift", "objects changed since a deployment", WARNING, history.drift, reads="journal"),
    Check("taken_back", "newer deployments that the plan takes back", WARNING, history.taken_back, reads="journal"),
    Check("edited_migration", "other content under the same id", WARNING, history.edited_migration, reads="journal"),
    Check(
        "prisma_failed_migration",
        "failed migrations of Prisma's",
        WARNING,
        history.prisma_failed_migration,
        reads="prisma",
    ),
    Check("backup_needs", "what the backup needs", BLOCKER, history.backup_needs),
    # deploy.yml takes a proven backup before it changes anything, so without one this is no more than information.
    Check("backup", "proven backups", OK, history.backup),
)
