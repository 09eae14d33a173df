# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of pg_dump: under a snapshot, watched while it works, its end told in words."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..._connection.session import Session
from ..._support.driver import extensions, psycopg2
from ..._support.errors import SteadyError
from ..._support.progress import Progress
from ..._support.size import size_text
from ..clients.client import ENDED, LOST, Client, Finished, run_program
from ..clients.programs import Programs, gzip_level
from ..folder.files import folder_bytes

__all__ = ["Dump", "Followers", "dump_globals", "holders", "in_the_way", "locked"]

_LEFT = "the database was only read; earlier backups are as they were"


@dataclass
class Dump:
    """What to dump, and how. lock_wait_ms: how long pg_dump may wait for one table. run_id: in our sessions' names."""

    programs: Programs
    client: Client
    folder: str
    archive: str
    directory_format: bool
    jobs: int
    compression: str
    snapshot: str
    lock_wait_ms: int
    options: List[str]
    encoding: str
    run_id: str

    def arguments(self) -> List[str]:
        compress = self.compression if self.programs.version[0] >= 16 else gzip_level(self.compression)
        return [
            self.programs.path("pg_dump"),
            f"--format={'directory' if self.directory_format else 'custom'}",
            *([f"--jobs={self.jobs}"] if self.directory_format else []),
            f"--compress={compress}",
            f"--snapshot={self.snapshot}",
            f"--lock-wait-timeout={self.lock_wait_ms}",
            "--no-password",
            "--verbose",
            # Its own: from SQL_ASCII nothing can be converted, and a conversion there and back may lose something.
            f"--encoding={self.encoding}",
            *self.options,
            f"--file={os.path.join(self.folder, self.archive)}",
            f"--dbname={self.client.dsn}",
        ]

    def run(
        self,
        tables: List[Dict[str, Any]],
        watcher: Session,
        progress: Progress,
        beside: Callable[[], None],
        followers: Followers,
    ) -> None:
        """Dump. tables: for the progress. watcher: a session that looks who is in the way. beside: called all the time,
        raises what went wrong with the work beside it. followers: who waits behind the dump. Raises SteadyError.
        """
        counted = _Tables(tables)
        blockers: List[str] = []
        waiting: List[str] = []

        def watch() -> None:
            beside()
            waiting[:] = in_the_way(watcher, self.run_id)
            blockers[:] = waiting or blockers
            behind = followers.look(watcher)
            if waiting:
                progress.say("backing up waits for a locked table", note=f"blocked by {', '.join(waiting)}{behind}")
            else:
                written = size_text(folder_bytes(self.folder))
                progress.say("backing up", counted.done, counted.total, note=f"{written} written{behind}")

        watch()
        done = run_program(self.arguments(), self.client, watch=watch, on_line=counted.line)
        if done.status != 0:
            raise self._failure(done, watcher, blockers, bool(waiting))

    def _failure(self, done: Finished, watcher: Session, blockers: List[str], waited: bool) -> SteadyError:
        """waited: it was seen to wait for a lock just before its end, whatever language the server says so in."""
        said = _errors_only(done)
        # pg_dump and its workers write at the same time, and so into each other's lines; this sentence stays whole.
        refused = re.search(r"could not obtain lock on relation \S+", done.errors)
        if refused and refused.group() not in said:
            said = f"{refused.group()}; {said}"
        # pg_dump's --lock-wait-timeout is a statement_timeout of its LOCK TABLE; its workers take theirs with NOWAIT,
        # and get none when somebody stands in the queue who wants the table for himself.
        # One that was killed, or lost its server, while it waited was not stopped by that lock.
        lost = watcher.lost() or re.search(LOST, said) is not None
        waited = waited and done.status > 0 and not lost
        if waited or re.search("lock timeout|statement timeout|could not obtain lock", said):
            return locked(said, holders(watcher) or blockers)
        what = "pg_dump did not come to its end."
        todo = "settle that, then run the same command again"
        if "No space left on device" in said:
            what = f"The disk of the backup folder is full ({os.path.dirname(self.folder)})."
            todo = "free space, or set steady_backup_dir to a folder with more of it, then run the same command again"
        elif lost:
            what = "The connection to the server was lost in the middle of the backup."
            todo = "see whether the server runs and why it ended the session, then run the same command again"
        elif "permission denied" in said:
            todo = "grant the privilege that is named, then run the same command again"
        elif done.status < 0:
            todo = ENDED
        return SteadyError(what, said, todo, _LEFT)


class Followers:
    """Who waits for a lock that the dump holds, and so keeps all others waiting who want the table after him (13.3.1).

    seen: each of them, once.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self.seen: List[str] = []

    def look(self, session: Session) -> str:
        """Who it is now, for the progress; nothing when there is none, or when that cannot be seen."""
        try:
            rows = session.rows(
                "WITH waiting AS (SELECT DISTINCT l.pid, pg_catalog.pg_blocking_pids(l.pid) AS blockers"
                "  FROM pg_catalog.pg_locks l WHERE NOT l.granted AND l.locktype = 'relation' AND l.database ="
                "  (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())),"
                " ours AS (SELECT pid FROM pg_catalog.pg_stat_activity WHERE"
                "  pg_catalog.strpos(coalesce(application_name, ''), %s) > 0)"
                " SELECT w.pid, a.usename::text AS role, a.application_name AS application, a.state, (SELECT"
                "  pg_catalog.count(*) FROM waiting n WHERE w.pid = ANY (n.blockers)) AS behind FROM waiting w"
                " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid WHERE w.pid NOT IN (SELECT pid FROM ours)"
                " AND w.blockers && ARRAY(SELECT pid FROM ours) ORDER BY 1",
                (self._run_id,),
            )
        except psycopg2.Error:
            return ""
        names = [_named(row) + (f" with {row['behind']} behind it" if row["behind"] else "") for row in rows]
        self.seen += [name for name in map(_named, rows) if name not in self.seen]
        return "; waiting for the dump to end: " + ", ".join(names) if names else ""


class _Tables:
    """How much of the tables is dumped, from pg_dump's own words: bytes on the server's disk."""

    def __init__(self, tables: List[Dict[str, Any]]) -> None:
        self._bytes = {table["name"]: table["bytes"] for table in tables}
        self.total = sum(table["bytes"] for table in tables)
        self.done = 0
        self._current: Optional[str] = None

    def line(self, text: str) -> None:
        # Workers say "finished item 2610 TABLE DATA Sale", one process alone says what it begins with.
        finished = re.search(r"finished item \d+ TABLE DATA (.*)$", text)
        if finished:
            self.done += self._bytes.pop(finished.group(1), 0)
            return
        begun = re.search(r'dumping contents of table ".*?\.(.*)"$', text)
        if begun:
            self.done += self._bytes.pop(self._current, 0) if self._current else 0
            self._current = begun.group(1)


def _errors_only(done: Finished) -> str:
    """pg_dump's errors among the many lines of --verbose."""
    lines = [line.strip() for line in done.errors.splitlines()]
    begin = next((n for n, line in enumerate(lines) if re.search(r"^pg_dump\w*: (error|fatal)", line)), None)
    if begin is None:
        return Finished(done.status, "").brief if done.status < 0 else done.brief
    kept = [line for line in lines[begin:] if line and "pg_dump: detail: Query was" not in line]
    return " ".join(kept[:4])


def locked(why: str, who: List[str]) -> SteadyError:
    """A table that stays locked, and by whom."""
    return SteadyError(
        "A table is locked, so that it cannot be backed up.",
        why + ("; blocked by " + ", ".join(who) if who else ""),
        "wait until that session is done, or end it, then run the same command again",
        _LEFT,
    )


def holders(session: Session) -> List[str]:
    """Who holds, or queues for, a lock that keeps even a SELECT waiting; nothing when that cannot be seen."""
    return _who(
        session,
        "SELECT DISTINCT a.pid, a.usename::text AS role, a.application_name AS application, a.state"
        " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.database ="
        " (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
    )


def in_the_way(session: Session, run_id: str) -> List[str]:
    """Whom a session of the run waits for at this moment; nothing when none waits, or when that cannot be seen."""
    return _who(
        session,
        "SELECT DISTINCT a.pid, a.usename::text AS role, a.application_name AS application, a.state"
        " FROM pg_catalog.pg_stat_activity w, pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) b (pid)"
        " JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid"
        " WHERE w.wait_event_type = 'Lock' AND pg_catalog.strpos(w.application_name, %s) > 0"
        " AND pg_catalog.strpos(coalesce(a.application_name, ''), %s) = 0",
        (run_id, run_id),
    )


def _who(session: Session, query: str, parameters: Sequence[Any] = ()) -> List[str]:
    try:
        rows = session.rows(query, parameters)
    except psycopg2.Error:
        return []
    return [_named(row) for row in rows]


def _named(row: Dict[str, Any]) -> str:
    return f'pid {row["pid"]} (role {row["role"]}, application "{row["application"]}", {row["state"]})'


def dump_globals(programs: Programs, client: Client, path: str, database: str) -> Optional[str]:
    """Roles, memberships, role settings and tablespaces, to a file, with the roles' password hashes where the role may
    read them. Returns why not, in words, or None when it is done. Raises SteadyError when the disk is full.
    """
    program = programs.path("pg_dumpall")
    said = ""
    for hashes in ([], ["--no-role-passwords"]):
        done = run_program(
            [
                program,
                "--globals-only",
                "--no-password",
                *hashes,
                f"--file={path}",
                # A connection string: of a name that looks like one it would take another database for its own.
                f"--database={extensions.make_dsn(dbname=database)}",
                f"--dbname={client.dsn}",
            ],
            client,
        )
        if done.status == 0:
            return "without the roles' passwords, which this role may not read" if hashes else None
        said = done.brief
        if os.path.exists(path):
            os.unlink(path)
    if os.strerror(errno.ENOSPC) in said:
        raise SteadyError("The disk of the backup folder is full.", said, "free space, then run this again", _LEFT)
    return f"not included: {said}"
