# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A real standby, by streaming replication: refused, and passed over where the address names its primary as well."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import read_address
from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Expectation, Target
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import ConnectionProblem
from integration.connection.logins import Login, drop_login, make_login
from integration.connection.modules import call
from integration.connection.sentences import check_result, check_sentence, open_session, refusal
from integration.sessions import wait_until
from lab.accounts import private_area, server_account
from lab.server import SUPERUSER, Server

pytestmark = pytest.mark.postgres


@dataclass(frozen=True)
class Pair:
    """A primary and its standby, both on 127.0.0.1."""

    login: Login
    standby_port: int

    def url(self, *ports: int, **parameters: str) -> str:
        """The address with these ports, in this order."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return self.login.url("127.0.0.1", **parameters).replace(f"127.0.0.1:{self.login.server.port}", hosts)

    @property
    def primary_port(self) -> int:
        """The primary's."""
        return self.login.server.port


def _run(server: Server, program: str, *arguments: str | Path) -> None:
    done = server_account().run([server.installation.client(program), *arguments], cwd=Path("/"))
    assert done.returncode == 0, f"{program}: {done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def pair(tcp_server: Server) -> Iterator[Pair]:
    """A standby of the TCP server, made by pg_basebackup."""
    login = make_login(tcp_server, "app", "Pa55-of-app", "clinic")
    folder = Path(tempfile.mkdtemp(dir=private_area(), prefix="standby-"))
    server_account().own(folder, 0o700)
    data = folder / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    source = f"host={tcp_server.socket_dir} port={tcp_server.port} user={SUPERUSER}"
    _run(tcp_server, "pg_basebackup", "-d", source, "-D", data, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
    options = f"-c port={port} -c unix_socket_directories= -c listen_addresses=127.0.0.1"
    control = ["-D", data, "-w", "-l", folder / "log", "-o", options]
    _run(tcp_server, "pg_ctl", "start", *control)
    try:
        yield Pair(login, port)
    finally:
        _run(tcp_server, "pg_ctl", "stop", "-D", data, "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)
        drop_login(login)


def _arrives_at(url: str) -> int:
    with closing(open_session(url)) as session:
        return session.one("SELECT inet_server_port() AS port")["port"]


def test_it_is_a_standby(pair: Pair) -> None:
    """What the tests stand on: it streams from the primary."""
    states = "SELECT state FROM pg_stat_replication"
    wait_until(lambda: pair.login.server.execute(states) == [("streaming",)])


@pytest.mark.parametrize("writes", [True, False])
def test_a_standby_is_refused(pair: Pair, writes: bool) -> None:
    """In check mode, too: the plan belongs to its primary."""
    error = refusal(pair.url(pair.standby_port), pair.login.password, writes=writes)
    assert f"standby (127.0.0.1:{pair.standby_port})" in error.what
    assert "target_session_attrs" in error.todo
    assert "primary" in error.todo


@pytest.mark.parametrize("module", ["apply", "rollback", "verify", "journal_info"])
def test_every_module_refuses_it(pair: Pair, module: str) -> None:
    """One message, no traceback."""
    result = call(module, pair.url(pair.standby_port))
    check_result(result, pair.login.password)
    assert "standby" in result["what"]


@pytest.mark.parametrize("wanted", ["read-write", "primary"])
@pytest.mark.parametrize("standby_first", [True, False])
def test_the_primary_is_found_among_several_hosts(pair: Pair, standby_first: bool, wanted: str) -> None:
    """As the refusal's advice says, in whatever order they stand."""
    if wanted == "primary" and psycopg2.extensions.libpq_version() < 140000:
        pytest.skip("this libpq does not know target_session_attrs=primary")
    ports = (pair.primary_port, pair.standby_port)
    url = pair.url(*(reversed(ports) if standby_first else ports), target_session_attrs=wanted)
    assert _arrives_at(url) == pair.primary_port


def test_a_deployment_with_several_hosts(pair: Pair) -> None:
    """All its sessions find the primary."""
    url = pair.url(pair.standby_port, pair.primary_port, target_session_attrs="read-write")
    result = call("apply", url)
    assert (result["failed"], result["changed"]) == (False, True)
    question = "SELECT count(*) FROM pg_index WHERE indrelid = '\"Pet\"'::regclass AND indisvalid"
    assert pair.login.value(question) == 2


def test_the_first_host_is_the_standby_and_nothing_says_which_is_wanted(pair: Pair) -> None:
    """libpq takes the first that answers; it is refused, not silently exchanged."""
    error = refusal(pair.url(pair.standby_port, pair.primary_port), pair.login.password)
    assert "standby" in error.what


def test_only_a_standby_where_a_primary_is_wanted(pair: Pair) -> None:
    """libpq's own refusal, as a sentence whose advice does not lead astray."""
    error = refusal(pair.url(pair.standby_port, target_session_attrs="read-write"), pair.login.password)
    assert "read-only" in error.why or "standby" in error.why
    assert "primary" in error.todo


def test_the_journal_of_the_primary_is_not_read_on_the_standby(pair: Pair) -> None:
    """A check that looks at the standby would plan from yesterday."""
    result = call("apply", pair.url(pair.standby_port), _ansible_check_mode=True)
    check_result(result, pair.login.password)


def test_a_further_session_on_another_server_is_refused(pair: Pair, postgres_major: int) -> None:
    """Two servers behind one address: when the first is gone in the middle, nothing is done on the other."""
    login = pair.login
    with Server.start(postgres_major, listen_tcp=True) as other:
        make_login(other, login.user, login.password, login.database)
        url = pair.url(other.port, pair.primary_port)
        target = Target(read_address(url), Expectation(), "test", writes=True)
        with closing(target.first_session()[0]):
            other.stop("immediate")
            with pytest.raises(ConnectionProblem) as caught:
                target.session().close()
    check_sentence(caught.value, login.password)
