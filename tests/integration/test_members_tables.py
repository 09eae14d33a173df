# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Keys, partitions and names of all sorts: what PostgreSQL takes is done and undone, its refusals check mode knows."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres


def _whole_story(database: Database, migration: dict[str, Any], before: str | None = None) -> dict[str, Any]:
    """Check, deploy, again, verify, and back."""
    migration = {"id": "story", **migration}
    before = before or database.dump()
    assert database.apply(migration, check=True)["changed"]
    done = database.apply(migration)
    assert done["changed"]
    assert not database.apply(migration)["changed"]
    assert database.verify(migration)["status"] == "verified"
    assert database.rollback()["changed"]
    assert (database.dump(), database.helpers()) == (before, [])
    return done


#: child type, parent type, a value of both; what PostgreSQL compares by its own operators, or converts by itself.
COMPARED = (
    ("int4", "int8", "1", "1"),
    ("int4", "numeric", "1", "1.0"),
    ("varchar(9)", "text", "a", "a"),
    ("char(5)", "text", "a", "a"),
    ("text", "char(5)", "a  ", "a"),
    ("char(3)", "char(5)", "a", "a"),
    ("small", "int8", "1", "1"),
    ("int4", "small", "1", "1"),
    ("date", "timestamptz", "2020-01-01", "2020-01-01"),
    ("mood", "mood", "a", "a"),
    ("ints", "int[]", "{1}", "{1}"),
    ("int4range", "int4range", "[1,1]", "[1,2)"),
    ("pair", "pair", "(1,)", "(1,)"),
    ("numeric", "float8", "0.1", "0.1"),
    ("text", "name", "a", "a"),
    ("cidr", "inet", "10.0.0.0/8", "10.0.0.0/8"),
)
#: knex/knex#4682, prisma/orm#12559, sora32127/healthy-person-emulator-dotorg#206: "are of incompatible types".
INCOMPARABLE = (
    ("numeric", "int4", "1.4"),
    ("uuid", "text", "00000000-0000-0000-0000-000000000000"),
    ("text", "uuid", "a"),
    ("text", "int4", "a"),
    ("mood", "text", "a"),
    ("int4[]", "int8[]", "{1}"),
)
_TYPES = """CREATE DOMAIN small AS int CHECK (VALUE < 100); CREATE TYPE mood AS ENUM ('a', 'b');
CREATE DOMAIN ints AS int[]; CREATE TYPE pair AS (a int, b int);"""


def _key(n: int | str) -> dict[str, Any]:
    return {"table": f"c{n}", "columns": ["x"], "references": {"table": f"p{n}", "columns": ["id"]}}


def test_types_of_both_ends(cluster: Cluster) -> None:
    """The kind of A8 and A9: what PostgreSQL compares is added; what it does not, check mode refuses, and not for the
    values that are there."""
    database = cluster.database()
    tables = [_TYPES]
    for n, (child, parent, value, key) in enumerate(COMPARED):
        tables.append(f"CREATE TABLE p{n} (id {parent} PRIMARY KEY); INSERT INTO p{n} VALUES ('{key}');")
        tables.append(f"CREATE TABLE c{n} (x {child}); INSERT INTO c{n} VALUES ('{value}');")
    for n, (child, parent, value) in enumerate(INCOMPARABLE):
        tables.append(f"CREATE TABLE pn{n} (id {parent} PRIMARY KEY);")
        tables.append(f"CREATE TABLE cn{n} (x {child}); INSERT INTO cn{n} VALUES ('{value}');")
    database.execute("".join(tables))
    refused = {"id": "refused", "foreign_keys": [_key(f"n{n}") for n in range(len(INCOMPARABLE))]}
    with database.nothing_changed():
        with pytest.raises(SteadyError, match="incompatible types"):
            database.apply(refused)
        with pytest.raises(SteadyError) as checked:
            database.apply(refused, check=True)
    said = str(checked.value)
    assert said.count("no foreign key compares") == len(INCOMPARABLE)
    assert 'compares x (text) with id (uuid), from "public"."cn2" to "public"."pn2"' in said
    _whole_story(database, {"foreign_keys": [_key(n) for n in range(len(COMPARED))]})


def test_a_key_in_another_order_is_the_same(cluster: Cluster) -> None:
    """romeerez/orchid-orm#763, schemahero/schemahero#1406: composite keys made anew in each run."""
    database = cluster.database()
    database.execute(
        "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE c (x int, a int, b int,"
        " CONSTRAINT k FOREIGN KEY (a, b) REFERENCES p (a, b)); CREATE INDEX ON c (a, b)"
    )
    key = {"table": "c", "columns": ["b", "a"], "references": {"table": "p", "columns": ["b", "a"]}}
    with database.nothing_changed():
        assert not database.apply(foreign_keys=[key])["changed"]
        assert not database.apply(foreign_keys=[{**key, "name": "k"}])["changed"]
    crossed = {**key, "name": "k", "references": {"table": "p", "columns": ["a", "b"]}}
    _whole_story(database, {"foreign_keys": [crossed]})


def test_what_18_brought(cluster: Cluster, postgres_major: int) -> None:
    """Names of NOT NULL, virtual columns, WITHOUT OVERLAPS: said by check mode."""
    if postgres_major < 18:
        pytest.skip("PostgreSQL 18 has it")
    database = cluster.database()
    database.execute(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (x int CONSTRAINT k NOT NULL);"
        "CREATE TABLE v (b int, a int GENERATED ALWAYS AS (b * 2) VIRTUAL); INSERT INTO v VALUES (1);"
        "CREATE TABLE w (r int4range, v daterange, CONSTRAINT pk PRIMARY KEY (r, v WITHOUT OVERLAPS));"
        "CREATE TABLE o (r int4range, v daterange)"
    )
    key = {"table": "c", "name": "k", "columns": ["x"], "references": {"table": "p", "columns": ["id"]}}
    with database.nothing_changed():
        assert 'the name "k" is taken by a NOT NULL constraint' in database.refusal(foreign_keys=[key])
        for columns in ({"columns": ["a"]}, {"columns": ["b"], "include": ["a"]}):
            assert "is a virtual generated column" in database.refusal(indexes=[{"table": "v", "name": "i", **columns}])
        temporal = {"table": "o", "columns": ["r", "v"], "references": {"table": "w", "columns": ["r", "v"]}}
        assert 'the constraint "pk" is temporal' in database.refusal(foreign_keys=[temporal])
    _whole_story(database, {"columns": [{"table": "v", "name": "a", "nullable": False}]})


def test_partitions_with_columns_in_another_order(cluster: Cluster, postgres_major: int) -> None:
    """Levels, dropped columns, an index of its own on a partition; keys from and to the whole; NOT NULL of all."""
    database = cluster.database()
    database.execute(
        "CREATE TABLE t (d date NOT NULL, k text, a int, z text) PARTITION BY LIST (k);"
        "CREATE TABLE t1 (z text, junk int, a int, k text, d date NOT NULL) PARTITION BY RANGE (d);"
        "ALTER TABLE t1 DROP COLUMN junk; ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN ('a');"
        "CREATE TABLE t11 (junk int, a int, d date NOT NULL, z text, k text); ALTER TABLE t11 DROP junk;"
        "ALTER TABLE t1 ATTACH PARTITION t11 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');"
        "CREATE TABLE t2 PARTITION OF t DEFAULT; CREATE UNIQUE INDEX u ON t (a, k, d);"
        "INSERT INTO t VALUES ('2020-02-02', 'a', 1, 'z'), ('2020-02-02', 'b', 2, NULL);"
        "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1), (2);"
        "CREATE TABLE c (a int, k text, d date); INSERT INTO c VALUES (1, 'a', '2020-02-02');"
        'CREATE TABLE q (a text) PARTITION BY RANGE (a COLLATE "C"); CREATE TABLE q1 PARTITION OF q DEFAULT'
    )
    unique = {"table": "q", "name": "qu", "columns": ["a"], "unique": True}
    with database.nothing_changed():
        said = database.refusal(indexes=[unique])
        assert "is partitioned by a with the collation C, and the index compares it with another" in said
    to_whole = {"table": "c", "columns": ["k", "a", "d"], "references": {"table": "t", "columns": ["k", "a", "d"]}}
    from_whole = {"table": "t", "columns": ["a"], "references": {"table": "p", "columns": ["id"]}}
    migration = {
        "columns": [{"table": "t", "name": "a", "nullable": False}],
        "indexes": [
            {**unique, "columns": [{"name": "a", "collation": "C"}]},
            {"table": "t", "name": "i", "columns": ["a"], "include": ["z"], "where": "z IS NOT NULL AND a > 0"},
            {"table": "t", "name": "j", "columns": [{"expression": "lower(z)"}], "tablespace": "pg_default"},
        ],
        "foreign_keys": [to_whole, *([from_whole] if postgres_major >= 18 else [])],
    }
    _whole_story(database, migration)
    if postgres_major >= 18:
        database.execute("ALTER TABLE t2 ADD CONSTRAINT own FOREIGN KEY (a) REFERENCES p")
        notes = " ".join(database.apply(foreign_keys=[from_whole], check=True)["notes"])
        assert 'its own foreign key "own" becomes a part of "t_a_fkey"' in notes


_J = "あいうえおかきくけこさしすせそたちつてとな"  # 63 bytes in UTF-8
_K = _J[:-1] + "に"
_ODD = "we\"ird.%s {x} \\n\nnew\tline %% $1 '"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_names_that_are_long_or_odd(cluster: Cluster) -> None:
    """fabianlindfors/reshape#60, prisma/orm#9415: names that differ at their end alone."""
    database = cluster.database()
    j, k, odd, other = _quoted(_J), _quoted(_K), _quoted(_ODD), _quoted(_ODD.upper())
    database.execute(
        f"CREATE TABLE {j} (id int PRIMARY KEY, {j} int, {k} int); CREATE TABLE {k} (id int, {j} int);"
        f"CREATE INDEX {_quoted('x' + _J[:-1])} ON {j} ({j});"
        f"CREATE INDEX {_quoted('x' + _K[:-2] + 'ぬ')} ON {j} ({j});"
        f"ALTER TABLE {k} ADD CONSTRAINT {j} FOREIGN KEY (id) REFERENCES {j} (id);"
        f"ALTER TABLE {k} ADD CONSTRAINT {k} FOREIGN KEY ({j}) REFERENCES {j} (id);"
        f"CREATE TABLE {odd} (id int PRIMARY KEY, {odd} int); CREATE TABLE {other} (id int, {odd} int);"
        f"CREATE INDEX i ON {odd} ({odd}); ALTER INDEX i RENAME TO {_quoted(_ODD + 'i')};"
        f"ALTER TABLE {other} ADD CONSTRAINT {odd} FOREIGN KEY (id) REFERENCES {odd};"
        f"COMMENT ON CONSTRAINT {odd} ON {other} IS '%s {{x}}'; COMMENT ON INDEX {_quoted(_ODD + 'i')} IS '%s \\';"
        'CREATE TABLE "Order" (id int); CREATE TABLE "order" (id int); CREATE INDEX "Order_id_idx" ON "order" (id)'
    )
    key = {"references": {"table": _J, "columns": ["id"]}}
    migration: dict[str, Any] = {
        "columns": [{"table": _J, "name": name, "nullable": False} for name in (_J, _K)]
        + [{"table": _ODD, "name": _ODD, "nullable": False}],
        "indexes": [
            {"table": _J, "name": "x" + _J[:-1], "columns": [_J, _K]},
            {"table": _J, "name": "x" + _K[:-2] + "ぬ", "columns": [_K, _J]},
            {"table": _ODD, "name": _ODD + "i", "columns": [_ODD, "id"], "where": f"{odd} > 0"},
            {"table": _ODD.upper(), "name": _ODD + "I", "columns": [_ODD]},
            {"table": "Order", "name": "ORDER_id_idx", "columns": ["id"]},
        ],
        "foreign_keys": [
            {"table": _K, "name": _J, "columns": ["id"], **key, "on_delete": "cascade"},
            {"table": _K, "name": _K, "columns": [_J], **key, "on_delete": "restrict"},
            {
                "table": _ODD.upper(),
                "name": _ODD,
                "columns": ["id"],
                "references": {"table": _ODD, "columns": ["id"]},
                "on_delete": "cascade",
            },
        ],
    }
    _whole_story(database, migration)
    long = {"table": "Order", "name": "é" * 40, "columns": ["id"]}
    assert "is longer than 63 bytes in the encoding of this database" in database.refusal(indexes=[long])


@pytest.mark.parametrize(("encoding", "name"), [("LATIN1", "é" * 40), ("EUC_JP", "あ" * 25)])
def test_names_of_other_encodings(cluster: Cluster, encoding: str, name: str) -> None:
    """63 bytes are those of the database: in UTF-8 these names have more."""
    database = cluster.database()
    cluster.server.drop_database(database.name)
    cluster.server.execute(
        f"CREATE DATABASE \"{database.name}\" TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    database.execute(
        f'CREATE TABLE "{name}" (id int PRIMARY KEY, "{name}" int); CREATE INDEX "{name}i" ON "{name}" ("{name}");'
        f'INSERT INTO "{name}" VALUES (1, 1)'
    )
    migration = {
        "id": "encoding",
        "columns": [{"table": name, "name": name, "nullable": False}],
        "indexes": [{"table": name, "name": name + "i", "columns": [name, "id"]}],
    }
    before = database.indexes(name)
    assert database.apply(migration)["changed"]
    assert not database.apply(migration)["changed"]
    assert database.verify(migration)["status"] == "verified"
    assert database.indexes(name) != before
    database.rollback()
    assert (database.indexes(name), database.nullable(name, name), database.helpers()) == (before, True, [])
