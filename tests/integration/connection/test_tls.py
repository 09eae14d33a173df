# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""TLS as a managed database has it: an authority of its own, host names that are checked, client certificates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._backup.restoring.restore import restore
from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking.backup import backup
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from integration.connection.certificates import Authority
from integration.connection.logins import Login, make_login
from integration.connection.modules import call
from integration.connection.sentences import check_result, open_session, refusal
from integration.connection.traces import Onlooker, Secret, files_below, places
from lab.server import Server, installations

pytestmark = pytest.mark.postgres

HOST = "db.clinic.example"  # not looked up: hostaddr says where it is
KEY_PASSWORD = "K3y-pass@word"


@dataclass(frozen=True)
class Secured:
    """A server that takes TLS only, and the files of its users."""

    app: Login
    holder: Login
    files: Path

    def parameters(self, **more: str) -> dict[str, str]:
        """What an address says to be sure of the server; None takes a parameter out."""
        own = {"hostaddr": "127.0.0.1", "sslmode": "verify-full", "sslrootcert": self.path("authority.crt")}
        return {**own, **more}

    def path(self, name: str) -> str:
        """The path of one of the files."""
        return str(self.files / name)

    def certificate(self, name: str = "holder") -> dict[str, str]:
        """The parameters of a client certificate."""
        return {"sslcert": self.path(f"{name}.crt"), "sslkey": self.path(f"{name}.key")}


@pytest.fixture(scope="module")
def secured(postgres_major: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server of this version if it can speak TLS, else of the newest that can."""
    able = [one.major for one in installations().values() if one.has_tls]
    if not able:
        pytest.skip("no PostgreSQL here can speak TLS: Debian's package postgresql-15 can")
    authority, other = Authority("Clinic CA"), Authority("Somebody else's CA")
    pair = authority.sign(HOST, HOST)
    files = tmp_path_factory.mktemp("certificates")
    (files / "authority.crt").write_bytes(authority.certificate)
    (files / "other.crt").write_bytes(other.certificate)
    authority.sign("holder").write(files, "holder")
    authority.sign("holder").write(files, "locked", KEY_PASSWORD)
    other.sign("holder").write(files, "stranger")
    settings = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.crt"}
    server_files = {"server.crt": pair.certificate, "server.key": pair.key_pem(), "ca.crt": authority.certificate}
    hba = ["hostssl all app all scram-sha-256", "hostssl all holder all cert", "hostssl all both all scram-sha-256"]
    hba[2] += " clientcert=verify-ca"
    major = postgres_major if postgres_major in able else able[0]
    with Server.start(major, settings=settings, hba=hba, files=server_files, listen_tcp=True) as server:
        app = make_login(server, "app", "Pa55-of-app", "clinic")
        yield Secured(app, make_login(server, "holder", "not-asked-for", "held"), files)


def encryption(url: str) -> tuple[Any, ...]:
    """What the server says of the session: its role, whether it is encrypted, whose certificate it showed."""
    with closing(open_session(url)) as session:
        row = session.one(
            "SELECT session_user::text AS role, ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
    return row["role"], row["ssl"], row["client_dn"]


@pytest.mark.parametrize("form", ["URL", "key/value"])
def test_server_and_password(secured: Secured, form: str) -> None:
    """The server is checked against its authority and its name, the role by its password."""
    parameters = secured.parameters()
    url = secured.app.url(HOST, **parameters) if form == "URL" else secured.app.dsn(HOST, **parameters)
    assert encryption(url) == ("app", True, None)


@pytest.mark.parametrize("form", ["URL", "key/value"])
def test_server_and_client_certificate(secured: Secured, form: str) -> None:
    """The role by its certificate: no password anywhere."""
    parameters = secured.parameters(**secured.certificate())
    url = secured.holder.bare_url(HOST, **parameters) if form == "URL" else secured.holder.dsn(HOST, **parameters)
    assert encryption(url) == ("holder", True, "/CN=holder")


def test_a_client_key_with_a_password(secured: Secured) -> None:
    """sslpassword opens it."""
    parameters = secured.parameters(**secured.certificate("locked"), sslpassword=KEY_PASSWORD)
    assert encryption(secured.holder.bare_url(HOST, **parameters)) == ("holder", True, "/CN=holder")


def test_a_deployment_through_tls(secured: Secured) -> None:
    """Further sessions get the certificates, too."""
    url = secured.holder.bare_url(HOST, **secured.parameters(**secured.certificate()))
    result = call("index", url)
    assert (result["failed"], result["changed"]) == (False, True)
    undone = call("rollback", url)
    assert (undone["failed"], undone.get("status")) == (False, "rolled_back"), undone["msg"]


@pytest.mark.parametrize("way", ["password", "client key with a password"])
def test_a_backup_and_a_restore_through_tls(secured: Secured, tmp_path: Path, way: str) -> None:
    """pg_dump, pg_dumpall and pg_restore get all of it, and nothing secret is on a command line or in a file."""
    if way == "password":
        login, url = secured.app, secured.app.url(HOST, **secured.parameters())
        secret = Secret(login.password, "Pa55-of-app")
    else:
        login = secured.holder
        parameters = secured.parameters(**secured.certificate("locked"), sslpassword=KEY_PASSWORD)
        url, secret = login.bare_url(HOST, **parameters), Secret(KEY_PASSWORD, "K3y-pass")
    login.server.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(login.user)))
    for statement in ("CREATE TABLE IF NOT EXISTS big AS SELECT 1 AS a", "ALTER TABLE big OWNER TO {}"):
        login.server.execute(sql.SQL(statement).format(sql.Identifier(login.user)), database=login.database)
    options = Options(url)
    # The folder is asked for: the programs of the embedded PostgreSQL cannot speak TLS.
    arguments = {"directory": str(tmp_path), "programs_dir": str(login.server.installation.bin_dir)}
    with Onlooker([secret]) as onlooker:
        made = backup({**arguments, "proof": "restore"}, options)
        copy = restore({**arguments, "backup": str(tmp_path), "swap": False}, options)
    assert made["backup"]["status"] == "proven"
    login.server.drop_database(copy["restore"]["new_database"])
    assert onlooker.found == set()
    assert {b"pg_dump", b"pg_restore"} & onlooker.programs
    assert places(files_below(tmp_path), [secret]) == []
    assert not secret.found_in(json.dumps([made, copy]).encode())


def test_the_files_of_the_home(secured: Secured, home: Path) -> None:
    """~/.postgresql, where libpq looks by itself."""
    folder = home / ".postgresql"
    folder.mkdir()
    for name, source in (("root.crt", "authority.crt"), ("postgresql.crt", "holder.crt")):
        (folder / name).write_bytes((secured.files / source).read_bytes())
    (folder / "postgresql.key").touch(mode=0o600)
    (folder / "postgresql.key").write_bytes((secured.files / "holder.key").read_bytes())
    url = secured.holder.bare_url(HOST, hostaddr="127.0.0.1", sslmode="verify-full")
    assert encryption(url) == ("holder", True, "/CN=holder")


# -- what goes wrong ---------------------------------------------------------------------------------------------------

# Host, parameters of the address, what libpq says, what the advice names.
FAILURES: dict[str, tuple[str, dict[str, str], str, str]] = {
    "wrong authority": (HOST, {"sslrootcert": "other.crt"}, "certificate verify failed", "sslrootcert"),
    "wrong host name": ("other.example", {}, "does not match host name", "sslmode"),
    "no file of the authority": (HOST, {"sslrootcert": "database.crt"}, "does not exist", "sslrootcert"),
    "no encryption": (HOST, {"sslmode": "disable"}, "no encryption", "sslmode"),
}
CLIENT_FAILURES: dict[str, tuple[dict[str, str], str, str]] = {
    "no client certificate": ({}, "client certificate", "sslcert"),
    "certificate of a stranger": ({"sslcert": "stranger.crt", "sslkey": "stranger.key"}, "unknown ca", "sslcert"),
    "no file of the certificate": ({"sslcert": "none.crt", "sslkey": "holder.key"}, "client certificate", "sslcert"),
    "no file of the key": ({"sslcert": "holder.crt", "sslkey": "none.key"}, "private key file", "sslkey"),
    "key that others may read": ({"sslcert": "holder.crt", "sslkey": "open.key"}, "private key file", "sslkey"),
    "key of another": ({"sslcert": "holder.crt", "sslkey": "stranger.key"}, "mismatch", "sslkey"),
    "key's password wrong": (
        {"sslcert": "locked.crt", "sslkey": "locked.key", "sslpassword": "Wr0ng-word"},
        "private key file",
        "sslkey",
    ),
}


def _with_paths(secured: Secured, parameters: dict[str, str]) -> dict[str, str]:
    files = ("sslrootcert", "sslcert", "sslkey")
    return {key: secured.path(value) if key in files else value for key, value in parameters.items()}


@pytest.mark.parametrize("case", FAILURES)
def test_a_server_that_is_not_to_be_trusted(secured: Secured, case: str) -> None:
    """The sentence says what libpq found, and which parameters to look at."""
    host, parameters, said, advice = FAILURES[case]
    url = secured.app.url(host, **secured.parameters(**_with_paths(secured, parameters)))
    error = refusal(url, secured.app.password)
    assert said in error.why
    assert advice in error.todo


@pytest.mark.parametrize("case", CLIENT_FAILURES)
def test_a_client_certificate_that_does_not_do(secured: Secured, case: str) -> None:
    """The same for what is on our side; the key's password is as secret as the role's."""
    parameters, said, advice = CLIENT_FAILURES[case]
    open_key = secured.files / "open.key"
    open_key.write_bytes((secured.files / "holder.key").read_bytes())
    open_key.chmod(0o644)
    url = secured.holder.bare_url(HOST, **secured.parameters(**_with_paths(secured, parameters)))
    error = refusal(url, parameters.get("sslpassword", KEY_PASSWORD))
    assert said in error.why
    assert advice in error.todo


def test_the_sentence_as_a_module_says_it(secured: Secured) -> None:
    """For the operator of a playbook."""
    url = secured.app.url("other.example", **secured.parameters())
    result = call("apply", url)
    check_result(result, secured.app.password)
    assert "other.example" in result["what"]
    assert "does not match host name" in result["why"]
