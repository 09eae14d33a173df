# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A review as data: review.json, which docs/review.schema.json describes."""

from __future__ import annotations

from typing import Any

from .._sql.values import Reading, Statement
from .review import Review, ReviewVerdict, standing

__all__ = ["counts_of", "document"]

_COUNTED = {
    ReviewVerdict.AS_WRITTEN: "as_written",
    ReviewVerdict.ANOTHER_WAY: "another_way",
    ReviewVerdict.DECIDED: "decided",
    ReviewVerdict.DECISION: "need_decision",
    ReviewVerdict.NOT_UNDERSTOOD: "not_understood",
}


def counts_of(review: Review) -> dict[str, int]:
    """{statements, as_written, another_way, decided, need_decision, not_understood, not_carried_out}"""
    counts = {_COUNTED[one]: count for one, count in review.counts().items()}
    return {"statements": sum(counts.values()), **counts, "not_carried_out": len(review.not_carried_out)}


def document(review: Review, host: str, version: str) -> dict[str, Any]:
    """The whole review. host: the inventory's name. version: of the collection."""
    return {
        "review_format": 1,
        "collection_version": version,
        "host": host,
        "passed": review.passed,
        "summary": review.last_line(),
        "counts": counts_of(review),
        "migrations": [_migration(reading) for reading in review.readings],
        "unreadable": [
            {"file": one.file, "line": one.line, "column": one.column, "message": one.message}
            for one in review.unreadable
        ],
        "notes": list(review.notes),
    }


def _migration(reading: Reading) -> dict[str, Any]:
    return {
        "id": reading.id,
        "statements": [_statement(one) for one in reading.statements],
        "unused_decisions": list(reading.unused),
        "notes": list(reading.notes),
    }


def _statement(one: Statement) -> dict[str, Any]:
    return {
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "kind": one.kind,
        "summary": one.summary,
        "text": one.text,
        "verdict": standing(one).value,
        "instead": one.instead,
        "hazards": [
            {"name": h.name, "object": h.object, "message": h.message, "accepted_because": h.accepted}
            for h in one.hazards
        ],
        "carried_out": one.entries is not None,
        "what_to_do": one.mend,
        "notes": list(one.notes),
    }
