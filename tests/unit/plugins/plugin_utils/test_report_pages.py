# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's further forms: Markdown, JUnit XML, the page over many databases, the webhook; and its charts."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.values import OBEYED
from ansible_collections.steady.postgresql.plugins.plugin_utils import _charts
from ansible_collections.steady.postgresql.plugins.plugin_utils._artifacts import write_artifacts
from ansible_collections.steady.postgresql.plugins.plugin_utils._fleet import write_fleet_page
from ansible_collections.steady.postgresql.plugins.plugin_utils._junit import junit
from ansible_collections.steady.postgresql.plugins.plugin_utils._notify import message, notify
from ansible_collections.steady.postgresql.plugins.plugin_utils._report_view import view
from unit.results import ROOT, applied, backed_up, came_to, check, planned, refused, step, verified

TEMPLATES = ROOT / "roles" / "report" / "templates"
EVIL = "</script><b>x | `y` @all\n\x00\ud800&"
ESCAPE = "\x1b]0;x\x07"


def full(**changes: Any) -> dict[str, Any]:
    """A deployment with something of everything in it."""
    steps = [
        step(name="a", started_at="2026-11-22T21:53:39.250Z", before=None, after="CREATE INDEX a"),
        step(name="b", started_at="2026-11-22T21:53:40.500Z", lock_wait_ms=400.0, attempts=3),
    ]
    result = came_to(plan=planned(*steps), backup=backed_up(), apply=applied(*steps), verify=verified(check()))
    sample = {"before": {"median_ms": 6.6, "node": "Seq Scan"}, "after": {"median_ms": 1.5, "index": "a"}}
    return {
        **result,
        "preflight": [
            {"name": "n", "status": "warning", "title": "T", "evidence": ["seen"], "todo": "mend"},
            {"name": "m", "status": "ok", "title": "M", "evidence": [], "todo": ""},
        ],
        "probes": [
            {
                "name": "users can be deleted",
                "status": "ok",
                "detail": "1 row",
                "before": {"status": "failed"},
                "after": {"status": "ok"},
            }
        ],
        "queries": [
            {"name": "upcoming", "status": "ok", "speedup": 4.4, "samples": [{"sample": "large", **sample}]},
            {"name": "not measured", "status": "inconclusive", "speedup": None, "samples": []},
        ],
        "storage": {
            "tables": [
                {
                    "table": "T",
                    "before_bytes": 1,
                    "after_bytes": 2,
                    "index_before_bytes": 0,
                    "index_after_bytes": None,
                }
            ],
            "indexes": [{"index": "dropped", "bytes": None}, {"index": "a", "bytes": 5_000_000}],
            "columns": [{"table": "T", "column": "c", "before_avg_width": 8.76, "after_avg_width": None}],
        },
        "promises": [{"claim": "75 % smaller", "status": "not_held", "measured": "0 %"}],
        **changes,
    }


class TestView:
    def test_the_sentence_says_outcome_safety_and_use(self) -> None:
        assert view(full(), {})["sentence"] == (
            "2 steps done; a backup was proven before it; 1 operation that failed before works now; "
            "1 query of 2 became faster; 1 of 1 promise does not hold."
        )

    def test_the_sentence_of_a_failure_is_the_failure(self) -> None:
        assert view(came_to(plan=refused()), {})["sentence"].startswith("FAILED")

    def test_the_checklist_is_ticked_by_evidence_and_else_names_the_command(self) -> None:
        items = {item["text"]: item for item in view(full(), {"monitor": "MONITOR", "deploy": "DEPLOY"})["checklist"]}
        assert items["All verification queries passed"]["done"]
        assert items["Critical operations tested"]["done"]
        assert items["Backup verified and stored safely"]["done"]
        assert not items["Performance improvements visible"]["done"]
        assert items["Performance improvements visible"]["command"] == "DEPLOY"
        assert items["Monitor production for 24 hours"]["command"] == "MONITOR"
        nothing = view(came_to(plan=planned()), {})["checklist"]
        assert not any(item["done"] for item in nothing)

    @pytest.mark.parametrize("action", ["rollback", "verify", "backup", "restore"])
    def test_only_a_deployment_has_the_checklist(self, action: str) -> None:
        restore = {"snapshot_at": None, "kept_database": None, "new_database": None}
        assert view(full(action=action, restore=restore), {})["checklist"] == []


class TestCharts:
    def test_a_picture_without_script_and_without_anything_from_outside(self) -> None:
        chart = str(_charts.bars([EVIL.replace("\x00", "").replace("\ud800", "")], {"before": [1.0]}, "ms"))
        root = ElementTree.fromstring(chart)
        assert root.get("aria-hidden") == "true"
        assert not {node.tag for node in root.iter() if isinstance(node.tag, str) and "script" in node.tag}
        assert "<b>" not in chart
        assert "href" not in chart

    def test_names_in_a_picture_have_no_control_characters(self, tmp_path: Path) -> None:
        """Kind 1: a picture is markup already, and was not looked at."""
        evil = full(database=ESCAPE)
        evil["steps"] = [{**one, "object": ESCAPE} for one in evil["steps"]]
        page = (write_artifacts(tmp_path, evil, TEMPLATES) / "report.html").read_text()
        assert "<svg" in page
        assert "\\x1b]0;x\\x07" in page
        assert not OBEYED.search(page)

    def test_none_where_there_is_nothing_to_show(self) -> None:
        assert _charts.bars([], {"before": []}, "ms") is None

    def test_without_pygal_the_tables_are_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(_charts, "pygal", None)
        page = (write_artifacts(tmp_path, full(), TEMPLATES) / "report.html").read_text()
        assert "<svg" not in page
        assert "6.60 ms" in page


class TestMarkdown:
    def test_everything_that_matters_is_in_it(self, tmp_path: Path) -> None:
        text = (write_artifacts(tmp_path, full(), TEMPLATES) / "report.md").read_text()
        for said in ("2 steps done", "75 % smaller | 0 % | not held", "| failed | ok |", "Backup proven", "warning: T"):
            assert said in text

    def test_names_stay_in_their_cell_and_call_nobody(self, tmp_path: Path) -> None:
        evil = full(host=EVIL, database=EVIL, promises=[{"claim": EVIL, "status": "held"}])
        text = (write_artifacts(tmp_path, evil, TEMPLATES) / "report.md").read_text()
        assert "<b>" not in text
        (row,) = [line for line in text.splitlines() if line.endswith("| not measured | held |")]
        assert "\\</script\\>" in row
        assert "@all" not in text


class TestJunit:
    def test_each_part_is_a_suite_and_failures_are_counted(self) -> None:
        work = applied(step(), step("failed", "b"), step("not started", "c"), status="failed", msg="no room\nmore")
        root = ElementTree.fromstring(junit(came_to(plan=planned(), apply=work)))
        counts = {s.get("name"): (s.get("tests"), s.get("failures"), s.get("skipped")) for s in root}
        assert counts == {"run": ("1", "1", "0"), "steps": ("3", "1", "1")}
        failure = root.find(".//testsuite[@name='run']//failure")
        assert failure is not None
        assert (failure.get("message"), failure.text) == ("no room", "no room\nmore")

    def test_names_that_xml_cannot_hold(self) -> None:
        root = ElementTree.fromstring(junit(full(host=EVIL)).encode("utf-8"))
        assert [s.get("name") for s in root][:2] == ["run", "preflight"]
        assert "\x00" not in str(root[0].get("hostname"))


class TestFleet:
    def artifacts(self, folder: Path, count: int) -> dict[str, str]:
        template = json.dumps({key: value for key, value in full().items() if key != "plan_sql"})
        for number in range(count):
            latest = folder / f"db{number:03d}" / "latest"
            latest.mkdir(parents=True)
            (latest / "result.json").write_text(template.replace('"db1"', f'"db{number:03d}"'))
        return {f"db{number:03d}": f"db{number:03d}" for number in range(count)}

    def test_those_that_need_somebody_come_first(self, tmp_path: Path) -> None:
        hosts = self.artifacts(tmp_path, 2)
        failed = came_to(plan=refused())
        del failed["plan_sql"]
        (tmp_path / "db001" / "latest" / "result.json").write_text(json.dumps(failed))
        (tmp_path / "torn" / "latest").mkdir(parents=True)
        (tmp_path / "torn" / "latest" / "result.json").write_text("{")
        hosts.update({"torn": "torn", EVIL: "never"})
        page = write_fleet_page(tmp_path, hosts, TEMPLATES).read_text()
        order = ("db001/latest/report.html", "cannot be read", "no run was", "db000/latest/report.html")
        positions = [page.index(text) for text in order]
        assert positions == sorted(positions)
        assert "<b>x" not in page

    def test_five_hundred_of_them_fit_into_little_memory(self, tmp_path: Path) -> None:
        hosts = self.artifacts(tmp_path, 500)
        tracemalloc.start()
        page = write_fleet_page(tmp_path, hosts, TEMPLATES)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert page.read_text().count("/latest/report.html") == 500
        assert peak < 50e6


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[bytes]]]:
    """A local server that keeps what it is told: its URL, with a secret in it, and the bodies."""
    told: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/S3CR3T", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestWebhook:
    def test_it_is_told_the_outcome(self) -> None:
        with webhook() as (url, told):
            assert notify(url, full()) == []
        (body,) = told
        text = json.loads(body)["text"]
        assert text.startswith("deploy m on clinic (db1): 2 steps done")
        assert "to undo: " in text

    def test_a_failure_says_why_and_slack_sees_no_markup(self) -> None:
        text = message(came_to(plan=refused("<!channel> not like this & that")))
        assert "FAILED" in text
        assert "&lt;!channel&gt; not like this &amp; that" in text

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/S3CR3T", "nonsense S3CR3T", "http://[S3CR3T", ""])
    def test_what_cannot_be_reached_is_a_warning_without_the_secret(self, url: str) -> None:
        began = time.monotonic()
        (warning,) = notify(url, full())
        assert "was not told" in warning
        assert "S3CR3T" not in warning
        assert time.monotonic() - began < 30

    def test_a_refusal_is_a_warning(self) -> None:
        with webhook(403) as (url, _told):
            (warning,) = notify(url, full())
        assert "S3CR3T" not in warning
