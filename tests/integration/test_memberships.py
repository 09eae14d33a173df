# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What a role that is no superuser lacks is said by check mode, with the command that helps."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres


def missing(database: Database, migration: dict[str, Any]) -> list[str]:
    """What check mode names as missing for the role; the deployment is refused with the same, and changes nothing."""
    said = database.apply(migration, check=True, user="dep", journal=False)["missing_privileges"]
    if said:
        with database.nothing_changed(), pytest.raises(Refused) as refused:
            database.apply(migration, user="dep", journal=False)
        assert refused.value.reasons == said
    return said


def commands(said: list[str]) -> str:
    """The commands of these sentences."""
    return "; ".join(re.findall(r"\b(?:GRANT|ALTER) [^;]*", " ; ".join(said)))


def test_b26_a_member_without_the_rights_of_the_owner_is_told_what_helps(cluster: Cluster) -> None:
    """B26: NOINHERIT before 16; INHERIT FALSE since; then a role setting, whose rights are those of the other role."""
    cluster.role("own", "NOLOGIN")
    cluster.role("dep", "LOGIN NOINHERIT")
    database = cluster.database()
    database.execute(
        "CREATE TABLE t (x int); ALTER TABLE t OWNER TO own; GRANT CREATE ON SCHEMA public TO own; GRANT own TO dep"
    )
    migration = {"id": "m", "indexes": [{"table": "t", "columns": ["x"]}]}
    (said, *_rest) = missing(database, migration)
    assert "is a member of it that does not inherit" in said
    database.execute(commands([said]))
    assert missing(database, migration) == []
    database.execute("REVOKE CREATE ON SCHEMA public FROM own; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    database.execute("ALTER ROLE dep SET role = own")
    said = missing(database, migration)[0]
    assert 'GRANT CREATE ON SCHEMA "public" TO "own"' in said
    database.execute(commands([said]))
    assert missing(database, migration) == []
    assert database.apply(migration, user="dep", journal=False)["changed"]


def test_b27_usage_of_a_schema_is_part_of_the_plan(cluster: Cluster) -> None:
    """B27: of the parent's schema, and of the table's own."""
    cluster.role("dep")
    database = cluster.database()
    database.execute(
        "CREATE SCHEMA o; CREATE TABLE o.p (id int PRIMARY KEY); GRANT SELECT, REFERENCES, UPDATE ON o.p TO dep;"
        " CREATE TABLE c (id int, pid int); INSERT INTO c VALUES (1, 1); ALTER TABLE c OWNER TO dep;"
        " CREATE SCHEMA q; CREATE TABLE q.t (id int, x int); ALTER TABLE q.t OWNER TO dep;"
        " GRANT CREATE ON SCHEMA q TO dep"
    )
    key = {"table": "c", "columns": ["pid"], "references": {"schema": "o", "table": "p", "columns": ["id"]}}
    said = missing(database, {"id": "k", "foreign_keys": [key]})
    assert said == ['permission denied: role "dep" may not use the schema "o"; GRANT USAGE ON SCHEMA "o" TO "dep"']
    database.execute(commands(said))
    with pytest.raises(Refused, match="pid=1"):
        database.apply({"id": "k", "foreign_keys": [key]}, check=True, user="dep")
    index: dict[str, Any] = {
        "id": "i",
        "schema": "q",
        "indexes": [{"table": "t", "columns": ["x"], "where": "x > 1"}],
        "verification": {"unchanged_counts": ["t"]},
    }
    said = missing(database, index)
    assert 'GRANT USAGE ON SCHEMA "q" TO "dep"' in said[-1]
    database.execute(commands(said))
    assert missing(database, index) == []
    assert database.apply(index, user="dep", journal=False)["changed"]
