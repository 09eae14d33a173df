# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Backups and restores beside a live application: every wait has an end and a name, on both sides."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._backup.verifying.verify import verify_backup
from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from integration.backup.backing_up import Shop, refusal
from lab.sessions import wait_until

pytestmark = pytest.mark.postgres

PRISMA_LOCK = "SELECT pg_advisory_lock(72707369)"
PRISMA_WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369 AND NOT granted"


@contextmanager
def beside(shop: Shop, name: str, statement: str) -> Iterator[int]:
    """Another session's statement, which waits for somebody; its process id. It is cancelled at the end."""
    with closing(psycopg2.connect(shop.server.url(shop.name), application_name=name, async_=True)) as connection:
        wait_until(lambda: connection.poll() == 0)
        connection.cursor().execute(statement)
        pid = connection.info.backend_pid
        waits = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        wait_until(lambda: shop.execute(waits, (pid,)))
        try:
            yield pid
        finally:
            shop.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_who_waits_behind_the_dump_is_named_and_prisma_is_kept_out(shop: Shop, tmp_path: Path) -> None:
    """S10: somebody's ALTER TABLE waits for the dump, and all others for it; Prisma's does not get that far."""
    progress = tmp_path / "progress"

    def told() -> str:
        return json.loads(progress.read_text())["note"] if progress.exists() else ""

    def take() -> dict:
        return shop.back_up(proof="list", progress_file=str(progress))

    # pg_dump has locked the other tables, and waits for this one.
    with (
        shop.stuck(take, "steady.postgresql dump") as outcome,
        beside(shop, "an operator", "ALTER TABLE parent ADD COLUMN b int") as pid,
        beside(shop, "the application", "SELECT * FROM parent"),
        beside(shop, "prisma", PRISMA_LOCK),
    ):
        name = f'pid {pid} (role postgres, application "an operator", active) with 1 behind it'
        wait_until(lambda: f"waiting for the dump to end: {name}" in told() or "error" in outcome)
    assert "error" not in outcome, outcome
    assert f"the dump kept waiting: pid {pid} (" in outcome["result"]["backup"]["detail"]
    assert shop.execute(PRISMA_WAITS) == []


def test_a_restore_in_place_does_not_wait_for_ever(shop: Shop) -> None:
    """Kind 4: it holds locks that keep the application waiting, so the patience ends it, with names and no change."""
    shop.execute("DROP TABLE p CASCADE")
    shop.back_up(proof="list")
    schema, rows = shop.dump(), shop.rows()
    with closing(shop.server.connect(shop.name, application_name="the report")) as report:
        report.autocommit = False
        report.cursor().execute("SELECT * FROM big LIMIT 1")
        policy = LockPolicy(patience_s=2.0)
        error = refusal(lambda: shop.restore(in_place=True, jobs=1, policy=policy))
    assert "waited 2 s for a table" in error.what
    assert 'application "the report"' in error.why
    assert (shop.dump(), shop.rows()) == (schema, rows)


def test_a_comparison_does_not_wait_for_ever(shop: Shop, tmp_path: Path) -> None:
    """Kind 4: rows of a table that somebody keeps locked."""
    dump = tmp_path / "dump.sql"
    program = [f"{shop.programs}/pg_dump", "--table=big", f"--file={dump}", shop.server.url(shop.name)]
    subprocess.run(program, check=True)
    with closing(shop.server.connect(shop.name, application_name="the blocker")) as blocker:
        blocker.autocommit = False
        blocker.cursor().execute("LOCK TABLE parent")
        options = shop.options(policy=LockPolicy(patience_s=1.0))
        parameters = {"backup": str(dump), "compare": True, "programs_dir": shop.programs}
        error = refusal(lambda: verify_backup(parameters, options))
    assert error.sqlstate == "55P03"
    assert "the blocker" in error.why


def test_an_exchange_waits_for_sessions_of_other_databases_with_an_end(shop: Shop, tmp_path: Path) -> None:
    """Kind 4: what holds the name's lock is named, no session is ended for it, and new ones are not kept for long."""
    progress, policy = tmp_path / "progress", LockPolicy(patience_s=3.0)
    shop.back_up(proof="list")
    kept = shop.restore()["kept_database"]
    comment = sql.SQL("COMMENT ON DATABASE {} IS 'x'").format(sql.Identifier(shop.name))

    def exchange() -> dict:
        return shop.restore(undo=True, policy=policy, progress_file=str(progress))

    with (
        closing(shop.server.connect("postgres", application_name="an operator")) as operator,
        closing(shop.server.connect(shop.name)) as application,
    ):
        operator.autocommit = False
        for statement, mode in (
            (comment, "ShareUpdateExclusiveLock on the database"),
            ("LOCK TABLE pg_catalog.pg_database IN SHARE MODE", "a lock or an old snapshot"),
        ):
            cursor = operator.cursor()
            cursor.execute(statement)
            error = refusal(exchange)
            assert (error.sqlstate, "the exchange waited 3 s for it" in error.what) == ("55P03", True)
            assert 'application "an operator", idle in transaction' in error.why
            assert mode in error.why
            assert "the live database has its name" in error.left
            if statement is comment:
                application.cursor().execute("SELECT 1")
            operator.rollback()
            assert shop.databases() == [shop.name, kept]
        operator.cursor().execute(comment)
        policy = LockPolicy()
        with shop.running(exchange) as outcome:
            shop.until(outcome, lambda: "waiting for pid" in progress.read_text() if progress.exists() else False)
            operator.rollback()
        assert outcome["result"]["swapped_back"] == kept
