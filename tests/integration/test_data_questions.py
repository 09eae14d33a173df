# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A question to the data is the constraint's own: it finds what PostgreSQL finds, and nothing else."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database
from integration.sessions import Probe

pytestmark = pytest.mark.postgres


@pytest.fixture
def empty(cluster: Cluster) -> Database:
    """An empty database."""
    return cluster.database()


def key(table: str, column: str, parent: str, referenced: str, **more: Any) -> dict[str, Any]:
    """A foreign key of one column."""
    return {"table": table, "columns": [column], "references": {"table": parent, "columns": [referenced]}, **more}


def refused(database: Database, **sections: Any) -> str:
    """Why check mode refuses it, and the run does; nothing is changed."""
    with database.nothing_changed():
        with pytest.raises(SteadyError) as checked:
            database.apply(**sections, check=True)
        with pytest.raises(SteadyError) as run:
            database.apply(**sections)
    assert str(checked.value) == str(run.value)
    return str(run.value)


def refused_with_journal(database: Database, **sections: Any) -> str:
    """The same where an earlier deployment left its journal."""
    before = database.dump()
    with pytest.raises(SteadyError) as run:
        database.apply(**sections)
    assert (database.dump(), database.helpers()) == (before, [])
    return str(run.value)


def test_a7_a_key_and_a_unique_index_see_no_rows_of_tables_that_inherit(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE users (id int PRIMARY KEY, email text); CREATE TABLE vips (x int) INHERITS (users);"
        "INSERT INTO users VALUES (1, 'a'); INSERT INTO vips VALUES (2, 'a', 0);"
        "CREATE TABLE orders (id int, user_id int); INSERT INTO orders VALUES (1, 2);"
        "CREATE TABLE bills (id int, user_id int); CREATE TABLE old_bills () INHERITS (bills);"
        "INSERT INTO bills VALUES (1, 1); INSERT INTO old_bills VALUES (1, 99)"
    )
    said = refused(empty, foreign_keys=[key("orders", "user_id", "users", "id")])
    assert '1 row of "public"."orders" refers to no row of "public"."users"' in said
    assert "user_id=2; add what they refer to, or correct their keys" in said
    assert "a key finds no rows of tables that inherit from the one it refers to" in said
    assert "delete" not in said
    index = {"table": "users", "columns": ["email"], "unique": True}
    empty.apply(indexes=[index], foreign_keys=[key("bills", "user_id", "users", "id")])
    assert empty.foreign_keys("bills") == {"bills_user_id_fkey": "FOREIGN KEY (user_id) REFERENCES users(id)"}
    empty.execute("INSERT INTO users VALUES (3, 'a3'), (4, 'a4')")
    assert empty.helpers() == []


def test_a4_an_index_with_a_collation_is_found_again(empty: Database) -> None:
    empty.execute('CREATE TABLE "Person" (tenant_id text, id text, last_name text, name text, note text)')
    upper = {"expression": "upper(name COLLATE \"C\" || ', x')", "collation": "POSIX", "order": "desc"}
    indexes = [
        {"table": "Person", "name": "i1", "columns": [{"name": "last_name", "collation": "C"}, "name"]},
        {"table": "Person", "name": "i2", "columns": [{"name": "tenant_id", "collation": "C"}, "id"]},
        {"table": "Person", "name": "i3", "columns": ["name"], "where": "note <> 'name COLLATE '"},
        {"table": "Person", "name": "i4", "columns": ["name", upper, {"expression": "(lower(name))"}, "id"]},
        {"table": "Person", "name": "i5", "columns": [{"name": "name", "opclass": "text_pattern_ops"}, "last_name"]},
    ]
    migration = {"id": "collated", "indexes": indexes}
    empty.apply(migration)
    with empty.nothing_written():
        assert empty.apply(migration)["changed"] is False
    assert {check["status"] for check in empty.verify(migration)["verification"]} == {"ok"}
    indexes[0]["columns"] = ["last_name", "name"]
    (step,) = empty.apply(migration)["steps"]
    assert (step["action"], step["summary"]) == (
        "replace",
        "columns: (last_name collate C, name) instead of (last_name, name)",
    )


def test_b24_an_index_that_only_looks_equal_does_not_do_the_job(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE t (a int, CONSTRAINT t_a_key UNIQUE (a) DEFERRABLE);"
        "CREATE TABLE u (a int, CONSTRAINT u_a_idx UNIQUE (a) DEFERRABLE INITIALLY DEFERRED)"
    )
    (step,) = empty.apply(indexes=[{"table": "t", "columns": ["a"], "unique": True}])["steps"]
    assert step["action"] == "create"
    empty.rollback()
    said = refused_with_journal(empty, indexes=[{"table": "u", "columns": ["a"], "unique": True}])
    assert 'cannot be replaced: it belongs to the constraint "u_a_idx"' in said


def test_b24_parameters_of_an_operator_class_are_part_of_it(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE t (v tsvector); CREATE INDEX t_v_idx ON t USING gist (v tsvector_ops (siglen = 64));"
        "CREATE TABLE o (v tsvector); CREATE INDEX other ON o USING gist (v tsvector_ops (siglen = 64))"
    )
    indexes = [{"table": table, "columns": ["v"], "method": "gist"} for table in ("t", "o")]
    steps = empty.apply(indexes=indexes)["steps"]
    assert [(step["action"], step["summary"]) for step in steps] == [
        ("replace", "columns: (v tsvector_ops (siglen=64)) instead of (v)"),
        ("create", ""),
    ]
    assert empty.apply(indexes=indexes)["changed"] is False
    empty.rollback()
    assert "siglen='64'" in empty.indexes("t")["t_v_idx"]
    # They can be asked for: what stands there is the same then, and another value is another index.
    same, other = (
        [{"table": "t", "columns": [{"name": "v", "opclass": "tsvector_ops", "opclass_parameters": {"siglen": n}}]}]
        for n in (64, 32)
    )
    assert empty.apply(indexes=[{**same[0], "method": "gist"}])["changed"] is False
    wanted = [{**other[0], "method": "gist"}]
    (step,) = empty.apply(indexes=wanted)["steps"]
    assert step["action"] == "replace"
    assert "siglen='32'" in empty.indexes("t")["t_v_idx"]
    assert empty.apply(indexes=wanted)["changed"] is False
    empty.rollback()
    assert "siglen='64'" in empty.indexes("t")["t_v_idx"]


def test_a7_writes_to_tables_that_inherit_explain_a_count(empty: Database) -> None:
    empty.execute("CREATE TABLE users (id int, email text); CREATE TABLE vips () INHERITS (users)")
    migration = {
        "id": "counted",
        "indexes": [{"table": "users", "columns": ["id"]}],
        "verification": {"unchanged_counts": ["users"]},
    }
    with Probe(empty, "INSERT INTO vips VALUES (1, 'a')", "DELETE FROM vips WHERE random() < 0.01"):
        empty.apply(migration)
        verdict = empty.verify(migration)
    assert [c["status"] for c in verdict["verification"] if c["kind"] == "count"] == ["ok"], verdict


def test_a8_a_key_compares_under_the_collation_of_the_referenced_column(empty: Database) -> None:
    empty.execute(
        'CREATE TABLE p (code text COLLATE "C" PRIMARY KEY); CREATE TABLE c (code text COLLATE "POSIX");'
        "INSERT INTO p VALUES ('a'); INSERT INTO c VALUES ('a')"
    )
    empty.apply(foreign_keys=[key("c", "code", "p", "code")])
    assert list(empty.foreign_keys("c")) == ["c_code_fkey"]
    empty.execute("CREATE TABLE d (code text COLLATE \"POSIX\"); INSERT INTO d VALUES ('b')")
    assert "code=b" in refused(empty, foreign_keys=[key("d", "code", "p", "code")])


CI = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


@pytest.fixture
def ignoring_case(empty: Database) -> Database:
    """A database with a collation that does not mind case."""
    try:
        empty.execute(CI)
    except psycopg2.errors.FeatureNotSupported:
        pytest.skip("this build has no ICU")
    return empty


def test_a8_a_key_whose_own_collation_ignores_case_does_not_compare_so(
    ignoring_case: Database, postgres_major: int
) -> None:
    if postgres_major >= 18:
        pytest.skip("18 refuses such a definition")
    ignoring_case.execute(
        "CREATE TABLE q (code text PRIMARY KEY); CREATE TABLE d (code text COLLATE ci);"
        "INSERT INTO q VALUES ('foo'); INSERT INTO d VALUES ('Foo');"
        "CREATE TABLE r (code text COLLATE ci PRIMARY KEY); CREATE TABLE e (code text);"
        "INSERT INTO r VALUES ('foo'); INSERT INTO e VALUES ('Foo')"
    )
    assert "code=Foo" in refused(ignoring_case, foreign_keys=[key("d", "code", "q", "code")])
    ignoring_case.apply(foreign_keys=[key("e", "code", "r", "code")])
    assert list(ignoring_case.foreign_keys("e")) == ["e_code_fkey"]


def test_a8_a_unique_index_compares_under_its_own_collation(ignoring_case: Database) -> None:
    ignoring_case.execute(
        "CREATE TABLE a (x text); INSERT INTO a VALUES ('Foo'), ('foo');"
        "CREATE TABLE b (x text COLLATE ci); INSERT INTO b VALUES ('Foo'), ('foo')"
    )
    under = {"table": "a", "name": "u", "columns": [{"name": "x", "collation": "ci"}], "unique": True}
    assert '1 key occurs more than once in "public"."a"' in refused(ignoring_case, indexes=[under])
    bytewise = {"table": "b", "name": "v", "columns": [{"name": "x", "collation": "C"}], "unique": True}
    ignoring_case.apply(indexes=[bytewise])
    assert 'COLLATE "C"' in ignoring_case.indexes("b")["v"]
    # Brought back by a rollback, it asks the same.
    ignoring_case.apply({"id": "away", "indexes": [{"table": "b", "name": "v", "state": "absent"}]})
    ignoring_case.rollback()
    assert 'COLLATE "C"' in ignoring_case.indexes("b")["v"]


def test_a_unique_index_compares_by_its_own_operator_class(empty: Database) -> None:
    empty.execute(
        "CREATE TYPE pair AS (n numeric); CREATE TABLE t (id int, v pair);"
        "INSERT INTO t VALUES (1, ROW(1.0)), (2, ROW(1.00))"
    )
    by_image = {"table": "t", "name": "u", "columns": [{"name": "v", "opclass": "record_image_ops"}], "unique": True}
    empty.apply(indexes=[by_image])
    assert "record_image_ops" in empty.indexes("t")["u"]
    by_value = {"table": "t", "name": "w", "columns": ["v"], "unique": True}
    assert "v=(1.0) (2 times)" in refused(empty, indexes=[by_value]).replace("(1.00)", "(1.0)")


CITEXT = """
CREATE SCHEMA extensions;
CREATE EXTENSION citext SCHEMA extensions; CREATE EXTENSION ltree SCHEMA extensions;
CREATE TABLE u (email extensions.citext PRIMARY KEY); CREATE TABLE l (email extensions.citext);
INSERT INTO u VALUES ('A@x'); INSERT INTO l VALUES ('a@X');
CREATE TABLE n (path extensions.ltree PRIMARY KEY); CREATE TABLE m (path extensions.ltree);
INSERT INTO n VALUES ('a.b'); INSERT INTO m VALUES ('a.b');
CREATE TABLE w (email extensions.citext); INSERT INTO w VALUES ('b@x');

"""


def test_a9_a_key_compares_by_the_operator_of_its_index_wherever_it_is(empty: Database) -> None:
    there = empty.value("SELECT count(*) = 2 FROM pg_available_extensions WHERE name IN ('citext', 'ltree')")
    if not there:
        pytest.skip("contrib is not installed")
    empty.execute(CITEXT)
    keys = [key("l", "email", "u", "email"), key("m", "path", "n", "path")]
    empty.apply(foreign_keys=keys)
    assert len(empty.foreign_keys("l")) == len(empty.foreign_keys("m")) == 1
    assert "email=b@x" in refused(empty, foreign_keys=[key("w", "email", "u", "email")])


#: A type without contrib whose equality does not mind case and is in a schema that is not searched.
HIDDEN_TYPE = """
CREATE SCHEMA extensions;
CREATE TYPE extensions.word;
CREATE FUNCTION extensions.word_in(cstring) RETURNS extensions.word LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION extensions.word_out(extensions.word) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE extensions.word (INPUT = extensions.word_in, OUTPUT = extensions.word_out, LIKE = text);
CREATE CAST (extensions.word AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (text AS extensions.word) WITHOUT FUNCTION AS ASSIGNMENT;
"""
for name, sign in (("lt", "<"), ("le", "<="), ("eq", "="), ("ge", ">="), ("gt", ">")):
    HIDDEN_TYPE += (
        f"CREATE FUNCTION extensions.word_{name}(extensions.word, extensions.word) RETURNS bool LANGUAGE sql IMMUTABLE"
        f" AS 'SELECT lower($1::text) {sign} lower($2::text)';"
        f"CREATE OPERATOR extensions.{sign} (LEFTARG = extensions.word, RIGHTARG = extensions.word,"
        f" FUNCTION = extensions.word_{name});"
    )
HIDDEN_TYPE += """
CREATE FUNCTION extensions.word_cmp(extensions.word, extensions.word) RETURNS int LANGUAGE sql IMMUTABLE
  AS 'SELECT btTextcmp(lower($1::text), lower($2::text))';
CREATE OPERATOR CLASS extensions.word_ops DEFAULT FOR TYPE extensions.word USING btree AS
  OPERATOR 1 extensions.<, OPERATOR 2 extensions.<=, OPERATOR 3 extensions.=, OPERATOR 4 extensions.>=,
  OPERATOR 5 extensions.>, FUNCTION 1 extensions.word_cmp(extensions.word, extensions.word);
CREATE TABLE u (w extensions.word PRIMARY KEY); INSERT INTO u VALUES ('Abc');
CREATE TABLE l (w extensions.word); INSERT INTO l VALUES ('aBC');
CREATE DOMAIN code AS extensions.word; CREATE TABLE d (w code); INSERT INTO d VALUES ('ABC');
CREATE TABLE wrong (w extensions.word); INSERT INTO wrong VALUES ('other');
CREATE TABLE twice (w extensions.word); INSERT INTO twice VALUES ('x'), ('X');
"""


def test_a9_s17_the_types_own_operators_count_without_contrib_too(empty: Database) -> None:
    empty.execute(HIDDEN_TYPE)
    # An operator of the same name that a search path would find first: it is not asked.
    empty.execute(
        "CREATE FUNCTION never(extensions.word, extensions.word) RETURNS bool LANGUAGE sql AS 'SELECT 1 / 0 = 1';"
        "CREATE OPERATOR public.= (LEFTARG = extensions.word, RIGHTARG = extensions.word, FUNCTION = never)"
    )
    empty.apply(foreign_keys=[key("l", "w", "u", "w"), key("d", "w", "u", "w")])
    assert len(empty.foreign_keys("l")) == len(empty.foreign_keys("d")) == 1
    assert "w=other" in refused(empty, foreign_keys=[key("wrong", "w", "u", "w")])
    assert "w=x (2 times)" in refused(empty, indexes=[{"table": "twice", "columns": ["w"], "unique": True}])


CROSSED: dict[str, tuple[str, str, str, str]] = {
    "smallint to bigint": ("bigint", "1", "smallint", "1"),
    "varchar to text": ("text", "'a'", "varchar(5)", "'a'"),
    "char to varchar": ("varchar(5)", "'a'", "char(5)", "'a'"),
    "date to timestamp": ("timestamp", "'2020-01-01'", "date", "'2020-01-01'"),
    "int to numeric": ("numeric", "1.0", "int", "1"),
    "enum": ("mood", "'ok'", "mood", "'ok'"),
    "array": ("int[]", "'{1,2}'", "int[]", "'{1,2}'"),
    "range": ("int4range", "'[1,5)'", "int4range", "'[1,4]'"),
    "row": ("pair", "'(1,2)'", "pair", "'(1,2)'"),
    "uuid": ("uuid", "'00000000-0000-0000-0000-000000000001'", "uuid", "'00000000-0000-0000-0000-000000000001'"),
    "domain": ("positive", "1", "int", "1"),
    "to a domain": ("int", "1", "positive", "1"),
    "text domain to varchar": ("varchar", "'a'", "label", "'a'"),
}


def test_keys_between_unlike_types_compare_as_postgresql_does(empty: Database) -> None:
    empty.execute(
        "CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE TYPE pair AS (a int, b int);"
        'CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN label AS text COLLATE "C"'
    )
    keys = []
    for number, (parent, value, child, other) in enumerate(CROSSED.values()):
        empty.execute(
            f"CREATE TABLE p{number} (k {parent} PRIMARY KEY); INSERT INTO p{number} VALUES ({value});"
            f"CREATE TABLE c{number} (k {child}); INSERT INTO c{number} VALUES ({other})"
        )
        keys.append(key(f"c{number}", "k", f"p{number}", "k"))
    done = empty.apply(foreign_keys=keys)
    assert [step["status"] for step in done["steps"]] == ["done"] * len(keys)
    empty.rollback()
    for number in range(len(keys)):
        empty.execute(f"DELETE FROM p{number}")
    said = refused(empty, foreign_keys=keys)
    assert [number for number in range(len(keys)) if f'1 row of "public"."c{number}" refers' not in said] == []


def test_a12_not_null_of_a_row_value_is_not_null_of_its_fields(empty: Database) -> None:
    empty.execute(
        "CREATE TYPE addr AS (street text, no int); CREATE DOMAIN home AS addr;"
        "CREATE TABLE t (id int PRIMARY KEY, a addr, h home);"
        "INSERT INTO t VALUES (1, ROW('x', NULL)::addr, ROW(NULL, NULL)::addr), (2, ROW('y', 1)::addr, ROW('y', 1))"
    )
    columns = [{"table": "t", "name": name, "nullable": False} for name in ("a", "h")]
    insert = "INSERT INTO t SELECT max(id) + 1, ROW('z', NULL)::addr, ROW('z', NULL)::addr FROM t"
    with Probe(empty, insert) as writer:
        empty.apply(columns=columns)
    assert writer.errors == []
    assert (empty.nullable("t", "a"), empty.nullable("t", "h"), empty.helpers()) == (False, False, [])
    empty.rollback()
    empty.execute("INSERT INTO t VALUES (0, NULL, ROW(1, 1))")
    assert '1 row of "public"."t" has no a' in refused(empty, columns=columns)


def test_a12_the_stand_in_spares_the_scan_of_row_values(empty: Database) -> None:
    """Before 18 a validated CHECK spares SET NOT NULL its scan under ACCESS EXCLUSIVE, for row values too."""
    empty.execute(
        "CREATE TYPE addr AS (street text, no int); CREATE TABLE t (id int, a addr);"
        "INSERT INTO t SELECT g, ROW('x', g)::addr FROM generate_series(1, 300000) g"
    )
    empty.apply(columns=[{"table": "t", "name": "a", "nullable": False}], budget_ms=40, patience_s=5)
    assert not empty.nullable("t", "a")


def test_a6_keys_that_python_cannot_hold_are_shown(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE price (id int, sku text, valid_to date);"
        "INSERT INTO price VALUES (1, 'a', '20000-01-01'), (2, 'a', '20000-01-01'), (3, 'b', 'infinity');"
        "CREATE TABLE day (d date PRIMARY KEY); CREATE TABLE of_day (d date);"
        "INSERT INTO of_day VALUES ('0044-03-15 BC'), ('-infinity');"
        "CREATE TABLE f (v float8); INSERT INTO f VALUES ('NaN'), ('NaN');"
        "CREATE TABLE iv (v interval); INSERT INTO iv VALUES ('1 mon'), ('1 mon')"
    )
    unique = {"table": "price", "columns": ["sku", "valid_to"], "unique": True}
    assert "sku=a, valid_to=20000-01-01 (2 times)" in refused(empty, indexes=[unique])
    orphans = refused(empty, foreign_keys=[key("of_day", "d", "day", "d")])
    assert "d=0044-03-15 BC; d=-infinity" in orphans
    others = [{"table": table, "columns": ["v"], "unique": True} for table in ("f", "iv")]
    said = refused(empty, indexes=others)
    assert "v=NaN (2 times)" in said
    assert "v=1 mon (2 times)" in said


def test_b_own_3_columns_called_like_our_own(empty: Database) -> None:
    empty.execute(
        "CREATE TABLE p (total int PRIMARY KEY); CREATE TABLE c (total int); INSERT INTO c VALUES (7);"
        "CREATE TABLE t (total int, times int); INSERT INTO t VALUES (6, 8), (6, 8), (6, 8)"
    )
    assert "total=7; add what" in refused(empty, foreign_keys=[key("c", "total", "p", "total")])
    said = refused(empty, indexes=[{"table": "t", "columns": ["total", "times"], "unique": True}])
    assert "1 key occurs more than once" in said
    assert "total=6, times=8 (3 times)" in said


def test_b25_set_null_that_would_fail_is_refused(empty: Database) -> None:
    empty.execute(
        "CREATE DOMAIN nn AS int NOT NULL; CREATE DOMAIN inner_one AS int CHECK (VALUE IS NOT NULL);"
        "CREATE DOMAIN nested AS inner_one; CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
        "CREATE FUNCTION mine(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1 / 0 = 1; END';"
        "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);"
        "CREATE TABLE c (a nn, n nested, b int CHECK (b IS NOT NULL), d int, e int, CHECK (num_nonnulls(d, e) = 1),"
        " f int CHECK (f > 0), g positive, h int CONSTRAINT theirs CHECK (mine(h)),"
        " i int, CONSTRAINT partly CHECK (i > 0 AND e IS NULL))"
    )
    refusing = {
        "a": 'the domain nn of "a" does not allow NULL, so each such delete would fail (23502)',
        "n": 'the domain nested of "n" does not allow NULL, so each such delete would fail (23514)',
        "b": 'the CHECK constraint "c_b_check" does not allow NULL, so each such delete would fail (23514)',
    }
    for column, words in refusing.items():
        said = refused(empty, foreign_keys=[key("c", column, "p", "id", on_delete="set_null")])
        assert words in said.replace("public.", "")
    said = refused(empty, foreign_keys=[key("c", "b", "p", "id", on_update="set_null")])
    assert "each such update would fail (23514)" in said
    keys = [key("c", column, "p", "id", on_delete="set_null") for column in "dfghi"]
    defaults = [key("c", "e", "p", "id", on_delete="set_default")]
    notes = [note for note in empty.apply(foreign_keys=defaults, check=True)["notes"] if "set_default" in note]
    assert notes == [
        '"public"."c": such a delete fails because of "c_e_fkey" (on_delete: set_default) while "public"."p" has '
        "no row of the default of (e)"
    ]
    notes = [note for note in empty.apply(foreign_keys=keys)["notes"] if "CHECK" in note]
    assert [note.split(" may refuse NULL in some rows")[0] for note in notes] == [
        '"public"."c": the CHECK constraint "c_check"',
        '"public"."c": the CHECK constraint "theirs"',
        '"public"."c": the CHECK constraint "partly"',
    ]
    assert notes[0].endswith('where such a delete fails because of "c_d_fkey" (on_delete: set_null)')
