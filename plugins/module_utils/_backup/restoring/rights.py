# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this role can restore a backup: what would be refused at its end is said before it begins."""

from __future__ import annotations

from typing import Any, List, Mapping

from ..._connection.session import Session
from ..._support.errors import Refused
from ..._support.sqltext import compose, identifier, raw

__all__ = ["refuse_unrestorable"]


def refuse_unrestorable(session: Session, manifest: Mapping[str, Any], in_place: bool) -> None:
    """Raise Refused with all that the server lacks or the role may not do. Raises psycopg2.Error."""
    who = session.one(
        "SELECT rolsuper AS super, rolcreatedb AS createdb FROM pg_catalog.pg_roles WHERE rolname = current_user"
    )
    names = [one.rsplit(" ", 1)[0] for one in manifest["contents"]["extensions"]]
    # In place, where schemas were left out, what belongs to no schema stays as it is (_backup/in_place.py).
    untouched = in_place and bool(manifest.get("excluded_schemas"))
    reasons = [] if untouched else _extensions(session, names, who["super"], in_place)
    if not who["super"]:
        if not in_place and not who["createdb"]:
            reasons.append("this role may not create databases: ALTER ROLE … CREATEDB, or restore_in_place=true")
        if not in_place:
            reasons += _settings(session)
        types = {one["type"] for one in manifest["contents"]["objects"]} & {"event trigger", "foreign-data wrapper"}
        if not untouched:
            reasons += [f"only a superuser creates an object of the type {one}" for one in sorted(types)]
            reasons += [f"only a superuser creates the {one}" for one in manifest.get("superuser_objects", [])]
        reasons += _owners(session, manifest.get("owners", []), in_place)
    if reasons:
        raise Refused("This role cannot restore the backup on this server:", reasons, "restore it as a superuser")


def _extensions(session: Session, names: List[str], superuser: bool, in_place: bool) -> List[str]:
    rows = session.rows(
        "SELECT n.name, a.name IS NOT NULL AS there, coalesce(v.superuser AND NOT v.trusted, false) AS closed,"
        " coalesce(NOT pg_catalog.pg_has_role(e.extowner, 'MEMBER'), false) AS of_another"
        " FROM pg_catalog.unnest(%s::text[]) n (name)"
        " LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = n.name"
        " LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version"
        " LEFT JOIN pg_catalog.pg_extension e ON e.extname = n.name WHERE n.name <> 'plpgsql' ORDER BY 1",
        (names,),
    )
    reasons = []
    for row in rows:
        if not row["there"]:
            reasons.append(f"the extension {row['name']} is not installed on this server: install its package first")
        elif row["closed"] and not superuser:
            reasons.append(f"only a superuser creates the extension {row['name']}")
        elif row["of_another"] and in_place and not superuser:
            reasons.append(f"the extension {row['name']} belongs to another role, and cannot be replaced in place")
    return reasons


def _owners(session: Session, owners: List[Mapping[str, Any]], in_place: bool) -> List[str]:
    """Roles that this one could not make the owners of their objects (ALTER TABLE, Notes): of which it is no member, or
    which may not create in the object's schema. In a new database nobody but its owner may do so in public (5.10.6).
    """
    rows = session.rows(
        "SELECT r.rolname::text AS role, r.rolsuper AS super, current_user::text AS own,"
        " pg_catalog.pg_has_role(r.oid, %s) AS member, CASE WHEN %s THEN pg_catalog.has_schema_privilege(r.oid, n.oid,"
        " 'CREATE') ELSE r.rolsuper OR r.rolname = current_user OR %s END AS creates FROM pg_catalog.pg_roles r"
        " JOIN pg_catalog.pg_namespace n ON n.nspname = 'public' WHERE r.rolname = ANY (%s::text[]) ORDER BY 1",
        (
            "SET" if session.connection.server_version >= 160000 else "MEMBER",
            in_place,
            session.connection.server_version < 150000,
            [one["role"] for one in owners],
        ),
    )
    in_public = {one["role"]: one["in_public"] for one in owners}
    reasons = []
    for row in rows:
        if not row["member"] and row["super"]:
            reasons.append(f"something in it belongs to the superuser {row['role']}")
        elif not row["member"]:
            grant = compose("GRANT {role} TO {own}", role=identifier(row["role"]), own=identifier(row["own"]))
            reasons.append(
                f"something in it belongs to the role {row['role']}, of which this one is no member: {grant}"
            )
        elif in_public[row["role"]] and not row["creates"]:
            reasons.append(f"the role {row['role']}, which owns something in the schema public, may not create there")
    return reasons


def _settings(session: Session) -> List[str]:
    """Settings of the live database that the role could not carry over (ALTER DATABASE and ALTER ROLE, Notes)."""
    allowed = "false"
    if session.connection.server_version >= 150000:
        allowed = "pg_catalog.has_parameter_privilege(p.name, 'SET')"
    query = (
        "SELECT r.rolname::text AS role, p.name FROM pg_catalog.pg_db_role_setting s"
        " JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,"
        " pg_catalog.unnest(s.setconfig) c (text)"
        " JOIN pg_catalog.pg_settings p ON p.name = pg_catalog.split_part(c.text, '=', 1)"
        " WHERE d.datname = pg_catalog.current_database() AND (coalesce(r.rolsuper, false)"
        " OR (p.context IN ('superuser', 'superuser-backend') AND NOT {allowed})) ORDER BY 1 NULLS FIRST, 2"
    )
    rows = session.rows(compose(query, allowed=raw(allowed)))
    return [
        f"only a superuser sets {row['name']} for "
        + (f"the role {row['role']} in the database" if row["role"] else "the database")
        for row in rows
    ]
