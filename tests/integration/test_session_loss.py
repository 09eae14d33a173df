# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Connections that die without a word: noticed in under 30 s, and what the server still did for them is known."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection import liveness as _liveness
from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import read_address
from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Expectation, Target
from ansible_collections.steady.postgresql.plugins.module_utils._deploy import executor as _executor
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._locks import watch as _watch
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.progress import Progress
from integration.ansible_command import ROOT, environment
from integration.cluster import OPERATOR, Database
from integration.proxy import Proxy
from integration.sessions import OLD_SNAPSHOT, background, builders, held, wait_until
from lab.server import Server

pytestmark = pytest.mark.postgres

NOTICED_S = 30.0
MIGRATION = {"id": "test", "indexes": [{"table": "Order", "columns": ["note"]}]}
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'steady%' AND query NOT LIKE '%pg_sleep%'"
WAITING = "waiting for old snapshots"


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    with Proxy(f"{database.server.socket_dir}/.s.PGSQL.{database.server.port}") as made:
        yield made


def deploy(database: Database, proxy: Proxy) -> float:
    """Deploy through the proxy; the moment at which it failed."""
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}/{database.name}"
    with pytest.raises(SteadyError):
        apply(MIGRATION, Options(url, policy=LockPolicy(), operator=OPERATOR))
    return time.monotonic()


def is_building(database: Database) -> bool:
    """Whether our build has come to its last wait."""
    return any(phase == WAITING for _pid, _table, phase in builders(database))


def test_a_network_that_is_gone_is_noticed(database: Database, proxy: Proxy) -> None:
    """Nothing is forwarded any more, and TCP still answers for the other side: keepalives notice nothing."""
    with held(database, *OLD_SNAPSHOT), background(lambda: deploy(database, proxy)) as deployment:
        wait_until(lambda: is_building(database))
        lost = time.monotonic()
        proxy.freeze()
        assert deployment.result() - lost < NOTICED_S
        # The server was never told: it is still at work, and keeps our lock.
        assert is_building(database)
        # Here the proxy's machine goes down. Then the next run takes over: the build is over before it begins its own.
        proxy.close()
        wait_until(lambda: not database.execute(OURS), 20)
    assert database.indexes("Order")["Order_note_idx"].startswith("INVALID")
    result = database.apply(MIGRATION)
    assert [step["action"] for step in result["steps"]] == ["repair"]
    assert result["attempt"] == 2
    assert database.value("SELECT string_agg(status, ' ' ORDER BY number) FROM steady.attempt") == (
        "interrupted succeeded"
    )


def test_a_build_whose_connection_is_lost_is_ended_before_anything_else_is_done(
    database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the building session's connection dies. The server finishes the index; the answer never comes."""
    monkeypatch.setattr(_watch, "_ANSWER_SECONDS", 1.0)
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}/{database.name}"
    with (
        held(database, *OLD_SNAPSHOT) as snapshot,
        background(lambda: apply(MIGRATION, replace(database.options(), database_url=url))) as deployment,
    ):
        wait_until(lambda: is_building(database))
        proxy.links[-1].freeze()
        snapshot.release()
        lost = time.monotonic()
        result = deployment.result()
        assert time.monotonic() - lost < NOTICED_S
    wait_until(lambda: not database.execute(OURS), 20)
    assert not database.indexes("Order")["Order_note_idx"].startswith("INVALID")
    assert database.execute("SELECT status, error FROM steady.step") == [("done", None)]
    assert any("the catalog says that it is done" in note for note in result["notes"])
    again = database.apply(MIGRATION)
    assert (again["status"], again["changed"]) == ("succeeded", False)


def test_a_build_goes_on_when_only_the_control_session_is_lost(
    database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at over another connection then, and let finish; the next step would not begin."""
    monkeypatch.setattr(_liveness, "SILENT_SECONDS", 3.0)
    with held(database, *OLD_SNAPSHOT) as snapshot, background(lambda: deploy(database, proxy)) as deployment:
        wait_until(lambda: is_building(database))
        proxy.links[0].freeze()
        # The first session, one for the build, and by now another one to look from.
        wait_until(lambda: len(proxy.links) > 2, NOTICED_S)
        assert is_building(database)
        snapshot.release()
        deployment.result()
    assert not database.indexes("Order")["Order_note_idx"].startswith("INVALID")


def test_a_clean_up_whose_connection_is_lost_is_noticed(
    database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build was cancelled. Dropping what it left waits for a writer, and then there is nobody to tell."""
    monkeypatch.setattr(_watch, "_ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(_executor, "_CLEANUP_SECONDS", 2.0)
    dropping = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%' AND wait_event_type = 'Lock'"
    writer = held(database, 'UPDATE "Order" SET total = 0 WHERE id = 1')
    with writer, background(lambda: deploy(database, proxy)) as deployment:
        ((pid, *_more),) = wait_until(lambda: [row for row in builders(database) if "waiting" in row[2]])
        database.execute("SELECT pg_cancel_backend(%s)", (pid,))
        wait_until(lambda: database.execute(dropping))
        proxy.links[-1].freeze()
        lost = time.monotonic()
        try:
            wait_until(deployment.done, NOTICED_S)
        finally:
            proxy.close()
        assert deployment.result() - lost < NOTICED_S
    assert "public.Order_note_idx is there and INVALID" in database.value("SELECT error FROM steady.step")


def test_an_error_whose_message_is_lost_is_noticed(
    database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has ended the statement, and is idle in its transaction."""
    monkeypatch.setattr(_watch, "_ANSWER_SECONDS", 0.5)
    address = f"postgresql://postgres@127.0.0.1:{proxy.port}/{database.name}"
    target = Target(read_address(address), Expectation(), "test", True)
    control, _server = target.first_session()
    session = target.session()
    watch = _watch.Watch(target, control, "public", LockPolicy(), Progress(None), None)

    def work() -> float:
        with watch.running(session, watch.begins(1, "validate"), []), pytest.raises(psycopg2.Error):
            session.execute("BEGIN; SELECT pg_sleep(1); SELECT 1 / 0; COMMIT")
        return time.monotonic()

    with background(work) as working:
        sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        wait_until(lambda: database.execute(sleeping))
        proxy.links[-1].freeze()
        lost = time.monotonic()
        try:
            while not working.done() and time.monotonic() - lost < 10:
                watch.look()
                time.sleep(0.2)
        finally:
            proxy.close()
        assert working.result() - lost < 10
    control.close()


_ELSEWHERE = """
import json, subprocess, sys, time, threading
from ansible_collections.steady.postgresql.plugins.module_utils._connection import liveness as _liveness
from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import read_address
from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Expectation, Target
from integration.proxy import Proxy
import psycopg2
path, database = json.loads(sys.argv[1])
proxy = Proxy(path)
target = Target(read_address(f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}"), Expectation(), "test", True)
session, server = target.first_session()
threading.Timer(1.0, lambda: subprocess.run(["ip", "link", "set", "lo", "down"], check=True)).start()
started = time.monotonic()
try:
    session.execute("SELECT pg_sleep(600)")
except psycopg2.Error as error:
    print(json.dumps([time.monotonic() - started - 1.0, error.pgcode]))
"""


@pytest.fixture(scope="module")
def elsewhere(server: Server) -> Iterator[subprocess.Popen[str] | None]:
    """A session in a network of its own, which is shut off soon: begun first, looked at last."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        yield None
        return
    path = f"{ROOT / '.ansible' / 'collections'}:{ROOT / 'tests'}"
    network = ["unshare", "-n" if os.geteuid() == 0 else "-rn", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    place = json.dumps([f"{server.socket_dir}/.s.PGSQL.{server.port}", "postgres"])
    process = subprocess.Popen(
        [*network, sys.executable, "-c", _ELSEWHERE, place],
        env=environment(PYTHONPATH=path),
        cwd=Path("/"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def _begun_first(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("elsewhere")


def test_keepalives_notice_a_machine_that_is_gone(elsewhere: subprocess.Popen[str] | None) -> None:
    """Packets are dropped on the way. Only TCP's own probes can notice that, while a statement runs for long."""
    if elsewhere is None:
        pytest.skip("this needs unshare and ip (util-linux, iproute2)")
    output, errors = elsewhere.communicate(timeout=60)
    if "unshare failed" in errors:
        pytest.skip(f"no network of its own here: {errors.strip()}")
    assert output, errors
    seconds, sqlstate = json.loads(output)
    assert 5 < seconds < NOTICED_S
    assert sqlstate is None
