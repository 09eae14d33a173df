# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""An application at work on a database of the shop, light enough to be there during each of many strikes."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import psycopg2

from integration.cluster import Database

NAME = "application"
# Shorter waits for a lock are not looked at.
LOGGED_MS = 5
_PAUSE_SECONDS = 0.02
# All tables that the operations touch, in one message; and what reads them.
_WORK = (
    """BEGIN; UPDATE "Refund" SET "paymentId" = 9 WHERE id = 3; UPDATE "Payment" SET method = method WHERE id = 7;
    UPDATE "Parcel" SET code = code WHERE id = 7; UPDATE "Visit" SET id = id WHERE code = 'v7';
    UPDATE "Category" SET name = name WHERE id = 7;
    UPDATE "Customer" SET email = email WHERE id = 'c7'; UPDATE "Order" SET total = total + 1 WHERE id = 7; COMMIT""",
    """SELECT 1 FROM "Order" AS o, "Customer" AS c, "Category" AS k WHERE o.id = 8 AND c.id = 'c8' AND k.id = 8;
    SELECT 1 FROM "Payment" AS p, "Parcel" AS q, "Refund" AS r, "Visit" AS v
    WHERE p.id = 8 AND q.id = 8 AND r.id = 8 AND v.code = 'v8'""",
)


class Application(threading.Thread):
    """At work within a block. It connects again when its connection is lost, as an application does."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._over = threading.Event()
        self.done = 0

    def run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
                self._work()
            self._over.wait(_PAUSE_SECONDS)

    def _work(self) -> None:
        options = f"-c log_lock_waits=on -c deadlock_timeout={LOGGED_MS}ms"
        connection = self._database.connect(application_name=NAME, options=options)
        with contextlib.closing(connection), connection.cursor() as cursor:
            while not self._over.wait(_PAUSE_SECONDS):
                for statements in _WORK:
                    cursor.execute(statements)
                self.done += 1

    def __enter__(self) -> Application:
        self.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._over.set()
        self.join()
