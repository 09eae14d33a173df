# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Every form of address that libpq takes leads to the database, and what Prisma and Vercel add does not hinder it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import read_address
from integration.connection.logins import Login, drop_login, has_ipv6, make_login
from integration.connection.modules import call
from integration.connection.sentences import check_result, open_session, pieces, refusal
from lab.server import Server

pytestmark = pytest.mark.postgres

SOCKET = ""


def arrival(url: str) -> tuple[Any, ...]:
    """Where one arrives with an address: role, database and the server's own address, empty for the socket."""
    session = open_session(url)
    try:
        question = "SELECT session_user::text AS role, current_database()::text AS name, host(inet_server_addr()) AS ip"
        row = session.one(question)
        return row["role"], row["name"], row["ip"] or SOCKET
    finally:
        session.close()


def _percent_encoded_socket(login: Login) -> str:
    user, password, database = (quote(text, safe="") for text in (login.user, login.password, login.database))
    folder = quote(str(login.server.socket_dir), safe="")
    return f"postgresql://{user}:{password}@{folder}:{login.server.port}/{database}"


def _password_as_parameter(login: Login) -> str:
    return f"{login.bare_url('127.0.0.1')}?password={quote(login.password, safe='')}"


def _all_as_parameters(login: Login) -> str:
    values = {"host": "127.0.0.1", "port": str(login.server.port), "user": login.user, "password": login.password}
    pairs = {**values, "dbname": login.database}.items()
    return "postgresql://?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs)


def _dead_host_first(login: Login) -> str:
    url = login.url("127.0.0.1")
    return url.replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:")


ADDRESSES: dict[str, tuple[Callable[[Login], str], str]] = {
    "URL over IPv4": (lambda login: login.url("127.0.0.1"), "127.0.0.1"),
    "URL over IPv6": (lambda login: login.url("::1"), "::1"),
    "URL with the scheme postgres": (
        lambda login: login.url("127.0.0.1").replace("postgresql:", "postgres:"),
        "127.0.0.1",
    ),
    "URL with spaces and a line end around it": (lambda login: f"  {login.url('127.0.0.1')}\n", "127.0.0.1"),
    "URL with the socket in host=": (lambda login: login.url(), SOCKET),
    "URL with the socket percent-encoded": (_percent_encoded_socket, SOCKET),
    "URL with the password as a parameter": (_password_as_parameter, "127.0.0.1"),
    "URL with everything as a parameter": (_all_as_parameters, "127.0.0.1"),
    "URL with hostaddr": (lambda login: login.url("db.clinic.example", hostaddr="127.0.0.1"), "127.0.0.1"),
    "URL with sslmode": (lambda login: login.url("127.0.0.1", sslmode="prefer"), "127.0.0.1"),
    "URL with two hosts, the first of them dead": (_dead_host_first, "127.0.0.1"),
    "URL with two hosts and the kind that is wanted": (
        lambda login: _dead_host_first(login) + "?target_session_attrs=read-write",
        "127.0.0.1",
    ),
    "key/value over IPv4": (lambda login: login.dsn("127.0.0.1"), "127.0.0.1"),
    "key/value over IPv6": (lambda login: login.dsn("::1"), "::1"),
    "key/value through the socket": (lambda login: login.dsn(), SOCKET),
}


@pytest.mark.parametrize("form", ADDRESSES)
def test_a_form_of_address(awkward: Login, form: str) -> None:
    """With @ : / ? # % & = + quotes, backslashes, spaces and letters outside ASCII in user, password and database."""
    make, place = ADDRESSES[form]
    if place == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    assert arrival(make(awkward)) == (awkward.user, awkward.database, place)


def test_what_libpq_takes_as_it_is(tcp_server: Server) -> None:
    """? and # in front of the @ end nothing there: such an address works with psql, and so it does here."""
    login = make_login(tcp_server, "app", "Pa55?half=1&other#rest", "clinic")
    try:
        url = f"postgresql://app:{login.password}@127.0.0.1:{login.server.port}/clinic"
        assert arrival(url) == ("app", "clinic", "127.0.0.1")
        assert read_address(url).removed == ()
    finally:
        drop_login(login)


def test_the_password_stands_in_no_part_of_the_address_that_is_shown(awkward: Login) -> None:
    """Neither in what messages say of the place, nor where somebody prints the object."""
    address = read_address(awkward.url("127.0.0.1"))
    for piece in pieces(awkward.password):
        assert piece not in address.place
        assert piece not in repr(address)


# -- passwords and places that stand elsewhere -------------------------------------------------------------------------


def _pgpass_line(login: Login) -> str:
    escaped = [text.replace("\\", "\\\\").replace(":", "\\:") for text in (login.database, login.user, login.password)]
    return ":".join(["127.0.0.1", str(login.server.port), *escaped]) + "\n"


@pytest.mark.parametrize("variable", ["HOME", "PGPASSFILE"])
def test_a_password_file(
    awkward: Login, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """~/.pgpass, or the file that PGPASSFILE names."""
    file = home / ".pgpass" if variable == "HOME" else tmp_path / "passwords"
    file.touch(mode=0o600)
    file.write_text(_pgpass_line(awkward))
    if variable == "PGPASSFILE":
        monkeypatch.setenv(variable, str(file))
    assert arrival(awkward.bare_url("127.0.0.1")) == (awkward.user, awkward.database, "127.0.0.1")


def test_a_password_file_that_others_may_read(awkward: Login, home: Path) -> None:
    """libpq does not take it; the sentence says which mode it wants."""
    (home / ".pgpass").write_text(_pgpass_line(awkward))
    (home / ".pgpass").chmod(0o644)
    error = refusal(awkward.bare_url("127.0.0.1"), awkward.password)
    assert "no password supplied" in error.why
    assert "0600" in error.todo


def test_a_password_file_as_a_module_sees_it(awkward: Login, home: Path) -> None:
    """The file of the user whom the module runs as."""
    (home / ".pgpass").touch(mode=0o600)
    (home / ".pgpass").write_text(_pgpass_line(awkward))
    result = call("journal_info", awkward.bare_url("127.0.0.1"))
    assert (result["failed"], result["database_role"]) == (False, awkward.user)


def _service(login: Login, name: str = "clinic") -> str:
    values = {"host": "127.0.0.1", "port": login.server.port, "user": login.user, "dbname": login.database}
    lines = [f"{key}={value}" for key, value in {**values, "password": login.password}.items()]
    return "\n".join([f"[{name}]", *lines, ""])


@pytest.mark.parametrize("address", ["service=clinic", "postgresql://?service=clinic"])
@pytest.mark.parametrize("variable", ["HOME", "PGSERVICEFILE"])
def test_a_service_file(
    login: Login, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    """~/.pg_service.conf, or the file that PGSERVICEFILE names."""
    file = home / ".pg_service.conf" if variable == "HOME" else tmp_path / "services"
    file.write_text(_service(login))
    if variable == "PGSERVICEFILE":
        monkeypatch.setenv(variable, str(file))
    assert arrival(address) == ("app", "clinic", "127.0.0.1")


def test_a_service_that_is_not_there(login: Login, home: Path) -> None:
    """The sentence names the service."""
    (home / ".pg_service.conf").write_text(_service(login))
    error = refusal("service=clinik", login.password)
    assert "clinik" in error.what + error.why
    assert "service" in error.todo


def test_the_environment_of_libpq(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the address leaves open comes from PG… variables, as everywhere with libpq."""
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(login.server.port))
    monkeypatch.setenv("PGPASSWORD", login.password)
    assert arrival("postgresql://app@/clinic") == ("app", "clinic", "127.0.0.1")


@pytest.mark.parametrize("given", ["DATABASE_URL", "database_url", "both"])
def test_where_a_module_has_the_address_from(login: Login, given: str) -> None:
    """From its option, else from the environment."""
    wrong = "postgresql://nobody@127.0.0.1:1/nowhere"
    env = {} if given == "database_url" else {"DATABASE_URL": wrong if given == "both" else login.url()}
    result = call("journal_info", None if given == "DATABASE_URL" else login.url(), env)
    assert (result["failed"], result["database"], result["database_role"]) == (False, "clinic", "app")


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["URL", "key/value"])
def test_options_of_the_address_are_kept(login: Login, form: str) -> None:
    """Where they are no settings of ours."""
    options = r"-c work_mem=7MB -c steady.note=two\ words"
    address = login.url("127.0.0.1", options=options) if form == "URL" else login.dsn(options=options)
    session = open_session(address)
    found = session.one("SELECT current_setting('work_mem') AS memory, current_setting('steady.note') AS note")
    session.close()
    assert found == {"memory": "7MB", "note": "two words"}


def test_connect_timeout_of_the_address_is_kept(login: Login) -> None:
    """An address that nobody answers at: libpq gives up when the address says, not when we would."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"postgresql://app:{login.password}@127.0.0.1:{deaf.getsockname()[1]}/clinic?connect_timeout=2"
        error = refusal(url, login.password)
    assert "timeout" in error.why
    assert "host and port" in error.todo


# -- what Prisma and Vercel add ----------------------------------------------------------------------------------------

FOREIGN_PARAMETERS = {
    "connection_limit": "5",
    "pool_timeout": "10",
    "pgbouncer": "true",
    "socket_timeout": "3",
    "statement_cache_size": "0",
    "sslaccept": "strict",
    "supa": "base-pooler.x",
    "workaround": "supabase-pooler.vercel",
}


def test_parameters_that_libpq_does_not_know_are_named(login: Login) -> None:
    """All of them, in their order; their values are not."""
    url = login.url("127.0.0.1", **FOREIGN_PARAMETERS, schema="public", sslmode="prefer", connect_timeout="5")
    result = call("journal_info", url)
    assert (result["failed"], result["database"]) == (False, "clinic")
    assert result["removed_parameters"] == list(FOREIGN_PARAMETERS)


def test_a_parameter_without_a_value_is_no_hindrance(login: Login) -> None:
    """And neither is a stray &."""
    assert arrival(login.url("127.0.0.1") + "?&pgbouncer&&sslmode=prefer&") == ("app", "clinic", "127.0.0.1")


def _second_schema(login: Login) -> None:
    login.set(
        'CREATE SCHEMA "Clinic Nord" AUTHORIZATION {user}; SET ROLE {user};'
        'CREATE TABLE "Clinic Nord"."Pet" (LIKE public."Pet" INCLUDING ALL)'
    )


def _index_schemas(login: Login) -> list[str]:
    question = "SELECT schemaname::text FROM pg_indexes WHERE indexname = 'Pet_name_idx'"
    return [name for (name,) in login.server.execute(question, database=login.database)]


@pytest.mark.parametrize("module", ["index", "apply"])
def test_the_schema_of_the_address_is_honoured(login: Login, module: str) -> None:
    """Literally, case and space kept."""
    _second_schema(login)
    url = login.url("127.0.0.1", schema="Clinic Nord")
    result = call(module, url)
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["removed_parameters"] == []
    assert _index_schemas(login) == ["Clinic Nord"]
    assert call(module, url)["changed"] is False
    verified = call("verify", url)
    assert [(check["kind"], check["status"]) for check in verified["verification"]] == [
        ("structure", "ok"),
        ("drift", "ok"),
    ]


def test_schema_that_address_and_migration_agree_on(login: Login) -> None:
    """Said twice is no conflict."""
    _second_schema(login)
    result = call("index", login.url(schema="Clinic Nord"), schema="Clinic Nord")
    assert (result["failed"], _index_schemas(login)) == (False, ["Clinic Nord"])


@pytest.mark.parametrize("module", ["index", "apply", "verify"])
def test_a_schema_other_than_the_migration_is_refused(login: Login, module: str) -> None:
    """Before anything is contacted: the port is one at which nobody answers."""
    url = login.url("127.0.0.1", schema="other").replace(f":{login.server.port}/", ":1/")
    if module == "index":
        result = call("index", url, schema="public")
    else:
        result = call(module, url, migration={"id": "test", "schema": "public", "indexes": []})
    check_result(result, login.password)
    assert "public" in result["what"]
    assert "other" in result["what"]
    assert result["left"] == "the database was not contacted"


# -- search paths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {"search_path": "clinic_nord"},
        {"currentSchema": "clinic_nord"},
        {"options": "-csearch_path=clinic_nord"},
        {"options": "--search_path=clinic_nord"},
    ],
)
def test_a_search_path_of_the_address_is_the_schema(login: Login, parameters: dict[str, str]) -> None:
    """A13: public has tables of the same names, and is left as it is."""
    _second_schema(login)
    login.set('ALTER SCHEMA "Clinic Nord" RENAME TO clinic_nord')
    result = call("apply", login.url("127.0.0.1", **parameters))
    assert (result["failed"], result["removed_parameters"]) == (False, [])
    assert _index_schemas(login) == ["clinic_nord"]


@pytest.mark.parametrize("who", ["ROLE {user}", "DATABASE {database}", "PGOPTIONS", "the own schema"])
def test_a_search_path_of_others_is_asked_about(login: Login, who: str) -> None:
    """A13: public is not taken where an application of this role would not; neither to check nor to change."""
    _second_schema(login)
    env = {}
    if who == "PGOPTIONS":
        env = {"PGOPTIONS": r'-c search_path="Clinic\ Nord",public'}
    elif who == "the own schema":
        login.set('ALTER SCHEMA "Clinic Nord" RENAME TO {user}')
    else:
        login.set(f'ALTER {who} SET search_path = "Clinic Nord", public')
    for module in ("apply", "verify", "evidence"):
        result = call(module, login.url(), env)
        check_result(result, login.password)
        assert ("app" if who == "the own schema" else "Clinic Nord") in result["what"]
        assert "schema: " in result["todo"]
    assert _index_schemas(login) == []
    assert call("apply", login.url("127.0.0.1", schema="public"), env)["failed"] is False
    assert _index_schemas(login) == ["public"]


def test_a_search_path_that_begins_with_public_is_no_question(login: Login) -> None:
    """Nor is one that names nothing else that is there."""
    for path in ("public, extensions", '"$user", public', "''", "pg_catalog, public"):
        login.set(f"ALTER ROLE {{user}} SET search_path = {path}")
        assert call("verify", login.url())["failed"] is False
