# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Each operation from its plan to its end through the playbooks, in a database that has a bit of everything.

The operations are those that the faults strike (faults/operations.py): a new one is told here without being named.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.registry import KINDS
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import load
from faults.operations import OPERATIONS, SETUP
from integration.ansible_command import ROOT
from integration.cluster import Cluster, Database
from integration.playbooks.desk import Desk
from integration.playbooks.stories import Stories, Story

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(1200)]

SECTIONS = [kind.section for kind in KINDS.values()]
SURROUNDINGS = ("plain", "corpus")
# Each operation where there is most to trip over, and those of several steps where there is nothing else, too.
STORIES = (
    *(Story("corpus", operation) for operation in OPERATIONS),
    *(Story("plain", operation) for operation in OPERATIONS if operation.whole),
    Story("plain", OPERATIONS[-1], ROOT / "tests/integration/playbooks/all_in_one.sql"),
)
# What the last operation has in its one migration, and what was told in the corpus: for `make stories`, and not for CI.
WHOLE = OPERATIONS[-1].migration
READ_ONLY = ("check", "again", "verify", "verify another", "monitor", "rollback check", "verify after")
OWNER = "shop's owner"


def _sql(name: str) -> str:
    return (ROOT / "tests/integration" / name).read_text()


def _fill(cluster: Cluster, surroundings: str) -> str:
    """The database of which the stories get a copy each."""
    database = cluster.database(name=f"{surroundings} shop")
    database.execute(_sql("shop.sql"))
    database.execute(SETUP)
    if surroundings == "corpus":
        database.execute(_sql("corpus.sql"))
        if int(database.value("SHOW server_version_num")) >= 150000:
            database.execute(_sql("corpus_since_15.sql"))
        if database.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"):
            database.execute(_sql("corpus_contrib.sql"))
    database.execute('ANALYZE "Order", "Customer", "Category", "Payment", "Refund", "Parcel", "Visit"')
    return database.name


def _entries(story: Story) -> list[tuple[str, dict[str, Any]]]:
    """What its migration asks for, each with its section."""
    migration = load(story.file) if story.file else story.operation.migration
    return [(section, one) for section in SECTIONS for one in migration.get(section, ())]


def _is_long(story: Story) -> bool:
    """Whether another story tells it, too."""
    told = all(one in WHOLE.get(section, ()) for section, one in _entries(story))
    return (told and story.operation.migration is not WHOLE) or (story.surroundings == "plain" and not story.file)


@pytest.fixture(scope="module")
def stories(
    request: pytest.FixtureRequest, module_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Stories:
    """Those that are asked for, told."""
    asked = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    hosts = {parameters.get("host") for parameters in asked}
    chosen = [story for story in STORIES if story.host in hosts] or [STORIES[0]]
    module_cluster.role(OWNER, "NOLOGIN")
    templates = {surroundings: _fill(module_cluster, surroundings) for surroundings in SURROUNDINGS}
    databases: dict[str, Database] = {}
    for story in chosen:
        databases[story.host] = module_cluster.database(templates[story.surroundings], f'Ünï "{story.host}"')
    of_host = {story.host: {"steady_migration": story.steady_migration} for story in chosen}
    desk = Desk(tmp_path_factory.mktemp("stories"), databases, of_host)
    desk.inventory()
    told = Stories(desk, chosen)
    told.tell()
    return told


each = pytest.mark.parametrize(
    "host", [pytest.param(story.host, marks=[pytest.mark.long] if _is_long(story) else []) for story in STORIES]
)


@pytest.mark.parametrize("chapter", READ_ONLY)
def test_what_only_looks_writes_nothing(stories: Stories, chapter: str) -> None:
    """Not a transaction on the whole server, and in check mode no file."""
    assert not stories.chapters[chapter].wrote


@each
def test_check_plans_it(stories: Stories, host: str) -> None:
    """And says that it would change something."""
    assert stories.chapters["check"].changed(host) == 1


@each
def test_deploy_does_it(stories: Stories, host: str) -> None:
    """With a proven backup; the catalog is another one, and has nothing of ours."""
    chapter = stories.chapters["deploy"]
    assert chapter.changed(host) == 2, chapter.said_by(host)
    result = chapter.results[host]
    assert (result["status"], result["changed"], result["error"]) == ("succeeded", True, None)
    assert result["backup"]["status"] == "proven"
    assert result["steps"]
    assert {step["status"] for step in result["steps"]} == {"done"}
    assert {check["status"] for check in result["verification"]} == {"ok"}
    now, before = chapter.standing[host], stories.before[host]
    assert (now.catalog, now.rows) != (before.catalog, before.rows)
    assert not [one for one in chapter.standing[host].catalog if "_steady_" in one[1]]


@each
def test_again_changes_nothing(stories: Stories, host: str) -> None:
    """All of it stands there."""
    chapter = stories.chapters["again"]
    assert chapter.changed(host) == 0
    result = chapter.results[host]
    assert (result["status"], result["changed"], result["steps"]) == ("succeeded", False, [])
    assert result["present"]


@each
@pytest.mark.parametrize("chapter", ["verify", "verify another"])
def test_verify_finds_nothing_wrong(stories: Stories, host: str, chapter: str) -> None:
    """Of this migration; and of another one, beside which all stands that deployments left."""
    told = stories.chapters[chapter]
    assert told.changed(host) == 0
    result = told.results[host]
    assert result["status"] == "succeeded"
    assert {check["status"] for check in result["verification"]} == {"ok"}
    assert "drift" in {check["kind"] for check in result["verification"]}


@each
def test_monitor_finds_nothing_to_see_to(stories: Stories, host: str) -> None:
    """Nothing critical, that is."""
    chapter = stories.chapters["monitor"]
    assert chapter.changed(host) == 0
    assert chapter.results[host]["status"] == "succeeded"


@each
def test_rollback_check_plans_the_way_back(stories: Stories, host: str) -> None:
    """And says that it would change something."""
    assert stories.chapters["rollback check"].changed(host) == 1


@each
def test_rollback_leads_back_exactly(stories: Stories, host: str) -> None:
    """For pg_dump, and for the catalog itself."""
    chapter = stories.chapters["rollback"]
    assert chapter.changed(host) == 1
    result = chapter.results[host]
    assert (result["status"], result["changed"], result["error"]) == ("rolled_back", True, None)
    assert {step["status"] for step in result["steps"]} == {"done"}
    # An index of a partitioned table is built partition by partition, and dropped as a whole.
    assert 0 < len(result["steps"]) <= len(stories.chapters["deploy"].results[host]["steps"])
    before, after = stories.before[host], chapter.standing[host]
    assert set(after.catalog) ^ set(before.catalog) == set()
    assert len(after.catalog) == len(before.catalog)
    assert (after.dump, after.rows) == (before.dump, before.rows)


@each
def test_verify_afterwards_says_that_it_is_not_there(stories: Stories, host: str) -> None:
    """Every entry of it, and no drift: nobody but the rollback was there."""
    chapter = stories.chapters["verify after"]
    assert chapter.run.status == 2
    recap = chapter.run.recap[host]
    assert (recap["failed"], recap["changed"], recap["unreachable"]) == (1, 0, 0)
    result = chapter.results[host]
    assert result["status"] == "failed"
    failed = [check["kind"] for check in result["verification"] if check["status"] == "failed"]
    (story,) = [story for story in stories.stories if story.host == host]
    assert failed == ["structure"] * len(_entries(story))


@each
def test_every_run_left_files_that_can_be_read(stories: Stories, host: str) -> None:
    """result.json as its schema says, report.html, report.md, junit.xml and plan.sql."""
    assert {name: chapter.wrong[host] for name, chapter in stories.chapters.items() if chapter.wrong.get(host)} == {}
