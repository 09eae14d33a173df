# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Unique, primary key and check constraints on a real server: from SQL and YAML, as psql makes them, and back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import temporary_name
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import load
from integration.cluster import Cluster, Database
from integration.killable import deployment_process
from integration.sessions import OLD_SNAPSHOT, held, wait_until

pytestmark = pytest.mark.postgres

Read = Callable[[str], dict[str, Any]]

SETUP = """
CREATE TABLE t (a int, b text, "C d" int NOT NULL DEFAULT 0, CONSTRAINT old UNIQUE (a) INCLUDE (b));
COMMENT ON CONSTRAINT old ON t IS 'it''s the old one';
INSERT INTO t SELECT n, 'b' || n, n % 7 FROM generate_series(1, 200) AS n;
CREATE TABLE kept (id int PRIMARY KEY, x int);
INSERT INTO kept SELECT n, n FROM generate_series(1, 20) AS n;
CREATE SCHEMA side;
CREATE TABLE side."T t" (id int, x int);
CREATE TABLE parted (id int NOT NULL, x int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
"""
ACCEPTED = "-- steady: accept breaks_running_application because all versions in use write it\n"
FILES = {
    "unique": "ALTER TABLE t ADD CONSTRAINT u UNIQUE (b);",
    "unique without a name": 'ALTER TABLE t ADD UNIQUE (b, "C d");',
    "included, without a name": "ALTER TABLE t ADD UNIQUE (b) INCLUDE (a);",
    "deferred": "ALTER TABLE ONLY t ADD CONSTRAINT u UNIQUE (b, a) DEFERRABLE INITIALLY DEFERRED;",
    "with storage": "ALTER TABLE t ADD CONSTRAINT u UNIQUE (b) WITH (fillfactor = 70);",
    "primary key": ACCEPTED + "ALTER TABLE t ADD PRIMARY KEY (a);",
    "primary key of two": ACCEPTED + 'ALTER TABLE t ADD CONSTRAINT "P k" PRIMARY KEY ("C d", a) INCLUDE (b);',
    "another schema": ACCEPTED + 'ALTER TABLE side."T t" ADD CONSTRAINT "U ""u" UNIQUE (id), ADD PRIMARY KEY (x);',
    "replaced": "ALTER TABLE t DROP CONSTRAINT old; ALTER TABLE t ADD CONSTRAINT old UNIQUE (b);",
    "replaced in one statement": "ALTER TABLE t DROP CONSTRAINT old, ADD CONSTRAINT old UNIQUE (b) DEFERRABLE;",
    "a primary key replaced": "ALTER TABLE kept DROP CONSTRAINT kept_pkey; ALTER TABLE kept ADD PRIMARY KEY (x);",
    "dropped": "ALTER TABLE t DROP CONSTRAINT old; ALTER TABLE kept DROP CONSTRAINT kept_pkey;",
    "with a key to it": """
        ALTER TABLE t ADD CONSTRAINT u UNIQUE (a, b);
        CREATE TABLE child (a int, b text);
        ALTER TABLE child ADD FOREIGN KEY (a, b) REFERENCES t (a, b);
        ALTER TABLE kept ADD CONSTRAINT k FOREIGN KEY (x) REFERENCES t (a);
        """,
    "of a new column": "ALTER TABLE t ADD COLUMN n text; ALTER TABLE t ADD CONSTRAINT u UNIQUE (n);",
    "of a partitioned table": ACCEPTED + "ALTER TABLE parted ADD CONSTRAINT u UNIQUE (id, x), ADD PRIMARY KEY (id);",
}


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a migration of the given content, as a playbook does."""
    monkeypatch.chdir(tmp_path)

    def content(text: str) -> dict[str, Any]:
        Path("V8__what.sql").write_text(text, encoding="utf-8")
        return load(Path("V8__what.sql"))

    return content


def by_psql(database: Database, text: str) -> str:
    """The schema after psql has run the text."""
    program = database.server.installation.client("psql")
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url(), "-f", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return database.dump()


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_what_is_deployed_is_what_psql_makes_of_it(cluster: Cluster, database: Database, read: Read, text: str) -> None:
    database.execute(SETUP)
    before = database.dump()
    other = cluster.database(database.name)
    wanted = by_psql(other, text)
    migration = read(text)
    with database.nothing_changed():
        checked = database.apply(migration, check=True)
    done = database.apply(migration)
    assert (done["changed"], done["plan_hash"]) == (True, checked["plan_hash"])
    assert database.dump() == wanted
    assert database.apply(migration, check=True)["changed"] is False
    assert database.apply(migration)["changed"] is False
    assert database.verify(migration)["status"] == "verified"
    database.rollback()
    assert database.dump() == before


YAML: dict[str, dict[str, Any]] = {
    "unique": {"table": "t", "unique": ["b"]},
    "primary key": {"table": "t", "primary_key": ["a", "C d"]},
    "check": {"table": "t", "name": "pos", "check": 'a > 0 AND "C d" IS NOT NULL', "comment": "positive"},
    "check of partitions": {"table": "parted", "name": "pos", "check": "x > 0"},
    "replaced": {"table": "t", "name": "old", "unique": ["b"]},
    "check in place of unique": {"table": "t", "name": "old", "check": "a > 0"},
    "absent": {"table": "t", "name": "old", "state": "absent"},
    "comment": {"table": "t", "name": "old", "unique": ["a"], "include": ["b"], "comment": ""},
}


@pytest.mark.parametrize("entry", YAML.values(), ids=YAML)
def test_an_entry_in_four_phases_and_back(database: Database, entry: dict[str, Any]) -> None:
    database.execute(SETUP)
    before = database.dump()
    migration = {"id": "one", "constraints": [entry]}
    with database.nothing_changed():
        assert database.apply(migration, check=True)["changed"] is True
    assert database.apply(migration)["changed"] is True
    assert database.apply(migration, check=True)["changed"] is False
    assert database.apply(migration)["changed"] is False
    assert database.verify(migration)["status"] == "verified"
    database.rollback()
    assert database.dump() == before


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "duplicates": ({"table": "t", "unique": ["C d"]}, "7 keys occur more than once"),
    "NULLs": ({"table": "nulls", "primary_key": ["x"]}, "1 row of .* has no x"),
    "a row against the check": ({"table": "t", "name": "c", "check": "a <> 5"}, "1 row of .* against the check"),
    "refuse": ({"table": "t", "name": "old", "unique": ["b"], "on_conflict": "refuse"}, "on_conflict: refuse"),
    "a key rests on it": ({"table": "kept", "name": "kept_pkey", "state": "absent"}, "depends on it"),
    "a view rests on it": ({"table": "grouped", "name": "grouped_pkey", "state": "absent"}, "depends on it"),
    "a second primary key": ({"table": "kept", "name": "p", "primary_key": ["x"]}, "has a primary key already"),
    "the name of a table": ({"table": "t", "name": "kept", "unique": ["b"]}, "is taken in schema"),
    "the name of an index": ({"table": "t", "name": "t_b", "unique": ["b"]}, "is taken in schema"),
    "a partitioned table": ({"table": "parted", "unique": ["id"]}, "is partitioned"),
    "no column": ({"table": "t", "unique": ["nope"]}, "there is no column"),
    "a condition that is none": ({"table": "t", "name": "c", "check": "nope > 0"}, "nope"),
}


@pytest.mark.parametrize(("entry", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_found_before_anything_begins(database: Database, entry: dict[str, Any], why: str) -> None:
    database.execute(SETUP)
    database.execute(
        "CREATE TABLE nulls (x int); INSERT INTO nulls VALUES (NULL), (1); CREATE INDEX t_b ON t (b);"
        "CREATE TABLE child (x int REFERENCES kept (id)); CREATE TABLE grouped (id int PRIMARY KEY, x int);"
        "CREATE VIEW v AS SELECT id, x FROM grouped GROUP BY id"
    )
    with database.nothing_changed(), pytest.raises(SteadyError, match=why):
        database.apply({"id": "one", "constraints": [entry]})


def test_the_index_that_an_interrupted_run_has_built_is_taken_and_not_built_again(database: Database) -> None:
    database.execute(SETUP)
    helper = temporary_name("t_b_key", "new", ("public", "t"))
    before = database.dump()
    database.execute(f'CREATE UNIQUE INDEX "{helper}" ON t (b)')
    oid = database.value(f"SELECT '\"{helper}\"'::regclass::oid")
    migration = {"id": "one", "constraints": [{"table": "t", "unique": ["b"]}]}
    (step,) = database.apply(migration, check=True)["steps"]
    assert not any("CREATE" in statement for statement in step["sql"])
    database.apply(migration)
    assert database.value("SELECT 't_b_key'::regclass::oid") == oid
    database.rollback()
    assert database.dump() == before


def test_killed_between_the_build_and_the_constraint(database: Database) -> None:
    """A reader lets the build pass, and keeps ADD CONSTRAINT waiting: the next run takes the index that was built."""
    database.execute(SETUP)
    before = database.dump()
    migration = {"id": "killed", "constraints": [{"table": "t", "unique": ["b"]}]}
    helper = temporary_name("t_b_key", "new", ("public", "t"))
    built = f"SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('\"{helper}\"') AND indisvalid"
    with held(database, "SELECT 1 FROM t", seconds=30), deployment_process(database, migration) as process:
        wait_until(lambda: bool(database.execute(built)))
        assert process.poll() is None
        process.kill()
        process.wait()
    assert database.execute("SELECT 1 FROM pg_constraint WHERE conname = 't_b_key'") == []
    oid = database.value(f"SELECT '\"{helper}\"'::regclass::oid")
    (step,) = database.apply(migration, check=True)["steps"]
    assert step["sql"] == [f'ALTER TABLE "public"."t" ADD CONSTRAINT "t_b_key" UNIQUE USING INDEX "{helper}"']
    database.apply(migration)
    assert database.value("SELECT conindid FROM pg_constraint WHERE conname = 't_b_key'") == oid
    assert database.helpers() == []
    database.rollback()
    assert database.dump() == before


def test_killed_before_the_constraint_and_rolled_back_at_once(database: Database) -> None:
    """NOT NULL of the primary key's column goes, and the index that was built for it."""
    database.execute(SETUP)
    before = database.dump()
    migration = {"id": "killed", "constraints": [{"table": "t", "primary_key": ["a"]}]}
    helper = temporary_name("t_pkey", "new", ("public", "t"))
    built = f"SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('\"{helper}\"')"
    # A transaction that has an old snapshot holds up the build, and nothing before it.
    with held(database, *OLD_SNAPSHOT, seconds=30), deployment_process(database, migration) as process:
        wait_until(lambda: bool(database.execute(built)))
        process.kill()
        process.wait()
    assert not database.nullable("t", "a")
    database.rollback()
    assert database.dump() == before


def test_new_rows_are_checked_by_one_of_both_while_it_is_replaced(database: Database) -> None:
    database.execute(SETUP)
    with held(database, "INSERT INTO t (a, b) VALUES (1000, 'b1000')"), pytest.raises(SteadyError):
        database.apply({"id": "one", "constraints": [{"table": "t", "name": "old", "unique": ["b"]}]}, patience_s=2)
    assert database.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'old'").startswith(
        "UNIQUE (a)"
    )
    with pytest.raises(psycopg2.Error):
        database.execute("INSERT INTO t (a, b) VALUES (1, 'again')")


def test_what_a_role_lacks_is_said_in_check_mode(cluster: Cluster) -> None:
    app = cluster.role("app")
    database = cluster.database()
    database.execute(
        "CREATE TABLE theirs (id int, CONSTRAINT u UNIQUE (id)); CREATE TABLE own (id int, CONSTRAINT o UNIQUE (id));"
        "ALTER TABLE own OWNER TO app; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    may_not_build = 'GRANT CREATE ON SCHEMA "public" TO "app"'
    for entry, said in (
        ({"table": "theirs", "primary_key": ["id"]}, 'belongs to "postgres"'),
        ({"table": "theirs", "name": "c", "check": "id > 0"}, 'belongs to "postgres"'),
        ({"table": "theirs", "name": "u", "state": "absent"}, 'belongs to "postgres"'),
        ({"table": "own", "primary_key": ["id"]}, may_not_build),
    ):
        migration = {"id": "one", "constraints": [entry]}
        missing = database.apply(migration, check=True, user=app, journal=False)["missing_privileges"]
        assert any(said in one for one in missing), missing
        with database.nothing_changed(), pytest.raises(SteadyError):
            database.apply(migration, user=app, journal=False)
    dropped = {"id": "one", "constraints": [{"table": "own", "name": "o", "state": "absent"}]}
    assert database.apply(dropped, user=app, journal=False)["changed"] is True


def test_a_member_of_the_owner_deploys_and_where_rows_are_hidden_from_it_nothing_begins(cluster: Cluster) -> None:
    owner, member = cluster.role("owner of t", "NOLOGIN"), cluster.role("member of owner")
    database = cluster.database()
    database.execute(
        f'GRANT "{owner}" TO "{member}"; CREATE TABLE t (id int, x int); INSERT INTO t VALUES (1, 1), (2, 2);'
        f'ALTER TABLE t OWNER TO "{owner}"; ALTER TABLE t ENABLE ROW LEVEL SECURITY;'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{member}";'
        f'GRANT CREATE ON SCHEMA public TO "{owner}", "{member}"'
    )
    before = database.dump()
    entries = [{"table": "t", "primary_key": ["id"]}, {"table": "t", "name": "c", "check": "x > 0"}]
    migration = {"id": "one", "constraints": entries}
    assert database.apply(migration, user=member)["changed"] is True
    assert database.apply(migration, user=member)["changed"] is False
    database.rollback(user=member)
    assert database.dump() == before
    database.execute("ALTER TABLE t FORCE ROW LEVEL SECURITY")
    hidden = database.dump()
    with pytest.raises(SteadyError, match="the rows cannot be checked"):
        database.apply(migration, user=member)
    assert database.dump() == hidden


def test_what_nobody_wrote_into_the_journal_is_not_run(database: Database) -> None:
    """The condition of a check out of the journal is one expression, or the image is refused."""
    database.execute("CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0)); CREATE TABLE other ()")
    database.apply({"id": "one", "constraints": [{"table": "t", "name": "c", "state": "absent"}]})
    database.execute(
        "UPDATE steady.step SET before = jsonb_set(before::jsonb, '{check}', '\"true); DROP TABLE other; --\"')"
    )
    with database.nothing_written(), pytest.raises(SteadyError, match="no SQL expression"):
        database.rollback(check=True)
