# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Roles by themselves, modules by themselves, and parts of a playbook by its tags."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking.backup import backup
from integration.ansible_command import ROOT
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk, Run, check_result, is_migrated, is_untouched, journal
from lab.installations import installation

HOST = "clinic"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# The report and the review write on the controller and have no database to connect to.
IN_GROUP = [name for name in MODULES if name not in ("fleet_report", "report", "review", "variables")]


def _playbook(desk: Desk, name: str, tasks: list[dict[str, Any]], **play: Any) -> Path:
    """A playbook of the operator's own."""
    path = desk.folder / f"{name}.yml"
    path.write_text(json.dumps([{"name": name, "hosts": "all", "gather_facts": False, **play, "tasks": tasks}]))
    return path


def _role(name: str, **variables: Any) -> dict[str, Any]:
    role = {"name": f"steady.postgresql.{name}"}
    return {"name": name, "ansible.builtin.import_role": role, "vars": variables}


# -- roles by themselves -----------------------------------------------------------------------------------------------


@dataclass
class Alone:
    """Each role with its own variables; no variable of the playbooks is set."""

    desk: Desk
    before: str
    applied: Run
    migrated: bool
    applied_result: dict[str, Any]
    rolled_back: Run
    rolled_back_result: dict[str, Any]


@pytest.fixture(scope="module")
def alone(new_desk: NewDesk) -> Alone:
    """Apply, verify and report in one playbook; rollback and report in another."""
    desk = new_desk(HOST)
    database = desk.databases[HOST]
    path = desk.inventory()
    inventory = json.loads(path.read_text())
    inventory["all"]["hosts"][HOST] = {}
    del inventory["all"]["vars"]["steady_migration"]
    path.write_text(json.dumps(inventory))
    reports = str(desk.folder / "artifacts")
    apply = _playbook(
        desk,
        "apply",
        [
            _role(
                "apply",
                apply_database_url=database.url(),
                apply_migration=str(ROOT / "migrations/schema_optimizations.yml"),
                apply_lock_budget="50ms",
                apply_lock_patience="30s",
                apply_parallel=1,
                apply_expect={"database": database.name},
            ),
            _role("verify", verify_database_url=database.url(), verify_migration="schema_optimizations"),
            _role(
                "report",
                report_artifacts_dir=reports,
                report_results={"apply": "{{ __apply_result }}", "verify": "{{ __verify_result }}"},
            ),
        ],
    )
    # A migration by its name is looked for beside the playbook, too.
    (desk.folder / "migrations").symlink_to(ROOT / "migrations")
    rollback = _playbook(
        desk,
        "rollback",
        [
            _role("rollback", rollback_database_url=database.url()),
            _role("report", report_artifacts_dir=reports, report_results={"rollback": "{{ __rollback_result }}"}),
        ],
    )
    before = database.dump()
    applied = desk.play(apply)
    migrated, applied_result = is_migrated(database), desk.result(HOST)
    rolled_back = desk.play(rollback)
    return Alone(desk, before, applied, migrated, applied_result, rolled_back, desk.result(HOST))


@pytest.mark.postgres
@pytest.mark.slow
def test_the_roles_apply_verify_and_report_work_alone(alone: Alone) -> None:
    """With nothing but their own variables."""
    assert alone.applied.status == 0
    assert alone.migrated
    assert alone.applied_result["status"] == "succeeded"
    assert {check["status"] for check in alone.applied_result["verification"]} == {"ok"}


@pytest.mark.postgres
@pytest.mark.slow
def test_the_role_rollback_works_alone(alone: Alone) -> None:
    """It undoes the last deployment."""
    assert alone.rolled_back.status == 0
    assert alone.desk.databases[HOST].dump() == alone.before
    assert alone.rolled_back_result["status"] == "rolled_back"


# -- modules by themselves ---------------------------------------------------------------------------------------------


@dataclass
class Example:
    """playbooks/example_modules.yml: once, again, and three rollbacks, with the dump before and after each of them."""

    desk: Desk
    check: Run
    first: Run
    second: Run
    rollbacks: list[Run]
    dumps: list[str]


@pytest.fixture(scope="module")
def example(new_desk: NewDesk) -> Example:
    """Three changes, each a deployment of its own."""
    desk = new_desk(HOST)
    database = desk.databases[HOST]
    dumps = [database.dump()]
    with database.nothing_written():
        check = desk.play("example_modules", "--check", "--diff")
    first = desk.play("example_modules")
    with database.nothing_written():
        second = desk.play("example_modules")
    rollbacks = []
    for _unused in range(3):
        dumps.append(database.dump())
        rollbacks.append(desk.play("rollback"))
    dumps.append(database.dump())
    return Example(desk, check, first, second, rollbacks, dumps)


@pytest.mark.postgres
@pytest.mark.slow
def test_the_example_with_modules_only_runs_twice(example: Example) -> None:
    """Three changes, then none (the fixture watched the database)."""
    assert example.first.status == 0
    assert example.first.recap[HOST]["changed"] == 3
    assert example.second.status == 0
    assert example.second.recap[HOST]["changed"] == 0


@pytest.mark.postgres
@pytest.mark.slow
def test_the_example_in_check_mode_shows_what_each_module_would_do(example: Example) -> None:
    """The key on "set null" too, though its column takes no NULL yet: the task before would have changed that."""
    assert example.check.status == 0
    assert 'ALTER COLUMN "openedById" DROP NOT NULL;' in example.check.output
    assert 'CREATE INDEX CONCURRENTLY "CashDrawer_tenantId_status_openedAt_idx"' in example.check.output


@pytest.mark.postgres
@pytest.mark.slow
def test_three_rollbacks_undo_the_example(example: Example) -> None:
    """The last change first, one by one, back to the first dump."""
    assert [run.status for run in example.rollbacks] == [0, 0, 0]
    assert [run.recap[HOST]["changed"] for run in example.rollbacks] == [1, 1, 1]
    assert len(set(example.dumps)) == 4
    assert example.dumps[-1] == example.dumps[0]
    assert {status for status, _unused, _second in journal(example.desk.databases[HOST])} == {"rolled_back"}


@pytest.mark.postgres
@pytest.mark.slow
def test_module_defaults_of_the_group_reach_every_module(new_desk: NewDesk) -> None:
    """The address is said once, and no module is told it again. What changes is only planned."""
    desk = new_desk(HOST)
    migration = "schema_optimizations"
    dump = desk.folder / "dump"
    command = [f"{installation().bin_dir}/pg_dump", "--format=custom", f"--file={dump}", desk.databases[HOST].url()]
    subprocess.run(command, check=True)
    arguments: dict[str, dict[str, Any]] = {
        "activity_info": {},
        "apply": {"migration": migration},
        "backup": {"directory": str(desk.folder / "backups"), "programs_dir": str(installation().bin_dir)},
        "backup_verify": {"backup": str(dump), "compare": True, "programs_dir": str(installation().bin_dir)},
        "column": {"columns": [{"table": "CashDrawer", "name": "openedById", "nullable": True}]},
        "constraint": {"constraints": [{"table": "Sale", "name": "Sale_id_check", "check": "id IS NOT NULL"}]},
        "evidence": {"migration": migration, "when": "before"},
        "foreign_key": {
            "foreign_keys": [
                {
                    "name": "Sale_petId_fkey",
                    "table": "Sale",
                    "columns": ["petId"],
                    "references": {"table": "Pet", "columns": ["id"]},
                    "on_delete": "cascade",
                }
            ]
        },
        "index": {"indexes": [{"table": "Sale", "columns": ["tenantId", "status"]}]},
        "index_usage_info": {},
        "journal_info": {},
        "monitor": {},
        "preflight": {"migration": migration},
        "restore": {"backup": str(desk.folder / "backups"), "programs_dir": str(installation().bin_dir)},
        "rollback": {},
        "verify": {"migration": migration},
    }
    assert sorted(arguments) == IN_GROUP
    backup(arguments["backup"], desk.databases[HOST].options())  # for restore to say what it would do with it
    # A verification before the deployment fails, and that it does shows that it reached the database.
    tasks = [
        {
            "name": name,
            f"steady.postgresql.{name}": options,
            "register": f"{name}_said",
            "failed_when": f"{name}_said.database != '{desk.databases[HOST].name}'",
        }
        for name, options in arguments.items()
    ]
    defaults = {"group/steady.postgresql.steady": {"database_url": "{{ steady_database_url }}"}}
    (desk.folder / "migrations").symlink_to(ROOT / "migrations")
    with desk.databases[HOST].nothing_written():
        run = desk.play(_playbook(desk, "all", tasks, module_defaults=defaults), "--check")
    assert run.status == 0, run.output
    assert run.recap[HOST]["ok"] == len(arguments)


def test_the_action_group_names_every_module_that_connects() -> None:
    """A module that is forgotten there would be the one whose defaults do not work."""
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert sorted(runtime["action_groups"]["steady"]) == IN_GROUP


def test_the_documentation_of_every_module_renders(new_desk: NewDesk) -> None:
    """As `ansible-doc -t module` shows it."""
    names = [f"steady.postgresql.{name}" for name in MODULES]
    run = new_desk().command("ansible-doc", "-t", "module", *names)
    assert run.status == 0, run.output
    text = re.sub(r"\x1b\[\d*m", "", run.output)
    for name in names:
        assert f"> MODULE {name}" in text
    assert run.output.count("EXAMPLES:") == len(names)
    assert "[WARNING]" not in run.output
    assert "[ERROR]" not in run.output


def test_the_documentation_of_every_role_renders(new_desk: NewDesk) -> None:
    """As `ansible-doc -t role` shows it: every role has an argument spec."""
    names = [f"steady.postgresql.{name}" for name in ROLES]
    run = new_desk().command("ansible-doc", "-t", "role", *names)
    assert run.status == 0, run.output
    for name in ROLES:
        assert f"{name}_database_url" in run.output or name in ("report", "review")
    specs = [yaml.safe_load((ROOT / f"roles/{name}/meta/argument_specs.yml").read_text()) for name in ROLES]
    assert run.output.count("ENTRY POINT: ") == sum(len(spec["argument_specs"]) for spec in specs)


# -- parts of a playbook -----------------------------------------------------------------------------------------------


@dataclass
class Tagged:
    """`deploy.yml` with one tag after the other on one database."""

    preflight: Run
    after_preflight: bool
    verify_early: Run
    apply: Run
    after_apply: bool
    apply_result: dict[str, Any]
    apply_again_result: dict[str, Any]
    verify: Run
    verify_result: dict[str, Any]
    report: Run


@pytest.fixture(scope="module")
def tagged(new_desk: NewDesk) -> Tagged:
    """Each in a run of its own."""
    desk = new_desk(HOST)
    database = desk.databases[HOST]
    # It rehearses what will be done, in a transaction that is rolled back.
    preflight = desk.play("deploy", "--tags", "preflight")
    with database.nothing_written():
        verify_early = desk.play("deploy", "--tags", "verify")
    after_preflight = is_untouched(database)
    apply = desk.play("deploy", "--tags", "apply")
    after_apply, apply_result = is_migrated(database), desk.raw_result(HOST)
    with database.nothing_written():
        desk.play("deploy", "--tags", "apply")
        apply_again_result = desk.raw_result(HOST)
        verify = desk.play("deploy", "--tags", "verify")
        verify_result = desk.raw_result(HOST)
        report = desk.play("deploy", "--tags", "report")
    return Tagged(
        preflight,
        after_preflight,
        verify_early,
        apply,
        after_apply,
        apply_result,
        apply_again_result,
        verify,
        verify_result,
        report,
    )


@pytest.mark.postgres
@pytest.mark.slow
def test_the_tag_preflight_only_plans(tagged: Tagged) -> None:
    """The database is as it was, nothing failed, and the plan was made."""
    assert tagged.preflight.status == 0
    assert tagged.preflight.has_run("Plan the migration")
    assert not tagged.preflight.has_run("Apply the migration")
    assert not tagged.preflight.has_run("Verify the migration")
    assert tagged.after_preflight


@pytest.mark.postgres
@pytest.mark.slow
def test_the_tag_apply_applies_and_reports(tagged: Tagged) -> None:
    """It looks first, and leaves the verification out."""
    assert tagged.apply.status == 0
    assert tagged.apply.has_run("Plan the migration")
    assert not tagged.apply.has_run("Verify the migration")
    assert tagged.after_apply
    assert tagged.apply_result["status"] == "succeeded"
    assert tagged.apply_result["verification"] == []
    check_result(tagged.apply_result)


@pytest.mark.postgres
@pytest.mark.slow
def test_the_tag_apply_with_nothing_to_do_is_a_success(tagged: Tagged) -> None:
    """A file never says "planned"."""
    assert tagged.apply_again_result["status"] == "succeeded"
    assert tagged.apply_again_result["changed"] is False


@pytest.mark.postgres
@pytest.mark.slow
def test_the_tag_verify_only_verifies(tagged: Tagged) -> None:
    """No variable of the steps that were left out is missed."""
    assert tagged.verify.status == 0
    assert "is undefined" not in tagged.verify.output
    assert tagged.verify.has_run("Verify the migration")
    assert not tagged.verify.has_run("Apply the migration")
    assert tagged.verify_result["status"] == "succeeded"
    check_result(tagged.verify_result)


@pytest.mark.postgres
@pytest.mark.slow
def test_the_tag_verify_before_the_deployment_finds_differences(tagged: Tagged) -> None:
    """As verify.yml would."""
    assert tagged.verify_early.status == 2
    assert "is undefined" not in tagged.verify_early.output
    assert "checks failed" in tagged.verify_early.output


@pytest.mark.postgres
@pytest.mark.slow
def test_the_tag_report_alone_says_that_nothing_was_run(tagged: Tagged) -> None:
    """There is nothing to report, and a run that did nothing does not look green (N1)."""
    assert tagged.report.status == 2
    assert "is undefined" not in tagged.report.output
    assert f"{HOST}: nothing was run." in tagged.report.output


@pytest.mark.postgres
@pytest.mark.slow
def test_without_the_verification_there_is_a_report(new_desk: NewDesk) -> None:
    """`--skip-tags verify`: what was done stands in a report all the same."""
    desk = new_desk(HOST)
    run = desk.play("deploy", "--skip-tags", "verify")
    assert run.status == 0
    assert is_migrated(desk.databases[HOST])
    assert desk.result(HOST)["status"] == "succeeded"


@pytest.mark.postgres
@pytest.mark.slow
def test_reports_go_beside_where_the_command_runs(new_desk: NewDesk) -> None:
    """Whatever PWD says: cron, systemd and AWX change the folder without telling the environment."""
    desk = new_desk(HOST)
    elsewhere = desk.folder / "elsewhere"
    elsewhere.mkdir()
    desk.play("verify", env={"PWD": str(elsewhere)})
    assert list(elsewhere.iterdir()) == []
    assert desk.result(HOST)["action"] == "verify"
