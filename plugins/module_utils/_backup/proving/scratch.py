# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database made from a backup, beside the live one: created like it, restored into, compared, dropped."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from ..._connection.address import Address, read_address
from ..._connection.session import Session
from ..._connection.target import Target
from ..._connection.translation import translate
from ..._support.driver import psycopg2
from ..._support.errors import NOTHING_CHANGED, ConnectionProblem, SteadyError
from ..._support.progress import Progress
from ..._support.sqltext import compose, identifier, literal, raw
from ..clients.client import ENDED, LOST, Finished, client_of, run_program
from ..clients.programs import Programs
from ..database.contents import count_tables, differences, read_contents
from .proof import NotProven

__all__ = [
    "compare",
    "create_database",
    "drop_unproven",
    "maintenance_session",
    "missing_roles",
    "prove_restore",
    "refuse_older",
    "restore_failure",
    "restore_into",
    "scratch_database",
    "suffixed",
    "unknown_statement",
]

_LEFT = "the live database was not touched"
_LONGEST_NAME = 63
_SINCE_17 = "transaction_timeout"


class _Stop(Exception):
    """Ends pg_restore."""


def suffixed(name: str, suffix: str) -> str:
    """The name with a suffix, cut so that the server cuts nothing (63 bytes)."""
    room = _LONGEST_NAME - len(suffix.encode("utf-8"))
    return name.encode("utf-8")[:room].decode("utf-8", "ignore") + suffix


def maintenance_session(
    like: Target, address: Address, wanted: Optional[str], purpose: str, live: Optional[str] = None
) -> Tuple[Session, Target]:
    """A session in a database from which others are created and renamed. like: the run's target. Raises
    ConnectionProblem.
    """
    last: Optional[ConnectionProblem] = None
    for database in [wanted] if wanted else ["postgres", "template1"]:
        if database == live:
            continue
        target = like.beside(address, database, purpose)
        try:
            return target.first_session()[0], target
        except ConnectionProblem as error:
            last = error
    raise last or ConnectionProblem(
        "There is no other database to connect to.",
        f'the database "{live}" is the one to be restored, and it cannot be renamed from within',
        "name another one that the role may connect to: restore_maintenance_database",
        _LEFT,
    )


def missing_roles(session: Session, roles: List[str]) -> List[str]:
    """Which of them the server does not have. Raises psycopg2.Error."""
    there = {row["rolname"] for row in session.rows("SELECT rolname::text FROM pg_catalog.pg_roles")}
    return [role for role in roles if role not in there]


def _not_ours(session: Session, roles: List[str]) -> List[str]:
    """Which of them the session's role is no member of, so that it may not make them owners. Raises psycopg2.Error."""
    rows = session.rows(
        "SELECT role FROM unnest(%s::text[]) AS role WHERE NOT pg_catalog.pg_has_role(role, 'MEMBER')", (roles,)
    )
    return [row["role"] for row in rows]


def create_database(session: Session, name: str, facts: Mapping[str, Any], comment: str) -> None:
    """Create an empty database with the encoding and locale of the backed-up one. Raises SteadyError."""
    version = session.connection.server_version
    options = [
        compose("ENCODING {value}", value=literal(facts["encoding"])),
        compose("LC_COLLATE {value}", value=literal(facts["collate"])),
        compose("LC_CTYPE {value}", value=literal(facts["ctype"])),
    ]
    if version >= 150000:
        provider = {"c": "libc", "i": "icu", "b": "builtin"}[facts["locale_provider"]]
        options.append(f"LOCALE_PROVIDER {provider}")
        if provider != "libc" and facts["locale"]:
            options.append(compose(f"{provider.upper()}_LOCALE {{value}}", value=literal(facts["locale"])))
        if facts.get("icu_rules") and version >= 160000:
            options.append(compose("ICU_RULES {value}", value=literal(facts["icu_rules"])))
    spaces = [row["spcname"] for row in session.rows("SELECT spcname::text FROM pg_catalog.pg_tablespace")]
    if facts["tablespace"] in spaces and facts["tablespace"] != "pg_default":
        options.append(compose("TABLESPACE {name}", name=identifier(facts["tablespace"])))
    statement = compose(
        "CREATE DATABASE {name} TEMPLATE template0 CONNECTION LIMIT 0 {options}",
        name=identifier(name),
        options=raw(" ".join(options)),
    )
    try:
        session.execute(statement)
        _close_to_others(session, name)
        session.execute(compose("COMMENT ON DATABASE {name} IS {text}", name=identifier(name), text=literal(comment)))
    except psycopg2.Error as error:
        problem = translate(error, f'The database "{name}" could not be created', _LEFT)
        if error.pgcode == "42501":
            problem.todo = "ALTER ROLE … CREATEDB, or restore in place: restore_in_place=true"
        elif error.pgcode == "42P04":
            problem.todo = f'see what the database "{name}" is; DROP DATABASE if it is not needed, then run this again'
        raise problem from None


def _close_to_others(session: Session, name: str) -> None:
    """Nobody may connect to what is being restored: whom its functions are not for is only said at the end of it.

    A limit of 0 holds from the first instant, and not for superusers. Any other role that restores needs sessions of
    its own: the right to connect is taken from PUBLIC before. What the live database has is carried over afterwards.
    """
    if session.one("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user")["rolsuper"]:
        return
    session.execute(compose("REVOKE ALL ON DATABASE {name} FROM PUBLIC", name=identifier(name)))
    session.execute(compose("ALTER DATABASE {name} CONNECTION LIMIT -1", name=identifier(name)))


def drop_database(session: Session, name: str) -> None:
    """Drop a database that we made, whoever is connected to it. Raises psycopg2.Error."""
    session.execute(compose("DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=identifier(name)))


def drop_unproven(session: Session, again: Callable[[], Session], name: str) -> str:
    """Drop a database that is nothing to keep, where the session is gone in another one. Returns what is left of it, in
    words.
    """
    for other in (False, True):
        try:
            use = again() if other else session
            drop_database(use, name)
            if other:
                use.close()
            return ""
        except (SteadyError, psycopg2.Error):
            pass
    return f"the unfinished database {name} is still there: " + compose("DROP DATABASE {name}", name=identifier(name))


def restore_into(
    target: Target,
    session: Session,
    programs: Programs,
    archive: str,
    jobs: int,
    progress: Progress,
    entries: int,
    options: List[str],
) -> None:
    """Run pg_restore into the session's database, and stop at its first error. Raises SteadyError."""
    name = target.parameters["application_name"]
    begun = 0
    # To an older server, pg_restore says at the beginning of each of its sessions what only 17 knows, and is refused.
    # It may go on after that one error, and after no other.
    tolerant = programs.version[0] >= 17 and unknown_statement(session) != b""
    wrong: List[str] = []
    forgiven = 0

    def line(text: str) -> None:
        nonlocal begun, forgiven
        # One process says what it creates, several what they finish.
        begun += bool(re.search(r"pg_restore: (creating|executing|processing data|finished item)", text))
        if re.match(r"pg_restore: (error|fatal):", text):
            if tolerant and _SINCE_17 in text:
                forgiven += 1
            else:
                wrong.append(text)

    def watch() -> None:
        progress.say("restoring", min(begun, entries), entries, "objects")
        if wrong and tolerant:
            raise _Stop

    watch()
    with client_of(session, target.parameters, name) as client:
        arguments = [
            programs.path("pg_restore"),
            *([] if tolerant else ["--exit-on-error"]),
            "--verbose",
            "--no-password",
            f"--jobs={jobs}",
            "--no-subscriptions",  # a database that has one cannot be dropped
            *options,
            f"--dbname={client.dsn}",
            archive,
        ]
        try:
            done = run_program(arguments, client, watch=watch, on_line=line)
        except _Stop:
            done = Finished(1, client.clean("".join(wrong)))
    # The number that it ignored says nothing: each item of a worker counts again that the worker had an error.
    if done.status != 0 and (wrong or not forgiven or "errors ignored on restore" not in done.errors):
        raise restore_failure(done, session)


def unknown_statement(session: Session) -> bytes:
    """What pg_dump and pg_restore write since 17 at the beginning of their SQL, and the session's server does not know;
    nothing where it does.
    """
    older = session.connection.server_version < 170000
    return f"\nSET {_SINCE_17} = 0;\n".encode("ascii") if older else b""


def restore_failure(done: Finished, session: Session) -> SteadyError:
    """What pg_restore or psql said, in words, with what to do. session: in the database that was restored into."""
    lines = [line.strip() for line in done.errors.splitlines()]
    begin = next((n for n, line in enumerate(lines) if "error:" in line and _SINCE_17 not in line), None)
    said = " ".join(line for line in lines[begin : begin + 4] if line) if begin is not None else ""
    if done.status < 0:
        # Of one that was ended, the last of its many words are about something else.
        said = Finished(done.status, said).brief
    said = said or done.brief
    what = "The backup could not be restored to its end."
    todo = "settle that, then run the same command again"
    # The second is what the server says of a page of which only a part fitted.
    if re.search("No space left on device|Check free disk space", said):
        what = "The disk of the database server is full: the backup could not be restored to its end."
        todo = "free space on the database server's disk, then run the same command again"
    elif session.lost() or re.search(LOST, said):
        what = "The connection to the server was lost in the middle of the restore."
        todo = "see whether the server runs and why it ended the session, then run the same command again"
    elif re.search(r'role ".*" does not exist', said):
        todo = "create the roles first, for example from the backup's globals.sql, then run the same command again"
    elif re.search(r"(schema|relation|function|operator|type) .* does not exist", said):
        todo = (
            "a function that leans on search_path finds nothing in a restore, which keeps that empty (the context says"
            " which one): ALTER FUNCTION … SET search_path = …, then take another backup; or, where schemas were"
            " left out on which this depends, prove it with read, and restore it in place"
        )
    elif re.search("must be member of role|must be able to SET ROLE", said):
        todo = "restore as a superuser, or GRANT that role to this one: the owner of each object is brought back too"
    elif done.status < 0:
        todo = ENDED
    return SteadyError(what, said, todo, _LEFT)


def compare(session: Session, manifest: Mapping[str, Any], progress: Progress) -> Dict[str, Any]:
    """Objects, rows and sequences of the session's database against the manifest. Returns {objects, tables, rows,
    sequences}. Raises NotProven, psycopg2.Error.
    """
    found = read_contents(session, manifest.get("excluded_schemas", []))
    expected = manifest["contents"]
    rows = 0

    def counted(table: Mapping[str, Any]) -> None:
        nonlocal rows
        rows += table["rows"]
        progress.say("counting the restored rows", rows, sum(one["rows"] or 0 for one in expected["tables"]), "rows")

    count_tables(session, found["tables"], counted)
    wrong = differences(expected, found)
    if wrong:
        raise NotProven("What was restored is not what was backed up.", wrong)
    return {
        "objects": len(found["objects"]),
        "tables": len(found["tables"]),
        "rows": rows,
        "sequences": len(found["sequences"]),
    }


def entries_of(manifest: Mapping[str, Any]) -> int:
    """About how many entries pg_restore will tell of."""
    listed = [proof["figures"]["entries"] for proof in manifest["proofs"] if proof["level"] == "list"]
    return int(listed[0]) if listed else len(manifest["contents"]["objects"])


def prove_restore(
    manifest: Mapping[str, Any],
    folder: str,
    programs: Programs,
    target: Target,
    progress: Progress,
    jobs: int,
    proof_url: Optional[str] = None,
) -> Dict[str, Any]:
    """The proof level restore: into a scratch database, compared, and dropped whatever happens.

    proof_url: another server. Raises SteadyError.
    """
    address = read_address(proof_url) if proof_url else target.address
    purpose = f"proof {manifest['backup_id']}"
    name = suffixed(manifest["database"]["name"], f"_proof_{manifest['backup_id'].lower()}")
    strangers: List[str] = []
    wanted = address.parameters.get("dbname") if proof_url else None
    with scratch_database(target, address, name, manifest["database"], purpose, wanted) as (scratch, session):
        refuse_older(session, manifest, "proven by restoring it", "leave backup_proof_url out, or name a server")
        strangers = missing_roles(session, manifest["roles"]) or _not_ours(session, manifest["roles"])
        options = ["--no-owner", "--no-privileges"] if strangers else []
        archive = os.path.join(folder, manifest["archive"])
        restore_into(scratch, session, programs, archive, jobs, progress, entries_of(manifest), options)
        figures = compare(session, manifest, progress)
    return {**figures, "without_owners": strangers} if strangers else figures


@contextmanager
def scratch_database(
    like: Target,
    address: Address,
    name: str,
    facts: Mapping[str, Any],
    purpose: str,
    maintenance_database: Optional[str],
) -> Iterator[Tuple[Target, Session]]:
    """A database of that name, and a session in it; dropped whatever happens. like: the run's target. Raises
    SteadyError.
    """

    def again() -> Session:
        return maintenance_session(like, address, maintenance_database, purpose)[0]

    maintenance = again()
    try:
        create_database(maintenance, name, facts, "scratch database of a proof: may be dropped")
        try:
            scratch = like.beside(address, name, purpose)
            session = scratch.first_session()[0]
            try:
                yield scratch, session
            finally:
                session.close()
        except (SteadyError, psycopg2.Error) as error:
            problem = _unproven(error)
            problem.done = drop_unproven(maintenance, again, name)
            raise problem from None
        except BaseException:
            drop_unproven(maintenance, again, name)
            raise
        try:
            drop_database(maintenance, name)
        except psycopg2.Error as error:
            problem = translate(error, f'The scratch database "{name}" could not be dropped')
            drop = compose("DROP DATABASE {name} WITH (FORCE)", name=identifier(name))
            problem.todo = f"settle what keeps it, then: {drop}"
            raise problem from None
    except (SteadyError, psycopg2.Error) as error:
        raise _unproven(error) from None
    finally:
        maintenance.close()


def _unproven(error: Exception) -> SteadyError:
    problem = error if isinstance(error, SteadyError) else translate(error, "The test restore stopped")
    problem.left = "the database was only read"
    return problem


def refuse_older(session: Session, manifest: Mapping[str, Any], what: str, instead: str) -> None:
    """Raise SteadyError when the session's server is older than the backed-up one. what: what cannot be done there.
    instead: where to do it.
    """
    backed_up = int(manifest["database"]["server_version_num"]) // 10000
    here = session.connection.server_version // 10000
    if backed_up > here:
        raise SteadyError(
            f"The backup of a PostgreSQL {backed_up} cannot be {what} on a PostgreSQL {here}.",
            "a server does not know what later versions have, and pg_restore uses it",
            f"{instead} of version {backed_up} or newer",
            NOTHING_CHANGED,
        )
