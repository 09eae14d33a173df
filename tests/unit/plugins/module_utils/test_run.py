# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What deployments, rollbacks and verifications have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import Address
from ansible_collections.steady.postgresql.plugins.module_utils._connection.stop import Stopped
from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Server
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.executor import StepResult
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.results import failed_step_error, plan_result
from ansible_collections.steady.postgresql.plugins.module_utils._migration.reading import read_migration
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import (
    Outcome,
    Plan,
    Problem,
    Step,
    autocommit,
)
from ansible_collections.steady.postgresql.plugins.module_utils._planning import images
from ansible_collections.steady.postgresql.plugins.module_utils._planning.images import recheck
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import COLLECTION_VERSION, Options, now
from ansible_collections.steady.postgresql.plugins.module_utils._run.results import result_of
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import (
    ConnectionProblem,
    Refused,
    SteadyError,
)
from unit.builders import DRAWER, FakeSession, index_image, key_image

ROOT = Path(__file__).resolve().parents[4]
BUILD = Step("index", DRAWER, "i", "create", (autocommit(DRAWER, "CREATE i"),))


class TestMigration:
    MINIMAL: ClassVar[dict[str, Any]] = {"id": "m", "indexes": [{"table": "t", "columns": ["a"]}]}

    @pytest.mark.parametrize(
        ("stated", "address", "schema"),
        [(None, None, "public"), ("a", None, "a"), (None, "b", "b"), ("a", "a", "a")],
    )
    def test_the_schema_is_the_migrations_or_the_addresses(
        self, stated: str | None, address: str | None, schema: str
    ) -> None:
        data = {**self.MINIMAL, **({"schema": stated} if stated else {})}
        migration, found = read_migration(data, Address({}, address))
        assert found == schema
        assert migration.objects["indexes"][0].schema == schema

    def test_two_schemas_cannot_both_be_meant(self) -> None:
        with pytest.raises(SteadyError, match="says schema: a, the database address says schema b") as caught:
            read_migration({**self.MINIMAL, "schema": "a"}, Address({}, "b"))
        assert caught.value.left == "the database was not contacted"

    def test_a_search_path_is_no_schema(self) -> None:
        """A13: public where it is the first, a question where another one is."""
        assert read_migration(self.MINIMAL, Address({}, path=("public", "a")))[1] == "public"
        assert read_migration({**self.MINIMAL, "schema": "b"}, Address({}, path=("a", "public")))[1] == "b"
        with pytest.raises(ConnectionProblem, match="search path of the database address is a, public") as caught:
            read_migration(self.MINIMAL, Address({}, path=("a", "public")))
        assert "schema=" in caught.value.todo

    def test_all_that_is_wrong_with_it_at_once(self) -> None:
        with pytest.raises(Refused) as caught:
            read_migration({"id": "no good", "indexes": [{"table": "t"}]}, Address({}))
        assert [reason.split(":")[0] for reason in caught.value.reasons] == ["id", "indexes[0].columns"]
        assert caught.value.left == "the database was not contacted"


class TestRecheck:
    """Between plan and step somebody else may have been at work."""

    INDEX, KEY = index_image("i", ["a"]), key_image("i", ["a"])
    COLUMN: ClassVar[dict[str, Any]] = {"name": "i", "nullable": True, "constraint": None}

    def check(self, monkeypatch: pytest.MonkeyPatch, planned: Any, found: Any, kind: str = "index") -> None:
        monkeypatch.setattr(images, "read_image", lambda _session, _step: found)
        recheck(FakeSession(), Step(kind, DRAWER, "i", "replace", (), planned))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("kind", "planned", "found"),
        [
            ("index", None, None),
            ("index", INDEX, INDEX),
            ("index", INDEX, {**INDEX, "comment": "new"}),
            # The index of a partitioned table becomes valid by the attachments of the run itself.
            ("index", {**INDEX, "partitions": [], "valid": False}, {**INDEX, "partitions": []}),
            ("foreign_key", KEY, KEY),
            ("column", COLUMN, {**COLUMN, "checks": []}),
        ],
    )
    def test_nothing_changed(self, monkeypatch: pytest.MonkeyPatch, kind: str, planned: Any, found: Any) -> None:
        self.check(monkeypatch, planned, found, kind)

    @pytest.mark.parametrize(
        ("kind", "planned", "found", "words"),
        [
            ("index", None, INDEX, "planned for: nothing there; found: tail"),
            ("index", INDEX, None, "found: nothing there"),
            ("index", INDEX, {**INDEX, "tail": "other"}, "found: tail other, valid True"),
            ("index", INDEX, {**INDEX, "valid": False}, "valid False"),
            ("foreign_key", KEY, {**KEY, "on_delete": "cascade"}, "columns ['a'], "),
            ("column", COLUMN, {**COLUMN, "nullable": False}, "planned for: nullable True; found: nullable False"),
        ],
    )
    def test_something_did(
        self, monkeypatch: pytest.MonkeyPatch, kind: str, planned: Any, found: Any, words: str
    ) -> None:
        with pytest.raises(SteadyError, match="was changed by another session since the plan was made") as caught:
            self.check(monkeypatch, planned, found, kind)
        assert words in caught.value.why
        assert caught.value.left.endswith("was not touched")


class TestResult:
    SERVER = Server(180001, "18.1", "clinic", "deployer", "7341", False, None)

    def test_has_the_keys_that_every_result_has(self) -> None:
        address = Address({"password": "qxzj"}, None, ("pgbouncer",))
        result = result_of(self.SERVER, address, "planned", "2026-01-01T00:00:00Z", changed=True)
        finished = result.pop("finished_at")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", finished)
        assert finished <= now()
        assert result == {
            "status": "planned",
            "database": "clinic",
            "server_version": "18.1",
            "system_identifier": "7341",
            "database_role": "deployer",
            "started_at": "2026-01-01T00:00:00Z",
            "removed_parameters": ["pgbouncer"],
            "changed": True,
        }

    def test_of_a_plan(self) -> None:
        there = Outcome("column", DRAWER, "c", "NULL allowed", notes=("twice", "once"))
        refused = Outcome("index", DRAWER, "j", "cannot be planned", problems=(Problem("no"),), notes=("twice",))
        plan = Plan((there, Outcome("index", DRAWER, "i", "not there", BUILD), refused))
        result = plan_result(plan)
        assert (result["plan_hash"], result["plan_sql"]) == (plan.hash, plan.text())
        assert result["present"] == [{"kind": "column", "object": "public.CashDrawer.c", "state": "NULL allowed"}]
        assert result["notes"] == ["twice", "once"]
        assert result["steps"] == [{**StepResult(BUILD).as_dict(), "status": "planned"}]

    def test_the_version_is_that_of_galaxy_yml(self) -> None:
        assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == COLLECTION_VERSION

    def test_the_purpose_of_a_run_and_whether_it_writes(self) -> None:
        for check in (True, False):
            target = Options("postgresql://h/d", check=check).target(Address({"host": "h"}), "plan")
            assert (target.purpose, target.writes) == ("plan", not check)


class TestFailedStep:
    UNDO = "or undo what is done with rollback.yml"

    def error(self, *statuses: str, left: str = "", facts: Any = None) -> SteadyError:
        results = []
        for number, status in enumerate(statuses):
            step = Step("index", DRAWER, f"i{number}", "create", ())
            error = SteadyError(f"no {number}", "disk full", "", left, "53100", facts) if status == "failed" else None
            results.append(StepResult(step, status, error=error, begun=status != "not started"))
        return failed_step_error(results, self.UNDO)

    def test_says_what_is_done_and_stays_and_what_was_not_begun(self) -> None:
        error = self.error("done", "failed", "not started", left="no invalid index was left behind", facts={"x": 1})
        assert (error.what, error.why, error.sqlstate, error.facts) == ("no 1", "disk full", "53100", {"x": 1})
        assert error.done == "1 of 3 steps"
        assert error.left == "no invalid index was left behind; not begun: public.i2"

    def test_with_nothing_done(self) -> None:
        error = self.error("failed")
        assert (error.done, error.left) == ("0 of 1 steps", "")

    def test_names_all_that_failed_side_by_side(self) -> None:
        assert self.error("failed", "failed", "done").what == "no 0; no 1"

    @pytest.mark.parametrize(
        "first", [SteadyError("x", todo="free space", rerun=True), SteadyError("x", todo="free space")]
    )
    def test_s26_says_once_that_the_same_command_goes_on(self, first: SteadyError) -> None:
        """S26: advice is data; nothing is cut out of its words."""
        again = f"run the same command again, which continues with what is left; {self.UNDO}"
        step = Step("index", DRAWER, "i", "create", ())
        assert (
            failed_step_error([StepResult(step, "failed", error=first)], self.UNDO).todo == f"free space; then {again}"
        )
        for nothing in (SteadyError("x"), Stopped("SIGTERM")):
            assert failed_step_error([StepResult(step, "failed", error=nothing)], self.UNDO).todo == again
