# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What faults were seen to do: said by the tests that make them, and held against a table in docs/.

A test carries `@pytest.mark.fault("disk full", during="dump")` and takes the fixture `seen`. One such mark is one row
of docs/<matrix>.md. The prose above the table is written by hand; the rows are the tests'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MATRIX = "backup-faults"
_COLUMNS = ("During", "Fault", "What it says", "What to do", "What was left")
_HEAD = ["| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]

# What is another each time: times in names, folders of tests, process ids, sizes, versions and databases of tests.
_VARYING = (
    (r"\d{8}[Tt]\d{6}[Zz]-[0-9a-f]{4}", "‹id›"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "‹time›"),
    (r"(?<![\w:.])/(?:[\w.+‹›-]+/)+", "…/"),
    (r"\bpids? \d+", "pid ‹n›"),
    (r"pg_terminate_backend\(\d+\)", "pg_terminate_backend(‹n›)"),
    (r"\b[\d.]+ (?:bytes|kB|MB|GB)\b", "‹size›"),
    (r"\b(PostgreSQL |pg_dump |version |client-|postgresql)\d+(?:\.\d+)?", r"\1‹n›"),
    (r"\b[Ss]hop \d+", "shop"),
)


@dataclass
class Sighting:
    """One row on its way. said, todo: of the message. left: what the test found to be as it was."""

    matrix: str
    during: str
    fault: str
    said: str = ""
    todo: str = ""
    left: str = ""

    def __call__(self, said: object, todo: str = "", left: str = "") -> None:
        """What was said: an error of the collection, or a sentence where the fault is no failure."""
        self.said = str(getattr(said, "what", said))
        self.todo = str(getattr(said, "todo", todo))
        self.left = left or self.left

    def was_left(self, what: str) -> None:
        """What was found to be as it was, put before what the test itself said of it."""
        self.left = "; ".join(filter(None, [what, self.left]))

    @property
    def row(self) -> str:
        """The line of the table."""
        return (
            "| " + " | ".join(_cell(text) for text in (self.during, self.fault, self.said, self.todo, self.left)) + " |"
        )


def normal(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, instead in _VARYING:
        text = re.sub(pattern, instead, text)
    return text


def _cell(text: str) -> str:
    return " ".join(normal(text).replace("|", "\\|").split())


@dataclass(frozen=True)
class Document:
    """docs/<matrix>.md: prose, and at its end the table."""

    path: Path

    @classmethod
    def of(cls, matrix: str) -> Document:
        return cls(ROOT / "docs" / f"{matrix}.md")

    def rows(self) -> dict[tuple[str, str], str]:
        """The lines of the table by (during, fault)."""
        lines = [line for line in self.path.read_text().splitlines() if line.startswith("| ")]
        return {_key(line): line for line in lines if line not in _HEAD}

    def write(self, row: str) -> None:
        """Put the row into the table: in the place of its former self, else after the last of the same phase."""
        rows = list(self.rows().values())
        keys = [_key(line) for line in rows]
        if _key(row) in keys:
            rows[keys.index(_key(row))] = row
        else:
            same = [number for number, key in enumerate(keys) if key[0] == _key(row)[0]]
            rows.insert(same[-1] + 1 if same else len(rows), row)
        prose = self.path.read_text().split(_HEAD[0])[0].rstrip()
        self.path.write_text("\n".join([prose, "", *_HEAD, *rows]) + "\n")


def _key(row: str) -> tuple[str, str]:
    during, fault = (cell.strip() for cell in row.split("|")[1:3])
    return during, fault
