# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The demo's commands, and the summary that it prints."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import demo, summary
from lab.catalog import Difference, Reading, differences
from lab.processes import processes_in
from lab.server import Server
from lab.traffic import TrafficResult, Transaction


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty checkout, whose demo is stopped in the end."""
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setattr(demo, "STATE", tmp_path / ".demo" / "state.json")
    monkeypatch.setenv("STEADY_DEMO_SCALE", "0.001")
    yield tmp_path
    demo.stop()


@pytest.mark.postgres
def test_up_and_stop(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The server is there, once and for all; then it is gone with its data."""
    assert demo.main(["status"]) == 1
    assert demo.main(["up"]) == 0
    directory = Path(json.loads(demo.STATE.read_text())["directory"])
    server = Server.find(directory)
    assert server is not None
    first = server.pid
    server.execute("CREATE TABLE mark ()", database="clinic")
    assert demo.main(["up"]) == 0
    assert server.pid == first
    assert server.execute("SELECT * FROM mark", database="clinic") == []
    assert demo.main(["status"]) == 0
    assert str(server.socket_dir).replace("/", "%2F") in capsys.readouterr().out
    assert demo.main(["stop"]) == 0
    assert not directory.exists()
    assert processes_in(directory / "data") == []
    assert not demo.STATE.parent.exists()
    assert demo.main(["stop"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_checkouts_have_servers_of_their_own(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a link to a checkout leads to the same one."""
    mine = demo._directory()
    (checkout / "link").symlink_to(checkout)
    monkeypatch.setattr(demo, "ROOT", checkout / "link")
    assert demo._directory() == mine
    monkeypatch.setattr(demo, "ROOT", checkout / "other")
    assert demo._directory() != mine


def test_rollback_before_the_first_demo(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what comes first."""
    assert demo.main(["rollback"]) == 1
    assert "make demo comes first" in capsys.readouterr().err


@pytest.mark.parametrize("scale", ["much", "0", "-1", "nan", "1000"])
def test_a_scale_that_is_none(monkeypatch: pytest.MonkeyPatch, scale: str) -> None:
    """Said before anything is loaded."""
    monkeypatch.setenv("STEADY_DEMO_SCALE", scale)
    with pytest.raises(demo.LabError, match="STEADY_DEMO_SCALE"):
        demo._scale()


BEFORE = Reading(
    "18.4", "clinic", 2**27, 14, 376_460, {("column", "public.T.c"): "text NOT NULL", ("index", "public.i"): "I"}
)
AFTER = Reading("18.4", "clinic", 2**27, 14, 376_460, {("column", "public.T.c"): "text", ("index", "public.j"): "J"})
CALM = TrafficResult(tuple(Transaction(0.0, 0.002) for number in range(1000)))


def _run(
    result_file: Path | None, traffic: TrafficResult = CALM, after: Reading = AFTER, status: int = 0
) -> summary.Run:
    return summary.Run("deploy", status, 3.04, BEFORE, after, traffic, 100, result_file)


def test_differences_are_all_and_only_what_differs() -> None:
    """Created, dropped and changed."""
    assert differences(BEFORE, BEFORE) == []
    assert {(one.action, one.name) for one in differences(BEFORE, AFTER)} == {
        *(("changed", "public.T.c"), ("dropped", "public.i"), ("created", "public.j")),
    }
    assert Difference("index", "x", None, "I").action == "created"


def test_the_summary_says_what_happened(tmp_path: Path) -> None:
    """From the catalog what, from result.json how long, from the traffic what it cost."""
    result_file = tmp_path / "artifacts" / "clinic" / "latest" / "result.json"
    result_file.parent.mkdir(parents=True)
    step = {"kind": "index", "object": "public.j", "attempts": 3, "lock_wait_ms": 12.4, "duration_ms": 456.0}
    result_file.write_text(json.dumps({"migration_id": "of-today", "steps": [step]}))
    text = summary.text(_run(result_file), tmp_path)
    for part in (
        *("DEPLOYED: of-today", "14 tables, about 376,460 rows, 128 MB", "1 index created", "0.46 s"),
        *("1 column changed", "text NOT NULL", "1 index dropped", "3.0 s, with 1 step", "2 attempts repeated"),
        *("the worst wait was 2 ms, within the budget of 100 ms", "1,000 transactions", "make demo-rollback"),
        "artifacts/clinic/latest/result.json",
    ):
        assert part in text
    (result_file.parent / "report.html").touch()
    assert "artifacts/clinic/latest/report.html" in summary.text(_run(result_file), tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"steps": null}', '{"steps": [null, {}, {"attempts": null}]}'])
def test_a_result_that_lacks_things_is_no_trouble(tmp_path: Path, content: str) -> None:
    """What there is, is still said."""
    result_file = tmp_path / "result.json"
    result_file.write_text(content)
    assert "1 index created" in summary.text(_run(result_file), tmp_path)


def test_trouble_stands_out(tmp_path: Path) -> None:
    """A failed run, a long wait, an error of the application, traffic that was none."""
    long_wait = TrafficResult((Transaction(0.0, 1.5),), ("client 1 aborted",))
    text = summary.text(_run(None, long_wait, status=2), tmp_path)
    for part in (
        "DEPLOYMENT FAILED",
        "1,500 ms, OVER the budget",
        "1 over 1 s",
        "client 1 aborted",
        "try again",
        "none:",
    ):
        assert part in text
    assert "NO TRANSACTION" in summary.text(_run(None, TrafficResult(())), tmp_path)
    assert "nothing: it was all there already" in summary.text(_run(None, after=BEFORE), tmp_path)


def test_only_a_result_of_this_run_counts(tmp_path: Path) -> None:
    """Not that of the run before, when this one failed before it wrote any."""
    old, new = tmp_path / "a" / "latest" / "result.json", tmp_path / "b" / "latest" / "result.json"
    for path, when in ((old, 1000), (new, 2000)):
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (when, when))
    assert summary.newest_result(tmp_path, 1500) == new
    assert summary.newest_result(tmp_path, 500) == new
    assert summary.newest_result(tmp_path, 2500) is None
