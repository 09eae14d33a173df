# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Definitions are known again in whatever words the migration has them, and no two that differ are taken for one."""

from __future__ import annotations

from typing import Any

import pytest

from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

_TABLE = """
CREATE SCHEMA x; CREATE FUNCTION x.f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.upper($1)';
CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE DOMAIN positive AS int CHECK (VALUE > -5);
CREATE TABLE t (id int PRIMARY KEY, kind mood, vc varchar(20), ch char(4), tx text, ts timestamptz, d date, iv interval,
  arr int[], tarr text[], js jsonb, bo bool, n int, num numeric(9, 2), by bytea, uu uuid, ip inet, r int4range,
  "Odd ""n%s{}" int, bi bit(3), dm positive);
"""
#: prisma/orm#29386, flexprice/flexprice#2107: a varchar column or an enum gets casts from PostgreSQL, and tools that
#: compare texts build such an index anew in each run.
PREDICATES = (
    "kind = 'a'",
    "kind IN ('a', 'b')",
    "kind = ANY (ARRAY['a'::mood, 'b'])",
    "vc = 'x'",
    "vc IN ('x', 'y')",
    "vc NOT IN ('x', 'y') AND vc IS NOT NULL",
    "vc LIKE 'x\\_%'",
    "vc ~ '^a\\d+$'",
    "ch IN ('x', 'y ')",
    "tx = 'it''s'",
    "tx = E'a\\nb'",
    "tx = $$q$$ -- a comment",
    "ts > '2024-01-01 00:00:00+02'",
    "ts BETWEEN '2024-01-01' AND '2024-02-01'",
    "d BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'",
    "d <> 'infinity'",
    "iv > interval '1 mon 2 days'",
    "arr @> ARRAY[1]",
    "1 = ANY (arr)",
    "tarr && ARRAY['a', 'b']",
    "js @> '{\"a\": 1}'",
    "(js ->> 'n')::int > 3",
    "NOT bo",
    "bo IS NOT FALSE",
    "n::bigint > 3",
    "num IN (1, 2.50)",
    "coalesce(n, 0) = 0",
    "CASE WHEN bo THEN n > 1 ELSE false END",
    "(n, num) = (1, 2)",
    "n BETWEEN SYMMETRIC 10 AND 0",
    "extract(year from d) = 2024",
    "position('a' in tx) > 0",
    "by = '\\x00ff'",
    "ip << '10.0.0.0/8'",
    "r && '[1,5)'::int4range",
    "x.f(tx) = 'a'",
    '"Odd ""n%s{}" % 2 > 0',
    "bi = B'101'",
    "dm IN (1, 2)",
    "tx COLLATE \"C\" > 'x'",
    "tx COLLATE \"C\" BETWEEN 'a' AND 'b'",
    "true",  # lolopinto/ent#2028: no predicate is a predicate that is true
    "1=1",
)
EXPRESSIONS = (
    "lower(tx)",
    "lower(vc)",
    'lower(tx COLLATE "C")',
    '(tx COLLATE "C")',
    'x.f(tx) COLLATE pg_catalog."C"',
    "vc::text",
    "tx || vc",
    "((js->>'a')::int)",
    "n",
    '"Odd ""n%s{}" + 1',
    "(ts AT TIME ZONE 'UTC')::date",
    "to_tsvector('english', coalesce(tx, ''))",
    "tarr[1]",
    "int4range(n, n + 1)",
    "replace(tx, '\\', '/')",
    "split_part(tx, '%', 1)",
    "dm + 1",
)


def _index(name: str, *columns: Any, **more: Any) -> dict[str, Any]:
    return {"table": "t", "name": name, "columns": list(columns), **more}


def test_a_definition_is_known_again(cluster: Cluster) -> None:
    """A4 and its kind: the second run changes nothing, and verification is green."""
    database = cluster.database()
    database.execute(_TABLE)
    before = database.dump()
    indexes = [_index(f"w{n}", "id", where=text, on_equivalent="create") for n, text in enumerate(PREDICATES)]
    indexes += [_index(f"e{n}", {"expression": text}, on_equivalent="create") for n, text in enumerate(EXPRESSIONS)]
    indexes += [
        _index("o1", {"name": "vc", "opclass": "varchar_ops"}, {"name": "ch", "opclass": "bpchar_pattern_ops"}),
        _index("o2", {"name": "tx", "opclass": "pg_catalog.text_ops", "order": "desc", "nulls": "last"}),
        _index("o3", "js", method="gin", storage_parameters={"fastupdate": False, "gin_pending_list_limit": 128}),
        _index("o4", "n", method="brin", storage_parameters={"pages_per_range": 1, "autosummarize": True}),
        _index("o5", "n", include=["d"], storage_parameters={"deduplicate_items": "off", "fillfactor": 70}),
    ]
    migration = {"id": "words", "indexes": indexes}
    assert len(database.apply(migration)["steps"]) == len(indexes)
    again = database.apply(migration)
    assert not again["changed"], [step["summary"] for step in again["steps"]]
    assert database.verify(migration)["status"] == "verified"
    assert database.rollback()["changed"]
    assert database.dump() == before


#: A type with a default operator class of its own, that is stored like text: what citext is.
_SHOUT = """
CREATE SCHEMA ext; CREATE SCHEMA other;
CREATE TYPE ext.shout;
CREATE FUNCTION ext.i(cstring) RETURNS ext.shout IMMUTABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION ext.o(ext.shout) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
CREATE TYPE ext.shout (INPUT = ext.i, OUTPUT = ext.o, LIKE = text, CATEGORY = 'S', COLLATABLE = true);
CREATE CAST (ext.shout AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE FUNCTION ext.c(ext.shout, ext.shout) RETURNS int IMMUTABLE STRICT LANGUAGE sql
  AS 'SELECT pg_catalog.bttextcmp(pg_catalog.upper($1::text), pg_catalog.upper($2::text))';
"""
for _operator, _test in (("<", "< 0"), ("<=", "<= 0"), ("=", "= 0"), (">=", ">= 0"), (">", "> 0")):
    _name = {"<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">": "gt"}[_operator]
    _SHOUT += (
        f"CREATE FUNCTION ext.{_name}(ext.shout, ext.shout) RETURNS bool IMMUTABLE STRICT LANGUAGE sql"
        f" AS 'SELECT ext.c($1, $2) {_test}';"
        f"CREATE OPERATOR ext.{_operator} (LEFTARG = ext.shout, RIGHTARG = ext.shout, FUNCTION = ext.{_name});"
    )
_SHOUT += """
CREATE OPERATOR CLASS ext.shout_ops DEFAULT FOR TYPE ext.shout USING btree AS
  OPERATOR 1 ext.<, OPERATOR 2 ext.<=, OPERATOR 3 ext.=, OPERATOR 4 ext.>=, OPERATOR 5 ext.>, FUNCTION 1 ext.c;
CREATE COLLATION other."my-coll" (provider = libc, locale = 'C');
CREATE COLLATION other.k (provider = libc, locale = 'C'); CREATE COLLATION public.k (provider = libc, locale = 'POSIX');
CREATE COLLATION public."C.x" (provider = libc, locale = 'C');
CREATE TABLE t (id int, s ext.shout, tx text, j json);
"""


@pytest.fixture
def shouting(cluster: Cluster) -> Database:
    """A database with names in several schemas."""
    database = cluster.database()
    database.execute(_SHOUT)
    return database


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        # drizzle-team/drizzle-orm#3736: an operator class is read as another type's
        ("CREATE INDEX i ON t (s text_ops)", _index("i", "s")),
        ("CREATE UNIQUE INDEX i ON t (s text_ops)", _index("i", "s", unique=True)),
        ("CREATE INDEX i ON t (tx COLLATE other.k)", _index("i", {"name": "tx", "collation": "k"})),
        ("CREATE INDEX i ON t (lower(tx))", _index("i", {"expression": 'lower(tx COLLATE "C")'})),
        ("CREATE INDEX i ON t (lower(tx))", _index("i", {"expression": '(lower(tx) COLLATE "C")'})),
        ("CREATE INDEX i ON t (id) WHERE tx > 'a'", _index("i", "id", where="tx COLLATE \"C\" > 'a'")),
        ("CREATE INDEX i ON t (id) WHERE tx = tx", _index("i", "id", where="true")),
    ],
)
def test_what_differs_is_no_twin(shouting: Database, there: str, wanted: dict[str, Any]) -> None:
    """B24 and its kind: an index that only looks equal is replaced, and comes back as it was."""
    shouting.execute(there)
    before = shouting.dump()
    migration = {"id": "twin", "indexes": [wanted]}
    assert [step["action"] for step in shouting.apply(migration)["steps"]] == ["replace"]
    assert not shouting.apply(migration)["changed"]
    shouting.rollback()
    assert shouting.dump() == before


def test_a_name_is_looked_for_where_create_index_does(shouting: Database) -> None:
    """B28 and its kind: what is elsewhere, or nowhere, is said by check mode, with the schema that has it."""
    for column, said in (
        ({"name": "tx", "collation": "my-coll"}, 'in schema "other": write other.my-coll'),
        ({"name": "tx", "collation": "xx-x-icu"}, 'no collation "xx-x-icu"'),
        ({"name": "s", "opclass": "shout_ops"}, 'in schema "ext": write ext.shout_ops'),
        ("j", 'the type json of j has no default operator class for access method "btree"'),
    ):
        with shouting.nothing_changed():
            assert said in shouting.refusal(indexes=[_index("i", column)])
    migration = {
        "id": "places",
        "indexes": [
            _index("a", {"name": "tx", "collation": "other.my-coll"}),
            _index("b", {"name": "tx", "collation": "C.x"}),
            _index("c", {"name": "s", "opclass": "ext.shout_ops"}, on_equivalent="create"),
            _index("d", {"expression": "(tx COLLATE other.k)"}),
        ],
    }
    before = shouting.dump()
    assert shouting.apply(migration)["changed"]
    assert not shouting.apply(migration)["changed"]
    assert "other.k" in shouting.indexes("t")["d"]
    shouting.rollback()
    assert shouting.dump() == before


def test_the_tablespace_of_the_database(cluster: Cluster) -> None:
    """dataegret/pgcompacttable#19, pgadmin-org/pgadmin4#10342: pg_default is not the tablespace of each database."""
    place = cluster.tablespace("fast")
    database = cluster.database()
    cluster.server.execute(f'ALTER DATABASE "{database.name}" SET TABLESPACE {place}')
    database.execute(
        "CREATE TABLE t (id int, tx text); CREATE INDEX here ON t (id);"
        "CREATE INDEX there ON t (id) TABLESPACE pg_default;"
        "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT"
    )
    before = database.dump()
    indexes = [
        _index("here", "id", tablespace=place),
        _index("there", "id", tablespace="pg_default"),
        _index("new", "tx", tablespace=place),
        {"table": "p", "name": "whole", "columns": ["id"], "tablespace": place},
    ]
    done = database.apply({"id": "space", "indexes": indexes})
    assert {step["object"] for step in done["steps"]} == {"public.new", "public.whole", "public.p1_whole"}
    assert not database.apply({"id": "space", "indexes": indexes})["changed"]
    moved = [{**indexes[0], "tablespace": "pg_default"}, {**indexes[1], "tablespace": place}]
    assert [step["action"] for step in database.apply({"id": "move", "indexes": moved})["steps"]] == ["replace"] * 2
    database.rollback()
    database.rollback()
    assert database.dump() == before
