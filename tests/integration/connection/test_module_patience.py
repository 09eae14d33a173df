# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Modules that only look have a patience, too."""

from __future__ import annotations

import pytest

from integration.cluster import Database
from integration.connection.logins import Login
from integration.connection.modules import call
from integration.connection.sentences import check_result
from integration.sessions import held

pytestmark = pytest.mark.postgres


def test_verify_waits_as_long_as_it_is_told(login: Login) -> None:
    """S12: lock_patience of the module, and the session that holds the lock."""
    queries = [{"name": "pets", "sql": 'SELECT count(*) AS n FROM "Pet"', "expect": "[0].n == `50`"}]
    migration = {"id": "test", "verification": {"queries": queries}}
    with held(Database(login.server, login.database), 'LOCK TABLE "Pet"'):
        result = call("verify", login.url(), migration=migration, lock_patience="1s")
    check_result(result, login.password)
    assert (result["sqlstate"], len(result["blockers"])) == ("55P03", 1)
