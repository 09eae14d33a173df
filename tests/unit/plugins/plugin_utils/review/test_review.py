# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a review says of statements: where each stands, what to decide, and the count."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.values import OBEYED, printable
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.discreet import discreet
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.problem import Unreadable, placed
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.review import Review, accept_in_file
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.text import review_lines
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.acceptance import accept, decisions
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.reader import read_sql
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import HAZARDS, Hazard, Statement, Verdict
from unit.readings import (
    another_way,
    as_written,
    decision,
    evil,
    hazard,
    not_carried_out,
    not_understood,
    reading,
    statement,
)
from unit.results import ROOT


def review(*statements: Statement, unused: tuple[str, ...] = ()) -> Review:
    return Review((reading(*statements, unused=unused),))


@pytest.mark.parametrize(
    ("statements", "line", "passed"),
    [
        ([], "0 of 0 statements understood: 0 as written, 0 another way, 0 need a decision", True),
        (
            [as_written(), another_way(), decision()],
            "3 of 3 statements understood: 1 as written, 1 another way, 1 needs a decision",
            False,
        ),
        (
            [decision(accepted="why"), not_understood()],
            "1 of 2 statements understood: 0 as written, 0 another way, 1 decided, 0 need a decision",
            False,
        ),
        (
            [decision(accepted="why"), not_carried_out()],
            "2 of 2 statements understood: 1 as written, 0 another way, 1 decided, 0 need a decision",
            True,
        ),
    ],
)
def test_the_last_line_counts_and_only_what_needs_somebody_fails(
    statements: list[Statement], line: str, passed: bool
) -> None:
    made = review(*statements)
    assert review_lines(made)[-1] == line
    assert made.passed is passed


def test_a_hazard_of_an_otherwise_good_statement_needs_a_decision() -> None:
    """The hazards decide, whatever the verdict says."""
    assert not review(statement(1, Verdict.AS_WRITTEN, hazards=(hazard(),))).passed
    assert not review(statement(1, Verdict.ANOTHER_WAY, hazards=(hazard("yes"), hazard()))).passed
    assert not review(statement(1, Verdict.DECISION)).passed


def test_files_that_cannot_be_read_and_decisions_about_nothing_fail() -> None:
    unread = Review((), (Unreadable("a.sql", 1, 2, "wrong"), Unreadable("a.sql", 3, 1, "wrong")))
    assert not unread.passed
    assert review_lines(unread)[:3] == ["cannot be read:", "  a.sql:1:2: wrong", "  a.sql:3:1: wrong"]
    assert unread.last_line().endswith("; 1 file cannot be read")
    unused = review(as_written(), unused=("a.sql:4:1: accepts blocks_reads",))
    assert not unused.passed
    assert "  a.sql:4:1: accepts blocks_reads" in review_lines(unused)
    assert unused.last_line().endswith("; 1 decision is about no hazard")


def test_each_statement_says_what_to_decide_and_how() -> None:
    text = "\n".join(review_lines(review(another_way(), decision(), decision(8, "unused since March")), "folder"))
    assert (
        "db/0042_sale.sql:3  carried out another way  index Sale_notes_idx on public.Sale\n    instead: CREATE" in text
    )
    assert (
        "db/0042_sale.sql:7  needs a decision         drop column notes of public.Sale\n    data_loss, public" in text
    )
    assert "before the statement:  -- steady: accept data_loss because …" in text
    assert 'steady_accept: [{hazard: data_loss, object: "public.Sale.notes", because: …}]' in text
    assert "accepted: data_loss, public.Sale.notes: The values of the column are deleted. Because: unused since" in text
    assert "reports: folder\n" in text


def test_what_deploy_does_not_carry_out_is_counted_and_named() -> None:
    lines = review_lines(review(as_written(), not_carried_out(), not_understood()))
    here = lines.index("1 statement is understood, but this version of deploy.yml does not carry it out:")
    assert lines[here + 1 : here + 3] == ["  1 × CREATE VIEW: db/0042_sale.sql:11", "  what to do: run it with psql"]
    assert "db/0042_sale.sql:11  online as written        view public.V (not carried out yet)" in lines
    assert "    what to do: remove it" in lines


def test_hostile_texts_stay_in_their_lines() -> None:
    """A line break in a name would otherwise make a line of its own, and a terminal obey it."""
    lines = [printable(line) for line in review_lines(Review((evil(),)))]
    assert not [line for line in lines if OBEYED.search(line) or "\n" in line]
    assert not [line for line in lines if line.startswith("::")]


class TestDecisionsOfTheInventory:
    @pytest.mark.parametrize("name", ["public.Sale.notes", "Sale.notes", 'public."Sale".notes', '"Sale"."notes"'])
    def test_the_object_may_have_quotes_and_no_schema(self, name: str) -> None:
        made = decisions([{"hazard": "data_loss", "object": name, "because": "unused"}])
        (changed,), needless = accept([reading(decision())], made)
        assert (changed.statements[0].undecided, needless) == ((), [])

    @pytest.mark.parametrize("name", ["notes", "other.Sale.notes", "Sale", "sale.notes", "public.Sale.notes.x"])
    def test_another_object_is_another(self, name: str) -> None:
        made = decisions([{"hazard": "data_loss", "object": name, "because": "unused"}])
        (changed,), needless = accept([reading(decision())], made)
        assert changed.statements[0].undecided
        assert needless == made

    def test_one_accepts_its_hazard_of_its_object_and_no_other(self) -> None:
        other = statement(8, Verdict.DECISION, hazards=(Hazard("data_loss", "public.Sale.x", "m"),))
        made = decisions([{"hazard": "data_loss", "object": "public.Sale.notes", "because": "unused\nsince March"}])
        (changed,), needless = accept([reading(decision(), other)], made)
        assert [one.hazards[0].accepted for one in changed.statements] == ["unused since March", None]
        assert needless == []

    def test_the_reason_of_the_file_stays_and_the_decision_is_needed(self) -> None:
        made = decisions([{"hazard": "data_loss", "object": "public.Sale.notes", "because": "inventory"}])
        (changed,), needless = accept([reading(decision(accepted="file"))], made)
        assert changed.statements[0].hazards[0].accepted == "file"
        assert needless == []

    def test_one_that_no_migration_needs_is_said(self) -> None:
        made = decisions([{"hazard": "blocks_reads", "object": "public.Sale.notes", "because": "night"}])
        (changed,), needless = accept([reading(decision())], made)
        assert changed.statements[0].undecided
        assert needless == made


@pytest.mark.parametrize(
    "secret",
    [
        "CREATE ROLE a PASSWORD 'hunter2'",
        "ALTER ROLE a WITH ENCRYPTED PASSWORD E'hunter2''x'",
        "CREATE ROLE a PASSWORD $$hunter2$$",
        "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'a', password 'hunter2')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2 user=a' PUBLICATION p",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=''hunter2'' user=a' PUBLICATION p",
        "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'a', \"password\" 'hunter2', sslpassword 'hunter2')",
        "CREATE ROLE a PASSWORD '" + "x" * 4000 + "hunter2'",
        " " * 3980 + "CREATE ROLE a PASSWORD 'hunter2 is cut'",
        " " * 3960 + "SELECT dblink('postgresql://a:hunter2@host/d')",
        "SELECT dblink('postgresql://a:hunter2@h/d', 'SELECT 1')",
    ],
)
def test_no_password_is_shown(secret: str) -> None:
    evil_one = statement(1, Verdict.AS_WRITTEN, text=secret, summary=secret, instead=secret, mend=secret)
    shown = str(discreet(reading(evil_one)))
    assert "hunter2" not in shown
    assert "…" in shown


def test_a_statement_of_megabytes_takes_no_time() -> None:
    """The patterns would try each of a million places."""
    huge = "SELECT 'password://:" + "://:" * 1_000_000 + "'"
    began = time.process_time()
    discreet(reading(statement(1, Verdict.AS_WRITTEN, text=huge)))
    assert time.process_time() - began < 0.5


def test_a_long_statement_is_shortened() -> None:
    shown = discreet(reading(statement(1, Verdict.AS_WRITTEN, text="x" * 10_000))).statements[0].text
    assert len(shown) < 5000
    assert "10,000 characters" in shown


@pytest.mark.parametrize(
    ("sentence", "made"),
    [
        ("a b.sql:3:7: wrong: here", Unreadable("a b.sql", 3, 7, "wrong: here")),
        ("a.yml:3: indexes[0]: wrong", Unreadable("a.yml", 3, None, "indexes[0]: wrong")),
        ("a.sql: is a directory", Unreadable("a.sql", None, None, "is a directory")),
        ("something else", Unreadable("a.sql", None, None, "something else")),
    ],
)
def test_the_place_of_a_mistake_is_read_from_its_line(sentence: str, made: Unreadable) -> None:
    assert placed(sentence, "a.sql") == made


def test_each_hazard_has_its_page(tmp_path: Path) -> None:
    """With an example in SQL that has it, what the collection does, and how to accept it."""
    text = (ROOT / "docs" / "hazards.md").read_text(encoding="utf-8")
    pages = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(pages) == list(HAZARDS)
    for name, page in pages.items():
        (example,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
        (tmp_path / "x.sql").write_text(example)
        (one,) = read_sql([tmp_path / "x.sql"], "x", str).statements
        assert name in [hazard.name for hazard in one.undecided]
        (tmp_path / "x.sql").write_text(f"{accept_in_file(name)}\n{example}")
        (one,) = read_sql([tmp_path / "x.sql"], "x", str).statements
        assert name not in [hazard.name for hazard in one.undecided]
        assert "What the collection does:" in page, name
        assert "\nAccept it" in page, name
        assert f"`-- steady: accept {name} because …`" in page, name
