# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE INDEX and DROP INDEX become entries of `indexes`, to the last option."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Verdict
from unit.plugins.sql.texts import hazards, migration, one, refusals

ALWAYS = {"on_conflict": "refuse", "on_equivalent": "create"}


def index(definition: str) -> dict[str, Any]:
    """The entry of an index that a file makes, without what all have."""
    accepted = "-- steady: accept breaks_running_application because it is a test\n"
    (entry,) = migration(accepted + definition)["indexes"]
    assert {key: entry.pop(key) for key in ALWAYS} == ALWAYS
    return entry


@pytest.mark.parametrize(
    ("definition", "entry"),
    [
        ('CREATE INDEX i ON "Sale" (a, "b C")', {"table": "Sale", "columns": ["a", "b C"]}),
        ("CREATE INDEX i ON Sale (A)", {"table": "sale", "columns": ["a"]}),
        (
            "CREATE INDEX i ON t (a DESC, b ASC NULLS FIRST, c DESC NULLS LAST)",
            {
                "columns": [
                    {"name": "a", "order": "desc"},
                    {"name": "b", "nulls": "first"},
                    {"name": "c", "order": "desc", "nulls": "last"},
                ]
            },
        ),
        ("CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT", {"unique": True, "nulls_not_distinct": True}),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a) INCLUDE (b, c)", {"include": ["b", "c"]}),
        (
            "CREATE INDEX i ON t USING gin (a ext.gin_trgm_ops (siglen = 32)) WITH (fastupdate = off) TABLESPACE fast",
            {
                "columns": [{"name": "a", "opclass": "ext.gin_trgm_ops", "opclass_parameters": {"siglen": 32}}],
                "method": "gin",
                "storage_parameters": {"fastupdate": "off"},
                "tablespace": "fast",
            },
        ),
        ("CREATE INDEX i ON t USING brin (a) WITH (autosummarize, pages_per_range = 8)",
         {"columns": ["a"], "method": "brin",
          "storage_parameters": {"autosummarize": "true", "pages_per_range": 8}}),
        ('CREATE INDEX i ON t (a COLLATE "C" text_pattern_ops)',
         {"columns": [{"name": "a", "opclass": "text_pattern_ops", "collation": "C"}]}),
        (
            "CREATE INDEX i ON t (lower(a) DESC, (b || ', ('), COALESCE(c, 0))",
            {"columns": [{"expression": "lower(a)", "order": "desc"}, {"expression": "b || ', ('"},
                         {"expression": "COALESCE(c, 0)"}]},
        ),
        ("CREATE INDEX i ON t ((((a))))", {"columns": ["a"]}),
        (
            'CREATE INDEX i ON t (lower("t"."é"), (t . a) DESC, (u.a + 1)) WHERE public.t.b > 0 AND "t".c IS NULL',
            {"columns": [{"expression": 'lower("é")'}, {"name": "a", "order": "desc"}, {"expression": "u.a + 1"}],
             "where": "b > 0 AND c IS NULL"},
        ),
        ("CREATE INDEX i ON t (((a) + (1)))", {"columns": [{"expression": "(a) + (1)"}]}),
        (
            "CREATE INDEX i ON \"té\" ((j ->> 'é; --')) WHERE x IS NOT NULL /* ; */ AND y > E'\\'' -- end",
            {
                "table": "té",
                "columns": [{"expression": "j ->> 'é; --'"}],
                "where": "x IS NOT NULL         AND y > E'\\''",
            },
        ),
    ],
)  # fmt: skip
def test_an_entry_says_all_that_the_statement_says(definition: str, entry: dict[str, Any]) -> None:
    wanted = {"name": "i", "table": "t", "columns": ["a"], **entry}
    assert index(definition) == wanted


def test_expressions_keep_their_meaning_where_their_text_cannot_be_cut_out() -> None:
    """a::text::int is no function; its parentheses are written around it, and those in it are its own."""
    assert index("CREATE INDEX i ON t (((a)::int))")["columns"] == [{"expression": "(a)::int"}]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("CREATE INDEX i ON t (a)", Verdict.ANOTHER_WAY),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", Verdict.AS_WRITTEN),
        ("CREATE TABLE t (a int); CREATE INDEX i ON t (a)", Verdict.AS_WRITTEN),
        ("CREATE UNIQUE INDEX i ON t (a)", Verdict.ANOTHER_WAY),
        ("CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a)", Verdict.AS_WRITTEN),
        ("ALTER TABLE t ADD COLUMN a int; CREATE UNIQUE INDEX i ON t (a)", Verdict.ANOTHER_WAY),
        ("DROP INDEX i; CREATE UNIQUE INDEX i ON t (a)", Verdict.ANOTHER_WAY),
        ("DROP INDEX i", Verdict.ANOTHER_WAY),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", Verdict.AS_WRITTEN),
    ],
)
def test_verdicts(text: str, verdict: Verdict) -> None:
    assert one(text).verdict is verdict


def test_a_dropped_index_has_no_table() -> None:
    assert migration('DROP INDEX IF EXISTS public."A_b_idx", public.c')["indexes"] == [
        {"name": "A_b_idx", "state": "absent"},
        {"name": "c", "state": "absent"},
    ]


def test_cascade_is_refused() -> None:
    assert hazards("DROP INDEX i CASCADE") == [("breaks_running_application", "i")]
    accepted = "-- steady: accept breaks_running_application because nothing depends on it\n"
    assert refusals(accepted + "DROP INDEX i CASCADE") == [
        "m.sql:2:1: index i: remove CASCADE, and drop by name what depends on the index"
    ]


def test_only_is_refused() -> None:
    (line,) = refusals("CREATE INDEX i ON ONLY t (a)")
    assert line.endswith("builds the index of a partitioned table on its partitions, too: remove ONLY")


def test_drop_and_create_of_one_name_is_a_replacement() -> None:
    (entry,) = migration("DROP INDEX i; CREATE INDEX i ON t (a, b);")["indexes"]
    assert entry == {
        "name": "i",
        "table": "t",
        "columns": ["a", "b"],
        "on_conflict": "replace",
        "on_equivalent": "create",
    }


def test_what_is_made_and_dropped_in_one_file_is_refused() -> None:
    """psql fails if another one of this name is there; to drop that one would be wrong."""
    for made in ("", "DROP INDEX i; "):
        (line,) = refusals(f"{made}CREATE INDEX i ON t (a);\nDROP INDEX i;")
        assert line == "m.sql:2:1: i is made in m.sql:1 and dropped here: remove both statements"
    key = "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES p (id);\nALTER TABLE t DROP CONSTRAINT k;"
    assert refusals(key) == ["m.sql:2:1: k is made in m.sql:1 and dropped here: remove both statements"]


@pytest.mark.parametrize(
    ("text", "database"),
    [
        ("CREATE INDEX i ON otherdb.public.t (a)", "otherdb"),
        ("DROP INDEX otherdb.public.i", "otherdb"),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES otherdb.public.p (id)", "otherdb"),
    ],
)
def test_a_name_of_another_database_is_refused(text: str, database: str) -> None:
    (line,) = refusals(text)
    assert f"it names the database {database}, and one migration changes the database of its connection" in line


def test_two_equal_indexes_under_two_names_are_both_made() -> None:
    entries = migration("CREATE INDEX i ON t (a); CREATE INDEX j ON t (a);")["indexes"]
    assert [entry["name"] for entry in entries] == ["i", "j"]


def test_one_name_twice_fails_as_in_psql() -> None:
    assert refusals("CREATE INDEX i ON t (a);\nCREATE INDEX i ON t (b);") == [
        "m.sql:2:1: i is made already in m.sql:1, so that psql would fail here: remove one"
    ]
    (entry,) = migration("CREATE INDEX i ON t (a); CREATE INDEX IF NOT EXISTS i ON t (b);")["indexes"]
    assert entry["columns"] == ["a"]
