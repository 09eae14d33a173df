# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Sessions in the way: waited for, asked to go, or ended where an allow-list names them; and those that wait for us."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._locks.blockers import BlockerPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockAttempt, LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import OPERATOR, Cluster, Database
from integration.sessions import OLD_SNAPSHOT, Probe, background, builders, held, wait_until
from integration.subscription import subscription
from lab.server import SUPERUSER, Server

pytestmark = pytest.mark.postgres

CHILD = 'UPDATE "Order" SET total = total + 1 WHERE id = 1'
COLUMN = [{"table": "Order", "name": "note", "nullable": False}]
INDEX = [{"table": "Order", "columns": ["note"]}]
SERVER_PROCESSES = "SELECT pid FROM pg_stat_activity WHERE pid = %s"


def deploy(
    database: Database,
    on_blocker: str = "terminate",
    *,
    applications: tuple[str, ...] = (),
    roles: tuple[str, ...] = (),
    after_s: float = 0.3,
    patience_s: float = 15.0,
    budget_ms: int = 100,
    user: str = SUPERUSER,
    **sections: Any,
) -> dict[str, Any]:
    """Apply the sections under a policy."""
    blockers = BlockerPolicy(on_blocker, applications, roles, after_s)
    policy = LockPolicy(budget_ms, patience_s, blockers)
    return apply({"id": "test", **sections}, Options(database.url(user), policy=policy, operator=OPERATOR))


def is_there(database: Database, pid: int) -> bool:
    """Whether a session is still connected."""
    return bool(database.execute(SERVER_PROCESSES, (pid,)))


@contextmanager
def doomed(database: Database, *statements: str, user: str = SUPERUSER, **parameters: Any) -> Iterator[int]:
    """A session in a transaction that may be ended from outside; its process id."""
    connection = database.connect(user, **parameters)
    try:
        with connection.cursor() as cursor:
            for statement in statements if statements[0].startswith("BEGIN") else ("BEGIN", *statements):
                cursor.execute(statement)
        yield connection.info.backend_pid
    finally:
        connection.close()


# -- what the policy ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "statements"),
    [({"columns": COLUMN}, (CHILD,)), ({"indexes": INDEX}, OLD_SNAPSHOT)],
    ids=["a lock", "an old snapshot"],
)
def test_a_session_that_the_list_names_is_terminated_and_everybody_is_told(
    database: Database, sections: dict[str, Any], statements: tuple[str, ...]
) -> None:
    with doomed(database, *statements, application_name="till 7") as pid:
        result = deploy(database, applications=("till 7",), **sections)
        assert not is_there(database, pid)
    (step,) = result["steps"]
    (ended,) = step["ended_sessions"]
    assert (ended["pid"], ended["how"], ended["application"]) == (pid, "terminated", "till 7")
    assert any(f"terminated: pid {pid}" in note for note in result["notes"])
    assert database.value("SELECT ended -> 0 ->> 'pid' FROM steady.step") == str(pid)


def test_a_statement_that_runs_is_cancelled_and_its_session_stays(database: Database) -> None:
    connection = database.connect(application_name="report")
    answers: list[str] = []

    def read() -> None:
        with connection.cursor() as cursor:
            try:
                cursor.execute('SELECT pg_sleep(30), count(*) FROM "Order"')
            except psycopg2.Error as error:
                answers.append(str(error.pgcode))

    reader = threading.Thread(target=read)
    reader.start()
    running = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = 'report'"
    wait_until(lambda: database.execute(running))
    try:
        (step,) = deploy(database, "cancel", applications=("report",), columns=COLUMN)["steps"]
        reader.join(5)
        assert answers == ["57014"]
        assert [entry["how"] for entry in step["ended_sessions"]] == ["cancelled"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("on_blocker", "lists"),
    [
        ("wait", {"applications": ("till 7",)}),
        ("terminate", {}),
        ("terminate", {"applications": ("till",)}),
        ("terminate", {"applications": ("till 7",), "roles": ("somebody",)}),
        ("terminate", {"applications": ("till 7",), "after_s": 60.0}),
        ("cancel", {"applications": ("till 7",)}),
    ],
    ids=["wait", "no list", "another application", "another role", "too young", "idle: nothing to cancel"],
)
def test_nobody_else_is_ended(database: Database, on_blocker: str, lists: dict[str, Any]) -> None:
    with doomed(database, CHILD, application_name="till 7") as pid:
        with pytest.raises(SteadyError, match=f"pid {pid}"):
            deploy(database, on_blocker, patience_s=1.5, columns=COLUMN, **lists)
        assert is_there(database, pid)
    assert database.nullable("Order", "note")


def test_a_role_that_may_end_nobody_says_so_and_goes_on_waiting(cluster: Cluster, database: Database) -> None:
    role = cluster.role("deployer")
    database.execute(f'ALTER TABLE "Order" OWNER TO {role}; GRANT CREATE ON DATABASE {database.name} TO {role}')
    with doomed(database, CHILD, application_name="till 7") as pid:
        with pytest.raises(SteadyError) as failure:
            deploy(database, applications=("till 7",), patience_s=1.5, user=role, columns=COLUMN)
        assert is_there(database, pid)
    # Without pg_read_all_stats it is not even seen how old the transaction is, so that nothing is tried.
    assert (
        f'pid {pid} (user "postgres", application "till 7", state not visible to this role) holds RowExclusiveLock on '
        "public.Order; its query: not visible to this role"
    ) in str(failure.value)


@pytest.mark.parametrize(
    ("user", "sections", "statements", "how"),
    [
        ("app", {"columns": COLUMN}, (CHILD,), "not permitted (GRANT pg_signal_backend)"),
        ("app", {"indexes": INDEX}, OLD_SNAPSHOT, "not permitted (GRANT pg_signal_backend)"),
        (SUPERUSER, {"columns": COLUMN}, (CHILD,), "not permitted (only a superuser may)"),
    ],
    ids=["a lock", "an old snapshot", "a superuser's"],
)
def test_a_role_that_sees_all_and_may_end_nobody(
    cluster: Cluster, database: Database, user: str, sections: dict[str, Any], statements: tuple[str, ...], how: str
) -> None:
    """It is found in the way again and again, and told once."""
    role, app = cluster.role("deployer"), cluster.role("app")
    database.execute(
        f'GRANT pg_read_all_stats TO {role}; GRANT ALL ON "Order" TO {app}; ALTER TABLE "Order" OWNER TO {role};'
        f" GRANT CREATE ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {database.name} TO {role}"
    )
    with doomed(database, *statements, user=user, application_name="till 7") as pid:
        with pytest.raises(SteadyError) as failure:
            deploy(database, applications=("till 7",), patience_s=3.5, user=role, **sections)
        assert is_there(database, pid)
    (entry,) = database.value("SELECT ended FROM steady.step")
    assert (entry["pid"], entry["how"]) == (pid, how)
    assert len([note for note in failure.value.facts["notes"] if note.startswith("not permitted")]) == 1


def test_a_role_that_cannot_see_how_old_transactions_are_says_so_before_a_build(
    cluster: Cluster, database: Database
) -> None:
    role = cluster.role("deployer")
    database.execute(
        f'ALTER TABLE "Order" OWNER TO {role}; GRANT CREATE ON SCHEMA public TO {role};'
        f" GRANT CREATE ON DATABASE {database.name} TO {role}"
    )
    with held(database, *OLD_SNAPSHOT, seconds=1.0):
        result = deploy(database, "wait", user=role, indexes=INDEX)
    assert len([note for note in result["notes"] if "GRANT pg_read_all_stats" in note]) == 1
    dropped = deploy(database, "wait", user=role, indexes=[{**INDEX[0], "state": "absent"}])
    assert not [note for note in dropped["notes"] if "GRANT pg_read_all_stats" in note]


def test_who_is_too_old_is_named_before_a_build_begins(database: Database) -> None:
    with held(database, *OLD_SNAPSHOT, application_name="report") as holder:
        time.sleep(0.4)
        with background(lambda: deploy(database, "wait", indexes=INDEX)) as deployment:
            wait_until(lambda: [row for row in builders(database) if row[2] == "waiting for old snapshots"])
            holder.release()
            notes = deployment.result()["notes"]
    (note,) = [note for note in notes if "begins although" in note]
    assert f"pid {holder.pid}" in note
    assert 'application "report"' in note


def test_a_young_transaction_is_not_worth_a_word(database: Database) -> None:
    with held(database, *OLD_SNAPSHOT, seconds=1.0):
        result = deploy(database, "wait", after_s=60.0, indexes=INDEX)
    assert not [note for note in result["notes"] if "begins although" in note]


# -- who waits behind us -----------------------------------------------------------------------------------------------


def test_an_attempt_ends_at_once_when_somebody_waits_behind_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a budget of ten seconds it would stand in the queue for six: the reader behind it waits for an instant."""
    polite = LockAttempt(6000, 0.2, polite=True)
    monkeypatch.setattr(LockPolicy, "attempts", lambda _policy: iter([polite] * 1000))
    with ExitStack() as stack:
        probe = stack.enter_context(Probe(database, 'SELECT count(*) FROM "Order" WHERE id < 5'))
        stack.enter_context(held(database, CHILD, seconds=2))
        result = deploy(database, "wait", budget_ms=10_000, columns=COLUMN)
    (step,) = result["steps"]
    assert step["attempts"] > 3
    assert probe.errors == []
    assert max(probe.times_ms) < 400
    assert database.nullable("Order", "note") is False


def test_an_attempt_that_nobody_waits_behind_may_stay_in_the_queue(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LockPolicy, "attempts", lambda _policy: iter([LockAttempt(6000, 0.2, polite=True)] * 1000))
    with held(database, CHILD, seconds=1.5):
        (step,) = deploy(database, "wait", budget_ms=10_000, columns=COLUMN)["steps"]
    assert step["attempts"] == 1


# -- autovacuum --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow_vacuums(postgres_major: int) -> Iterator[Server]:
    """A server whose autovacuum begins at once and does not get on."""
    settings = {
        "autovacuum_naptime": "1s",
        "autovacuum_vacuum_cost_delay": "100ms",
        "autovacuum_vacuum_cost_limit": 1,
        "vacuum_cost_page_miss": 100,
        "vacuum_cost_page_dirty": 100,
        "vacuum_cost_page_hit": 100,
        "jit": "off",
    }
    with Server.start(postgres_major, settings=settings) as server:
        yield server


def _vacuumed(server: Server, name: str, **settings: str) -> Database:
    """A database with a table that autovacuum is at work on."""
    server.create_database(name)
    database = Database(server, name)
    options = ", ".join(f"{key} = {value}" for key, value in {"autovacuum_vacuum_threshold": "1", **settings}.items())
    database.execute(f'CREATE TABLE "Order" (id int PRIMARY KEY, note text) WITH ({options})')
    database.execute("INSERT INTO \"Order\" SELECT g, repeat('x', 400) FROM generate_series(1, 30000) g")
    database.execute('UPDATE "Order" SET note = note || id')
    query = "SELECT query FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = %s"
    locks = "SELECT 1 FROM pg_locks WHERE relation = '\"Order\"'::regclass AND mode LIKE 'ShareUpdate%' AND granted"
    wait_until(lambda: database.execute(query, (name,)) and database.execute(locks), 60)
    return database


def test_an_autovacuum_in_the_way_is_made_to_go_by_the_server_itself(slow_vacuums: Server) -> None:
    """No attempt of ours waits for deadlock_timeout, after which the server would cancel it for us."""
    database = _vacuumed(slow_vacuums, "vacuumed")
    with Probe(
        database, 'SELECT note FROM "Order" WHERE id = 7', 'UPDATE "Order" SET note = note WHERE id = 8'
    ) as probe:
        deploy(database, "wait", columns=COLUMN)
    assert database.nullable("Order", "note") is False
    assert max(probe.times_ms) < 150
    assert "canceling autovacuum task" in slow_vacuums.log()


def test_an_autovacuum_is_known_to_a_role_that_sees_little(slow_vacuums: Server) -> None:
    """Which kind of process is in the way takes pg_read_all_stats; that it has no user, everybody may see."""
    database = _vacuumed(slow_vacuums, "vacuumed_by_others")
    database.execute(
        'CREATE ROLE deployer LOGIN; ALTER TABLE "Order" OWNER TO deployer;'
        " GRANT CREATE ON DATABASE vacuumed_by_others TO deployer"
    )
    deploy(database, "wait", user="deployer", columns=COLUMN)
    assert database.nullable("Order", "note") is False


# -- others than sessions ----------------------------------------------------------------------------------------------


def test_prepared_transactions_are_told_apart_and_how_each_is_ended(database: Database) -> None:
    """Nobody is connected to them: what ends them is a statement with their names."""
    for number, name in ((1, "O'Neill"), (2, "two")):
        connection = database.connect()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute('UPDATE "Order" SET total = 0 WHERE id = %s', (number,))
            cursor.execute("PREPARE TRANSACTION %s", (name,))
        connection.close()
    time.sleep(0.4)
    ends = ["ROLLBACK PREPARED 'O''Neill'", "ROLLBACK PREPARED 'two'"]
    with pytest.raises(SteadyError) as failure:
        deploy(database, "terminate", roles=("postgres",), patience_s=1.0, columns=COLUMN)
    assert [text in failure.value.why for text in ends] == [True, True]
    assert 'user "postgres"' in failure.value.why
    with pytest.raises(SteadyError) as failure:
        deploy(database, "wait", patience_s=1.5, indexes=INDEX)
    assert [text in " ".join(failure.value.facts["notes"]) for text in ends] == [True, True]
    # PostgreSQL waits for one after the other.
    assert sum(text in failure.value.why for text in ends) == 1


@pytest.fixture
def replicated(postgres_major: int) -> Iterator[Server]:
    """A server on which one database subscribes to another's table."""
    with Server.start(postgres_major, settings={"wal_level": "logical", "autovacuum": "off"}) as server:
        for name in ("source", "copy"):
            server.create_database(name)
            server.execute('CREATE TABLE "Order" (id int PRIMARY KEY, note text)', database=name)
            server.execute("CREATE TABLE beside (id int)", database=name)
        server.execute("INSERT INTO \"Order\" VALUES (1, 'x')", database="source")
        server.execute("INSERT INTO \"Order\" VALUES (1, 'x')", database="copy")
        with subscription(server, 'FOR TABLE "Order"'):
            yield server


def test_whoever_has_an_old_snapshot_is_named_before_a_build(replicated: Server) -> None:
    """What applies another database's changes has one, too; what it is called is another thing from 17 on."""
    database = Database(replicated, "copy")
    with held(database, 'UPDATE "Order" SET note = note', application_name="shop worker") as holder:
        replicated.execute("UPDATE \"Order\" SET note = 'y'", database="source")
        waits = "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'logical%' AND wait_event_type = 'Lock'"
        ((worker,),) = wait_until(lambda: database.execute(waits))
        time.sleep(0.5)
        with background(
            lambda: deploy(database, "wait", indexes=[{"table": "beside", "columns": ["id"]}])
        ) as deployment:
            wait_until(lambda: [row for row in builders(database) if "old snapshots" in row[2]])
            holder.release()
            notes = deployment.result()["notes"]
    assert [note for note in notes if "begins although" in note and f"pid {worker} " in note]


# -- deadlocks ---------------------------------------------------------------------------------------------------------


def test_a_build_that_is_the_victim_of_a_deadlock_is_built_again(database: Database) -> None:
    """Somebody writes in the table, and then wants what only the end of our build gives free."""
    connection = database.connect(application_name="rival", options="-c deadlock_timeout=30s")
    with background(lambda: deploy(database, "wait", indexes=INDEX)) as deployment, connection.cursor() as cursor:
        with connection:
            cursor.execute("BEGIN")
            cursor.execute(CHILD)
            wait_until(lambda: [row for row in builders(database) if "waiting" in row[2]])
            cursor.execute('LOCK TABLE "Order" IN SHARE UPDATE EXCLUSIVE MODE')
            cursor.execute("COMMIT")
        (step,) = deployment.result()["steps"]
    connection.close()
    assert (step["status"], step["attempts"]) == ("done", 2)
    assert database.indexes("Order")["Order_note_idx"] == (
        'CREATE INDEX "Order_note_idx" ON public."Order" USING btree (note)'
    )
    assert database.helpers() == []


def test_what_a_deadlock_left_is_waited_for_no_longer_than_the_patience(database: Database) -> None:
    """The rival wins, and stays in its transaction: the invalid index cannot be dropped before it ends."""
    connection = database.connect(application_name="rival", options="-c deadlock_timeout=30s")
    with background(lambda: deploy(database, "wait", patience_s=2.0, indexes=INDEX)) as deployment:
        with connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(CHILD)
            wait_until(lambda: [row for row in builders(database) if "waiting" in row[2]])
            cursor.execute('LOCK TABLE "Order" IN SHARE UPDATE EXCLUSIVE MODE')
            try:
                wait_until(deployment.done, 40)
            finally:
                cursor.execute("COMMIT")
        with pytest.raises(SteadyError, match='application "rival"'):
            deployment.result()
    connection.close()
