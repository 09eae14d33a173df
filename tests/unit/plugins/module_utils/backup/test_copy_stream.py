# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows are counted however the text is cut into pieces."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._backup.formats.copy_stream import RowCounter

TEXT = b"""--
-- PostgreSQL database dump
--
COPY public."A b" (id, "x y", z) FROM stdin;
1\t1\t\\N
2\t\\\\.\tCOPY public.t (a) FROM stdin;
\\.


COPY "S""x".empty (i, j) FROM stdin;
\\.
SELECT pg_catalog.setval('public."A b_id_seq"', 2, true);
COPY public.no_columns  FROM stdin;


\\.

COPY "new
line"."a.b" (i) FROM stdin;
7
\\.
-- PostgreSQL database dump complete
"""
ROWS = {("public", "A b"): 2, ('S"x', "empty"): 0, ("public", "no_columns"): 2, ("new\nline", "a.b"): 1}


def count(pieces: list[bytes]) -> RowCounter:
    counter = RowCounter()
    for piece in pieces:
        counter.feed(piece)
    return counter


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 10_000])
def test_in_pieces_of_every_size(size: int) -> None:
    counter = count([TEXT[at : at + size] for at in range(0, len(TEXT), size)])
    assert (counter.rows, counter.total, counter.open) == (ROWS, 5, None)


@given(st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_cut_anywhere(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    counter = count([TEXT[a:b] for a, b in itertools.pairwise(places)])
    assert counter.rows == ROWS


def test_a_table_without_its_end_is_open() -> None:
    counter = count([b"COPY public.t (a) FROM stdin;\n1\n2\n3"])
    assert counter.open == ("public", "t")
    assert count([b"COPY public.t (a) FROM stdin;\n1\n\\.\n"]).open is None


@given(st.lists(st.text(alphabet="ab\\.\t", max_size=6).filter(lambda text: text != "\\."), max_size=20))
def test_any_rows(lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines)
    counter = count([f'COPY "public"."t" (a) FROM stdin;\n{data}\\.\n'.encode()])
    assert counter.rows == {("public", "t"): len(lines)}
