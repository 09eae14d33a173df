# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A pooler that shares server sessions among its clients is recognised by what it does, and refused unharmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.rollback import rollback
from ansible_collections.steady.postgresql.plugins.module_utils._locks import watch as _watch
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Database
from integration.connection.modules import call
from integration.connection.pgbouncer import Pooler, pgbouncer, program
from integration.connection.sentences import check_result, refusal
from integration.sessions import OLD_SNAPSHOT, held

needs_pgbouncer = pytest.mark.skipif(
    program() is None, reason="pgbouncer is not installed (Debian's package of that name)"
)

pytestmark = pytest.mark.postgres

MIGRATION = {
    "id": "test",
    "indexes": [
        {"table": "Order", "columns": ["tenantId", "status"]},
        {"table": "Customer", "columns": ["tenantId", "createdAt"]},
    ],
    "columns": [{"table": "Order", "name": "tenantId", "nullable": True}],
}


def session_settings(pooler: Pooler) -> list[tuple[Any, ...]]:
    """What is set in the server session that a client gets."""
    return pooler.rows(
        "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY 1",
        application_name="clinic web",
    )


# -- by what it does ---------------------------------------------------------------------------------------------------


@needs_pgbouncer
@pytest.mark.parametrize("size", [1, 2, 20])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_on_any_port_is_refused(database: Database, mode: str, size: int) -> None:
    """Whatever its name and port, and it finds its sessions as they were: nothing SET, nothing locked."""
    with pgbouncer(database.server, database.name, mode, default_pool_size=size) as pooler:
        before = session_settings(pooler)
        with database.nothing_written():
            error = refusal(pooler.url())
        assert "transaction pooler" in error.what
        assert "PgBouncer" in error.what
        assert "server process" in error.why
        assert f"instead of 127.0.0.1, port {pooler.port}" in error.todo
        assert session_settings(pooler) == before
        assert pooler.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


@needs_pgbouncer
def test_every_session_of_the_pool_is_as_it_was(database: Database) -> None:
    """All of them are looked at: each is held by a transaction until the last has been."""
    with pgbouncer(database.server, database.name, "transaction", default_pool_size=3) as pooler, ExitStack() as stack:
        refusal(pooler.url())
        found = []
        for _number in range(3):
            connection = pooler.connect()
            stack.callback(connection.close)
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT pg_backend_pid()")
                pid = cursor.fetchone()[0]
                cursor.execute(
                    "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name NOT IN"
                    " ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')"
                )
                found.append((pid, cursor.fetchall()))
        assert len({pid for pid, _settings in found}) == 3
        assert [settings for _pid, settings in found] == [[], [], []]


@contextmanager
def traffic(pooler: Pooler, clients: int) -> Iterator[None]:
    """An application at work through the pooler: short transactions, so that sessions go from hand to hand."""
    stop = threading.Event()

    def work() -> None:
        connection = pooler.connect()
        with connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("SELECT pg_sleep(0.002)")
        connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _number in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@needs_pgbouncer
@pytest.mark.parametrize(("clients", "size"), [(1, 20), (4, 3), (8, 20)])
def test_a_busy_pooler_is_refused_every_time(database: Database, clients: int, size: int) -> None:
    """With others in between, a second connection often gets another session than the first had."""
    with (
        pgbouncer(database.server, database.name, "transaction", default_pool_size=size) as pooler,
        traffic(pooler, clients),
    ):
        for _number in range(20):
            refusal(pooler.url())


@needs_pgbouncer
@pytest.mark.parametrize("module", ["apply", "rollback", "verify", "journal_info"])
def test_every_module_refuses_it(database: Database, module: str) -> None:
    """Those that only read, too: their session settings would stay behind in somebody else's session."""
    with pgbouncer(database.server, database.name, "transaction") as pooler, database.nothing_written():
        result = call(module, pooler.url(pgbouncer="true"))
    check_result(result)
    assert "transaction pooler" in result["what"]


@needs_pgbouncer
def test_a_pool_that_is_used_up(database: Database) -> None:
    """Nobody waits without end for a session of a pool that others hold; and it is not taken for a direct server."""
    with (
        pgbouncer(database.server, database.name, "transaction", default_pool_size=1, query_wait_timeout=2) as pooler,
        pooler.connect() as holder,
        holder.cursor() as cursor,
    ):
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1")
        started = time.monotonic()
        error = refusal(pooler.url())
        assert time.monotonic() - started < 10
        assert "closed the connection" in error.what
        cursor.execute("ROLLBACK")


@needs_pgbouncer
def test_a_pooler_in_session_mode_is_accepted(database: Database) -> None:
    """There a session is ours while we have it: a whole deployment and its rollback work."""
    before = database.dump()
    with pgbouncer(database.server, database.name, "session") as pooler:
        options = Options(pooler.url(), policy=LockPolicy(100, 10.0))
        result = apply(MIGRATION, options)
        assert (result["status"], len(result["steps"])) == ("succeeded", 3)
        assert "Order_tenantId_status_idx" in database.indexes("Order")
        assert "Customer_tenantId_createdAt_idx" in database.indexes("Customer")
        assert apply(MIGRATION, options)["changed"] is False
        assert rollback(None, False, options)["status"] == "rolled_back"
        assert session_settings(pooler) == []
    assert database.dump() == before
    assert database.helpers() == []


@needs_pgbouncer
def test_behind_a_pooler_in_session_mode_a_build_may_take_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that the pooler names at connection start is none of the server's: who looks for that one there
    finds nobody at work on the build."""
    monkeypatch.setattr(_watch, "_ANSWER_SECONDS", 0.5)
    with (
        pgbouncer(database.server, database.name, "session") as pooler,
        held(database, *OLD_SNAPSHOT, seconds=4) as holder,
    ):
        with pytest.raises(SteadyError, match=f"pid {holder.pid}"):
            apply(MIGRATION, Options(pooler.url(), policy=LockPolicy(100, 1.5)))
        assert apply(MIGRATION, Options(pooler.url(), policy=LockPolicy(100, 10.0)))["status"] == "succeeded"


@needs_pgbouncer
def test_a_session_pool_of_one_is_not_taken_for_a_transaction_pool(database: Database) -> None:
    """The second connection gets no answer there; check mode needs no more than the first."""
    settings = {"default_pool_size": 1, "query_wait_timeout": 15}
    with pgbouncer(database.server, database.name, "session", **settings) as pooler:
        result = apply(MIGRATION, Options(pooler.url(), check=True))
    assert [step["status"] for step in result["steps"]] == ["planned"] * 3


# -- by name -----------------------------------------------------------------------------------------------------------

BY_NAME = {
    "Neon": (
        "postgresql://u:Pa55word-x@ep-cool-1-pooler.eu-central-1.aws.neon.tech/clinic?sslmode=require",
        "host ep-cool-1.eu-central-1.aws.neon.tech",
    ),
    "Neon, key/value": (
        "host=ep-cool-1-pooler.us-east-2.aws.neon.tech user=u password=Pa55word-x dbname=clinic",
        "host ep-cool-1.us-east-2.aws.neon.tech",
    ),
    "Neon in capitals": (
        "postgresql://u:Pa55word-x@EP-Cool-1-Pooler.eu-central-1.aws.Neon.tech/clinic",
        ".eu-central-1.aws.",
    ),
    "Neon's preview domain": (
        "postgresql://u:Pa55word-x@ep-cool-1-pooler.eu-central-1.aws.neon.build/clinic",
        "host ep-cool-1.eu-central-1.aws.neon.build",
    ),
    "Supabase, shared pooler": (
        "postgresql://postgres.abcdefgh:Pa55word-x@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true",
        "host db.abcdefgh.supabase.co, port 5432",
    ),
    "Supabase, the project's own pooler": (
        "postgresql://postgres:Pa55word-x@db.abcdefgh.supabase.co:6543/postgres",
        "host db.abcdefgh.supabase.co, port 5432",
    ),
    "Supabase, key/value": (
        "host=aws-0-eu-central-1.pooler.supabase.com port=6543 user=postgres.abcdefgh password=Pa55word-x",
        "host db.abcdefgh.supabase.co, port 5432",
    ),
}


@pytest.mark.parametrize("case", BY_NAME)
def test_a_known_name_is_refused_without_a_connection(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """The direct address is in the message; nothing is looked up and nothing contacted."""

    def connect(*_arguments: Any, **_parameters: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(psycopg2, "connect", connect)
    url, direct = BY_NAME[case]
    error = refusal(url, "Pa55word-x")
    assert "transaction pooler" in error.what
    assert direct in error.todo


@pytest.mark.parametrize(
    "host", ["ep-cool-1.eu-central-1.aws.neon.tech", "aws-0-eu-central-1.pooler.supabase.com", "db.abc.supabase.co"]
)
def test_a_direct_address_of_theirs_is_tried(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Neon without -pooler, and port 5432 of Supabase, whose pooler keeps sessions there."""

    def connect(*_arguments: Any, **parameters: Any) -> None:
        raise psycopg2.OperationalError(f"tried {parameters['host']}")

    monkeypatch.setattr(psycopg2, "connect", connect)
    error = refusal(f"postgresql://postgres.abc:Pa55word-x@{host}:5432/clinic", "Pa55word-x")
    assert error.why == f"tried {host}"
