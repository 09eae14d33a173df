# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What all tests share: where the code under test is found, and which PostgreSQL the tests run on."""

from __future__ import annotations

import faulthandler
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".ansible" / "collections"


def _link_checkout() -> None:
    """What `make link` does, for whoever calls pytest itself: the checkout under its collection's name."""
    link = COLLECTIONS / "ansible_collections" / "steady" / "postgresql"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../../../..")


_link_checkout()
# The first makes `import ansible_collections.steady.postgresql.plugins…` work, the second `import lab`.
sys.path[:0] = [str(COLLECTIONS), str(ROOT / "tests")]
importlib.invalidate_caches()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --postgres and --write-matrices."""
    parser.addoption("--postgres", type=int, metavar="MAJOR", help="test on this major version (default: the newest)")
    parser.addoption("--write-matrices", action="store_true", help="write what faults do into docs/, as it is seen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever has to do with the version is marked by itself: no such test is left out on the next version."""
    for item in items:
        if "postgres_major" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")


#: Seconds after a test's own time is up: a statement that libpq waits for hears no signal.
_GRACE = 120.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test that nothing else ends says where it hangs, and ends its process: xdist counts it as failed."""
    marker = item.get_closest_marker("timeout")
    limit = float(marker.args[0]) if marker and marker.args else float(item.config.getini("timeout") or 300)
    stderr = item.config.stash[fault_handler_stderr_fd_key]
    faulthandler.dump_traceback_later(limit + _GRACE, exit=True, file=stderr)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session")
def postgres_major(pytestconfig: pytest.Config) -> int:
    """The major version of PostgreSQL to test on; the test fails where it is not installed."""
    from lab.installations import installation

    return installation(pytestconfig.getoption("postgres")).major


@pytest.fixture
def seen(request: pytest.FixtureRequest, postgres_major: int) -> Iterator[Any]:
    """For tests with the mark `fault`: call it with what was said. Their row stands in docs/, as of the newest version.

    Other fixtures that look afterwards whether all is as it was tell it: was_left.
    """
    from lab.faults import MATRIX, Document, Sighting
    from lab.installations import installation

    mark = request.node.get_closest_marker("fault")
    assert mark is not None, "a test with a row has the mark `fault`"
    sighting = Sighting(mark.kwargs.get("matrix", MATRIX), mark.kwargs["during"], mark.args[0])
    yield sighting
    assert "" not in (sighting.said, sighting.left), "the test did not say what it saw"
    if postgres_major != installation().major:
        return
    document = Document.of(sighting.matrix)
    if request.config.getoption("--write-matrices"):
        document.write(sighting.row)
    found = document.rows().get((sighting.during, sighting.fault))
    assert found == sighting.row, "make docs writes what is seen now into docs/"
