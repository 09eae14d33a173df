# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When monitoring speaks, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._monitor.activity import Thresholds, judge
from ansible_collections.steady.postgresql.plugins.module_utils._monitor.indexes import judge_usage
from ansible_collections.steady.postgresql.plugins.module_utils._monitor.monitor import findings
from ansible_collections.steady.postgresql.plugins.module_utils._monitor.statements import changes
from ansible_collections.steady.postgresql.plugins.plugin_utils._monitoring import MonitoringRounds
from ansible_collections.steady.postgresql.plugins.plugin_utils._prometheus import metrics

DAY = 86_400.0


def session(**changes: Any) -> dict[str, Any]:
    row = {"state": "active", "query_s": 0.1, "transaction_s": 0.1, "state_s": 0.1, "blocked_by": []}
    return {**row, **changes}


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        (session(), []),
        (session(query_s=5.0), ["slow"]),
        (session(query_s=4.9), []),
        (session(query_s=5.0, state="idle"), []),
        (session(query_s=0.9, blocked_by=[7]), []),
        (session(query_s=1.0, blocked_by=[7]), ["blocked"]),
        (session(state="idle in transaction", state_s=60.0), ["idle in transaction"]),
        (session(state="idle in transaction (aborted)", state_s=61.0), ["idle in transaction"]),
        (session(state="idle in transaction", state_s=59.0), []),
        (session(transaction_s=300.0), ["long transaction"]),
        (session(state=None, query_s=None, transaction_s=None, state_s=None), []),  # not visible to this role
    ],
)
def test_a_session_is_worth_a_word(row: dict[str, Any], reasons: list[str]) -> None:
    assert judge(row, Thresholds()) == reasons


def test_thresholds_come_from_options() -> None:
    given = Thresholds.of({"slow_query": "250ms", "blocked": None, "long_transaction": "1h"})
    assert given == Thresholds(slow_s=0.25, transaction_s=3600.0)
    with pytest.raises(ValueError, match="slow_query"):
        Thresholds.of({"slow_query": "soon"})


def index(**changes: Any) -> dict[str, Any]:
    row = {"schema": "s", "table": "t", "index": "i", "oid": 1, "scans": 0, "tuples_read": 0, "tuples_fetched": 0}
    return {**row, "bytes": 8192, "valid": True, "needed": False, **changes}


def maker(age_s: float = 2 * DAY, **changes: Any) -> dict[str, Any]:
    made = {"deployment_id": "d", "age_s": age_s, "made": 1000.0, "made_at": "then", "created": True}
    return {**made, **changes}


NEVER = {"reset": None, "reset_at": None}


class TestUse:
    def test_counts_from_what_was_there_right_after_the_deployment(self) -> None:
        seen = judge_usage(
            index(scans=12, tuples_read=50),
            maker(),
            {"scans": 10, "tuples_read": 40, "tuples_fetched": 0},
            NEVER,
            DAY,
        )
        assert (seen["scans"], seen["tuples_read"], seen["since"], seen["use"]) == (2, 10, "deployment", "used")

    def test_nobody_used_it_for_long_enough(self) -> None:
        baseline = {"scans": 3, "tuples_read": 0, "tuples_fetched": 0}
        assert judge_usage(index(scans=3), maker(DAY), baseline, NEVER, DAY)["use"] == "unused"
        assert judge_usage(index(scans=3), maker(DAY - 1), baseline, NEVER, DAY)["use"] == "not used yet"

    def test_a_reset_begins_the_time_anew(self) -> None:
        reset = {"reset": 1000.0 + DAY, "reset_at": "later"}
        seen = judge_usage(index(), maker(1.5 * DAY), None, reset, DAY)
        assert (seen["since"], seen["use"]) == ("reset", "not used yet")
        assert "later" in seen["note"]
        assert judge_usage(index(), maker(2 * DAY), None, reset, DAY)["use"] == "unused"

    def test_counters_that_shrank_were_reset_and_nobody_knows_when(self) -> None:
        baseline = {"scans": 3, "tuples_read": 0, "tuples_fetched": 0}
        seen = judge_usage(index(scans=0), maker(), baseline, NEVER, DAY)
        assert (seen["since"], seen["use"]) == ("reset", "not used yet")
        assert judge_usage(index(scans=1), maker(), baseline, NEVER, DAY)["use"] == "used"

    def test_one_behind_a_constraint_is_needed(self) -> None:
        assert judge_usage(index(needed=True), maker(), None, NEVER, DAY)["use"] == "kept by a constraint"

    def test_one_that_no_deployment_made_counts_from_always(self) -> None:
        seen = judge_usage(index(scans=5), None, None, NEVER, DAY)
        assert (seen["scans"], seen["since"], seen["deployment_id"]) == (5, "always", None)


def statement(calls: int, total_ms: float, queryid: str = "1") -> dict[str, Any]:
    return {"queryid": queryid, "calls": calls, "total_ms": total_ms, "rows": 0, "query": f"q{queryid}"}


class TestStatements:
    def test_slower_is_judged_by_what_ran_since(self) -> None:
        (slower,) = changes([statement(100, 100)], [statement(100, 100)], [statement(200, 500)], 1.5)
        assert (slower["before_ms"], slower["after_ms"], slower["calls"], slower["factor"]) == (1.0, 4.0, 100, 4.0)

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            (statement(100, 100), statement(200, 200)),  # as fast as before
            (statement(100, 100), statement(110, 900)),  # too few calls to say
            (statement(100, 100), statement(5, 500)),  # reset
            (statement(5, 5), statement(200, 900)),  # too few before
        ],
    )
    def test_what_cannot_be_said_is_not_said(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        assert changes([before], [before], [now], 1.5) == []


def seen(**changes: Any) -> dict[str, Any]:
    """A round in which all is well."""
    database = {"connections": 5, "max_connections": 100, "transaction_age": 10, "cache_hit": 0.99, "read": 10}
    found: dict[str, Any] = {
        "activity": {"connections": 4, "active": 1, "hidden": 0, "sessions": []},
        "usage": {"stats_reset": None, "indexes": []},
        "statements": {"available": False, "why": "not installed", "statements": []},
        "health": {"database": database, "invalid_indexes": [], "dead_rows": [], "replicas": []},
        "server_ms": 5.0,
    }
    for path, value in changes.items():
        node, (*way, last) = found, path.split("__")
        for part in way:
            node = node[part]
        node[last] = value
    return found


BLOCKING = {
    "pid": 7,
    "role": "r",
    "application": "a",
    "client": None,
    "state": "idle in transaction",
    "wait_event_type": None,
    "wait_event": None,
    "blocked_by": [],
    "blocking": 2,
    "query": "UPDATE t SET a = ?",
    "query_s": 9.0,
    "transaction_s": 61.0,
    "state_s": 61.0,
    "reasons": ["idle in transaction", "blocks others"],
}
INVALID = {"schema": "s", "table": "t", "index": "i"}
UNUSED = {**judge_usage(index(), maker(), None, NEVER, DAY), "bytes": 1}


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        ({"activity__sessions": [BLOCKING]}, "session", "critical"),
        ({"activity__sessions": [{**BLOCKING, "reasons": ["long transaction"]}]}, "session", "warning"),
        ({"activity__hidden": 3}, "hidden sessions", "warning"),
        ({"health__invalid_indexes": [{**INVALID, "partitioned": False}]}, "invalid index", "critical"),
        ({"health__invalid_indexes": [{**INVALID, "partitioned": True}]}, "invalid index", "warning"),
        ({"usage__indexes": [UNUSED]}, "unused index", "warning"),
        (
            {"health__dead_rows": [{"schema": "s", "table": "t", "live": 1, "dead": 9, "vacuumed_at": None}]},
            "dead rows",
            "warning",
        ),
        (
            {"health__replicas": [{"name": "r", "state": "streaming", "lag_s": 31.0, "lag_bytes": 1}]},
            "replica lag",
            "critical",
        ),
        ({"health__database__connections": 90}, "connections", "critical"),
        ({"health__database__transaction_age": 1_600_000_000}, "transaction ids", "critical"),
    ],
)
def test_each_finding_speaks_and_says_what_to_do(changes: dict[str, Any], name: str, status: str) -> None:
    assert findings(seen(), 30.0) == []
    (finding,) = findings(seen(**changes), 30.0)
    assert (finding["name"], finding["status"]) == (name, status)
    assert finding["todo"]


def test_an_unused_index_comes_with_the_command_that_takes_back_just_that_one() -> None:
    (finding,) = findings(seen(usage__indexes=[UNUSED]), 30.0)
    assert finding["todo"].startswith("rollback.yml -e steady_deployment=d -e ")
    assert json.loads(finding["todo"].split("-e ")[2].strip("'")) == {"steady_rollback_only": ["s.i"]}


def a_round(at: str = "t", **changes: Any) -> dict[str, Any]:
    found = seen(**changes)
    found["findings"] = findings(found, 30.0)
    return {"round": found, "finished_at": at, "database": "d", "status": "succeeded"}


class TestWatch:
    def test_what_stays_is_told_once_and_counted(self) -> None:
        watch = MonitoringRounds("critical")
        assert len(watch.saw(a_round("1", activity__hidden=3))) == 1
        assert watch.saw(a_round("2", activity__hidden=4)) == []
        result = watch.result()
        assert (result["failed"], result["monitoring"]["rounds"]) == (False, 2)
        (finding,) = result["monitoring"]["findings"]
        assert (finding["times"], finding["first_at"], finding["last_at"]) == (2, "1", "2")

    @pytest.mark.parametrize(("fail_on", "failed"), [("critical", False), ("warning", True), ("never", False)])
    def test_what_fails_is_chosen(self, fail_on: str, failed: bool) -> None:
        watch = MonitoringRounds(fail_on)
        watch.saw(a_round(activity__hidden=3))
        assert watch.result()["failed"] is failed

    def test_a_database_that_restarts_is_told_of_and_looked_at_again(self) -> None:
        watch = MonitoringRounds("never")
        watch.saw(a_round())
        assert watch.saw({"failed": True, "what": "No connection", "finished_at": ""}) == [
            "cannot be looked at: No connection"
        ]
        assert watch.saw({"failed": True, "what": "No connection"}) == []
        assert watch.saw(a_round()) == ["answers again"]
        assert [one["message"] for one in watch.result()["monitoring"]["unreachable"]] == ["No connection"]
        critical = MonitoringRounds("critical")
        critical.saw({"failed": True, "msg": "No connection\nWhy: …"})
        critical.saw(a_round())
        assert critical.result()["failed"]

    def test_one_that_never_answered_fails_whatever_was_chosen(self) -> None:
        watch = MonitoringRounds("never")
        watch.saw({"failed": True, "msg": "no"})
        assert watch.result()["failed"]


def test_metrics_are_as_prometheus_reads_them() -> None:
    text = metrics('ho"st', a_round(usage__indexes=[{**UNUSED, "index": 'i"\n\\'}])["round"], True)
    assert 'steady_up{host="ho\\"st"} 1' in text
    assert 'index="i\\"\\n\\\\"} 0' in text
    grown = metrics("h", a_round(usage__indexes=[{**UNUSED, "bytes": 12_345_678_901}])["round"], True)
    assert grown.count("} 12345678901\n") == 1  # S35: not 1.23457e+10
    for line in text.splitlines():
        assert line.startswith(("# HELP steady_", "# TYPE steady_", "steady_"))
    assert metrics("h", None, False) == (
        '# HELP steady_up Whether the database answered.\n# TYPE steady_up gauge\nsteady_up{host="h"} 0\n'
    )
