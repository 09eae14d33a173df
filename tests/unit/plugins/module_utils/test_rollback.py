# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollback brings back, in which order, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.rollback import Undo, drift_problems, inverse
from unit.builders import DRAWER, USER, index_image, key_image

BEFORE = index_image("i", ["a"])
AFTER = index_image("i", ["a", "b"])
OTHER = index_image("i", ["c"])


def step(name: str, kind: str = "index", of: tuple[str, str] = DRAWER, **changes: Any) -> dict[str, Any]:
    """A step as the journal has it."""
    place = {"table_schema": of[0], "table_name": of[1]}
    state = {"before": None, "after": None, "status": "done", "direction": "deploy"}
    return {"kind": kind, "name": name, **place, **state, **changes}


def undo(before: Any = BEFORE, after: Any = AFTER, certain: bool = True, kind: str = "index") -> Undo:
    return Undo(kind, DRAWER, "i", before, after, certain)


class TestInverse:
    def test_nothing_done_is_nothing_to_undo(self) -> None:
        assert inverse([]) == []
        assert inverse([step("i", direction="rollback")]) == []

    def test_an_object_goes_from_its_last_state_back_to_its_first(self) -> None:
        """In as many attempts as the deployment took, rollbacks in between left aside."""
        steps = [
            step("i", before=BEFORE, after=None, status="failed"),
            step("i", before=AFTER, after=BEFORE, direction="rollback"),
            step("i", before=OTHER, after=AFTER),
        ]
        assert inverse(steps) == [Undo("index", DRAWER, "i", BEFORE, AFTER, True)]

    def test_what_did_not_stand_there_at_first_stays_so(self) -> None:
        steps = [step("i", before=None, after=OTHER), step("i", before=OTHER, after=AFTER)]
        assert inverse(steps) == [Undo("index", DRAWER, "i", None, AFTER, True)]

    @pytest.mark.parametrize(("status", "certain"), [("done", True), ("failed", False), ("running", False)])
    def test_a_step_that_was_cut_off_leaves_its_end_open(self, status: str, certain: bool) -> None:
        assert inverse([step("i", status=status)])[0].certain is certain

    def test_a_step_that_failed_is_certain_when_what_it_left_was_read(self) -> None:
        """S5: the journal has its number of tries."""
        assert inverse([step("i", status="failed", attempts=3)])[0].certain is True
        assert inverse([step("i", status="failed", attempts=None)])[0].certain is False

    def test_what_another_session_made_between_two_attempts_comes_back(self) -> None:
        failed = step("i", before=None, after=None, status="failed", attempts=3)
        again = step("i", before=OTHER, after=AFTER)
        assert inverse([failed, again]) == [Undo("index", DRAWER, "i", OTHER, AFTER, True)]
        # Not where the deployment itself may have made it, or a rollback that was cut off.
        assert inverse([{**failed, "attempts": None}, again])[0].before is None
        assert inverse([failed, step("x", direction="rollback"), again])[0].before is None

    def test_the_same_name_on_another_table_or_of_another_kind_is_another_object(self) -> None:
        steps = [step("x"), step("x", of=USER), step("x", of=("other", "User")), step("x", kind="foreign_key")]
        assert len(inverse(steps)) == 4

    def test_keys_come_before_the_indexes_they_need_and_those_before_columns(self) -> None:
        steps = [step("c", "column"), step("i"), step("f", "foreign_key")]
        assert [found.name for found in inverse(steps)] == ["f", "i", "c"]

    def test_an_index_that_went_last_comes_back_first(self) -> None:
        """A key cannot come back before the unique index that it refers to. A deployment drops keys before indexes."""
        steps = [
            step("column", "column"),
            step("new index"),
            step("old key", "foreign_key", before=key_image("old key")),
            step("old index", before=index_image("old index", unique=True)),
        ]
        assert [found.name for found in inverse(steps)] == ["old index", "old key", "new index", "column"]

    def test_what_was_tried_first_is_undone_last_also_over_several_attempts(self) -> None:
        steps = [
            step("old key", "foreign_key", before=key_image("old key"), status="failed"),
            step("old key", "foreign_key", before=key_image("old key")),
            step("old index", before=index_image("old index", unique=True)),
        ]
        assert [found.name for found in inverse(steps)] == ["old index", "old key"]

    @pytest.mark.parametrize(
        ("kind", "image", "present"),
        [
            ("index", BEFORE, True),
            ("index", None, False),
            ("foreign_key", key_image("i"), True),
            ("foreign_key", None, False),
            ("column", {"name": "i", "nullable": False, "constraint": None}, True),
        ],
    )
    def test_it_becomes_a_wish_for_what_stood_there(self, kind: str, image: Any, present: bool) -> None:
        wish = undo(before=image, kind=kind).wish
        assert wish.key == (kind, "public", "CashDrawer", "i")
        if kind == "column":
            assert wish.target.nullable is False
        else:
            stands = wish.target.image if kind == "index" else wish.target.specification
            assert (stands is not None) is present


class TestDrift:
    @pytest.mark.parametrize(
        ("before", "after", "found"),
        [
            (BEFORE, AFTER, AFTER),
            (BEFORE, AFTER, BEFORE),
            (None, AFTER, AFTER),
            (None, AFTER, None),
            (BEFORE, None, None),
            (BEFORE, None, BEFORE),
            (None, None, None),
            ({**BEFORE, "valid": False}, AFTER, None),
        ],
        ids=[
            "replaced, stands so",
            "replaced, back already",
            "created, stands so",
            "created, gone already",
            "dropped, still gone",
            "dropped, back already",
            "nothing came of it",
            "repaired, and nobody wants the invalid one back",
        ],
    )
    def test_as_the_deployment_left_it_or_undone_already(self, before: Any, after: Any, found: Any) -> None:
        assert drift_problems(undo(before, after), found) == []

    @pytest.mark.parametrize(
        ("before", "after", "found", "what"),
        [
            (BEFORE, AFTER, OTHER, "has another definition by now"),
            (None, AFTER, OTHER, "has another definition by now"),
            (BEFORE, AFTER, None, "is gone"),
            (BEFORE, None, OTHER, "is there again, with another definition"),
            (None, None, OTHER, "is there, which the deployment had not left there"),
            ({**OTHER, "valid": False}, None, OTHER, "is there again, with another definition"),
        ],
    )
    def test_what_somebody_changed_since_is_not_touched(self, before: Any, after: Any, found: Any, what: str) -> None:
        (problem,) = drift_problems(undo(before, after), found)
        assert problem.text == (
            f'index "i" of "public"."CashDrawer" {what}: it was changed after the deployment, so it is not touched'
        )
        assert not problem.permission

    def test_a_later_deployment_is_named(self) -> None:
        later = {"deployment_id": "20261122T215339Z-4f1c", "migration_id": "two"}
        assert drift_problems(undo(), AFTER, later) == []
        (problem,) = drift_problems(undo(), OTHER, later)
        assert "deployment 20261122T215339Z-4f1c (two) changed it later" in problem.text
        assert "it was changed after" not in problem.text

    @pytest.mark.parametrize("found", [None, OTHER])
    def test_of_a_step_that_was_cut_off_nobody_knows(self, found: Any) -> None:
        assert drift_problems(undo(certain=False), found) == []

    def test_an_invalid_index_of_this_definition_is_no_drift(self) -> None:
        assert drift_problems(undo(), {**AFTER, "valid": False}) == []

    def test_of_a_key_and_a_column(self) -> None:
        key, other = key_image("i"), key_image("i", on_delete="cascade")
        assert drift_problems(undo(None, key, kind="foreign_key"), key) == []
        assert len(drift_problems(undo(None, key, kind="foreign_key"), other)) == 1
        null, not_null = ({"name": "i", "nullable": nullable, "constraint": None} for nullable in (True, False))
        assert drift_problems(undo(not_null, null, kind="column"), not_null) == []
        assert drift_problems(undo(null, null, kind="column"), not_null) != []
