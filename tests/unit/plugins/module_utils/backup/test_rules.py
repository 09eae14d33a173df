# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided without a server: which program, which backups go, what differs, whether a manifest is whole."""

from __future__ import annotations

import copy
import json
import os
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.clients.programs import (
    Programs,
    choose,
    find_programs,
)
from ansible_collections.steady.postgresql.plugins.module_utils._backup.database.contents import (
    differences,
    sequence_fits,
)
from ansible_collections.steady.postgresql.plugins.module_utils._backup.folder.manifest import (
    MANIFEST,
    backups_in,
    read_manifest,
    write_manifest,
)
from ansible_collections.steady.postgresql.plugins.module_utils._backup.folder.retention import choose as may_go
from ansible_collections.steady.postgresql.plugins.module_utils._backup.proving.scratch import suffixed
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.plugin_utils import _progress as progress
from ansible_collections.steady.postgresql.plugins.plugin_utils._progress import line

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
CONTENTS: dict[str, Any] = {
    "objects": [{"type": "table", "identity": "public.t"}, {"type": "index", "identity": "public.i"}],
    "tables": [{"schema": "public", "name": "t", "kind": "r", "rows": 3}],
    "sequences": [{"schema": "public", "name": "s", "increment": 1, "value": 5, "value_after": 9, "called": True}],
    "large_objects": 1,
}


@pytest.mark.parametrize(
    ("there", "major", "best"),
    [
        ([(15, 1), (16, 3), (18, 0)], 16, (16, 3)),
        ([(16, 1), (16, 9)], 16, (16, 9)),
        ([(15, 1), (18, 0), (17, 2)], 16, (17, 2)),
        ([(15, 1)], 16, None),
        ([], 16, None),
    ],
)
def test_of_several_programs_the_servers_own_version_else_the_next_newer(
    there: list[tuple[int, int]], major: int, best: tuple[int, int] | None
) -> None:
    found = choose([Programs(f"/{version}", version) for version in there], major)
    assert (found.version if found else None) == best


def test_without_a_program_it_is_said_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SteadyError, match="There is no pg_dump for PostgreSQL 18") as error:
        find_programs(18, str(tmp_path))
    assert "postgresql-client-18" in error.value.todo


def test_of_two_backups_of_one_second_the_one_that_was_finished_last_is_the_newest(tmp_path: Path) -> None:
    finished = {"20261129T091130Z-9fff": 1, "20261129T091130Z-0000": 2, "20261129T091129Z-ffff": 3}
    for name, written in finished.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST).touch()
        os.utime(tmp_path / name / MANIFEST, ns=(written, written))
    newest_last = [Path(one).name for one in backups_in(str(tmp_path))]
    assert newest_last == ["20261129T091129Z-ffff", "20261129T091130Z-9fff", "20261129T091130Z-0000"]


@pytest.mark.parametrize(
    ("count", "days", "gone"),
    [
        (None, None, []),
        (1, None, ["d9", "d5", "d3"]),
        (0, None, ["d9", "d5", "d3"]),  # never the last good one
        (2, None, ["d9", "d5"]),
        (9, None, []),
        (None, 4, ["d9", "d5"]),
        (None, 0, ["d9", "d5", "d3"]),
        (3, 1, ["d9"]),  # what either rule keeps is kept
        (1, 6, ["d9"]),
    ],
)
def test_what_may_go(count: int | None, days: int | None, gone: list[str]) -> None:
    taken = {f"d{age}": NOW - timedelta(days=age) for age in (9, 5, 3, 1)}
    assert may_go(taken, "d1", count, days, NOW) == gone


def test_the_new_one_stays_also_when_the_clock_was_set_back() -> None:
    taken = {"new": NOW - timedelta(days=9), "old": NOW}
    assert may_go(taken, "new", 1, None, NOW) == ["old"]


def test_the_same_differs_in_nothing() -> None:
    assert differences(CONTENTS, copy.deepcopy(CONTENTS)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["objects"].pop(), "missing: index public.i"),
        (lambda c: c["objects"].append({"type": "view", "identity": "public.v"}), "not in the backup: view public.v"),
        (lambda c: c["tables"][0].update(rows=2), "public.t: 2 rows, 3 in the backup"),
        (lambda c: c["sequences"][0].update(value=10), "sequence public.s: 10, 5 to 9 in the backup"),
        (lambda c: c.update(large_objects=0), "0 large objects, 1 in the backup"),
    ],
)
def test_every_difference_is_said(change: Any, said: str) -> None:
    found = copy.deepcopy(CONTENTS)
    change(found)
    assert differences(CONTENTS, found) == [said]


@pytest.mark.parametrize(
    ("first", "last", "increment", "value", "fits"),
    [
        (5, 9, 1, 5, True),
        (5, 9, 1, 9, True),
        (5, 9, 1, 4, False),
        (9, 5, -1, 7, True),
        (9, 5, -1, 3, False),
        (9, 2, 1, 1, True),  # it went round
        (5, 5, 1, 6, False),
    ],
)
def test_a_sequence_runs_on_while_it_is_dumped(first: int, last: int, increment: int, value: int, fits: bool) -> None:
    sequence = {"value": first, "value_after": last, "increment": increment}
    assert sequence_fits(sequence, {"value": value}) is fits


def test_a_manifest_is_read_back_and_an_edited_one_is_not(tmp_path: Path) -> None:
    write_manifest(str(tmp_path), {"backup_id": "b", "bytes": 1})
    assert read_manifest(str(tmp_path))["backup_id"] == "b"
    path = tmp_path / "manifest.json"
    assert path.stat().st_mode & 0o777 == 0o600
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "bytes": 2}))
    with pytest.raises(SteadyError, match="was changed after it was written"):
        read_manifest(str(tmp_path))
    path.write_text(json.dumps(content)[:-5])
    with pytest.raises(SteadyError, match="cannot be read"):
        read_manifest(str(tmp_path))
    path.write_text(json.dumps({**content, "manifest_version": 9}))
    with pytest.raises(SteadyError, match="version 9"):
        read_manifest(str(tmp_path))
    path.unlink()
    with pytest.raises(SteadyError, match="There is no manifest"):
        read_manifest(str(tmp_path))
    with pytest.raises(SteadyError, match="There is no backup"):
        read_manifest(str(tmp_path / "nowhere"))


def test_a_name_with_a_suffix_is_never_cut_by_the_server() -> None:
    assert suffixed("clinic", "_pre_x") == "clinic_pre_x"
    long = suffixed("ä" * 40, "_pre_x")
    assert long.endswith("ä_pre_x")
    assert len(long.encode()) <= 63


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"doing": "taking a snapshot", "elapsed": 3}, "taking a snapshot, 3 s"),
        (
            {"doing": "reading", "done": 512 * 1024**2, "total": 2 * 1024**3, "unit": "bytes", "elapsed": 10},
            "reading: 512.0 MB of 2.0 GB, 25 %, 10 s, about 30 s to go",
        ),
        (
            {"doing": "restoring", "done": 30, "total": 120, "unit": "objects", "elapsed": 100},
            "restoring: 30 of 120 objects, 25 %, 100 s, about 5 min to go",
        ),
        (
            {"doing": "x", "done": 9, "total": 9, "unit": "rows", "elapsed": 9000},
            "x: 9 of 9 rows, 100 %, 2.5 h",
        ),
    ],
)
def test_a_line_of_progress(content: dict[str, Any], said: str) -> None:
    assert line(content) == said


def test_work_on_the_controller_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_SAY_SECONDS", 1.1)
    told = threading.Event()

    def done() -> int:
        told.set()
        return 512 * 1024

    with progress.measured("clinic", "copying", 2 * 1024**2, done):
        assert told.wait(10)
    assert "clinic: copying: 512.0 kB of 2.0 MB, 25 %" in capsys.readouterr().out
