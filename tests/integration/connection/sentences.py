# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What every failure has to be: one message for a person, with nothing secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import read_address
from ansible_collections.steady.postgresql.plugins.module_utils._connection.session import Session
from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Expectation, Target
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import DatabaseProblem, SteadyError


def pieces(password: str) -> set[str]:
    """The parts of a password by which one would recognise it in a text."""
    return {password, *(part for part in re.split(r"\W+", password) if len(part) > 3)}


def check_sentence(error: SteadyError, *passwords: str) -> None:
    """Fail unless the error says what, why, what to do and what was left, and nothing of the passwords."""
    assert error.what, f"incomplete: {error}"
    assert error.todo, f"incomplete: {error}"
    assert error.left, f"incomplete: {error}"
    # What the server said of a statement is all the reason that there is.
    assert error.why or isinstance(error, DatabaseProblem), f"incomplete: {error}"
    assert "Traceback" not in str(error)
    check_nothing_of([str(error), repr(error), repr(error.facts)], passwords)


def check_result(result: dict[str, Any], *passwords: str) -> None:
    """Fail unless a module's result is a failure with one such message."""
    assert result["failed"], result
    assert result["msg"].startswith(result["what"])
    for part in ("what", "todo", "left"):
        assert result[part], f"no {part}: {result['msg']}"
    assert "exception" not in result
    assert not result["msg"].startswith("This should not have happened"), result["msg"]
    check_nothing_of([repr(result)], passwords)


def check_nothing_of(texts: Iterable[str], passwords: Iterable[str]) -> None:
    """Fail when a part of a password stands in one of the texts."""
    for text in texts:
        for password in passwords:
            found = sorted(piece for piece in pieces(password) if piece in text)
            assert not found, f"{found} of a password stands in: {text}"


def refusal(url: str, *passwords: str, writes: bool = True, expectation: Expectation | None = None) -> SteadyError:
    """Connect as a deployment does, and return the sentence with which that was refused."""
    with pytest.raises(SteadyError) as caught:
        Target(read_address(url), expectation or Expectation(), "test", writes).first_session()
    check_sentence(caught.value, *passwords)
    # Whoever prints the chain of exceptions must not see more than the sentence.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def open_session(url: str, schema: str | None = None, writes: bool = True) -> Session:
    """A session as a deployment opens it first."""
    return Target(read_address(url), Expectation(), "test", writes).first_session(schema)[0]
