# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A foreign key is replaced again and again while others try as fast as they can to break it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest

from faults.scenes import Scenes, remains
from integration.cluster import Database
from integration.sessions import wait_until

pytestmark = [pytest.mark.postgres]

_REFUSED = {"23503", "23001"}  # foreign_key_violation; restrict_violation, as PostgreSQL 18 says for ON DELETE RESTRICT
_INSERT = (
    'INSERT INTO "Order" (id, "tenantId", "customerId", status, total, "placedAt")'
    " VALUES (-1, 't', 'nobody', 'NEW', 0, now())"
)
_UPDATE = 'UPDATE "Order" SET "customerId" = \'nobody\' WHERE id = 7'
_DELETE = "DELETE FROM \"Customer\" WHERE id = 'c8'"  # it has orders, and all of the keys here refuse that
_ORPHANS = 'SELECT count(*) FROM "Order" AS o LEFT JOIN "Customer" AS c ON c.id = "customerId" WHERE c.id IS NULL'


class Breaker(threading.Thread):
    """Runs one statement as fast as it can, and counts what the server says: a SQLSTATE, or accepted."""

    def __init__(self, database: Database, statement: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._database, self._statement, self._stop_asked = database, statement, stop
        self.answers: Counter[str] = Counter()

    def run(self) -> None:
        connection = self._database.connect(application_name="breaker")
        with connection.cursor() as cursor:
            while not self._stop_asked.is_set():
                try:
                    cursor.execute(self._statement)
                    self.answers["accepted"] += 1
                except psycopg2.Error as error:
                    self.answers[error.pgcode or "lost"] += 1
        connection.close()


@contextmanager
def _breaking(database: Database) -> Iterator[list[Breaker]]:
    stop = threading.Event()
    breakers = [Breaker(database, statement, stop) for statement in (_INSERT, _UPDATE, _DELETE)]
    for breaker in breakers:
        breaker.start()
    try:
        wait_until(lambda: all(breaker.answers for breaker in breakers))
        yield breakers
    finally:
        stop.set()
        for breaker in breakers:
            breaker.join()


@pytest.mark.parametrize("swaps", [10, pytest.param(100, marks=pytest.mark.long)])
def test_no_orphan_is_accepted_at_any_instant(scenes: Scenes, swaps: int) -> None:
    """Inserted, updated, or made by deleting the parent: each attempt is refused, whichever key stands then."""
    database = scenes.cluster.database("scenery")
    key = scenes.of("foreign key replaced").operation.migration["foreign_keys"][0]
    oids = {database.constraint_oid("Order_customerId_fkey")}
    with _breaking(database) as breakers:
        for number in range(swaps):
            before = [sum(breaker.answers.values()) for breaker in breakers]
            action = ("no_action", "restrict")[number % 2]
            result = database.apply(foreign_keys=[{**key, "on_delete": action}], patience_s=60.0)
            assert [step["action"] for step in result["steps"]] == ["replace"]
            oids.add(database.constraint_oid("Order_customerId_fkey"))
            wait_until(lambda before=before: all(sum(b.answers.values()) > n for b, n in zip(breakers, before)))
    assert len(oids) == swaps + 1
    assert all(set(breaker.answers) <= _REFUSED for breaker in breakers), [breaker.answers for breaker in breakers]
    assert database.value(_ORPHANS) == 0
    assert remains(database) == []
