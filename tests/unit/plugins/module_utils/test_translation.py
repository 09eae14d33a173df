# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""T4: whatever the server says, the operator is told what to do."""

from __future__ import annotations

from psycopg2 import errorcodes

from ansible_collections.steady.postgresql.plugins.module_utils._connection.translation import translate

CODES = sorted(value for name, value in vars(errorcodes).items() if name.isupper() and len(value) == 5)


class Said(Exception):
    """As psycopg2's errors are."""

    def __init__(self, code: str | None) -> None:
        super().__init__("duplicate key value violates unique constraint")
        self.pgcode = code


def test_every_error_of_the_server_has_advice() -> None:
    """Also one of which nothing is known."""
    assert len(CODES) > 200
    for code in (None, "", "P9999", *CODES):
        problem = translate(Said(code), "The deployment stopped", "left")
        assert "run the same command again" in problem.todo or code == "42501", code
        assert "What to do: " in str(problem)
