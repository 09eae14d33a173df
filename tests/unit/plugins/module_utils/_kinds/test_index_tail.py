# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A definition is taken apart into known parts, and one with anything else in it is none."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.tail import read_tail

FULL = (
    'ONLY public."A ""b" USING gist (lower(x) COLLATE ext."C" ops (siglen=\'3\'\'2\') DESC NULLS LAST, y NULLS FIRST)'
    " INCLUDE (z, \"Z\") NULLS NOT DISTINCT WITH (fillfactor='70', fastupdate=off) WHERE (x > ')'::text)"
)


def test_every_part() -> None:
    tail = read_tail(FULL, ["lower(x)", None])
    assert (tail.only, tail.schema, tail.table, tail.method) == (True, "public", 'A "b', "gist")
    first, second = tail.keys
    assert (first.name, first.expression, first.collation) == (None, "lower(x)", ("ext", "C"))
    assert (first.opclass, first.parameters) == (("pg_catalog", "ops"), {"siglen": "3'2"})
    assert (first.descending, first.nulls_first, second.descending, second.nulls_first) == (True, False, False, True)
    assert (tail.include, tail.nulls_not_distinct, second.name) == (["z", "Z"], True, "y")
    assert (tail.options, tail.predicate) == ({"fillfactor": "70", "fastupdate": "off"}, "(x > ')'::text)")
    assert tail.using == FULL[len('ONLY public."A ""b"') :]


@pytest.mark.parametrize(
    "text",
    [
        "public.t USING btree (a); SELECT 1",
        "public.t USING btree (a) WHERE true; SELECT 1",
        "public.t USING btree (a) WHERE true) OR (x",
        "public.t USING btree (a, b)",
        "public.t USING btree (f(a))",
        "public.t USING btree (a) WITH (x=1;)",
        "public.t USING btree (a) TABLESPACE x",
        "t USING btree (a)",
        "public.t, x USING btree (a)",
        "public.t USING btree (a /* */)",
        "public.t USING btree (A)",
        "",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"it|key"):
        read_tail(text, [None])


@pytest.mark.parametrize("expression", ["f(x)), (g(x)", "'", "f(x); g"])
def test_an_expression_is_one(expression: str) -> None:
    with pytest.raises(ValueError, match="more than one"):
        read_tail(f"public.t USING btree ({expression})", [expression])
