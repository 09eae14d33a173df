# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the journal may be used: by this role at all, and without running code that is not the collection's.

Who owns a table decides what runs when another role reads or writes it: a trigger, a default or a policy has the rights
of whoever writes (PostgreSQL documentation, 37.1 and CREATE POLICY). So a superuser takes the journal of a superuser
only; and whoever owns it, nothing hangs on its tables that is not in their definition here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Tuple

from .._connection.session import Session
from .._model.plan import Problem
from .._support.sqltext import compose, identifier, identifiers

__all__ = ["TABLES", "JournalState", "grants", "read_journal_state", "text_writers"]

TABLES = ("deployment", "attempt", "step", "evidence")
#: As pg_get_expr gives them where pg_catalog alone is searched: what the tables' own definitions have.
_DEFAULTS = ("clock_timestamp()", "SESSION_USER", "(inet_client_addr())::text")
_CHECK = re.compile(r"CHECK \(\(\w+ = ANY \(ARRAY\[('[a-z_]+'::text(, )?)+\]\)\)\)")

_STATE = """
SELECT pg_get_userbyid(n.nspowner) AS owner, so.rolsuper AS trusted,
  (SELECT bool_or(me.rolsuper) FROM pg_roles me WHERE me.rolname IN (current_user, session_user)) AS superuser,
  current_user::text AS role, has_schema_privilege(n.oid, 'USAGE') AS usable
FROM pg_namespace n JOIN pg_roles so ON so.oid = n.nspowner
WHERE n.nspname = 'steady'
"""

_RELATIONS = """
SELECT c.oid, c.relname AS name, c.relkind::text AS kind, pg_get_userbyid(c.relowner) AS owner, o.rolsuper AS trusted,
  c.relrowsecurity AND row_security_active(c.oid) AS hides_rows, has_table_privilege(c.oid, 'SELECT') AS readable,
  EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers,
  EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid) AS rules,
  EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
  c.relispartition OR EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) AS inherits,
  EXISTS (SELECT FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0
    AND NOT a.attisdropped AND (y.typnamespace <> 'pg_catalog'::regnamespace OR a.attgenerated <> '')) AS types,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    OR EXISTS (SELECT FROM unnest(i.indclass::oid[]) AS u(opclass) WHERE u.opclass >= 16384))) AS indexes,
  EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid) AS statistics,
  (SELECT json_agg(pg_get_expr(d.adbin, d.adrelid)) FROM pg_attrdef d WHERE d.adrelid = c.oid) AS defaults,
  (SELECT json_agg(pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c')
    AS checks,
  EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND (k.contype NOT IN ('c', 'f', 'n', 'p', 'u')
    OR k.contype = 'f' AND k.confrelid NOT IN (SELECT s.oid FROM pg_class s WHERE s.relnamespace = c.relnamespace)))
    AS constraints
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
WHERE n.nspname = 'steady' AND c.relname = ANY (%s) ORDER BY c.relname
"""

_FOREIGN = {
    "triggers": "a trigger",
    "rules": "a rule",
    "policies": "a policy",
    "inherits": "a parent or a child",
    "types": "a column of a foreign type, or one that is generated",
    "indexes": "an index over an expression or with a foreign operator class",
    "statistics": "extended statistics",
    "constraints": "a foreign constraint",
}


# Who may be any role that may write an image, and cannot be this role anyhow: PUBLIC is oid 0 in an ACL, and
# pg_write_all_data (14) is in none. What the owner of a table may do to a role that uses it, no journal adds to; a
# superuser alone is none of those who use it.
_WRITERS = """
WITH step AS (
  SELECT c.oid, c.relowner, c.relacl FROM pg_class c
  WHERE c.relnamespace = to_regnamespace('steady') AND c.relname = 'step'
), granted AS (
  SELECT relowner AS role FROM step
  UNION SELECT a.grantee FROM step, aclexplode(step.relacl) a WHERE a.privilege_type IN ('INSERT', 'UPDATE')
  UNION SELECT a.grantee FROM step JOIN pg_attribute t ON t.attrelid = step.oid, aclexplode(t.attacl) a
    WHERE a.privilege_type IN ('INSERT', 'UPDATE')
  UNION SELECT r.oid FROM pg_roles r WHERE r.rolname = 'pg_write_all_data'
)
SELECT w.rolname AS name FROM pg_roles w
WHERE w.rolcanlogin AND NOT w.rolsuper
  AND EXISTS (SELECT FROM granted g WHERE CASE g.role WHEN 0 THEN true ELSE pg_has_role(w.oid, g.role, 'MEMBER') END)
  AND NOT pg_has_role(w.oid, (SELECT oid FROM pg_roles WHERE rolname = current_user), 'MEMBER')
  AND NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolsuper AND pg_has_role(w.oid, s.oid, 'MEMBER'))
  AND (EXISTS (SELECT FROM pg_roles me WHERE me.rolsuper AND me.rolname IN (current_user, session_user))
    OR NOT coalesce((SELECT pg_has_role(w.oid, t.relowner, 'MEMBER') FROM pg_class t JOIN pg_namespace n
      ON n.oid = t.relnamespace WHERE n.nspname = %s AND t.relname = %s), false))
ORDER BY 1
"""


@dataclass(frozen=True)
class JournalState:
    """there: whether there is a journal. problems: why this role cannot, or must not, use it."""

    there: bool
    problems: Tuple[Problem, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is one that this role may read."""
        return self.there and not self.problems


def grants(role: str) -> str:
    """What a role needs that does not own the journal."""
    return compose(
        "GRANT USAGE, CREATE ON SCHEMA steady TO {role}; "
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA steady TO {role}; "
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA steady TO {role}",
        role=identifier(role),
    )


def read_journal_state(session: Session) -> JournalState:
    """Two round trips. Raises psycopg2.Error."""
    schema = session.rows(_STATE)
    if not schema:
        return JournalState(False)
    relations = session.rows(_RELATIONS, (list(TABLES),))
    there = any(row["name"] == "deployment" for row in relations)
    problems = [Problem(text) for text in _strangers(schema[0], relations)]
    if not problems and there:
        problems = [Problem(text, permission=True) for text in _missing(schema[0], relations)]
    return JournalState(there, tuple(problems))


def text_writers(session: Session, table: Tuple[str, str]) -> List[str]:
    """The roles that may have written SQL into an image of this table, and could make this role run it.

    Raises psycopg2.Error.
    """
    return [row["name"] for row in session.rows(_WRITERS, table)]


def _strangers(schema: Mapping[str, Any], relations: List[Dict[str, Any]]) -> List[str]:
    """What makes the journal one that others could run code with."""
    reasons = []
    owners = sorted({row["owner"] for row in (schema, *relations) if not row["trusted"]})
    if schema["superuser"] and owners:
        hand_over = "; ".join(
            [
                compose("ALTER SCHEMA steady OWNER TO {role}", role=identifier(schema["role"])),
                *(
                    compose(
                        "ALTER TABLE {table} OWNER TO {role}",
                        table=identifier("steady", row["name"]),
                        role=identifier(schema["role"]),
                    )
                    for row in relations
                ),
            ]
        )
        names = compose("{names}", names=identifiers(owners))
        reasons.append(
            f"the journal in schema steady belongs to {names}, who is no superuser and could let a superuser run code; "
            f"connect as {names}, or, when you know what is in it, hand it over: {hand_over}"
        )
    for row in relations:
        found = [words for key, words in _FOREIGN.items() if row[key]]
        if row["kind"] != "r":
            found = ["a form that is no ordinary table"]
        found += [f"the default {text}" for text in row["defaults"] or () if text not in _DEFAULTS]
        found += [f"the constraint {text}" for text in row["checks"] or () if not _CHECK.fullmatch(text)]
        if found:
            reasons.append(
                f"the journal is not trusted: steady.{row['name']} has {', '.join(found)}, which the collection did "
                "not make; see who made it, and drop it"
            )
    return reasons


def _missing(schema: Mapping[str, Any], relations: List[Dict[str, Any]]) -> List[str]:
    """What keeps this role from reading the journal that is there."""
    if not schema["usable"] or not all(row["readable"] for row in relations):
        return [
            f'permission denied: the journal in schema steady cannot be used by role "{schema["role"]}"; '
            + grants(schema["role"])
        ]
    hidden = [row["name"] for row in relations if row["hides_rows"]]
    if hidden:
        owner = relations[0]["owner"]
        ways = "; ".join(
            compose("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", table=identifier("steady", name))
            for name in hidden
        )
        return [
            f'permission denied: row-level security hides the journal from role "{schema["role"]}"; '
            f'as "{owner}": {ways}'
        ]
    return []
