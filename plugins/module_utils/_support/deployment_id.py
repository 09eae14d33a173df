# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids of deployments."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from .errors import NOTHING_CHANGED, SteadyError

__all__ = ["checked_id", "new_deployment_id"]


def new_deployment_id() -> str:
    """Sorts by time, fits a directory's name: 20261122T215339Z-4f1c."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(2)


_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def checked_id(text: Any) -> str:
    """An id out of the journal, which becomes the name of a folder and part of a command. Raises SteadyError."""
    if isinstance(text, str) and _ID.fullmatch(text):
        return text
    raise SteadyError(
        f"The journal has a deployment whose id is none of the collection's: {text!r}.",
        "an id has letters, digits, dots, dashes and underscores only",
        "see who wrote it into steady.deployment, and delete it there",
        NOTHING_CHANGED,
    )
