# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Every setting that matters is our own, whatever the server, the database, the role or the address says."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.address import read_address
from ansible_collections.steady.postgresql.plugins.module_utils._connection.rights import theirs
from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Expectation, Target
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from integration.cluster import Database
from integration.connection.logins import Login
from integration.connection.modules import ARGUMENTS
from integration.connection.sentences import open_session, refusal
from integration.sessions import OLD_SNAPSHOT, background, held, wait_until

pytestmark = pytest.mark.postgres

# What somebody set for role or database, and what our sessions must have all the same: 0 is "never" or "none".
HOSTILE = {
    "statement_timeout": ("30s", "0"),
    "lock_timeout": ("7s", "0"),
    "idle_in_transaction_session_timeout": ("5s", "60000"),
    "default_transaction_isolation": ("serializable", "read committed"),
    "default_transaction_deferrable": ("on", "off"),
    "row_security": ("on", "off"),
    "synchronous_commit": ("remote_apply", "local"),
    "standard_conforming_strings": ("off", "on"),
    "check_function_bodies": ("off", "on"),
    "client_min_messages": ("debug1", "warning"),
    "DateStyle": ("SQL, DMY", "ISO, MDY"),
    "TimeZone": ("Asia/Tokyo", "UTC"),
    "search_path": ("evil, public", "pg_catalog, pg_temp"),
    "IntervalStyle": ("iso_8601", "postgres"),
    "extra_float_digits": ("-2", "1"),
    "bytea_output": ("escape", "hex"),
    "quote_all_identifiers": ("on", "off"),
    "transform_null_equals": ("on", "off"),
}
SINCE_14 = {"idle_session_timeout": ("5s", "0")}
SINCE_17 = {"transaction_timeout": ("30s", "0")}
READ_ONLY = "default_transaction_read_only"


def hostile(major: int) -> dict[str, tuple[str, str]]:
    """Those that the server's version knows."""
    return {**HOSTILE, **(SINCE_14 if major >= 14 else {}), **(SINCE_17 if major >= 17 else {})}


def settings(session: Any) -> dict[str, str]:
    """The session's settings, as pg_settings has them."""
    rows = session.rows("SELECT name, setting FROM pg_settings")
    return {row["name"]: row["setting"].replace('"', "") for row in rows}


@contextmanager
def set_by(login: Login, who: str, major: int) -> Iterator[str]:
    """Have the hostile settings set by role, database, both in that database, or the address; the URL to use."""
    values = {name: value for name, (value, _ours) in hostile(major).items()}
    if who == "address":
        options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in values.items())
        yield login.url("127.0.0.1", options=options)
        return
    target = {"role": "ROLE {user}", "database": "DATABASE {database}", "both": "ROLE {user} IN DATABASE {database}"}
    for name, value in values.items():
        quoted = value if name == "search_path" else f"'{value}'"
        login.set(f"ALTER {target[who]} SET {name} = {quoted}")
    yield login.url("127.0.0.1")
    login.set(f"ALTER {target[who]} RESET ALL")


@pytest.mark.parametrize("who", ["role", "database", "both", "address"])
def test_no_session_has_what_others_set(login: Login, postgres_major: int, who: str) -> None:
    """Neither the first session of a run nor a further one."""
    ours = {name: value for name, (_theirs, value) in hostile(postgres_major).items()}
    with set_by(login, who, postgres_major) as url:
        target = Target(read_address(url), Expectation(), "test", writes=True)
        first, _server = target.first_session("public")
        further = target.session("public")
        with closing(first), closing(further):
            for session in (first, further):
                found = settings(session)
                assert {name: found[name] for name in ours} == ours


def test_what_others_set_is_seen_without_us(login: Login, postgres_major: int) -> None:
    """The test above would notice: an ordinary connection does have these settings."""
    with set_by(login, "role", postgres_major):
        rows = login.server.execute(
            "SELECT name, setting FROM pg_settings", database="clinic", user="app", password=login.password
        )
    found = dict(rows)
    for name, (_theirs, ours) in hostile(postgres_major).items():
        assert found[name] != ours, name


@pytest.mark.parametrize("who", ["ROLE {user}", "DATABASE {database}"])
def test_a_session_that_would_check_no_foreign_keys(login: Login, who: str) -> None:
    """B-own-1: a superuser's session checks them all the same; a role that may not set that is refused, in words."""
    login.set(f"ALTER {who} SET session_replication_role = replica")
    error = refusal(login.url(), login.password)
    assert "check no foreign keys" in error.what
    assert "RESET session_replication_role" in error.todo
    login.set("ALTER ROLE {user} SUPERUSER")
    with closing(open_session(login.url())) as session:
        assert settings(session)["session_replication_role"] == "origin"


@pytest.mark.parametrize("schema", [None, "public", 'Clinic "Nord", public'])
def test_a_session_searches_pg_catalog_alone(login: Login, schema: str | None) -> None:
    """S1: whatever the migration's schema is, and whatever path role or database have."""
    login.set("ALTER ROLE {user} SET search_path = evil, public")
    with closing(open_session(login.url(), schema)) as session:
        assert settings(session)["search_path"] == "pg_catalog, pg_temp"


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (None, "pg_catalog, pg_temp"),
        ("public", "public, pg_temp"),
        ("clinic", "clinic, public, pg_temp"),
        ('Clinic "Nord", public', 'Clinic "Nord", public, public, pg_temp'),
    ],
)
def test_the_migrations_path_is_around_its_texts_only(login: Login, schema: str | None, path: str) -> None:
    """S1: its name literal, pg_temp last; afterwards pg_catalog alone is searched, also when a statement failed."""
    with closing(open_session(login.url(), schema)) as session:
        with theirs(session):
            assert settings(session)["search_path"] == path.replace('"', "")
        assert settings(session)["search_path"] == "pg_catalog, pg_temp"
        with pytest.raises(psycopg2.Error), theirs(session):
            session.execute("BEGIN; SELECT 1/0")
        assert settings(session)["search_path"] == "pg_catalog, pg_temp"
        session.execute("BEGIN")
        with pytest.raises(psycopg2.Error), session.savepoint(), theirs(session):
            session.execute("SELECT 1/0")
        assert settings(session)["search_path"] == "pg_catalog, pg_temp"
        session.execute("COMMIT")


def test_a_temporary_table_shadows_nothing(login: Login) -> None:
    """pg_temp would come first were it not named."""
    with closing(open_session(login.url(), "public")) as session:
        session.execute('CREATE TEMPORARY TABLE "Pet" (fake int)')
        with theirs(session):
            assert session.one("""SELECT '"Pet"'::regclass::oid = 'public."Pet"'::regclass::oid AS same""")["same"]


@pytest.mark.parametrize("theirs", ["on", "off", None])
def test_a_session_that_shall_not_write_cannot(login: Login, theirs: str | None) -> None:
    """Check mode, whatever the role's default is."""
    if theirs:
        login.set(f"ALTER ROLE {{user}} SET {READ_ONLY} = {theirs}")
    with closing(open_session(login.url(), writes=False)) as session:
        assert settings(session)[READ_ONLY] == "on"


def test_a_session_that_shall_write_can(login: Login) -> None:
    """Set explicitly, and not only left as it is."""
    with closing(open_session(login.url(), writes=True)) as session:
        row = session.one("SELECT setting, source FROM pg_settings WHERE name = %s", (READ_ONLY,))
    assert row == {"setting": "off", "source": "session"}


@pytest.mark.parametrize("who", ["ROLE {user}", "DATABASE {database}", "address"])
def test_read_only_by_default_is_respected(login: Login, who: str) -> None:
    """Somebody meant that nothing be written: it is not silently switched off, and nothing was done."""
    if who == "address":
        url = login.url("127.0.0.1", options=f"-c {READ_ONLY}=on")
    else:
        login.set(f"ALTER {who} SET {READ_ONLY} = on")
        url = login.url("127.0.0.1")
    error = refusal(url, login.password)
    assert READ_ONLY in error.why
    assert "RESET" in error.todo
    assert '"app"' in error.what
    assert '"clinic"' in error.what
    # Planning works as it is.
    result = apply(ARGUMENTS["apply"]["migration"], Options(url, check=True))
    assert [step["status"] for step in result["steps"]] == ["planned"]


# -- text --------------------------------------------------------------------------------------------------------------

LETTERS = "Größe 犬 – 𝔸"


@pytest.mark.parametrize("who", ["ROLE {user}", "DATABASE {database}", "address", "environment"])
def test_text_is_utf8_both_ways(login: Login, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    """Whatever client_encoding somebody set: names are not garbled on their way."""
    url = login.url("127.0.0.1")
    if who == "address":
        url = login.url("127.0.0.1", client_encoding="LATIN1")
    elif who == "environment":
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    else:
        login.set(f"ALTER {who} SET client_encoding = 'LATIN1'")
    with closing(open_session(url)) as session:
        row = session.one("SELECT %s AS text, length(%s) AS length, chr(29356) AS dog", (LETTERS, LETTERS))
    assert row == {"text": LETTERS, "length": len(LETTERS), "dog": "犬"}


# -- who is at work, and whether it still is ---------------------------------------------------------------------------


def _names(login: Login) -> set[str]:
    question = "SELECT application_name FROM pg_stat_activity WHERE usename = 'app'"
    return {name for (name,) in login.server.execute(question)}


@pytest.mark.parametrize("given", ["nothing", "address", "environment"])
def test_application_name(login: Login, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Ours, not the one of the application whose address this is."""
    parameters = {"application_name": "clinic web"} if given == "address" else {}
    if given == "environment":
        monkeypatch.setenv("PGAPPNAME", "clinic web")
    with closing(open_session(login.url(**parameters))):
        assert _names(login) == {"steady.postgresql test"}


def test_application_name_while_a_deployment_is_at_work(login: Login) -> None:
    """All sessions carry its id, which is in the journal, too."""
    database = Database(login.server, login.database)
    with background(lambda: apply(ARGUMENTS["apply"]["migration"], Options(login.url()))) as deployment:
        with held(database, *OLD_SNAPSHOT):
            building = "SELECT 1 FROM pg_stat_activity WHERE usename = 'app' AND query LIKE 'CREATE INDEX CONC%'"
            wait_until(lambda: login.server.execute(building))
            names = _names(login)
        deployment_id = deployment.result()["deployment_id"]
    assert names == {f"steady.postgresql {deployment_id}"}
    assert login.value("SELECT id FROM steady.deployment") == deployment_id


TCP_OPTIONS = {
    "SO_KEEPALIVE": (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    "TCP_KEEPIDLE": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    "TCP_KEEPINTVL": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    "TCP_KEEPCNT": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    "TCP_USER_TIMEOUT": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 25000),
}


def _tcp_options(session: Any) -> dict[str, int]:
    with socket.socket(fileno=os.dup(session.connection.fileno())) as copy:
        return {name: copy.getsockopt(level, option) for name, (level, option, _value) in TCP_OPTIONS.items()}


def test_a_dead_connection_is_noticed_in_half_a_minute(login: Login) -> None:
    """By keepalives while it is idle, by TCP's user timeout while something was sent; in further sessions, too."""
    target = Target(read_address(login.url("127.0.0.1")), Expectation(), "test", writes=True)
    with closing(target.first_session()[0]) as first, closing(target.session()) as further:
        expected = {name: value for name, (_level, _option, value) in TCP_OPTIONS.items()}
        assert _tcp_options(first) == expected
        assert _tcp_options(further) == expected


def test_keepalives_of_the_address_are_kept(login: Login) -> None:
    """A network may need others."""
    with closing(open_session(login.url("127.0.0.1", keepalives_idle="77"))) as session:
        assert _tcp_options(session)["TCP_KEEPIDLE"] == 77
