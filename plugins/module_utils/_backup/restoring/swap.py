# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanges two databases by their names, in one transaction: before it and after it everything is as it should be."""

from __future__ import annotations

import threading
import time
from typing import Dict, List, Tuple

from ..._connection.session import Session
from ..._connection.translation import translate
from ..._support.driver import psycopg2
from ..._support.errors import SteadyError
from ..._support.sqltext import compose, identifier, literal, raw

__all__ = ["refuse_unswappable", "swap"]

_LEFT = "the live database has its name and its data; what was restored lies beside it"


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


def swap(session: Session, ender: Session, live: str, kept: str, new: str, comments: Dict[str, str]) -> float:
    """Rename live to kept and new to live; how long that took, in ms. Raises SteadyError, and then nothing is renamed.

    ALTER DATABASE … RENAME locks the database's name: whoever connects meanwhile waits, and gets the new one when
    trying again. It waits up to 5 s for sessions to be gone, which the second session ends (dbcommands.c, procarray.c:
    CountOtherDBBackends). There is no moment at which a crash leaves the name to nobody.
    """
    done = threading.Event()
    refused: List[str] = []
    thread = threading.Thread(target=_end_sessions, args=(ender, (live, new), done, refused), daemon=True)
    rename = "ALTER DATABASE {old} RENAME TO {new}"
    began = time.monotonic()
    try:
        session.execute("BEGIN")
        thread.start()
        session.execute(compose(rename, old=identifier(live), new=identifier(kept)))
        session.execute(compose(rename, old=identifier(new), new=identifier(live)))
        for name, text in comments.items():
            comment = literal(text) if text else raw("NULL")
            session.execute(compose("COMMENT ON DATABASE {name} IS {text}", name=identifier(name), text=comment))
        session.execute("COMMIT")
        return round((time.monotonic() - began) * 1000, 1)
    except psycopg2.Error as error:
        try:
            session.execute("ROLLBACK")
        except psycopg2.Error:
            pass  # the session is gone, and its transaction with it
        done.set()
        thread.join(5)
        raise _problem(error, ender, live, kept, sorted(set(refused))) from None
    finally:
        done.set()
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


def _end_sessions(session: Session, databases: Tuple[str, ...], done: threading.Event, refused: List[str]) -> None:
    """End whoever is connected, and again whoever comes back before the name is locked."""
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
                    refused.append(f"pid {row['pid']} of role {row['role']}")
        except psycopg2.Error:
            return
        done.wait(0.02)
