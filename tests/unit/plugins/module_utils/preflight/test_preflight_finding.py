# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Severities: their defaults, those of the inventory, and the mistakes in them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._preflight.checks import CHECKS
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.finding import (
    BLOCKER,
    Check,
    finding,
    found,
    good,
    severities,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError


def never(_facts: Any) -> Any:
    raise AssertionError("not asked")


WARNS = Check("drift", "t", "warning", never)
REFUSES = Check("name_clash", "t", BLOCKER, never, fixed=True)
APPLIES = Check("privileges", "t", BLOCKER, never, fixed=True, for_apply=True)
BAD = found(["it is so"], "mend it")


class TestFinding:
    def test_all_is_well(self) -> None:
        assert finding(WARNS, good("seen"), {"drift": BLOCKER}, True) == {
            "name": "drift",
            "status": "ok",
            "title": "t",
            "evidence": ["seen"],
            "todo": "",
        }

    @pytest.mark.parametrize("severity", ["ok", "blocker"])
    def test_the_inventory_has_the_last_word(self, severity: str) -> None:
        entry = finding(WARNS, BAD, {"drift": severity}, True)
        assert (entry["status"], entry["severity_changed"]) == (severity, True)
        assert entry["evidence"] == ["it is so"]

    def test_the_same_severity_is_no_change(self) -> None:
        assert "severity_changed" not in finding(WARNS, BAD, {"drift": "warning"}, True)

    def test_what_cannot_be_applied_stays_a_blocker(self) -> None:
        assert finding(REFUSES, BAD, {}, False)["status"] == "blocker"

    def test_what_concerns_who_applies_is_a_warning_for_who_only_plans(self) -> None:
        assert finding(APPLIES, BAD, {}, True)["status"] == "blocker"
        entry = finding(APPLIES, BAD, {"privileges": "blocker"}, False)
        assert entry["status"] == "warning"
        assert "severity_changed" not in entry


class TestSeverities:
    def test_every_check_can_be_named(self) -> None:
        given = {check.name: "blocker" for check in CHECKS}
        assert severities(given, CHECKS) == given

    def test_all_mistakes_are_told_at_once_with_the_nearest_name(self) -> None:
        with pytest.raises(SteadyError) as caught:
            severities({"unindexed_foreign_keys": "ok", "drift": "bad", "privileges": "ok", "zzz": "ok"}, CHECKS)
        why = caught.value.why
        assert 'there is no check "unindexed_foreign_keys"; did you mean "unindexed_foreign_key"?' in why
        assert 'drift: "bad" is no severity: ok, warning or blocker' in why
        assert "privileges is always a blocker" in why
        assert 'there is no check "zzz"; known are: connection, ' in why
        assert caught.value.left == "the database was not contacted"
