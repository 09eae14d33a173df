# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Random schemas and random migrations: what must be true of every one of them.

The examples are the same in every run: what one finds, the next finds, too. STEADY_EXAMPLES says how many.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from faults.scenes import attempts, deployment_status, remains
from faults.workshop import Outcome, Workshop, engine_request
from faults.worlds import World, worlds
from integration.cluster import Cluster, Database

pytestmark = [pytest.mark.postgres]
bounded = settings(
    max_examples=int(os.environ.get("STEADY_EXAMPLES", "8")),
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def playground(cluster: Cluster) -> Database:
    """One database for all examples; each makes its world in it anew."""
    return cluster.database("template0")


@pytest.fixture(scope="module")
def engine(workshop: Workshop, playground: Database) -> Callable[..., Outcome]:
    """Runs the engine there in a process of its own: action, migration, stop; struck(run) is called where it stops."""

    def run(action: str, world: World, stop: tuple[int, str] | None = None) -> Outcome:
        job = workshop.job("engine", **engine_request(playground.url(), action, migration=world.migration, stop=stop))
        if stop is not None and job.until("stopped") == "stopped":
            job.kill()
        return job.end()

    return run


def _make(playground: Database, world: World) -> str:
    """Make the world; what it looks like."""
    connection = playground.connect()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS steady CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        cursor.execute(world.script(connection))
    connection.close()
    return playground.dump()


def _as_wished(playground: Database, world: World) -> None:
    """What the migration wishes stands there: asked in words that share nothing with the collection."""
    for index in world.migration.get("indexes", []):
        found = playground.execute(
            "SELECT i.indisvalid, array(SELECT attname::text FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k (n, o)"
            " JOIN pg_attribute ON attrelid = indrelid AND attnum = k.n ORDER BY o), i.indisunique"
            " FROM pg_index AS i JOIN pg_class AS c ON c.oid = indexrelid WHERE relname = %s",
            (index["name"],),
        )
        if index.get("state") == "absent":
            assert found == []
        else:
            names = [one if isinstance(one, str) else one["name"] for one in index["columns"]]
            assert found in ([(True, names, index.get("unique", False))], [])  # or another does the job already
    for column in world.migration.get("columns", []):
        assert playground.execute(
            "SELECT NOT attnotnull FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid"
            " WHERE relname = %s AND attname = %s",
            (column["table"], column["name"]),
        ) == [(column.get("nullable", True),)]
    for key in world.migration.get("foreign_keys", []):
        found = playground.execute(
            "SELECT confdeltype::text, confupdtype::text, convalidated FROM pg_constraint WHERE conname = %s",
            (key["name"],),
        )
        letters = {"no_action": "a", "restrict": "r", "cascade": "c", "set_null": "n"}
        wanted = [(letters[key["on_delete"]], letters[key["on_update"]], True)] if "on_delete" in key else []
        assert found == wanted
    assert remains(playground) == []


@bounded
@given(world=worlds())
def test_there_and_back(playground: Database, engine: Callable[..., Outcome], world: World) -> None:
    """A deployment is what was wished, twice is once, and a rollback is as before; what is refused changes nothing."""
    before = _make(playground, world)
    first = engine("deploy", world)
    assert not first.died
    deployed = playground.dump()
    if first.error:
        event("refused")
        assert "nothing was changed" in first.error or "the database was not contacted" in first.error, first.error
        assert deployed == before
        return
    event("changed" if first.result["changed"] else "unchanged")
    assert (deployed != before) == first.result["changed"]
    _as_wished(playground, world)
    with playground.nothing_written():
        assert engine("deploy", world).result["changed"] is False
    back = engine("rollback", world)
    if first.result["changed"]:
        assert back.result["changed"]
    else:  # such a deployment leaves no journal, and a rollback does not look green where nothing was deployed
        assert "There is no journal" in back.error
        assert "nothing was changed" in back.error
    assert playground.dump() == before
    assert remains(playground) == []


@bounded
@given(world=worlds(), where=st.integers(0, 10**6), side=st.sampled_from(["before", "after"]), back=st.booleans())
def test_killed_somewhere(
    playground: Database, engine: Callable[..., Outcome], world: World, where: int, side: str, back: bool
) -> None:
    """A deployment, or its rollback, that is killed anywhere and repeated is one that was not killed."""
    before = _make(playground, world)
    whole = engine("deploy", world)
    if not whole.result.get("changed"):
        event("nothing to kill")
        return
    deployed = playground.dump()
    undone = engine("rollback", world)
    assert playground.dump() == before
    playground.execute("DROP SCHEMA steady CASCADE")
    action = "rollback" if back else "deploy"
    if back:
        engine("deploy", world)
    calls = (undone if back else whole).result["calls"]
    place = (where % len(calls), side)
    event(f"{action} killed")
    assert engine(action, world, place).died
    again = engine(action, world)
    assert not again.error, again.error
    assert playground.dump() == (before if back else deployed)
    assert remains(playground) == []
    if not back:
        assert deployment_status(playground) == "succeeded"
        assert engine("rollback", world).result["status"] == "rolled_back"
        assert playground.dump() == before
    assert deployment_status(playground) == "rolled_back"
    assert not any(status == "running" for _direction, status, _steps in attempts(playground))
