# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Names and values that are made to be taken for something else: SQL, Jinja, HTML, commands for a terminal."""

from __future__ import annotations

import json

import pytest
from psycopg2 import sql

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused
from integration.cluster import Cluster

pytestmark = pytest.mark.postgres

TABLE = "{{ 1/0 }}<script>alert(1)</script>"
COLUMN = 'x"; DROP TABLE "canary"; --\''
INDEX = "$(touch marker)`id`'\"{% raw %}"
ESCAPE = "\x1b]0;x\x07"


def test_kind_1_names_and_values_are_only_names_and_values(cluster: Cluster) -> None:
    """Check, a refusal that shows rows, deploy, again, verify, roll back."""
    database = cluster.database()
    database.execute(
        sql.SQL(
            "CREATE TABLE canary (); CREATE TABLE {t} ({c} text, {e} int DEFAULT 1);"
            " INSERT INTO {t} ({c}) VALUES ({v}), ({v})"
        ).format(t=sql.Identifier(TABLE), c=sql.Identifier(COLUMN), e=sql.Identifier(ESCAPE), v=sql.Literal(ESCAPE))
    )
    index = {"table": TABLE, "name": INDEX, "columns": [COLUMN], "unique": True}
    migration = {"id": "names", "indexes": [index], "verification": {"unchanged_counts": [TABLE]}}
    with pytest.raises(Refused) as refused:
        database.apply(migration, check=True)
    assert "(2 times)" in str(refused.value)
    assert not {character for character in str(refused.value) if ord(character) < 32} - {"\n"}
    index["unique"] = False
    before = database.dump()
    planned = database.apply(migration, check=True)
    assert not {character for character in planned["plan_sql"] if ord(character) < 32} - {"\n"}
    done = database.apply(migration)
    assert json.loads(json.dumps(done))["steps"][0]["name"] == INDEX
    assert not database.apply(migration)["changed"]
    assert {one["status"] for one in database.verify(migration)["verification"]} == {"ok"}
    assert database.rollback()["changed"]
    assert database.dump() == before
    assert database.value("SELECT to_regclass('canary') IS NOT NULL")
