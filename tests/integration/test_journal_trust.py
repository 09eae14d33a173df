# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The journal is used only where nobody else can make it run code (S2), and its ids are checked (S19)."""

from __future__ import annotations

import pytest

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
