# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a database address; and that whatever is wrong with it, no piece of a password is said."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import Address, hidden, read_address
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.driver import extensions
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import ConnectionProblem


def parameters(text: str) -> dict[str, str]:
    return read_address(text).parameters


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("postgresql://h/d", {"host": "h", "dbname": "d"}),
            ("postgres://h/d", {"host": "h", "dbname": "d"}),
            ("  postgresql://h/d\n", {"host": "h", "dbname": "d"}),
            ("postgresql://u@h", {"host": "h", "user": "u"}),
            (
                "postgresql://u:p@h:5433/d?sslmode=verify-full&sslrootcert=/ca.pem",
                {
                    "user": "u",
                    "password": "p",
                    "host": "h",
                    "port": "5433",
                    "dbname": "d",
                    "sslmode": "verify-full",
                    "sslrootcert": "/ca.pem",
                },
            ),
            ("postgresql://[::1]:5432/d", {"host": "::1", "port": "5432", "dbname": "d"}),
            ("postgresql://u:p@[fe80::1]/d", {"user": "u", "password": "p", "host": "fe80::1", "dbname": "d"}),
            ("postgresql://a:1,b:2/d", {"host": "a,b", "port": "1,2", "dbname": "d"}),
            (
                "postgresql://u:p@a,[::1],c:2/d?target_session_attrs=read-write",
                {
                    "user": "u",
                    "password": "p",
                    "host": "a,::1,c",
                    "port": ",,2",
                    "dbname": "d",
                    "target_session_attrs": "read-write",
                },
            ),
            ("postgresql://%2Ftmp%2Fpg%20sock/d", {"host": "/tmp/pg sock", "dbname": "d"}),
            ("postgresql:///d?host=/tmp&port=5433", {"host": "/tmp", "port": "5433", "dbname": "d"}),
            ("postgresql:///?service=clinic", {"service": "clinic"}),
            ("postgresql:///d?options=-c%20geqo%3Doff", {"dbname": "d", "options": "-c geqo=off"}),
            ("postgresql://h/gro%C3%9F%20und%2Fklein", {"host": "h", "dbname": "groß und/klein"}),
            ("postgresql://", {}),
        ],
    )
    def test_of_every_form(self, url: str, expected: dict[str, str]) -> None:
        address = read_address(url)
        assert address.parameters == expected
        assert (address.schema, address.removed) == (None, ())

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    @example("p@ss:w/ord?#%41&= \\'\"")
    def test_any_password_percent_encoded(self, password: str) -> None:
        address = read_address(f"postgresql://u:{quote(password, safe='')}@h:5432/d")
        assert address.parameters["password"] == password
        assert address.parameters["host"] == "h"
        assert address.secrets == [password]

    @pytest.mark.parametrize("password", ["what?now", "a?b=c", "a?b&c", "#1", "a&b", "a=b", "a;b", "!$*()"])
    def test_a_password_that_libpq_itself_reads_as_it_is(self, password: str) -> None:
        url = f"postgresql://u:{password}@h:5432/d?sslmode=require"
        assert extensions.parse_dsn(url)["password"] == password
        assert parameters(url) == {
            "user": "u",
            "password": password,
            "host": "h",
            "port": "5432",
            "dbname": "d",
            "sslmode": "require",
        }
        assert read_address(url).removed == ()

    def test_jdbcs_ssl_true_means_what_libpq_says(self) -> None:
        """Taken out, it would leave sslmode at prefer: less than was asked for."""
        assert extensions.parse_dsn("postgresql://h/d?ssl=true")["sslmode"] == "require"
        assert parameters("postgresql://h/d?ssl=true") == {"host": "h", "dbname": "d", "sslmode": "require"}


class TestKeyValue:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("host=h dbname=d", {"host": "h", "dbname": "d"}),
            ("host = h   user=u", {"host": "h", "user": "u"}),
            ("host=::1 port=5432", {"host": "::1", "port": "5432"}),
            ("host=/tmp", {"host": "/tmp"}),
            ("host=a,b port=1,2", {"host": "a,b", "port": "1,2"}),
            (r"password='it\'s a \\ secret' host=h", {"password": "it's a \\ secret", "host": "h"}),
            ("host=h password=x://y", {"host": "h", "password": "x://y"}),
            ("host=h password=a?b", {"host": "h", "password": "a?b"}),
            ("service=clinic passfile=/x", {"service": "clinic", "passfile": "/x"}),
            ("host='' dbname=d password=''", {"dbname": "d"}),
        ],
    )
    def test_of_every_form(self, text: str, expected: dict[str, str]) -> None:
        assert read_address(text) == Address(expected)


class TestParametersOfOthers:
    PRISMA = "pgbouncer=true&connection_limit=1&pool_timeout=10&socket_timeout=3&statement_cache_size=0"

    def test_are_taken_out_and_named(self) -> None:
        address = read_address(f"postgresql://u:p@h/d?{self.PRISMA}&sslmode=require&supa=base-pooler.x&workaround=x")
        assert address.parameters == {"user": "u", "password": "p", "host": "h", "dbname": "d", "sslmode": "require"}
        assert address.removed == (
            "pgbouncer",
            "connection_limit",
            "pool_timeout",
            "socket_timeout",
            "statement_cache_size",
            "supa",
            "workaround",
        )

    @pytest.mark.parametrize(
        ("query", "schema"),
        [
            ("schema=clinic", "clinic"),
            ("schema=public", "public"),
            ("schema=", None),
            ("schema=two%20words", "two words"),
            ("schema=Gro%C3%9F", "Groß"),
            ("sslmode=require&schema=a", "a"),
            ("sch%65ma=a", "a"),
            ("", None),
        ],
    )
    def test_schema_is_honoured(self, query: str, schema: str | None) -> None:
        address = read_address(f"postgresql://h/d?{query}")
        assert (address.schema, address.removed) == (schema, ())
        assert "schema" not in address.parameters

    @pytest.mark.parametrize(
        ("query", "schema", "path"),
        [
            ("search_path=tenant_a", "tenant_a", ("tenant_a",)),
            ("search_path=Tenant_A", "tenant_a", ("tenant_a",)),
            ("search_path=%22Tenant%20A%22", "Tenant A", ("Tenant A",)),
            ("search_path=%22a%22%22b%22,pg_catalog", 'a"b', ('a"b',)),
            ("currentSchema=tenant_a", "tenant_a", ("tenant_a",)),
            ("schema_search_path=tenant_a", "tenant_a", ("tenant_a",)),
            ("Schema=tenant_a", "tenant_a", ("tenant_a",)),
            ("search_path=", None, ()),
            ("search_path=tenant_a,%20public", None, ("tenant_a", "public")),
            ("search_path=%22$user%22", None, ("$user",)),
            ("search_path=a&currentSchema=b", None, ("a", "b")),
            ("search_path=a&schema=b", "b", ("a",)),
            ("options=-csearch_path%3Dtenant_a", "tenant_a", ("tenant_a",)),
            ("options=-c%20search_path%3Dtenant_a%20-c%20geqo%3Doff", "tenant_a", ("tenant_a",)),
            ("options=--search-path%3Dtenant_a", "tenant_a", ("tenant_a",)),
            ("options=--Search_Path%3Da%20-c%20search_path%3Db", "b", ("b",)),
            ("options=-c%20search_path%3Da,%5C%20public", None, ("a", "public")),
            ("options=-c%20geqo%3Doff%20search_path%3Da", None, ()),
        ],
    )
    def test_a_search_path_is_honoured(self, query: str, schema: str | None, path: tuple[str, ...]) -> None:
        """A13: as drivers of Go, Java and Ruby have it, and as libpq does."""
        address = read_address(f"postgresql://h/d?{query}")
        assert (address.schema, address.path, address.removed) == (schema, path, ())
        assert set(address.parameters) <= {"host", "dbname", "options"}

    def test_a_search_path_of_a_key_value_string_is_honoured(self) -> None:
        address = read_address("host=h options='-c search_path=tenant_a'")
        assert (address.schema, address.parameters["options"]) == ("tenant_a", "-c search_path=tenant_a")

    @pytest.mark.parametrize("query", ["&", "&&sslmode=require&", "sslmode=require&", ""])
    def test_empty_parts_are_passed_over(self, query: str) -> None:
        address = read_address(f"postgresql://h/d?{query}")
        assert address.removed == ()
        assert address.parameters.get("sslmode") == ("require" if "sslmode" in query else None)

    def test_a_parameter_in_the_wrong_case_is_not_libpqs(self) -> None:
        assert read_address("postgresql://h/d?sslMode=require").removed == ("sslMode",)

    def test_every_parameter_that_this_libpq_knows_stays(self) -> None:
        for key in ("application_name", "keepalives", "channel_binding", "gssencmode", "krbsrvname", "hostaddr"):
            assert read_address(f"postgresql:///?{key}=1").removed == ()


class TestBadOnes:
    @pytest.mark.parametrize("text", [None, "", "  \n"])
    def test_none_at_all(self, text: str | None) -> None:
        with pytest.raises(ConnectionProblem) as caught:
            read_address(text)
        assert "neither steady_database_url" in caught.value.why
        assert caught.value.left == "the database was not contacted"

    @pytest.mark.parametrize("scheme", ["mysql", "prisma", "prisma+postgres", "postgresql+psycopg2", "jdbc:postgresql"])
    def test_another_scheme(self, scheme: str) -> None:
        with pytest.raises(ConnectionProblem, match="which is not PostgreSQL's") as caught:
            read_address(f"{scheme}://accelerate.example/?api_key=x")
        assert "Prisma Accelerate" in caught.value.todo

    @pytest.mark.parametrize(
        "text",
        [
            "nonsense",
            "host",
            "host=h nonsense",
            "host=h password='open",
            "postgresql://u:p%zz@h/d",
            "postgresql://[::1/d",
            "postgresql://h/d?a=b=c&sslmode=x=y",
            "POSTGRESQL//h",
        ],
    )
    def test_what_libpq_cannot_read_with_an_example_of_what_it_can(self, text: str) -> None:
        with pytest.raises(ConnectionProblem) as caught:
            read_address(text)
        error = caught.value
        assert error.what == "The database address is not a libpq URL or key=value string."
        assert "postgresql://USER:PASSWORD@HOST:5432/DATABASE" in error.todo
        assert "%40" in error.todo
        assert error.left == "the database was not contacted"
        assert error.__suppress_context__, "libpq's own message repeats pieces of the address"

    @pytest.mark.parametrize("key", ["pgbouncer", "connection_limit", "pool_timeout", "schema"])
    def test_a_key_that_libpq_does_not_know_is_named(self, key: str) -> None:
        with pytest.raises(ConnectionProblem, match=f'"{key}" is not a libpq parameter'):
            read_address(f"host=h {key}=1")

    @pytest.mark.parametrize("url", ["postgresql://u:p@ss@h/d", "postgresql://u:@@h/d", "postgresql://u@x:p@h/d"])
    def test_an_at_sign_in_the_password(self, url: str) -> None:
        with pytest.raises(ConnectionProblem) as caught:
            read_address(url)
        assert "%40" in caught.value.todo

    @pytest.mark.parametrize("scheme", ["POSTGRESQL", "Postgres", "postgreSQL"])
    def test_the_scheme_may_be_written_in_capitals(self, scheme: str) -> None:
        """As in every URL (RFC 3986), though libpq itself knows it in small letters only."""
        assert parameters(f"{scheme}://h/d") == {"host": "h", "dbname": "d"}


#: No message holds any of these, so that one of them in a message came out of the password.
TOKENS = ("qxzj", "vwkq", "jqxv", "zkwx")
SEPARATORS = "@:/?#&=+;,! %[]()$*~^|<>{}"
RAW = st.lists(st.sampled_from([*TOKENS, *SEPARATORS]), min_size=1, max_size=7).map("".join)
FORMS = [
    "postgresql://u:{}@h:5432/d",
    "postgres://u:{}@h/d?sslmode=require&pgbouncer=true",
    "postgresql://u:{}@a:1,b:2/d?schema=s",
    "postgresql://u:{}@[::1]:5432/d",
    "postgresql:///d?host=h&password={}",
    "postgresql://u@h/d?password={}&sslmode=require",
    "postgresql:u:{}@h/d",
    "mysql://u:{}@h/d",
    "u:{}@h:5432/d",
    "host=h user=u password={} dbname=d",
    "host=h sslpassword={} sslmode=require",
    "password={}",
]


class TestSecrets:
    @given(st.sampled_from(FORMS), RAW)
    @example("postgresql://u:{}@h:5432/d", "qxzj/vwkq")
    @example("postgresql://u:{}@h:5432/d", "qxzj?vwkq")
    @example("postgresql://u:{}@h:5432/d", "qxzj@vwkq:zkwx")
    @example("u:{}@h:5432/d", "qxzj://vwkq")
    @example("host=h user=u password={} dbname=d", "qxzj vwkq=zkwx")
    def test_no_piece_of_a_password_is_said_however_it_is_written(self, form: str, password: str) -> None:
        assume(any(token in password for token in TOKENS))
        if "?" in form.split("{}")[0]:
            # Behind the ? an & ends the password for everybody, and what follows is a parameter like any other.
            password = password.replace("&", "")
        try:
            address = read_address(form.format(password))
        except ConnectionProblem as error:
            seen = [str(error), repr(error), repr(error.facts)]
        else:
            # What errors of the connection, notes and reports show of an address.
            seen = [repr(address), address.place, repr(address.removed), repr(address.schema)]
        assert not [token for token in TOKENS for text in seen if token in text]

    @given(st.sampled_from(FORMS[:4]), RAW)
    @example("postgresql://u:{}@h:5432/d", "qxzj/vwkq")
    @example("postgresql://u:{}@h:5432/d", "/vwkq")
    def test_a_password_is_read_whole_or_refused(self, form: str, password: str) -> None:
        """Half of one, or another host, would end in an error that helps nobody and shows the rest."""
        try:
            address = read_address(form.format(password))
        except ConnectionProblem:
            return
        assert address.parameters.get("password", "").replace("%20", " ") == password
        assert address.parameters["host"] in ("h", "a,b", "::1")

    def test_an_address_can_be_printed(self) -> None:
        address = read_address("postgresql://u:qxzj@h:5432/d?sslpassword=vwkq&schema=s&pgbouncer=true")
        assert repr(address) == "Address(schema='s', removed=('pgbouncer',))"
        assert str(address) == repr(address)
        assert address.secrets == ["qxzj", "vwkq"]
        assert "qxzj" not in repr(Options("postgresql://u:qxzj@h/d"))

    @pytest.mark.parametrize(
        "key", ["password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"]
    )
    def test_everything_that_libpq_keeps_secret_is_a_secret(self, key: str) -> None:
        """libpq marks them as not to be shown (PQconninfoOption.dispchar); the last three since PostgreSQL 18."""
        assert Address({"host": "h", key: "qxzj"}).secrets == ["qxzj"]

    def test_without_a_password_there_is_nothing_secret(self) -> None:
        assert read_address("host=h password=''").secrets == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("postgresql://u:p@h:5433/d", "h, port 5433"),
        ("postgresql://h/d", "h"),
        ("hostaddr=10.0.0.1 user=u", "10.0.0.1"),
        ("host=/tmp", "/tmp"),
        ("dbname=d", "the default socket"),
        ("postgresql://a:1,b:2/d", "a,b, port 1,2"),
        ("service=clinic", "the default socket, service clinic"),
    ],
)
def test_where_it_points_to(text: str, place: str) -> None:
    assert read_address(text).place == place


def test_the_options_of_a_run_read_it() -> None:
    options: Any = Options("postgresql://h/d?schema=s")
    assert options.address() == Address({"host": "h", "dbname": "d"}, "s")


PLACE = {"host": "db.example.org", "dbname": "production", "user": "app", "password": "x"}


class TestHidden:
    """A18: a secret hides itself, and nothing else."""

    def test_a_secret_is_hidden(self) -> None:
        assert hidden("got s3cret-of-app here", ["s3cret-of-app"], PLACE) == "got *** here"

    @pytest.mark.parametrize("secret", ["e", "failed", "20", "production", "db.example"])
    def test_what_may_be_a_word_of_the_output_stays(self, secret: str) -> None:
        text = f'failed 2026: database "production" at db.example.org {secret}'
        assert hidden(text, [secret], PLACE) == text
