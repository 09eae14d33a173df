# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves an existing backup again, or a dump that somebody else made as far as that goes."""

from __future__ import annotations

import functools
import os
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..._connection.address import read_address
from ..._connection.session import Session
from ..._connection.target import Expectation, Server, Target
from ..._connection.translation import translate
from ..._locks.patience import Patience
from ..._run.options import Options, now
from ..._support.deployment_id import new_deployment_id
from ..._support.driver import psycopg2
from ..._support.errors import NOTHING_CHANGED, SteadyError
from ..._support.progress import Progress
from ..._support.size import size_text
from ..clients.programs import find_programs, newest_programs
from ..encrypting.decryption import readable
from ..folder.manifest import MANIFEST, backups_in, read_manifest, write_manifest
from ..foreign.foreign_dump import ForeignDump, prove_dump, recognise
from ..foreign.foreign_proof import compare_with_live, prove_dump_restore
from ..proving.proof import prove_files
from ..proving.scratch import prove_restore
from ..supabase.method_supabase import by_hand
from .levels import prove_without_server, run_proof, summary

__all__ = ["verify_backup"]

_MOST_JOBS = 4


def verify_backup(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """Prove what is there. A server is contacted for the proof restore and the comparison only. Raises SteadyError."""
    progress = Progress(parameters.get("progress_file"))
    path = os.path.abspath(os.path.expanduser(parameters["backup"]))
    work = _Verification(parameters, options, progress, new_deployment_id())
    started_at = now()
    try:
        folder = _backup_at(path)
        described = work.dump(path) if folder is None else work.backup(folder)
        result = {"changed": False, "status": "succeeded", **work.facts, "notes": work.notes, "backup": described}
    except psycopg2.Error as error:
        raise translate(error, "The verification stopped", NOTHING_CHANGED) from None
    except OSError as error:
        raise SteadyError(
            f"The backup cannot be read: {error.strerror or error}.",
            str(error.filename or path),
            "name a backup, or a dump, that the account may read: -e steady_backup=…",
            NOTHING_CHANGED,
        ) from None
    finally:
        progress.end()
        work.close()
    return {**result, "started_at": started_at, "finished_at": now()}


def _backup_at(path: str) -> Optional[str]:
    """The folder of a backup with a manifest: this one, or the newest good one below it; None for anything else."""
    if os.path.isfile(os.path.join(path, MANIFEST)):
        return path
    last: Optional[SteadyError] = None
    for folder in reversed(backups_in(path)):
        try:
            read_manifest(folder)
        except SteadyError as error:
            last = last or error
            continue
        return folder
    if last is not None:
        raise last
    return None


class _Verification:
    """One verification on its way. facts: of the database, for the result."""

    def __init__(self, parameters: Mapping[str, Any], options: Options, progress: Progress, run_id: str) -> None:
        self.parameters = parameters
        self.options = options
        self.progress = progress
        self.run_id = run_id
        self.level: str = parameters.get("proof") or "read"
        self.jobs = int(parameters.get("jobs") or min(_MOST_JOBS, os.cpu_count() or 1))
        self.programs_dir: Optional[str] = parameters.get("programs_dir")
        self.facts: Dict[str, Any] = {}
        self.notes: List[str] = []
        self._session: Optional[Session] = None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def _connect(self, url: Optional[str], expectation: Expectation) -> Tuple[Target, Session, Server]:
        """A session, for the whole of the work. Raises ConnectionProblem."""
        watch = functools.partial(Patience, patience_s=self.options.policy.patience_s)
        target = Target(
            read_address(url), expectation, f"verification {self.run_id}", False, watch, self.options.show_rows
        )
        session, server = target.first_session()
        session.patience.say = self.progress.say
        self._session = session
        return target, session, server

    # -- a backup of this collection -----------------------------------------------------------------------------------

    def backup(self, folder: str) -> Dict[str, Any]:
        manifest = read_manifest(folder)
        of = manifest["database"]
        self.facts = {
            "database": of["name"],
            "server_version": of["server_version"],
            "system_identifier": of["system_identifier"],
        }
        if self.level == "restore" and manifest["method"] == "supabase_cli":
            raise by_hand(folder, manifest)
        prove_files(folder, manifest, self.progress)
        identity, scratch = self.parameters.get("decrypt_identity"), self.parameters.get("scratch_dir")
        with readable(folder, manifest, identity, scratch, self.progress) as clear:
            proofs = self._proofs(clear, manifest)
        before = manifest["proofs"]
        if not self.options.check:
            try:
                # What was proven before stays in it: it says since when the backup is good.
                write_manifest(folder, {**manifest, "proofs": [*before, *proofs]})
            except OSError as error:
                self.notes.append(f"this proof could not be added to the manifest: {error.strerror}")
        said = summary(folder, {**manifest, "proofs": proofs})
        return {**said, "copies": [], "deleted": [], "proven_before": len(before)}

    def _proofs(self, folder: str, manifest: Dict[str, Any]) -> List[Dict[str, Any]]:
        """What is proven of a backup in the clear."""
        major = int(manifest["pg_dump_version"].split(".", maxsplit=1)[0])
        proofs = prove_without_server(
            folder, manifest, self.level, lambda: find_programs(major, self.programs_dir), self.progress
        )
        if self.level == "restore" and not self.options.check:
            proof_url = self.parameters.get("proof_url")
            expectation = Expectation() if proof_url else self.options.expectation
            target, _session, server = self._connect(proof_url or self.options.database_url, expectation)
            programs = find_programs(max(major, server.major), self.programs_dir)
            proofs.append(
                run_proof(
                    "restore",
                    lambda: prove_restore(manifest, folder, programs, target, self.progress, self.jobs, proof_url),
                )
            )
        return proofs

    # -- a dump of somebody else's -------------------------------------------------------------------------------------

    def dump(self, path: str) -> Dict[str, Any]:
        dump = recognise(path)
        proofs = [
            run_proof(
                "list" if self.level == "list" and dump.kind != "plain" else "read",
                lambda: prove_dump(dump, self.level, lambda: newest_programs(self.programs_dir), self.progress),
            )
        ]
        if self.level == "restore" and not self.options.check:
            proofs.append(self._restored(dump))
        differences = self._differences(dump) if self.parameters.get("compare") else None
        rows = None if dump.rows is None else sum(dump.rows.values())
        self.notes += dump.notes
        self.facts.setdefault("database", dump.database)
        self.facts.setdefault("server_version", dump.database_version)
        counted = f"{dump.tables} tables, rows not counted" if rows is None else f"{rows} rows in {dump.tables} tables"
        return {
            "status": "proven",
            "id": None,
            "path": path,
            "format": dump.kind,
            "compression": dump.compression,
            "pg_dump_version": dump.pg_dump_version or "unknown",
            "server_version": dump.database_version or "unknown",
            "bytes": dump.bytes,
            "tables": dump.tables,
            "rows": rows,
            "table_rows": None
            if dump.rows is None
            else [{"table": f"{key[0]}.{key[1]}", "rows": count} for key, count in sorted(dump.rows.items())],
            "proof": proofs[-1]["level"],
            "proofs": proofs,
            "left_out": dump.left_out,
            "differences": differences,
            "copies": [],
            "deleted": [],
            "detail": f"a {_KINDS[dump.kind]} that another tool took, of PostgreSQL "
            f"{dump.database_version or 'unknown'}: {counted}, {size_text(dump.bytes)}; {_WORDS[proofs[-1]['level']]}",
        }

    def _restored(self, dump: ForeignDump) -> Dict[str, Any]:
        proof_url = self.parameters.get("proof_url")
        expectation = Expectation() if proof_url else self.options.expectation
        target, session, _server = self._connect(proof_url or self.options.database_url, expectation)
        programs = newest_programs(self.programs_dir)
        maintenance = target.parameters.get("dbname") if proof_url else None
        return run_proof(
            "restore",
            lambda: prove_dump_restore(
                dump, target, session, programs, self.progress, self.run_id, self.jobs, maintenance
            ),
        )

    def _differences(self, dump: ForeignDump) -> List[Dict[str, Any]]:
        if dump.rows is None:
            dump.notes.append("it was not compared with the live database, since its rows were not counted")
            return []
        self.close()
        _target, session, server = self._connect(self.options.database_url, self.options.expectation)
        self.facts = {
            "database": server.database,
            "server_version": server.version_text,
            "system_identifier": server.system_identifier,
            "database_role": server.role,
        }
        self.progress.say("counting the rows of the live database")
        found = compare_with_live(session, dump.rows)
        self.notes += [
            f"{one['table']}: {_count(one['live_rows'])} in the live database, {_count(one['backup_rows'])} in the dump"
            for one in found
        ]
        return found


def _count(rows: Optional[int]) -> str:
    return "no such table" if rows is None else f"{rows} rows"


_KINDS = {
    "plain": "dump in plain SQL",
    "custom": "custom archive",
    "directory": "directory archive",
    "tar": "tar archive",
}
_WORDS = {
    "list": "its table of contents can be read",
    "read": "read whole, to its end",
    "restore": "restored into a scratch database",
}
