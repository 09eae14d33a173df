# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures in words: what, why, what to do, what was left as it was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.stop import Stopped
from ansible_collections.steady.postgresql.plugins.module_utils._connection.translation import translate
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import (
    ConnectionProblem,
    DatabaseProblem,
    LockNotAvailable,
    Refused,
    SteadyError,
)


def test_a_failure_in_four_lines() -> None:
    error = SteadyError("No lock.", "pid 7 holds it", "end it", "nothing was changed", "55P03", {"blockers": []})
    assert str(error) == "No lock.\nWhy: pid 7 holds it\nWhat to do: end it\nLeft as it was: nothing was changed"
    assert (error.sqlstate, error.facts, error.args) == ("55P03", {"blockers": []}, ("No lock.",))


def test_what_was_done_before_stands_beside_what_was_left() -> None:
    error = SteadyError("No lock.", left="the rest", done="2 of 3 steps")
    assert str(error) == "No lock.\nDone, and stays: 2 of 3 steps\nLeft as it was: the rest"


def test_what_is_not_known_is_not_said() -> None:
    error = SteadyError("No lock.", todo="try again")
    assert str(error) == "No lock.\nWhat to do: try again"
    assert (error.sqlstate, error.facts) == (None, {})


def test_two_failures_do_not_share_their_facts() -> None:
    SteadyError("one").facts["x"] = 1
    assert SteadyError("two").facts == {}


def test_a_refusal_names_every_reason() -> None:
    error = Refused("Not like this, for 2 reasons:", ["no such table", "no such column"], "correct the migration")
    assert str(error) == (
        "Not like this, for 2 reasons:\n- no such table\n- no such column\nWhat to do: correct the migration\n"
        "Left as it was: nothing was changed"
    )
    assert error.facts == {"problems": ["no such table", "no such column"]}
    assert str(Refused("Not like this:", ["x"], left="")) == "Not like this:\n- x"


@pytest.mark.parametrize("kind", [ConnectionProblem, DatabaseProblem, LockNotAvailable])
def test_one_handler_catches_them_all(kind: type[SteadyError]) -> None:
    assert isinstance(kind("what"), SteadyError)
    assert isinstance(Refused("what", []), SteadyError)


def test_s26_what_mends_it_stands_before_the_same_command_and_beside_it() -> None:
    error = SteadyError("No lock.", todo="end it", rerun=True)
    assert (error.mend, error.todo) == ("end it", "end it; then run the same command again")
    error.advise("correct the migration")
    assert (error.mend, error.todo) == ("correct the migration", "correct the migration")
    assert (Stopped("SIGTERM").mend, Stopped("SIGTERM").todo) == ("", "run the same command again")


@pytest.mark.parametrize(
    ("sqlstate", "todo"),
    [
        ("57P01", "see in the server's log why it ended the session; then run the same command again"),
        ("57P02", "wait until the server is up again: it crashed; then run the same command again"),
        ("57P03", "wait until the server is up: it is starting or stopping; then run the same command again"),
        ("57014", "see what cancelled the statement, a person or a timeout; then run the same command again"),
        ("53100", "free disk space on the database server; then run the same command again"),
        (None, "see that the server can be reached: the connection was lost; then run the same command again"),
        ("42501", "grant the privilege that is named, or connect as the owner"),
        ("53200", "free what the server ran out of; then run the same command again"),
        (
            "42P01",
            "settle what the message names; the server's log has the statement; then run the same command again",
        ),
    ],
)
def test_s26_advice_goes_by_the_sqlstate(sqlstate: str | None, todo: str) -> None:
    """S26: whatever words the server says it with, in any language."""
    said = SimpleNamespace(message_primary="irgend etwas", message_detail=None, message_hint=None, source_file=None)
    problem = translate(SimpleNamespace(diag=said, pgcode=sqlstate))
    assert (problem.what, problem.todo, problem.sqlstate) == ("irgend etwas", todo, sqlstate)
