# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a review shows of statements: no passwords, and of a very long one only its beginning."""

from __future__ import annotations

import re
from dataclasses import replace

from .._sql.values import Hazard, Reading, Statement

__all__ = ["discreet"]

# CREATE ROLE … PASSWORD '…', OPTIONS (password '…'), CONNECTION '… password=…', postgresql://user:…@host: the
# places where PostgreSQL's own statements hold one (documentation, CREATE ROLE, CREATE USER MAPPING, 32.1.1).
# The end of the text ends one, too, since it may be cut.
_SECRETS = (
    (re.compile(r"(password\"?\s+)(?:[eEnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)", re.IGNORECASE), r"\1'…'"),
    (re.compile(r"(password\"?\s+)(\$\w*\$).*?(?:\2|\Z)", re.IGNORECASE | re.DOTALL), r"\1'…'"),
    (re.compile(r"(password\s*=\s*)(?:''(?:[^']|'[^'])*(?:''|\Z)|\\'.*?(?:\\'|\Z)|[^\s'\";]+)", re.IGNORECASE), r"\1…"),
    (re.compile(r"(://[^:/@\s']*:)[^@\s']+(?:@|\Z)"), r"\1…@"),
)
#: Characters. A statement that inserts thousands of rows is no reading matter.
_LONGEST = 4000


def discreet(reading: Reading) -> Reading:
    """The reading as people and pipelines may see it."""
    return replace(
        reading,
        statements=tuple(_statement(statement) for statement in reading.statements),
        unused=tuple(_text(one) for one in reading.unused),
        notes=tuple(_text(one) for one in reading.notes),
    )


def _statement(statement: Statement) -> Statement:
    return replace(
        statement,
        text=_text(statement.text),
        summary=_text(statement.summary),
        instead=_text(statement.instead),
        mend=_text(statement.mend),
        notes=tuple(_text(one) for one in statement.notes),
        hazards=tuple(_hazard(one) for one in statement.hazards),
    )


def _hazard(hazard: Hazard) -> Hazard:
    return replace(hazard, message=_text(hazard.message))


def _text(text: str) -> str:
    """Cut first: the patterns are for texts of a page, not for files of megabytes."""
    shown = text[:_LONGEST]
    lowered = shown.lower()
    if "password" in lowered or "://" in shown:
        for pattern, kept in _SECRETS:
            shown = pattern.sub(kept, shown)
    return shown if len(text) <= _LONGEST else f"{shown}… ({len(text):,} characters in all)"
