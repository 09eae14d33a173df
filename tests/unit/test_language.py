# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phrases that must not come back: text that users read uses PostgreSQL's own terms, in short, active sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.results import ROOT

#: The files whose text is checked, as globs from the root. Add a glob when its files have been rewritten.
SCOPE = (
    "README.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "tests/README.md",
    "docs/*.md",
    "docs/*.json",
    "galaxy.yml",
    "inventories/**/*.yml",
    "migrations/*.yml",
    "playbooks/**/*.yml",
    "roles/**/*.yml",
    "roles/**/*.j2",
    "plugins/modules/*.py",
    "plugins/doc_fragments/*.py",
)
#: Text that tests write from what they saw: the messages and names in it are checked where they come from.
GENERATED = {
    "docs/faults.md": r"^## PostgreSQL .*",
    "docs/traffic.md": r"^## PostgreSQL .*",
    "docs/backup-faults.md": r"^\| During .*",
}
#: A phrase, and what to write instead. Spaces stand for any whitespace, so that a line break hides nothing.
PHRASES = {
    "somebody|someone|anybody|anyone": "name the subject: another session, a role, a user, you",
    "nobody": "say who does not: no session, no role; or use the passive",
    "whoever|whomever": "name the subject: the role that, the session that",
    "shall": "must, or the present tense",
    "in (?:the|its|their|our) way": "blocks, blocking, blocked by",
    "told of": "reported",
    "with a word|without a word|worth a word": "and reports it; without a message; reported",
    "in words|in so many words": "as text, in a sentence, with a message",
    "in one sentence": "with a message",
    "(?:is|was|are|were) looked at|looked at again": "is checked, is read",
    "(?:is|are|was|were|be) waited for|waited for, for": "wait for, in the active voice",
    "(?:stands|stood|stand) there": "is, exists, or: before image",
    "stands? in the way|stands? against": "blocks, violates",
    "comes? to (?:when|psql|that)|came of|come of|what .{1,30} comes to": "result, outcome, ends",
    "(?:is|be|are) gone on with|goes on with": "resume, continue",
    "meanwhile": "while, during that time",
    "all the same": "anyway, or leave it out",
    "(?:that|which) (?:is|are) none|name that is none": "invalid, unknown, does not exist",
    "looks? after": "monitor",
    "see to": "fix, or: findings",
    "of (?:ours|theirs)": "our session, its own",
    "as it (?:shall|should) be": "up to date",
    "said of|is said|are said": "is reported",
    "who keeps whom|(?:keeps?|kept|keeping) (?:others|writers|them|it|him) waiting": "blocks",
    "taken back": "undone, rolled back",
}


#: A space, or a line break, with the comment sign of the next line.
SPACE = r"[ #]*[ \n][ #]*"


def _pattern(phrase: str) -> re.Pattern[str]:
    """A phrase as a regular expression over text in which a line may be broken, also inside of a comment."""
    return re.compile(rf"\b(?:{phrase.replace(' ', SPACE)})\b", re.IGNORECASE)


PATTERNS = {phrase: _pattern(phrase) for phrase in PHRASES}


def files() -> list[str]:
    """The paths of all files in the scope, from the root."""
    return sorted({str(path.relative_to(ROOT)) for glob in SCOPE for path in ROOT.glob(glob)})


def text_of(path: str) -> str:
    """A file's text, up to what tests write into it."""
    text = Path(ROOT / path).read_text(encoding="utf-8")
    generated = path in GENERATED and re.search(GENERATED[path], text, re.MULTILINE)
    return text[: generated.start()] if generated else text


def messages_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each string of a Python file that is not a docstring: what it says to people, and its SQL."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = (node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)))
    documentation = {id(node.body[0].value) for node in bodies if node.body and isinstance(node.body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def found(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, words and advice of each phrase in a text."""
    for phrase, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            words = " ".join(match.group(0).replace("#", " ").split())
            yield text.count("\n", 0, match.start()) + 1, words, PHRASES[phrase]


@pytest.mark.parametrize("path", files())
def test_no_phrase_has_come_back(path: str) -> None:
    mistakes = [
        f'{path}:{line}: "{words}": write instead: {advice}' for line, words, advice in sorted(found(text_of(path)))
    ]
    assert not mistakes, "\n" + "\n".join(mistakes)


def test_no_message_has_such_a_phrase() -> None:
    """What the code says to people; the descriptions of options are in the scope above."""
    mistakes = [
        f'{path.relative_to(ROOT)}:{line}: "{words}": write instead: {advice}'
        for path in sorted((ROOT / "plugins").rglob("*.py"))
        if path.parent.name not in ("modules", "doc_fragments")
        for line, text in messages_of(path)
        for _line, words, advice in found(text)
    ]
    assert not mistakes, "\n" + "\n".join(mistakes)


def test_every_glob_of_the_scope_finds_files() -> None:
    assert not [glob for glob in SCOPE if not list(ROOT.glob(glob))]


def test_a_line_break_hides_nothing() -> None:
    assert list(found("a session is in the\n  # way of it")) == [
        (1, "in the way", PHRASES["in (?:the|its|their|our) way"])
    ]
    assert not list(found("blocked by another session"))
