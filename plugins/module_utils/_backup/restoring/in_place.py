# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces what is in a database by what is in its backup, in one transaction: where databases cannot be renamed.

pg_restore writes the SQL, we hand it to psql, and the last that psql gets before the COMMIT is a check of all rows.
psql never sees an end that is not the end: with --single-transaction it commits there.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator, List, Mapping, Optional, Sequence

from ..._connection.session import Session
from ..._connection.target import Target
from ..._support.driver import psycopg2
from ..._support.errors import SteadyError
from ..._support.progress import Progress
from ..._support.sqltext import compose, identifier, literal
from ..clients.client import ENDED, LOST, Client, Finished, client_of, run_program
from ..clients.programs import Programs
from ..formats.dump import in_the_way
from ..proving.scratch import unknown_statement

__all__ = ["restore_in_place"]

_OF_NO_SCHEMA = re.compile(
    rb"^\d+; \d+ \d+ (?:(?:COMMENT|ACL|SECURITY LABEL) - )?"
    rb"(?:EXTENSION|EVENT TRIGGER|PUBLICATION|FOREIGN DATA WRAPPER|FOREIGN SERVER|SERVER|USER MAPPING|DEFAULT ACL)"
    rb" (?!TABLES? )"
)
_LEFT = "the database is as it was: all of it was one transaction, and that was not committed"


def restore_in_place(
    target: Target,
    session: Session,
    programs: Programs,
    archive: str,
    manifest: Mapping[str, Any],
    progress: Progress,
    run_id: str,
    patience_s: float,
) -> None:
    """session: looks meanwhile whom psql waits for; patience_s: for how long it may.

    Raises SteadyError, and then nothing was replaced.
    """
    excluded = manifest.get("excluded_schemas", [])
    _refuse_partitioned(session, excluded)
    name = target.parameters["application_name"]
    with client_of(session, target.parameters, name) as client:
        psql = subprocess.Popen(
            [
                programs.path("psql"),
                "--no-psqlrc",
                "--quiet",
                "--no-password",
                "--single-transaction",
                "--set=ON_ERROR_STOP=1",
                *client.verbosity,
                f"--dbname={client.dsn}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=client.environment,
        )
        said: List[str] = []
        reader = threading.Thread(target=_read, args=(psql.stderr, said), daemon=True)
        reader.start()
        ended = threading.Event()
        wait = _Wait(patience_s)
        watcher = threading.Thread(target=wait.watch, args=(session, run_id, progress, ended, name), daemon=True)
        watcher.start()

        # In the first lines of the text, and so in its first piece.
        taken_out = unknown_statement(session)

        def feed(piece: bytes) -> None:
            nonlocal taken_out
            if taken_out:
                piece, taken_out = piece.replace(taken_out, b"\n", 1), b""
            if psql.stdin is not None:
                psql.stdin.write(piece)

        try:
            try:
                with _entries(programs, archive, client, bool(excluded)) as chosen:
                    done = run_program(
                        [programs.path("pg_restore"), "--clean", "--if-exists", *chosen, "--file=-", archive],
                        client,
                        consume=feed,
                    )
                if done.status != 0:
                    raise _failed(done.brief)
                feed(_check_of_rows(manifest).encode("utf-8"))
                if psql.stdin is not None:
                    psql.stdin.close()
            except BrokenPipeError:
                pass  # psql has stopped at an error, and says which
            except BaseException:
                psql.kill()
                raise
        finally:
            status = psql.wait()
            ended.set()
            watcher.join(5)
            reader.join(5)
    if status != 0:
        _end_ours(session, name)
        if wait.given_up is not None:
            raise wait.given_up
        raise _failed(Finished(status, client.clean("".join(said))).brief, status)


@contextmanager
def _entries(programs: Programs, archive: str, client: Client, some_only: bool) -> Iterator[List[str]]:
    """Options that say which entries of the archive to take: all, or those that belong to the schemas in it.

    Where schemas are left out, what belongs to no schema stays as it is: extensions and event triggers have their
    functions in schemas that are not replaced, and are owned by whoever keeps those.
    """
    if not some_only:
        yield []
        return
    lines: List[bytes] = []
    done = run_program([programs.path("pg_restore"), "--list", archive], client, consume=lines.append)
    if done.status != 0:
        raise _failed(done.brief)
    kept = [line for line in b"".join(lines).splitlines(keepends=True) if not _OF_NO_SCHEMA.match(line)]
    with tempfile.NamedTemporaryFile(prefix="steady-", suffix=".list") as file:
        file.write(b"".join(kept))
        file.flush()
        yield [f"--use-list={file.name}"]


def _refuse_partitioned(session: Session, excluded: Sequence[str]) -> None:
    """pg_restore --clean cannot drop what partitions have from their parent by themselves."""
    rows = session.rows(
        "SELECT oid::regclass::text AS name FROM pg_catalog.pg_class WHERE relkind = 'p'"
        " AND relnamespace NOT IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY (%s::text[]))"
        " ORDER BY 1",
        (list(excluded),),
    )
    if rows:
        raise SteadyError(
            "A database with partitioned tables cannot be restored in place.",
            f"pg_restore cannot drop the constraints of partitions: {', '.join(row['name'] for row in rows)}",
            "restore beside it, with a role that may create databases; or drop these tables first",
            _LEFT,
        )


class _Wait:
    """Says who is in the way, and ends psql's session after the patience. psql drops every table first, and waits for
    the sessions that use one; the application waits for psql meanwhile.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self.given_up: Optional[SteadyError] = None

    def watch(
        self, session: Session, run_id: str, progress: Progress, ended: threading.Event, application_name: str
    ) -> None:
        since: Optional[float] = None
        while not ended.wait(1):
            waiting = in_the_way(session, run_id)
            progress.say("replacing the contents", note="blocked by " + ", ".join(waiting) if waiting else "")
            since = (since or time.monotonic()) if waiting else None
            if since is not None and time.monotonic() - since > self._patience_s and self.given_up is None:
                self.given_up = SteadyError(
                    f"The restore waited {self._patience_s:.0f} s for a table that is in use.",
                    "blocked by " + ", ".join(waiting),
                    "end these sessions, or raise steady_lock_patience; then run the same command again",
                    _LEFT,
                    "55P03",
                )
                _end_ours(session, application_name)


def _end_ours(session: Session, application_name: str) -> None:
    """A server at work does not see that psql is gone: its locks on every table would keep the application out."""
    try:
        session.execute(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE application_name = %s"
            " AND datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()",
            (application_name,),
        )
    except psycopg2.Error:
        pass  # the server is gone, or sees it by itself


def _read(stream: Any, said: List[str]) -> None:
    for raw in stream:
        said.append(raw.decode("utf-8", "replace"))
        del said[:-50]


def _failed(why: str, status: int = 1) -> SteadyError:
    todo = "settle that, then run the same command again"
    if status < 0:
        todo = ENDED
    elif re.search(LOST, why):
        todo = "see whether the server runs and why it ended the session, then run the same command again"
    if "other objects depend on it" in why or "depends on" in why:
        todo = "drop what depends on it (it is not in the backup, so keep its definition), then run this again"
    return SteadyError("The contents could not be replaced.", why, todo, _LEFT)


def _check_of_rows(manifest: Mapping[str, Any]) -> str:
    """SQL that raises when a table has not the rows of the backup."""
    checks = [
        compose(
            "IF (SELECT pg_catalog.count(*) FROM ONLY {table}) <> {rows} THEN"
            " RAISE EXCEPTION 'rows of % differ', {name}; END IF;",
            table=identifier(table["schema"], table["name"]),
            rows=literal(table["rows"]),
            name=literal(f"{table['schema']}.{table['name']}"),
        )
        for table in manifest["contents"]["tables"]
        if table["kind"] == "r"
    ]
    body = "BEGIN\n" + "\n".join(checks) + "\nEND"
    return compose("\nSET row_security = off;\nSET client_encoding = 'UTF8';\nDO {body};\n", body=literal(body))
