# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a database and is in no dump of it: owner, locale, settings, access rights."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from ..._connection.session import Session
from ..._support.sqltext import compose, literal, raw

__all__ = ["database_facts", "owners_of", "role_names", "superuser_objects"]


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


_MINE = """
WITH mine AS (
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
     AND nspname <> ALL (%s::text[])
), members AS (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
)
"""

# The owner is brought back with each object. That of the schema public, and of an extension, is in no dump.
_OWNERS = """
SELECT pg_catalog.pg_get_userbyid(o.owner)::text AS role,
       bool_or(coalesce(o.schema = 'public'::regnamespace, false)) AS in_public FROM (
  SELECT 'pg_catalog.pg_class'::regclass AS catalog, oid, relowner AS owner, relnamespace AS schema
    FROM pg_catalog.pg_class
   WHERE relnamespace IN (SELECT oid FROM mine) AND relkind NOT IN ('i', 'I')
  UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, proowner, pronamespace FROM pg_catalog.pg_proc
   WHERE pronamespace IN (SELECT oid FROM mine)
  UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, typowner, typnamespace FROM pg_catalog.pg_type
   WHERE typnamespace IN (SELECT oid FROM mine) AND typtype IN ('e', 'd', 'r')
  UNION ALL SELECT 'pg_catalog.pg_namespace'::regclass, oid, nspowner, NULL FROM pg_catalog.pg_namespace
   WHERE oid IN (SELECT oid FROM mine) AND nspname <> 'public'
  UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, oid, collowner, collnamespace FROM pg_catalog.pg_collation
   WHERE collnamespace IN (SELECT oid FROM mine)
  UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid, stxowner, stxnamespace FROM pg_catalog.pg_statistic_ext
   WHERE stxnamespace IN (SELECT oid FROM mine)
  UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, oid, oprowner, oprnamespace FROM pg_catalog.pg_operator
   WHERE oprnamespace IN (SELECT oid FROM mine)
  UNION ALL SELECT 'pg_catalog.pg_publication'::regclass, oid, pubowner, NULL FROM pg_catalog.pg_publication
  UNION ALL SELECT 'pg_catalog.pg_foreign_server'::regclass, oid, srvowner, NULL FROM pg_catalog.pg_foreign_server
  UNION ALL SELECT 'pg_catalog.pg_largeobject'::regclass, oid, lomowner, NULL FROM pg_catalog.pg_largeobject_metadata) o
 WHERE o.oid >= 16384
   AND NOT EXISTS (SELECT FROM members m WHERE m.classid = o.catalog AND m.objid = o.oid) GROUP BY 1 ORDER BY 1
"""

# What only a superuser may create (the commands' own pages), each as the server describes it.
_OF_SUPERUSERS = """
SELECT pg_catalog.pg_describe_object(o.catalog, o.oid, 0) AS object, o.why FROM (
  SELECT 'pg_catalog.pg_publication'::regclass AS catalog, p.oid, {publication} AS why FROM pg_catalog.pg_publication p
   WHERE p.puballtables {in_schema}
  UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, f.oid, 'in the language ' || l.lanname FROM pg_catalog.pg_proc f
    JOIN pg_catalog.pg_language l ON l.oid = f.prolang
   WHERE NOT l.lanpltrusted AND f.pronamespace IN (SELECT oid FROM mine)
  UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, 'a base type' FROM pg_catalog.pg_type t
   WHERE t.typtype = 'b' AND t.typelem = 0 AND t.typnamespace IN (SELECT oid FROM mine)
  UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, c.oid, 'an operator class' FROM pg_catalog.pg_opclass c
   WHERE c.opcnamespace IN (SELECT oid FROM mine)) o
 WHERE o.oid >= 16384
   AND NOT EXISTS (SELECT FROM members m WHERE m.classid = o.catalog AND m.objid = o.oid) ORDER BY 1
"""


def owners_of(session: Session, excluded: Sequence[str]) -> List[Dict[str, Any]]:
    """The roles that own what is in the backup: [{role, in_public}]. Raises psycopg2.Error."""
    return session.rows(_MINE + _OWNERS, (list(excluded),))


def superuser_objects(session: Session, excluded: Sequence[str]) -> List[str]:
    """What is in the backup and only a superuser can create, in words. Raises psycopg2.Error."""
    in_schema = "OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace n WHERE n.pnpubid = p.oid)"
    if session.connection.server_version < 150000:
        in_schema = ""
    query = compose(
        _OF_SUPERUSERS,
        publication=literal("for all tables, or those of a schema"),
        in_schema=raw(in_schema),
    )
    return [f"{row['object']} ({row['why']})" for row in session.rows(_MINE + query, (list(excluded),))]
