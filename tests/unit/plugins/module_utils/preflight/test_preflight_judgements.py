# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks say of facts, without a server: above all where a server cannot be brought to such a state."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Server
from ansible_collections.steady.postgresql.plugins.module_utils._locks.lag import Replica, behind
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import (
    Outcome,
    Plan,
    Problem,
    Step,
    autocommit,
)
from ansible_collections.steady.postgresql.plugins.module_utils._planning.disk import Space
from ansible_collections.steady.postgresql.plugins.module_utils._planning.drift import Drift
from ansible_collections.steady.postgresql.plugins.module_utils._preflight import (
    activity,
    history,
    refusals,
    releases,
    server,
)
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.backups import Backup
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.checks import CHECKS
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.facts import Facts
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.finding import judged
from unit.builders import DRAWER, USER, catalog, table

SERVER = Server(170006, "17.6", "clinic", "deployer", "7341", False, None)
STEP = Step("index", DRAWER, "i", "create", (autocommit(DRAWER, "CREATE INDEX"),))
BUSY = Plan((Outcome("index", DRAWER, "i", "not there", STEP),))
ROW = {
    "fsync": "on",
    "full_page_writes": "on",
    "zero_damaged_pages": "off",
    "ignore_checksum_failure": "off",
    "max_connections": 100,
    "superuser_reserved": 3,
    "reserved": 0,
    "connections": 20,
    "superuser": False,
    "role_limit": -1,
    "role_connections": 1,
    "database_limit": -1,
    "database_connections": 20,
    "database_age": 1000,
    "freeze_max_age": 200_000_000,
    "temp_file_limit_kb": -1,
    "journal_schema": False,
    "may_create_schema": True,
    "may_use_journal": False,
    "may_fill_journal": False,
    "may_write_journal": None,
}


def facts(row: dict[str, Any] | None = None, **changes: Any) -> Facts:
    """A healthy server with a plan of one index."""
    around = catalog({DRAWER: table("a"), USER: table("id")})
    return replace(Facts(SERVER, BUSY, around, row={**ROW, **(row or {})}), **changes)


def session(**changes: Any) -> dict[str, Any]:
    """A session that is at work since two minutes."""
    return {
        "pid": 7,
        "role": "app",
        "application_name": "shop",
        "state": "active",
        "backend_type": "client backend",
        "query": "SELECT 'secret'",
        "age_s": 120.0,
        "hidden": False,
        "locks": None,
        **changes,
    }


def lock(mode: str) -> list[dict[str, Any]]:
    return [{"table": "public.CashDrawer", "mode": mode, "granted": True}]


class TestReleases:
    @pytest.mark.parametrize(
        ("version", "source"),
        [(130001, "13.2"), (140000, "14.4"), (140003, "14.4"), (180001, "18.7"), (180006, "18.7")],
    )
    def test_releases_with_known_defects(self, version: int, source: str) -> None:
        judgement = server.server_release(facts(server=replace(SERVER, version=version)))
        assert judgement.found
        assert any(f"release notes of {source}" in sentence for sentence in judgement.evidence)

    @pytest.mark.parametrize("version", [130002, 140004, 150000, 160010, 170006, 180007])
    def test_the_update_mends_it(self, version: int) -> None:
        assert not server.server_release(facts(server=replace(SERVER, version=version))).found

    def test_each_entry_is_of_one_major_version_and_has_a_source(self) -> None:
        for defect in releases.KNOWN:
            assert defect.first // 10000 == defect.fixed // 10000
            assert defect.source.startswith(f"release notes of {defect.fixed // 10000}.{defect.fixed % 10000}")


class TestServer:
    @pytest.mark.parametrize(
        ("row", "loud"),
        [
            ({}, False),
            ({"connections": 90}, False),  # 97 usable, our own is among the 90
            ({"connections": 91}, True),
            ({"connections": 94, "superuser": True}, True),
            ({"connections": 92, "superuser": True}, False),
            ({"connections": 82, "reserved": 10}, True),
            ({"role_limit": 7, "role_connections": 1}, True),
            ({"role_limit": 8, "role_connections": 1}, False),
            ({"role_limit": 0, "superuser": True}, False),
            ({"database_limit": 25, "database_connections": 20}, True),
        ],
    )
    def test_connection_headroom(self, row: dict[str, Any], loud: bool) -> None:
        assert server.connection_headroom(facts(row)).found is loud

    @pytest.mark.parametrize(
        ("row", "fits", "word"),
        [
            ({}, True, None),
            ({}, False, "free disk space"),
            ({"temp_file_limit_kb": 100}, True, "raise temp_file_limit"),
            ({"temp_file_limit_kb": 10_000_000}, True, None),
            ({"temp_file_limit_kb": None}, True, None),
        ],
    )
    def test_disk_space_is_judged_by_the_figures_of_the_run(self, row: dict[str, Any], fits: bool, word: Any) -> None:
        """4.2 no. 4: the preflight had an estimate of its own, which did not know steady_disk_allowance."""
        space = Space(16 * 1024**2, 8 * 1024**2, ("steady_disk_allowance is 20.0 GB",), fits)
        judgement = server.disk_space(facts(row, space=space))
        assert judgement.evidence[:2] == (
            "the new indexes take about 16.0 MB while they are built",
            "steady_disk_allowance is 20.0 GB",
        )
        assert judgement.found is (word is not None)
        assert word is None or word in judgement.todo

    def test_without_a_build_the_disk_is_no_matter(self) -> None:
        assert not server.disk_space(facts({"temp_file_limit_kb": 0})).found

    @pytest.mark.parametrize(
        ("replica", "most_s", "loud"),
        [
            (Replica("r", "streaming", 0, 40.0), 30.0, False),
            (Replica("r", "streaming", 1, 29.0), 30.0, False),
            (Replica("r", "streaming", 1, 31.0), 30.0, True),
            (Replica("r", "streaming", 1, 31.0), 60.0, False),
            (Replica("r", "streaming", 1, 31.0), None, False),
            (Replica("r", "catchup", 500 * 1024**2, None), 30.0, True),
            (Replica("r", "backup", None, None), 30.0, False),
            (Replica("r", None, None, None), 30.0, False),  # hidden from this role
        ],
    )
    def test_replication_lag_is_what_a_run_waits_for(self, replica: Replica, most_s: Any, loud: bool) -> None:
        """4.2 no. 6: it was judged by 10 s or 16 MB, whatever steady_max_replica_lag is."""
        judgement = server.replication_lag(facts(replicas=[replica], most_lag_s=most_s))
        assert judgement.found is loud
        assert bool(most_s is not None and behind([replica], [], most_s)) is loud

    def test_an_old_transaction_is_what_the_run_says_is_one(self) -> None:
        """4.2 no. 7."""
        assert activity.old_transaction(facts(sessions=[session(age_s=120.0)])).found
        assert not activity.old_transaction(facts(sessions=[session(age_s=120.0)], old_s=300.0)).found

    def test_wraparound_of_the_whole_database(self) -> None:
        assert server.wraparound(facts({"database_age": 195_000_000})).found
        assert not server.wraparound(facts({"database_age": 180_000_000})).found

    def test_unsafe_settings_are_named_with_what_they_do(self) -> None:
        judgement = server.unsafe_setting(facts({"fsync": "off", "ignore_checksum_failure": "on"}))
        assert [sentence.split(":")[0] for sentence in judgement.evidence] == [
            "fsync = off",
            "ignore_checksum_failure = on",
        ]


class TestActivity:
    def test_constants_of_others_are_not_shown(self) -> None:
        judgement = activity.old_transaction(facts(sessions=[session()]))
        assert judgement.found
        assert "secret" not in str(judgement)

    @pytest.mark.parametrize(
        ("changes", "old", "idle", "vacuum"),
        [
            ({}, True, False, False),
            ({"age_s": 59.0}, False, False, False),
            ({"age_s": None, "state": None, "hidden": True}, False, False, False),
            ({"state": "idle in transaction"}, False, True, False),
            ({"state": "idle in transaction (aborted)", "age_s": 11.0}, False, True, False),
            ({"state": "idle in transaction", "age_s": 9.0}, False, False, False),
            ({"query": "vacuum x", "locks": lock("ShareUpdateExclusiveLock")}, False, False, True),
            (
                {
                    "state": None,
                    "backend_type": "autovacuum worker",
                    "query": "autovacuum: VACUUM public.x (to prevent wraparound)",
                    "locks": lock("ShareUpdateExclusiveLock"),
                },
                False,
                False,
                True,
            ),
            # One whose state is hidden: its lock is not.
            ({"age_s": None, "hidden": True, "locks": lock("ShareUpdateExclusiveLock")}, False, False, True),
        ],
    )
    def test_who_holds_what_up(self, changes: dict[str, Any], old: bool, idle: bool, vacuum: bool) -> None:
        look = facts(sessions=[session(**changes)])
        judgements = (activity.old_transaction, activity.idle_in_transaction, activity.running_vacuum)
        assert [judge(look).found for judge in judgements] == [old, idle, vacuum]

    def test_a_vacuum_against_wraparound_does_not_give_way(self) -> None:
        query = "autovacuum: VACUUM public.x (to prevent wraparound)"
        row = session(backend_type="autovacuum worker", query=query, locks=lock("ShareUpdateExclusiveLock"))
        assert "does not give way" in activity.running_vacuum(facts(sessions=[row])).todo
        usual = {**row, "query": "autovacuum: VACUUM public.x"}
        assert "gives way" in activity.running_vacuum(facts(sessions=[usual])).todo

    def test_with_nothing_to_do_nobody_is_in_the_way(self) -> None:
        look = facts(sessions=[session()], plan=Plan(()), prepared=[{"gid": "x"}])
        for judge in (activity.old_transaction, activity.idle_in_transaction, activity.prepared_transaction):
            assert not judge(look).found


class TestRefusals:
    def test_each_problem_of_a_plan_belongs_to_one_check(self) -> None:
        row_problem = Problem("3 rows refer to no row")
        problems = (
            Problem("permission denied: x; GRANT x", permission=True),
            Problem("the name is taken", clash=True),
            Problem("there is no column"),
            row_problem,
        )
        plan = Plan((Outcome("index", DRAWER, "i", "", STEP, problems),), (Problem("there is no column"),))
        look = facts(plan=plan, data=(row_problem,))
        judged = [
            judge(look).evidence
            for judge in (
                refusals.privileges,
                refusals.name_clash,
                refusals.refused_change,
                refusals.conflicting_rows,
            )
        ]
        assert judged == [
            ("permission denied: x; GRANT x",),
            ("the name is taken",),
            ("there is no column",),
            ("3 rows refer to no row",),
        ]

    @pytest.mark.parametrize(
        ("row", "word"),
        [
            ({}, None),
            ({"may_create_schema": False}, 'GRANT CREATE ON DATABASE "clinic"'),
            ({"journal_schema": True, "may_use_journal": True, "may_write_journal": True}, None),
            ({"journal_schema": True, "may_use_journal": True, "may_write_journal": False}, "GRANT USAGE, CREATE"),
            ({"journal_schema": True, "may_write_journal": True}, "GRANT USAGE, CREATE"),
            ({"journal_schema": True, "may_use_journal": True, "may_fill_journal": True}, None),
            ({"journal_schema": True, "may_use_journal": True}, "GRANT USAGE, CREATE"),
        ],
    )
    def test_the_journal_is_written_by_whoever_applies(self, row: dict[str, Any], word: str | None) -> None:
        judgement = refusals.privileges(facts(row))
        assert judgement.found is (word is not None)
        assert word is None or word in judgement.evidence[0]
        # With nothing to do nothing is written.
        assert not refusals.privileges(facts(row, plan=Plan(()))).found


class TestHistory:
    def test_drift_is_told_as_before_and_after(self) -> None:
        drift = Drift("index", DRAWER, "i", "20261122T215339Z-4f1c", "m", "CREATE INDEX i", "not there")
        (sentence,) = history.drift(facts(journal=True, left=3, drift=[drift])).evidence
        assert sentence == ("index public.i was left by 20261122T215339Z-4f1c (m) as: CREATE INDEX i; now: not there")

    def test_the_newest_proven_backup_counts_and_a_damaged_one_is_told(self) -> None:
        good, bad = Backup("/b/1", 7200.0, "read"), Backup("/b/2", problem="was changed")
        assert not history.backup(facts(backup_directory="/b", backups=[good])).found
        judgement = history.backup(facts(backup_directory="/b", backups=[bad, good]))
        assert judgement.found
        assert "2.0 h old (proof: read)" in judgement.evidence[0]
        assert "/b/2: was changed" in judgement.evidence[1]


def test_what_could_not_be_read_is_no_good_news() -> None:
    """And it keeps no other check from being made. Every subject belongs to a check."""
    subjects = {check.reads for check in CHECKS if check.reads}
    known = {field.name for field in fields(Facts)}
    assert subjects <= known
    look = facts(unreadable={subject: f"no {subject} here" for subject in subjects})
    for check in CHECKS:
        judgement = judged(check, look)
        if check.reads:
            assert judgement.found
            assert judgement.evidence == (f"could not be looked at: no {check.reads} here",)
            assert "grant this role" in judgement.todo
        else:
            assert "could not" not in str(judgement)
