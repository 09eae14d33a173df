# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Servers: what they leave behind, how they come back, and who may reach them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from lab.accounts import private_area
from lab.errors import LabError
from lab.installations import installation, installations
from lab.processes import processes_in
from lab.server import Server, remove_directory

pytestmark = pytest.mark.postgres


@pytest.fixture
def directory() -> Iterator[Path]:
    """A folder for a server that is to be started more than once."""
    path = private_area() / f"test-{os.getpid()}"
    yield path
    remove_directory(path)


def test_it_leaves_no_process_and_no_file(postgres_major: int) -> None:
    """While it runs there are both; afterwards there is neither."""
    with Server.start(postgres_major) as server:
        socket = server.socket_dir / f".s.PGSQL.{server.port}"
        assert server.execute("SHOW server_version_num")[0][0].startswith(str(postgres_major))
        assert server.pid in processes_in(server.data_dir)
        assert socket.is_socket()
    assert processes_in(server.data_dir) == []
    assert not server.running()
    assert not socket.exists()
    assert not server.directory.exists()


def test_it_runs_as_an_ordinary_user_and_listens_nowhere(postgres_major: int) -> None:
    """Root's servers too; and no other user of the machine gets to the socket."""
    with Server.start(postgres_major) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert server.execute("SHOW listen_addresses") == [("",)]
        assert server.socket_dir.stat().st_mode & 0o077 == 0


def test_a_second_start_attaches(postgres_major: int, directory: Path) -> None:
    """It is the same process, and only who started it stops it."""
    with Server.start(postgres_major, directory) as first:
        with Server.start(directory=directory) as second:
            assert first.pid is not None
            assert second.pid == first.pid
        assert first.running()
        found = Server.find(directory)
        assert found is not None
        assert found.url() == first.url()
    assert Server.find(directory) is None


def test_it_comes_back_after_a_crash(postgres_major: int, directory: Path) -> None:
    """With its data, although the dead server's pid file names a process that lives."""
    server = Server.start(postgres_major, directory)
    server.create_database("kept")
    server.execute("CHECKPOINT")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    pid_file = server.data_dir / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    with Server.start(directory=directory) as again:
        assert again.installation.major == postgres_major
        assert again.execute("SELECT 1", database="kept") == [(1,)]


def test_a_setting_that_the_server_refuses(postgres_major: int) -> None:
    """The server's own words are in the error, and nothing is left behind."""
    with pytest.raises(LabError, match="no_such_setting") as caught:
        Server.start(postgres_major, settings={"no_such_setting": "1"})
    place = re.search(rf"did not start in ({private_area()}/\S+):", str(caught.value))
    assert place is not None
    assert not Path(place.group(1)).exists()


def test_a_restart_keeps_settings_and_port(postgres_major: int) -> None:
    """Reached through TCP, too."""
    with Server.start(
        postgres_major, listen_tcp=True, settings={"work_mem": "5MB", "application_name": "it's"}
    ) as server:
        before = server.pid
        server.restart()
        assert server.pid != before
        connection = psycopg2.connect(server.url(host="127.0.0.1"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('work_mem'), setting FROM pg_settings WHERE name = 'fsync'")
            assert cursor.fetchone() == ("5MB", "off")
        connection.close()


def test_only_over_tls_with_a_password(tmp_path: Path) -> None:
    """With a certificate, a key and a pg_hba.conf of the test's own."""
    majors = [major for major, one in installations().items() if one.has_tls]
    openssl = shutil.which("openssl")
    if not majors or not openssl:
        pytest.skip("no PostgreSQL with TLS here, or no openssl")
    command = [openssl, "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*command, "-keyout", tmp_path / "key", "-out", tmp_path / "crt"], check=True, capture_output=True)
    with Server.start(
        majors[0],
        listen_tcp=True,
        settings={"ssl": "on", "password_encryption": "scram-sha-256"},
        hba=["hostssl all all 127.0.0.1/32 scram-sha-256"],
        files={"server.key": (tmp_path / "key").read_bytes(), "server.crt": (tmp_path / "crt").read_text()},
    ) as server:
        server.execute("CREATE ROLE app LOGIN PASSWORD 'pä/ß'")
        url = server.url(user="app", password="pä/ß", host="127.0.0.1")
        connection = psycopg2.connect(url, sslmode="verify-ca", sslrootcert=str(tmp_path / "crt"))
        assert connection.info.ssl_in_use
        connection.close()
        with pytest.raises(psycopg2.OperationalError, match="no encryption"):
            psycopg2.connect(url, sslmode="disable")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(url, password="wrong", sslmode="require")


def test_a_dump_of_the_schema_is_the_same_for_the_same_schema(postgres_major: int) -> None:
    """Whatever pg_dump makes up each time, and whatever stands in the schema steady."""
    with Server.start(postgres_major) as server:
        server.create_database("of a test")
        server.psql(script='CREATE TABLE "T" (a int)', database="of a test")
        first = server.dump_schema("of a test")
        server.psql(script="CREATE SCHEMA steady; CREATE TABLE steady.x ()", database="of a test")
        assert server.dump_schema("of a test") == first
        assert 'CREATE TABLE public."T"' in first
        assert "restrict" not in first
        server.psql(script='ALTER TABLE "T" ADD b int', database="of a test")
        assert server.dump_schema("of a test") != first


def test_somebody_elses_folder_is_not_touched(directory: Path) -> None:
    """Neither taken over nor deleted."""
    directory.mkdir()
    letter = directory / "letter"
    letter.write_text("dear")
    before = directory.stat()
    with pytest.raises(LabError, match="not empty"):
        Server.start(directory=directory)
    with pytest.raises(LabError, match="not empty"):
        remove_directory(directory)
    after = directory.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert letter.read_text() == "dear"
    letter.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_an_installation_in_a_closed_folder_is_copied(tmp_path: Path) -> None:
    """As where root's checkout lies in root's home."""
    open_one = installation()
    tmp_path.chmod(0o700)
    for piece in open_one.pieces:
        if (open_one.root / piece).exists():
            shutil.copytree(open_one.root / piece, tmp_path / piece, symlinks=True)
    closed = replace(open_one, root=tmp_path, bin_dir=tmp_path / open_one.bin_dir.relative_to(open_one.root))
    copy = closed.for_server_user()
    try:
        assert copy.root.parent == private_area()
        assert closed.for_server_user() == copy
        assert os.access(copy.program("initdb"), os.X_OK)
    finally:
        shutil.rmtree(copy.root)
