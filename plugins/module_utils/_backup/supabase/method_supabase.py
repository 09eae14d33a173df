# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The method supabase_cli: roles, schema and data as `supabase db dump` takes them, proven like any other backup.

The CLI runs its dump in a container. Its dry run prints the script for that, and we run the script ourselves: with the
host's pg_dump, under the snapshot in which we count, with the password in the environment. The CLI never gets to know
where the database is.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from ..._connection.session import Session
from ..._support.driver import extensions
from ..._support.errors import NOTHING_CHANGED, SteadyError
from ..._support.progress import Progress
from ..clients.client import Client, run_program
from ..clients.programs import Programs
from ..formats.dump import holders, locked
from ..formats.plain import PlainText
from ..proving.proof import NotProven, row_differences

__all__ = [
    "FOLDER",
    "SupabaseCli",
    "by_hand",
    "left_out_by_cli",
    "prove_parts_list",
    "prove_parts_read",
    "read_cli",
    "refuse_unfit",
]

FOLDER = "archive"
# With comments, since pg_dump's last one is what says that nothing is missing at the end.
_PARTS = (
    ("roles", ["--role-only", "--keep-comments"]),
    ("schema", ["--keep-comments"]),
    ("data", ["--data-only", "--use-copy"]),
)
# Something that reads like an address; the dry run connects to nothing.
_NOWHERE = "postgresql://postgres@localhost:5432/postgres"
_EXPORT = re.compile(r'^export PG[A-Z]+="[^"\n]*"\n', re.MULTILINE)
_LEFT = "the database was only read; earlier backups are as they were"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Part:
    """One of the three. script: without an address. schemas, tables: the patterns of what it excludes."""

    name: str
    script: str
    schemas: Tuple[str, ...]
    tables: Tuple[str, ...]

    def excluded(self, names: List[str]) -> List[str]:
        """Which of these schemas it excludes."""
        return [name for name in names if any(_matches(pattern, name) for pattern in self.schemas)]


def _matches(pattern: str, name: str) -> bool:
    """As pg_dump reads a pattern (psql, Patterns): a regular expression, but for * and ?."""
    return re.fullmatch(pattern.replace("*", ".*").replace("?", "."), name) is not None


@dataclass(frozen=True)
class SupabaseCli:
    """The CLI's version, and its scripts by the parts' names."""

    version: str
    parts: Mapping[str, Part]

    def schemas(self, session: Session, part: str) -> List[str]:
        """The schemas here whose objects (part schema) or rows (part data) it leaves out. Raises psycopg2.Error."""
        rows = session.rows(
            "SELECT nspname::text AS name FROM pg_catalog.pg_namespace"
            " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"
        )
        return self.parts[part].excluded([row["name"] for row in rows])

    def has_rows_of(self, table: Mapping[str, Any]) -> bool:
        """Whether the part data has the rows of a table: some of Supabase's own are left out by name."""
        return f"{table['schema']}.{table['name']}" not in self.parts["data"].tables

    def dump(
        self,
        programs: Programs,
        client: Client,
        folder: str,
        snapshot: str,
        lock_wait_ms: int,
        watcher: Session,
        progress: Progress,
    ) -> None:
        """Write the three parts into the folder. watcher: a session that sees who is in the way. Raises SteadyError."""
        os.mkdir(os.path.join(folder, FOLDER), 0o700)
        options = ["--no-password", f"--snapshot={snapshot}", f"--lock-wait-timeout={lock_wait_ms}"]
        functions = _function(programs, "pg_dump", options) + _function(programs, "pg_dumpall", ["--no-password"])
        with _by_service(client) as through:
            for part in self.parts.values():
                said = self._run(part, functions, through, folder, progress)
                if said is not None:
                    raise _failure(part, said, watcher)

    def _run(self, part: Part, functions: str, client: Client, folder: str, progress: Progress) -> Optional[str]:
        """Run one script. Returns what it said when it failed."""
        size = 0
        with open(_path(folder, part.name), "wb") as file:

            def consume(piece: bytes) -> None:
                nonlocal size
                size += len(piece)
                file.write(piece)
                progress.say(f"backing up: {part.name}", size, None)

            done = run_program([_bash(), "-euo", "pipefail", "-c", functions + part.script], client, consume=consume)
        return None if done.status == 0 else done.brief


def _path(folder: str, part: str) -> str:
    return os.path.join(folder, FOLDER, f"{part}.sql")


def _bash() -> str:
    bash = shutil.which("bash")
    if bash is None:
        raise SteadyError(
            "There is no bash on this host.", "the Supabase CLI's script is one for bash", "install it", NOTHING_CHANGED
        )
    return bash


def _function(programs: Programs, name: str, options: List[str]) -> str:
    """The program as the script shall call it: this one, with these options before its own."""
    words = " ".join(shlex.quote(word) for word in [programs.path(name), *options])
    return f'{name}() {{ {words} "$@"; }}\n'


@contextmanager
def _by_service(client: Client) -> Iterator[Client]:
    """A client for programs that are given no address: theirs is in a service file (0600), gone afterwards."""
    parameters = extensions.parse_dsn(client.dsn)
    if "service" in parameters:
        raise SteadyError(
            "The method supabase_cli cannot use an address with a service, sslpassword or another secret but password.",
            "the programs get the address through a service file, and can read only one",
            "write host, port, user and password into the address, or use backup_method=pg_dump",
            NOTHING_CHANGED,
        )
    with tempfile.TemporaryDirectory(prefix="steady-") as folder:
        path = os.path.join(folder, "service")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join(["[steady]", *(f"{key}={value}" for key, value in parameters.items())]) + "\n")
        environment = {key: value for key, value in client.environment.items() if key != "PGDATABASE"}
        yield replace(client, dsn="", environment={**environment, "PGSERVICEFILE": path, "PGSERVICE": "steady"})


def _failure(part: Part, said: str, watcher: Session) -> SteadyError:
    if re.search("lock timeout|statement timeout|could not obtain lock", said):
        return locked(said, holders(watcher))
    return SteadyError(
        f"The part {part.name} of the Supabase CLI's dump did not come to its end.",
        said,
        "settle that, then run the same command again",
        _LEFT,
    )


def refuse_unfit(parameters: Mapping[str, Any]) -> None:
    """Raise SteadyError for what this method cannot do."""
    unfit = ["exclude_schemas"] if parameters.get("exclude_schemas") is not None else []
    unfit += ["proof: restore"] if parameters.get("proof") == "restore" else []
    if unfit:
        raise SteadyError(
            f"The method supabase_cli has no {', no '.join(unfit)}.",
            "it takes what the Supabase CLI takes, which can be restored into a Supabase project only",
            "leave that out, or use backup_method=pg_dump",
            NOTHING_CHANGED,
        )


def read_cli(program: Optional[str]) -> SupabaseCli:
    """What the CLI would run. program: where it is; None: it is looked for. Raises SteadyError."""
    found = program or shutil.which("supabase")
    if not found or not os.access(found, os.X_OK):
        raise SteadyError(
            "There is no Supabase CLI on this host.",
            f"{found} is no program" if found else "supabase is not in PATH",
            "install it (npm install supabase), and say where it is: backup_supabase_cli=…/node_modules/.bin/supabase; "
            "or use backup_method=pg_dump",
            NOTHING_CHANGED,
        )
    with tempfile.TemporaryDirectory(prefix="steady-") as home:
        said = _ask(found, ["--version"], home)
        version = re.search(r"(\d+)\.\d+\.\d+\S*", said)
        if version is None:
            raise _unknown(found, f"it says of its version: {said[:100]}")
        # Since version 3; --db-url goes with version 4.
        address = f"--remote={_NOWHERE}" if int(version.group(1)) >= 3 else f"--db-url={_NOWHERE}"
        parts = {}
        for name, options in _PARTS:
            printed = _ask(found, ["--workdir", home, "db", "dump", "--dry-run", address, *options], home)
            parts[name] = _part(found, name, printed)
    return SupabaseCli(version.group(0), parts)


def _ask(program: str, arguments: List[str], home: str) -> str:
    """Its output. It gets no settings but a home of its own, and tells nobody that it was used."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "SUPABASE"))}
    silent = ("SUPABASE_TELEMETRY_DISABLED", "SUPABASE_NO_UPDATE_NOTIFIER", "DO_NOT_TRACK")
    environment.update({"HOME": home, "LC_ALL": "C", **dict.fromkeys(silent, "1")})
    printed: List[bytes] = []
    try:
        done = run_program([program, *arguments], Client("", environment), consume=printed.append)
    except OSError as error:
        raise _unknown(program, error.strerror or str(error)) from None
    if done.status != 0:
        raise _unknown(program, done.brief)
    return b"".join(printed).decode("utf-8", "replace")


def _unknown(program: str, why: str) -> SteadyError:
    return SteadyError(
        f"The Supabase CLI {program} does not say how it dumps.",
        why,
        "install a version of it that knows `supabase db dump --dry-run`, or use backup_method=pg_dump",
        NOTHING_CHANGED,
    )


def _part(program: str, name: str, printed: str) -> Part:
    begin = printed.find("#!")
    script = _EXPORT.sub("", printed[begin:])
    if begin < 0 or "export PG" in script or not re.search(r"^pg_dump(?:all)? ", script, re.MULTILINE):
        raise _unknown(program, f"its dry run of the part {name} is no script that calls pg_dump")
    schemas = [one for group in re.findall(r'--exclude-schema "([^"]*)"', script) for one in group.split("|")]
    return Part(name, script, tuple(schemas), tuple(re.findall(r'--exclude-table "([^"]*)"', script)))


def left_out_by_cli(cli: SupabaseCli, session: Session, contents: Mapping[str, Any]) -> List[str]:
    """What is not in the three parts, in words. Raises psycopg2.Error."""
    sentences = []
    schema, data = cli.schemas(session, "schema"), cli.schemas(session, "data")
    if schema:
        sentences.append(f"definitions of the schemas {', '.join(schema)}, which Supabase keeps itself")
    if data:
        sentences.append(f"rows of the schemas {', '.join(data)}, which Supabase keeps itself")
    sentences += [
        "event triggers, publications named supabase_realtime, and default privileges of supabase_admin, which a "
        "project has already",
        "stored files: only their descriptions are in the database",
        "passwords of roles, Supabase's own roles, and tablespaces; the roles are of a moment later than the snapshot",
    ]
    if contents["large_objects"]:
        sentences.append(f"{contents['large_objects']} large objects, which the Supabase CLI does not dump")
    return sentences


# -- proofs --------------------------------------------------------------------------------------------------------

_NAME = r'(?:"(?:[^"]|"")+"|[^\s."(]+)'
_QUOTED = rb'"(?:[^"]|"")+"'
_CREATED = re.compile(
    rb"^CREATE (?:OR REPLACE )?(?:UNIQUE |UNLOGGED |FOREIGN |MATERIALIZED |CONSTRAINT )*"
    rb"(TABLE|VIEW|SEQUENCE|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|STATISTICS|INDEX|TRIGGER|POLICY|RULE)"
    rb"(?: IF NOT EXISTS)? (" + _QUOTED + rb"(?:\." + _QUOTED + rb")?)"
)
_INSIDE = re.compile(rb"(CONSTRAINT|SEQUENCE) (?:NAME )?(" + _QUOTED + rb"(?:\." + _QUOTED + rb")?)")
# The types of pg_identify_object, and the word of CREATE that makes one. What is missing here is not looked for.
_WORDS = {
    "table": "TABLE",
    "foreign table": "TABLE",
    "view": "VIEW",
    "materialized view": "VIEW",
    "sequence": "SEQUENCE",
    "function": "FUNCTION",
    "procedure": "PROCEDURE",
    "aggregate": "AGGREGATE",
    "type": "TYPE",
    "statistics object": "STATISTICS",
    "index": "INDEX",
    "table constraint": "CONSTRAINT",
    "trigger": "TRIGGER",
    "policy": "POLICY",
    "rule": "RULE",
}


def prove_parts_list(folder: str, contents: Mapping[str, Any], progress: Progress) -> Dict[str, Any]:
    """Each part comes to its end, and each object is created in the part schema. Returns {objects, tables, parts}.

    Raises NotProven.
    """
    wrong = []
    for name in ("roles", "schema"):
        text = PlainText()
        for piece in _pieces(folder, name):
            text.feed(piece)
        text.ended()
        wrong += [] if text.complete else [f"{name}.sql does not come to its end"]
    created = _created(folder)
    looked = 0
    for one in contents["objects"]:
        word = _WORDS.get(one["type"])
        if word is None:
            continue
        looked += 1
        if not {(word, name) for name in _names(word, one["identity"])} & created:
            wrong.append(f"{one['type']} {one['identity']}")
    if wrong:
        raise NotProven(f"{len(wrong)} things are missing in the backup.", wrong)
    progress.say("comparing the backup's schema with the catalog")
    return {"objects": looked, "tables": len(contents["tables"]), "parts": len(_PARTS)}


def _pieces(folder: str, part: str) -> Iterator[bytes]:
    with open(_path(folder, part), "rb") as file:
        while True:
            piece = file.read(_PIECE)
            if not piece:
                return
            yield piece


def _created(folder: str) -> Set[Tuple[str, str]]:
    """(word, name) of all that the part schema creates; names in double quotes, as it has all of them."""
    found: Set[Tuple[str, str]] = set()
    with open(_path(folder, "schema"), "rb") as file:
        for line in file:
            match = _CREATED.match(line)
            for word, name in [match.groups()] if match else _INSIDE.findall(line):
                kind = word.decode("ascii")
                found.add(("TYPE" if kind == "DOMAIN" else kind, name.decode("utf-8", "replace")))
    return found


def _names(word: str, identity: str) -> List[str]:
    """The name of an object in double quotes, as the part schema has it: with its schema, or without."""
    parts = re.match(rf"({_NAME})(?:\.({_NAME}))?", identity)
    if parts is None:
        return []
    quoted = [
        part if part.startswith('"') else f'"{part}"' for part in (parts.group(1), parts.group(2)) if part is not None
    ]
    # An index is named without its schema, since it is in its table's.
    return [".".join(quoted), quoted[-1]] if word == "INDEX" else [".".join(quoted)]


def prove_parts_read(folder: str, contents: Mapping[str, Any], progress: Progress) -> Dict[str, Any]:
    """The part data is whole, and has as many rows of each table as the snapshot. Returns {tables, rows, bytes}.

    Raises NotProven.
    """
    expected = {(t["schema"], t["name"]): t["rows"] for t in contents["tables"] if t["kind"] == "r"}
    total = sum(expected.values())
    text = PlainText()
    for piece in _pieces(folder, "data"):
        text.feed(piece)
        progress.say("reading the whole backup", text.counter.total, total, "rows")
    text.ended()
    wrong = row_differences(expected, text.counter)
    wrong += [] if text.complete or not expected else ["data.sql does not come to its end"]
    if wrong:
        raise NotProven("The backup does not have the rows that the database had.", wrong)
    return {"tables": len(expected), "rows": text.counter.total, "bytes": text.bytes}


def by_hand(folder: str, manifest: Mapping[str, Any]) -> SteadyError:
    """Why such a backup is not restored here, and the command that does it."""
    place = os.path.join(folder, manifest["archive"])
    files = {name: shlex.quote(os.path.join(place, f"{name}.sql")) for name, _options in _PARTS}
    return SteadyError(
        "A backup that the Supabase CLI took is restored by hand, into a new project.",
        "it leaves out what a project has of its own, so that a new database on the same server is none",
        "psql --single-transaction --variable ON_ERROR_STOP=1 "
        f"--file {files['roles']} --file {files['schema']} --command 'SET session_replication_role = replica' "
        f"--file {files['data']} --dbname '<the new project>'",
        NOTHING_CHANGED,
    )
