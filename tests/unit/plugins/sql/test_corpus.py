# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole histories of migrations, that are not in this project: every *.sql below the folder STEADY_SQL_CORPUS.

Run it with -s to see the shares.
"""

from __future__ import annotations

import collections
import os
import time
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_shape import shape_problems
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.migration import migration_of
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.reader import SqlProblem, read_sql

CORPUS = os.environ.get("STEADY_SQL_CORPUS")


@pytest.mark.skipif(not CORPUS, reason="STEADY_SQL_CORPUS names no folder")
@pytest.mark.timeout(3600)
def test_every_file_is_read_or_refused_by_line() -> None:
    files = sorted(path for path in Path(CORPUS or "").rglob("*.sql") if path.is_file())
    counts: collections.Counter[str] = collections.Counter()
    verdicts: collections.Counter[str] = collections.Counter()
    unread: list[str] = []
    began = time.monotonic()
    for path in files:
        try:
            reading = read_sql([path], "m", lambda path: str(path.relative_to(CORPUS or "")))
        except SqlProblem as error:
            unread += str(error).splitlines()
            continue
        counts["read"] += 1
        verdicts.update(statement.verdict.value for statement in reading.statements)
        counts["without a decision"] += not any(statement.undecided for statement in reading.statements)
        try:
            data = migration_of(reading)
        except SqlProblem:
            continue
        counts["deployable"] += 1
        shape = shape_problems(data, lambda path: None)
        assert [*shape.problems, *shape.soft] == []
    print(f"\n{len(files)} files in {time.monotonic() - began:.1f} s: {dict(counts)}; statements: {dict(verdicts)}")
    print("\n".join(unread))
    assert files
