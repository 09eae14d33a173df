# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a backup back: beside the live database, proven there, and then exchanged with it by name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional

from ..._connection.address import Address
from ..._connection.deployment_lock import take_deployment_lock
from ..._connection.session import Session
from ..._connection.target import Server, Target
from ..._connection.translation import translate
from ..._run.options import Options, now
from ..._run.results import result_of
from ..._support.commands import variable
from ..._support.deployment_id import new_deployment_id
from ..._support.driver import psycopg2
from ..._support.errors import NOTHING_CHANGED, SteadyError
from ..._support.progress import Progress
from ..._support.sqltext import compose, identifier, literal
from ..clients.programs import Programs, find_programs
from ..database.contents import count_tables, read_tables
from ..database.exclusions import refuse_swap_without
from ..database.lock_room import refuse_a_full_lock_table, relations_to_replace
from ..database.settings import database_facts
from ..encrypting.decryption import encrypted_ending, prove_key, readable
from ..folder.manifest import MANIFEST, backups_in, read_manifest
from ..formats.dump import holders
from ..proving.proof import prove_files
from ..proving.scratch import (
    compare,
    create_database,
    drop_unproven,
    entries_of,
    maintenance_session,
    missing_roles,
    refuse_older,
    restore_into,
    suffixed,
)
from ..supabase.method_supabase import by_hand
from .analysis import Analysis
from .carry_over import carry_over
from .in_place import restore_in_place
from .rights import refuse_unrestorable
from .swap import refuse_unswappable, swap

__all__ = ["restore"]

_LEFT = "the live database was not touched"
# The comment that says for which database, by its oid, another one was put aside: undo believes no name.
_KEPT_FOR = "steady.postgresql: kept to be swapped back for the restored database with the oid %s"
# For one table that is to be counted.
_LOCK_WAIT = "2s"
_MOST_JOBS = 4


def restore(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """Restore, or undo a restore, or in check mode say what would be. Raises SteadyError."""
    address = options.address()
    progress = Progress(parameters.get("progress_file"))
    run_id = new_deployment_id()
    target = options.target(address, f"restore {run_id}")
    session, server = target.first_session()
    session.patience.say = progress.say
    try:
        _confirmed(parameters, options, server.database)
        work = _Restore(parameters, options, address, target, session, server, progress, run_id, now())
        return work.undo() if parameters.get("undo") else work.restore()
    except psycopg2.Error as error:
        raise translate(error, "The restore stopped", _LEFT) from None
    except OSError as error:
        raise SteadyError(f"The backup cannot be read: {error.strerror}.", str(error.filename), "", _LEFT) from None
    finally:
        progress.end()
        session.close()


def _confirmed(parameters: Mapping[str, Any], options: Options, database: str) -> None:
    """What was written since the backup is lost: whoever wants that types the database's name."""
    typed = parameters.get("confirm")
    copy_only = not parameters.get("swap", True) and not parameters.get("in_place")
    if options.check or copy_only or typed == database:
        return
    raise SteadyError(
        "The restore was not confirmed.",
        f'steady_confirm is "{typed}", the database is "{database}"' if typed else "steady_confirm is not set",
        "look at what would be lost with --check, then type the database's name: "
        + variable("steady_confirm", database),
        NOTHING_CHANGED,
    )


def choose_backup(path: str, server: Server, any_server: bool) -> str:
    """The folder of a backup: the one that is named, or the newest good one of this database below it."""
    path = os.path.abspath(os.path.expanduser(path))
    if os.path.isfile(os.path.join(path, MANIFEST)) or not os.path.isdir(path):
        return path
    for folder in reversed(backups_in(path)):
        try:
            if not _stranger(read_manifest(folder), server, any_server):
                return folder
        except SteadyError:
            continue
    raise SteadyError(
        f"There is no good backup of this database in {path}.",
        f"looked at: {', '.join(os.path.basename(one) for one in backups_in(path)) or 'nothing, it has none'}",
        "name the folder of a backup: -e steady_backup=…",
        NOTHING_CHANGED,
    )


def _stranger(manifest: Mapping[str, Any], server: Server, any_server: bool) -> str:
    """Why this is the backup of another database, in words; nothing when it is of this one."""
    of = manifest["database"]
    if of["name"] != server.database:
        return f'it is a backup of the database "{of["name"]}", this is "{server.database}"'
    known = of["system_identifier"] and server.system_identifier
    if known and of["system_identifier"] != server.system_identifier and not any_server:
        return f"it comes from the server {of['system_identifier']}, this is {server.system_identifier}"
    return ""


@dataclass
class _Restore:
    """One restore on its way. session: in the live database."""

    parameters: Mapping[str, Any]
    options: Options
    address: Address
    target: Target
    session: Session
    server: Server
    progress: Progress
    run_id: str
    started_at: str

    @property
    def live(self) -> str:
        return self.server.database

    @property
    def jobs(self) -> int:
        return int(self.parameters.get("jobs") or min(_MOST_JOBS, os.cpu_count() or 1))

    def restore(self) -> Dict[str, Any]:
        folder, manifest = self._backup()
        refuse_older(self.session, manifest, "restored", "restore it on a server")
        programs = find_programs(
            max(self.server.major, int(manifest["pg_dump_version"].split(".", maxsplit=1)[0])),
            self.parameters.get("programs_dir"),
        )
        described = self._describe(folder, manifest)
        in_place = bool(self.parameters.get("in_place"))
        swapping = bool(self.parameters.get("swap", True)) and not in_place
        if not in_place:
            described["new_database"] = suffixed(self.live, f"_new_{self.run_id.lower()}")
        if swapping:
            refuse_unswappable(self.session, self.live)
            refuse_swap_without(self.session, manifest.get("excluded_schemas", []))
            described["kept_database"] = suffixed(self.live, f"_pre_{self.run_id.lower()}")
        missing = missing_roles(self.session, manifest["roles"])
        if missing:
            raise SteadyError(
                "Roles are missing on this server.",
                f"something in the backup belongs to them or is granted to them: {', '.join(missing)}",
                f"create them first, for example from {folder}/globals.sql{encrypted_ending(manifest)}",
                NOTHING_CHANGED,
            )
        refuse_unrestorable(self.session, manifest, in_place)
        if in_place:
            needed = relations_to_replace(self.session, manifest.get("excluded_schemas", []))
            refuse_a_full_lock_table(self.session, needed, "A restore in place", "restore beside the database")
        identity, scratch = self.parameters.get("decrypt_identity"), self.parameters.get("scratch_dir")
        prove_key(folder, manifest, identity)
        if self.options.check:
            return self._result("planned", described)
        take_deployment_lock(self.session)
        prove_files(folder, manifest, self.progress)
        began = time.monotonic()
        with readable(folder, manifest, identity, scratch, self.progress) as clear:
            archive = os.path.join(clear, manifest["archive"])
            if in_place:
                described["lost"] = self._lost(manifest)
                patience_s = self.options.policy.patience_s
                restore_in_place(
                    self.target, self.session, programs, archive, manifest, self.progress, self.run_id, patience_s
                )
                Analysis(self.target, self.session, self.jobs).wait(self.progress)
            else:
                self._beside(described, manifest, programs, archive, swapping)
        described["duration_ms"] = round((time.monotonic() - began) * 1000, 1)
        return self._result("succeeded", described)

    def _backup(self) -> Any:
        folder = choose_backup(self.parameters["backup"], self.server, bool(self.parameters.get("another_server")))
        manifest = read_manifest(folder)
        stranger = _stranger(manifest, self.server, bool(self.parameters.get("another_server")))
        if stranger:
            raise SteadyError(
                f"The backup in {folder} is not one of this database.",
                stranger,
                "name the right backup; if the server was rebuilt: -e restore_another_server=true",
                NOTHING_CHANGED,
            )
        if manifest["method"] == "supabase_cli":
            raise by_hand(folder, manifest)
        if manifest["format"] not in ("directory", "custom"):
            raise SteadyError(
                f"The backup in {folder} has the format {manifest['format']}.",
                "only archives of pg_dump in the formats directory and custom can be restored",
                "use the version of the collection that wrote it",
                NOTHING_CHANGED,
            )
        return folder, manifest

    def _describe(self, folder: str, manifest: Mapping[str, Any]) -> Dict[str, Any]:
        """What would be lost, and when the backup is from."""
        moment = datetime.strptime(manifest["snapshot_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        return {
            "backup_id": manifest["backup_id"],
            "path": folder,
            "snapshot_at": manifest["snapshot_at"],
            "window_seconds": round((datetime.now(timezone.utc) - moment).total_seconds()),
            "lost": self._lost(manifest),
            "new_database": None,
            "kept_database": None,
        }

    def _lost(self, manifest: Mapping[str, Any]) -> List[Dict[str, Any]]:
        """Each table whose rows are not as many as in the backup. Rows that were changed since look the same.

        locked_by: who kept the rows of the table from being counted; a restore does not wait for whoever it ends.
        """
        tables = read_tables(self.session, manifest.get("excluded_schemas", []))
        live = {f"{one['schema']}.{one['name']}": one for one in tables if one["kind"] == "r"}
        then = {
            f"{one['schema']}.{one['name']}": one["rows"]
            for one in manifest["contents"]["tables"]
            if one["kind"] == "r"
        }
        lost: List[Dict[str, Any]] = []
        tell = self.progress.part("counting the rows of the live database", sum(one["bytes"] for one in live.values()))
        self.session.execute(compose("SET lock_timeout TO {wait}", wait=literal(_LOCK_WAIT)))
        for name in sorted({*live, *then}):
            table = live.get(name, {"rows": None})
            locked_by: List[str] = []
            if name in live:
                try:
                    count_tables(self.session, [table])
                except psycopg2.errors.LockNotAvailable:
                    locked_by = holders(self.session) or ["another session"]
                except psycopg2.errors.UndefinedTable:
                    pass  # it went between the two questions
                tell(table["bytes"])
            if table["rows"] != then.get(name) or locked_by:
                one = {"table": name, "live_rows": table["rows"], "backup_rows": then.get(name)}
                lost.append({**one, "locked_by": locked_by} if locked_by else one)
        self.session.execute("SET lock_timeout TO 0")
        return lost

    def _beside(
        self,
        described: Dict[str, Any],
        manifest: Mapping[str, Any],
        programs: Programs,
        archive: str,
        swapping: bool,
    ) -> None:
        """Restore into a new database, prove it, and exchange the two."""
        new = described["new_database"]
        purpose = f"restore {self.run_id}"
        wanted = self.parameters.get("maintenance_database")

        def again() -> Session:
            return maintenance_session(self.target, self.address, wanted, purpose, self.live)[0]

        maintenance, other = maintenance_session(self.target, self.address, wanted, purpose, self.live)
        jobs = self.jobs
        ender: Optional[Session] = None
        proven = False
        try:
            create_database(maintenance, new, manifest["database"], f"restored from backup {manifest['backup_id']}")
            try:
                fresh = self.target.beside(self.address, new, purpose)
                session = fresh.first_session()[0]
                try:
                    restore_into(fresh, session, programs, archive, jobs, self.progress, entries_of(manifest), [])
                    analysis = Analysis(fresh, session, jobs)
                    described["proof"] = compare(session, manifest, self.progress)
                    analysis.wait(self.progress)
                finally:
                    session.close()
                facts = database_facts(self.session)
                carry_over(maintenance, new, facts)
                proven = True
                if not swapping:
                    described["drop_command"] = compose("DROP DATABASE {name}", name=identifier(new))
                    return
                # Once more, at the last moment: what is lost is what is there now.
                described["lost"] = self._lost(manifest)
                ender = other.session()
                self.session.close()
                taken = maintenance.one("SELECT oid FROM pg_catalog.pg_database WHERE datname = %s", (new,))["oid"]
                comments = {
                    described["kept_database"]: _KEPT_FOR.replace("%s", str(taken)),
                    self.live: facts["comment"] or "",
                }
                described["swap_ms"] = self._swap(maintenance, ender, described["kept_database"], new, comments)
                described["drop_command"] = compose("DROP DATABASE {name}", name=identifier(described["kept_database"]))
                described["new_database"] = None
            except (SteadyError, psycopg2.Error) as error:
                problem = error if isinstance(error, SteadyError) else translate(error, "The restore stopped", _LEFT)
                if proven:
                    drop = compose("DROP DATABASE {name}", name=identifier(new))
                    problem.done = f"the backup is restored, and proven, as database {new} (to be rid of it: {drop})"
                else:
                    problem.done = drop_unproven(maintenance, again, new)
                raise problem from None
        finally:
            maintenance.close()
            if ender is not None:
                ender.close()

    def undo(self) -> Dict[str, Any]:
        """Exchange the live database with the one that the last restore kept."""
        # A name that was cut is cut alike.
        pattern = suffixed(self.live, "_pre_" + "x" * len(self.run_id))[: -len(self.run_id)]
        rows = self.session.rows(
            "SELECT k.datname::text AS name, coalesce(pg_catalog.shobj_description(k.oid, 'pg_database')"
            " = pg_catalog.format(%s, live.oid) AND k.datdba = live.datdba, false) AS ours"
            " FROM pg_catalog.pg_database k, pg_catalog.pg_database live WHERE live.datname = %s"
            " AND pg_catalog.starts_with(k.datname, %s) AND pg_catalog.length(k.datname) = %s ORDER BY k.datname DESC",
            (_KEPT_FOR, self.live, pattern, len(pattern) + len(self.run_id)),
        )
        others = ", ".join(f'"{row["name"]}"' for row in rows)
        rows = [row for row in rows if row["ours"]]
        if not rows:
            raise SteadyError(
                f'There is no database that the last restore of "{self.live}" has kept.',
                f"of another restore, of another owner or without our mark: {others}"
                if others
                else f"none is named {pattern}…",
                "see psql -l for what there is, and exchange it by ALTER DATABASE … RENAME TO if it is the right one",
                NOTHING_CHANGED,
            )
        kept = rows[0]["name"]
        aside = suffixed(self.live, f"_restored_{self.run_id.lower()}")
        described: Dict[str, Any] = {"swapped_back": kept, "kept_database": aside}
        refuse_unswappable(self.session, self.live)
        if self.options.check:
            return self._result("planned", described)
        take_deployment_lock(self.session)
        comment = database_facts(self.session)["comment"] or ""
        wanted = self.parameters.get("maintenance_database")
        maintenance, other = maintenance_session(self.target, self.address, wanted, f"restore {self.run_id}", self.live)
        ender = other.session()
        self.session.close()
        try:
            comments = {aside: f"restored, and swapped back at {now()}", self.live: comment}
            described["swap_ms"] = self._swap(maintenance, ender, aside, kept, comments)
        finally:
            ender.close()
            maintenance.close()
        described["drop_command"] = compose("DROP DATABASE {name}", name=identifier(aside))
        return self._result("succeeded", described)

    def _swap(self, session: Session, ender: Session, kept: str, new: str, comments: Dict[str, str]) -> float:
        patience_s = self.options.policy.patience_s
        return swap(session, ender, (self.live, kept, new), comments, patience_s, self.progress)

    def _result(self, status: str, described: Dict[str, Any]) -> Dict[str, Any]:
        return result_of(self.server, self.address, status, self.started_at, changed=True, restore=described)
