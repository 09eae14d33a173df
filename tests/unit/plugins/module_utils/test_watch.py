# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eye on our sessions: it judges the statement that runs, and none that ran before on the same session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._locks.locks import LockPolicy
from ansible_collections.steady.postgresql.plugins.module_utils._locks.watch import Watch
from ansible_collections.steady.postgresql.plugins.module_utils._support.progress import Progress
from unit.builders import FakeSession

BLOCKED = {"pid": 7, "blocked": True, "state": "active", "since": 0.0, "phase": None}


def server(statement: str) -> list[dict[str, Any]]:
    return [dict(BLOCKED)] if "pg_stat_progress_create_index" in statement else []


@pytest.fixture
def control() -> Any:
    return FakeSession(server)


@pytest.fixture
def watch(control: Any) -> Watch:
    nowhere: Any = None
    return Watch(nowhere, control, "public", LockPolicy(patience_s=60.0), Progress(None), None)


def cancels(control: Any) -> list[str]:
    return [statement for statement in control.statements if "pg_cancel_backend" in statement]


def test_a_statement_that_waits_for_longer_than_the_patience_is_cancelled(control: Any, watch: Watch) -> None:
    session: Any = FakeSession(pid=7)
    with watch.running(session, watch.begins(1, "a build"), []):
        watch.look()
        assert cancels(control) == []
        watch._running[7].free_at -= 61
        watch.look()
    assert len(cancels(control)) == 1
    assert watch.given_up(session) == "no blocking session could be seen (it was gone a moment later)"


def test_the_next_statement_is_not_cancelled_for_what_the_one_before_waited(
    control: Any, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks waits for the control session, which another step uses; meanwhile the statement ends."""
    session: Any = FakeSession(pid=7)
    line = watch.begins(1, "a build")
    use = watch.use
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(watch.running(session, line, []))
        watch._running[7].free_at -= 61

        @contextmanager
        def used_meanwhile() -> Iterator[Any]:
            first.close()
            second.enter_context(watch.running(session, line, []))
            with use() as found:
                yield found

        monkeypatch.setattr(watch, "use", used_meanwhile)
        watch.look()
    assert cancels(control) == []


def test_a_statement_that_was_done_before_its_cancel_came_is_no_reason_for_a_later_failure(
    control: Any, watch: Watch
) -> None:
    session: Any = FakeSession(pid=7)
    line = watch.begins(1, "a build")
    with watch.running(session, line, []):
        watch._running[7].free_at -= 61
        watch.look()
    with watch.running(session, line, []):
        pass
    assert watch.given_up(session) is None
