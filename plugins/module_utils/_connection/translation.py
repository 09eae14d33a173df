# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL says of a failure, as an error of ours with the advice for its class."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional, Tuple

from .._support.driver import psycopg2
from .._support.errors import DatabaseProblem

__all__ = ["LEFT_OUT", "holds_rows", "said", "translate"]

#: What stands in place of what the server says of rows.
LEFT_OUT = "what the server says of the row is left out; steady_show_rows: true shows it"

# Classes of errors (appendix A) whose words name objects and settings, and no value of a row.
_OF_NO_ROWS = frozenset(
    (
        "08",
        "0A",
        "25",
        "26",
        "28",
        "2B",
        "2D",
        "34",
        "3B",
        "3D",
        "3F",
        "40",
        "42",
        "53",
        "54",
        "55",
        "57",
        "58",
        "F0",
        "XX",
    )
)
# Integrity constraint violations, WITH CHECK OPTION: the message names the constraint, its DETAIL has the values.
_OF_CONSTRAINTS = frozenset(("23", "44"))
# Where RAISE and its likes are: what they say is the text of a function, and it may say it with any SQLSTATE.
_PROCEDURAL = frozenset(("pl_exec.c", "plperl.c", "plpy_elog.c", "pltcl.c"))


def holds_rows(sqlstate: Optional[str]) -> bool:
    """Whether the server's words with this SQLSTATE may have values of rows in them."""
    return sqlstate is not None and sqlstate[:2] not in _OF_NO_ROWS


def said(error: Any, of_no_rows: bool = False) -> Tuple[str, str]:
    """What the server said: its message, then its DETAIL and HINT. Of values of rows only what the session shows.

    of_no_rows: no row was read or written by the statement, so nothing is left out.
    """
    diagnostics = getattr(error, "diag", None)
    code = getattr(error, "pgcode", None)
    message = getattr(diagnostics, "message_primary", None)
    message = message or str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
    details = (getattr(diagnostics, "message_detail", None), getattr(diagnostics, "message_hint", None))
    detail = " ".join(text for text in details if text)
    raised = getattr(diagnostics, "source_file", None) in _PROCEDURAL
    if of_no_rows or getattr(error, "shows_rows", False) or not (raised or holds_rows(code)):
        return message, detail
    if raised or str(code)[:2] not in _OF_CONSTRAINTS:
        words = f"a function of the database raised {_condition(code)}" if raised else _condition(code)
        return words, LEFT_OUT
    return message, LEFT_OUT if detail else ""


def _condition(sqlstate: Any) -> str:
    """The condition's name in appendix A, in words."""
    try:
        name = psycopg2.errors.lookup(sqlstate).__name__
    except KeyError:
        return f"the SQLSTATE {sqlstate}"
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def translate(error: Any, doing: str = "", left: str = "", of_no_rows: bool = False) -> DatabaseProblem:
    """psycopg2's error as ours: the server's own words and its SQLSTATE. No statement parameters are in it.

    Nor values of rows, unless the session shows them (said()).
    """
    message, detail = said(error, of_no_rows)
    code = getattr(error, "pgcode", None)
    what = f"{doing}: {message}" if doing else message
    mend = _MENDS.get(code) or _MENDS_OF_CLASS.get((code or "")[:2], _SETTLE)
    return DatabaseProblem(what, detail, mend, left, code, rerun=code != "42501")


# What to do about an error (PostgreSQL documentation, appendix A) before the same command is run again.
_MENDS: Dict[Optional[str], str] = {
    "42501": "grant the privilege that is named, or connect as the owner",
    "53100": "free disk space on the database server",
    "57P01": "see in the server's log why it ended the session",
    "57P02": "wait until the server is up again: it crashed",
    "57P03": "wait until the server is up: it is starting or stopping",
    "57014": "see what cancelled the statement, a person or a timeout",
    None: "see that the server can be reached: the connection was lost",
}
# The same for a class of errors.
_MENDS_OF_CLASS = {
    "08": "see that the server can be reached: the connection was lost",
    "40": "see which other transaction the server preferred",
    "53": "free what the server ran out of",
    "55": "wait until what is named is free",
}
# True of every error.
_SETTLE = "settle what the message names; the server's log has the statement"
