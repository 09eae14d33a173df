# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Sessions that hold a transaction open, and waiting for what comes true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Place(Protocol):
    """A database to connect to, in autocommit."""

    def connect(self, **parameters: Any) -> Any: ...


class Holder:
    """A session with an open transaction, until it is released."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._mutex = threading.Lock()
        self.pid: int = connection.info.backend_pid
        self.released_at: float | None = None

    def run(self, statement: str) -> None:
        """One more statement in the transaction."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def release(self) -> None:
        """End the transaction and the session."""
        with self._mutex:
            if self.released_at is None:
                with self._connection.cursor() as cursor:
                    cursor.execute("COMMIT")
                self.released_at = time.monotonic()
                self._connection.close()


@contextmanager
def held(
    place: Place, *statements: str, seconds: float | None = None, application_name: str = "shop worker"
) -> Iterator[Holder]:
    """A session that has run the statements in a transaction and is idle in it: so many seconds, or while the block is.

    The first statement is the BEGIN where it is written so.
    """
    connection = place.connect(application_name=application_name)
    holder = Holder(connection)
    timer = threading.Timer(seconds, holder.release) if seconds is not None else None
    try:
        with connection.cursor() as cursor:
            for statement in statements if statements[0].startswith("BEGIN") else ("BEGIN", *statements):
                cursor.execute(statement)
        if timer is not None:
            timer.start()
        yield holder
    finally:
        if timer is not None:
            timer.cancel()
            if timer.is_alive():
                timer.join()
        holder.release()


def wait_until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait until the condition is true and return its value; fails when it does not come true."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, "what the test waited for did not happen"
        time.sleep(0.02)
    return value
