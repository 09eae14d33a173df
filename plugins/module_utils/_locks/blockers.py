# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions in our way: who they are, and what may be done about them. By default nothing but waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.session import Session
from .._connection.target import APPLICATION_NAME
from .._model.plan import Unit
from .._support.driver import psycopg2
from .._support.sqltext import compose, literal, mask_literals, qualified, raw

__all__ = [
    "SESSION",
    "Blocker",
    "BlockerPolicy",
    "ages_are_hidden",
    "blocker_of",
    "blockers_of_databases",
    "blockers_of_session",
    "blockers_of_tables",
    "describe_blockers",
    "end_blockers",
    "old_sessions",
]

CLIENT = "client backend"
AUTOVACUUM = "autovacuum worker"
PREPARED = "prepared transaction"
_HIDDEN = "not visible to this role"

# What blocker_of needs of pg_stat_activity a.
SESSION = (
    "SELECT a.pid, a.usename::text, a.application_name, a.state, a.query, a.backend_type AS backend,"
    " a.usesysid IS NULL AS of_server, extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS age"
)
# And of the prepared transaction x whose locks are in pg_locks l. Its virtualtransaction is -1/xid, as the manual
# of pg_locks has it, only after a restart of the server; before, it is that of the session that prepared it.
_PREPARED = (
    "WITH x AS MATERIALIZED (SELECT i.virtualtransaction, p.gid, p.owner, p.prepared"
    "  FROM pg_catalog.pg_prepared_xacts AS p"
    "  JOIN pg_catalog.pg_locks AS i ON i.locktype = 'transactionid' AND i.transactionid = p.transaction"
    "  WHERE i.pid IS NULL AND i.granted) "
)
_OF_PREPARED = (
    ", x.gid, x.owner::text, extract(epoch FROM pg_catalog.clock_timestamp() - x.prepared)::float8 AS prepared_age"
)
_ANYBODY = _PREPARED + SESSION + _OF_PREPARED

_OF_TABLES = (
    ", l.mode, NOT l.granted AS waiting, w.name AS table_name"
    " FROM unnest(%s::text[], %s::text[]) AS w(name, regclass)"
    " JOIN pg_catalog.pg_locks l ON l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(w.regclass)"
    " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    " LEFT JOIN x ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction"
    # One that is in neither is gone by now.
    " WHERE l.mode = ANY (%s) AND (x.gid IS NOT NULL OR a.pid <> ALL (%s))"
    " ORDER BY l.granted DESC, coalesce(a.xact_start, x.prepared) LIMIT 20"
)
_OF_SESSION = (
    ", 'a lock or an old snapshot' AS mode,"
    " false AS waiting, pg_catalog.current_database()::text AS table_name"
    " FROM (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids(%(pid)s)) AS pid) AS b"
    " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid"
    # 0 stands for a prepared transaction (9.27): it holds what the session waits for.
    " LEFT JOIN (SELECT DISTINCT h.pid, h.virtualtransaction FROM pg_catalog.pg_locks AS w"
    "  JOIN pg_catalog.pg_locks AS h"
    "  ON h.pid IS NULL AND h.granted AND ROW(h.locktype, h.database, h.relation, h.transactionid)"
    "   IS NOT DISTINCT FROM ROW(w.locktype, w.database, w.relation, w.transactionid)"
    "  WHERE w.pid = %(pid)s AND NOT w.granted) AS l ON b.pid = 0"
    " LEFT JOIN x ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction"
    " WHERE a.pid IS NOT NULL OR x.gid IS NOT NULL"
)
# A lock on a database itself is one on a shared object, of no database (pg_locks, 53.12).
_OF_DATABASES = (
    ", l.mode, false AS waiting, pg_catalog.format('the database %%I', d.datname) AS table_name"
    " FROM pg_catalog.pg_database d"
    " JOIN pg_catalog.pg_locks l ON l.locktype = 'object' AND l.database = 0 AND l.objid = d.oid AND l.granted"
    " AND l.classid = pg_catalog.to_regclass('pg_catalog.pg_database')::pg_catalog.oid"
    " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    " LEFT JOIN x ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction"
    " WHERE d.datname = ANY (%(names)s) AND (x.gid IS NOT NULL OR a.datname <> ALL (%(names)s))"
    " AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() ORDER BY coalesce(a.xact_start, x.prepared) LIMIT 10"
)
_OLD = (
    ", coalesce(l.mode, 'an old snapshot') AS mode, false AS waiting,"
    " coalesce(l.name, pg_catalog.current_database()::text) AS table_name"
    " FROM (SELECT DISTINCT ON (k.pid, k.virtualtransaction) k.pid, k.virtualtransaction, k.mode, w.name"
    "  FROM unnest(%(names)s::text[], %(tables)s::text[]) AS w(name, regclass)"
    "  JOIN pg_catalog.pg_locks k ON k.locktype = 'relation' AND k.relation = pg_catalog.to_regclass(w.regclass)"
    "  AND k.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    "  WHERE k.granted AND k.mode = ANY (%(modes)s)) AS l"
    " FULL JOIN (SELECT * FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database()) AS a"
    " ON a.pid = l.pid"
    " LEFT JOIN x ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction"
    " WHERE coalesce(a.xact_start, x.prepared) < pg_catalog.clock_timestamp()"
    "  - pg_catalog.make_interval(secs => %(after)s) AND (a.pid <> ALL (%(own)s) OR x.gid IS NOT NULL)"
    " AND (l.mode IS NOT NULL OR a.backend_xmin IS NOT NULL AND a.backend_type <> %(vacuum)s)"
    " ORDER BY coalesce(a.xact_start, x.prepared) LIMIT 10"
)

_CONFLICTS = {
    # PostgreSQL documentation, table 13.2 "Conflicting Lock Modes".
    "ROW EXCLUSIVE": ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
    "SHARE": (
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ),
    "SHARE ROW EXCLUSIVE": (
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ),
    "ACCESS EXCLUSIVE": (
        "AccessShareLock",
        "RowShareLock",
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ),
}


@dataclass(frozen=True)
class Blocker:
    """A session in the way. age_s: of its transaction. query: with its constants masked. backend: what kind it is.

    pid None: a prepared transaction; gid is its name then.
    """

    pid: Optional[int]
    user: str
    application: str
    state: str
    age_s: Optional[float]
    mode: str
    table: str
    query: str
    waiting: bool = False
    backend: str = CLIENT
    gid: Optional[str] = None

    def as_dict(self) -> Dict[str, Any]:
        return {
            key: getattr(self, key)
            for key in ("pid", "user", "application", "state", "age_s", "mode", "table", "query", "waiting", "backend")
        }

    @property
    def text(self) -> str:
        verb = "waits for" if self.waiting else "holds"
        what = f"{verb} {self.mode} on {self.table}"
        age = f", transaction open for {self.age_s:.0f} s" if self.age_s is not None else ""
        if self.pid is None:
            # Its owner may well be gone: nothing but these statements ends it, in its database.
            ends = "{command} PREPARED {gid}"
            how = " or ".join(
                compose(ends, command=raw(c), gid=literal(self.gid or "")) for c in ("COMMIT", "ROLLBACK")
            )
            return f'a prepared transaction (user "{self.user}"{age}) {what}; it ends by {how}'
        return (
            f'pid {self.pid} (user "{self.user}", application "{self.application}", {self.state}{age}) {what}; '
            f"its query: {self.query or _HIDDEN}"
        )

    @property
    def brief(self) -> str:
        """A few words, for a line of progress."""
        if self.pid is None:
            return f"the prepared transaction {self.gid}"
        age = f", {self.age_s:.0f} s" if self.age_s is not None else ""
        who = f"{self.user}, {self.application}" if self.application else self.user
        return f"pid {self.pid} ({who}, {self.state}{age}): {self.query[:80] or 'its query is not visible'}"


@dataclass(frozen=True)
class BlockerPolicy:
    """What may be done about a session in the way (steady_on_blocker): wait | cancel | terminate.

    applications, roles: whose sessions may be ended; of two lists that are given, both must name it. Without any list
    nobody's. after_s: transactions that are younger end by themselves, and are waited for.
    """

    on_blocker: str = "wait"
    applications: Tuple[str, ...] = ()
    roles: Tuple[str, ...] = ()
    after_s: float = 60.0

    @property
    def anybody(self) -> bool:
        """Whether anybody's sessions may be ended."""
        return bool(self.applications or self.roles)

    def may_end(self, blocker: Blocker, own: Sequence[int] = ()) -> bool:
        """Never autovacuum, a walsender or another server process, never a session of ours or of another run.

        A cancel reaches only a statement that runs: it does nothing to a session that is idle in its transaction.
        """
        if self.on_blocker == "wait" or not self.anybody:
            return False
        if blocker.pid is None or blocker.pid in own or blocker.backend != CLIENT or blocker.waiting:
            return False
        if blocker.application.startswith(APPLICATION_NAME) or (blocker.age_s or 0.0) < self.after_s:
            return False
        if self.on_blocker == "cancel" and blocker.state != "active":
            return False
        return (not self.applications or blocker.application in self.applications) and (
            not self.roles or blocker.user in self.roles
        )


def blocker_of(row: Mapping[str, Any]) -> Blocker:
    """The session of a row: the columns of SESSION, mode, waiting, table_name; of a prepared transaction gid, owner.

    Of others' sessions a role without pg_read_all_stats sees pid, user and application alone (27.2.3). That one without
    a user is autovacuum's can be told all the same: no other process of the server's locks tables.
    """
    gid = row.get("gid")
    if gid is not None:
        state, backend, query = PREPARED, PREPARED, ""
    elif row["backend"] is None:
        state, backend, query = f"state {_HIDDEN}", AUTOVACUUM if row["of_server"] else CLIENT, ""
    else:
        state, backend, query = row["state"] or row["backend"], row["backend"], row["query"] or ""
    return Blocker(
        row["pid"],
        row["usename"] or row.get("owner") or "?",
        row["application_name"] or "",
        state,
        row["age"] if gid is None else row["prepared_age"],
        row["mode"],
        row["table_name"],
        mask_literals(query),
        row["waiting"],
        backend,
        gid,
    )


def blockers_of_tables(session: Session, unit: Unit, own: Sequence[int]) -> List[Blocker]:
    """Who holds, or queues for, a lock that the unit's locks conflict with. Empty when the way is free."""
    rows = session.rows(
        _ANYBODY + _OF_TABLES,
        (
            [f"{lock.table[0]}.{lock.table[1]}" for lock in unit.locks],
            [qualified(*lock.table) for lock in unit.locks],
            list(_CONFLICTS[unit.locks[0].mode]),
            list(own),
        ),
    )
    return [blocker_of(row) for row in rows]


def blockers_of_session(session: Session, pid: int) -> List[Blocker]:
    """Who keeps a session of ours waiting, by the server's own account."""
    rows = session.rows(
        _ANYBODY + _OF_SESSION,
        {"pid": pid},
    )
    return [blocker_of(row) for row in rows]


def blockers_of_databases(session: Session, names: Sequence[str]) -> List[Blocker]:
    """Who holds a lock on one of these databases, in another one or in a prepared transaction."""
    return [blocker_of(row) for row in session.rows(_ANYBODY + _OF_DATABASES, {"names": list(names)})]


def describe_blockers(blockers: Sequence[Blocker]) -> str:
    gone = "no blocking session could be seen (it was gone a moment later)"
    return "; ".join(blocker.text for blocker in blockers) or gone


def end_blockers(
    session: Session, policy: BlockerPolicy, blockers: Sequence[Blocker], own: Sequence[int]
) -> List[Dict[str, Any]]:
    """End those that the policy gives free. Each as a dictionary: the blocker, and `how` it was ended or why not."""
    ended: List[Dict[str, Any]] = []
    cancel = policy.on_blocker == "cancel"
    for blocker in blockers:
        done = "cancelled" if cancel else "terminated"
        if not policy.may_end(blocker, own) or blocker.pid in [entry["pid"] for entry in ended]:
            continue
        try:
            # Asked for once more by who it is and how old: a process id may belong to somebody else by now.
            rows = session.rows(
                "SELECT CASE WHEN %s THEN pg_catalog.pg_cancel_backend(pid)"
                " ELSE pg_catalog.pg_terminate_backend(pid) END AS ended FROM pg_catalog.pg_stat_activity"
                " WHERE pid = %s AND backend_type = 'client backend' AND usename = %s AND application_name = %s"
                " AND xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s)",
                (cancel, blocker.pid, blocker.user, blocker.application, policy.after_s),
            )
        except psycopg2.Error as error:
            if getattr(error, "pgcode", None) != "42501":
                raise
            rows, done = [{"ended": True}], _not_permitted(session, blocker)
        if rows and rows[0]["ended"]:
            ended.append({**blocker.as_dict(), "how": done})
    return ended


def _not_permitted(session: Session, blocker: Blocker) -> str:
    """pg_signal_backend is not enough for the sessions of a superuser (PostgreSQL documentation, 21.5)."""
    rows = session.rows("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = %s", (blocker.user,))
    superuser = bool(rows and rows[0]["rolsuper"])
    return "not permitted (only a superuser may)" if superuser else "not permitted (GRANT pg_signal_backend)"


def ages_are_hidden(session: Session) -> bool:
    """Whether there are sessions in this database whose transactions' age this role may not see."""
    return bool(
        session.rows(
            "SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database()"
            " AND usesysid IS NOT NULL AND backend_type IS NULL LIMIT 1"
        )
    )


def old_sessions(
    session: Session, tables: Sequence[Tuple[str, str]], after_s: float, own: Sequence[int]
) -> List[Blocker]:
    """Whom a concurrent build on these tables would wait for, and who is in a transaction for longer than after_s.

    A build waits for transactions that hold a lock on its table with which rows are written, and at its end for
    every older snapshot of the database, whatever process has it, but for vacuums (PostgreSQL documentation,
    CREATE INDEX, "Building Indexes Concurrently").
    """
    rows = session.rows(
        _ANYBODY + _OLD,
        {
            "names": [f"{schema}.{name}" for schema, name in tables],
            "tables": [qualified(*table) for table in tables],
            "modes": [
                mode for mode in _CONFLICTS["ACCESS EXCLUSIVE"] if mode not in ("AccessShareLock", "RowShareLock")
            ],
            "own": list(own),
            "after": after_s,
            "vacuum": AUTOVACUUM,
        },
    )
    return [blocker_of(row) for row in rows]
