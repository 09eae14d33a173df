# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a backup can be taken on this host: its programs, its folders, the space in them. Nothing is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, List, Mapping, Optional, Tuple, TypeVar

from ..._connection.session import Session
from ..._connection.target import Server
from ..._support.errors import SteadyError
from ..._support.name_rules import is_sentence
from ..._support.size import size_text
from ..clients.programs import Programs, find_programs
from ..encrypting.encryption import encryption_of
from ..folder.files import check_free, free_bytes, make_private, nearest_folder, refuse_open_to_others
from ..folder.manifest import backups_in, read_manifest
from ..supabase.method_supabase import read_cli, refuse_unfit

__all__ = ["Needs", "Room", "needs_of", "room_for"]

Answer = TypeVar("Answer")

# Of the database's size on disk, indexes included, when there is no earlier backup to go by.
_RATIO = 0.5
_ROOM = 1.2


@dataclass(frozen=True)
class Room:
    """bytes: what the backup will take, about. free: what is free where it will lie."""

    bytes: int
    free: int


@dataclass(frozen=True)
class Needs:
    """missing: what keeps a backup from being taken, each with what to do. otherwise: in words, how it is taken."""

    missing: Tuple[Tuple[str, str], ...] = ()
    otherwise: str = ""


def room_for(
    session: Session,
    server: Server,
    directory: str,
    copies: List[str],
    compression: str,
    encrypted: bool,
    makes: bool = False,
) -> Room:
    """makes: make the folder, too.

    Raises SteadyError where a folder cannot be made or written, or has too little space; psycopg2.Error.
    """
    folder = nearest_folder(directory)
    for copy in copies:
        nearest_folder(os.path.abspath(os.path.expanduser(copy)))
    refuse_open_to_others(folder, made_below=folder != directory)
    if makes:
        make_private(directory)
    estimate = _estimate(session, server, directory, compression)
    # One file after the other is encrypted; but one of them may be nearly all of it.
    check_free(folder, int(estimate * _ROOM * (2 if encrypted else 1)), "the backup")
    return Room(estimate, free_bytes(folder))


def _estimate(session: Session, server: Server, directory: str, compression: str) -> int:
    """Bytes that the backup will take: as the last one did, or by a rule of thumb."""
    query = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) AS bytes"
    there = int(session.one(query)["bytes"])
    for folder in reversed(backups_in(directory)):
        try:
            manifest = read_manifest(folder)
        except SteadyError:
            continue
        if manifest["compression"] == compression and manifest["database"]["name"] == server.database:
            return int(there * manifest["bytes"] / manifest["database"]["bytes"])
    return int(there * _RATIO)


class _Look:
    """Asks one question after another; one that is answered with an error keeps none of the others from being asked."""

    def __init__(self) -> None:
        self.missing: List[Tuple[str, str]] = []

    def ask(self, question: Callable[[], Answer]) -> Optional[Answer]:
        try:
            return question()
        except SteadyError as error:
            why = f": {error.why}" if error.why else ""
            self.missing.append((error.what.rstrip(".") + why, error.todo))
        except OSError as error:
            todo = "fix the folder, then run the same command again"
            self.missing.append((f"{error.filename or 'a program'}: {error.strerror or error}", todo))
        return None


def needs_of(parameters: Mapping[str, Any], directory: str, session: Session, server: Server) -> Needs:
    """What a backup with these options of the module backup needs. Raises psycopg2.Error."""
    given = {key: value for key, value in parameters.items() if value not in (None, "", [], [""])}
    words = str(given.get("elsewhere", "")).strip()
    if words:
        return (
            Needs(otherwise=f"another system takes the backup: {words}") if is_sentence(words) else _no_sentence(words)
        )
    look = _Look()
    by_cli = given.get("method") == "supabase_cli"
    programs = look.ask(lambda: _programs(server, given.get("programs_dir")))
    if by_cli:
        look.ask(lambda: refuse_unfit(given))
        look.ask(lambda: read_cli(given.get("supabase_cli")))
    compression: Optional[str] = "none"
    if programs is not None and not by_cli:
        compression = look.ask(lambda: programs.compression(given.get("compression")))
    encryption = look.ask(lambda: encryption_of(given))
    folder, copies = os.path.abspath(os.path.expanduser(directory)), given.get("copy_to", [])
    room = look.ask(lambda: room_for(session, server, folder, copies, compression or "none", encryption is not None))
    if look.missing or room is None or programs is None:
        return Needs(tuple(look.missing))
    return Needs(otherwise=f"pg_dump {programs.text}, about {size_text(room.bytes)}; {size_text(room.free)} are free")


def _programs(server: Server, folder: Optional[str]) -> Programs:
    programs = find_programs(server.major, folder)
    for name in ("pg_dump", "pg_dumpall", "pg_restore"):
        programs.path(name)
    return programs


def _no_sentence(words: str) -> Needs:
    todo = "say in a sentence what takes the backup and when, such as: Barman on db-backup-1, every night"
    return Needs(((f"steady_backup_elsewhere says {words!r}: that is no sentence", todo),))
