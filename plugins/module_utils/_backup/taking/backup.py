# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup: dumped under a snapshot, proven, and only then called one."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import nullcontext
from typing import Any, Dict, List, Mapping, Optional

from ..._connection.deployment_lock import take_deployment_lock
from ..._connection.session import Session
from ..._connection.target import Server, Target
from ..._connection.translation import translate
from ..._locks.prisma_lock import PrismaLock
from ..._run.options import COLLECTION_VERSION, Options, now
from ..._run.results import result_of
from ..._support.deployment_id import new_deployment_id
from ..._support.driver import psycopg2
from ..._support.duration import milliseconds
from ..._support.errors import SteadyError
from ..._support.progress import Progress
from ..._support.size import size_text
from ..._support.sqltext import compose, literal
from ..clients.client import Client, client_of
from ..clients.programs import Programs, find_programs
from ..database.exclusions import as_options, excluded_schemas, sentence
from ..database.leaning import leaning_functions
from ..database.lock_room import refuse_a_full_lock_table, relations_to_dump
from ..database.snapshot import Snapshot, refuse_unreadable
from ..encrypting.decryption import remove_leftover
from ..encrypting.encryption import encrypt_files, encryption_of, in_words
from ..folder.copies import copy_to
from ..folder.files import (
    folder_bytes,
    hash_files,
    sha256,
    sync_tree,
)
from ..folder.manifest import MANIFEST, write_manifest
from ..folder.retention import apply_retention
from ..formats.dump import Dump, Followers, dump_globals, holders, in_the_way, locked
from ..proving.scratch import prove_restore
from ..supabase.method_supabase import FOLDER, SupabaseCli, left_out_by_cli, read_cli, refuse_unfit
from ..verifying.levels import prove_without_server, run_proof, summary
from .room import room_for

__all__ = ["backup"]

_LEFT = "the database was only read; earlier backups are as they were"
_MOST_JOBS = 4


def backup(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """Back up the database and prove it, or in check mode say how. Raises SteadyError."""
    started_at = now()
    address = options.address()
    progress = Progress(parameters.get("progress_file"))
    backup_id = new_deployment_id()
    target = Target(address, options.expectation, f"backup {backup_id}", writes=False, shows_rows=options.show_rows)
    session, server = target.first_session()
    try:
        programs = find_programs(server.major, parameters.get("programs_dir"))
        work = _Backup(parameters, options, target, server, programs, progress, backup_id, started_at)
        if not options.check:
            take_deployment_lock(session)
        session.execute(compose("SET lock_timeout TO {wait}", wait=literal(f"{work.lock_wait_ms}ms")))
        work.leave_out(session)
        refuse_unreadable(session, work.excluded)
        needed = relations_to_dump(session, work.excluded)
        refuse_a_full_lock_table(session, needed, "The dump", "leave schemas out (backup_exclude_schemas)")
        described = work.describe(session)
        common = {"backup": described}
        if options.check:
            return result_of(server, address, "planned", started_at, changed=True, **common)
        manifest = work.make(session)
        copies = [copy_to(work.final, manifest, place, progress) for place in parameters.get("copy_to") or []]
        # Not before there is a new one: proven, and copied where that was asked for.
        deleted = apply_retention(work.directory, manifest, parameters.get("keep_count"), parameters.get("keep_days"))
        # The controller fetches by these: all files, the manifest itself among them.
        own: Dict[str, Any] = {"path": MANIFEST, "sha256": sha256(os.path.join(work.final, MANIFEST))}
        own["bytes"] = os.path.getsize(os.path.join(work.final, MANIFEST))
        common["backup"] = {**summary(work.final, manifest), "copies": copies, "deleted": deleted}
        common["backup"]["files"] = [*manifest["files"], own]
        if work.followers.seen:
            common["backup"]["detail"] += f"; the dump kept waiting: {', '.join(work.followers.seen)}"
        return result_of(server, address, "succeeded", started_at, changed=True, **common)
    except psycopg2.errors.LockNotAvailable:
        raise locked("a lock was not given within lock_patience", holders(session)) from None
    except psycopg2.Error as error:
        raise translate(error, "The backup stopped", _LEFT) from None
    except OSError as error:
        raise SteadyError(
            f"The backup could not be written: {error.strerror or error}.",
            str(error.filename or ""),
            "free space, or set steady_backup_dir to another folder, then run the same command again",
            _LEFT,
        ) from None
    finally:
        progress.end()
        session.close()


class _Backup:
    """One backup on its way."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        options: Options,
        target: Target,
        server: Server,
        programs: Programs,
        progress: Progress,
        backup_id: str,
        started_at: str,
    ) -> None:
        self.parameters = parameters
        self.options = options
        self.target = target
        self.server = server
        self.programs = programs
        self.progress = progress
        self.id = backup_id
        self.started_at = started_at
        self.directory: str = os.path.abspath(os.path.expanduser(parameters["directory"]))
        self.final = os.path.join(self.directory, backup_id)
        # Ours by its name: another database may be backed up into the same folder at the same time.
        whose = hashlib.sha256(f"{server.system_identifier}/{server.database}".encode()).hexdigest()[:8]
        self.ending = f".{whose}.partial"
        self.partial = os.path.join(self.directory, f".{backup_id}{self.ending}")
        self.level: str = parameters.get("proof") or "read"
        self.cli: Optional[SupabaseCli] = None
        if parameters.get("method") == "supabase_cli":
            refuse_unfit(parameters)
            self.cli = read_cli(parameters.get("supabase_cli"))
        self.by_folder = parameters.get("format", "directory") == "directory"
        self.archive = FOLDER if self.cli else "archive" if self.by_folder else "archive.dump"
        self.format = "plain" if self.cli else "directory" if self.by_folder else "custom"
        self.compression = "none" if self.cli else programs.compression(parameters.get("compression"))
        self.excluded: List[str] = []
        self.left_out: List[str] = []
        self.jobs = int(parameters.get("jobs") or min(_MOST_JOBS, os.cpu_count() or 1))
        self.lock_wait_ms = milliseconds(parameters.get("lock_patience") or "10m", "lock_patience")
        self.encryption = encryption_of(parameters)
        self.followers = Followers(backup_id)

    def leave_out(self, session: Session) -> None:
        """Decide which schemas are not in it. Raises SteadyError, psycopg2.Error."""
        wanted = self.parameters.get("exclude_schemas")
        if self.cli is not None:
            self.excluded = self.cli.schemas(session, "data")
            return
        self.excluded = excluded_schemas(session, wanted)
        if self.excluded:
            self.left_out = [sentence(self.excluded, wanted is None)]
        leaning = [] if self.level == "restore" else leaning_functions(session)
        if leaning:
            self.left_out.append(
                f"a proof that it can be restored, which keeps search_path empty: {'; '.join(leaning)}"
                " (ALTER FUNCTION … SET search_path = …, or backup_proof=restore)"
            )

    def describe(self, session: Session) -> Dict[str, Any]:
        """What would be done, and whether there is room for it. Raises SteadyError."""
        copies = self.parameters.get("copy_to") or []
        encrypted = self.encryption is not None
        makes = not self.options.check
        room = room_for(session, self.server, self.directory, copies, self.compression, encrypted, makes)
        encryption = self.encryption.facts() if self.encryption else None
        return {
            "status": "planned",
            "id": None,
            "path": self.directory,
            "method": "supabase_cli" if self.cli else "pg_dump",
            "format": self.format,
            "compression": self.compression,
            "jobs": self.jobs if self.format == "directory" else 1,
            "proof": self.level,
            "left_out": self.left_out,
            "pg_dump_version": self.programs.text,
            "estimated_bytes": room.bytes,
            "free_bytes": room.free,
            "encryption": encryption,
            "detail": f"pg_dump {self.programs.text}, {self.compression}, about {size_text(room.bytes)}"
            + in_words(encryption),
        }

    def make(self, session: Session) -> Dict[str, Any]:
        """Dump, prove, keep: the manifest. What is not proven is removed again. Raises SteadyError, OSError."""
        self._clean_up_after_others()
        os.mkdir(self.partial, 0o700)
        try:
            manifest = self._dump(session)
            self._prove(manifest)
            sync_tree(self.partial, self.progress.part("forcing the backup to disk", int(manifest["bytes"])))
            os.rename(self.partial, self.final)
            sync_tree(self.final)
        except BaseException:
            shutil.rmtree(self.partial, ignore_errors=True)
            raise
        return manifest

    def _clean_up_after_others(self) -> None:
        """Runs that were killed leave half a backup. We hold the lock: of this database nobody else is at work."""
        remove_leftover(self.directory)
        for name in os.listdir(self.directory):
            if name.startswith(".") and name.endswith(self.ending):
                shutil.rmtree(os.path.join(self.directory, name), ignore_errors=True)

    def _dump(self, session: Session) -> Dict[str, Any]:
        name = f"steady.postgresql dump {self.id}"
        # An ALTER TABLE of Prisma's would wait for the dump, and the application for the ALTER TABLE.
        prisma = PrismaLock()
        prisma.take(lambda: nullcontext(session), self.lock_wait_ms / 1000.0, self.progress.say)
        self.progress.say("taking a snapshot")
        snapshot = Snapshot(self.target.session(), self.lock_wait_ms, self.excluded)
        try:
            with client_of(session, self.target.parameters, name) as client:
                if self.cli is not None:
                    snapshot.narrow(self.cli.schemas(session, "schema"), self.cli.has_rows_of)
                snapshot.count_beside()
                detail = self._run(client, snapshot, session)
        finally:
            # Before anything is proven or changed: whoever builds an index concurrently waits for a snapshot.
            snapshot.close()
        prisma.release(session)
        included = self.cli is not None or os.path.exists(os.path.join(self.partial, "globals.sql"))
        return {
            "backup_id": self.id,
            "collection_version": COLLECTION_VERSION,
            "method": "supabase_cli" if self.cli else "pg_dump",
            "format": self.format,
            "compression": self.compression,
            "excluded_schemas": self.excluded,
            "archive": self.archive,
            **snapshot.facts,
            "database": {
                **snapshot.facts["database"],
                "system_identifier": self.server.system_identifier,
                "server_version": self.server.version_text,
                "server_version_num": self.server.version,
            },
            **({"supabase_cli_version": self.cli.version} if self.cli else {}),
            "roles": snapshot.roles,
            "owners": snapshot.owners,
            "superuser_objects": snapshot.of_superusers,
            "pg_dump_version": self.programs.text,
            "started_at": self.started_at,
            "snapshot_at": snapshot.taken_at,
            "role": self.server.role,
            "operator": self.options.operator,
            "globals": {"included": included, "detail": detail or "roles and tablespaces"},
            "left_out": [*self.left_out, *snapshot.left_out, *_left_out(snapshot.contents, included, detail)],
            "contents": snapshot.contents,
            "proofs": [],
        }

    def _run(self, client: Client, snapshot: Snapshot, session: Session) -> Optional[str]:
        """Dump, and count beside it. Returns what is missing of the roles, in words. Raises SteadyError."""
        if self.cli is not None:
            try:
                self.cli.dump(
                    self.programs, client, self.partial, snapshot.name, self.lock_wait_ms, session, self.progress
                )
            except SteadyError:
                snapshot.check()  # with its transaction the snapshot is gone for everybody
                raise
            snapshot.counted(lambda done, total: self._counting(session, done, total))
            self.left_out = left_out_by_cli(self.cli, session, snapshot.contents)
            return None
        dump = Dump(
            self.programs,
            client,
            self.partial,
            self.archive,
            self.by_folder,
            self.jobs,
            self.compression,
            snapshot.name,
            self.lock_wait_ms,
            as_options(self.excluded),
            snapshot.facts["database"]["encoding"],
            self.id,
        )
        dump.run(snapshot.contents["tables"], session, self.progress, snapshot.check, self.followers)
        snapshot.counted(lambda done, total: self._counting(session, done, total))
        self.progress.say("writing down roles and tablespaces")
        return dump_globals(self.programs, client, os.path.join(self.partial, "globals.sql"), self.server.database)

    def _counting(self, watcher: Session, done: int, total: int) -> None:
        waiting = in_the_way(watcher, self.id)
        behind = self.followers.look(watcher)
        if waiting:
            self.progress.say("counting waits for a locked table", note=f"blocked by {', '.join(waiting)}{behind}")
        else:
            self.progress.say("counting the rows of the snapshot", done, total, note=behind.lstrip("; "))

    def _prove(self, manifest: Dict[str, Any]) -> None:
        manifest["proofs"] += prove_without_server(
            self.partial, manifest, self.level, lambda: self.programs, self.progress
        )
        hashing = self.progress.part("hashing the backup", folder_bytes(self.partial))
        manifest["files"] = hash_files(self.partial, MANIFEST, hashing)
        manifest["bytes"] = sum(file["bytes"] for file in manifest["files"])
        if self.level == "restore":
            manifest["proofs"].append(run_proof("restore", lambda: self._restored(manifest)))
        self._encrypt(manifest)
        manifest["finished_at"] = now()
        write_manifest(self.partial, manifest)

    def _encrypt(self, manifest: Dict[str, Any]) -> None:
        """Last of all: what is encrypted is what was proven. Without reading back nothing is proven of it."""
        encryption = self.encryption
        if encryption is None:
            return
        if encryption.read_back:
            manifest["proofs"].append(
                run_proof("encryption", lambda: encrypt_files(encryption, self.partial, manifest, self.progress))
            )
        else:
            encrypt_files(encryption, self.partial, manifest, self.progress)

    def _restored(self, manifest: Dict[str, Any]) -> Dict[str, Any]:
        proof_url = self.parameters.get("proof_url")
        try:
            # With the patience that the dump's own session, which gives up by its lock_timeout, has not.
            like = self.options.target(self.target.address, self.target.purpose)
            return prove_restore(manifest, self.partial, self.programs, like, self.progress, self.jobs, proof_url)
        except SteadyError as error:
            error.left = f"{_LEFT}; this one is removed, being unproven"
            raise


def _left_out(contents: Mapping[str, Any], globals_included: bool, detail: Optional[str]) -> List[str]:
    """What is not in the backup, in words: nobody shall find out only when it is needed."""
    sentences = []
    if not globals_included or detail:
        sentences.append(f"roles and tablespaces: {detail}")
    foreign = [f"{t['schema']}.{t['name']}" for t in contents["tables"] if t["kind"] == "f"]
    if foreign:
        sentences.append(f"rows of foreign tables, which are stored elsewhere: {', '.join(foreign)}")
    sentences.append("planner statistics: a restore makes them anew (ANALYZE)")
    return sentences
