# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every session of ours sets before it asks anything. Roles, databases and addresses may carry other settings."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from .._support.sqltext import compose, identifier, identifiers, literal

__all__ = ["CATALOG_PATH", "migration_path", "own_meaning", "path_statement", "pinned_meaning", "settings_message"]

# A session whose client has vanished holds the deployment lock until the server notices it, and the system's own
# keepalive begins after two hours. Through a socket they mean nothing (19.3.2).
_KEEPALIVES_OF_SERVER = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
}

# How values and definitions are written and read (19.11.2, 19.13): an image that one role put into the journal is
# compared with what another role reads, and replayed by it.
_TEXT = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "timezone_abbreviations": "Default",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "xmloption": "content",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "backslash_quote": "safe_encoding",
    "standard_conforming_strings": "on",
}

# These stay while a text of the migration is read: how we write it, and quotes as psql's scripts have them.
_STAY = ("quote_all_identifiers", "backslash_quote", "standard_conforming_strings")

_OURS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_isolation": "read committed",
    "default_tablespace": "",
    "default_transaction_deferrable": "off",
    "client_min_messages": "warning",
    "row_security": "off",
    # Not for a standby that may be away. The journal is written before what it tells of, into the same WAL: what a
    # standby has is in it. Whether it has all of it is asked once, at the end (Journal.end).
    "synchronous_commit": "local",
    "check_function_bodies": "on",
    "gin_fuzzy_search_limit": "0",
}

# Every operator, cast, function and type of our questions is PostgreSQL's own. pg_temp is named last, or it would be
# searched first (19.11.1, search_path).
CATALOG_PATH = "SET search_path TO pg_catalog, pg_temp"

# A session that is a "replica" does not check foreign keys, nor fire triggers (19.11.1): a probe would prove nothing.
# Few roles may set it; it is left as it is unless it must be set.
_ORIGIN = (
    "SELECT pg_catalog.set_config('session_replication_role', 'origin', false)"
    " WHERE pg_catalog.current_setting('session_replication_role') = 'replica'"
)


def own_meaning() -> str:
    """With what a text of the migration means what it means in psql: the values that the session would have by itself.

    Those of the server, the database, the role or the address (RESET). psycopg2 sets DateStyle at connection start;
    RESET goes back behind that.
    """
    return "; ".join(compose("RESET {name}", name=identifier(name)) for name in _TEXT if name not in _STAY)


def pinned_meaning() -> str:
    """With what texts of the catalog are written and read."""
    return "; ".join(_assignments({name: value for name, value in _TEXT.items() if name not in _STAY}))


def _assignments(settings: Mapping[str, str]) -> List[str]:
    return [
        compose("SET {name} TO {value}", name=identifier(name), value=literal(value))
        for name, value in settings.items()
    ]


def path_statement(schema: Optional[str]) -> str:
    """The path with which texts of a migration in this schema are read; None: texts of the catalog."""
    if schema is None:
        return CATALOG_PATH
    return compose("SET search_path TO {names}", names=identifiers(migration_path(schema)))


def migration_path(schema: str) -> List[str]:
    """The schemas in which names of a migration in this schema are looked for, in their order."""
    return [*dict.fromkeys((schema, "public")), "pg_temp"]


def settings_message(version: int, writes: bool) -> str:
    """One message with every setting, the path first: nothing in it is looked up anywhere else. Its answer: pid."""
    settings: Dict[str, str] = {
        **_OURS,
        **_TEXT,
        "default_transaction_read_only": "off" if writes else "on",
        **_KEEPALIVES_OF_SERVER,
    }
    if version >= 140000:
        settings["idle_session_timeout"] = "0"
    if version >= 170000:
        settings["transaction_timeout"] = "0"
    statements = _assignments(settings)
    if version >= 140000:
        # A build ends soon after its client, instead of when it wants to answer. Servers on Windows cannot.
        statements.append(
            "SELECT pg_catalog.set_config('client_connection_check_interval', '5s', false)"
            " WHERE pg_catalog.version() !~* 'windows|visual c|mingw'"
        )
    return "; ".join([CATALOG_PATH, *statements, _ORIGIN, "SELECT pg_catalog.pg_backend_pid() AS pid"])
