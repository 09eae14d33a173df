# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanges two databases by their names, in one transaction: before it and after it everything is as it should be."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Dict, List, Sequence, Set, Tuple

from ..._connection.session import Session
from ..._connection.stop import STOP
from ..._connection.translation import translate
from ..._locks.blockers import Blocker, blockers_of_databases, blockers_of_session, describe_blockers
from ..._support.driver import psycopg2
from ..._support.errors import LockNotAvailable, SteadyError
from ..._support.progress import Progress
from ..._support.sqltext import compose, identifier, literal, raw

__all__ = ["refuse_unswappable", "swap"]

_LEFT = "the live database has its name and its data; what was restored lies beside it"
# New connections queue behind one attempt for no longer than this.
_ATTEMPT_SECONDS = 2.0
_LOOK_SECONDS = 0.5
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass
class _Seen:
    """What the second session saw during an attempt.

    refused: sessions that it may not end. blockers: sessions that held a lock which the exchange needs.
    """

    refused: Set[str] = field(default_factory=set)
    blockers: List[Blocker] = field(default_factory=list)


def refuse_unswappable(session: Session, live: str) -> None:
    """Raise SteadyError for what would keep a database from being renamed. Raises psycopg2.Error."""
    prepared = session.rows(
        "SELECT gid, owner::text FROM pg_catalog.pg_prepared_xacts WHERE database = %s ORDER BY prepared", (live,)
    )
    if prepared:
        names = ", ".join(f'"{row["gid"]}" of {row["owner"]}' for row in prepared)
        raise SteadyError(
            f'The database "{live}" has prepared transactions, and cannot be renamed.',
            names,
            "COMMIT PREPARED or ROLLBACK PREPARED each of them, then run the same command again",
            "nothing was changed",
        )
    refuse_replicated(session, live)
    rows = session.rows(
        "SELECT a.pid, a.usename::text AS role FROM pg_catalog.pg_stat_activity a"
        " JOIN pg_catalog.pg_roles r ON r.rolname = a.usename"
        " WHERE a.datname = %s AND a.pid <> pg_catalog.pg_backend_pid() AND NOT CASE WHEN r.rolsuper"
        " THEN (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)"
        " ELSE pg_catalog.pg_has_role(a.usesysid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') END",
        (live,),
    )
    if rows:
        who = ", ".join(f"pid {row['pid']} of role {row['role']}" for row in rows)
        raise SteadyError(
            "There are sessions that this role may not end.",
            who,
            "end them, or GRANT pg_signal_backend to this role (a superuser's sessions need a superuser)",
            "nothing was changed",
        )


def refuse_replicated(session: Session, live: str) -> None:
    """Raise SteadyError for what belongs to a database by its oid, and would stay with the one that is kept: logical
    slots and subscriptions (catalogs pg_replication_slots and pg_subscription). Raises psycopg2.Error.
    """
    slots = session.rows(
        "SELECT slot_name::text AS name FROM pg_catalog.pg_replication_slots"
        " WHERE database = %s AND slot_type = 'logical' ORDER BY 1",
        (live,),
    )
    subscriptions = session.rows(
        "SELECT s.subname::text AS name FROM pg_catalog.pg_subscription s"
        " JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = %s ORDER BY 1",
        (live,),
    )
    if not slots and not subscriptions:
        return
    todo = []
    if slots:
        drops = "; ".join(compose("SELECT pg_drop_replication_slot({n})", n=literal(one["name"])) for one in slots)
        todo.append(f"end the consumers, and drop the slots ({drops})")
    for one in subscriptions:
        drop = compose("DROP SUBSCRIPTION {name}", name=identifier(one["name"]))
        todo.append(
            f"{drop} (ALTER SUBSCRIPTION … DISABLE and SET (slot_name = NONE) first keeps the publisher's slot)"
        )
    raise SteadyError(
        f'The database "{live}" takes part in logical replication, and cannot be exchanged with another one.',
        "; ".join(
            [
                f'the slot "{one["name"]}" would stay with the database that is kept: its consumer gets nothing more'
                for one in slots
            ]
            + [f'the subscription "{one["name"]}" would go on in the database that is kept' for one in subscriptions]
        ),
        "; ".join(todo) + "; then run the same command again, and afterwards make them anew: consumers begin with a new"
        " copy of the data",
        "nothing was changed",
    )


def swap(
    session: Session,
    ender: Session,
    names: Tuple[str, str, str],
    comments: Dict[str, str],
    patience_s: float,
    progress: Progress,
) -> float:
    """Rename live to kept and new to live, of names (live, kept, new); how long that took, in ms.

    Raises SteadyError, and then nothing is renamed. ALTER DATABASE … RENAME locks the database's name: whoever connects
    meanwhile waits, and gets the new one when trying again. It waits up to 5 s for sessions to be gone, which the
    second session ends (dbcommands.c, procarray.c: CountOtherDBBackends). There is no moment at which a crash leaves
    the name without a database.

    A session of another database may hold the name's lock, such as one that commented on this one in its transaction.
    While one does, no session is ended; an attempt waits 2 s for the lock, and the last ends with the patience.
    """
    live, kept, new = names
    rename = "ALTER DATABASE {old} RENAME TO {new}"
    statements = [
        compose(rename, old=identifier(live), new=identifier(kept)),
        compose(rename, old=identifier(new), new=identifier(live)),
    ]
    for name, text in comments.items():
        comment = literal(text) if text else raw("NULL")
        statements.append(compose("COMMENT ON DATABASE {name} IS {text}", name=identifier(name), text=comment))
    deadline = time.monotonic() + patience_s
    while True:
        seen = _Seen()
        try:
            _wait_for_holders(session, (live, new), patience_s, deadline, progress)
            progress.say("exchanging the databases")
            return _exchange(session, ender, statements, (live, new), seen)
        except SteadyError as error:
            error.left = _LEFT
            raise
        except psycopg2.Error as error:
            if error.pgcode != _LOCK_NOT_AVAILABLE:
                raise _problem(error, ender, live, kept, sorted(seen.refused)) from None
            if time.monotonic() >= deadline:
                raise _held(live, patience_s, seen.blockers) from None


def _wait_for_holders(
    session: Session, databases: Tuple[str, str], patience_s: float, deadline: float, progress: Progress
) -> None:
    """Wait for those in other databases that hold a lock on one of these. Raises SteadyError, psycopg2.Error."""
    while True:
        found = blockers_of_databases(session, databases)
        if not found:
            return
        if time.monotonic() >= deadline:
            raise _held(databases[0], patience_s, found)
        progress.say("exchanging the databases", note="waiting for " + "; ".join(one.brief for one in found[:3]))
        STOP.check()
        time.sleep(_LOOK_SECONDS)


def _held(live: str, patience_s: float, blockers: Sequence[Blocker]) -> LockNotAvailable:
    return LockNotAvailable(
        f'Another session holds a lock on the database "{live}": the exchange waited {patience_s:.0f} s for it.',
        describe_blockers(blockers),
        "end these transactions, or raise steady_lock_patience",
        _LEFT,
        _LOCK_NOT_AVAILABLE,
        {"blockers": [one.as_dict() for one in blockers]},
        rerun=True,
    )


def _exchange(
    session: Session, ender: Session, statements: Sequence[str], databases: Tuple[str, str], seen: _Seen
) -> float:
    """One attempt; how long it took, in ms. Raises SteadyError and psycopg2.Error, and then it is rolled back."""
    done = threading.Event()
    thread = threading.Thread(target=_end_sessions, args=(ender, session.pid, databases, done, seen), daemon=True)
    began = time.monotonic()
    try:
        session.execute("BEGIN")
        session.execute(f"SET LOCAL lock_timeout TO {_ATTEMPT_SECONDS * 1000:.0f}")
        thread.start()
        for statement in statements:
            session.execute(statement)
        session.execute("COMMIT")
        return round((time.monotonic() - began) * 1000, 1)
    except (SteadyError, psycopg2.Error):
        try:
            session.execute("ROLLBACK")
        except (SteadyError, psycopg2.Error):
            pass  # the session is gone, and its transaction with it
        raise
    finally:
        done.set()
        if thread.ident is not None:
            thread.join(5)


def _problem(error: psycopg2.Error, session: Session, live: str, kept: str, refused: List[str]) -> SteadyError:
    problem = translate(error, f'The database "{live}" could not be exchanged', _LEFT)
    again = "then run the same command again"
    if error.pgcode == "55006":
        who = refused or _connected(session, live)
        problem.why += f"; sessions that did not end: {', '.join(who)}" if who else ""
        problem.todo = f"end them (pg_terminate_backend; where a process hangs, on the server's host), {again}"
    elif error.pgcode == "42P04":
        problem.todo = f"see what that database is, drop or rename it, {again}"
    elif session.lost():
        problem.what = "The connection to the server was lost in the middle of the exchange."
        problem.todo = f"see whether the server runs and which databases there are (psql -l), {again}"
        problem.left = f"it is one transaction: all of it has happened, or nothing; {kept} is there only if it has"
    else:
        problem.todo = problem.todo or f"settle that, {again}"
    return problem


def _connected(session: Session, database: str) -> List[str]:
    try:
        rows = session.rows(
            "SELECT pid, usename::text AS role FROM pg_catalog.pg_stat_activity WHERE datname = %s ORDER BY pid",
            (database,),
        )
    except psycopg2.Error:
        return []
    return [f"pid {row['pid']} of role {row['role']}" for row in rows]


def _end_sessions(session: Session, ours: int, databases: Tuple[str, ...], done: threading.Event, seen: _Seen) -> None:
    """End all who are connected, and again before the name is locked; see which sessions block ours then."""
    while not done.is_set():
        try:
            rows = session.rows(
                "SELECT pid, usename::text AS role FROM pg_catalog.pg_stat_activity WHERE datname = ANY (%s)"
                " AND pid <> pg_catalog.pg_backend_pid()",
                (list(databases),),
            )
            for row in rows:
                try:
                    session.execute("SELECT pg_catalog.pg_terminate_backend(%s)", (row["pid"],))
                except psycopg2.errors.InsufficientPrivilege:
                    seen.refused.add(f"pid {row['pid']} of role {row['role']}")
            seen.blockers = blockers_of_session(session, ours) or seen.blockers
        except psycopg2.Error:
            return
        done.wait(0.02)
