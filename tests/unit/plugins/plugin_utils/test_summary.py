# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome in a few lines: first what it is, last what to do."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._findings import finding_summary
from ansible_collections.steady.postgresql.plugins.plugin_utils._summary import lines, unwritten_lines
from unit.results import HASH, applied, backed_up, came_to, check, module_result, planned, refused, step, verified


def said(
    checking: bool = False, directory: str = "", not_begun: Any = (), diff: bool = False, **results: Any
) -> list[str]:
    return lines(came_to(checking, **results), directory, not_begun, diff)


def test_a_deployment() -> None:
    work = applied(step(duration_ms=1234.5), step(name="j", attempts=3, lock_wait_ms=321.4, duration_ms=60000))
    assert said(apply=work, verify=verified(check(), check()), directory="artifacts/db1/x") == [
        "clinic: 2 steps done",
        "  done: create index public.i (1.2 s)",
        "  done: create index public.j (60.0 s, 0.3 s of it for locks in 3 attempts)",
        "  verification: 2 of 2 checks ok",
        "  report: artifacts/db1/x/report.html",
        "  to undo: ansible-playbook rollback.yml -e steady_deployment=20261122T215339Z-4f1c",
    ]


def test_a_plan_in_check_mode() -> None:
    plan = planned(step("planned", kind="foreign_key", action="replace"), missing_privileges=["GRANT x"], notes=["n"])
    assert said(checking=True, plan=plan) == [
        "clinic: 1 step planned, nothing was changed",
        "  planned: replace foreign key public.i",
        "  note: n",
        "  missing privilege: GRANT x",
        f"  plan hash: {HASH} (--diff shows every statement and its locks)",
    ]
    assert f"  plan hash: {HASH}" in said(checking=True, diff=True, plan=plan)


def test_a_failure_says_what_is_done_and_what_is_not() -> None:
    work = applied(step(), step("failed", name="j"), step("not started", name="k"), status="failed", msg="no room")
    assert said(apply=work, not_begun=["db2", "db3"]) == [
        "clinic: FAILED: 1 of 3 steps done",
        "  done: create index public.i (1.2 s)",
        "  failed: create index public.j (1.2 s)",
        "  not started: create index public.k",
        "  to undo: ansible-playbook rollback.yml -e steady_deployment=20261122T215339Z-4f1c",
        "  not begun yet: db2, db3",
    ]


@pytest.mark.parametrize(
    ("results", "headline"),
    [
        ({"plan": planned()}, "nothing to do: everything is as wanted"),
        ({"apply": applied(step())}, "1 step done"),
        ({"rollback": module_result("rolled_back")}, "nothing to undo"),
        ({"rollback": module_result("rolled_back", step())}, "1 step undone"),
        ({"rollback": module_result("rolled_back", step(), step())}, "2 steps undone"),
        ({"verify": verified(check())}, "is what its migration says"),
        (
            {"verify": verified(check("failed"))},
            "FAILED: verification found 1 difference; nothing was changed by looking",
        ),
        (
            {"verify": verified(check("failed"), check("failed"))},
            "FAILED: verification found 2 differences; nothing was changed by looking",
        ),
        (
            {"apply": applied(step()), "verify": verified(check("failed"))},
            "FAILED: 1 of 1 step done; verification found 1 difference",
        ),
        ({"plan": planned(), "verify": verified(check("failed"))}, "FAILED: verification found 1 difference"),
        (
            {"plan": module_result("failed", step("planned"), msg="no", changed=False)},
            "FAILED before anything was begun: nothing was changed",
        ),
    ],
)
def test_headlines(results: dict[str, Any], headline: str) -> None:
    assert said(**results)[0] == f"clinic: {headline}"


def test_in_check_mode_nothing_to_do_is_said_in_so_many_words() -> None:
    assert said(checking=True, plan=planned()) == ["clinic: nothing to do"]


def test_a_database_that_was_not_reached_is_called_by_its_host() -> None:
    assert said(plan=refused()) == ["db1: FAILED before anything was begun: nothing was changed"]


def test_only_checks_that_are_not_ok_are_listed() -> None:
    text = said(verify=verified(check(), check("failed", "rows of Sale"), check("skipped", "q")))
    assert text[1:] == [
        "  verification: 1 of 3 checks ok",
        "    failed: rows of Sale: valid, exactly as wanted",
        "    skipped: q: valid, exactly as wanted",
    ]


def test_who_can_read_an_encrypted_backup() -> None:
    facts = {"program": "age", "version": "1.1.1", "recipients": ["age1a", "age1b"], "read_back": False}
    assert "    can be read by: age1a, age1b" in said(backup=backed_up(encryption=facts))
    assert not [line for line in said(backup=backed_up(encryption=None)) if "can be read" in line]


def test_what_a_rollback_left_out_and_what_was_taken_out_of_the_address() -> None:
    left_out = [{"kind": "column", "object": "public.Sale.a", "reasons": ["3 rows have no a", "twice"]}]
    result = module_result("rolled_back", step(), left_out=left_out, removed_parameters=["pgbouncer", "supa"])
    assert said(rollback=result)[2:] == [
        "  left out: public.Sale.a: 3 rows have no a; twice",
        "  not libpq parameters, taken out of the address: pgbouncer, supa",
    ]


def finding(status: str, name: str, *evidence: str, todo: str = "mend it") -> dict[str, Any]:
    return {"name": name, "status": status, "title": "t", "evidence": list(evidence), "todo": todo}


def test_warnings_and_blockers_of_the_preflight_with_what_to_do() -> None:
    findings = [
        finding("ok", "backup", "none", todo="backup.yml"),
        finding("warning", "redundant_index", "a", "b", "c", "d", "e"),
        finding("blocker", "name_clash", "taken"),
        finding("warning", "drift", "gone", todo=""),
    ]
    assert said(plan=planned(step("planned"), preflight=findings), checking=True)[1:7] == [
        "  preflight: 4 checks, 2 warnings, 1 blocker",
        "    blocker: name_clash: taken",
        "      what to do: mend it",
        "    warning: redundant_index: a; b; c; … and 2 more",
        "      what to do: mend it",
        "    warning: drift: gone",
    ]


def test_a_preflight_without_a_warning_is_one_line() -> None:
    text = said(plan=planned(preflight=[finding("ok", "drift", "all stands", todo="")]), checking=True)
    assert text[1:] == ["  preflight: 1 check, 0 warnings"]


def test_the_preflight_in_one_line() -> None:
    findings = [finding("ok", "backup"), finding("warning", "drift", "x"), finding("blocker", "name_clash", "y")]
    assert finding_summary(findings) == "preflight: 3 checks, 1 warning (drift), 1 blocker (name_clash)"
    assert finding_summary(findings[:1]) == "preflight: 1 check, 0 warnings"


def test_what_somebody_changed_is_shown_as_before_and_after() -> None:
    changed = {**check("failed", "index Sale.i", "drift"), "before": "CREATE INDEX i", "after": "not there"}
    assert said(verify=verified(changed))[1:] == [
        "  verification: 0 of 1 checks ok",
        "    failed: index Sale.i: valid, exactly as wanted",
        "      was left as: CREATE INDEX i",
        "      is now: not there",
    ]


@pytest.mark.parametrize(
    ("result", "said_alone", "stays"),
    [
        ({"action": "deploy", "status": "succeeded", "changed": True}, True, "journal"),
        ({"action": "rollback", "status": "rolled_back", "changed": True}, True, "journal"),
        ({"action": "deploy", "status": "failed", "changed": True}, False, "journal"),
        ({"action": "restore", "status": "succeeded", "changed": True}, True, "stays: what the lines above say"),
        ({"action": "backup", "status": "succeeded", "changed": False}, True, "Done, and stays"),
        ({"action": "verify", "status": "failed", "changed": False}, False, "Left as it was: the database"),
        ({"action": "monitor", "status": "succeeded", "changed": False}, True, "Left as it was: the database"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_from_a_failed_run(
    result: dict[str, Any], said_alone: bool, stays: str
) -> None:
    """T1: what of the run has failed, and what stays."""
    text = unwritten_lines(result, "artifacts/db1", "No space left on device")
    assert ("Only the report failed" in text[0]) is said_alone
    assert stays in text[-1]
