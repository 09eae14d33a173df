# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""What PostgreSQL says of a failure, as an error of ours with the advice for its class."""

from __future__ import annotations

from typing import Any, Optional

from .._support.errors import DatabaseProblem

__all__ = ["translate"]


def translate(error: Any, doing: str = "", left: str = "") -> DatabaseProblem:
    """psycopg2's error as ours: the server's own words and its SQLSTATE. No statement parameters are in it."""
    diagnostics = getattr(error, "diag", None)
    primary = (
        getattr(diagnostics, "message_primary", None)
        or str(error).strip().split("\n", maxsplit=1)[0]
        or type(error).__name__
    )
    details = [
        text
        for text in (getattr(diagnostics, "message_detail", None), getattr(diagnostics, "message_hint", None))
        if text
    ]
    code = getattr(error, "pgcode", None)
    what = f"{doing}: {primary}" if doing else primary
    return DatabaseProblem(what, " ".join(details), _advice(code), left, code)


def _advice(sqlstate: Optional[str]) -> str:
    """What to do about a class of errors (PostgreSQL documentation, appendix A)."""
    by_code = {
        "42501": "grant the privilege that is named, or connect as the owner",
        "53100": "free disk space on the database server, then run the same command again: it goes on where it stopped",
        "57P01": "the server ended the session; run the same command again: it goes on where it stopped",
        "57P02": "the server crashed; once it is up, run the same command again: it goes on where it stopped",
        "57P03": "the server is starting or stopping; run the same command again when it is up",
        "57014": "somebody cancelled the statement; run the same command again when that is settled",
        None: "the connection was lost; run the same command again: it finds out what is there and goes on",
    }
    return by_code.get(sqlstate, "")
