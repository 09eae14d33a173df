# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Row counts before and after, and whether the application's own writes explain the difference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._planning import row_counts as _row_counts
from ansible_collections.steady.postgresql.plugins.module_utils._planning.row_counts import (
    CountResult,
    compare,
    count_problems,
    count_rows,
    counters,
    explained_counts,
    settle,
)
from unit.builders import FakeSession

COUNT = st.integers(0, 10**9)


def figures(inserted: int, deleted: int, reset: str | None = "r", **more: Any) -> dict[str, Any]:
    return {"inserted": inserted, "deleted": deleted, "reset": reset, **more}


def verdict(rows_before: int, rows: int, inserted: int = 0, deleted: int = 0, **after: Any) -> CountResult:
    before = figures(1000, 500, rows=rows_before)
    return compare("Sale", before, rows, {**figures(1000 + inserted, 500 + deleted), **after})


@pytest.mark.parametrize(
    ("before", "after", "inserted", "deleted", "status"),
    [
        (10, 10, 0, 0, "ok"),
        (10, 10, 5, 9, "ok"),
        (10, 12, 2, 0, "ok"),
        (10, 12, 5, 3, "ok"),
        (10, 12, 5, 0, "ok"),
        (10, 12, 1, 0, "failed"),
        (10, 9, 0, 1, "ok"),
        (10, 9, 7, 1, "ok"),
        (10, 9, 0, 0, "failed"),
        (10, 9, 9, 0, "failed"),
        (10, 0, 0, 10, "ok"),
        (10, 0, 0, 9, "failed"),
        (0, 5, 5, 0, "ok"),
    ],
)
def test_a_difference_that_writes_cover_is_the_applications_any_other_is_a_loss(
    before: int, after: int, inserted: int, deleted: int, status: str
) -> None:
    result = verdict(before, after, inserted, deleted)
    assert (result.table, result.status, result.before, result.after) == ("Sale", status, before, after)


def test_the_verdict_in_words() -> None:
    assert verdict(10, 10, 3, 3).detail == "10 rows, as before"
    assert verdict(10, 8, 1, 3).detail == "10 rows before, 8 now (-2); written in between: 1 inserted, 3 deleted"


@pytest.mark.parametrize("after", [{"reset": "later"}, {"reset": None}, {"inserted": -1}, {"deleted": -1}], ids=str)
def test_counters_that_were_reset_explain_nothing_and_disprove_nothing(after: dict[str, Any]) -> None:
    result = verdict(10, 9, **after)
    assert result.status == "skipped"
    assert "counters were reset" in result.detail
    assert verdict(10, 10, **after).status == "ok", "equal counts need no explanation"


@given(COUNT, COUNT, COUNT, COUNT)
def test_honest_counters_never_make_a_false_alarm(before: int, inserted: int, deleted: int, late: int) -> None:
    """The counters are read after the rows, so that they may know of more writes, never of fewer."""
    rows = max(0, before + inserted - deleted)
    deleted = before + inserted - rows
    assert verdict(before, rows, inserted + late, deleted).status == "ok"
    assert verdict(before, rows, inserted, deleted + late).status == "ok"


class TestWithASession:
    @staticmethod
    def server(*counter_rows: dict[str, Any], counts: int = 7) -> FakeSession:
        said = list(counter_rows)

        def answer(sql: str) -> Any:
            if "n_tup_ins" in sql:
                row = said.pop(0) if len(said) > 1 else said[0]
                return [{"name": "Sale", **row}]
            return [{"rows": counts}]

        return FakeSession(answer)

    def test_all_rows_of_literal_names_are_counted(self) -> None:
        session = self.server(figures(1, 2))
        assert count_rows(session, "public", 'Sa"le') == 7  # type: ignore[arg-type]
        assert session.statements == ['SELECT pg_catalog.count(*) AS rows FROM "public"."Sa""le"']

    def test_counters_are_read_before_the_count_since_a_write_in_between_must_be_in_both_or_in_the_count(self) -> None:
        session = self.server(figures(1, 2))
        counted = explained_counts(session, "public", ["Sale", "Pet"])  # type: ignore[arg-type]
        assert counted == {
            "Sale": figures(1, 2, rows=7),
            "Pet": {"rows": 7, "inserted": 0, "deleted": 0, "reset": None},
        }
        assert "n_tup_ins" in session.statements[0]
        assert len(session.statements) == 3
        assert counters(session, "public", ["Sale"]) == {"Sale": figures(1, 2)}  # type: ignore[arg-type]

    def test_what_cannot_be_counted_is_known_before_anything_is_changed(self) -> None:
        there = [
            {"name": "Sale", "oid": 1, "may_select": True, "may_use_schema": True, "role": "deployer"},
            {"name": 'Pe"t', "oid": 2, "may_select": False, "may_use_schema": True, "role": "deployer"},
        ]
        session: Any = FakeSession(lambda _sql: [dict(row) for row in there])
        assert count_problems(session, "public", ["Sale"]) == ()
        denied, missing = count_problems(session, "public", ['Pe"t', "sale"])
        assert denied.permission
        assert denied.text.endswith('GRANT SELECT ON "public"."Pe""t" TO "deployer"')
        assert not missing.permission
        assert missing.text == ('unchanged_counts: there is no table "sale" in schema "public"; did you mean "Sale"?')
        assert count_problems(FakeSession(pytest.fail), "public", []) == ()  # type: ignore[arg-type]

    @pytest.fixture
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Time that passes only in pauses."""
        pauses: list[float] = []
        monkeypatch.setattr(_row_counts.time, "monotonic", lambda: sum(pauses))
        monkeypatch.setattr(_row_counts.time, "sleep", pauses.append)
        return pauses

    def test_counters_that_lag_behind_are_waited_for(self, pauses: list[float]) -> None:
        session = self.server(figures(0, 0), figures(0, 0), figures(2, 0))
        verdicts = settle(session, "public", {"Sale": figures(0, 0, rows=5)}, {"Sale": 7})  # type: ignore[arg-type]
        assert verdicts["Sale"].status == "ok"
        assert len(pauses) == 2

    def test_what_they_never_explain_is_a_loss(self, pauses: list[float]) -> None:
        before = {"Sale": figures(0, 0, rows=5)}
        verdicts = settle(self.server(figures(0, 0)), "public", before, {"Sale": 3})  # type: ignore[arg-type]
        assert verdicts["Sale"].status == "failed"
        assert 10 < sum(pauses) < 15, "an idle backend reports its counters within ten seconds"

    def test_nobody_waits_where_all_is_well_or_nothing_can_be_said(self, pauses: list[float]) -> None:
        before = {"Sale": figures(0, 0, rows=5), "Pet": figures(0, 0, rows=5)}
        verdicts = settle(self.server(figures(0, 0)), "public", before, {"Sale": 5, "Pet": 4})  # type: ignore[arg-type]
        assert [verdicts[table].status for table in ("Sale", "Pet")] == ["ok", "skipped"]
        assert pauses == []
