# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a run leaves on the controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._artifacts import refuse_unwritable, write_artifacts
from unit.results import ROOT, applied, came_to, check, module_result, planned, refused, step, verified

TEMPLATES = ROOT / "roles" / "report" / "templates"
DEPLOYED = came_to(apply=applied(step()), verify=verified(check()))


def written(folder: Path, result: dict[str, Any]) -> Path:
    return write_artifacts(folder, result, TEMPLATES)


def test_one_folder_with_all_files_and_latest_beside_it(tmp_path: Path) -> None:
    target = written(tmp_path / "artifacts" / "db1", DEPLOYED)
    assert target == tmp_path / "artifacts" / "db1" / "20261122T215339Z-4f1c"
    assert sorted(path.name for path in target.iterdir()) == [
        "junit.xml",
        "plan.sql",
        "report.html",
        "report.md",
        "result.json",
    ]
    document = json.loads((target / "result.json").read_text(encoding="utf-8"))
    assert document == {key: value for key, value in DEPLOYED.items() if key != "plan_sql"}
    assert (target / "plan.sql").read_text(encoding="utf-8") == "CREATE INDEX;\n"
    latest = target.parent / "latest"
    assert latest.resolve() == target.resolve()
    assert not latest.readlink().is_absolute(), "the folder can be moved"
    assert sorted(path.name for path in target.parent.iterdir()) == ["20261122T215339Z-4f1c", "latest"]


def test_they_are_private_to_their_user(tmp_path: Path) -> None:
    target = written(tmp_path / "host", DEPLOYED)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "host", target)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {0o600}


def test_what_an_earlier_run_left_is_never_written_over_and_latest_is_the_newest(tmp_path: Path) -> None:
    names = [written(tmp_path, {**DEPLOYED, "attempt": attempt}).name for attempt in (1, 2, 3)]
    assert names == ["20261122T215339Z-4f1c", "20261122T215339Z-4f1c.2", "20261122T215339Z-4f1c.3"]
    attempts = [json.loads((tmp_path / name / "result.json").read_text(encoding="utf-8"))["attempt"] for name in names]
    assert attempts == [1, 2, 3]
    assert (tmp_path / "latest").readlink() == Path(names[-1])


@pytest.mark.parametrize(("action", "suffix"), [("rollback", ".rollback"), ("verify", ".verify")])
def test_rollback_and_verification_have_folders_of_their_own(tmp_path: Path, action: str, suffix: str) -> None:
    written(tmp_path, DEPLOYED)
    assert written(tmp_path, {**DEPLOYED, "action": action}).name == "20261122T215339Z-4f1c" + suffix


def test_a_folder_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="file"):
        written(tmp_path / "file", DEPLOYED)


def test_names_that_utf8_cannot_encode_do_not_stop_the_report(tmp_path: Path) -> None:
    target = written(tmp_path, {**DEPLOYED, "database": "x\udcff", "plan_sql": "-- \udcff\n"})
    assert (target / "plan.sql").read_text(encoding="utf-8") == "-- \\xff\n"
    assert "x\\xff" in (target / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "results",
    [
        {"apply": applied(step(attempts=3, lock_wait_ms=12.3)), "verify": verified(check("skipped"))},
        {"apply": applied(step(), step("failed"), step("not started"), status="failed", msg="no room")},
        {"plan": planned()},
        {"plan": planned(step("planned"))},
        {"plan": refused()},
        {"verify": verified(check(), check("failed"))},
        {"verify": refused()},
        {
            "rollback": module_result(
                "rolled_back",
                step(),
                removed_parameters=["pgbouncer"],
                notes=["n"],
                left_out=[{"kind": "index", "object": "o", "reasons": ["r"]}],
            )
        },
        {"rollback": module_result("rolled_back", deployment_id=None)},
    ],
    ids=str,
)
def test_every_outcome_can_be_shown(tmp_path: Path, results: dict[str, Any]) -> None:
    """The template is strict: a key that the outcome does not have is an error."""
    page = (written(tmp_path, came_to(**results)) / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().startswith("<!doctype html>")
    assert "{{" not in page
    assert "{%" not in page


def test_a_key_that_is_missing_is_an_error_and_no_gap(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        written(tmp_path, {key: value for key, value in DEPLOYED.items() if key != "notes"})


def test_names_are_no_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    work = applied(
        step(object=evil, sql=[evil], summary=evil, locks=[evil]),
        step("failed", object=evil, error=evil),
        status="failed",
        msg=evil,
        database=evil,
        database_role=evil,
        migration_id=evil,
        notes=[evil],
        present=[{"kind": "index", "object": evil, "state": evil}],
    )
    result = came_to(apply=work, verify=verified(check("failed", evil)))
    page = (written(tmp_path, {**result, "host": evil, "undo": evil}) / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10


class TestTrial:
    """T1: what the end of a run writes is tried at its beginning."""

    @pytest.mark.parametrize("together", [False, True])
    def test_it_leaves_only_the_folder(self, tmp_path: Path, together: bool) -> None:
        refuse_unwritable(tmp_path / "artifacts", "a/b", together)
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["a_b", "artifacts"]

    @pytest.mark.parametrize(
        ("place", "folder", "together"),
        [
            ("artifacts", False, False),
            ("artifacts/db1", False, False),
            ("artifacts/db1/latest", True, False),
            ("artifacts/index.html", True, True),
        ],
    )
    def test_what_stands_where_it_would_write_is_named(
        self, tmp_path: Path, place: str, folder: bool, together: bool
    ) -> None:
        taken = tmp_path / place
        taken.parent.mkdir(parents=True, exist_ok=True)
        taken.mkdir() if folder else taken.touch()
        with pytest.raises(OSError, match=r"rectory|exists") as refusal:
            refuse_unwritable(tmp_path / "artifacts", "db1", together)
        assert str(refusal.value.filename).startswith(str(tmp_path / "artifacts"))

    def test_a_new_run_is_written_beside_an_old_one(self, tmp_path: Path) -> None:
        written(tmp_path / "db1", DEPLOYED)
        refuse_unwritable(tmp_path, "db1", together=True)
