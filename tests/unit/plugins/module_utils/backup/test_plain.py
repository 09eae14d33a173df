# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump in plain SQL is, however it is cut into pieces; and what the Supabase CLI's script leaves out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._backup.database.exclusions import as_options, sentence
from ansible_collections.steady.postgresql.plugins.module_utils._backup.formats.plain import PlainText
from ansible_collections.steady.postgresql.plugins.module_utils._backup.supabase.method_supabase import Part

HEAD = b"""--
-- PostgreSQL database dump
--

\\restrict a1

-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4 (Debian 18.4-1)

CREATE TABLE public.t (
    a text
);
CREATE UNLOGGED TABLE public.u (a text);
COPY public.t (a) FROM stdin;
CREATE TABLE public.none
\\\\connect nowhere
INSERT INTO t
\\.

"""
END = b"""--
-- PostgreSQL database dump complete
--

"""


def read(*pieces: bytes) -> PlainText:
    text = PlainText()
    for piece in pieces:
        text.feed(piece)
    text.ended()
    return text


def found(text: PlainText) -> tuple[object, ...]:
    return (text.header, text.complete, text.tables, text.inserts, text.command, text.cluster, text.counter.total)


@pytest.mark.parametrize("end", [b"", b"\\unrestrict a1\n\n", b"-- \\unrestrict a1\n\nRESET ALL;\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_a_whole_dump_in_pieces_of_every_size(size: int, end: bytes) -> None:
    whole = HEAD + END + end
    text = read(*(whole[at : at + size] for at in range(0, len(whole), size)))
    assert found(text) == (True, True, 2, False, None, False, 3)
    assert (text.database_version, text.pg_dump_version) == ("18.4", "18.4 (Debian 18.4-1)")


@given(st.lists(st.integers(0, len(HEAD + END)), max_size=8))
def test_cut_anywhere(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(HEAD + END)]
    text = read(*((HEAD + END)[a:b] for a, b in itertools.pairwise(places)))
    assert found(text) == (True, True, 2, False, None, False, 3)


@pytest.mark.parametrize("missing", range(1, len(END) - 5, 3))
def test_without_its_end_it_is_not_complete(missing: int) -> None:
    whole = HEAD + END
    complete = whole[:-missing].endswith((b"complete\n", b"complete\n--\n"))
    assert read(whole[:-missing]).complete is complete


@pytest.mark.parametrize(
    "more", [b"SELECT 1;\n", b"COPY public.t (a) FROM stdin;\n", b"\\unrestrict a1; DROP TABLE t\n"]
)
def test_what_comes_after_the_end_makes_it_none(more: bytes) -> None:
    assert read(HEAD, END, more).complete is False


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"INSERT INTO public.t VALUES (1);\n", (True, True, 2, True, None, False, 3)),
        (b"\\connect other\n", (True, True, 2, False, "\\connect", False, 3)),
        (b"\\! rm -rf /\n", (True, True, 2, False, "\\!", False, 3)),
        (b"\\encoding UTF8\n", (True, True, 2, False, None, False, 3)),
        (b"-- PostgreSQL database cluster dump\n", (True, True, 2, False, None, True, 3)),
    ],
)
def test_what_a_line_between_the_rows_says(line: bytes, expected: tuple[object, ...]) -> None:
    assert found(read(HEAD, line, END)) == expected


def test_a_line_without_end_is_not_kept() -> None:
    text = PlainText()
    text.feed(HEAD)
    for _number in range(64):
        text.feed(b"x" * (1 << 20))
    assert len(text._line) <= 1 << 16


def test_patterns_as_pg_dump_reads_them() -> None:
    part = Part("data", "", ("pg_*", "timescaledb_*", "auth", "a?c"), ())
    names = ["auth", "authors", "my_auth", "timescaledb_information", "abc", "public"]
    assert part.excluded(names) == ["auth", "timescaledb_information", "abc"]


def test_names_of_schemas_are_no_patterns_for_pg_dump() -> None:
    assert as_options(['a"b', "x.*"]) == ['--exclude-schema="a""b"', '--exclude-schema="x.*"']
    assert "users (auth)" in sentence(["auth"], by_supabase=True)
    assert sentence(["a", "b"], by_supabase=False) == "schemas a, b, as backup_exclude_schemas says"
