# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused because the server, or the budget, cannot be enough for it."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import (
    ACCESS_EXCLUSIVE,
    Outcome,
    Plan,
    Step,
    autocommit,
    guarded,
)
from ansible_collections.steady.postgresql.plugins.module_utils._planning.resources import too_many_at_once

WHOLE = ("public", "Event")


def plan_of(partitions: int) -> Plan:
    places = [WHOLE, *(("public", f"Event_{n}") for n in range(partitions))]
    units = (autocommit(WHOLE, "SELECT 1"), guarded(ACCESS_EXCLUSIVE, places, "DROP INDEX i", only=True))
    return Plan((Outcome("index", WHOLE, "i", "there", Step("index", WHOLE, "i", "drop", units)),))


@pytest.mark.parametrize(("partitions", "budget_ms", "refused"), [(200, 100, 0), (4000, 100, 1), (4000, 1000, 0)])
def test_s9_tables_that_are_locked_at_once(partitions: int, budget_ms: int, refused: int) -> None:
    problems = too_many_at_once(plan_of(partitions), budget_ms)
    assert len(problems) == refused
    for problem in problems:
        assert "drop index public.i: 4,001 tables are locked in one moment, which takes 120.0 ms" in problem.text
        assert "raise steady_lock_budget" in problem.text
