# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""What belongs to a database and is in no dump of it: owner, locale, settings, access rights."""

from __future__ import annotations

from typing import Any, Dict, List

from .._connection.session import Session
from .._support.sqltext import compose, raw

__all__ = ["database_facts", "role_names"]


def database_facts(session: Session) -> Dict[str, Any]:
    """{database, settings, acl, comment, connection_limit} of the session's database. Raises psycopg2.Error."""
    version = session.connection.server_version
    provider = "d.datlocprovider::text" if version >= 150000 else "'c'"
    # The locale of ICU and of the builtin provider (catalog pg_database, 52.15).
    locale = "d.datlocale" if version >= 170000 else "d.daticulocale" if version >= 150000 else "NULL::text"
    rules = "d.daticurules" if version >= 160000 else "NULL::text"
    of_version = ", ".join([f"{provider} AS locale_provider", f"{locale} AS locale", f"{rules} AS icu_rules"])
    query = (
        "SELECT d.datname AS name, pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,"
        " pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding, d.datcollate::text AS collate,"
        " d.datctype::text AS ctype, {of_version},"
        " t.spcname AS tablespace, pg_catalog.pg_database_size(d.oid) AS bytes,"
        " d.datacl::text[] AS acl, d.datconnlimit AS connection_limit,"
        " pg_catalog.shobj_description(d.oid, 'pg_database') AS comment"
        " FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace"
        " WHERE d.datname = pg_catalog.current_database()"
    )
    row = session.one(compose(query, of_version=raw(of_version)))
    facts = {key: row.pop(key) for key in ("acl", "comment", "connection_limit")}
    settings: List[Dict[str, Any]] = []
    for entry in session.rows(
        "SELECT r.rolname::text AS role, unnest(s.setconfig) AS setting FROM pg_catalog.pg_db_role_setting s"
        " LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole"
        " WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        " ORDER BY 1 NULLS FIRST, 2"
    ):
        name, _equals, value = entry["setting"].partition("=")
        settings.append({"role": entry["role"], "name": name, "value": value})
    return {"database": row, "settings": settings, **facts}


def role_names(session: Session) -> List[str]:
    """The roles that own something here or hold a right on it: they must be there where it is restored."""
    rows = session.rows(
        "SELECT DISTINCT pg_catalog.pg_get_userbyid(refobjid)::text AS role FROM pg_catalog.pg_shdepend"
        " WHERE dbid IN (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        " AND refclassid = 'pg_catalog.pg_authid'::regclass ORDER BY 1"
    )
    return [row["role"] for row in rows]
