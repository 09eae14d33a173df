# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Each operation under live traffic, with each of those who may be in its way: nobody waits longer than the budget."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from faults.operations import OPERATIONS, SETUP, Operation
from faults.pages import WRITING
from faults.scenes import contents
from faults.traffic import CROWDED_BLOCKERS, CROWDED_OPERATIONS, MORE_ROWS, PROFILES, Felt, Felts, run
from integration.ansible_command import ROOT
from integration.cluster import Cluster, Database
from lab.blockers import BLOCKERS
from lab.server import Server, installation

pytestmark = [pytest.mark.postgres]

SHORT, CROWDED = PROFILES
# Where time is short: row locks, and an old snapshot for a build.
STANDS_FOR_ALL = "idle transaction, child"
# So many databases under traffic at a time, by profile: two cores can do that without being late themselves.
_AT_A_TIME = {SHORT: 12, CROWDED: 6}


@pytest.fixture(scope="module")
def busy_server(postgres_major: int) -> Iterator[Server]:
    """A server that logs who waits for whom, and whose autovacuum is quick to begin."""
    settings = {
        "log_connections": "on",
        "autovacuum_naptime": "1s",
        "autovacuum_max_workers": 12,
        "max_connections": 500,
        "jit": "off",
        "shared_buffers": "256MB",
        "max_wal_size": "4GB",
    }
    with Server.start(postgres_major, settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def stage(busy_server: Server) -> Iterator[Cluster]:
    """Databases on it, with enough rows that a vacuum takes its time."""
    cluster = Cluster(busy_server, {})
    shop = (ROOT / "tests/integration/shop.sql").read_text()

    def fill(_url: str) -> None:
        busy_server.psql(script=shop + SETUP + MORE_ROWS, database="template_stage")

    cluster.template("stage", fill)
    yield cluster
    cluster.clean_up()


@pytest.fixture(scope="module")
def deployed(stage: Cluster) -> Callable[[Operation], str]:
    """What stands there after an operation that nobody disturbed."""
    found: dict[str, str] = {}

    def deployed(operation: Operation) -> str:
        if operation.name not in found:
            database = stage.database(stage.templates["stage"])
            if operation.before_each:
                database.execute(operation.before_each)
            database.apply(operation.migration)
            found[operation.name] = contents(database, operation)
        return found[operation.name]

    return deployed


@pytest.fixture(scope="module")
def felts(postgres_major: int) -> Iterator[Felts]:
    """What all of them felt; written into docs/traffic.md where that is asked for."""
    felts = Felts(postgres_major)
    yield felts
    if WRITING:
        felts.write()


@pytest.mark.parametrize(
    "blocker",
    [pytest.param(one, marks=() if one == STANDS_FOR_ALL else pytest.mark.long) for one in BLOCKERS],
)
@pytest.mark.parametrize("profile", [SHORT, pytest.param(CROWDED, marks=pytest.mark.long)])
def test_nobody_waits_longer_than_the_budget(
    stage: Cluster, deployed: Callable[[Operation], str], felts: Felts, profile: str, blocker: str
) -> None:
    newest = stage.server.installation.major == installation().major
    if profile == CROWDED and not newest:
        pytest.skip("of two versions, the crowd is on the newer one")
    if (profile == CROWDED or not newest) and blocker != STANDS_FOR_ALL and not WRITING:
        pytest.skip("seen when the page was written")
    if profile == CROWDED and blocker not in CROWDED_BLOCKERS:
        pytest.skip("in a crowd each lock is tried for for seconds, and three blockers stand for all")
    operations = [one for one in OPERATIONS if profile == SHORT or one.name in CROWDED_OPERATIONS]
    pairs = [(one, stage.database(stage.templates["stage"])) for one in operations]
    for operation, _database in pairs:
        deployed(operation)

    def one(pair: tuple[Operation, Database]) -> Felt | str:
        operation, database = pair
        try:
            return run(database, operation, profile, blocker, deployed(operation))
        except Exception as error:  # told below, with all others
            where = traceback.extract_tb(error.__traceback__)[-1]
            return f"{operation.name}: {type(error).__name__}: {error} ({where.name}: {where.line})"

    with ThreadPoolExecutor(_AT_A_TIME[profile]) as pool:
        results = list(pool.map(one, pairs))
    wrong = [text for text in results if isinstance(text, str)]
    assert not wrong, "\n\n".join(wrong)
    for (operation, database), felt in zip(pairs, results):
        assert isinstance(felt, Felt)
        felts.cells[profile, operation.name, blocker] = felt
        stage.server.drop_database(database.name)
