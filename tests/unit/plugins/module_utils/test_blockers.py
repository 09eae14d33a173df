# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose sessions may be ended: those that a list names, and of these never certain ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._locks.blockers import (
    Blocker,
    BlockerPolicy,
    blocker_of,
    end_blockers,
)
from unit.builders import FakeSession, server_error

WEB = Blocker(815, "app", "web", "active", 90.0, "RowExclusiveLock", "public.User", "SELECT ?")
IDLE = replace(WEB, state="idle in transaction")
POLICY = BlockerPolicy("terminate", ("web",), ("app",), 60.0)


@pytest.mark.parametrize(
    ("policy", "ended"),
    [
        (BlockerPolicy(), False),
        (BlockerPolicy("terminate"), False),
        (BlockerPolicy("wait", ("web",), ("app",)), False),
        (BlockerPolicy("terminate", ("web",)), True),
        (BlockerPolicy("terminate", (), ("app",)), True),
        (BlockerPolicy("terminate", ("web", "x"), ("y", "app")), True),
        (BlockerPolicy("terminate", ("web",), ("other",)), False),
        (BlockerPolicy("terminate", ("we",)), False),
        (BlockerPolicy("terminate", ("WEB",)), False),
        (BlockerPolicy("terminate", ("web",), after_s=91.0), False),
        (BlockerPolicy("cancel", ("web",)), True),
    ],
)
def test_the_lists(policy: BlockerPolicy, ended: bool) -> None:
    assert policy.may_end(WEB) is ended


@pytest.mark.parametrize(
    "changes",
    [
        {"backend": "autovacuum worker"},
        {"backend": "walsender"},
        {"backend": "logical replication worker"},
        {"pid": None},
        {"waiting": True},
        {"age_s": None},
        {"application": "steady.postgresql 20261122T215339Z-4f1c"},
    ],
)
def test_never(changes: dict[str, Any]) -> None:
    everybody = BlockerPolicy("terminate", (), ("app",), 1.0)
    assert everybody.may_end(WEB)
    assert not everybody.may_end(replace(WEB, **changes))


def test_never_our_own() -> None:
    assert not POLICY.may_end(WEB, [1, 815])


def test_a_cancel_does_nothing_to_a_session_that_is_idle() -> None:
    assert POLICY.may_end(IDLE)
    assert not replace(POLICY, on_blocker="cancel").may_end(IDLE)


def test_each_that_was_ended_is_told_once() -> None:
    session: Any = FakeSession(lambda _statement: [{"ended": True}])
    other = replace(WEB, table="public.Other")
    assert end_blockers(session, POLICY, [WEB, other, replace(WEB, pid=816, user="x")], []) == [
        {**WEB.as_dict(), "how": "terminated"}
    ]
    assert len(session.statements) == 1


def test_one_that_is_gone_or_in_another_transaction_by_now_is_not_told() -> None:
    session: Any = FakeSession(lambda _statement: [])
    assert end_blockers(session, POLICY, [WEB], []) == []


def test_a_role_that_may_not() -> None:
    def answer(statement: str) -> Any:
        return server_error("42501") if "pg_terminate" in statement else [{"rolsuper": False}]

    session: Any = FakeSession(answer)
    (entry,) = end_blockers(session, POLICY, [WEB], [])
    assert entry["how"] == "not permitted (GRANT pg_signal_backend)"


def test_a_few_words_for_a_line() -> None:
    assert IDLE.brief == "pid 815 (app, web, idle in transaction, 90 s): SELECT ?"
    assert replace(WEB, application="", age_s=None, query="").brief == (
        "pid 815 (app, active): its query is not visible"
    )
    assert replace(WEB, pid=None, gid="it's 1").brief == "the prepared transaction it's 1"


def test_a_prepared_transaction_in_words() -> None:
    assert replace(WEB, pid=None, gid="it's 1").text == (
        'a prepared transaction (user "app", transaction open for 90 s) holds RowExclusiveLock on public.User; '
        "it ends by COMMIT PREPARED 'it''s 1' or ROLLBACK PREPARED 'it''s 1'"
    )


ROW: dict[str, Any] = {
    "pid": 815,
    "usename": "app",
    "application_name": "web",
    "state": "active",
    "query": "SELECT 1",
    "backend": "client backend",
    "of_server": False,
    "age": 90.0,
    "mode": "RowExclusiveLock",
    "waiting": False,
    "table_name": "public.User",
}
HIDDEN = {"state": None, "query": "<insufficient privilege>", "backend": None, "age": None}


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, WEB),
        (HIDDEN, replace(WEB, state="state not visible to this role", query="", age_s=None)),
        (
            {**HIDDEN, "usename": None, "of_server": True},
            replace(
                WEB,
                user="?",
                state="state not visible to this role",
                query="",
                age_s=None,
                backend="autovacuum worker",
            ),
        ),
        (
            {**dict.fromkeys(HIDDEN), "pid": None, "usename": None, "gid": "x", "owner": "app", "prepared_age": 9.0},
            replace(
                WEB,
                pid=None,
                application="web",
                state="prepared transaction",
                query="",
                age_s=9.0,
                gid="x",
                backend="prepared transaction",
            ),
        ),
    ],
    ids=["all is seen", "hidden", "autovacuum, hidden", "prepared"],
)
def test_what_is_known_of_it(changes: dict[str, Any], seen: Blocker) -> None:
    assert blocker_of({**ROW, **changes}) == seen
