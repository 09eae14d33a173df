# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Three databases in one inventory: all or none where something is wrong beforehand, and no half of one unsaid."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from integration.cluster import Database
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, Run, held_lock, is_migrated, is_untouched, journal

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

EU, US, ASIA = HOSTS = "clinic-eu", "clinic-us", "clinic-asia"
PATIENCE = "1s"


@dataclass
class Stage:
    """One run, and what stood in each database after it."""

    run: Run
    migrated: dict[str, bool]
    untouched: dict[str, bool]

    @classmethod
    def after(cls, desk: Desk, run: Run) -> Stage:
        """Look at all databases now."""
        return cls(
            run,
            {host: is_migrated(database) for host, database in desk.databases.items()},
            {host: is_untouched(database) for host, database in desk.databases.items()},
        )

    def succeeded(self, host: str) -> bool:
        """Whether the host's part went well, by the recap."""
        return self.run.recap[host]["failed"] == 0 and self.run.recap[host]["unreachable"] == 0


def _orphan(database: Database) -> None:
    """A drawer of nobody who is there: the constraint is switched off for a moment, as by a careless import."""
    database.execute(
        "SET session_replication_role = replica;"
        """ UPDATE "CashDrawer" SET "openedById" = 'ghost' WHERE id = (SELECT min(id) FROM "CashDrawer")"""
    )


def _with_expectation(desk: Desk, host: str, database: str) -> None:
    """Give one host of the inventory the guard against the wrong target."""
    path = desk.inventory()
    inventory = json.loads(path.read_text())
    inventory["all"]["hosts"][host]["steady_expect"] = {"database": database}
    path.write_text(json.dumps(inventory))


# -- before anything is changed ----------------------------------------------------------------------------------------


@dataclass
class Refused:
    """Orphans on one host: refused, then the others by --limit; the guard; and with all in order, all."""

    desk: Desk
    orphans: Stage
    orphans_result: dict[str, Any] | None
    limited: Stage
    guarded: Stage
    all_in_order: Stage


@pytest.fixture(scope="module")
def refused(new_desk: NewDesk) -> Refused:
    """On one set of three databases."""
    desk = new_desk(*HOSTS)
    us = desk.databases[US]
    _orphan(us)
    # The other databases have rehearsed it by then, in transactions that were rolled back.
    orphans = Stage.after(desk, desk.play("deploy"))
    reported = desk.runs(US)
    orphans_result = desk.result(US) if reported else None
    limited = Stage.after(desk, desk.play("deploy", "--limit", f"{EU},{ASIA}"))
    us.execute("""UPDATE "CashDrawer" SET "openedById" = (SELECT min(id) FROM "User") WHERE "openedById" = 'ghost'""")
    _with_expectation(desk, US, "another")
    guarded = Stage.after(desk, desk.play("deploy"))
    _with_expectation(desk, US, us.name)
    all_in_order = Stage.after(desk, desk.play("deploy"))
    return Refused(desk, orphans, orphans_result, limited, guarded, all_in_order)


def test_orphans_on_one_host_stop_the_deployment_before_any_database_is_changed(refused: Refused) -> None:
    """Nor anything kept that was written."""
    assert refused.orphans.run.status == 2
    assert refused.orphans.untouched == dict.fromkeys(HOSTS, True)
    assert not refused.orphans.run.has_run("Apply the migration")


def test_the_orphans_are_counted_with_the_query_that_shows_them(refused: Refused) -> None:
    """Values of rows stay in the database: the inventories do not say steady_show_rows."""
    output = refused.orphans.run.output
    assert re.search(r'\b1 row of "public"."CashDrawer" refers to no row of "public"."User"', output)
    assert "LIMIT 10" in output
    assert "ghost" not in output
    assert "nothing was changed" in output
    assert "Traceback" not in output


def test_a_refusal_leaves_a_report(refused: Refused) -> None:
    """Of the host that refused; nothing was begun there, so nothing has to be undone."""
    result = refused.orphans_result
    assert result is not None
    assert (result["action"], result["status"], result["changed"]) == ("deploy", "failed", False)
    assert "LIMIT 10" in result["error"]
    assert "ghost" not in result["error"]


def test_a_refusal_says_that_no_database_was_changed(refused: Refused) -> None:
    """Of the others, too, which Ansible only counts as ok."""
    last_words = refused.orphans.run.output.partition("PLAY RECAP")[0]
    assert "no database was changed" in last_words.lower()


def test_limit_leaves_out_the_others(refused: Refused) -> None:
    """The two that are in order are deployed, the third one is not even looked at."""
    stage = refused.limited
    assert stage.run.status == 0
    assert stage.migrated == {EU: True, US: False, ASIA: True}
    assert stage.untouched[US]
    assert US not in stage.run.recap


def test_the_wrong_target_is_guarded_against(refused: Refused) -> None:
    """Nothing is written (the fixture watched), and it says what was found and what was meant."""
    stage = refused.guarded
    assert stage.run.status == 2
    assert stage.untouched[US]
    assert "another" in stage.run.output
    assert refused.desk.databases[US].name in stage.run.output
    assert "Traceback" not in stage.run.output


def test_with_all_in_order_all_are_deployed(refused: Refused) -> None:
    """Those that were done before are not changed again."""
    stage = refused.all_in_order
    assert stage.run.status == 0
    assert stage.migrated == dict.fromkeys(HOSTS, True)
    assert {host: stage.run.recap[host]["changed"] for host in HOSTS} == {EU: 0, US: 2, ASIA: 0}
    for host in HOSTS:
        assert refused.desk.result(host)["status"] == "succeeded"


# -- while it is changed -----------------------------------------------------------------------------------------------


@dataclass
class Stopped:
    """A lock on the second host that nobody gives back, one host at a time; afterwards the same command again."""

    desk: Desk
    stage: Stage
    result: dict[str, Any]
    page: str
    journal: list[tuple[str, str, str]]
    again: Stage
    result_again: dict[str, Any]
    rollback: Stage
    dumps: tuple[str, str]


@pytest.fixture(scope="module")
def stopped(new_desk: NewDesk) -> Stopped:
    """The rollout stops at the second host; when the lock is gone it goes on; then the second host is undone."""
    desk = new_desk(*HOSTS)
    us = desk.databases[US]
    before = us.dump()
    with held_lock(us):
        stage = Stage.after(desk, desk.play("deploy", steady_serial=1, steady_lock_patience=PATIENCE))
    result, page, said = desk.result(US), (desk.latest(US) / "report.html").read_text(), journal(us)
    again = Stage.after(desk, desk.play("deploy", steady_serial=1))
    result_again = desk.result(US)
    rollback = Stage.after(desk, desk.play("rollback", "--limit", US))
    return Stopped(desk, stage, result, page, said, again, result_again, rollback, (before, us.dump()))


def test_one_at_a_time_the_hosts_before_the_failure_are_done(stopped: Stopped) -> None:
    """Applied, verified and reported."""
    assert stopped.stage.run.status == 2
    assert stopped.stage.migrated[EU]
    assert stopped.stage.succeeded(EU)
    assert "11 steps done" in stopped.stage.run.said_by(EU)


def test_one_at_a_time_the_hosts_after_the_failure_are_untouched(stopped: Stopped) -> None:
    """Not even the journal is made."""
    assert stopped.stage.untouched[ASIA]


def test_the_host_that_failed_says_what_is_done_and_what_is_not(stopped: Stopped) -> None:
    """Step by step; the operator need not look into the database."""
    said = stopped.stage.run.said_by(US)
    assert "FAILED: 10 of 11 steps done" in said
    assert said.count("  done: ") == 10
    assert "failed: replace foreign key public.CashDrawer.CashDrawer_openedById_fkey" in said
    assert "report.html" in said


def test_the_host_that_failed_names_those_not_begun(stopped: Stopped) -> None:
    """Ansible says nothing of a host whose batch never came: its line in the recap looks like success."""
    assert f"not begun: {ASIA}" in stopped.stage.run.said_by(US).replace("not begun yet:", "not begun:")


def test_whoever_is_in_the_way_is_named(stopped: Stopped) -> None:
    """Process, user, application, what it is doing, and since when."""
    error = stopped.result["error"]
    for part in ("pid ", '"postgres"', '"nightly export"', "idle in transaction", 'LOCK TABLE "User"'):
        assert part in error


def test_the_report_of_a_failure_says_failed(stopped: Stopped) -> None:
    """In the file for programs and in the page for people; the journal in the database as well."""
    result = stopped.result
    assert (result["action"], result["status"], result["changed"]) == ("deploy", "failed", True)
    assert [step["status"] for step in result["steps"]] == ["done"] * 10 + ["failed"]
    assert result["verification"] == []
    assert "10 of 11 steps done; what is done stays" in stopped.page
    assert "nightly export" in stopped.page
    assert stopped.journal == [("failed", "deploy", "failed")]


def test_the_report_of_a_failure_counts_the_attempts(stopped: Stopped) -> None:
    """All that were made before the patience was used up."""
    (failed,) = [step for step in stopped.result["steps"] if step["status"] == "failed"]
    assert failed["attempts"] > 1


def test_a_failure_is_one_readable_message(stopped: Stopped) -> None:
    """Nobody reads through what a module returned to find it: no plan, no steps, and no sentence over and over."""
    output = stopped.stage.run.output
    assert "Traceback" not in output
    assert output.count('No SHARE ROW EXCLUSIVE lock on "public"."CashDrawer"') <= 3
    assert "plan_sql:" not in output
    assert "counts_before:" not in output
    assert len(output.splitlines()) < 260  # of two databases, one of which has its evidence to show


def test_the_same_command_goes_on_where_it_stopped(stopped: Stopped) -> None:
    """The same deployment, its second attempt, with the one step that was left."""
    assert stopped.again.run.status == 0
    assert stopped.again.migrated == dict.fromkeys(HOSTS, True)
    result = stopped.result_again
    assert result["status"] == "succeeded"
    assert (result["deployment_id"], result["attempt"]) == (stopped.result["deployment_id"], 2)
    assert [step["name"] for step in result["steps"]] == ["CashDrawer_openedById_fkey"]


def test_what_took_two_attempts_is_undone_as_one(stopped: Stopped) -> None:
    """By a rollback that is limited to the host; the others stay."""
    assert stopped.rollback.run.status == 0
    assert set(stopped.rollback.run.recap) == {US}
    assert stopped.dumps[0] == stopped.dumps[1]
    assert stopped.rollback.migrated == {EU: True, US: False, ASIA: True}


@pytest.fixture(scope="module")
def together(new_desk: NewDesk) -> tuple[Desk, Stage]:
    """The same lock, with all hosts in one batch."""
    desk = new_desk(*HOSTS)
    with held_lock(desk.databases[US]):
        return desk, Stage.after(desk, desk.play("deploy", steady_lock_patience=PATIENCE))


def test_in_one_batch_the_others_are_complete(together: tuple[Desk, Stage]) -> None:
    """Applied, verified, reported: never half."""
    desk, stage = together
    assert stage.run.status == 2
    assert stage.migrated == {EU: True, US: False, ASIA: True}
    for host in (EU, ASIA):
        assert stage.succeeded(host)
        result = desk.result(host)
        assert result["status"] == "succeeded"
        assert {check["status"] for check in result["verification"]} == {"ok"}


def test_in_one_batch_the_one_that_failed_says_so(together: tuple[Desk, Stage]) -> None:
    """With its own report, and no word of hosts not begun: there are none."""
    desk, stage = together
    assert desk.result(US)["status"] == "failed"
    said = stage.run.said_by(US)
    assert "FAILED: 10 of 11 steps done" in said
    assert "not begun" not in said


@pytest.fixture(scope="module")
def in_twos(new_desk: NewDesk) -> Stage:
    """The same lock, two hosts at a time: one of the first batch fails."""
    desk = new_desk(*HOSTS)
    with held_lock(desk.databases[US]):
        return Stage.after(desk, desk.play("deploy", steady_serial=2, steady_lock_patience=PATIENCE))


def test_by_default_a_failure_keeps_the_next_batch_from_beginning(in_twos: Stage) -> None:
    """What is begun is brought to its end; what is not stays untouched."""
    assert in_twos.run.status == 2
    assert in_twos.migrated == {EU: True, US: False, ASIA: False}
    assert in_twos.untouched[ASIA]
    assert "11 steps done" in in_twos.run.said_by(EU)
    assert "not begun" in in_twos.run.said_by(US)


@pytest.fixture(scope="module")
def going_on(new_desk: NewDesk) -> Stage:
    """The same, and told to go on whatever fails. (A batch that fails as a whole ends every play of Ansible's.)"""
    desk = new_desk(*HOSTS)
    more = {"steady_serial": 2, "steady_lock_patience": PATIENCE, "steady_max_fail_percentage": 100}
    with held_lock(desk.databases[US]):
        return Stage.after(desk, desk.play("deploy", **more))


def test_max_fail_percentage_100_goes_on_after_a_failure(going_on: Stage) -> None:
    """The exit status still says that something failed."""
    assert going_on.run.status == 2
    assert going_on.migrated == {EU: True, US: False, ASIA: True}
    assert going_on.succeeded(ASIA)
