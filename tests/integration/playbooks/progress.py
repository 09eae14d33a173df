# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A long backup and a long restore, and what an operator sees meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from integration.cluster import Database
from integration.playbooks.desk import Desk
from integration.sessions import held
from lab.server import SUPERUSER

LOCKED_SECONDS = 12
SLEEP_SECONDS = 9
# The promise is 5 s; the rest is for a machine that is busy with other tests.
LONGEST_SILENCE = 6.5

SLOW = """
CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(coalesce(nullif(current_setting('clinic.sleep', true), ''), '0')::float8);
  RETURN true;
END $$;
CREATE TABLE slow (a int CHECK (slowly()));
INSERT INTO slow VALUES (1);
"""


def backup(desk: Desk, host: str, **variables: Any) -> list[str]:
    """A backup that waits for a lock. What it says meanwhile, never silent for long."""
    with held(desk.databases[host], 'LOCK TABLE "Sale"', seconds=LOCKED_SECONDS, application_name="nightly export"):
        return said(desk.timed("backup", **variables), host)


def restore(desk: Desk, host: str, **variables: Any) -> list[str]:
    """A restore of a table that takes its time. What it says meanwhile, never silent for long."""
    database = desk.databases[host]
    with sleeping(database):
        return said(desk.timed("restore", steady_confirm=database.name, **variables), host)


@contextmanager
def sleeping(database: Database) -> Iterator[None]:
    """Meanwhile each row of the table `slow` takes some seconds, wherever it is restored."""
    database.execute(f"ALTER ROLE {SUPERUSER} SET clinic.sleep = '{SLEEP_SECONDS}'")
    try:
        yield
    finally:
        database.execute(f"ALTER ROLE {SUPERUSER} RESET clinic.sleep")


def said(lines: list[tuple[float, str]], host: str) -> list[str]:
    """The lines of progress; fails where nothing at all was said for too long."""
    gaps = [(later - at, line) for (at, line), (later, _next) in itertools.pairwise(lines)]
    assert max(gaps)[0] < LONGEST_SILENCE, max(gaps)
    return [line for _at, line in lines if line.startswith(f"{host}: ")]
