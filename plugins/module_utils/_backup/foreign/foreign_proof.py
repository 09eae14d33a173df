# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test restore of a dump without a manifest, and what the live database has that it has not."""

from __future__ import annotations

import re
import secrets
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ..._connection.session import Session
from ..._connection.target import Target
from ..._support.errors import NOTHING_CHANGED, SteadyError
from ..._support.progress import Progress
from ..clients.client import client_of, run_program
from ..clients.programs import Programs
from ..database.contents import count_tables, read_contents
from ..database.settings import database_facts
from ..proving.proof import NotProven
from ..proving.scratch import restore_failure, restore_into, scratch_database, suffixed, unknown_statement
from .foreign_dump import ForeignDump, pieces

__all__ = ["compare_with_live", "prove_dump_restore"]

_TAIL = 4096
_RESTRICT = re.compile(rb"^\\restrict ([A-Za-z0-9]+)\n", re.MULTILINE)
_KNOWN_SINCE = {17: 6, 16: 10, 15: 14, 14: 19, 13: 22}

Rows = Mapping[Tuple[str, str], Optional[int]]


def prove_dump_restore(
    dump: ForeignDump,
    like: Target,
    session: Session,
    programs: Programs,
    progress: Progress,
    run_id: str,
    jobs: int,
    maintenance: Optional[str],
) -> Dict[str, Any]:
    """Restore it into a scratch database on the session's server, count, and drop that. Returns {tables, rows}.

    like: the session's target. session: in a database whose encoding and locale the scratch database gets. Raises
    SteadyError.
    """
    if dump.command is not None:
        raise SteadyError(
            f"{dump.path} is not restored into a scratch database.",
            f"it has the command {dump.command} for psql, which may lead to another database than that",
            "take a dump without --create (-C) and not of pg_dumpall; or prove this one with proof=read",
            NOTHING_CHANGED,
        )
    if dump.kind == "plain":
        refuse_unrestricted(programs)
        dump.notes.append(
            "its SQL ran with the rights of the role of the address, and may have done anything that role may, such as"
            " CREATE ROLE: a dump of unknown origin is for a scratch server (backup_proof_url)"
        )
    facts = database_facts(session)["database"]
    name = suffixed(facts["name"], f"_proof_{run_id.lower()}")
    with scratch_database(like, like.address, name, facts, f"proof {run_id}", maintenance) as (target, scratch):
        if dump.kind == "plain":
            _run_sql(target, scratch, programs, dump, progress)
        else:
            options = ["--no-owner", "--no-privileges"]
            jobs = 1 if dump.kind == "tar" else jobs
            restore_into(target, scratch, programs, dump.path, jobs, progress, dump.entries or 0, options)
        progress.say("counting the restored rows")
        found = counted(scratch)
    wrong = [
        f"{key[0]}.{key[1]}: {found[key]} rows restored, {rows} in the dump"
        for key, rows in (dump.rows or {}).items()
        if key in found and found[key] != rows
    ]
    if wrong:
        raise NotProven("What was restored is not what is in the dump.", wrong)
    if dump.rows is None:
        dump.rows = {key: rows for key, rows in found.items() if rows is not None}
    return {"tables": len(found), "rows": sum(rows or 0 for rows in found.values())}


def _run_sql(target: Target, session: Session, programs: Programs, dump: ForeignDump, progress: Progress) -> None:
    size = 0

    def watch() -> None:
        progress.say("restoring", size, dump.bytes if dump.compression == "none" else None)

    def supply() -> Any:
        nonlocal size
        # In the first lines of the text, and so in its first piece.
        taken_out = unknown_statement(session)
        yield b"\\restrict " + secrets.token_hex(32).encode("ascii") + b"\n"
        for piece in without_restrict(pieces(dump)):
            size += len(piece)
            yield piece.replace(taken_out, b"\n", 1) if taken_out else piece
            taken_out = b""

    with client_of(session, target.parameters, target.parameters["application_name"]) as client:
        psql = [programs.path("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
        done = run_program([*psql, *client.verbosity, f"--dbname={client.dsn}"], client, supply=supply(), watch=watch)
    if done.status != 0:
        raise restore_failure(done, session)


def without_restrict(text: Iterable[bytes]) -> Iterator[bytes]:
    """A dump's text without its own \\restrict, at its beginning, and \\unrestrict, at its end: ours holds until psql
    ends, and a command of the dump's is refused by psql as any other.
    """
    key: Optional[bytes] = None
    kept = b""
    first = True
    for piece in text:
        if first:
            found = _RESTRICT.search(piece)
            if found is not None:
                key, piece = found.group(1), piece[: found.start()] + piece[found.end() :]
            first = False
        kept += piece
        if len(kept) > _TAIL:
            yield kept[:-_TAIL]
            kept = kept[-_TAIL:]
    if key is not None:
        kept = kept.replace(b"\\unrestrict " + key + b"\n", b"\n", 1)
    yield kept


def refuse_unrestricted(programs: Programs) -> None:
    """Raise SteadyError for a psql that does not know \\restrict (releases of August 2025)."""
    major, minor = programs.version
    if major >= 18 or minor >= _KNOWN_SINCE.get(major, 0) > 0:
        return
    raise SteadyError(
        f"psql {programs.text} in {programs.folder} cannot keep a dump from running commands on this host.",
        "psql knows \\restrict since 17.6, 16.10, 15.14, 14.19 and 13.22",
        f"install a newer minor release of the client programs of version {major}, or prove it with proof=read",
        NOTHING_CHANGED,
    )


def counted(session: Session) -> Dict[Tuple[str, str], Optional[int]]:
    """The rows of each table of the session's database."""
    tables = [table for table in read_contents(session)["tables"] if table["kind"] == "r"]
    count_tables(session, tables)
    return {(table["schema"], table["name"]): table["rows"] for table in tables}


def compare_with_live(session: Session, rows: Rows) -> List[Dict[str, Any]]:
    """[{table, live_rows, backup_rows}] where they differ; None: there is no such table.

    It proves nothing of the dump: the database may have changed since. Rows of tables that Supabase or extensions keep
    are in no comparison unless the dump has them.
    """
    live = counted(session)
    return [
        {"table": f"{key[0]}.{key[1]}", "live_rows": live.get(key), "backup_rows": rows.get(key)}
        for key in sorted({*live, *rows})
        if live.get(key) != rows.get(key)
    ]
