# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Every value survives: what Python cannot hold, what JSON cannot hold, and what is no UTF-8."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._evidence.evidence import Wanted, take_evidence
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import held

pytestmark = pytest.mark.postgres


@pytest.fixture
def empty(cluster: Cluster) -> Database:
    """An empty database."""
    return cluster.database()


VALUES: dict[str, tuple[str, Any]] = {
    "before_christ": ("'0044-03-15 BC'::date", "0044-03-15 BC"),
    "far": ("'20000-01-01'::date", "20000-01-01"),
    "date": ("'2026-02-03'::date", "2026-02-03"),
    "infinity": ("'infinity'::timestamptz", "infinity"),
    "moment": ("'20000-01-01 00:00'::timestamp", "20000-01-01 00:00:00"),
    "midnight": ("'24:00'::time", "24:00:00"),
    "days": ("ARRAY['20000-01-01', '2026-02-03']::date[]", ["20000-01-01", "2026-02-03"]),
    "nan": ("'NaN'::float8", "NaN"),
    "minus": ("'-Infinity'::float4", "-Infinity"),
    "numeric_nan": ("'NaN'::numeric", "NaN"),
    "nans": ("ARRAY['NaN', 1.5]::float8[]", ["NaN", 1.5]),
    "huge": ("('1' || repeat('0', 5000))::numeric", "1" + "0" * 5000),
    "whole": ("12345678901234567890::numeric", 12345678901234567890),
    "half": ("1.5::numeric", 1.5),
    "month": ("'1 mon'::interval", "1 mon"),
    "bytes": ("'\\xdead'::bytea", "\\xdead"),
    "span": ("daterange('2026-01-01', '20000-01-01')", "[2026-01-01,20000-01-01)"),
    "document": ("""'{"a": [1, null]}'::jsonb""", {"a": [1, None]}),
    "deep": ("('{\"a\": 1' || repeat('0', 5000) || '}')::jsonb", '{"a": 1' + "0" * 5000 + "}"),
}


def test_a6_b23_answers_of_verification_queries_are_json(empty: Database, postgres_major: int) -> None:
    empty.execute("CREATE TABLE t (id int)")
    wanted = dict(VALUES)
    if postgres_major >= 14:
        wanted["numeric_infinity"] = ("'Infinity'::numeric", "Infinity")
    sql = "SELECT " + ", ".join(f"{text} AS {name}" for name, (text, _value) in wanted.items())
    migration = {
        "id": "values",
        "indexes": [{"table": "t", "columns": ["id"]}],
        "verification": {"queries": [{"name": "q", "sql": sql, "expect": "length(@) == `1`"}]},
    }
    (answer,) = empty.verify(migration)["queries"]
    assert answer["rows"] == [{name: value for name, (_text, value) in wanted.items()}]
    json.loads(json.dumps(answer, allow_nan=False))


#: Types, and a value of each that Python would have changed.
SAMPLED = {
    "date": "'infinity'",
    "timestamptz": "'0044-03-15 BC'",
    "interval": "'1 mon'",
    "numeric": "'NaN'",
    "float8": "'-Infinity'",
    "bytea": "'\\x00ff'",
    "daterange": "'[2026-01-01,)'",
    "date[]": "'{20000-01-01}'",
    "jsonb": "'{\"a\": 1.0000000000000000000001}'",
    "int[]": "'{1,2}'",
    "time": "'24:00'",
    "bigint": "9007199254740993",
}


def test_a6d_b_own_2_a_sample_finds_the_rows_that_it_was_taken_from(empty: Database) -> None:
    columns = {f"c{number}": kind for number, kind in enumerate(SAMPLED)} | {"sample": "int"}
    empty.execute(
        "CREATE TABLE t (id int, " + ", ".join(f"{name} {kind}" for name, kind in columns.items()) + ");"
        f"INSERT INTO t SELECT g, {', '.join(SAMPLED.values())}, 7 FROM generate_series(1, 3) g"
    )
    queries = [
        {
            "name": f"of {name}",
            "sql": f"SELECT id FROM t WHERE {name} = %({name})s",
            "sample_by": {"table": "t", "column": name},
        }
        for name in columns
    ]
    migration = {"id": "sampled", "indexes": [{"table": "t", "columns": ["id"]}], "queries": queries}
    found = evidence(empty, migration)
    figures = {
        name: [sample["figures"]["rows"] for sample in query["samples"]] for name, query in found["queries"].items()
    }
    assert figures == {f"of {name}": [3] for name in columns}, found


def evidence(database: Database, migration: dict[str, Any]) -> dict[str, Any]:
    """What is measured before a deployment, kept in the journal."""
    return take_evidence(migration, Wanted("before"), database.options())["evidence"]["before"]


def test_b23_a_probe_whose_rows_have_no_json_is_kept(empty: Database) -> None:
    empty.execute("CREATE TABLE m (id int PRIMARY KEY, v float8, n numeric); INSERT INTO m VALUES (1, 'NaN', 'NaN')")
    probe = {
        "name": "p",
        "sql": "UPDATE m SET v = v WHERE id = 1 RETURNING v, n, 'infinity'::date AS d",
        "expect": "rowcount == `1`",
        "follow_up": [{"sql": "SELECT '-Infinity'::float8 AS x", "expect": "length(rows) == `1`"}],
    }
    migration = {"id": "nan", "indexes": [{"table": "m", "columns": ["v"]}], "probes": [probe]}
    found = evidence(empty, migration)["probes"]["p"]
    assert found["rows"] == [{"v": "NaN", "n": "NaN", "d": "infinity"}]
    assert found["follow_up"][0]["rows"] == [{"x": "-Infinity"}]


@pytest.fixture
def ascii_database(cluster: Cluster) -> Database:
    """A database in SQL_ASCII, where bytes are of any encoding."""
    database = cluster.database()
    cluster.server.drop_database(database.name)
    cluster.server.execute(
        f"CREATE DATABASE \"{database.name}\" TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    return database


def test_a5_s25_a_database_whose_bytes_are_no_utf_8(ascii_database: Database) -> None:
    connection = ascii_database.connect(client_encoding="LATIN1")
    with connection.cursor() as cursor:
        cursor.execute(
            'CREATE TABLE "Pet" (id int PRIMARY KEY, name text, note text);'
            "INSERT INTO \"Pet\" VALUES (1, 'caf\xe9'), (2, 'caf\xe9'), (3, 'a');"
            "CREATE TABLE c (name text); INSERT INTO c VALUES ('th\xe9');"
            "CREATE UNIQUE INDEX u ON \"Pet\" (id) WHERE name <> 'pl\xe9'; CREATE TABLE k (id int);"
            "CREATE TABLE p (name text PRIMARY KEY)"
        )
    unique = {"table": "Pet", "columns": ["name"], "unique": True}
    with pytest.raises(SteadyError, match=r"name=caf\\xe9 \(2 times\)"):
        ascii_database.apply(indexes=[unique])
    orphan = {"table": "c", "columns": ["name"], "references": {"table": "p", "columns": ["name"]}}
    with pytest.raises(SteadyError, match=r"name=th\\xe9"):
        ascii_database.apply(foreign_keys=[orphan])
    # Names in UTF-8 go to the journal and come back; a definition with other bytes is brought back as it was.
    before = definition(connection)
    gone = {"table": "Pet", "name": "u", "state": "absent"}
    index = {"table": "Pet", "name": "Größe_idx", "columns": ["note"]}
    ascii_database.apply({"id": "umlaut", "title": "Größe", "indexes": [index, gone]})
    assert definition(connection) is None
    ascii_database.rollback()
    assert definition(connection) == before
    # A neighbour's query with such bytes is shown, and disturbs nothing.
    key = {"table": "k", "columns": ["id"], "references": {"table": "Pet", "columns": ["id"]}}
    statement = "SELECT '\xe9', count(*) FROM \"Pet\" WHERE false"
    with held(ascii_database, "SET client_encoding TO LATIN1", 'LOCK TABLE "Pet" IN SHARE MODE', statement):
        with pytest.raises(SteadyError, match="Pet") as error:
            ascii_database.apply(foreign_keys=[key], patience_s=1.5)
        assert error.value.sqlstate != "22021"
        assert "count(*) FROM" in str(error.value)
    connection.close()


def definition(connection: Any) -> str | None:
    """The definition of the index u, byte for byte."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(to_regclass('u'))")
        return cursor.fetchone()[0]
