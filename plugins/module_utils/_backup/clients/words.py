# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's programs say of an error of the server, without values of rows.

libpq writes DETAIL, CONTEXT and so on in the language of the program, which is English here (LC_ALL=C).
"""

from __future__ import annotations

import re
from typing import List

from ..._connection.translation import holds_rows

__all__ = ["without_rows"]

# Where a program begins to say something else.
_MESSAGE = re.compile(r"(?m)^(?=(?:pg_\w+|psql)(?::|\b.*: ))")
_PART = re.compile(r"\n(?=(?:DETAIL|HINT|CONTEXT|QUERY|STATEMENT|LOCATION|LINE \d+|Command was):)")
# What psql says with VERBOSITY=verbose.
_CODE = re.compile(r"(?<=:  )([0-9A-Z]{5}): ")
_VALUE = re.compile(r"(?<=: )\".*\"|(?<=value )\".*?\"", re.DOTALL)
_PLACE = re.compile(r"(CONTEXT:  COPY .*?, line \d+).*", re.DOTALL)


def without_rows(text: str) -> str:
    """All that a program said, without values of rows and without SQLSTATEs."""
    return "".join(_shown(message) for message in _MESSAGE.split(text))


def _shown(message: str) -> str:
    head, *parts = _PART.split(message.rstrip("\n"))
    found = _CODE.search(head)
    copying = any(part.startswith("CONTEXT:  COPY ") for part in parts)
    if holds_rows(found.group(1)) if found else copying:
        head = _VALUE.sub('"…"', head)
    kept: List[str] = [_CODE.sub("", head, count=1)]
    for part in parts:
        if part.startswith("CONTEXT:"):
            kept.append(_PLACE.sub(r"\1", part))
        elif part.startswith(("HINT:", "Command was:")) or (found and not holds_rows(found.group(1))):
            kept += [] if part.startswith("LOCATION:") else [part]
    return "\n".join(kept) + ("\n" if message.endswith("\n") else "")
