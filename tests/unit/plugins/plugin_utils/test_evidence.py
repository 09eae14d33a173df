# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdicts on what was tried and measured, the promises beside them, and what is said at the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._evidence_summary import evidence_lines
from ansible_collections.steady.postgresql.plugins.plugin_utils._evidence_verdicts import (
    probe_verdicts,
    query_verdicts,
    storage_verdicts,
    times,
)
from ansible_collections.steady.postgresql.plugins.plugin_utils._promises import promise_verdicts

ANSWER = {"rowcount": 1, "rows": [], "sqlstate": None, "message": None, "duration_ms": 1.0}
TRIED = {**ANSWER, "status": "tried", "reason": "", "fault": False, "follow_up": [], "attempts": 1, "rolled_back": {}}
BROKEN = {**TRIED, "rowcount": None, "sqlstate": "23503", "message": "violates x"}
UNCLEAR = {**TRIED, "status": "inconclusive", "reason": "no row"}


def probe(before: Any, after: Any, **more: Any) -> dict[str, Any]:
    """The verdict on one probe."""
    migration = {"probes": [{"name": "p", "expect": "rowcount == `1`", **more}]}
    moments = {"before": before, "after": after}
    evidence = {moment: found and {"probes": {"p": found}} for moment, found in moments.items()}
    (verdict,) = probe_verdicts(migration, evidence, True)
    return verdict


@pytest.mark.parametrize(
    ("before", "after", "status", "detail"),
    [
        (BROKEN, TRIED, "ok", "works now; before: violates x (23503)"),
        (TRIED, TRIED, "ok", "done to 1 row and rolled back"),
        (None, TRIED, "ok", "done to 1 row and rolled back"),
        (TRIED, BROKEN, "failed", "worked before; now: violates x (23503)"),
        (BROKEN, BROKEN, "failed", "violates x (23503)"),
        (BROKEN, UNCLEAR, "inconclusive", "no row; before: violates x (23503)"),
        (BROKEN, None, "skipped", "before: violates x (23503)"),
        (None, None, "skipped", "it was not tried"),
    ],
)
def test_what_a_probe_comes_to(before: Any, after: Any, status: str, detail: str) -> None:
    verdict = probe(before, after)
    assert (verdict["status"], verdict["detail"]) == (status, detail)


def test_follow_ups_are_judged() -> None:
    follow_up = [{"expect": "rows[0].n == `0`"}, {"expect": "rowcount == `1`"}]
    right = {**ANSWER, "rows": [{"n": 0}]}
    assert probe(None, {**TRIED, "follow_up": [right, ANSWER]}, follow_up=follow_up)["status"] == "ok"
    wrong = probe(None, {**TRIED, "follow_up": [{**ANSWER, "rows": [{"n": 1}]}, ANSWER]}, follow_up=follow_up)
    assert (wrong["status"], "rows[0].n == `0` answer: " in wrong["detail"]) == ("failed", True)
    # One that was never asked is no success, whatever became of the others.
    assert probe(None, {**TRIED, "follow_up": [right]}, follow_up=follow_up)["status"] == "failed"


def figures(milliseconds: float, **more: Any) -> dict[str, Any]:
    base = {"median_ms": milliseconds, "timed_out": False, "index": None, "node": "Seq Scan"}
    base.update(buffers_hit=1000, buffers_read=5)
    return {**base, **more}


def moment(*samples: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    found = [{"sample": name, "params_masked": {}, "figures": figure} for name, figure in samples]
    base = {"status": "measured", "reason": "", "fault": False, "uses_index": None, "index_judged": None, "small": None}
    return {"queries": {"q": {**base, "samples": found, **more}}}


def query(before: Any, after: Any, **more: Any) -> dict[str, Any]:
    (verdict,) = query_verdicts({"queries": [{"name": "q", **more}]}, {"before": before, "after": after}, True)
    return verdict


def test_the_speedup_is_that_of_the_time_that_is_really_spent() -> None:
    before = moment(("large", figures(90)), ("small", figures(10)))
    after = moment(("large", figures(9)), ("small", figures(11)))
    assert query(before, after)["speedup"] == 5
    assert query(before, after, min_speedup=5)["status"] == "ok"
    slow = query(before, after, min_speedup=5.5)
    assert (slow["status"], slow["detail"]) == ("failed", "5.0 x as fast; min_speedup is 5.5 x")
    assert (slow["missed"], query(before, after, min_speedup=5)["missed"]) == (["min_speedup is 5.5 x"], [])
    assert query(before, after, min_speedup=5.5, on_slow="warn")["status"] == "warning"


def test_runs_that_were_cut_off() -> None:
    cut, fast = moment(("large", figures(100, timed_out=True))), moment(("large", figures(10)))
    assert (query(cut, fast)["speedup"], query(cut, fast)["at_least"]) == (10, True)
    assert query(fast, cut)["status"] == "inconclusive"
    assert query(cut, cut)["speedup"] is None


def test_without_a_measurement_from_before() -> None:
    after = moment(("large", figures(10)))
    assert query(None, after)["status"] == "inconclusive"
    by_plan = moment(("large", figures(10)), uses_index=True, index_judged="by the plan", small=False)
    assert query(None, by_plan, uses_index="i")["status"] == "ok"
    assert query(after, None)["detail"] == "it was not measured after the change"


@pytest.mark.parametrize(
    ("judged", "small", "status"),
    [
        ("by the plan", False, "ok"),
        ("with enable_seqscan=off", True, "ok"),
        ("with enable_seqscan=off", False, "failed"),
        (None, True, "failed"),
    ],
)
def test_the_index_that_is_used(judged: str | None, small: bool, status: str) -> None:
    after = moment(("large", figures(1)), uses_index=judged is not None, index_judged=judged, small=small)
    verdict = query(moment(("large", figures(2))), after, uses_index="wanted")
    assert (verdict["status"], verdict["index_judged"]) == (status, judged)
    assert ("the planner takes Seq Scan" in verdict["detail"]) is (status == "failed")


def test_times_in_words() -> None:
    assert [times(9.96, False), times(10.4, False), times(1234.5, True)] == ["10.0 x", "10 x", "at least 1234 x"]


STORAGE = {
    "before": {"storage": {"database": 100, "tables": {"T": [10, 5]}, "indexes": {}, "columns": {"T.c": 16.0}}},
    "after": {"storage": {"database": 110, "tables": {"T": [10, 9]}, "indexes": {"i": 4}, "columns": {"T.c": 4.0}}},
}


def test_storage_of_both_moments() -> None:
    assert storage_verdicts({"before": None, "after": None}) is None
    storage = storage_verdicts(STORAGE)
    assert storage is not None
    assert storage["tables"] == [
        {"table": "T", "before_bytes": 10, "after_bytes": 10, "index_before_bytes": 5, "index_after_bytes": 9}
    ]
    assert storage["indexes"] == [{"index": "i", "bytes": 4}]
    only_after = storage_verdicts({"before": None, "after": STORAGE["after"]})
    assert only_after is not None
    assert only_after["database"] == {"before_bytes": None, "after_bytes": 110}


def promised(**promise: Any) -> tuple[str, str]:
    """The verdict on a promise, with two queries, three probes and some storage."""
    queries = [
        {"name": "fast", "speedup": 12.0, "at_least": False, "detail": ""},
        {"name": "slow", "speedup": 4.3, "at_least": False, "detail": ""},
        {"name": "cut", "speedup": 4.0, "at_least": True, "detail": ""},
        {"name": "none", "speedup": None, "at_least": False, "detail": "nothing from before"},
    ]
    probes = [{"name": status, "status": status, "detail": f"is {status}"} for status in ("ok", "failed", "skipped")]
    waits = {"longest_ms": 40.0, "looked_every_ms": 25}
    migration = {"promises": [{"claim": "c", **promise}]}
    (verdict,) = promise_verdicts(migration, probes, queries, storage_verdicts(STORAGE), waits)
    assert (verdict["claim"], verdict["source"]) == ("c", promise.get("source"))
    return verdict["status"], verdict["measured"]


COLUMN = [{"table": "T", "name": "c"}]
OTHER = [{"table": "T", "name": "d"}]


@pytest.mark.parametrize(
    ("promise", "verdict"),
    [
        ({"queries": ["fast"], "faster_by": 10}, ("held", "12 x")),
        ({"queries": ["fast", "slow"], "faster_by": 10}, ("not_held", "12 x, 4.3 x")),
        ({"queries": ["cut"], "faster_by": 10}, ("not_measured", "at least 4.0 x")),
        ({"queries": ["cut"], "faster_by": 3}, ("held", "at least 4.0 x")),
        ({"queries": ["none"], "faster_by": 10}, ("not_measured", "nothing from before")),
        ({"probes": ["ok"]}, ("held", "1 of 1 probe ok")),
        ({"probes": ["ok", "failed"]}, ("not_held", "1 of 2 probes failed: failed")),
        ({"probes": ["ok", "skipped"]}, ("not_measured", "is skipped")),
        ({"columns": COLUMN, "smaller_by": 75}, ("held", "75 % smaller (16.0 → 4.0 bytes a value)")),
        ({"columns": COLUMN, "smaller_by": 80}, ("not_held", "75 % smaller (16.0 → 4.0 bytes a value)")),
        ({"smaller_by": 10}, ("not_held", "10 % larger (100 → 110 bytes)")),
        ({"columns": OTHER, "smaller_by": 1}, ("not_measured", "its size is not known from before and after")),
        ({"waits_at_most": "100ms"}, ("held", "the longest wait that was seen was 40 ms (looked every 25 ms)")),
        ({"waits_at_most": "30ms"}, ("not_held", "the longest wait that was seen was 40 ms (looked every 25 ms)")),
        ({"why_not": "it is elsewhere"}, ("not_measured", "it is elsewhere")),
        ({"source": "guide"}, ("not_measured", "nothing in the migration measures it")),
    ],
)
def test_a_promise_beside_what_was_measured(promise: dict[str, Any], verdict: tuple[str, str]) -> None:
    assert promised(**promise) == verdict


def test_waits_that_nobody_watched() -> None:
    (verdict,) = promise_verdicts({"promises": [{"claim": "c", "waits_at_most": "1s"}]}, [], [], None, None)
    assert verdict["status"] == "not_measured"


@pytest.mark.parametrize(
    ("promise", "status"),
    [("5-20x faster", "not_held"), ("2 – 20 ×", "held"), ("4 times", "held"), ("much faster", "not_measured")],
)
def test_the_promise_of_a_query_names_the_least_that_it_promises(promise: str, status: str) -> None:
    queries = [{"name": "q", "speedup": 4.3, "at_least": False, "detail": ""}]
    (verdict,) = promise_verdicts({"queries": [{"name": "q", "promise": promise}]}, [], queries, None, None)
    assert (verdict["claim"], verdict["status"]) == (f"q: {promise}", status)
    assert verdict["measured"].startswith("4.3 x")


def test_the_lines_at_the_terminal() -> None:
    sample = {"sample": "large", "before": figures(6.6), "after": figures(1.5, index="i", buffers_hit=2)}
    measured = {"name": "q", "promise": "10-50 x", "speedup": 4.4, "at_least": False, "samples": [sample]}
    result = {
        "probes": [
            {"name": "p", "status": "ok", "detail": "works now", "on_failure": "fail"},
            {"name": "r", "status": "failed", "detail": "no", "on_failure": "warn"},
        ],
        "queries": [{**measured, "status": "warning", "missed": ["min_speedup is 10 x"], "detail": "; x"}],
        "promises": [
            {"claim": "q: 10-50 x", "source": None, "status": "not_held", "measured": "4.4 x"},
            {"claim": "c", "source": "guide", "status": "held", "measured": "m"},
        ],
    }
    assert evidence_lines(result) == [
        "  probes, each tried and rolled back: 1 of 2 ok",
        "    ok: p: works now",
        "    does not work: r: no",
        "  queries, promised and measured:",
        "    warning: q: promised 10-50 x, measured 4.4 x (6.60 → 1.50 ms, 1,005 → 7 blocks, i); min_speedup is 10 x",
        "  promises: 1 held, 1 not held",
        "    held: c: m",
    ]
    assert evidence_lines({"probes": [], "queries": [], "promises": []}) == []
    # A deployment that failed in between has only the half of it.
    half = {**measured, "samples": [{**sample, "after": None}]}
    skipped = {**result["probes"][0], "status": "skipped"}
    assert evidence_lines({"probes": [skipped], "queries": [half], "promises": []}) == []
