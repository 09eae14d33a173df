# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives a restored database what belongs to a database and is in no dump: owner, settings, access rights."""

from __future__ import annotations

import re
from typing import Any, List, Mapping

from ..._connection.session import Session
from ..._support.sqltext import compose, identifier, literal, raw

__all__ = ["carry_over"]

# Settings that hold a list of names, each of them quoted for itself (guc.h: GUC_LIST_QUOTE).
_LISTS = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)


def carry_over(session: Session, name: str, facts: Mapping[str, Any]) -> None:
    """facts: as _backup/settings.py reads them. Raises psycopg2.Error."""
    database = identifier(name)
    for setting in facts["settings"]:
        whose = compose("DATABASE {name}", name=database)
        if setting["role"] is not None:
            whose = compose("ROLE {role} IN DATABASE {name}", role=identifier(setting["role"]), name=database)
        session.execute(
            compose(
                "ALTER {whose} SET {setting} TO {value}",
                whose=raw(whose),
                setting=raw(_setting_name(setting["name"])),
                value=raw(_value(setting["name"], setting["value"])),
            )
        )
    limit = raw(str(int(facts["connection_limit"])))
    session.execute(compose("ALTER DATABASE {name} CONNECTION LIMIT {limit}", name=database, limit=limit))
    owner = facts["database"]["owner"]
    session.execute(compose("ALTER DATABASE {name} OWNER TO {owner}", name=database, owner=identifier(owner)))
    if facts["acl"] is not None:
        _grant(session, name, owner, facts["acl"])
    elif session.one("SELECT datacl IS NOT NULL AS closed FROM pg_catalog.pg_database WHERE datname = %s", (name,))[
        "closed"
    ]:
        # What PUBLIC has by default (5.8, table 5.2) was taken away when it was created.
        session.execute(compose("GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC", name=database))


def _setting_name(name: str) -> str:
    """Extensions' settings have a dot in their names."""
    return ".".join(compose("{part}", part=identifier(part)) for part in name.split("."))


def _value(name: str, value: str) -> str:
    if name.lower() not in _LISTS:
        return compose("{value}", value=literal(value))
    items = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', value)
    names = [quoted.replace('""', '"') if quoted else plain for quoted, plain in items]
    return ", ".join(compose("{name}", name=literal(one)) for one in names) or "''"


def _grant(session: Session, name: str, owner: str, acl: List[str]) -> None:
    database = identifier(name)
    for whom in ("PUBLIC", compose("{owner}", owner=identifier(owner))):
        session.execute(compose("REVOKE ALL ON DATABASE {name} FROM {whom}", name=database, whom=raw(whom)))
    rows = session.rows(
        "SELECT CASE WHEN a.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END AS role,"
        " a.privilege_type AS privilege, a.is_grantable AS grantable FROM pg_catalog.aclexplode(%s::aclitem[]) a",
        (acl,),
    )
    for row in rows:
        whom = "PUBLIC" if row["role"] is None else compose("{role}", role=identifier(row["role"]))
        session.execute(
            compose(
                "GRANT {privilege} ON DATABASE {name} TO {whom}{option}",
                privilege=raw(row["privilege"]),
                name=database,
                whom=raw(whom),
                option=raw(" WITH GRANT OPTION" if row["grantable"] else ""),
            )
        )
