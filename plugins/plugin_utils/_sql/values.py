# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SQL file as this collection reads it: statements, each with its verdict, its hazards and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["HAZARDS", "Decision", "Entry", "Hazard", "Reading", "Statement", "Verdict"]

#: The closed list of hazards, each with what it means in one sentence. docs/hazards.md has a section for each.
HAZARDS: Mapping[str, str] = {
    "data_loss": "Rows, values or columns are deleted.",
    "breaks_running_application": "Code that runs now may fail: it still uses the old name, or the old rule.",
    "table_rewrite": "The server writes the whole table anew; reads and writes wait until it is done.",
    "blocks_writes": "Writes wait while the statement runs.",
    "blocks_reads": "Reads and writes wait while the statement runs.",
    "unknown_locks": "What the statement does and locks cannot be seen beforehand.",
    "not_reversible": "A rollback cannot bring back what was there before.",
    "fails_on_data": "The statement fails on rows that may be there.",
    "leaves_database": "The statement acts outside of this database, where no rollback reaches.",
    "published_table": "Subscribers of the table have to be changed first.",
    "privileges": "Who may do what in the database changes.",
}


class Verdict(str, Enum):
    """What becomes of a statement."""

    AS_WRITTEN = "online as written"
    ANOTHER_WAY = "carried out another way"
    DECISION = "needs a decision"
    NOT_UNDERSTOOD = "not understood"


@dataclass(frozen=True)
class Hazard:
    """One hazard of a statement. object: what it is about, as results name it. accepted: the reason, once decided.

    bounded: it is rolled back rather than do that for longer than an instant, unless somebody accepts it.
    """

    name: str
    object: str
    message: str
    accepted: str | None = None
    bounded: bool = False

    @property
    def undecided(self) -> bool:
        """Whether somebody has to decide about it before the statement is carried out."""
        return self.accepted is None and not self.bounded


@dataclass(frozen=True)
class Decision:
    """An accepted hazard: `-- steady: accept data_loss because …` before the statement that it is about.

    object: None in a comment that names none: then it is about its statement.
    """

    hazard: str
    because: str
    file: str
    line: int
    object: str | None = None


@dataclass(frozen=True)
class Entry:
    """What a statement becomes: an entry of a section of a YAML migration.

    schema: that of its table as the file names it, by itself or by search_path; None: the connection's.
    loose: whether another name in it has no schema, so that it is in the connection's.
    """

    section: str
    content: Mapping[str, Any]
    schema: str | None = None
    loose: bool = False


@dataclass(frozen=True)
class Statement:
    """One statement of a file. line, column: of its first word, from 1. text: as it is written, without comments.

    kind: in PostgreSQL's words, "CREATE INDEX". summary: what it is about, in one short line. instead: of one that is
    carried out another way: what is run, and why that is the same. entries: what it becomes for deploy.yml; None: this
    version of deploy.yml does not carry it out, and `mend` says what to do. mend: also of one that is not understood.
    """

    file: str
    line: int
    column: int
    text: str
    kind: str
    summary: str
    verdict: Verdict
    instead: str = ""
    hazards: tuple[Hazard, ...] = ()
    entries: tuple[Entry, ...] | None = None
    mend: str = ""
    notes: tuple[str, ...] = ()

    @property
    def undecided(self) -> tuple[Hazard, ...]:
        """The hazards that nobody accepted."""
        return tuple(hazard for hazard in self.hazards if hazard.undecided)


@dataclass(frozen=True)
class Reading:
    """All statements of a migration in SQL, in their order, and what is wrong with its decisions.

    id: what the journal calls it. unused: decisions about hazards that are not there, each as a sentence with file and
    line. notes: what a file as a whole has to say, such as a transaction that is not one here.
    """

    id: str
    statements: tuple[Statement, ...]
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
