# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a text that PostgreSQL's grammar refuses was written for another server, or for another program first."""

from __future__ import annotations

import re

__all__ = ["foreign_dialect"]

_MYSQL = re.compile(
    r"(?i)`\w+`|\bAUTO_INCREMENT\b|\bENGINE\s*=|\bUNSIGNED\b|\bDEFAULT\s+(?:CHARACTER\s+SET|CHARSET)\b|\bMODIFY\s+COLUMN\b"
    r"|\bON\s+UPDATE\s+CURRENT_TIMESTAMP\b|\bDROP\s+FOREIGN\s+KEY\b"
)
_SQLITE = re.compile(r"(?i)\bPRAGMA\b|\bAUTOINCREMENT\b|\bWITHOUT\s+ROWID\b")
_PLACEHOLDER = re.compile(r"\$\{\w+\}|\{\{.*?\}\}|\{%.*?%\}")
_PSQL_VARIABLE = re.compile(r"(?<![:\w]):(?:'\w+'|\"\w+\"|\w+)")


#: What editors and web pages make of spaces and quotes: to PostgreSQL they are letters.
_LOOKALIKES = {
    "\u00a0": "a no-break space (U+00A0)",
    "\u200b": "a zero-width space (U+200B)",
    "\ufeff": "a byte order mark (U+FEFF) inside of the text",
    "\u2018": "a typographic quote (U+2018)",
    "\u2019": "a typographic quote (U+2019)",
    "\u201c": "a typographic quote (U+201C)",
    "\u201d": "a typographic quote (U+201D)",
}


def foreign_dialect(statement: str, word: str) -> str:
    """What to add to a syntax error at word in the statement; empty where nothing is known.

    statement: with its constants; what is looked for hardly stands in them, and an error is there already.
    """
    if _SQLITE.search(statement):
        return "this looks like SQL of SQLite"
    if _MYSQL.search(statement):
        return "this looks like SQL of MySQL"
    alike = next((name for sign, name in _LOOKALIKES.items() if sign in word), None)
    if alike is not None:
        return f"there is {alike} in it: write the ASCII character"
    placeholder = _PLACEHOLDER.search(statement)
    if placeholder is not None and word[:1] in ("$", "{", "%"):
        return f"{placeholder.group()} is a placeholder: give the file as it is after your tool has replaced it"
    variable = _PSQL_VARIABLE.search(statement)
    if variable is not None and word.startswith(":"):
        return f"{variable.group()} is a variable of psql, which is not replaced here: write its value"
    return ""
