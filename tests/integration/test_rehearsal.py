# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What the server would refuse is known while everything still stands, and what an index carries stays with it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome, Plan, Step
from ansible_collections.steady.postgresql.plugins.module_utils._planning.rehearsal import Rehearsal, rehearse
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import copy_of
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres


def key(table: str, column: str, parent: str, to: str = "id", **more: Any) -> dict[str, Any]:
    return {"table": table, "columns": [column], "references": {"table": parent, "columns": [to]}, **more}


def refused(database: Database, **sections: Any) -> str:
    """What a deployment and check mode say against it, which is the same; nothing is changed."""
    said = []
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(Refused) as caught:
            database.apply({"id": "refused", **sections}, check=check)
        said.append("\n".join(caught.value.reasons))
    assert said[0] == said[1]
    return said[0]


def test_a2_a_unique_index_and_the_key_that_refers_to_it(cluster: Cluster) -> None:
    database = cluster.database()
    database.execute(
        'CREATE TABLE "User" (id int PRIMARY KEY, email text NOT NULL, code int);'
        'CREATE UNIQUE INDEX u ON "User" (code, id);'
        'CREATE TABLE "Login" (id int, email text, code int);'
        "INSERT INTO \"User\" VALUES (1, 'a', 1), (2, 'b', 2); INSERT INTO \"Login\" VALUES (1, 'a', 1)"
    )
    before = database.dump()
    migration = {
        "id": "a2",
        "indexes": [
            {"table": "User", "columns": ["email"], "unique": True},
            # And one that stands there, and is made fit for a key by the same migration.
            {"table": "User", "name": "u", "columns": ["code"], "unique": True},
        ],
        "foreign_keys": [key("Login", "email", "User", "email"), key("Login", "code", "User", "code")],
    }
    assert len(database.apply(migration, check=True)["steps"]) == 4
    result = database.apply(migration)
    assert [step["status"] for step in result["steps"]] == ["done"] * 4
    assert database.apply(migration)["changed"] is False
    undone = database.rollback()
    assert [step["kind"] for step in undone["steps"]] == ["foreign_key"] * 2 + ["index"] * 2
    assert database.dump() == before
    # Both in one the other way round: the key goes first.
    database.apply(migration)
    indexes = [step["name"] for step in result["steps"] if step["kind"] == "index"]
    gone = {
        "id": "gone",
        "indexes": [{"table": "User", "name": indexes[0], "state": "absent"}],
        "foreign_keys": [{"table": "Login", "name": "Login_email_fkey", "state": "absent"}],
    }
    assert len(database.apply(gone)["steps"]) == 2


PARENT = (
    "CREATE TABLE p (id int PRIMARY KEY, code text NOT NULL, label text, CONSTRAINT d UNIQUE (label) DEFERRABLE);"
    "CREATE UNIQUE INDEX p_code_key ON p (code); CREATE TABLE c (code text CONSTRAINT k REFERENCES p (code), id int);"
)


def test_a3_a_unique_index_to_which_a_key_refers_is_neither_dropped_nor_replaced(cluster: Cluster) -> None:
    database = cluster.database()
    database.execute(PARENT)
    absent = {"table": "p", "name": "p_code_key", "state": "absent"}
    other = {"table": "p", "name": "p_code_key", "columns": ["code"], "unique": True, "include": ["label"]}
    for entry, verb in ((absent, "dropped"), (other, "replaced")):
        said = refused(database, indexes=[entry])
        assert f'"p_code_key" cannot be {verb}: the foreign key "k" of "public"."c" depends on it' in said
    # A key to come depends on the oldest index: a second one may go, the first may not.
    database.execute("CREATE UNIQUE INDEX second ON p (id); CREATE TABLE e (p int)")
    database.apply(
        {
            "id": "second",
            "indexes": [{"table": "p", "name": "second", "state": "absent"}],
            "foreign_keys": [key("e", "p", "p")],
        }
    )
    database.execute("CREATE TABLE o (id int NOT NULL); CREATE UNIQUE INDEX first ON o (id); CREATE TABLE r (o int)")
    database.execute("CREATE UNIQUE INDEX later ON o (id)")
    said = refused(
        database,
        indexes=[{"table": "o", "name": "first", "state": "absent"}],
        foreign_keys=[key("r", "o", "o")],
    )
    assert 'the foreign key "r_o_fkey" of "public"."r" depends on it' in said
    # A key that somebody put on an index of ours: the rollback says so.
    database.apply({"id": "ours", "indexes": [{"table": "p", "name": "ours", "columns": ["label"], "unique": True}]})
    database.execute(
        "ALTER TABLE c ADD label text; ALTER TABLE c ADD CONSTRAINT l FOREIGN KEY (label) REFERENCES p (label)"
    )
    with pytest.raises(Refused) as caught:
        database.rollback()
    assert 'the foreign key "l" of "public"."c" depends on it' in caught.value.reasons[0]


def test_s4_the_same_for_an_index_of_a_partitioned_table(cluster: Cluster) -> None:
    database = cluster.database()
    database.execute(
        "CREATE TABLE p (id int NOT NULL, x int) PARTITION BY RANGE (id);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
        "CREATE UNIQUE INDEX whole ON p (id); CREATE TABLE c (id int CONSTRAINT k REFERENCES p (id))"
    )
    other = {"table": "p", "name": "whole", "columns": ["id"], "unique": True, "include": ["x"]}
    for entry in ({"table": "p", "name": "whole", "state": "absent"}, other):
        assert 'the foreign key "k" of "public"."c" depends on it' in refused(database, indexes=[entry])
    # And a key that refers to one partition alone.
    database.execute("ALTER TABLE c DROP CONSTRAINT k, ADD CONSTRAINT l FOREIGN KEY (id) REFERENCES p1 (id)")
    said = refused(database, indexes=[{"table": "p", "name": "whole", "state": "absent"}])
    assert said.count('the foreign key "l" of "public"."c" depends on it') == 1


def test_a11_what_no_key_can_be_made_of_is_refused_before_anything_is_changed(cluster: Cluster) -> None:
    database = cluster.database()
    database.execute(
        PARENT + "CREATE TABLE g (raw text, pid int GENERATED ALWAYS AS (length(raw)) STORED);"
        "CREATE UNLOGGED TABLE u (id int PRIMARY KEY); CREATE UNLOGGED TABLE v (id int);"
        "CREATE TABLE bad (id int, x int); INSERT INTO bad VALUES (1, 1), (1, 2);"
        "CREATE UNIQUE INDEX part ON bad (x) WHERE x > 0"
    )
    connection = database.connect()
    with pytest.raises(Exception, match="could not create unique"), connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON bad (id)")
    connection.close()
    harmless = [{"table": "c", "columns": ["id"]}]
    for entry, said in (
        (
            key("g", "pid", "p", on_delete="set_null"),
            'g".pid is a generated column, for which PostgreSQL refuses on_del',
        ),
        (key("g", "pid", "p", on_update="cascade"), "for which PostgreSQL refuses on_update: cascade"),
        (key("c", "id", "u"), "is unlogged, and PostgreSQL has no key from a permanent table to one"),
        (key("c", "id", "bad"), 'the unique index "broken" is invalid'),
        (key("c", "id", "bad", "x"), 'the unique index "part" is partial'),
        (key("c", "code", "p", "label"), 'the unique constraint "d" is deferrable'),
        (key("c", "id", "c", "id"), "add to the migration: indexes: [{table: c, columns: [id], unique: true}]"),
    ):
        assert said in refused(database, indexes=harmless, foreign_keys=[entry])
    if database.server.installation.major >= 18:
        database.execute("CREATE TABLE w (raw text, pid int GENERATED ALWAYS AS (length(raw)) VIRTUAL)")
        assert "is a virtual generated column" in refused(database, foreign_keys=[key("w", "pid", "p")])
    for entry in (key("g", "pid", "p"), key("v", "id", "u")):
        assert database.apply({"id": "good", "foreign_keys": [entry]})["changed"] is True


RULE = """
CREATE FUNCTION rule() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE one record; BEGIN
  FOR one IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
    IF one.object_type = '%s' AND obj_description(one.objid, 'pg_class') IS NULL THEN
      RAISE EXCEPTION 'house rule: %% has no comment', one.object_identity; END IF; END LOOP; END $$;
CREATE EVENT TRIGGER commented ON ddl_command_end EXECUTE FUNCTION rule();
"""


def test_b29_event_triggers_judge_no_copy_and_are_named(cluster: Cluster) -> None:
    database = cluster.database()
    cluster.role("owner_b29")
    database.execute(
        "CREATE SCHEMA own AUTHORIZATION owner_b29; CREATE TABLE own.t (id int, x int);"
        "ALTER TABLE own.t OWNER TO owner_b29; CREATE TABLE t (id int, x int)" + "; " + RULE % "table"
    )
    index = {"table": "t", "columns": ["id"]}
    # One that wants a comment on each table: the copy has none, and is not what it is about.
    result = database.apply({"id": "b29", "indexes": [index]}, journal=False)
    assert [step["status"] for step in result["steps"]] == ["done"]
    assert not any("commented" in note for note in result["notes"])
    # A role that cannot keep it from firing does without the trial, and says why.
    result = database.apply({"id": "own", "schema": "own", "indexes": [index]}, user="owner_b29", journal=False)
    (note,) = [note for note in result["notes"] if "beforehand" in note]
    assert "house rule: pg_temp.steady_copy_" in note
    assert 'the event trigger "commented" (function public.rule, of role "postgres")' in note
    # One that refuses indexes, too, is named before anything is changed.
    database.execute("DROP EVENT TRIGGER commented; DROP FUNCTION rule(); " + RULE % "index")
    found = preflight({"id": "x", "indexes": [{"table": "t", "columns": ["x"]}]}, database.options(), rehearse=True)
    (note,) = [note for note in found["notes"] if "commented" in note]
    assert "house rule" in note
    assert "may refuse index public.t_x_idx at its turn" in note


def test_every_definition_that_the_server_refuses_is_named_before_the_backup(cluster: Cluster) -> None:
    """B, wider kinds, 2. The preflight tries them when it is asked to, and not in check mode; nothing is left of it."""
    database = cluster.database()
    database.execute("CREATE TABLE t (id int); CREATE TABLE s (i int)")
    migration = {
        "id": "refused",
        "indexes": [
            {"table": "t", "columns": ["id"], "storage_parameters": {"fillfactor": 5}},
            {"table": "s", "name": "s_full", "columns": ["i"], "storage_parameters": {"fillfactor": 5}},
            {"table": "s", "columns": ["i"]},
        ],
    }
    with database.nothing_changed(), pytest.raises(Refused) as caught:
        preflight(migration, database.options(), rehearse=True)
    assert [text.split(":")[0] for text in caught.value.reasons] == ["index public.t_id_idx", "index public.s_full"]
    (finding,) = [one for one in caught.value.facts["preflight"] if one["name"] == "refused_change"]
    assert finding["status"] == "blocker"
    with database.nothing_written():
        preflight(migration, database.options())
        preflight(migration, database.options(check=True), rehearse=True)
    with database.nothing_changed(), pytest.raises(Refused) as caught:
        database.apply(migration)
    assert len(caught.value.reasons) == 2


def test_a_rehearsal_runs_code_of_an_owner_as_that_owner_and_waits_for_no_lock(cluster: Cluster) -> None:
    """S28: what is IMMUTABLE is evaluated when an index is defined. And a lock costs an instant, not a patience."""
    database = cluster.database()
    cluster.role("owner_s28")
    database.execute(
        "CREATE SCHEMA own AUTHORIZATION owner_s28; SET ROLE owner_s28; CREATE TABLE own.t (id int PRIMARY KEY);"
        "CREATE FUNCTION own.tell() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_user <> 'owner_s28' THEN RAISE EXCEPTION 'run by %', current_user; END IF; RETURN true; END $$;"
        "CREATE FUNCTION own.evil(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN own.tell(); END';"
        "CREATE TABLE own.c (id int)"
    )
    child, parent = ("own", "c"), ("own", "t")
    index = f"CREATE INDEX i ON {copy_of(*child)} (id) WHERE own.evil(1)"
    support = f"CREATE UNIQUE INDEX ON {copy_of(*parent)} (id)"
    add = f"ALTER TABLE {copy_of(*child)} ADD FOREIGN KEY (id) REFERENCES {copy_of(*parent)} (id)"
    steps = (
        Step("index", child, "i", "create", (), rehearsal=((child, index),), copies=(child,)),
        Step("foreign_key", child, "k", "add", (), rehearsal=((parent, support), (child, add)), copies=(child, parent)),
    )
    plan = Plan(tuple(Outcome(step.kind, child, step.name, "not there", step) for step in steps))
    options = database.options()
    session, _server = options.target(options.address(), "test").first_session("own")
    with database.nothing_changed():
        assert rehearse(session, plan) == Rehearsal()
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE own.t IN ACCESS EXCLUSIVE MODE")
    begun = time.monotonic()
    (note,) = rehearse(session, plan).notes
    assert 'definitions on "own"."t" could not be tried beforehand' in note
    assert time.monotonic() - begun < 5
    holder.close()
    session.close()
