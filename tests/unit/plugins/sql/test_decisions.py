# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions in comments: what counts, and what is said about what does not."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Verdict
from unit.plugins.sql.texts import reading

DROP = 'ALTER TABLE public."Sale" DROP COLUMN notes;'


def accepted(text: str) -> dict[str, str | None]:
    """The hazards of the last statement, with why they are accepted."""
    return {hazard.name: hazard.accepted for hazard in reading(text).statements[-1].hazards}


@pytest.mark.parametrize(
    "comment",
    [
        "-- steady: accept data_loss because unused since March\n",
        "--steady:accept data_loss because unused since March\n",
        "-- Steady: Accept data_loss because: unused since March\n",
        "/* steady: accept data_loss because unused since March */ ",
        "-- steady: accept data_loss on public.Sale.notes because unused since March\n",
        '-- steady: accept data_loss on "Sale".notes because unused since March\n',
        "/*\n * steady: accept data_loss because unused since March\n */\n",
    ],
)
def test_a_comment_before_the_statement_accepts_its_hazard(comment: str) -> None:
    found = reading(f"SELECT 1;\n{comment}{DROP}")
    assert accepted(f"SELECT 1;\n{comment}{DROP}") == {
        "data_loss": "unused since March",
        "breaks_running_application": None,
    }
    assert (found.unused, found.statements[-1].verdict) == ((), Verdict.DECISION)


def test_with_all_hazards_accepted_nothing_needs_a_decision() -> None:
    text = (
        "-- steady: accept data_loss because a\n-- a remark\n"
        f"-- steady: accept breaks_running_application because b\n{DROP}"
    )
    assert reading(text).statements[0].verdict is Verdict.AS_WRITTEN


def test_a_comment_behind_a_statement_on_its_line_belongs_to_it() -> None:
    text = f"{DROP} -- steady: accept data_loss because old\nSELECT 1;"
    drop, select = reading(text).statements
    assert [hazard.accepted for hazard in drop.hazards] == ["old", None]
    assert select.hazards == ()


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("-- steady: accept data_los because x", 'there is no hazard "data_los"; did you mean "data_loss"?'),
        ("-- steady: accept data_loss", "the decision about data_loss has no reason, so it does not count"),
        ("-- steady: accept data_loss because", "the decision about data_loss has no reason, so it does not count"),
        ("-- steady: acept data_loss because x", 'this comment begins with "steady:" but is no decision'),
        ("-- steedy: accept data_loss because x", 'this comment is no decision: write "steady:"'),
        ("-- steady accept data_loss because x", 'this comment is no decision: write "steady:"'),
        ("-- please accept data_loss because x", "this comment is no decision, since it does not begin with"),
        (
            "-- steady: accept table_rewrite because x",
            "accepts table_rewrite, which the statement in line 2 does not have (it has: data_loss, "
            "breaks_running_application): remove the comment",
        ),
        (
            "-- steady: accept data_loss on public.Sale.note because x",
            "accepts data_loss on public.Sale.note, but the statement in line 2 has it on public.Sale.notes",
        ),
    ],
)
def test_what_does_not_count_is_said(comment: str, said: str) -> None:
    found = reading(f"{comment}\n{DROP}")
    assert [hazard.accepted for hazard in found.statements[0].hazards] == [None, None]
    (sentence,) = found.unused
    assert sentence.startswith(f"m.sql:1: {said}")


def test_a_decision_behind_the_last_statement_is_about_nothing() -> None:
    found = reading(f"{DROP}\n\n-- steady: accept data_loss because x\n")
    assert found.unused == ("m.sql:3: accepts data_loss, but no statement follows: remove the comment",)


@pytest.mark.parametrize(
    "comment", ["-- study: the shape", "-- steady as she goes", "-- accept the terms", "-- ready: yes", "-- steadyness"]
)
def test_other_comments_are_no_decisions(comment: str) -> None:
    assert reading(f"{comment}\n{DROP}").unused == ()
