# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a long-running module is doing, for a person who waits: written to a file that the controller looks at."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Callable, Dict, List, Optional

from .plain import plain

__all__ = ["Progress"]

_EVERY_SECONDS = 0.5


class Progress:
    """path: the file, made by nobody before us; None: nobody wants to know. It is gone when the work is.

    The file holds one JSON object: {doing, note, done, total, unit, elapsed}, done and total None where unknown. unit
    is bytes, rows or objects. elapsed, in seconds, is that of the same doing, whatever is noted beside it. Of things
    that go on side by side it holds {lines: [such objects]}, each with phase_elapsed (from which the rest is estimated)
    and waiting (for whom, in words, or empty).
    """

    def __init__(self, path: Optional[str]) -> None:
        self._path = path
        self._doing: Optional[str] = None
        self._since = self._told = 0.0

    def say(
        self,
        doing: str,
        done: Optional[float] = None,
        total: Optional[float] = None,
        unit: str = "bytes",
        note: str = "",
    ) -> None:
        """Where we are. Cheap: may be called as often as one likes."""
        now = time.monotonic()
        if self._path is None or (doing == self._doing and now - self._told < _EVERY_SECONDS):
            return
        if doing != self._doing:
            self._doing, self._since = doing, now
        self._told = now
        elapsed = round(now - self._since, 1)
        self._write({"doing": doing, "note": note, "done": done, "total": total, "unit": unit, "elapsed": elapsed})

    def part(self, doing: str, total: int) -> Callable[[int], None]:
        """For work that tells how many bytes it did since it told last."""
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            done += count
            self.say(doing, done, total)

        tell(0)
        return tell

    def show(self, lines: List[Dict[str, Any]]) -> None:
        """Where all is that goes on side by side."""
        self._doing = None
        self._write({"lines": lines})

    def _write(self, content: Dict[str, Any]) -> None:
        if self._path is None:
            return
        beside = f"{self._path}.new"
        try:
            with open(beside, "w", encoding="ascii") as file:
                json.dump(plain(content), file)
            os.chmod(beside, 0o644)  # whoever logs in may look; nothing in it is secret
            os.replace(beside, self._path)
        except OSError:
            self._path = None  # a full disk must not end the work for want of a progress line

    def end(self) -> None:
        """Remove the file."""
        if self._path is not None and os.path.exists(self._path):
            os.unlink(self._path)
