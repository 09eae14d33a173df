# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readings as the reader of SQL makes them, by hand: one of each verdict, and one full of hostile texts."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import (
    Entry,
    Hazard,
    Reading,
    Statement,
    Verdict,
)

EVIL = "</script><b>x | `y` @all %0A ,:\n::stop-commands::x\n\x1b]0;x\x07\ud800&"
FILE = "db/0042_sale.sql"


def statement(line: int, verdict: Verdict, **changes: Any) -> Statement:
    """A statement of the file, which deploy.yml carries out."""
    own = {"line": line, "verdict": verdict, "text": f"STATEMENT {line}", "summary": f"statement of line {line}"}
    values = {"file": FILE, "column": 1, "kind": "STATEMENT", "entries": (), **own}
    return Statement(**{**values, **changes})


def as_written(line: int = 1) -> Statement:
    return statement(line, Verdict.AS_WRITTEN, kind="CREATE TABLE", summary="table public.Note")


def another_way(line: int = 3) -> Statement:
    entry = Entry("indexes", {"name": "Sale_notes_idx", "table": "Sale", "columns": ["notes"]})
    return statement(
        line,
        Verdict.ANOTHER_WAY,
        kind="CREATE INDEX",
        summary="index Sale_notes_idx on public.Sale",
        instead="CREATE INDEX CONCURRENTLY\nThe index is the same; writes go on while it is built.",
        entries=(entry,),
    )


def hazard(accepted: str | None = None) -> Hazard:
    return Hazard("data_loss", "public.Sale.notes", "The values of the column are deleted.", accepted)


def decision(line: int = 7, accepted: str | None = None) -> Statement:
    return statement(
        line,
        Verdict.DECISION,
        kind="ALTER TABLE",
        summary="drop column notes of public.Sale",
        text='ALTER TABLE "Sale" DROP COLUMN notes',
        hazards=(hazard(accepted),),
    )


def not_understood(line: int = 9) -> Statement:
    return statement(line, Verdict.NOT_UNDERSTOOD, kind="LOAD", summary="LOAD", entries=None, mend="remove it")


def not_carried_out(line: int = 11) -> Statement:
    return statement(
        line, Verdict.AS_WRITTEN, kind="CREATE VIEW", summary="view public.V", entries=None, mend="run it with psql"
    )


def reading(*statements: Statement, **changes: Any) -> Reading:
    return Reading("0042_sale", statements, **changes)


def evil() -> Reading:
    """What a file could bring: markup, line breaks, terminal escapes and workflow commands, in each text."""
    texts = {"file": EVIL, "summary": EVIL, "text": EVIL, "kind": EVIL, "mend": EVIL, "notes": (EVIL,)}
    wrong = Hazard("data_loss", EVIL, EVIL)
    return Reading(
        EVIL,
        (
            statement(1, Verdict.DECISION, hazards=(wrong,), **texts),
            statement(2, Verdict.DECISION, hazards=(Hazard("table_rewrite", EVIL, EVIL, EVIL),), **texts),
            statement(3, Verdict.ANOTHER_WAY, instead=EVIL, **texts),
            statement(4, Verdict.NOT_UNDERSTOOD, **{**texts, "entries": None}),
            statement(5, Verdict.AS_WRITTEN, **{**texts, "entries": None}),
        ),
        unused=(f"{EVIL}:3:1: {EVIL}",),
        notes=(EVIL,),
    )
