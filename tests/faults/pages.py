# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Pages of docs/ whose sections the tests write: a heading, and under it what was seen."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

# Whether the pages are being written, and not only compared with.
WRITING = bool(os.environ.get("STEADY_WRITE_DOCS"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def longest(ms: float, logged_ms: int) -> str:
    """A wait in words; 0 where none was long enough to be logged."""
    return f"{ms:.0f}" if ms else f"< {logged_ms}"


def read(page: Path, heading: str) -> str | None:
    """What stands under a heading; None where there is no such one."""
    found = _find(page.read_text(), heading)
    return found.group(1) if found else None


def write(page: Path, heading: str, text: str) -> None:
    """Put it under a heading that is there."""
    whole = page.read_text()
    found = _find(whole, heading)
    assert found is not None, f"{page.name} has no section {heading}"
    page.write_text(whole[: found.start(1)] + text + whole[found.end(1) :])


def _find(text: str, heading: str) -> re.Match[str] | None:
    return re.search(rf"## {re.escape(heading)}\n\n(.*?)\n(?=\n## |\Z)", text, re.DOTALL)
