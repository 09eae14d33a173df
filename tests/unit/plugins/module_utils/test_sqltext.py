# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL text without a connection, names of helpers, and queries of others without their data."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._support.driver import sql
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import (
    NAME_LIMIT,
    compose,
    enclosed,
    identifier,
    identifiers,
    is_one_expression,
    is_one_statement,
    literal,
    mask_literals,
    qualified,
    raw,
    temporary_name,
)
from unit.builders import ODD_NAMES, quoted

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80)


class TestCompose:
    def test_placeholders_are_filled_with_quoted_parts(self) -> None:
        text = compose(
            "ALTER TABLE {table} RENAME {column} TO {new}; -- {{as it is}} {text}",
            table=identifier("a.b", 'c"d'),
            column=identifier("e"),
            new=identifiers(["f", "g h"]),
            text=literal("it's"),
        )
        assert text == 'ALTER TABLE "a.b"."c""d" RENAME "e" TO "f", "g h"; -- {as it is} \'it\'\'s\''

    @pytest.mark.parametrize(
        ("text", "constant"),
        [
            ("", "''"),
            ("it's", "'it''s'"),
            ("{x} 100% %s", "'{x} 100% %s'"),
            # The same whatever standard_conforming_strings says; the space keeps E away from a word before it.
            ("back\\slash", " E'back\\\\slash'"),
            ("\\'; DROP TABLE x; --", " E'\\\\''; DROP TABLE x; --'"),
        ],
    )
    def test_constants_mean_the_same_in_every_session(self, text: str, constant: str) -> None:
        assert compose("{it}", it=literal(text)) == constant

    def test_what_is_sql_already_stays_as_it_is(self) -> None:
        assert compose("({it})", it=raw("a % 2 = 0 AND b <> '{}'")) == "(a % 2 = 0 AND b <> '{}')"

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_a_qualified_name(self, name: str) -> None:
        assert qualified(name, "x") == f'{quoted(name)}."x"'

    def test_nothing_else_can_be_put_in(self) -> None:
        with pytest.raises(TypeError, match="not a part of an SQL text"):
            compose("{it}", it=sql.Placeholder("x"))

    @given(NAMES)
    def test_no_name_leaves_its_quotes(self, name: str) -> None:
        """Within the quotes, a quote is always doubled."""
        inside = re.fullmatch(r'"(.*)"', compose("{it}", it=identifier(name)), re.DOTALL)
        assert inside is not None
        assert re.fullmatch(r'(?:[^"]|"")*', inside.group(1))
        assert inside.group(1).replace('""', '"') == name


class TestTemporaryName:
    def test_it_never_changes_from_run_to_run_or_from_release_to_release(self) -> None:
        """The leftovers of an interrupted run are found by this name, also after an update of the collection."""
        assert temporary_name("Sale_idx", "new", ("public", "Sale")) == "Sale_idx_steady_new_17664e26"

    @given(NAMES, st.sampled_from(["new", "old", "check"]))
    def test_it_fits_and_is_text(self, name: str, purpose: str) -> None:
        helper = temporary_name(name, purpose, ("public", "T"))
        assert len(helper.encode()) <= NAME_LIMIT
        assert re.search(rf"_steady_{purpose}_[0-9a-f]{{8}}\Z", helper)
        own = helper[: helper.rindex(f"_steady_{purpose}_")]
        assert name.startswith(own)
        assert own == name or len(name.encode()) > 40, "as much of the name as there is room for"

    def test_a_letter_is_not_cut_in_two(self) -> None:
        assert temporary_name("ö" * 31, "new", ("s", "t")).startswith("ö" * 21 + "_steady_new_")

    def test_it_tells_purposes_tables_schemas_and_long_names_apart(self) -> None:
        long = "x" * 62
        made = {
            temporary_name(name, purpose, scope)
            for name in (long + "a", long + "b", "x")
            for purpose in ("new", "old", "check")
            for scope in (("public", "t"), ("public", "u"), ("other", "t"), ("publict",), ("public", "t", ""))
        }
        assert len(made) == 3 * 3 * 5


class TestWhatIsSqlAlready:
    """An expression stands in parentheses in a longer statement, a query behind DECLARE: neither may leave it."""

    @pytest.mark.parametrize(
        ("text", "inside"),
        [
            ("a > 0", "(a > 0)"),
            ("a > 0 -- why", "(a > 0 -- why\n)"),
            ("a <> '--'", "(a <> '--'\n)"),
            ("a /* why */", "(a /* why */)"),
        ],
    )
    def test_a_comment_does_not_swallow_the_closing_parenthesis(self, text: str, inside: str) -> None:
        assert enclosed(text) == inside

    #: What PostgreSQL reads as one expression (or, with SELECT before it, as one statement).
    ONE = (
        "a",
        "lower(a) || (b)",
        "a = ';' AND b = ')('",
        "a = 'it''s; )'",
        "a = E'it\\'s; )'",
        "a = 'C:\\' AND b = '\\'",
        '"a;)" = 1',
        '"it""s;)" = 1',
        "a = $$;)$$",
        "a = $x$;) $$ ' $x$",
        "a = $x1$;)$x1$",
        "a$b$ = 1 AND c$b$ = 2",
        "a /* ;) ' */ = 1",
        "a -- ;) '\n = 1",
        "(a, b) IN (SELECT 1, 2)",
        "a[1] = ANY ('{1;2)}')",
        "U&'d\\0061;)' = a",
        "größe > 0",
    )
    #: Each ends the statement, for a server that has standard_conforming_strings on as our sessions have.
    SEVERAL = (
        "a; DROP TABLE t",
        "a); DROP TABLE t; SELECT (1",
        "'\\'); DROP TABLE t; SELECT ('x'",
        "'\\\\'); DROP TABLE t; SELECT ('x'",
        "E'\\\\'); DROP TABLE t; SELECT ('x'",
        "N'\\'); DROP TABLE t; SELECT ('x'",
        "U&'\\'); DROP TABLE t; SELECT ('x'",
        "a$a$ IS NULL); DROP TABLE t; SELECT (b$a$",
        "a$$ > 1); DROP TABLE t; SELECT (b$$",
        "1 --'\n); DROP TABLE t; SELECT (' --'",
        "1 /*'*/); DROP TABLE t; SELECT ('/*'*/'",
        "$a$x$A$ ' $a$); DROP TABLE t; SELECT ($a$'$a$",
        "$a1$'$a1$); DROP TABLE t; SELECT ($a1$'$a1$",
        "\"'\"); DROP TABLE t; SELECT ('\"'",
        "é'\\'); DROP TABLE t; SELECT ('x'",
    )

    @pytest.mark.parametrize("text", ONE)
    def test_one_expression(self, text: str) -> None:
        assert is_one_expression(text)
        assert is_one_statement(f"SELECT {text}")
        assert is_one_statement(f"SELECT {text} ; ")

    @pytest.mark.parametrize("text", SEVERAL)
    def test_more_than_one_is_found_however_it_hides(self, text: str) -> None:
        """In check mode too it would be executed: the server takes several statements in one message (measured: a table
        was dropped), and read-only is only a default that COMMIT; BEGIN READ WRITE leaves."""
        assert not is_one_expression(text)
        assert not is_one_statement(f"SELECT ({text})")

    @pytest.mark.parametrize("text", ["a)", "(a", ")(", "a) OR (b", "'a", '"a', "$$a", "$a$a$A$", "/* a", "E'a\\'"])
    def test_what_is_left_open_is_no_expression(self, text: str) -> None:
        """What follows it in our statement would become a part of it."""
        assert not is_one_expression(text)

    @pytest.mark.parametrize(
        "text",
        [
            "SELECT 1; SELECT 2",
            "SELECT 1;; SELECT 2",
            ";SELECT 1",
            "SELECT 1; --\nSELECT 2",
            # Of nothing but words and names.
            "SELECT 1; COMMIT",
            'SELECT 1; DELETE FROM "Order"',
            "SELECT 1; COMMIT;",
        ],
    )
    def test_two_statements(self, text: str) -> None:
        assert not is_one_statement(text)


SECRET = "geheim"


class TestMaskLiterals:
    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("SELECT 1", "SELECT ?"),
            ("select * from t where a = 5 and b=1.5e-3 or c > -7", "select * from t where a = ? and b=? or c > -?"),
            ("SELECT *\n\t FROM  t ;", "SELECT * FROM t ;"),
            ('SELECT a1, t2.x3, "5", "a 6"', 'SELECT a1, t2.x3, "5", "a 6"'),
            ('SELECT "O\'Brien" FROM "it""s"', 'SELECT "O\'Brien" FROM "it""s"'),
            ("UPDATE t SET a = $1 WHERE id = $23", "UPDATE t SET a = $1 WHERE id = $23"),
            ("SELECT a[1:2], b::numeric(10,2)", "SELECT a[?:?], b::numeric(?,?)"),
            ("", ""),
            ("<insufficient privilege>", "<insufficient privilege>"),
        ],
    )
    def test_what_is_left_is_readable(self, query: str, shown: str) -> None:
        assert mask_literals(query) == shown

    @pytest.mark.parametrize(
        "query",
        [
            "SELECT * FROM t WHERE a = 'geheim'",
            "SELECT * FROM t WHERE a='geheim'",
            "SELECT f('geheim','geheim')",
            "SELECT 'geheim' 'geheim', ''''||'geheim'",
            "SELECT 'it''s geheim'",
            "INSERT INTO t VALUES ('a','geheim',''),('','b','geheim')",
            "SELECT E'it\\'s geheim', e'\\\\', 'geheim'",
            "SELECT 'C:\\', 'geheim'",
            "SELECT 'it\\'s geheim'",
            "SELECT N'geheim', B'geheim', X'geheim', U&'geheim', u&'d\\0061geheim' UESCAPE '!'",
            "SELECT interval'geheim', date 'geheim', 'geheim'::text",
            "SELECT $$geheim$$, $a$geheim$a$, $a1$geheim$a1$, $_$geheim$_$, $straße$geheim$straße$",
            "SELECT $a$ $b$geheim$b$ geheim $a$, 'geheim'",
            "SELECT $$it's geheim$$, 'geheim'",
            "SELECT \"O'Brien\", 'geheim'",
            'SELECT "it""s", \'geheim\', "$$", \'geheim\'',
            "/* geheim */ SELECT 1 /* it's */, 'geheim'",
            "SELECT 1 /* a /* b */ geheim */, 'geheim'",
            "SELECT 1 -- geheim\n, 'geheim'",
            "SELECT 1 -- it's\n, 'geheim'",
            "SELECT 1 /* it's",
            "SELECT 1, /*application='x',key='geheim'*/ 2",
            "SELECT a FROM t WHERE b = 'geheim",
            "SELECT a FROM t WHERE b = $$geheim",
            "SELECT a FROM t WHERE b = E'geheim\\",
            "SELECT a /* geheim",
            'SELECT \'{"a": "geheim"}\'::jsonb',
            "SELECT '$$', 'geheim', '$$'",
            "SELECT '--', 'geheim'",
            "SELECT '/*', 'geheim', '*/'",
        ],
    )
    def test_no_text_of_the_application_is_shown_wherever_the_server_cuts_it_off(self, query: str) -> None:
        """pg_stat_activity keeps the first kilobyte (track_activity_query_size)."""
        for end in range(len(query) + 1):
            assert not re.search("geh|ehe|hei|eim", mask_literals(query[:end])), query[:end]

    @pytest.mark.parametrize(
        "number",
        ["42", "4.2", "4.", ".42", "4e2", "4.2e+42", "4E-42", "0x42", "0o42", "0b1", "4_200_000", "42.4_2", "42abc"],
    )
    def test_numbers_in_every_spelling(self, number: str) -> None:
        for query in (f"SELECT {number}", f"a={number}", f"f({number},{number})", f"a=-{number};"):
            assert not re.search(r"[0-9]", mask_literals(query)), query

    @given(
        st.lists(
            st.sampled_from(
                [
                    *("'geheim'", "E'geheim'", "'it''s geheim'", "E'\\'geheim'", "$$geheim$$", "$x$ ' geheim$x$"),
                    *("-- geheim'\n", "/* geheim' */", "''", "'\\\\'", "'\"'", "'--'", "'/*'", "$$'$$", "$1"),
                    *('"a"', '"it\'s"', '"$$"', "a", "=", ",", "(", ")", "42", "::text", "\n"),
                ]
            )
        )
    )
    def test_whatever_stands_beside_it(self, pieces: list[str]) -> None:
        assert SECRET not in mask_literals(" ".join(pieces), limit=10_000)

    def test_a_long_query_is_cut(self) -> None:
        shown = mask_literals("SELECT " + ", ".join("column" for _unused in range(200)))
        assert len(shown) == 300
        assert shown.endswith("…")
        assert mask_literals("SELECT abc", limit=10) == "SELECT abc"
        assert mask_literals("SELECT abcd", limit=10) == "SELECT ab…"

    @pytest.mark.timeout(5)
    @pytest.mark.parametrize("piece", ["'", "$", "$a", "/*", "--", '"', "\\'", "1.", "e'", "''", "$$"])
    def test_no_text_takes_long(self, piece: str) -> None:
        mask_literals("SELECT " + piece * 50_000)
