# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Who may write the journal, what that lets them do to a rollback, and what a rollback came to in the end (S2)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.restored import differences
from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

_CANARY = """
    CREATE TABLE public.canary (who text);
    CREATE FUNCTION public.evil(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN INSERT INTO public.canary VALUES (current_user); RETURN $1; END $$;
    CREATE UNIQUE INDEX mine ON "Order" (lower(note), id); CREATE INDEX other ON "Order" (total)
"""
DROPS: dict[str, Any] = {
    "id": "drops",
    "indexes": [{"table": "Order", "name": name, "state": "absent"} for name in ("mine", "other")],
}
#: An image that is right in every letter, of an index over a function of somebody's.
_PLANT = """
    UPDATE steady.step SET before = jsonb_set(jsonb_set(jsonb_set(before,
      '{columns,0,expression}', '"public.evil(note)"'),
      '{tail}', to_jsonb(replace(before->>'tail', 'lower(note)', 'public.evil(note)'))),
      '{using}', to_jsonb(replace(before->>'using', 'lower(note)', 'public.evil(note)'))) WHERE name = 'mine'
"""


def test_s2_sql_that_others_may_have_written_into_the_journal_is_not_run(cluster: Cluster, database: Database) -> None:
    database.execute(_CANARY)
    writer, group = cluster.role("writer"), cluster.role("writers", "NOLOGIN")
    database.apply(DROPS)
    for grant in (
        f"GRANT INSERT, UPDATE ON steady.step TO {writer}",
        f"GRANT UPDATE (before) ON steady.step TO {group}; GRANT {group} TO {writer}",
        "GRANT UPDATE ON steady.step TO PUBLIC",
    ):
        database.execute(grant + ";" + _PLANT)
        for check in (True, False):
            with pytest.raises(SteadyError) as refused:
                database.rollback(check=check)
            for word in ('written into the journal by "writer"', 'rights of "postgres"', "public.evil(note)"):
                assert word in str(refused.value)
        database.execute(
            f"REVOKE ALL ON steady.step FROM {writer}, {group}, PUBLIC; REVOKE UPDATE (before) ON steady.step"
            f" FROM {group}; REVOKE {group} FROM {writer}"
        )
    database.execute(f"GRANT UPDATE ON steady.step TO {writer}")
    # What has no SQL in it comes back; and where nobody else could write, so does the rest.
    partly = database.rollback(partial=True)
    assert [entry["object"] for entry in partly["left_out"]] == ["public.mine"]
    assert "other" in database.indexes("Order")
    assert database.value("SELECT count(*) FROM canary") == 0
    database.execute(f"REVOKE ALL ON steady.step FROM {writer}")
    database.execute("UPDATE steady.step SET before = replace(before::text, 'public.evil', 'lower')::jsonb")
    assert database.rollback()["status"] == "rolled_back"
    assert "lower(note)" in database.indexes("Order")["mine"]
    database.execute(f"DROP OWNED BY {writer}, {group}")


def test_s2_a_role_may_use_what_the_owner_of_the_table_wrote(cluster: Cluster, database: Database) -> None:
    """The owner of a table can make all who use it run code: a journal adds nothing to that, but for a superuser."""
    owner, deployer = cluster.role("owner", "NOLOGIN"), cluster.role("deployer")
    colleague, stranger = cluster.role("colleague"), cluster.role("stranger")
    database.execute(
        f'{_CANARY}; ALTER TABLE "Order" OWNER TO {owner}; GRANT CREATE ON SCHEMA public TO {owner};'
        f"GRANT CREATE ON DATABASE {database.name} TO {deployer}; GRANT {owner} TO {deployer}, {colleague}"
    )
    database.apply(DROPS, user=deployer)
    database.execute(f"GRANT INSERT, UPDATE ON steady.step TO {colleague}, {stranger}")
    with pytest.raises(SteadyError, match='written into the journal by "stranger", and'):
        database.rollback(user=deployer)
    database.execute(f"REVOKE ALL ON steady.step FROM {stranger}")
    assert database.rollback(user=deployer)["status"] == "rolled_back"
    roles = f"{deployer}, {colleague}, {stranger}, {owner}"
    database.execute(f"REASSIGN OWNED BY {roles} TO postgres; DROP OWNED BY {roles}")


def test_s2_what_came_back_is_compared_with_the_image(database: Database) -> None:
    """A trigger of somebody's changes what the rollback makes: it says so, and does not call it undone."""
    database.execute('CREATE INDEX mine ON "Order" (note) WITH (fillfactor = 70)')
    database.apply({"id": "drops", "indexes": [{"table": "Order", "name": "mine", "state": "absent"}]})
    database.execute(
        "CREATE FUNCTION public.meddle() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN ALTER INDEX public.mine SET (fillfactor = 50); END $$;"
        " CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION public.meddle();"
    )
    database.execute("UPDATE steady.step SET before = jsonb_set(before, '{comment}', '\"x\"')")
    with pytest.raises(SteadyError) as failure:
        database.rollback()
    assert "this is not as it was before the deployment" in str(failure.value)
    assert "options is {'fillfactor': '50'}, and was {'fillfactor': '70'}" in str(failure.value)
    assert failure.value.facts["status"] == "failed"
    assert database.value("SELECT status FROM steady.deployment") == "partly_rolled_back"
    # What is there now is nobody's image: it is for a person to look at, and to take away.
    database.execute("DROP EVENT TRIGGER meddle; DROP INDEX mine")
    assert database.rollback()["status"] == "rolled_back"


def test_s2_each_difference_has_its_weight() -> None:
    column = {"name": "c", "nullable": True, "constraint": None}
    assert differences("column", column, {**column, "nullable": False})[0] == ["nullable is False, and was True"]
    assert differences("column", None, None) == ([], [])
    assert differences("column", column, None)[0] == ["it is not there, and was"]
    assert differences("column", None, column)[0] == ["it is there, and was not"]
    assert differences("index", {"valid": False}, None) == ([], [])


# -- what else is read of others ---------------------------------------------------------------------------------------

_LEDGER = """
    CREATE TABLE public.canary (who text);
    CREATE TYPE public.odd AS (x text);
    CREATE FUNCTION public.evil(public.odd) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.canary VALUES (current_user); RETURN 'x'; END $$;
    CREATE CAST (public.odd AS text) WITH FUNCTION public.evil(public.odd) AS IMPLICIT;
    CREATE TABLE {schema}._prisma_migrations (migration_name public.odd, started_at timestamptz DEFAULT now(),
        finished_at timestamptz, rolled_back_at timestamptz);
    INSERT INTO {schema}._prisma_migrations (migration_name) VALUES (ROW('a'))
"""


@pytest.mark.parametrize("schema", ["public", "foreign_one"])
def test_s14_a_ledger_with_types_of_others_is_not_read(database: Database, schema: str) -> None:
    database.execute(f"CREATE SCHEMA IF NOT EXISTS {schema};" + _LEDGER.format(schema=schema))
    migration = {"id": "one", "indexes": [{"table": "Order", "columns": ["note"]}]}
    findings = preflight(migration, database.options(check=True))["preflight"]
    assert database.value("SELECT count(*) FROM canary") == 0
    assert [one["status"] for one in findings if one["name"] == "prisma_failed_migration"] == ["ok"]
