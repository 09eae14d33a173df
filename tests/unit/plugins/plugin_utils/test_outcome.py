# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run came to: its status, its facts, and that result.json is what its schema says."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import jsonschema
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.executor import StepResult
from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import Migration
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Step
from ansible_collections.steady.postgresql.plugins.module_utils._planning.wishes import wishes_of
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import temporary_name
from ansible_collections.steady.postgresql.plugins.plugin_utils._outcome import outcome
from unit import builders
from unit.results import (
    ROOT,
    UNDO,
    applied,
    backed_up,
    came_to,
    check,
    module_result,
    planned,
    refused,
    step,
    tried,
    verified,
)

SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8")))
SKIPPED = {"skipped": True, "changed": False, "skip_reason": "Conditional result was False"}
ROLLED_BACK = {"deployment_id": "20261122T215339Z-4f1c", "attempt": 2, "left_out": []}

#: Name of a run, its results, and what came of it.
RUNS: list[tuple[str, dict[str, Any], str, str, bool]] = [
    (
        "applied and verified",
        {"plan": planned(step("planned")), "apply": applied(step()), "verify": verified(check())},
        "deploy",
        "succeeded",
        True,
    ),
    ("applied alone", {"apply": applied(step())}, "deploy", "succeeded", True),
    (
        "nothing to do",
        {"plan": planned(verification=[check()]), "apply": SKIPPED, "verify": SKIPPED},
        "deploy",
        "succeeded",
        False,
    ),
    ("the review failed", {"plan": refused()}, "deploy", "failed", False),
    (
        "the review failed, with facts",
        {"plan": module_result("failed", failed=True, msg="no", steps=[])},
        "deploy",
        "failed",
        False,
    ),
    (
        "a step failed",
        {
            "plan": planned(step("planned"), step("planned")),
            "apply": applied(step(), step("failed"), step("not started"), status="failed", failed=True, msg="no room"),
        },
        "deploy",
        "failed",
        True,
    ),
    (
        "the verification failed",
        {"plan": planned(step("planned")), "apply": applied(step()), "verify": verified(check("failed"))},
        "deploy",
        "failed",
        True,
    ),
    (
        "nothing to do, but not as it shall be",
        {"plan": planned(verification=[check("failed")]), "apply": SKIPPED, "verify": verified(check("failed"))},
        "deploy",
        "failed",
        False,
    ),
    (
        "the verification did not get through",
        {"apply": applied(step()), "verify": refused("gone")},
        "deploy",
        "failed",
        True,
    ),
    (
        "rolled back",
        {"rollback": module_result("rolled_back", step(action="drop"), **ROLLED_BACK)},
        "rollback",
        "rolled_back",
        True,
    ),
    (
        "nothing to roll back",
        {"rollback": module_result("rolled_back", deployment_id=None, migration_id=None, plan_hash=None)},
        "rollback",
        "rolled_back",
        False,
    ),
    (
        "rolled back in part",
        {
            "rollback": module_result(
                "rolled_back",
                step(),
                **{**ROLLED_BACK, "left_out": [{"kind": "column", "object": "public.Sale.a", "reasons": ["NULLs"]}]},
            )
        },
        "rollback",
        "rolled_back",
        True,
    ),
    (
        "the rollback failed",
        {"rollback": module_result("failed", step("failed"), msg="no room", failed=True, **ROLLED_BACK)},
        "rollback",
        "failed",
        True,
    ),
    ("the rollback was refused", {"rollback": refused()}, "rollback", "failed", False),
    (
        "backed up, applied and verified",
        {
            "plan": planned(step("planned")),
            "backup": backed_up(),
            "apply": applied(step()),
            "verify": verified(check()),
        },
        "deploy",
        "succeeded",
        True,
    ),
    (
        "the backup failed, so that nothing was applied",
        {"plan": planned(step("planned")), "backup": refused("no room")},
        "deploy",
        "failed",
        False,
    ),
    (
        "applied, and it does not do what it is for",
        {
            "plan": planned(step("planned")),
            "apply": applied(step()),
            "verify": verified(check()),
            "evidence": tried(status="failed", failed=True, msg="1 of 1 probes and queries failed"),
        },
        "deploy",
        "failed",
        True,
    ),
    (
        "probes that cannot be run, so that nothing was applied",
        {
            "plan": planned(step("planned")),
            "evidence": tried(status="failed", failed=True, msg="The migration's probes cannot be run"),
        },
        "deploy",
        "failed",
        False,
    ),
    ("tried and measured alone", {"evidence": tried()}, "verify", "succeeded", False),
    ("backed up alone", {"backup": backed_up()}, "backup", "succeeded", False),
    ("the backup alone failed", {"backup": refused("no room")}, "backup", "failed", False),
    (
        "another system takes the backup",
        {
            "plan": planned(step("planned")),
            "backup": {"status": "succeeded", "backup": {"status": "elsewhere", "detail": "Barman, every night at 2"}},
            "apply": applied(step()),
        },
        "deploy",
        "succeeded",
        True,
    ),
    ("verified", {"verify": verified(check(), check("skipped"))}, "verify", "succeeded", False),
    ("not as it shall be", {"verify": verified(check(), check("failed"))}, "verify", "failed", False),
    ("not reached", {"verify": refused()}, "verify", "failed", False),
]


@pytest.mark.parametrize(
    ("results", "action", "status", "changed"), [pytest.param(*run[1:], id=run[0]) for run in RUNS]
)
class TestEveryRun:
    def test_has_an_action_and_a_status(self, results: dict[str, Any], action: str, status: str, changed: bool) -> None:
        result = came_to(**results)
        assert (result["action"], result["status"], result["changed"]) == (action, status, changed)

    def test_is_what_the_schema_says(self, results: dict[str, Any], action: str, status: str, changed: bool) -> None:
        document = {key: value for key, value in came_to(**results).items() if key != "plan_sql"}
        assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(document)] == []
        assert json.loads(json.dumps(document)) == document

    def test_has_an_error_when_it_failed_and_a_way_back_when_it_deployed(
        self, results: dict[str, Any], action: str, status: str, changed: bool
    ) -> None:
        result = came_to(**results)
        assert (result["error"] is not None) is (status == "failed")
        assert (result["undo"] is not None) is (action == "deploy" and changed)


def test_the_facts_are_those_of_the_module_that_did_the_work() -> None:
    plan = planned(step("planned"), database_role="reader", notes=["of the plan"], missing_privileges=["GRANT x"])
    work = applied(step(), notes=["of the work"], removed_parameters=["pgbouncer"])
    result = came_to(plan=plan, apply=work, verify=verified(check()))
    assert (result["host"], result["database_role"], result["notes"]) == ("db1", "deployer", ["of the work"])
    assert result["deployment_id"] == "20261122T215339Z-4f1c"
    assert result["undo"] == "ansible-playbook rollback.yml -e steady_deployment=20261122T215339Z-4f1c"
    assert result["removed_parameters"] == ["pgbouncer"]
    assert result["missing_privileges"] == ["GRANT x"]
    assert result["verification"] == [check()]
    assert result["plan_sql"] == "CREATE INDEX;\n"


def test_the_way_back_to_a_backup_is_a_command_and_only_for_one_that_is_proven() -> None:
    proven = came_to(plan=planned(step("planned")), backup=backed_up(), apply=applied(step()))
    assert proven["restore_command"] == (
        "ansible-playbook restore.yml -e steady_backup=/backups/db1/20261122T215330Z-1a2b -e steady_confirm=clinic"
    )
    assert came_to(backup=refused("no room"))["restore_command"] is None
    assert came_to(apply=applied(step()))["restore_command"] is None


def test_a_failed_backup_is_told_as_such() -> None:
    result = came_to(plan=planned(step("planned")), backup={**refused("no room\nWhy: full"), "what": "no room"})
    assert result["backup"] == {"status": "failed", "detail": "no room"}
    assert result["error"] == "no room\nWhy: full"


def test_the_first_failure_is_the_error() -> None:
    result = came_to(apply=applied(step("failed"), status="failed", msg="no room"), verify=verified(check("failed")))
    assert result["error"] == "no room"


def test_a_review_that_also_verified_is_evidence_when_nothing_had_to_be_done() -> None:
    assert came_to(plan=planned(verification=[check()]))["verification"] == [check()]


def test_a_database_that_was_found_wrong_is_no_success_where_the_verification_is_left_out() -> None:
    """deploy.yml --tags apply on a database where nothing has to be done: the review verified it, and it failed."""
    result = came_to(plan=planned(verification=[check("failed")], verified=False))
    document = {key: value for key, value in result.items() if key != "plan_sql"}
    assert [error.message for error in SCHEMA.iter_errors(document)] == []


class TestSteps:
    """Whatever a planner makes, the schema knows it."""

    SALE, USER = ("public", "Sale"), ("public", "User")
    INDEX: ClassVar[dict[str, Any]] = {"table": "Sale", "name": "x", "columns": ["a"]}
    KEY: ClassVar[dict[str, Any]] = {**INDEX, "references": {"table": "User", "columns": ["id"]}}

    PARTITIONED: ClassVar[dict[Any, Any]] = {
        SALE: builders.table("a", kind="p"),
        ("public", "Sale_1"): builders.table("a", is_partition=True, parent=SALE),
    }

    def steps(self, kind: str, entry: dict[str, Any], **around: Any) -> list[Step]:
        tables = {self.SALE: builders.table("a", "b"), self.USER: builders.table("id")}
        tables.update(around.pop("tables", {}))
        there = builders.catalog(tables, **around)
        section = {"column": "columns", "index": "indexes", "foreign_key": "foreign_keys"}[kind]
        (wish,) = wishes_of(Migration.from_mapping({"id": "m", section: [entry]}))
        return list(wish.kind.plan(wish.target, there).steps)

    def index(self, **changes: Any) -> dict[str, Any]:
        return builders.index_image("x", **{"of": self.SALE, **changes})

    def key(self, name: str = "x", **changes: Any) -> dict[str, Any]:
        return builders.key_image(name, of=self.SALE, **changes)

    def all_steps(self) -> list[Step]:
        absent = {"table": "Sale", "name": "x", "state": "absent"}
        old = temporary_name("x", "old", self.SALE)
        return [
            *self.steps("column", {"table": "Sale", "name": "a", "nullable": False}),
            *self.steps("index", self.INDEX),
            *self.steps("index", self.INDEX, indexes=[self.index(valid=False)]),
            *self.steps("index", self.INDEX, indexes=[self.index(columns=["b"])]),
            *self.steps("index", absent, indexes=[self.index()]),
            *self.steps("index", absent, indexes=[{**self.index(), "name": old}]),
            *self.steps("index", self.INDEX, tables=self.PARTITIONED)[-1:],
            *self.steps("foreign_key", self.KEY),
            *self.steps("foreign_key", self.KEY, constraints=[self.key(validated=False)]),
            *self.steps("foreign_key", {**self.KEY, "on_delete": "cascade"}, constraints=[self.key()]),
            *self.steps("foreign_key", absent, constraints=[self.key()]),
        ]

    def test_every_action_is_in_it(self) -> None:
        steps = self.all_steps()
        assert len({(step.kind, step.action) for step in steps}) == len(steps)
        done = [StepResult(step, "done", 1, started_at=0.0).as_dict() for step in steps]
        document = {key: value for key, value in came_to(apply=applied(*done)).items() if key != "plan_sql"}
        assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(document)] == []

    def test_every_status_is_in_it(self) -> None:
        (step,) = self.steps("index", self.INDEX)
        failed = StepResult(step, "failed", 1, started_at=0.0, error=SteadyError("no room"))
        entries = [failed.as_dict(), StepResult(step).as_dict(), {**StepResult(step).as_dict(), "status": "planned"}]
        work = applied(*entries, status="failed", msg="no room")
        document = {key: value for key, value in came_to(apply=work).items() if key != "plan_sql"}
        assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(document)] == []


@pytest.mark.parametrize("steps", [[], [step("planned")]])
def test_check_mode_is_a_plan(steps: list[dict[str, Any]]) -> None:
    result = came_to(checking=True, plan=planned(*steps))
    assert (result["action"], result["status"], result["changed"]) == ("deploy", "planned", False)
    assert result["undo"] is None
    assert came_to(checking=True, rollback=module_result("planned", *steps))["status"] == "planned"
    assert came_to(checking=True, verify=verified(check()))["status"] == "succeeded"


def test_a_plan_that_was_not_applied_stays_one() -> None:
    """Its host was ended before its turn came."""
    assert came_to(plan=planned(step("planned")), apply=SKIPPED)["status"] == "planned"


@pytest.mark.parametrize(
    "results", [{}, {"plan": {}, "apply": {}}, {"plan": SKIPPED}, {"verify": None, "rollback": ""}]
)
def test_where_nothing_was_run_there_is_nothing_to_report(results: dict[str, Any]) -> None:
    assert outcome("db1", results, False, UNDO) is None


def test_a_run_without_an_id_has_a_folder_of_its_own_all_the_same() -> None:
    first, second = (came_to(plan=refused())["deployment_id"] for _run in range(2))
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", first)
    assert first != second


def test_braces_in_the_way_back_are_only_braces() -> None:
    result = outcome("db1", {"apply": applied(step())}, False, "rollback -i a{b}")
    assert result is not None
    assert result["undo"] == "rollback -i a{b} -e steady_deployment=20261122T215339Z-4f1c"
