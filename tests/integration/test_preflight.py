# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The preflight on a real server: what makes each finding appear, and what makes it go again."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from psycopg2.extras import PhysicalReplicationConnection

from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking.backup import backup
from ansible_collections.steady.postgresql.plugins.module_utils._connection.session import Session
from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Expectation
from ansible_collections.steady.postgresql.plugins.module_utils._preflight import activity, releases
from ansible_collections.steady.postgresql.plugins.module_utils._preflight import preflight as preflights
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.checks import CHECKS
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import (
    LockNotAvailable,
    Refused,
    SteadyError,
)
from integration.ansible_command import ROOT
from integration.cluster import Cluster, Database
from integration.sessions import held, wait_until
from lab.installations import installation

pytestmark = pytest.mark.postgres

INDEX = "Order_tenantId_status_idx"
MIGRATION: dict[str, Any] = {
    "id": "one",
    "columns": [{"table": "Order", "name": "customerId", "nullable": True}],
    "indexes": [
        {"table": "Order", "columns": ["tenantId", "status"]},
        {"table": "Order", "columns": ["sellerId"]},
    ],
    "foreign_keys": [
        {
            "name": "Order_sellerId_fkey",
            "table": "Order",
            "columns": ["sellerId"],
            "references": {"table": "Customer", "columns": ["id"]},
        }
    ],
}

Finding = dict[str, Any]


def look(
    database: Database,
    migration: dict[str, Any] | None = None,
    *,
    user: str = "postgres",
    severity: dict[str, str] | None = None,
    backups: str | None = None,
    backup: dict[str, Any] | None = None,
    old_s: float = 60.0,
    **options: Any,
) -> dict[str, Finding]:
    """The findings by the name of their check, whether one of them is a blocker or not."""
    chosen = database.options(user, **options)
    policy = replace(chosen.policy, blockers=replace(chosen.policy.blockers, after_s=old_s))
    try:
        result = preflight(migration or MIGRATION, replace(chosen, policy=policy), severity, backups, backup=backup)
    except SteadyError as error:
        result = error.facts
        assert any(one["status"] == "blocker" for one in result["preflight"])
    else:
        assert all(one["status"] != "blocker" for one in result["preflight"])
    return {one["name"]: one for one in result["preflight"]}


def quiet(database: Database, name: str, **arguments: Any) -> None:
    """Fail unless the check has found nothing."""
    finding = look(database, **arguments)[name]
    assert (finding["status"], finding["todo"]) == ("ok", ""), finding


def loud(database: Database, name: str, *words: str, status: str = "warning", **arguments: Any) -> Finding:
    """Fail unless the check has found something, with these words in its evidence, and says what to do."""
    finding = look(database, **arguments)[name]
    assert finding["status"] == status, finding
    said = "\n".join(finding["evidence"])
    for word in words:
        assert word in said
    assert finding["todo"]
    return finding


# -- what a statement makes and another mends --------------------------------------------------------------------------

# By check: what brings it about, what mends it, words of the evidence, the status. {name} is the database's.
STATEMENTS: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "name_clash": (
        f'CREATE VIEW "{INDEX}" AS SELECT 1 AS a',
        f'DROP VIEW "{INDEX}"',
        (f'the name "{INDEX}" is taken',),
        "blocker",
    ),
    "conflicting_rows": (
        'UPDATE "Order" SET "sellerId" = \'nobody\' WHERE id IN (7, 8)',
        'UPDATE "Order" SET "sellerId" = NULL WHERE id IN (7, 8)',
        ("2 rows of", "refer to no row", "nobody"),
        "blocker",
    ),
    "refused_change": (
        'ALTER TABLE "Order" RENAME status TO state',
        'ALTER TABLE "Order" RENAME state TO status',
        ('there is no column "status"', 'did you mean "state"?'),
        "blocker",
    ),
    "unsafe_setting": (
        'ALTER DATABASE "{name}" SET zero_damaged_pages = on',
        'ALTER DATABASE "{name}" RESET zero_damaged_pages',
        ("zero_damaged_pages = on",),
        "warning",
    ),
    "timeout_setting": (
        "ALTER DATABASE \"{name}\" SET statement_timeout = '9s'",
        'ALTER DATABASE "{name}" RESET statement_timeout',
        ("statement_timeout = 9000 ms (set for the database)",),
        "warning",
    ),
    "disk_space": (
        "ALTER DATABASE \"{name}\" SET temp_file_limit = '8kB'",
        'ALTER DATABASE "{name}" RESET temp_file_limit',
        ("temp_file_limit = 8 kB", "the new indexes take about"),
        "warning",
    ),
    "inactive_slot": (
        "SELECT pg_create_physical_replication_slot('lonely', true)",
        "SELECT pg_drop_replication_slot('lonely')",
        ('the physical slot "lonely" is not in use and keeps',),
        "warning",
    ),
    "redundant_index": (
        'CREATE INDEX small ON "Order" ("tenantId")',
        "DROP INDEX small",
        (f'"small" (tenantId) is the beginning of "{INDEX}" (tenantId, status)',),
        "warning",
    ),
    "unindexed_foreign_key": (
        'DROP INDEX "Order_customerId_idx"',
        'CREATE INDEX ON "Order" ("customerId")',
        ('no index begins with the columns (customerId) of "Order_customerId_fkey"',),
        "warning",
    ),
    "not_valid_constraint": (
        'ALTER TABLE "Order" ADD CONSTRAINT costs CHECK (total > 0) NOT VALID',
        'ALTER TABLE "Order" VALIDATE CONSTRAINT costs',
        ('"costs" is NOT VALID',),
        "warning",
    ),
    "dependent_object": (
        'CREATE VIEW buyers AS SELECT "customerId" FROM "Order"; CREATE FUNCTION buyer() RETURNS text LANGUAGE sql AS'
        ' $$ SELECT "customerId" FROM "Order" LIMIT 1 $$',
        "DROP VIEW buyers; DROP FUNCTION buyer",
        ("the view public.buyers reads Order.customerId", "the function public.buyer mentions Order.customerId"),
        "warning",
    ),
    "prisma_failed_migration": (
        "CREATE TABLE _prisma_migrations (migration_name varchar(255), started_at timestamptz DEFAULT now(),"
        " finished_at timestamptz, rolled_back_at timestamptz);"
        " INSERT INTO _prisma_migrations (migration_name) VALUES ('20250101_first')",
        "UPDATE _prisma_migrations SET rolled_back_at = now()",
        ('public._prisma_migrations: "20250101_first", begun', "never finished"),
        "warning",
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_makes_it_appear_and_another_makes_it_go(database: Database, name: str) -> None:
    cause, mend, words, status = STATEMENTS[name]
    if name == "unsafe_setting":
        # The tests' servers run without fsync, which is a finding by itself.
        loud(database, name, "fsync = off", "full_page_writes = off")
    else:
        quiet(database, name)
    with ExitStack() as stack:
        stack.callback(_drop_slots, database)
        database.execute(cause.replace("{name}", database.name))
        loud(database, name, *words, status=status)
        database.execute(mend.replace("{name}", database.name))
        if name == "unsafe_setting":
            assert "zero_damaged_pages" not in str(look(database)[name])
        else:
            quiet(database, name)


def _drop_slots(database: Database) -> None:
    """Slots belong to the server, not to a database of the test."""
    database.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'lonely'")


# -- what needs more than a statement ----------------------------------------------------------------------------------


def test_wraparound(database: Database) -> None:
    """A limit of the table's own, so that nothing on the server begins to vacuum by itself."""
    database.execute('ALTER TABLE "Order" SET (autovacuum_freeze_max_age = 100000)')
    quiet(database, "wraparound")
    database.execute("DO $$ BEGIN FOR i IN 1..96000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
    loud(database, "wraparound", "public.Order: its oldest transaction id is", "the limit is 100000")
    database.execute('VACUUM (FREEZE) "Order"')
    quiet(database, "wraparound")


def test_server_release(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of known defects is ours: with an entry for this server, and without."""
    version = database.value("SELECT current_setting('server_version_num')::int")
    defect = releases.Defect(version, version + 1, "rows may get lost", "release notes")
    monkeypatch.setattr(releases, "KNOWN", (defect,))
    loud(database, "server_release", "rows may get lost (release notes)")
    monkeypatch.setattr(releases, "KNOWN", (defect._replace(first=version - 1, fixed=version),))
    quiet(database, "server_release")


def test_connection(database: Database, cluster: Cluster) -> None:
    finding = loud(
        database, "connection", f'the database is "{database.name}"', status="blocker", expectation=Expectation("other")
    )
    assert "steady_expect" in finding["evidence"][0]
    # Nothing else could be looked at.
    assert list(look(database, expectation=Expectation("other"))) == ["connection"]
    quiet(database, "connection", expectation=Expectation(database.name))


def test_read_only(database: Database, cluster: Cluster) -> None:
    role = cluster.role("app", "LOGIN SUPERUSER")
    quiet(database, "read_only", user=role)
    database.execute("ALTER ROLE app SET default_transaction_read_only = on")
    loud(database, "read_only", 'role "app"', status="blocker", user=role)
    # Whoever only plans need not be able to write.
    loud(database, "read_only", 'role "app"', status="warning", user=role, check=True)
    database.execute("ALTER ROLE app RESET default_transaction_read_only")
    quiet(database, "read_only", user=role)


def test_privileges(database: Database, cluster: Cluster) -> None:
    """What is missing is said with the GRANTs; with all of them granted nothing is missing, and it can be applied."""
    role = cluster.role("app")
    for statement in _missing(loud(database, "privileges", "permission denied", status="blocker", user=role)):
        database.execute(statement)
    # Rows can be asked only once they may be read, so the next look may find more.
    for statement in _missing(look(database, user=role)["privileges"]):
        database.execute(statement)
    quiet(database, "privileges", user=role)
    assert database.apply(MIGRATION, user=role)["status"] == "succeeded"
    database.execute(
        "REASSIGN OWNED BY app TO postgres; REVOKE postgres FROM app; REVOKE ALL ON SCHEMA steady FROM app"
    )
    other = {**MIGRATION, "id": "two", "indexes": [{"table": "Order", "columns": ["placedAt"]}]}
    finding = loud(database, "privileges", "the journal in schema steady", status="blocker", user=role, migration=other)
    for statement in _missing(finding):
        database.execute(statement)
    quiet(database, "privileges", user=role, migration=other)


def _missing(finding: Finding) -> list[str]:
    return re.findall(r"GRANT [^;]+", "; ".join(finding["evidence"]))


def test_connection_headroom(database: Database, cluster: Cluster) -> None:
    role = cluster.role("app")
    quiet(database, "connection_headroom", user=role)
    database.execute("ALTER ROLE app CONNECTION LIMIT 3")
    loud(database, "connection_headroom", 'role "app": 1 of 3 connections are taken', user=role)
    database.execute("ALTER ROLE app CONNECTION LIMIT -1")
    quiet(database, "connection_headroom", user=role)


def test_replication_lag(database: Database) -> None:
    """4.2 no. 6: what a run would wait for, by its steady_max_replica_lag. A client that confirms late what it has."""
    quiet(database, "replication_lag")
    start = database.value("SELECT pg_current_wal_lsn()")
    emit = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000))"
    with _replica(database, start) as confirm:
        wait_until(lambda: look(database)["replication_lag"]["evidence"] != ["no replica is connected"])
        database.execute(emit)
        place = database.value("SELECT pg_current_wal_lsn()")
        time.sleep(0.5)
        # There is more behind that place: a replica that has all of it soon has no lag any more.
        database.execute(emit)
        confirm(place)
        late = "SELECT coalesce(max(replay_lag), '0') > '100 ms' FROM pg_stat_replication"
        wait_until(lambda: database.value(late))
        loud(database, "replication_lag", "replica late (streaming) is behind by", most_lag_s=0.1)
        quiet(database, "replication_lag", most_lag_s=3600.0)
        quiet(database, "replication_lag", most_lag_s=None)
        confirm(None)
        wait_until(lambda: look(database, most_lag_s=0.1)["replication_lag"]["status"] == "ok")
    wait_until(lambda: look(database)["replication_lag"]["evidence"] == ["no replica is connected"])


def test_synchronous_standby(database: Database) -> None:
    """B19: also test_synchronous."""
    quiet(database, "synchronous_standby")
    database.execute("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 2 (far, away)'")
    try:
        database.execute("SELECT pg_reload_conf()")
        wait_until(lambda: look(database)["synchronous_standby"]["status"] == "warning")
        loud(database, "synchronous_standby", "FIRST 2 (far, away)", "0 of 2 are connected")
    finally:
        database.execute("ALTER SYSTEM RESET synchronous_standby_names")
        database.execute("SELECT pg_reload_conf()")
    wait_until(lambda: look(database)["synchronous_standby"]["status"] == "ok")


@contextmanager
def _replica(database: Database, start: str) -> Iterator[Callable[[str | None], None]]:
    """A replica that reads all it gets. The call says up to where it has applied it; None: up to the end."""
    url = database.url(application_name="late")
    connection = psycopg2.connect(url, connection_factory=PhysicalReplicationConnection)
    cursor = connection.cursor()
    cursor.start_replication(start_lsn=start, slot_type=psycopg2.extras.REPLICATION_PHYSICAL)
    applied: list[str | None] = [start]
    stopped = threading.Event()

    def read() -> None:
        while not stopped.is_set():
            if cursor.read_message() is None:
                end = cursor.wal_end if applied[0] is None else _number(applied[0])
                cursor.send_feedback(write_lsn=cursor.wal_end, flush_lsn=end, apply_lsn=end, force=True)
                stopped.wait(0.02)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield lambda place: applied.__setitem__(0, place)
    finally:
        stopped.set()
        thread.join()
        connection.close()


def _number(place: str) -> int:
    high, low = place.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def test_old_transaction(database: Database) -> None:
    """4.2 no. 7: what is old says steady_old_transaction, here as for the run."""
    quiet(database, "old_transaction")
    with _at_work(database, "SELECT pg_sleep(60), 'a secret' FROM \"Order\" LIMIT 1") as pid:
        wait_until(lambda: look(database, old_s=0.2)["old_transaction"]["status"] == "warning")
        words = (f"pid {pid}", "with locks on public.Order", "pg_sleep(?)")
        finding = loud(database, "old_transaction", *words, old_s=0.2)
        assert "secret" not in str(finding)
        quiet(database, "old_transaction")
        # Nobody is in the way of nothing.
        quiet(database, "old_transaction", old_s=0.2, migration={"id": "nothing"})
    quiet(database, "old_transaction", old_s=0.2)


@contextmanager
def _at_work(database: Database, statement: str, *before: str) -> Iterator[int]:
    """A session that runs the statement until the block ends."""
    connection = database.connect(application_name="worker")
    pid: int = connection.info.backend_pid

    def work() -> None:
        with connection.cursor() as cursor:
            try:
                for setting in before:
                    cursor.execute(setting)
                cursor.execute(statement)
            except psycopg2.errors.QueryCanceled:
                pass

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        wait_until(lambda: database.value("SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s", (pid,)))
        yield pid
    finally:
        while thread.is_alive():
            connection.cancel()
            thread.join(0.1)
        connection.close()


def test_idle_in_transaction(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "IDLE_SECONDS", 0.0)
    quiet(database, "idle_in_transaction")
    with held(database, 'SELECT count(*) FROM "Order"') as holder:
        words = (f"pid {holder.pid}", 'application "shop worker"', "idle in transaction", "with locks on public.Order")
        loud(database, "idle_in_transaction", *words)
    quiet(database, "idle_in_transaction")


def test_prepared_transaction(database: Database) -> None:
    quiet(database, "prepared_transaction")
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE \"Order\" SET note = 'x' WHERE id = 1")
        cursor.execute("PREPARE TRANSACTION 'forgotten'")
    connection.close()
    loud(database, "prepared_transaction", '"forgotten" of role "postgres"', "with locks on public.Order")
    database.execute("ROLLBACK PREPARED 'forgotten'")
    quiet(database, "prepared_transaction")


def test_running_vacuum(database: Database) -> None:
    quiet(database, "running_vacuum")
    slowly = ("SET vacuum_cost_delay = '100ms'", "SET vacuum_cost_limit = 1", "SET vacuum_cost_page_hit = 10000")
    with _at_work(database, 'VACUUM (FREEZE) "Order"', *slowly) as pid:
        wait_until(lambda: look(database)["running_vacuum"]["status"] == "warning")
        loud(database, "running_vacuum", f"pid {pid}", "with locks on public.Order", 'VACUUM (FREEZE) "Order"')
    quiet(database, "running_vacuum")


def test_hidden_session(database: Database, cluster: Cluster) -> None:
    role = cluster.role("app")
    quiet(database, "hidden_session", user=role)
    with held(database, "SELECT 1"):
        loud(database, "hidden_session", "of 1 of 1 other sessions are hidden", user=role)
        database.execute('GRANT pg_read_all_stats TO "app"')
        quiet(database, "hidden_session", user=role)


def test_invalid_index(database: Database) -> None:
    """One that a failed build left, wherever it is in the database; not one that the plan repairs."""
    quiet(database, "invalid_index")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.execute('CREATE UNIQUE INDEX CONCURRENTLY broken ON "Customer" ("tenantId")')
    finding = loud(database, "invalid_index", '"public"."broken" of Customer', "is invalid")
    assert finding["todo"] == 'DROP INDEX CONCURRENTLY "public"."broken"'
    index = {"name": "broken", "table": "Customer", "columns": ["tenantId"]}
    quiet(database, "invalid_index", migration={"id": "repairs", "indexes": [index]})
    database.execute(finding["todo"])
    quiet(database, "invalid_index")


def test_drift(database: Database) -> None:
    database.apply(MIGRATION)
    quiet(database, "drift")
    database.execute(f'DROP INDEX "{INDEX}"; CREATE INDEX "{INDEX}" ON "Order" (status)')
    finding = loud(database, "drift", f"index public.{INDEX} was left by", "(one)")
    assert re.search(
        r'as: CREATE INDEX .*\("tenantId", status\); now: CREATE INDEX .*\(status\)$', finding["evidence"][0]
    )
    database.apply(MIGRATION)
    quiet(database, "drift")


def test_drift_after_a_rollback_is_judged_by_what_the_rollback_left(database: Database) -> None:
    database.apply(MIGRATION)
    database.rollback()
    quiet(database, "drift")
    database.execute('ALTER TABLE "Order" ALTER "customerId" DROP NOT NULL')
    loud(database, "drift", "column public.Order.customerId", "as: NOT NULL; now: NULL allowed")


def test_backup_needs(database: Database, tmp_path: Path) -> None:
    """More of it: backup/test_needs."""
    folder, programs = str(tmp_path / "made" / "later"), {"programs_dir": str(installation().bin_dir)}
    quiet(database, "backup_needs")
    with database.nothing_written():
        quiet(database, "backup_needs", backups=folder, backup=programs)
    (tmp_path / "made").write_text("a file")
    words = (f"The backup folder {folder} cannot be written to", f"{tmp_path}/made: Not a directory")
    loud(database, "backup_needs", *words, status="blocker", backups=folder, backup=programs, check=True)


def test_taken_back(database: Database) -> None:
    """More of it: test_past."""
    entry = {"name": "i", "table": "Order", "columns": ["status"]}
    older: dict[str, Any] = {"id": "older", "indexes": [entry]}
    database.apply(older)
    quiet(database, "taken_back", migration=older)
    database.apply({"id": "newer", "indexes": [{**entry, "columns": ["note"]}]})
    loud(database, "taken_back", "(newer) left it; this would take it back: older was deployed", migration=older)


def test_edited_migration(database: Database) -> None:
    """More of it: test_past."""
    database.apply(MIGRATION)
    quiet(database, "edited_migration")
    edited = {**MIGRATION, "columns": []}
    loud(database, "edited_migration", "one was deployed with other content on", migration=edited)


def test_backup(database: Database, tmp_path: Path) -> None:
    """Information by itself, since deploy.yml takes one; a warning where the inventory says so."""
    folder = str(tmp_path / "backups")
    severity = {"backup": "warning"}
    assert look(database, backups=folder)["backup"]["status"] == "ok"
    finding = loud(database, "backup", "there is no proven backup of this database", severity=severity, backups=folder)
    assert finding["severity_changed"] is True
    programs = {"directory": folder, "programs_dir": str(installation().bin_dir)}
    assert backup(programs, database.options())["status"] == "succeeded"
    assert "the newest proven backup is" in look(database, backups=folder)["backup"]["evidence"][0]
    quiet(database, "backup", severity=severity, backups=folder)
    (manifest,) = (tmp_path / "backups").glob("*/manifest.json")
    manifest.write_text(manifest.read_text().replace('"rows"', '"cows"', 1))
    loud(database, "backup", "was changed after it was written", severity=severity, backups=folder)


# -- all of them -------------------------------------------------------------------------------------------------------


def test_published_journal(database: Database) -> None:
    """Of a publication that nobody reads nothing is said; of one with a subscriber: test_publications."""
    database.execute("CREATE PUBLICATION p FOR ALL TABLES")
    quiet(database, "published_journal")


def test_every_check_has_a_test_here() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert [check.name for check in CHECKS if check.name not in tested | set(STATEMENTS)] == []


def test_a_healthy_database_has_every_check_and_nothing_of_its_own_to_warn_of(database: Database) -> None:
    with database.nothing_written():
        found = look(database)
    assert list(found) == [check.name for check in CHECKS]
    # Of the lab's servers: without fsync, and of a release of which something is known.
    assert {name for name, one in found.items() if one["status"] != "ok"} <= {"unsafe_setting", "server_release"}


def test_a_severity_of_no_check_is_refused_before_anything_is_connected_to() -> None:
    nowhere = Options("postgresql://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(SteadyError, match="steady_preflight_severity is not valid") as caught:
        preflight(MIGRATION, nowhere, {"redundant_indices": "ok"})
    assert 'did you mean "redundant_index"?' in caught.value.why


def test_all_blockers_are_shown_at_once_and_nothing_is_changed(database: Database, cluster: Cluster) -> None:
    role = cluster.role("app", "LOGIN SUPERUSER")
    for name in ("name_clash", "conflicting_rows", "unindexed_foreign_key"):
        database.execute(STATEMENTS[name][0])
    database.execute("ALTER ROLE app SET default_transaction_read_only = on")
    with database.nothing_changed(), pytest.raises(Refused) as caught:
        preflight(MIGRATION, database.options(role), {"unindexed_foreign_key": "blocker"})
    assert caught.value.what == "The migration cannot be applied, for 4 reasons:"
    for word in ("is taken in schema", "refer to no row", "default_transaction_read_only is on", "no index begins"):
        assert word in caught.value.why
    blockers = [one["name"] for one in caught.value.facts["preflight"] if one["status"] == "blocker"]
    assert blockers == ["read_only", "name_clash", "conflicting_rows", "unindexed_foreign_key"]
    assert caught.value.facts["status"] == "failed"


def test_a_role_that_may_only_read_can_look(database: Database, cluster: Cluster) -> None:
    """In check mode, where it need not be able to carry the plan out; also at a database with a journal."""
    role = cluster.role("reader")
    database.execute('GRANT SELECT ON ALL TABLES IN SCHEMA public TO "reader"')
    with database.nothing_written():
        found = look(database, user=role, check=True)
    assert found["privileges"]["status"] == "warning"
    database.apply({**MIGRATION, "indexes": []})
    database.execute(STATEMENTS["prisma_failed_migration"][0])
    found = look(database, user=role, check=True)
    assert list(found) == [check.name for check in CHECKS]
    assert found["drift"]["evidence"] == ["there is no journal that this role may read"]
    assert "could not be looked at: permission denied" in found["prisma_failed_migration"]["evidence"][0]
    assert found["prisma_failed_migration"]["status"] == "warning"


def test_what_the_server_does_not_answer_keeps_no_other_check_from_being_made(
    database: Database, cluster: Cluster
) -> None:
    """As on managed servers that leave functions out."""
    role = cluster.role("app")
    database.execute("REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn() FROM PUBLIC")
    found = look(database, user=role, check=True)
    assert list(found) == [check.name for check in CHECKS]
    for name in ("replication_lag", "inactive_slot"):
        assert found[name]["status"] == "warning"
        (sentence,) = found[name]["evidence"]
        assert sentence == "could not be looked at: permission denied for function pg_current_wal_lsn"
    database.execute("GRANT EXECUTE ON FUNCTION pg_current_wal_lsn() TO PUBLIC")
    quiet(database, "replication_lag", user=role, check=True)


def test_whoever_has_a_table_to_himself_is_named_soon(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a definition can be read then; nobody waits behind that look, and it does not wait for ever."""
    monkeypatch.setattr(preflights, "LOCK_MS", 300)
    with (
        held(database, 'LOCK TABLE "Order" IN ACCESS EXCLUSIVE MODE') as holder,
        pytest.raises(LockNotAvailable) as caught,
    ):
        preflight(MIGRATION, database.options())
    assert f"pid {holder.pid}" in caught.value.why
    assert "AccessExclusiveLock on public.Order" in caught.value.why
    quiet(database, "refused_change")


def test_names_of_others_do_not_take_the_place_of_the_servers(database: Database) -> None:
    """A function of the application that fits better than the server's own is not called."""
    database.execute(
        "CREATE FUNCTION age(xid) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;"
        " CREATE FUNCTION strpos(text, name) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$"
    )
    assert list(look(database)) == [check.name for check in CHECKS]


def test_fifty_sessions_cost_no_round_trip_more(clinic_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the look stays within its second."""
    migration = yaml.safe_load((ROOT / "migrations/schema_optimizations.yml").read_text())
    statements: list[str] = []
    execute, rows = Session.execute, Session.rows
    monkeypatch.setattr(
        Session, "execute", lambda self, *given: (statements.append(given[0]), execute(self, *given))[1]
    )
    monkeypatch.setattr(Session, "rows", lambda self, *given: (statements.append(given[0]), rows(self, *given))[1])
    look(clinic_database, migration)
    alone = len(statements)
    assert alone <= 50  # each kind of object is one question
    with ExitStack() as stack:
        for _number_of_session in range(50):
            stack.enter_context(held(clinic_database, 'SELECT count(*) FROM "Appointment"'))
        times = []
        for _try in range(3):
            del statements[:]
            started = time.monotonic()
            look(clinic_database, migration)
            times.append(time.monotonic() - started)
            assert len(statements) == alone
    assert min(times) < 1.0
