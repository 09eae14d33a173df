# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Addresses that lead nowhere or to the wrong place: one message each, nothing done, nothing of the password in it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Expectation
from integration.ansible_command import BIN, ROOT, environment
from integration.cluster import Database
from integration.connection.logins import Login, make_login
from integration.connection.modules import ARGUMENTS, MODULES, call, finish, python_without, start
from integration.connection.sentences import check_result, refusal
from integration.sessions import OLD_SNAPSHOT, builders, held, wait_until
from lab.server import Server

pytestmark = pytest.mark.postgres

NOT_CONTACTED = "the database was not contacted"
NOTHING_CHANGED = "nothing was changed"


@pytest.fixture(scope="module")
def there(tcp_server: Server) -> Login:
    """A login that stays for all tests of the module; none of them may get as far as changing anything."""
    return make_login(tcp_server, "visitor", "Pa55-guarded", "visited")


# -- addresses that cannot be read -------------------------------------------------------------------------------------

# The address, the parts of the password in it, and words of what, why or advice.
UNREADABLE: dict[str, tuple[str, list[str], list[str]]] = {
    "empty": ("", [], ["DATABASE_URL", "steady_database_url"]),
    "only spaces": ("  \n", [], ["DATABASE_URL", "steady_database_url"]),
    "mysql": ("mysql://app:Pa55word-x@127.0.0.1:3306/clinic", ["Pa55word-x"], ["mysql://", "postgresql://"]),
    "mongodb": ("mongodb+srv://app:Pa55word-x@cluster.example/clinic", ["Pa55word-x"], ["mongodb+srv://"]),
    "jdbc": ("jdbc:postgresql://127.0.0.1/clinic?user=app&password=Pa55word-x", ["Pa55word-x"], ["jdbc:postgresql://"]),
    "SQLAlchemy": ("postgresql+psycopg2://app:Pa55word-x@127.0.0.1/clinic", ["Pa55word-x"], ["postgresql+psycopg"]),
    "Prisma Accelerate": ("prisma://accelerate.prisma-data.net/?api_key=Pa55word-x", ["Pa55word-x"], ["Accelerate"]),
    "in quotation marks": ('"postgresql://app:Pa55word-x@127.0.0.1/clinic"', ["Pa55word-x"], ["postgresql://"]),
    "a file's name": ("clinic.env", [], ["postgresql://"]),
    "one word": ("Pa55word-x", ["Pa55word-x"], ["postgresql://"]),
    "one slash": ("postgresql:/app:Pa55word-x@127.0.0.1/clinic", ["Pa55word-x"], ["postgresql://"]),
    "no value": ("host=127.0.0.1 password=Pa55word-x dbname", ["Pa55word-x"], ["postgresql://"]),
    "open quotation mark": ("host=127.0.0.1 password='Pa55word-x dbname=clinic", ["Pa55word-x"], ["key=value"]),
    "unknown key": ("host=127.0.0.1 passwort=Pa55word-x", ["Pa55word-x"], ["key=value"]),
    "space in a password": ("host=127.0.0.1 password=Pa55word secondhalf dbname=x", ["Pa55word", "secondhalf"], []),
    "space and = in a password": (
        "host=127.0.0.1 password=Pa55word secondhalf=third dbname=x",
        ["Pa55word", "secondhalf", "third"],
        [],
    ),
    "bad percent sign": ("postgresql://app:Pa55%zzword@127.0.0.1/clinic", ["Pa55", "zzword"], ["percent-encoded"]),
    "percent sign at the end": ("postgresql://app:Pa55word%@127.0.0.1/clinic", ["Pa55word"], ["percent-encoded"]),
    "bracket that stays open": ("postgresql://app:Pa55word-x@[::1/clinic", ["Pa55word-x"], ["postgresql://"]),
    "unescaped @": ("postgresql://app:Pa55@wordy@127.0.0.1:1/clinic", ["Pa55", "wordy"], ["%40"]),
    "two unescaped @": ("postgresql://app:P4ss@w0rd@th1rd@127.0.0.1:1/clinic", ["P4ss", "w0rd", "th1rd"], ["%40"]),
    "unescaped /": ("postgresql://app:Pa55/wordy@127.0.0.1:1/clinic", ["Pa55", "wordy"], ["percent-encoded"]),
    "unescaped / and @": (
        "postgresql://app:Pa55/halfA@halfB@127.0.0.1:1/clinic",
        ["Pa55", "halfA", "halfB"],
        ["percent-encoded"],
    ),
    "unescaped [": ("postgresql://app:[Pa55/wordy@127.0.0.1:1/clinic", ["Pa55", "wordy"], []),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_address_that_cannot_be_read(case: str) -> None:
    """The sentence says how one is written; the database was not contacted."""
    url, secrets, words = UNREADABLE[case]
    error = refusal(url, *secrets)
    assert error.left == NOT_CONTACTED
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize("module", MODULES)
def test_no_address_at_all(module: str) -> None:
    """From every module."""
    result = call(module)
    check_result(result)
    assert "DATABASE_URL" in result["why"]
    assert result["left"] == NOT_CONTACTED


@pytest.mark.parametrize(
    "case", ["unescaped @", "unescaped /", "unescaped / and @", "space and = in a password", "mysql"]
)
def test_a_module_shows_nothing_of_an_address_that_it_cannot_read(case: str) -> None:
    """Not by its arguments, either, which it returns as `invocation`."""
    url, secrets, _words = UNREADABLE[case]
    check_result(call("journal_info", url), *secrets)


def test_a_letter_wrong_in_a_parameter_of_a_url(there: Login) -> None:
    """It is taken out like those of Prisma, and so it is named: one who wrote sslmod= must see that."""
    result = call("journal_info", there.url("127.0.0.1", sslmod="require"))
    assert result["removed_parameters"] == ["sslmod"]


# -- no connection -----------------------------------------------------------------------------------------------------


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _other_port(login: Login) -> str:
    return login.url("127.0.0.1").replace(f":{login.server.port}/", f":{_unused_port()}/")


# The address, what libpq says, what the advice names.
NO_CONNECTION: dict[str, tuple[Callable[[Login], str], str, str]] = {
    "wrong host": (lambda login: login.url("no-such-host.invalid"), "no-such-host.invalid", "host and port"),
    "wrong port": (_other_port, "refused", "host and port"),
    "no socket": (lambda login: f"postgresql://visitor@/visited?host={quote('/nowhere', safe='')}", "/nowhere", "host"),
    "wrong password": (
        lambda login: login.url("127.0.0.1", "Wr0ng-w0rd"),
        "password authentication failed",
        "password",
    ),
    "wrong password, key/value": (
        lambda login: login.dsn("127.0.0.1").replace(login.password, "Wr0ng-w0rd"),
        "password authentication failed",
        "password",
    ),
    "no password": (lambda login: login.bare_url("127.0.0.1"), "no password supplied", ".pgpass"),
    "no such role": (lambda login: login.url("127.0.0.1").replace("//visitor:", "//vistor:"), "vistor", "user"),
    "no such role, no password asked": (lambda login: login.server.url("visited", "guest"), '"guest"', "user"),
    "no such database": (lambda login: login.url("127.0.0.1").replace("/visited", "/vistied"), "vistied", "database's"),
    "no entry in pg_hba.conf": (
        lambda login: login.url("127.0.0.1", replication="true", dbname="replication"),
        "pg_hba.conf",
        "pg_hba.conf",
    ),
    "port that is none": (lambda login: login.dsn("127.0.0.1", port="many"), "many", "port"),
    "port too high": (lambda login: login.dsn("127.0.0.1", port="70000"), "70000", "port"),
    "sslmode that is none": (lambda login: login.dsn("127.0.0.1", sslmode="on"), "sslmode", "sslmode"),
    "hosts and ports in unequal numbers": (
        lambda login: login.dsn("127.0.0.1,::1,localhost", port=f"{login.server.port},1"),
        "port",
        "port",
    ),
}


@pytest.mark.parametrize("case", NO_CONNECTION)
def test_no_connection(there: Login, case: str) -> None:
    """The sentence has libpq's reason and advice that fits it."""
    make, said, advice = NO_CONNECTION[case]
    error = refusal(make(there), there.password, "Wr0ng-w0rd")
    assert error.left in (NOTHING_CHANGED, NOT_CONTACTED)
    assert said in error.why
    assert advice in error.todo


@pytest.mark.parametrize("case", ["wrong host", "wrong port", "wrong password", "no such database", "no such role"])
@pytest.mark.parametrize("module", ["apply", "rollback"])
def test_no_connection_as_a_module_says_it(there: Login, module: str, case: str) -> None:
    """One message, no traceback."""
    make, said, _advice = NO_CONNECTION[case]
    result = call(module, make(there))
    check_result(result, there.password, "Wr0ng-w0rd")
    assert said in result["why"]


def test_a_right_that_is_missing(tcp_server: Server, there: Login) -> None:
    """CONNECT on the database."""
    tcp_server.execute("CREATE DATABASE closed")
    try:
        tcp_server.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        error = refusal(there.url("127.0.0.1").replace("/visited", "/closed"), there.password)
    finally:
        tcp_server.execute("DROP DATABASE closed")
    assert "permission denied" in error.why
    assert "GRANT CONNECT" in error.todo


def test_no_free_connection(tcp_server: Server, there: Login) -> None:
    """A role whose connections are used up: waiting helps, another port does not."""
    tcp_server.execute("ALTER ROLE visitor CONNECTION LIMIT 0")
    try:
        error = refusal(there.url("127.0.0.1"), there.password)
    finally:
        tcp_server.execute("ALTER ROLE visitor CONNECTION LIMIT -1")
    assert "too many connections" in error.why
    assert "connections are free" in error.todo


# -- the wrong target --------------------------------------------------------------------------------------------------


def _identifier(login: Login) -> str:
    return login.value("SELECT system_identifier::text FROM pg_control_system()")


WRONG_TARGETS = [(module, "database") for module in MODULES] + [("apply", "system_identifier")]


@pytest.mark.parametrize(("module", "wrong"), WRONG_TARGETS)
def test_a_wrong_target_is_left_alone(there: Login, module: str, wrong: str) -> None:
    """Before anything is done there: the server saw no statement that could change or lock anything."""
    right = {"database": there.database, "system_identifier": _identifier(there)}
    before = len(there.server.log())
    result = call(module, there.url("127.0.0.1"), expect={**right, wrong: "7404316832764109825"})
    check_result(result, there.password)
    assert "steady_expect" in result["what"]
    assert "7404316832764109825" in result["why"]
    assert right["system_identifier" if wrong == "database" else "database"] not in result["why"]
    seen = [line for line in there.server.log()[before:].splitlines() if "statement: " in line]
    assert seen
    assert not [line for line in seen if re.search("steady[.]|CREATE |ALTER |LOCK|advisory", line)]


def test_all_that_is_wrong_is_said_at_once(there: Login) -> None:
    """And what was found there."""
    error = refusal(there.url(), there.password, expectation=Expectation("clinics", "1"))
    for part in ('"visited"', '"clinics"', _identifier(there), "expected is 1"):
        assert part in error.why


@pytest.mark.parametrize("form", [str, int])
def test_the_right_target_is_taken(login: Login, form: Callable[[str], object]) -> None:
    """The identifier as text, or as the number that YAML makes of it without quotation marks."""
    expect = {"database": "clinic", "system_identifier": form(_identifier(login))}
    result = call("apply", login.url("127.0.0.1"), expect=expect)
    assert (result["failed"], result["changed"]) == (False, True)


def test_an_identifier_that_the_role_may_not_read(login: Login) -> None:
    """Then nobody knows that it is the right one."""
    login.set("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    error = refusal(login.url(), login.password, expectation=Expectation("clinic", _identifier(login)))
    assert "not readable for this role" in error.why
    # Without the guard that is no hindrance.
    assert call("journal_info", login.url())["system_identifier"] is None


def test_a_misspelt_guard_is_an_error(there: Login) -> None:
    """And not a guard that guards nothing."""
    result = call("apply", there.url("127.0.0.1"), expect={"databse": "clinic"})
    assert result["failed"]
    assert "databse" in result["msg"]


# -- a connection that dies --------------------------------------------------------------------------------------------


@pytest.fixture
def mortal(postgres_major: int) -> Iterator[Login]:
    """A server of the test's own, that may die."""
    hba = ["local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"]
    with Server.start(postgres_major, hba=hba, listen_tcp=True, settings={"autovacuum": "off"}) as server:
        yield make_login(server, "app", "Pa55-of-app", "clinic")


@pytest.mark.parametrize("way", ["crash", "shutdown", "terminated"])
def test_a_server_that_goes_in_the_middle(mortal: Login, way: str) -> None:
    """While an index is being built: a sentence that says what is done and that the same command goes on."""
    database = Database(mortal.server, "clinic")
    with held(database, *OLD_SNAPSHOT) as holder:
        process = start("apply", {**ARGUMENTS["apply"], "database_url": mortal.url("127.0.0.1")})
        # Not the rehearsal before it, which is done in an instant.
        wait_until(lambda: [phase for _pid, _table, phase in builders(database) if phase.startswith("waiting")])
        if way == "terminated":
            everybody = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"
            mortal.server.execute(everybody)
        else:
            mortal.server.stop("immediate" if way == "crash" else "fast")
            holder.released_at = 0.0  # its session is gone as well
        result = finish(process)
    check_result(result, mortal.password)
    assert "same command" in result["todo"]
    assert "0 of 1 steps" in result["msg"]
    # Which it does.
    if way != "terminated":
        mortal.server.restart()
    again = call("apply", mortal.url("127.0.0.1"))
    assert (again["failed"], again["changed"]) == (False, True)
    assert sorted(database.indexes("Pet")) == ["Pet_name_idx", "Pet_pkey"]
    assert not [name for name, definition in database.indexes("Pet").items() if "INVALID" in definition]
    assert database.helpers() == []


def test_a_server_that_is_starting(mortal: Login) -> None:
    """Down a moment ago: the sentence says to look whether it runs."""
    url = mortal.url("127.0.0.1")
    mortal.server.kill()
    result = call("verify", url)
    check_result(result, mortal.password)
    assert "refused" in result["why"]
    assert "server runs" in result["todo"]


# -- no psycopg2 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES)
def test_without_psycopg2(tmp_path: Path, module: str) -> None:
    """Every module names the missing library, in Ansible's own words."""
    path = python_without(tmp_path, "psycopg2")
    process = start(module, {**ARGUMENTS[module], "database_url": "postgresql://nobody@127.0.0.1:1/x"}, PYTHONPATH=path)
    stdout, stderr = process.communicate()
    result = json.loads(stdout)
    assert (result["failed"], stderr) == (True, "")
    assert "(psycopg2)" in result["msg"]
    assert sys.executable in result["msg"]
    assert "Traceback" not in result["msg"]


def test_without_psycopg2_through_ansible(tmp_path: Path) -> None:
    """The same as a user sees it."""
    command = [BIN / "ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "steady.postgresql.journal_info"]
    command += ["-e", json.dumps({"ansible_python_interpreter": sys.executable})]
    done = subprocess.run(
        [*command, "-a", "database_url=postgresql://nobody@127.0.0.1:1/x"],
        cwd=ROOT,
        env=environment(PYTHONPATH=python_without(tmp_path, "psycopg2")),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Failed to import the required Python library (psycopg2)" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
