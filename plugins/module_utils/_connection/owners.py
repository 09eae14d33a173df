# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code that belongs to the owner of a table runs with that owner's rights, and not with ours.

Predicates and expressions of indexes, CHECK constraints, defaults, policies and triggers are run by whoever uses the
table; what is IMMUTABLE in them already when a statement is planned (PostgreSQL documentation, 36.7 "Function
Volatility Categories"). So a question to a table is asked as its owner (SET ROLE), unless that is a superuser or the
present role itself. CREATE INDEX, REINDEX and ANALYZE change to the owner by themselves.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .._support.driver import extensions
from .._support.sqltext import compose, identifier, identifiers, raw
from .rights import their_names
from .session import Session

__all__ = [
    "WRITES",
    "Rights",
    "acting_as",
    "as_role",
    "event_trigger_problems",
    "rights_for",
    "rights_of_statement",
    "tables_of_others",
]

TableName = Tuple[str, str]

_TREE = """
WITH RECURSIVE named AS (
  SELECT c.oid, w.altered FROM unnest(%(schemas)s::text[], %(names)s::text[], %(altered)s::bool[])
    AS w(schema, name, altered)
  JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name),
tree(oid, altered) AS (SELECT oid, altered FROM named UNION
  SELECT i.inhrelid, t.altered FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid),
stranger AS (SELECT r.oid FROM pg_catalog.pg_roles r WHERE NOT r.rolsuper AND r.rolname <> current_user),
"""

# Whose code a statement on these tables can run: what their parts are made of. Policies are not among them: our
# sessions have row_security off, with which a statement fails that a policy would filter (19.11.1).
_CODE = (
    _TREE  # noqa: S608 - constants
    + """
part(class, oid) AS (
  SELECT 'pg_class'::regclass::oid, i.indexrelid FROM tree JOIN pg_catalog.pg_index i ON i.indrelid = tree.oid
  UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM tree JOIN pg_catalog.pg_constraint k ON k.conrelid = tree.oid
  UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM tree JOIN pg_catalog.pg_rewrite r ON r.ev_class = tree.oid
  UNION ALL SELECT 'pg_cast'::regclass, x.oid FROM tree
    JOIN pg_catalog.pg_attribute a ON a.attrelid = tree.oid AND NOT a.attisdropped
    JOIN pg_catalog.pg_cast x ON x.castsource = a.atttypid OR x.casttarget = a.atttypid
  UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM tree JOIN pg_catalog.pg_attrdef d ON d.adrelid = tree.oid
    WHERE %(writes)s
  UNION ALL SELECT 'pg_trigger'::regclass, g.oid FROM tree JOIN pg_catalog.pg_trigger g ON g.tgrelid = tree.oid
    WHERE %(writes)s
  UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM tree
    JOIN pg_catalog.pg_attribute a ON a.attrelid = tree.oid AND NOT a.attisdropped
    JOIN pg_catalog.pg_constraint k ON k.contypid = a.atttypid WHERE %(writes)s)
SELECT DISTINCT pg_catalog.pg_get_userbyid(p.proowner)::text AS owner, p.oid::regprocedure::text AS name
FROM part JOIN pg_catalog.pg_depend d ON d.classid = part.class AND d.objid = part.oid
LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
JOIN pg_catalog.pg_proc p
  ON p.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
JOIN stranger s ON s.oid = p.proowner ORDER BY 1, 2 LIMIT 10
"""
)

# The owners that are neither superusers nor ourselves, and what each of them may do. Since 16 membership and the right
# to SET ROLE are two things (GRANT, "WITH SET").
_OWNERS = (
    _TREE  # noqa: S608 - constants
    + """
owner AS (SELECT DISTINCT c.relowner AS oid FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
  JOIN stranger s ON s.oid = c.relowner)
SELECT o.rolname::text AS role, pg_catalog.pg_has_role(o.oid, CASE
    WHEN pg_catalog.current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) AS may_become,
  (SELECT pg_catalog.bool_and(pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE'))
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid WHERE tree.altered) AS owns,
  (SELECT pg_catalog.bool_and(pg_catalog.has_schema_privilege(o.oid, c.relnamespace, 'USAGE')
      AND pg_catalog.has_table_privilege(o.oid, c.oid, %(privilege)s)
      AND NOT (c.relrowsecurity AND NOT o.rolbypassrls
        AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE'))))
    FROM named JOIN pg_catalog.pg_class c ON c.oid = named.oid) AS reads,
  (SELECT pg_catalog.bool_or(c.relrowsecurity AND c.relforcerowsecurity AND NOT o.rolbypassrls
      AND pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE'))
    FROM named JOIN pg_catalog.pg_class c ON c.oid = named.oid) AS forced
FROM owner JOIN pg_catalog.pg_roles o ON o.oid = owner.oid ORDER BY o.rolname
"""
)

_EVENT_TRIGGERS = """
SELECT e.evtname::text AS name, p.oid::regprocedure::text AS function,
  pg_catalog.pg_get_userbyid(p.proowner)::text AS owner, current_user::text AS role
FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
WHERE e.evtenabled NOT IN ('D', 'R') AND NOT o.rolsuper AND NOT p.prosecdef
  AND (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
ORDER BY e.evtname
"""


@dataclass(frozen=True)
class Rights:
    """With whose rights a statement runs. role: None for our own. problem: why it must not run at all."""

    role: Optional[str] = None
    problem: str = ""


_OURS = Rights()
#: Any privilege that a statement may need which is not known to read only.
WRITES = "SELECT, INSERT, UPDATE, DELETE"


def rights_for(
    session: Session,
    tables: Iterable[TableName],
    privilege: str = "SELECT",
    altered: Optional[Sequence[TableName]] = None,
    queries: bool = False,
) -> Rights:
    """With whose rights a statement on these tables is to run. Raises psycopg2.Error.

    privilege: what it needs on them, any of several. altered: those that it alters, which only their owner may.
    queries: the server asks a question of its own meanwhile, which fails where policies are forced on the owner (5.9).
    Where no owner can, it runs with ours when there is no code of others, and not at all otherwise.
    """
    wanted = sorted(set(tables))
    parameters: Dict[str, Any] = {
        "schemas": [schema for schema, _name in wanted],
        "names": [name for _schema, name in wanted],
        "altered": [name in (altered or ()) for name in wanted],
        "privilege": privilege,
    }
    owners = session.rows(_OWNERS, parameters) if wanted else []
    for owner in owners:
        can = owner["reads"] if altered is None else owner["owns"] and not (queries and owner["forced"])
        if owner["may_become"] and can:
            return Rights(owner["role"])
    if not owners:
        return _OURS
    code = session.rows(_CODE, {**parameters, "writes": privilege != "SELECT"})
    return Rights(problem=_refusal(wanted, owners, code)) if code else _OURS


def tables_of_others(session: Session) -> Set[TableName]:
    """All tables whose owner is neither a superuser nor the present role. Raises psycopg2.Error."""
    rows = session.rows(
        "SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles r ON r.oid = c.relowner"
        " WHERE c.relkind = 'r' AND NOT r.rolsuper AND r.rolname <> current_user"
    )
    return {(row["schema"], row["name"]) for row in rows}


def _refusal(tables: List[TableName], owners: List[Dict[str, Any]], code: List[Dict[str, Any]]) -> str:
    names = ", ".join(compose("{name}", name=identifier(*table)) for table in tables)
    roles = compose("{roles}", roles=identifiers(owner["role"] for owner in owners))
    functions = ", ".join(f"{row['name']} of {row['owner']}" for row in code)
    return (
        f"permission denied: {names} would run code of others with the rights of this role ({functions}), and none of "
        f"the owners ({roles}) can be asked to run it: each lacks a privilege on these tables or on their schemas, is "
        "held back by row-level security, or this role may not SET ROLE to it; grant what is missing to one of them, "
        "or connect as a role that is no superuser"
    )


def as_role(role: Optional[str]) -> List[str]:
    """Statements with which the rest of a transaction has only the rights of the role; none for our own."""
    return [compose("SET LOCAL ROLE {role}", role=identifier(role))] if role is not None else []


@contextmanager
def acting_as(session: Session, role: Optional[str]) -> Iterator[None]:
    """Within, the session has only the rights of the role. What is set or written within is taken back at the end."""
    if role is None:
        yield
        return
    inside = session.connection.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE
    begun = "SAVEPOINT steady_role" if inside else "BEGIN"
    ended = "ROLLBACK TO SAVEPOINT steady_role; RELEASE SAVEPOINT steady_role" if inside else "ROLLBACK"
    session.execute("; ".join([begun, *as_role(role)]))
    try:
        yield
    finally:
        if not session.connection.closed:
            session.execute(ended)


def rights_of_statement(
    session: Session, statement: str, arguments: Optional[Mapping[str, Any]] = None, privilege: str = "SELECT"
) -> Rights:
    """With whose rights a statement of the migration is to run: by the tables and views that it reads or writes.

    PREPARE locks these (13.3.1), and neither plans nor runs anything. To be called in a transaction. Raises
    psycopg2.Error, as EXPLAIN would.
    """
    with their_names(session):
        session.execute("PREPARE steady_look AS " + statement, arguments)
    session.execute("DEALLOCATE steady_look")
    rows = session.rows(
        "SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_catalog.pg_locks l"
        " JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND n.nspname <> 'pg_catalog'"
        " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
        "  WHERE d.datname = pg_catalog.current_database())"
    )
    return rights_for(session, [(row["schema"], row["name"]) for row in rows], privilege)


def event_trigger_problems(session: Session) -> List[str]:
    """Event triggers that would run a function of somebody else with a superuser's rights. Raises psycopg2.Error.

    Only superusers make event triggers (CREATE EVENT TRIGGER, "Notes"), but the function of one may belong to anybody,
    who can replace it, and it runs as the role whose command fires it.
    """
    return [
        compose(
            "the event trigger {name} would run the function {function} with the rights of {role}, and the function "
            "belongs to {owner}, who is no superuser and can replace it; when you know what is in it: ALTER FUNCTION "
            "{function} OWNER TO {role}; or ALTER EVENT TRIGGER {name} DISABLE, or connect as a role that is no "
            "superuser",
            name=identifier(row["name"]),
            function=raw(row["function"]),
            role=identifier(row["role"]),
            owner=identifier(row["owner"]),
        )
        for row in session.rows(_EVENT_TRIGGERS)
    ]
