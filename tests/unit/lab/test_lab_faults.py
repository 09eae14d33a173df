# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The tables of faults: what varies is taken out, and every row has its test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lab.faults import MATRIX, Document, Sighting, normal

TESTS = Path(__file__).resolve().parents[2]


def marked() -> dict[str, set[tuple[str, str]]]:
    """(during, fault) of every mark in the tests' sources, by matrix."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                fault = ast.literal_eval(node.args[0])
                words = {one.arg: ast.literal_eval(one.value) for one in node.keywords}
                found.setdefault(words.get("matrix", MATRIX), set()).add((words["during"], fault))
    return found


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    for matrix, keys in marked().items():
        assert set(Document.of(matrix).rows()) == keys, f"docs/{matrix}.md: make docs, and take out what has no test"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("in /tmp/pytest-of-me/pytest-0/small is full", "in …/small is full"),
        ("/tmp/a/20260102T030405Z-0af3/archive/toc.dat", "…/toc.dat"),
        ("Shop_new_20260102t030405z-0af3", "Shop_new_‹id›"),
        ("pid 4711 (role postgres)", "pid ‹n› (role postgres)"),
        ("3.4 MB are free", "‹size› are free"),
        ("apt-get install postgresql-client-18, or dnf install postgresql18", None),
        ('it is a backup of the database "Shop 12"', 'it is a backup of the database "shop"'),
        ("There is no pg_dump for PostgreSQL 18", "There is no pg_dump for PostgreSQL ‹n›"),
    ],
)
def test_what_varies_is_taken_out(said: str, wanted: str | None) -> None:
    wanted = wanted or "apt-get install postgresql-client-‹n›, or dnf install postgresql‹n›"
    assert normal(said) == wanted


def test_rows_keep_their_places(tmp_path: Path) -> None:
    document = Document(tmp_path / "m.md")
    document.path.write_text("# Title\n\nProse.\n")
    for during, fault, said in [("dump", "a", "1"), ("restore", "b", "2"), ("dump", "c", "x | y"), ("dump", "a", "3")]:
        document.write(Sighting("m", during, fault, said, "", "all").row)
    assert document.path.read_text().splitlines() == [
        "# Title",
        "",
        "Prose.",
        "",
        "| During | Fault | What it says | What to do | What was left |",
        "|---|---|---|---|---|",
        "| dump | a | 3 |  | all |",
        "| dump | c | x \\| y |  | all |",
        "| restore | b | 2 |  | all |",
    ]
