# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The preflight as an operator meets it: what stops a deployment, what only warns, and what verify.yml tells later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._preflight.checks import CHECKS
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, Run, is_migrated, is_untouched

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOST = "clinic"


@dataclass
class Story:
    """A host without pg_dump, a blocker, a deployment, the same again, and a change by hand that verify finds."""

    desk: Desk
    without_programs: Run
    blocked: Run
    blocked_result: dict[str, Any]
    untouched: bool
    deployed: Run
    deployed_result: dict[str, Any]
    again: Run
    again_result: dict[str, Any]
    verified: Run
    verified_result: dict[str, Any]


@pytest.fixture(scope="module")
def story(new_desk: NewDesk) -> Story:
    desk = new_desk(HOST)
    database = desk.databases[HOST]
    without_programs = desk.play("deploy", "--check", steady_programs_dir=str(desk.folder))
    blocked = desk.play("deploy", steady_preflight_severity={"redundant_index": "blocker"})
    blocked_result, untouched = desk.result(HOST), is_untouched(database)
    deployed = desk.play("deploy", steady_preflight_severity={"unsafe_setting": "ok"})
    deployed_result = desk.result(HOST)
    again = desk.play("deploy")
    again_result = desk.result(HOST)
    database.execute('DROP INDEX "Staff_tenantId_isActive_idx"')
    verified = desk.play("verify")
    return Story(
        desk,
        without_programs,
        blocked,
        blocked_result,
        untouched,
        deployed,
        deployed_result,
        again,
        again_result,
        verified,
        desk.result(HOST),
    )


def findings(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in result["preflight"]}


def test_check_mode_knows_that_no_backup_could_be_taken(story: Story) -> None:
    assert story.without_programs.status != 0
    said = story.without_programs.said_by(HOST)
    assert "blocker: backup_needs: There is no pg_dump for PostgreSQL" in said
    assert "what to do: install the client programs" in said
    assert "backup_needs" not in story.blocked.said_by(HOST)


def test_a_blocker_stops_before_anything_is_changed(story: Story) -> None:
    assert story.blocked.status != 0
    assert story.untouched
    assert not story.blocked.has_run("Back up the database and prove the backup")
    found = findings(story.blocked_result)
    assert list(found) == [check.name for check in CHECKS]
    assert (found["redundant_index"]["status"], found["redundant_index"]["severity_changed"]) == ("blocker", True)
    assert story.blocked_result["status"] == "failed"
    said = story.blocked.said_by(HOST)
    assert f"preflight: {len(CHECKS)} checks" in said
    assert "1 blocker" in said
    assert "blocker: redundant_index: " in said
    assert "what to do: " in said


def test_with_warnings_it_goes_on_and_says_them_first_and_last(story: Story) -> None:
    assert story.deployed.status == 0
    found = findings(story.deployed_result)
    assert found["redundant_index"]["status"] == "warning"
    assert (found["unsafe_setting"]["status"], found["unsafe_setting"]["severity_changed"]) == ("ok", True)
    said = story.deployed.said_by(HOST)
    assert "warning: redundant_index: " in said
    assert "warning: unsafe_setting" not in said
    output = story.deployed.output
    assert output.index(f"preflight: {len(CHECKS)} checks") < output.index("[steady.postgresql.backup")
    report = (story.desk.runs(HOST)[1] / "report.html").read_text()
    assert "checks found nothing" in report
    assert "redundant_index" in report


def test_a_deployment_with_nothing_to_do_has_its_preflight_too(story: Story) -> None:
    assert story.again.status == 0
    assert story.again_result["steps"] == []
    found = findings(story.again_result)
    assert found["drift"]["evidence"] == ["11 objects of former deployments stand as they were left"]
    assert found["backup"]["evidence"][0].startswith("the newest proven backup is ")
    assert "(proof: read)" in found["backup"]["evidence"][0]


def test_verify_shows_a_change_by_hand_as_before_and_after(story: Story) -> None:
    assert story.verified.status != 0
    assert not is_migrated(story.desk.databases[HOST])
    (wrong,) = [one for one in story.verified_result["verification"] if one["status"] == "failed"]
    assert wrong["name"] == "index Staff.Staff_tenantId_isActive_idx"
    assert wrong["before"].startswith('CREATE INDEX "Staff_tenantId_isActive_idx" ON public."Staff"')
    assert wrong["after"] == "not there"
    assert "was left as: CREATE INDEX" in story.verified.said_by(HOST)
