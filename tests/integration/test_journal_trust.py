# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The journal is used only where nobody else can make it run code (S2), and its ids are checked (S19)."""

from __future__ import annotations

import re

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._evidence.evidence import Wanted, take_evidence
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

INDEX = {"id": "one", "indexes": [{"table": "Order", "columns": ["note"]}]}
OTHER = {"id": "two", "indexes": [{"table": "Order", "columns": ["total"]}]}
_TRIGGER = """
    CREATE FUNCTION public.evil() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN CREATE TABLE public.marker (); RETURN new; END $$;
    CREATE TRIGGER evil BEFORE INSERT ON steady.deployment FOR EACH ROW EXECUTE FUNCTION public.evil()"""


def _refused(database: Database, user: str = "postgres") -> str:
    texts = set()
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(SteadyError) as refused:
            database.apply(OTHER, check=check, user=user)
        texts.add(str(refused.value).partition("Left as it was")[0])
    assert database.value("SELECT to_regclass('public.marker') IS NULL")
    return " ".join(texts)


def test_s2_a_trigger_on_the_journal_is_never_run(database: Database) -> None:
    database.apply(INDEX)
    database.execute(_TRIGGER)
    assert "steady.deployment has a trigger, which the collection did not make" in _refused(database)
    with pytest.raises(SteadyError, match="has a trigger"):
        database.rollback()
    database.execute("DROP TRIGGER evil ON steady.deployment")
    assert database.apply(OTHER)["changed"]
    database.rollback()


def test_s2_a_superuser_does_not_take_the_journal_of_another_role(cluster: Cluster, database: Database) -> None:
    owner = cluster.role("keeper", "LOGIN")
    database.execute(f"GRANT CREATE ON DATABASE {database.name} TO {owner}")
    database.execute(
        "CREATE SCHEMA own AUTHORIZATION keeper; CREATE TABLE own.t (x int); ALTER TABLE own.t OWNER TO keeper"
    )
    assert database.apply({"id": "k", "schema": "own", "indexes": [{"table": "t", "columns": ["x"]}]}, user=owner)[
        "changed"
    ]
    assert 'belongs to "keeper", who is no superuser' in _refused(database)
    database.execute(
        "ALTER SCHEMA steady OWNER TO postgres; ALTER TABLE steady.deployment OWNER TO postgres;"
        " ALTER TABLE steady.attempt OWNER TO postgres; ALTER TABLE steady.step OWNER TO postgres;"
        " ALTER TABLE steady.evidence OWNER TO postgres"
    )
    assert database.apply(OTHER)["changed"]
    database.rollback()


def test_s19_an_id_that_is_none_of_ours_goes_no_further(database: Database) -> None:
    database.apply(INDEX)
    database.execute(
        "INSERT INTO steady.deployment (id, migration_id, migration, status)"
        " SELECT '../../F; touch marker #', migration_id, migration, 'failed' FROM steady.deployment"
    )
    with pytest.raises(SteadyError, match="whose id is none of the collection's"):
        database.rollback()
    with pytest.raises(SteadyError, match="whose id is none of the collection's"):
        take_evidence(INDEX, Wanted("after"), database.options())


def test_s39_a_definition_reads_the_same_whatever_the_role_has_set(cluster: Cluster, database: Database) -> None:
    """S39: the text of an interval, a float, a name is that of the deployment."""
    other = cluster.role("other", "LOGIN SUPERUSER")
    where = '"placedAt" - "placedAt" < \'1 day\'::interval'
    database.apply({"id": "s39", "indexes": [{"table": "Order", "name": "i", "columns": ["id"], "where": where}]})
    for setting in ("IntervalStyle = iso_8601", "DateStyle = 'SQL, DMY'", "quote_all_identifiers = on"):
        database.execute(f"ALTER ROLE other SET {setting}")
    assert database.rollback(user=other)["changed"]


def test_b29b_row_security_by_an_event_trigger_hides_no_journal(cluster: Cluster, database: Database) -> None:
    """B29 b: a trigger as Supabase documents it, and two operators who are members of the owner."""
    cluster.role("own", "NOLOGIN")
    operators = [cluster.role(name) for name in ("op1", "op2")]
    database.execute(
        f"GRANT own TO op1, op2; GRANT CREATE ON DATABASE {database.name} TO op1; CREATE SCHEMA s AUTHORIZATION own;"
        " CREATE TABLE s.t (x int, y int); ALTER TABLE s.t OWNER TO own;"
        " CREATE FUNCTION rls() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN"
        "  FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP IF r.schema_name NOT LIKE 'pg_temp%' AND"
        "  r.object_type = 'table' THEN"
        "  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.object_identity); END IF; END LOOP; END $$;"
        " CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION rls()"
    )
    first = {"id": "a", "schema": "s", "indexes": [{"table": "t", "columns": ["x"]}]}
    second = {"id": "b", "schema": "s", "indexes": [{"table": "t", "columns": ["y"]}]}
    assert database.apply(first, user=operators[0])["changed"]
    with pytest.raises(SteadyError) as refused:
        database.apply(second, user=operators[1])
    grants = re.findall(r"GRANT [^;]* TO \"op2\"", str(refused.value))
    database.execute("; ".join(grants))
    assert database.apply(second, check=True, user=operators[1])["missing_privileges"] == []
    assert database.apply(second, user=operators[1])["changed"]
    assert database.verify(first, user=operators[1])["verification"][-1]["status"] == "ok"
    assert database.rollback(user=operators[1])["changed"]
