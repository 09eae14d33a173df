# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The password appears nowhere: whole runs of the playbooks at -vvvv, and then everything is searched."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from psycopg2 import sql

from integration.ansible_command import BIN, ROOT, environment
from integration.connection.logins import Login
from integration.connection.traces import Onlooker, Secret, Surroundings, database_text, files_below, places
from integration.playbooks.desk import ARTIFACTS
from lab import clinic
from lab.server import Server

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SMALL = {"id": "small", "indexes": [{"table": "Pet", "columns": ["tenantId", "name"]}]}
WRONG_TABLE = {"id": "wrong", "indexes": [{"table": "Apointment", "columns": ["tenantId"]}]}

# Ansible tells the system's log with which arguments each module was called; here it tells this file instead.
LOGGED = """
import os, syslog
def write(*message):
    with open(os.environ["SEEN_BY_SYSLOG"], "a", encoding="utf-8") as file:
        file.write(f"{message[-1]}\\n")
syslog.syslog = write
"""


def new_secret() -> Secret:
    """One that stands nowhere else on this machine: letters outside ASCII, and characters that a URL escapes."""
    core = f"S3cr3t-{secrets.token_hex(6)}"
    return Secret(f"{core}-é/x@ %:?#", core)


@dataclass
class Stage:
    """A database with the clinic, and a place in which nothing was before."""

    login: Login
    folder: Path
    right: Secret
    wrong: Secret
    outputs: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def known(self) -> tuple[Secret, Secret]:
        """Both passwords: a wrong one may be a mistyped right one."""
        return self.right, self.wrong

    def url(self, secret: Secret | None = None, port: int | None = None) -> str:
        """Percent-encoded, over TCP."""
        url = self.login.url("127.0.0.1", (secret or self.right).password)
        return url.replace(f":{self.login.server.port}/", f":{port or self.login.server.port}/")

    def dsn(self) -> str:
        """The same as key/value string."""
        return self.login.dsn("127.0.0.1")

    def inventory(self, url: str | None) -> Path:
        """An inventory, outside of what is searched; with the address in it where one is given."""
        variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "steady_migration": SMALL,
        }
        if url is not None:
            variables["steady_database_url"] = url
        path = self.folder / "inventory" / f"{secrets.token_hex(4)}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"all": {"hosts": {"clinic": {}}, "vars": variables}}))
        return path

    def play(
        self,
        playbook: str,
        *options: str,
        url: str | None = None,
        inventory: Path | None = None,
        pipelining: bool = True,
    ) -> int:
        """Run a playbook with all that it can be made to say; its status."""
        searched = self.folder / "searched"
        env = environment(
            # The programs of the server's version come first, as on a host that is meant for backups.
            PATH=os.pathsep.join([str(BIN), str(self.login.server.installation.bin_dir), os.environ["PATH"]]),
            HOME=str(searched / "home"),
            TMPDIR=str(searched / "tmp"),
            PWD=str(searched / "work"),
            ANSIBLE_LOG_PATH=str(searched / "ansible.log"),
            ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible/collections"),
            ANSIBLE_PIPELINING=str(pipelining),
            PYTHONPATH=str(self.folder / "python"),
            SEEN_BY_SYSLOG=str(searched / "syslog"),
        )
        del env["ANSIBLE_CALLBACK_RESULT_FORMAT"]
        if url is not None:
            env["DATABASE_URL"] = url
        command = [BIN / "ansible-playbook", ROOT / "playbooks" / f"{playbook}.yml", "-vvvv", "--diff"]
        command += ["-i", inventory or ROOT / "inventories/demo", "-e", f"steady_backup_dir={searched / 'backups'}"]
        done = subprocess.run(
            [*command, *options],
            cwd=searched / "work",
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        output = done.stdout + done.stderr
        for secret in self.known:
            assert not secret.found_in(output), f"in the output of {playbook} {options}: {_lines(output, secret)}"
        self.outputs.append((playbook, done.returncode, output.decode()))
        return done.returncode


def _lines(output: bytes, secret: Secret) -> list[bytes]:
    return [line[:400] for line in output.splitlines() if secret.found_in(line)][:5]


@pytest.fixture(scope="module")
def secured_clinic(tcp_server: Server) -> Iterator[tuple[Login, Secret]]:
    """The clinic, owned by a role with such a password."""
    secret = new_secret()
    role = sql.Identifier("keeper")
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(secret.password))
    tcp_server.execute(statement, options="-c log_statement=none")
    tcp_server.create_database("guarded")
    clinic.load(tcp_server.url("guarded"), scale=0.002)
    tcp_server.execute("ALTER DATABASE guarded OWNER TO keeper")
    for (table,) in tcp_server.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database="guarded"
    ):
        statement = sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), role)
        tcp_server.execute(statement, database="guarded")
    tcp_server.execute("ALTER SCHEMA public OWNER TO keeper", database="guarded")
    yield Login(tcp_server, "keeper", secret.password, "guarded"), secret
    tcp_server.drop_database("guarded")
    tcp_server.execute("DROP ROLE keeper")


@pytest.fixture
def stage(secured_clinic: tuple[Login, Secret], tmp_path: Path) -> Iterator[Stage]:
    """Whatever a test does on it, afterwards everything is searched."""
    login, right = secured_clinic
    searched = tmp_path / "searched"
    for name in ("home", "tmp", "work"):
        (searched / name).mkdir(parents=True)
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(LOGGED)
    stage = Stage(login, tmp_path, right, new_secret())
    surroundings = Surroundings()
    with Onlooker(stage.known) as onlooker:
        yield stage
    left = files_below(searched)
    assert places(left, stage.known) == []
    assert places(surroundings.new_files(), stage.known) == []
    for secret in stage.known:
        assert not secret.found_in(login.server.log().encode())
        assert not secret.found_in(database_text(login.server, login.database))
    assert onlooker.found == set()
    # The search was one: what is to be searched was there, and somebody looked at it.
    assert stage.outputs
    assert b"ansible-playbook" in onlooker.programs
    assert onlooker.rounds > 10
    names = {file.name for file in left}
    assert {"ansible.log", "syslog"} <= names
    assert not [name for name in names if name.startswith("AnsiballZ_")]
    assert "database_url=" in (searched / "syslog").read_text()
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in (searched / "ansible.log").read_text()


def _artifacts(stage: Stage) -> dict[str, str]:
    """result.json of the newest run, and which files stand beside it."""
    (latest,) = (stage.folder / "searched" / "work" / "artifacts").glob("*/latest")
    assert {path.name for path in latest.iterdir()} == ARTIFACTS
    return json.loads((latest / "result.json").read_text())


def test_the_search_finds_what_there_is(tmp_path: Path) -> None:
    """In a text, percent-encoded, in JSON, in base64 wherever it begins, and in a command line."""
    secret = new_secret()
    url = f"postgresql://keeper:{quote(secret.password, safe='')}@127.0.0.1/x"
    for text in (secret.password, url, json.dumps(secret.password), repr(secret.password)):
        assert secret.found_in(text.encode())
        for before in range(4):
            for after in range(4):
                data = b"#" * before + text.encode() + b"#" * after
                assert secret.found_in(base64.b64encode(data))
                assert secret.found_in(base64.urlsafe_b64encode(data))
    assert not secret.found_in(new_secret().password.encode())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".hidden").write_text(url)
    assert places(files_below(tmp_path), [secret]) == [str(tmp_path / "folder" / ".hidden")]
    with Onlooker([secret]) as onlooker:
        subprocess.run(["sleep", "0.5", "0", "0"], env={**os.environ}, check=True)
        subprocess.run(["sh", "-c", "sleep 0.5", url], check=True)
    assert onlooker.found


def test_the_whole_way_with_the_environment(stage: Stage) -> None:
    """A check, a deployment, one that fails, and the rollback, with DATABASE_URL and the demo's own inventory."""
    url = stage.url()
    assert stage.play("deploy", "--check", url=url) == 0
    assert stage.play("deploy", url=url) == 0
    assert _artifacts(stage)["status"] == "succeeded"
    wrong = json.dumps({"steady_migration": WRONG_TABLE})
    assert stage.play("deploy", "-e", wrong, url=url) != 0
    assert "Apointment" in stage.outputs[-1][2]
    assert stage.play("rollback", url=url) == 0
    assert _artifacts(stage)["status"] == "rolled_back"


@pytest.mark.parametrize("form", ["URL", "key/value"])
def test_the_whole_way_with_the_inventory(stage: Stage, form: str) -> None:
    """The address stands in the inventory only, and modules are written to files, as where pipelining is forbidden."""
    inventory = stage.inventory(stage.url() if form == "URL" else stage.dsn())
    assert stage.play("deploy", inventory=inventory, pipelining=False) == 0
    assert stage.play("rollback", inventory=inventory, pipelining=False) == 0
    assert _artifacts(stage)["status"] == "rolled_back"


def _slash(stage: Stage) -> str:
    """A password with a slash that nobody escaped."""
    return f"postgresql://keeper:{stage.wrong.password.partition('-é')[0]}/x@127.0.0.1/guarded"


FAILING: dict[str, tuple[Callable[[Stage], str], str, str]] = {
    "wrong port": (lambda stage: stage.url(port=1), "environment", "Connection refused"),
    "wrong password": (lambda stage: stage.url(stage.wrong), "environment", "password authentication failed"),
    "wrong port, key/value": (lambda stage: f"{stage.dsn()} port=1", "inventory", "Connection refused"),
    "slash not escaped": (_slash, "inventory", "percent-encoded"),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_connection_that_fails(stage: Stage, case: str) -> None:
    """Then, too; and the operator sees the sentence."""
    make, place, said = FAILING[case]
    url = make(stage)
    if place == "environment":
        assert stage.play("deploy", url=url) != 0
    else:
        assert stage.play("deploy", inventory=stage.inventory(url)) != 0
    output = stage.outputs[-1][2]
    assert said in output
    assert "Traceback" not in output
