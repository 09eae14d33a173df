# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Kind 1: a database of an enemy, from check to rollback and restore by a superuser, through the playbooks.

Her code runs as nobody but herself, and her names are nothing but names: for the terminal, the shell, Jinja and HTML.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._support.values import OBEYED
from integration.cluster import Cluster, Database
from integration.hostile import NAIVE, fill, marks, own
from integration.playbooks.desk import Desk, Run, check_result
from integration.playbooks.page import Page
from integration.sessions import background, held, wait_until
from integration.test_hostile_database import MIGRATION

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(1200)]

JINJA = "{{ 6*7 }}"
# Escape sequences, quotes, Jinja, HTML, a shell's substitution.
EVIL = f"{JINJA}{{% raw %}}<b onclick=x>\"'$(touch m)\x1b]0;x\x07"
LINES = f"\n# x\n{JINJA}<b onclick=x>\x1b]0;x\x07"
SCHEMA, TABLE, COLUMN, INDEX, GONE, KEY = (f"{kind}{EVIL}" for kind in ("sch", "tab", "col", "idx", "old", "fk"))
NAMES = """
    SET ROLE mallory;
    CREATE SCHEMA {schema};
    CREATE TABLE {schema}.{table} ({column} text DEFAULT public.same('default', {value}::text), {lines} int PRIMARY KEY,
      CONSTRAINT {key} CHECK ({lines} > 0 AND public.yes('check')));
    CREATE INDEX {gone} ON {schema}.{table} ({column});
    CREATE TABLE {schema}.{lines} ({lines} int CONSTRAINT {key} REFERENCES {schema}.{table}, {column} text);
    INSERT INTO {schema}.{table} SELECT {value}, n FROM generate_series(1, 5) n;
    INSERT INTO {schema}.{lines} SELECT n, {value} FROM generate_series(1, 5) n;
    CREATE FUNCTION {schema}.{column}() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN PERFORM public.mark('trigger'); RETURN coalesce(new, old); END $$;
    CREATE TRIGGER {index} BEFORE INSERT OR UPDATE OR DELETE ON {schema}.{table}
      FOR EACH ROW EXECUTE FUNCTION {schema}.{column}();
    COMMENT ON TABLE {schema}.{table} IS {value};
    COMMENT ON INDEX {schema}.{gone} IS {value};
    RESET ROLE"""
OF_NAMES: dict[str, Any] = {
    "id": "names",
    "schema": SCHEMA,
    "columns": [{"table": TABLE, "name": COLUMN, "nullable": False}],
    "indexes": [
        {"table": TABLE, "name": INDEX, "columns": [COLUMN, LINES]},
        {"table": TABLE, "name": GONE, "state": "absent"},
    ],
    "foreign_keys": [
        {
            "table": LINES,
            "name": KEY,
            "columns": [LINES],
            "references": {"table": TABLE, "columns": [LINES]},
            "on_delete": "cascade",
        }
    ],
    "verification": {
        "unchanged_counts": [TABLE, LINES],
        "queries": [
            {"name": EVIL, "sql": 'SELECT 1 AS n, "note" FROM public."Order" LIMIT 1', "expect": "[0].n == `1`"}
        ],
    },
}
TWICE: dict[str, Any] = {
    "id": "twice",
    "schema": SCHEMA,
    "indexes": [{"table": TABLE, "name": INDEX, "columns": [COLUMN], "unique": True}],
}
PLANTED = """
    CREATE SCHEMA steady AUTHORIZATION mallory; SET ROLE mallory;
    CREATE FUNCTION steady.evil() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN PERFORM public.mark('journal'); RETURN new; END $$;
    CREATE TABLE steady.deployment (id text DEFAULT public.same('id', 'x'::text), migration_id text, migration jsonb,
      status text, started_at timestamptz, finished_at timestamptz, counts_before jsonb);
    CREATE TABLE steady.step (deployment_id text); CREATE TABLE steady.attempt (status text);
    CREATE TABLE steady.evidence (id bigint);
    INSERT INTO steady.deployment (id, migration_id, status) VALUES ('../../x; touch m', 'hostile', 'succeeded');
    CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON steady.deployment FOR EACH ROW EXECUTE FUNCTION steady.evil()"""
FIRED = """
    SET ROLE mallory; CREATE FUNCTION public.fired() RETURNS event_trigger LANGUAGE plpgsql
      AS $$ BEGIN PERFORM public.mark('event trigger'); END $$; RESET ROLE;
    CREATE EVENT TRIGGER fired ON ddl_command_end EXECUTE FUNCTION public.fired()"""
# Of the enemy's database all is told; the others are refused, each for a reason of its own.
HOSTS = {"enemy": "", "names": "", "twice": "", "planted": PLANTED, "fired": FIRED}
TOLD = ("enemy", "names")
LIMIT = ("--limit", ",".join(TOLD))
# What docs/backups.md says that a superuser's restore runs.
RESTORED = {
    "check",
    "check of a row",
    "check of the parent",
    "domain",
    "generated",
    "predicate",
    "predicate of the parent",
}
RIGHTS = (
    "SELECT rolname, rolsuper, rolcreaterole, rolbypassrls FROM pg_catalog.pg_roles ORDER BY 1",
    "SELECT setdatabase::text, setrole::text, setconfig FROM pg_catalog.pg_db_role_setting ORDER BY 1, 2",
    "SELECT roleid::text, member::text FROM pg_catalog.pg_auth_members ORDER BY 1, 2",
)


@dataclass
class Told:
    """The runs, what ran as a superuser in each, and what they left."""

    desk: Desk
    databases: dict[str, Database]
    runs: dict[str, Run] = field(default_factory=dict)
    ran: dict[str, set[str]] = field(default_factory=dict)
    rights: dict[str, list[Any]] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def play(self, chapter: str, playbook: str, *options: str, **variables: Any) -> Run:
        """Run it, and look what came of it."""
        run = self.desk.play(playbook, *options, **{"steady_max_fail_percentage": 100, **variables})
        return self.note(chapter, run)

    def note(self, chapter: str, run: Run) -> Run:
        """Look what came of a run."""
        server = self.databases["enemy"].server
        self.runs[chapter], self.ran[chapter] = run, marks(server)
        self.rights[chapter] = [server.execute(question) for question in RIGHTS]
        latest = (self.desk.folder / "artifacts").glob("*/latest/result.json")
        self.results[chapter] = {path.parent.parent.name: json.loads(path.read_text()) for path in latest}
        return run

    def files(self) -> Iterator[tuple[Path, str]]:
        """All that is written for people or programs."""
        for ending in ("html", "md", "json", "xml", "sql"):
            for path in self.desk.folder.rglob(f"*.{ending}"):
                if "archive" not in path.parts and path.name not in ("globals.sql", "hosts.json", "migration.json"):
                    yield path, path.read_text()


def _databases(cluster: Cluster) -> dict[str, Database]:
    cluster.role("mallory")
    cluster.role("restorer", "LOGIN CREATEDB IN ROLE mallory")
    cluster.role(EVIL)
    template = cluster.database(name="hostile template")
    fill(template)
    names = {
        "schema": SCHEMA,
        "table": TABLE,
        "column": COLUMN,
        "index": INDEX,
        "gone": GONE,
        "key": KEY,
        "lines": LINES,
    }
    identifiers = {part: sql.Identifier(name) for part, name in names.items()}
    template.execute(sql.SQL(NAMES).format(**identifiers, value=sql.Literal(EVIL)))
    # Nothing in it belongs to a superuser: who restores it need be none.
    template.execute("ALTER FUNCTION public.mark OWNER TO mallory")
    template.execute(sql.SQL('GRANT SELECT ON public."Order" TO {}').format(sql.Identifier(EVIL)))
    template.execute(NAIVE)
    assert marks(template.server) >= {"trigger", "check", "generated", "predicate"}
    databases = {}
    for host, more in HOSTS.items():
        databases[host] = cluster.database(template.name, f"{host} {EVIL}")
        own(databases[host])
        if more:
            databases[host].execute(more)
    marks(template.server)
    return databases


@pytest.fixture(scope="module")
def told(module_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """All of it, told once. Nothing is judged here."""
    databases = _databases(module_cluster)
    folder = tmp_path_factory.mktemp("hostile")
    of_host: dict[str, dict[str, Any]] = {}
    for host in HOSTS:
        path = folder / host / "migration.json"
        path.parent.mkdir()
        path.write_text(json.dumps({"names": OF_NAMES, "twice": TWICE}.get(host, MIGRATION)))
        of_host[host] = {"steady_migration": str(path)}
    # Proven where her code has no superuser's rights, as docs/backups.md advises.
    of_host["names"]["backup_proof_url"] = databases["names"].url("restorer")
    desk = Desk(folder, databases, of_host)
    desk.inventory()
    told = Told(desk, databases)
    server = databases["enemy"].server
    told.rights[""] = [server.execute(question) for question in RIGHTS]
    try:
        told.play("backup", "backup", "--limit", "names", backup_proof="restore")
        told.play("check", "deploy", "--check", "--diff")
        _deploy(told)
        told.play("again", "deploy", *LIMIT)
        told.play("verify", "verify", *LIMIT)
        told.play("monitor", "monitor", *LIMIT)
        told.note("restore", _pasted(told, "to go back to the backup", "enemy", "-e", "restore_swap=false"))
        told.play("rollback check", "rollback", "--check", "--diff", *LIMIT)
        told.play("rollback", "rollback", *LIMIT)
        yield told
    finally:
        for (name,) in server.execute("SELECT datname FROM pg_database WHERE datname ~ '_(new|proof|pre)_'"):
            server.drop_database(name)


def _deploy(told: Told) -> None:
    """While a session is in the way whose role and statement are escape sequences, and progress is shown."""
    database = told.databases["enemy"]
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
    lock, quoted = 'LOCK TABLE public."Order" IN ACCESS SHARE MODE', EVIL.replace('"', '""')

    class Theirs:
        def connect(self, **parameters: Any) -> Any:
            return database.connect(EVIL, **parameters)

    with background(lambda: told.play("deploy", "deploy", steady_progress="always")) as work:
        with held(Theirs(), lock, f'SELECT 1 AS "{quoted}"', application_name=EVIL):
            for _unused in range(3):
                wait_until(lambda: work.done() or database.server.execute(waiting)[0][0], 120)
        work.result()


def _pasted(told: Told, words: str, host: str, *more: str) -> Run:
    """The command that the report of the deployment has, as a shell takes it."""
    said = told.runs["deploy"].said_by(host)
    line = next(line for line in said.splitlines() if words in line)
    _unused, _second, arguments = line.partition("ansible-playbook ")
    inventory = str(told.desk.folder / "hosts.json")
    return told.desk.command("ansible-playbook", *shlex.split(arguments), *more, "-i", inventory)


def test_none_of_her_code_has_run_with_a_superusers_rights(told: Told) -> None:
    """But for what a restore runs, which is documented; not where it is restored by a role that is no superuser."""
    assert {chapter: ran for chapter, ran in told.ran.items() if ran and chapter != "restore"} == {}
    assert told.ran["restore"] <= RESTORED
    assert {chapter: rights for chapter, rights in told.rights.items() if rights != told.rights[""]} == {}


def test_the_story_is_told_to_its_end(told: Told) -> None:
    """It would prove nothing otherwise."""
    expected = {"check": 1, "deploy": 2, "again": 0, "verify": 0, "monitor": 0, "rollback check": 1, "rollback": 1}
    for chapter, changed in expected.items():
        for host in TOLD:
            recap = told.runs[chapter].recap[host]
            assert (recap["failed"], recap["changed"]) == (0, changed), told.runs[chapter].output
    for chapter in ("backup", "restore", "rollback"):
        assert told.runs[chapter].status == 0, told.runs[chapter].output
    assert {told.results["rollback"][host]["status"] for host in TOLD} == {"rolled_back"}
    assert told.results["backup"]["names"]["backup"]["status"] == "proven"


@pytest.mark.parametrize(
    ("host", "why"),
    [("planted", "journal"), ("fired", "event trigger"), ("twice", "occurs more than once")],
)
def test_what_cannot_be_trusted_is_refused_before_anything(told: Told, host: str, why: str) -> None:
    """A journal and an event trigger that are hers. The message about rows that are there twice has a value of hers."""
    for chapter in ("check", "deploy"):
        assert told.runs[chapter].recap[host]["failed"] == 1
        assert why in told.runs[chapter].output
    assert told.runs["deploy"].recap[host]["changed"] == 0
    assert not list((told.desk.folder / "backups").glob(f"{host}*/*"))


def test_nothing_is_obeyed_by_a_terminal(told: Told) -> None:
    """Neither on standard output nor in a file."""
    texts = {name: run.output for name, run in told.runs.items()}
    texts.update({str(path): text for path, text in told.files()})
    assert {name: found for name, text in texts.items() if (found := OBEYED.findall(text))} == {}


def test_names_are_no_templates_and_no_commands(told: Told) -> None:
    """Jinja has computed nothing, a shell has touched nothing."""
    texts = {name: run.output for name, run in told.runs.items()}
    texts.update({str(path): text for path, text in told.files()})
    assert [name for name, text in texts.items() if "42<b" in text or "42{%" in text or "42&lt;" in text] == []
    for chapter in ("check", "deploy", "rollback"):
        assert JINJA in told.runs[chapter].output
    assert not list(told.desk.folder.rglob("m"))


def test_reports_show_names_and_are_not_made_of_them(told: Told) -> None:
    """HTML has no element and no handler of hers, Markdown no heading; XML and JSON can be read."""
    pages = 0
    for path, text in told.files():
        if path.suffix == ".html":
            page = Page(text)
            assert (page.faults, page.handlers) == ([], []), path
            pages += 1
        elif path.suffix == ".xml":
            ElementTree.fromstring(text)
        elif path.name == "result.json":
            check_result(json.loads(text))
        elif path.suffix == ".md":
            assert "<b" not in re.sub(r"(?s)\\<|```.*?```", "", text), path
            assert "\n# x" not in text, path
    assert pages > 8
    assert (told.desk.folder / "artifacts" / "index.html").is_file()
