# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Whoever bounds waits, stops a run or says why sees only what goes through Session.asking."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# The session itself, and what speaks before there is one.
MAY = {"_connection/session.py", "_connection/pooler.py", "_support/values.py"}


def test_no_cursor_is_opened_past_the_session() -> None:
    folder = ROOT / "plugins" / "module_utils"
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if re.search(r"connection\.cursor\(", path.read_text(encoding="utf-8"))
    }
    assert found <= MAY
