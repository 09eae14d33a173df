# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The table in docs/faults.md is the one of these tests. The file's name puts it after all that fill the matrix."""

from __future__ import annotations

import pytest

from faults.matrix import FAULTS, Matrix, expected, table, waits, write, written
from faults.pages import WRITING
from faults.scenes import Scenes

pytestmark = [pytest.mark.postgres]

MEND = "docs/faults.md is not what the plans say: make fault-matrix"


def test_the_page_has_all_that_the_plans_say(scenes: Scenes, postgres_major: int) -> None:
    """A new operation, or another statement in a plan, makes other boundaries: then the page is written anew."""
    if WRITING:
        pytest.skip("it is being written")
    section = written(postgres_major)
    if section is None:
        pytest.skip(f"the page has no PostgreSQL {postgres_major}")
    assert section.startswith(table(expected(scenes.of))), MEND


@pytest.mark.long
def test_all_of_it_was_tried(scenes: Scenes, matrix: Matrix, postgres_major: int) -> None:
    """In this very session, and what was tried is what the page says."""
    wanted = expected(scenes.of)
    if not scenes.workshop.island:  # what cannot be tried here was tried where the page was written
        matrix.tried.update({key: count for key, count in wanted.items() if key[0] in _OF_ISLANDS})
    assert {key: count for key, count in matrix.tried.items() if count} == {
        key: count for key, count in wanted.items() if count
    }
    if WRITING:
        write(postgres_major, f"{table(matrix.tried)}\n\n{waits(matrix.felt)}")
    section = written(postgres_major)
    assert section is None or section.startswith(table(matrix.tried)), MEND


_OF_ISLANDS = {fault.letter for fault in FAULTS if fault.island}
