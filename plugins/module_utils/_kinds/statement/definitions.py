# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an object again as it is: the server's own definition of it, with what hangs on it.

Each query gives name (in SQL, behind DROP), text, and in `also` the statements for owner, privileges, comment, state.
more: whether more hangs on it than that, so that another one would not be the same.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Tuple

from ..._connection.session import Session
from .specification import Made

__all__ = ["replaced", "statements_of", "whole"]

# A GRANT by another role than the owner, and one that leaves the owner less than everything, no other one could repeat.
# What the deploying role's default privileges (ALTER DEFAULT PRIVILEGES) give to a new object is taken from it.
_OWNED = """
  ARRAY[pg_catalog.format('ALTER WORD %%s OWNER TO %%I', o.name, pg_catalog.pg_get_userbyid(o.owner))]
  || CASE WHEN o.acl IS NULL AND NOT EXISTS (SELECT FROM given) THEN ARRAY[]::text[] ELSE
    ARRAY(SELECT pg_catalog.format('REVOKE ALL ON PRIVILEGES %%s FROM %%s', o.name, u.role)
      FROM (SELECT 'PUBLIC' AS role UNION SELECT g.role FROM given g) AS u ORDER BY 1)
    || ARRAY(SELECT pg_catalog.format('GRANT %%s ON PRIVILEGES %%s TO %%s%%s', a.privilege_type, o.name,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_catalog.aclexplode(coalesce(o.acl, pg_catalog.acldefault('LETTER', o.owner))) AS a
      WHERE a.grantee <> o.owner) END
  || CASE WHEN d.description IS NULL THEN ARRAY[]::text[]
    ELSE ARRAY[pg_catalog.format('COMMENT ON WORD %%s IS %%L', o.name, d.description)] END AS also,
  EXISTS (SELECT FROM pg_catalog.pg_seclabel s WHERE s.objoid = o.oid AND s.classoid = o.class)
  OR EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = o.oid AND e.classid = o.class
    AND e.deptype IN ('e', 'x'))
  OR EXISTS (SELECT FROM pg_catalog.aclexplode(o.acl) AS a WHERE a.grantor <> o.owner)
  OR o.acl IS NOT NULL
    AND (SELECT count(*) FROM pg_catalog.aclexplode(o.acl) AS a WHERE a.grantee = o.owner)
    <> (SELECT count(*) FROM pg_catalog.aclexplode(pg_catalog.acldefault('LETTER', o.owner)) AS a
      WHERE a.grantee = o.owner)
"""
_FROM_OWNED = (
    " FROM o LEFT JOIN pg_catalog.pg_description d ON d.objoid = o.oid AND d.classoid = o.class AND d.objsubid = 0"
)
_GIVEN = (
    ", given AS (SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'"
    " ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS role"
    " FROM o, pg_catalog.pg_default_acl f, pg_catalog.aclexplode(f.defaclacl) AS a"
    " WHERE pg_catalog.pg_get_userbyid(f.defaclrole) = current_user AND f.defaclobjtype = 'LETTER'"
    " AND f.defaclnamespace IN (0, o.schema) AND a.grantee <> f.defaclrole)"
)


def _owned(word: str, privileges: str, letter: str, of: str, more: str = "") -> str:
    """word: of the kind behind ALTER and COMMENT ON; privileges: behind GRANT … ON; letter: in pg_default_acl."""
    query = f"WITH o AS ({of}){_GIVEN} SELECT o.name, o.text, {_OWNED}{more} AS more{_FROM_OWNED}"
    return query.replace("WORD", word).replace("PRIVILEGES", privileges).replace("LETTER", letter)


# The options of a view are part of its definition: CREATE OR REPLACE VIEW sets them anew.
_VIEW = _owned(
    "VIEW",
    "TABLE",
    "r",
    "SELECT c.oid, c.relowner AS owner, c.relacl AS acl, c.tableoid AS class, n.oid AS schema,"
    " pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS name,"
    " pg_catalog.format('CREATE OR REPLACE VIEW %%I.%%I%%s AS %%s', n.nspname, c.relname,"
    " coalesce(' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')', ''),"
    " pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) AS text"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = %(object)s::oid",
    """
  OR EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = o.oid)
  OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = o.oid AND r.rulename <> '_RETURN')
  OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = o.oid AND (a.attacl IS NOT NULL OR a.atthasdef))
  OR EXISTS (SELECT FROM pg_catalog.pg_description c WHERE c.objoid = o.oid AND c.classoid = o.class
    AND c.objsubid > 0)
""",
)


def _function(word: str) -> str:
    return _owned(
        word,
        word,
        "f",
        "SELECT p.oid, p.proowner AS owner, p.proacl AS acl, p.tableoid AS class, n.oid AS schema,"
        " pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))"
        " AS name, pg_catalog.pg_get_functiondef(p.oid) AS text"
        " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.oid = %(object)s::oid",
    )


_ENUM = _owned(
    "TYPE",
    "TYPE",
    "T",
    "SELECT t.oid, t.typowner AS owner, t.typacl AS acl, t.tableoid AS class, n.oid AS schema, t.typtype,"
    " pg_catalog.format('%%I.%%I', n.nspname, coalesce(%(name)s, t.typname)) AS name,"
    " pg_catalog.format('CREATE TYPE %%I.%%I AS ENUM (%%s)', n.nspname, coalesce(%(name)s, t.typname),"
    " (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)"
    " FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)) AS text"
    " FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
    " WHERE t.oid = %(object)s::oid",
    " OR o.typtype <> 'e'",
)
_CONSTRAINT = (
    "SELECT pg_catalog.format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s', n.nspname, c.relname, k.conname,"
    " pg_catalog.pg_get_constraintdef(k.oid)) AS text,"
    " CASE WHEN d.description IS NULL THEN ARRAY[]::text[] ELSE ARRAY[pg_catalog.format("
    "'COMMENT ON CONSTRAINT %%I ON %%I.%%I IS %%L', k.conname, n.nspname, c.relname, d.description)] END AS also,"
    " false AS more FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_description d"
    " ON d.objoid = k.oid AND d.classoid = k.tableoid WHERE k.oid = %(object)s::oid"
)


def _of_table(word: str, of: str, state: str, more: str) -> str:
    """A trigger, policy or rule: name, schema and relation of it come from `of`. state: statements, an array."""
    return (
        f"WITH o AS ({of}) SELECT pg_catalog.format('%%I ON %%I.%%I', o.own, o.schema, o.relation) AS name, o.text,"  # noqa: S608 - constants
        f" {state} || CASE WHEN d.description IS NULL THEN ARRAY[]::text[] ELSE ARRAY[pg_catalog.format("
        f"'COMMENT ON {word} %%I ON %%I.%%I IS %%L', o.own, o.schema, o.relation, d.description)] END AS also,"
        f" {more} OR EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = o.oid AND e.classid = o.class"
        f" AND e.deptype IN ('e', 'x')) AS more{_FROM_OWNED}"
    )


def _state(word: str) -> str:
    """ENABLE and DISABLE of a trigger or rule (ALTER TABLE); a new one is enabled."""
    return (
        "CASE o.state WHEN 'O' THEN ARRAY[]::text[] ELSE ARRAY[pg_catalog.format('ALTER TABLE %%I.%%I %%s"
        f" {word} %%I', o.schema, o.relation, CASE o.state WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS'"
        " ELSE 'ENABLE REPLICA' END, o.own)] END"
    )


_TRIGGER = _of_table(
    "TRIGGER",
    "SELECT t.oid, t.tableoid AS class, t.tgname AS own, n.nspname AS schema, c.relname AS relation,"
    " t.tgenabled AS state, t.tgparentid AS parent, pg_catalog.pg_get_triggerdef(t.oid) AS text"
    " FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE t.oid = %(object)s::oid",
    _state("TRIGGER"),
    "(o.parent <> 0 OR EXISTS (SELECT FROM pg_catalog.pg_trigger p WHERE p.tgparentid = o.oid"
    " AND p.tgenabled <> o.state))",
)
_RULE = _of_table(
    "RULE",
    "SELECT r.oid, r.tableoid AS class, r.rulename AS own, n.nspname AS schema, c.relname AS relation,"
    " r.ev_enabled AS state, pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';') AS text"
    " FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE r.oid = %(object)s::oid",
    _state("RULE"),
    "o.own = '_RETURN'",
)
_POLICY = _of_table(
    "POLICY",
    "SELECT p.oid, p.tableoid AS class, p.polname AS own, n.nspname AS schema, c.relname AS relation,"
    " pg_catalog.format('CREATE POLICY %%I ON %%I.%%I AS %%s FOR %%s TO %%s%%s%%s', p.polname, n.nspname, c.relname,"
    " CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,"
    " CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'"
    " ELSE 'ALL' END,"
    " (SELECT pg_catalog.string_agg(CASE u.role WHEN 0 THEN 'PUBLIC'"
    " ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u.role)) END, ', ' ORDER BY u.place)"
    " FROM pg_catalog.unnest(p.polroles) WITH ORDINALITY AS u(role, place)),"
    " coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', ''),"
    " coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')) AS text"
    " FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.oid = %(object)s::oid",
    "ARRAY[]::text[]",
    "false",
)
_WHOLE = {
    "table constraint": _CONSTRAINT,
    "view": _VIEW,
    "function": _function("FUNCTION"),
    "procedure": _function("PROCEDURE"),
    "type": _ENUM,
    "trigger": _TRIGGER,
    "rule": _RULE,
    "policy": _POLICY,
}

# What would keep an object from being dropped: all that depends on it, or on its row type, but its own parts.
_DEPENDENTS = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d"
    " WHERE ((d.refclassid = %(class)s::oid AND d.refobjid = %(object)s::oid)"
    " OR (d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN"
    " (SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typrelid = %(object)s::oid AND t.typrelid <> 0"
    " UNION ALL SELECT t.typarray FROM pg_catalog.pg_type t WHERE t.typrelid = %(object)s::oid AND t.typrelid <> 0)))"
    " AND d.deptype <> 'i' AND NOT (d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid IN"
    " (SELECT r.oid FROM pg_catalog.pg_rewrite r WHERE r.ev_class = %(object)s::oid))) AS found"
)
# OR REPLACE takes no column from a view, and no name or default from a parameter (CREATE VIEW, CREATE FUNCTION).
_COLUMNS = (
    "SELECT count(*) AS number FROM pg_catalog.pg_attribute a"
    " WHERE a.attrelid = %(object)s::oid AND a.attnum > 0 AND NOT a.attisdropped"
)
_PARAMETERS = (
    "SELECT p.pronargdefaults AS defaults, ARRAY(SELECT coalesce(p.proargnames[u.place], '') FROM"
    " pg_catalog.unnest(coalesce(p.proargmodes::text[],"
    " pg_catalog.array_fill('i'::text, ARRAY[p.pronargs::integer]))) WITH ORDINALITY AS u(mode, place)"
    " WHERE u.mode IN ('i', 'b', 'v') ORDER BY u.place) AS names"
    " FROM pg_catalog.pg_proc p WHERE p.oid = %(object)s::oid"
)


def whole(session: Session, made: Made, address: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """What makes an object again. None where more hangs on it, or where its kind is not known here.

    Raises psycopg2.Error.
    """
    return _whole(_read(session, made, address))


def _read(session: Session, made: Made, address: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """The definition, and whether more hangs on the object; None where its kind is not known, or it is not there."""
    query = _WHOLE.get(made.type, "")
    rows = session.rows(query, {**address, "name": made.renamed or None}) if query else []
    return rows[0] if rows and rows[0]["text"] else None


def _whole(found: Optional[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    return None if found is None or found["more"] else found


def statements_of(found: Mapping[str, Any]) -> List[str]:
    """The statements of what `whole` gave."""
    return [found["text"].strip(), *(found["also"] or ())]


def replaced(session: Session, made: Made, address: Mapping[str, Any]) -> Optional[Tuple[str, ...]]:
    """What brings back an object in whose place OR REPLACE puts another one; None where nothing surely does.

    Raises psycopg2.Error.
    """
    there = _read(session, made, address)
    if made.type in ("view", "function", "procedure") and _fits(session, made, address):
        # OR REPLACE keeps what hangs on it: its definition is enough.
        return (there["text"].strip(),) if there is not None else None
    found = _whole(there)
    if found is None or session.one(_DEPENDENTS, address)["found"]:
        return None
    return (f"DROP {made.type.upper()} {found['name']}", *statements_of(found))


def _fits(session: Session, made: Made, address: Mapping[str, Any]) -> bool:
    """Whether OR REPLACE can put the present one into the place of the new one: that adds nothing that has to go."""
    if made.type == "view":
        return made.columns is not None and bool(session.one(_COLUMNS, address)["number"] == made.columns)
    if made.parameters is None:
        return False
    there = session.one(_PARAMETERS, address)
    named = all(not new or new == old for new, old in zip(made.parameters, there["names"]))
    return named and bool(made.defaults <= there["defaults"])
