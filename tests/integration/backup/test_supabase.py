# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A project as Supabase lays it out: with its own schemas left to it, and with the scripts of its own CLI."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._backup.folder.manifest import (
    read_manifest,
    write_manifest,
)
from ansible_collections.steady.postgresql.plugins.module_utils._backup.proving.proof import NotProven
from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking.backup import backup
from ansible_collections.steady.postgresql.plugins.module_utils._backup.verifying.verify import verify_backup
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.backup.backing_up import Shop
from lab.server import Server

ROOT = Path(__file__).resolve().parents[3]
_NUMBERS = itertools.count(1)
SECRET = "qx-secret-zj"
# The layout of a project: Supabase's schemas with its owners, extensions, event triggers and publication, and an
# application that depends on all of them. Its role may bypass row level security, and is no superuser.
PROJECT = """
CREATE SCHEMA auth AUTHORIZATION supabase_admin;
CREATE SCHEMA storage AUTHORIZATION supabase_admin;
CREATE SCHEMA extensions AUTHORIZATION supabase_admin;
CREATE SCHEMA realtime AUTHORIZATION supabase_admin;
SET ROLE supabase_admin;
CREATE TABLE auth.users (id int PRIMARY KEY, email text);
INSERT INTO auth.users SELECT g, 'user' || g FROM generate_series(1, 7) g;
CREATE TABLE auth.schema_migrations (version text);
INSERT INTO auth.schema_migrations VALUES ('1');
CREATE FUNCTION auth.uid() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE storage.objects (id int PRIMARY KEY, name text);
INSERT INTO storage.objects VALUES (1, 'a'), (2, 'b');
CREATE TABLE realtime.messages (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE realtime.messages_1 PARTITION OF realtime.messages DEFAULT;
INSERT INTO realtime.messages VALUES (1, '2026-01-01');
CREATE FUNCTION extensions.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION extensions.watch();
GRANT USAGE ON SCHEMA auth, storage, extensions TO {role};
GRANT SELECT, REFERENCES ON ALL TABLES IN SCHEMA auth, storage TO {role};
RESET ROLE;
GRANT CREATE ON DATABASE {name} TO {role};
GRANT ALL ON SCHEMA public TO {role};
SET ROLE {role};
CREATE PUBLICATION supabase_realtime;
CREATE TABLE public.profiles (id int PRIMARY KEY REFERENCES auth.users, "Full name" text UNIQUE, at date);
INSERT INTO public.profiles SELECT g, E'name\\n-- ' || g, '2026-01-01' FROM generate_series(1, 5) g;
CREATE INDEX ON public.profiles (at);
ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own rows" ON public.profiles USING (id = auth.uid());
CREATE TABLE public.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text);
INSERT INTO public.notes (text) SELECT repeat('n', g) FROM generate_series(1, 300) g;
CREATE VIEW public.names AS SELECT "Full name" FROM public.profiles;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touch BEFORE UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('fine');
CREATE TABLE app."Odd.name" (mood app.mood);
INSERT INTO app."Odd.name" VALUES ('fine');
ALTER PUBLICATION supabase_realtime ADD TABLE public.notes;
"""
ROWS = {"auth.users": 7, "storage.objects": 2, "public.profiles": 5, "public.notes": 300, 'app."Odd.name"': 1}


@contextmanager
def a_project(machine: Server, folder: Path) -> Iterator[Shop]:
    made = Shop(machine, f"Project {next(_NUMBERS)}", folder, str(machine.installation.bin_dir))
    made.server.create_database(made.name)
    made.execute(PROJECT.format(name=f'"{made.name}"', role="app_owner"))
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def supabase(machine: Server) -> Server:
    """The module's server, with the roles of a project."""
    machine.execute("CREATE ROLE supabase_admin SUPERUSER")
    machine.execute("CREATE ROLE app_owner LOGIN BYPASSRLS")
    return machine


@pytest.fixture
def project(supabase: Server, tmp_path: Path) -> Iterator[Shop]:
    """A Supabase project in a database of its own."""
    with a_project(supabase, tmp_path / "backups") as made:
        yield made


def rows(shop: Shop, database: str | None = None) -> dict[str, int]:
    query = "SELECT count(*) FROM {}"
    name = database or shop.name
    return {table: shop.server.execute(sql.SQL(query).format(sql.SQL(table)), database=name)[0][0] for table in ROWS}


def counted(manifest: dict[str, Any]) -> dict[str, int]:
    tables = manifest["contents"]["tables"]
    return {f"{one['schema']}.{one['name']}".replace("Odd.name", '"Odd.name"'): one["rows"] for one in tables}


class TestPgDump:
    """Supabase's own schemas stay with Supabase, and that is said."""

    def test_they_are_left_out_by_themselves_and_named(self, project: Shop) -> None:
        made = project.back_up(user="app_owner")["backup"]
        manifest = read_manifest(made["path"])
        assert manifest["excluded_schemas"] == ["auth", "extensions", "realtime", "storage"]
        assert counted(manifest) == {key: ROWS[key] for key in ("public.profiles", "public.notes", 'app."Odd.name"')}
        (said,) = (one for one in made["left_out"] if "Supabase keeps" in one)
        assert "schemas auth, extensions, realtime, storage" in said
        assert "backup_method=supabase_cli" in said
        verify_backup({"backup": made["path"], "programs_dir": project.programs}, Options(None))

    def test_somebody_elses_schema_of_that_name_is_no_supabase(self, project: Shop) -> None:
        project.execute("ALTER SCHEMA auth OWNER TO app_owner")
        assert read_manifest(project.back_up()["backup"]["path"])["excluded_schemas"] == []
        assert read_manifest(project.back_up(exclude_schemas=["app"])["backup"]["path"])["excluded_schemas"] == ["app"]
        with pytest.raises(SteadyError, match=r"There is no schema ap\* to leave out"):
            project.back_up(exclude_schemas=["ap*"])

    def test_a_swap_is_refused_and_in_place_brings_the_rest_back(self, project: Shop) -> None:
        schema = project.dump()
        project.back_up(user="app_owner")
        with pytest.raises(SteadyError, match="cannot be restored by exchanging databases") as error:
            project.restore()
        assert "restore_in_place=true" in error.value.todo
        project.execute("DELETE FROM public.notes; DROP VIEW public.names; INSERT INTO storage.objects VALUES (3, 'c')")
        said = project.restore(in_place=True)
        assert said["lost"] == [{"table": "public.notes", "live_rows": 0, "backup_rows": 300}]
        assert rows(project) == {**ROWS, "storage.objects": 3}
        assert project.dump() == schema
        assert project.databases() == [project.name]

    def test_a_proof_restore_says_what_it_cannot_have(self, project: Shop) -> None:
        with pytest.raises(SteadyError) as error:
            project.back_up(proof="restore")
        assert 'schema "auth" does not exist' in error.value.why
        assert "prove it with read" in error.value.todo
        assert project.databases() == [project.name]
        assert list(project.folder.iterdir()) == []

    def test_a_schema_that_nothing_depends_on_is_left_out_of_a_copy_too(self, project: Shop) -> None:
        project.execute("DROP SCHEMA auth CASCADE")
        made = project.back_up(proof="restore", exclude_schemas=["app", "realtime"])["backup"]
        assert made["proof"] == "restore"
        assert "schemas app, realtime, as backup_exclude_schemas says" in made["left_out"]
        with pytest.raises(SteadyError, match="leaves out schemas cannot take the place"):
            project.restore()
        copy = project.restore(swap=False)["new_database"]
        assert project.server.execute("SELECT count(*) FROM public.notes", database=copy) == [(300,)]


def the_cli() -> str | None:
    """Of .ci/packages, or of whoever has it."""
    own = ROOT / ".ansible/supabase/node_modules/.bin/supabase"
    return str(own) if own.exists() else shutil.which("supabase")


class CommandLines(threading.Thread):
    """Every command line and environment-free argument that any process has meanwhile."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._stop_it = threading.Event()

    def __enter__(self) -> CommandLines:
        self.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._stop_it.set()
        self.join(10)

    def run(self) -> None:
        while not self._stop_it.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue
            time.sleep(0.01)


@dataclass
class Taken:
    """A project that the CLI backed up. lines: every command line on this host meanwhile."""

    project: Shop
    made: dict[str, Any]
    lines: set[bytes]

    @property
    def folder(self) -> Path:
        return Path(self.made["path"])

    def verify(self) -> dict[str, Any]:
        return verify_backup({"backup": str(self.folder), "programs_dir": self.project.programs}, Options(None))


@pytest.fixture(scope="module")
def taken(supabase: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    """One for all tests that only look: the CLI takes its time."""
    with a_project(supabase, tmp_path_factory.mktemp("taken") / "backups") as project:
        host = project.server.url(project.name).split("@")[1]
        options = Options(f"postgresql://postgres:{SECRET}@{host}")
        arguments = {"directory": str(project.folder), "programs_dir": project.programs}
        arguments.update(method="supabase_cli", supabase_cli=the_cli())
        with CommandLines() as watched:
            made = backup(arguments, options)["backup"]
        yield Taken(project, made, watched.seen)


@pytest.mark.skipif(the_cli() is None, reason="the Supabase CLI is not here: npm install supabase")
class TestCli:
    """The real CLI: its own scripts, run with the host's pg_dump."""

    def test_roles_schema_and_rows_are_proven_and_what_is_missing_is_said(self, taken: Taken) -> None:
        parts = sorted((taken.folder / "archive").iterdir())
        assert [path.name for path in parts] == ["data.sql", "roles.sql", "schema.sql"]
        assert [proof["level"] for proof in taken.made["proofs"]] == ["list", "read"]
        assert taken.made["rows"] == sum(ROWS.values())
        manifest = read_manifest(taken.made["path"])
        schema = json.loads((ROOT / "docs/manifest.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(manifest)
        assert counted(manifest) == ROWS
        said = "\n".join(taken.made["left_out"])
        assert "definitions of the schemas auth, extensions, realtime, storage" in said
        assert "rows of the schemas extensions, realtime" in said
        assert "passwords of roles" in said
        assert {path.stat().st_mode & 0o777 for path in taken.folder.rglob("*") if path.is_file()} == {0o600}

    def test_no_secret_on_a_command_line_or_in_a_file(self, taken: Taken) -> None:
        assert any(b"--use-copy" in line for line in taken.lines), "the CLI was seen"
        assert any(b"/pg_dump" in line for line in taken.lines)
        assert not [line for line in taken.lines if SECRET.encode() in line]
        files = [path for path in taken.project.folder.rglob("*") if path.is_file()]
        assert not [path for path in files if SECRET.encode() in path.read_bytes()]

    def test_by_hand_it_comes_back_into_another_project(self, taken: Taken) -> None:
        """The command that a refused restore names, in a project that has Supabase's schemas already."""
        project = taken.project
        with pytest.raises(SteadyError, match="restored by hand, into a new project") as error:
            project.restore()
        other = Shop(project.server, f"{project.name} other", project.folder, project.programs)
        other.server.create_database(other.name)
        theirs = PROJECT[: PROJECT.index("SET ROLE {role}")]
        other.execute(theirs.format(name=f'"{other.name}"', role="app_owner"))
        other.execute("TRUNCATE auth.users, storage.objects; CREATE PUBLICATION supabase_realtime")
        command = error.value.todo.replace("'<the new project>'", f"'{other.server.url(other.name)}'")
        # The roles are there: this is the same server.
        command = re.sub(r"--file \S*roles\.sql ", "", command)
        environment = {**os.environ, "PATH": f"{project.programs}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert rows(other) == ROWS

    def test_what_is_missing_or_damaged_is_found(self, taken: Taken) -> None:
        taken.verify()
        made = taken.folder
        manifest = read_manifest(str(made))
        whole = {name: (made / "archive" / name).read_text() for name in ("schema.sql", "data.sql", "roles.sql")}
        for name, old, new, word in [
            ("schema.sql", 'CREATE POLICY "own rows"', 'CREATE POLICY "no rows"', "policy"),
            ("schema.sql", "database dump complete", "database dump", "schema.sql does not come to its end"),
            ("roles.sql", "cluster dump complete", "cluster dump", "roles.sql does not come to its end"),
            ("data.sql", "database dump complete", "database dump", "data.sql does not come to its end"),
            ("data.sql", "\tnn\n", "\tnn\n301\tnn\n", "public.notes: 301 in the backup, 300 in the database"),
            ("data.sql", 'COPY "auth"."users"', 'COPY "auth"."others"', "auth.users: none in the backup"),
        ]:
            path = made / "archive" / name
            changed = whole[name].replace(old, new)
            assert changed != whole[name]
            path.write_text(changed)
            with pytest.raises(NotProven, match="damaged"):
                taken.verify()
            # And where somebody made the hashes fit.
            one = next(one for one in manifest["files"] if one["path"] == f"archive/{name}")
            fitting = {"path": one["path"], "bytes": path.stat().st_size, "sha256": _sha256(path)}
            files = [*(other for other in manifest["files"] if other is not one), fitting]
            write_manifest(str(made), {**manifest, "files": files})
            with pytest.raises(NotProven) as error:
                taken.verify()
            assert word in error.value.why
            path.write_text(whole[name])
            write_manifest(str(made), manifest)

    def test_rows_written_meanwhile_are_not_in_it_and_a_lock_is_named(self, project: Shop) -> None:
        """It waits after the snapshot was taken; what is committed then belongs to a later moment."""
        arguments = {"supabase_cli": the_cli(), "method": "supabase_cli"}
        with held(project), pytest.raises(SteadyError, match="is locked") as error:
            project.back_up(lock_patience="300ms", **arguments)
        assert "the blocker" in error.value.why
        assert list(project.folder.iterdir()) == []
        with held(project) as write:
            thread = threading.Thread(target=write)
            thread.start()
            made = project.back_up(**arguments)["backup"]
            thread.join()
        assert rows(project)["storage.objects"] == 2 + 1
        assert made["rows"] == sum(ROWS.values())

    def test_what_it_cannot_do_is_refused(self, project: Shop) -> None:
        for parameters, words in [
            ({"proof": "restore"}, "no proof: restore"),
            ({"exclude_schemas": ["app"]}, "no exclude_schemas"),
            ({"supabase_cli": "/nowhere/supabase"}, "no Supabase CLI on this host"),
            ({"supabase_cli": "/bin/true"}, "does not say how it dumps"),
        ]:
            with pytest.raises(SteadyError, match=words) as error:
                project.back_up(**{"supabase_cli": the_cli(), "method": "supabase_cli", **parameters})
            assert error.value.todo
        assert not project.folder.exists()


@contextmanager
def held(project: Shop) -> Iterator[Callable[[], None]]:
    """A table is locked. What this gives waits until pg_dump does, writes a row elsewhere, and lets go of the lock."""
    blocker = project.server.connect(project.name, application_name="the blocker")
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE public.notes IN ACCESS EXCLUSIVE MODE")

    def write() -> None:
        query = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE '% dump %' AND wait_event_type = 'Lock'"
        deadline = time.monotonic() + 60
        while not project.server.execute(query):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        project.execute("INSERT INTO storage.objects SELECT max(id) + 1, 'later' FROM storage.objects")
        blocker.rollback()

    try:
        yield write
    finally:
        blocker.close()


def _sha256(path: Path) -> str:
    done = subprocess.run(["sha256sum", str(path)], check=True, capture_output=True, text=True)
    return done.stdout.split()[0]
