# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What the planners refuse on a real server, and what they say to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres


@pytest.fixture
def empty(cluster: Cluster) -> Database:
    return cluster.database()


def refusal(database: Database, check: bool = True, **sections: Any) -> str:
    """What is said to the sections, of which nothing is carried out."""
    with database.nothing_changed(), pytest.raises(Refused) as refused:
        database.apply({"id": "x", **sections}, check=check)
    return str(refused.value)


def index(table: str, *columns: str, **more: Any) -> dict[str, Any]:
    return {"indexes": [{"table": table, "columns": list(columns or ["a"]), **more}]}


def test_a_migration_does_not_change_the_journal(empty: Database) -> None:
    """Each later deployment would fail: of a unique index on migration_id, of a key to a step."""
    empty.execute(
        "CREATE TABLE t (a int); CREATE TABLE k (id text);CREATE SCHEMA steady_kept; CREATE TABLE steady_kept.t (a int)"
    )
    wanted = {"schema": "steady", **index("deployment", "migration_id", unique=True)}
    said = "belongs to the collection's journal, and no migration changes it; take it out of the migration"
    key = {
        "table": "k",
        "columns": ["id"],
        "references": {"schema": "steady", "table": "deployment", "columns": ["id"]},
    }
    cases: list[dict[str, Any]] = [
        wanted,
        {"schema": "steady", "columns": [{"table": "step", "name": "kind", "nullable": True}]},
        {"foreign_keys": [key]},
        {"schema": "steady_kept", **index("t")},
    ]
    for _journal in ("none yet", "there"):
        for case in cases:
            for check in (True, False):
                assert said in refusal(empty, check, **case)
        with pytest.raises(Refused, match="belongs to the collection's journal"):
            preflight({"id": "x", **wanted}, empty.options(check=True))
        empty.apply({"id": "first", **index("t")})
    assert empty.apply({"id": "second", **index("t", "a", name="other", on_equivalent="create")})["changed"]


def test_what_stands_in_the_place_of_a_table_is_said(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE t (a int); CREATE SEQUENCE sq; CREATE INDEX ix ON t (a); CREATE VIEW vw AS SELECT a FROM t;"
        "CREATE TYPE pair AS (a int, b int); CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN money_ AS int;"
        "CREATE MATERIALIZED VIEW mv AS SELECT a FROM t; CREATE SCHEMA app; CREATE TABLE app.other (a int);"
    )
    for table, words in {
        "sq": 'there is no table "sq" in schema "public": that is a sequence; name a table',
        "ix": "that is an index; name a table",
        "pair": "that is a composite type; name a table",
        "mood": "that is an enum type; name a table",
        "money_": "that is a domain; name a table",
        "other": 'there is one in "app"; name that schema instead',
        "vw": '"public"."vw" is a view, which this version does not change; name the tables that it reads',
        "nowhere": "correct the name, or create the table first",
    }.items():
        assert words in refusal(empty, **index(table)), table
    stored = {"columns": [{"table": "mv", "name": "a", "nullable": False}]}
    assert '"public"."mv" is a materialized view, which this version does not change; it has' in refusal(
        empty, **stored
    )
    assert "there is no such schema; correct its name" in refusal(empty, schema="app2", **index("t2"))


def test_each_refusal_ends_with_what_to_do(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL, n int GENERATED ALWAYS AS IDENTITY, a int NOT NULL);"
        "CREATE UNIQUE INDEX t_code_key ON t (code); ALTER TABLE t REPLICA IDENTITY USING INDEX t_code_key;"
        "CREATE TABLE heir () INHERITS (t);"
        "CREATE TABLE whole (id int, a int) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (9); CREATE INDEX wix ON whole (a);"
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0);"
    )

    def null(table: str, name: str) -> dict[str, Any]:
        return {"columns": [{"table": table, "name": name, "nullable": True}]}

    identity = 'first ALTER TABLE "public"."t" REPLICA IDENTITY USING INDEX another one, or REPLICA IDENTITY FULL'
    absent = {"state": "absent"}
    cases: list[tuple[dict[str, Any], str]] = [
        (null("t", "id"), "take it out of the migration, or change the key first"),
        (null("t", "n"), 'or run ALTER TABLE "public"."t" ALTER COLUMN "n" DROP IDENTITY first'),
        (null("t", "code"), 'or run ALTER TABLE "public"."t" REPLICA IDENTITY FULL first'),
        (null("t", "a"), 'with a lock_timeout: ALTER TABLE "public"."t" ALTER COLUMN "a" DROP NOT NULL'),
        (null("part", "a"), 'name the partitioned table "public"."whole"'),
        (index("t", "a", "code", name="t_code_key"), identity),
        (index("t", name="t_code_key", **absent), identity),
        (index("t", name="t_pkey", **absent), 'goes with ALTER TABLE "public"."t" DROP CONSTRAINT "t_pkey", in psql'),
        (index("t", name="wix", **absent), "correct the name or the table of the entry"),
        (index("part", name="part_a_idx", **absent), 'of "public"."whole"; name that index, on its own table'),
        (index("whole", "a", unique=True, name="u"), "add what is missing to columns, or leave unique: true out"),
        (index("whole", "id", name="wix", on_conflict="refuse"), "or say on_conflict: replace"),
        (index("t", {"expression": "a +"}, name="e"), "correct the expression in the migration"),  # type: ignore[arg-type]
        (index("t", "nope"), "correct the name, or add the column first"),
        ({"foreign_keys": [{"table": "t", "name": "positive", **absent}]}, "correct the name, or drop it in psql"),
    ]
    for sections, words in cases:
        assert words in refusal(empty, **sections), sections
