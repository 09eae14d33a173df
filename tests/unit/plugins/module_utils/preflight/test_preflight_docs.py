# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/preflight.md and the checks say the same."""

from __future__ import annotations

import re

from ansible_collections.steady.postgresql.plugins.module_utils._preflight.checks import CHECKS
from unit.results import ROOT

DOCUMENT = (ROOT / "docs/preflight.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)


def test_the_table_has_every_check_in_its_order() -> None:
    assert [name for name, *_rest in ROWS] == [check.name for check in CHECKS]
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_severity_and_title_are_those_of_the_check() -> None:
    for check, (_name, severity, looked_at, todo) in zip(CHECKS, ROWS, strict=True):
        assert severity == check.severity + (", always" if check.fixed else ""), check.name
        assert looked_at.startswith(check.title), check.name
        assert todo.strip()


def test_the_figures_are_those_of_the_code() -> None:
    from ansible_collections.steady.postgresql.plugins.module_utils._preflight import activity, server

    rows = {name: looked_at for name, _severity, looked_at, _todo in ROWS}
    assert "steady_old_transaction" in rows["old_transaction"]
    assert f"more than {activity.IDLE_SECONDS:.0f} s" in rows["idle_in_transaction"]
    assert "steady_max_replica_lag" in rows["replication_lag"]
    assert f"up to {server.CONNECTIONS}" in rows["connection_headroom"]
