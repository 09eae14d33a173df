# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C, SIGTERM and a closed terminal: nothing more begins, and what waits is cancelled at the server.

The main thread sits in libpq while a statement runs, where no handler of Python's is called. So the signal's number is
read from a pipe by a thread, which cancels the statements of our sessions. Their errors then take the usual way of a
failure: clean up, journal, result. A controller that is gone sends no signal: then nobody reads our standard output.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator
from weakref import WeakSet

from .._support.driver import psycopg2
from .._support.errors import SteadyError

__all__ = ["STOP", "Stop", "Stopped"]

_EVERY_SECONDS = 0.25
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_OUTPUT = 1


class Stopped(SteadyError):
    """The run was told to end."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The run was stopped: {reason}.",
            left="what was waiting was cancelled, and nothing more was begun",
            rerun=True,
        )


class Stop:
    """Whether this process was told to end. sessions: all of ours, whose statements are cancelled then."""

    def __init__(self) -> None:
        self.reason = ""
        self.sessions: WeakSet[Any] = WeakSet()
        self._mutex = threading.Lock()

    def listen(self) -> None:
        """From now on these signals stop the work. Only in the main thread; what is ignored stays so (nohup)."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        for number in numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(reader, frozenset(numbers)), daemon=True).start()

    def stop(self, reason: str) -> None:
        """Nothing more begins; what runs is cancelled, again and again, until the process ends."""
        self.reason = self.reason or reason
        threading.Thread(target=self._cancel, daemon=True).start()

    def check(self) -> None:
        """Raise Stopped when nothing more may begin."""
        if self.reason:
            raise Stopped(self.reason)

    @contextmanager
    def finishing(self, session: Any) -> Iterator[None]:
        """Within, the session takes away what was begun, or writes down how it ended: that is not cancelled."""
        with self._mutex:
            session.finishing += 1
        try:
            yield
        finally:
            with self._mutex:
                session.finishing -= 1

    def _watch(self, reader: int, numbers: frozenset[int]) -> None:
        output = select.poll()
        output.register(_OUTPUT, 0)
        heard = select.poll()
        heard.register(reader, select.POLLIN)
        readable = not output.poll(0)  # a file, or nobody from the beginning, tells nothing
        while not self.reason:
            if heard.poll(_EVERY_SECONDS * 1000):
                came = [signal.Signals(number).name for number in os.read(reader, 16) if number in numbers]
                if came:
                    self.stop(came[0])
            elif readable and output.poll(0):
                self.stop("the process that started it is gone")

    def _cancel(self) -> None:
        while True:
            for session in list(self.sessions):
                with self._mutex:
                    since = session.since
                    # A statement that is short ends by itself, and a look or a ROLLBACK is.
                    if since is None or session.finishing or time.monotonic() - since < _EVERY_SECONDS:
                        continue
                    session.why = Stopped(self.reason)
                    try:
                        session.connection.cancel()
                    except psycopg2.Error:
                        pass  # it is closed by now
            time.sleep(_EVERY_SECONDS)


STOP = Stop()
