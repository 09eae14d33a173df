# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions that a restore evaluates, and that find nothing then, since a restore keeps search_path empty."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Sequence, Set

from ..._connection.session import Session

__all__ = ["leaning_functions"]

_SHOWN = 5
# A word, and the schema before it. What is in quotes, comments and variables is taken along: a word too many asks for
# a proof, a word too few would say nothing.
_WORD = re.compile(r'(?:("[^"]+"|[A-Za-z_][\w$]*)\s*\.\s*)?("[^"]+"|[A-Za-z_][\w$]*)')

# Evaluated while rows come in, indexes are built and materialized views are filled: generated columns, expressions of
# indexes and of partition keys, CHECK constraints, queries of materialized views. Functions and operators in these are
# in pg_depend; what a function calls is not, unless its body is SQL that was parsed (14: prosqlbody).
_USED = """
SELECT p.oid, p.oid::regprocedure::text AS name, min(pg_catalog.pg_describe_object(u.classid, u.objid, 0)) AS used_by
  FROM (SELECT d.classid, d.objid, CASE WHEN d.refclassid = 'pg_catalog.pg_proc'::regclass THEN d.refobjid
               ELSE (SELECT o.oprcode::oid FROM pg_catalog.pg_operator o WHERE o.oid = d.refobjid) END AS function
          FROM pg_catalog.pg_depend d LEFT JOIN pg_catalog.pg_class c
            ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
         WHERE d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass)
           AND d.deptype = 'n'
           AND (c.relkind IN ('i', 'I', 'p')
             OR d.classid = 'pg_catalog.pg_constraint'::regclass
             OR d.classid = 'pg_catalog.pg_attrdef'::regclass AND EXISTS (
                SELECT FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_attribute a
                    ON a.attrelid = f.adrelid AND a.attnum = f.adnum WHERE f.oid = d.objid AND a.attgenerated <> '')
             OR d.classid = 'pg_catalog.pg_rewrite'::regclass AND EXISTS (
                SELECT FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class m ON m.oid = r.ev_class
                 WHERE r.oid = d.objid AND m.relkind = 'm'))) u
  JOIN pg_catalog.pg_proc p ON p.oid = u.function
 GROUP BY p.oid
"""

_BODIES = """
SELECT p.oid, p.prosrc AS body FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.oid = ANY (%s) AND l.lanname NOT IN ('internal', 'c') AND to_jsonb(p) ->> 'prosqlbody' IS NULL
   AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s (text) WHERE s.text ~* '^search_path=')
"""

# Names that nobody finds in pg_catalog.
_NAMES = """
SELECT n.name FROM (SELECT relname::text AS name, relnamespace AS schema FROM pg_catalog.pg_class
                     WHERE relname = ANY (%(words)s::text[]) AND relkind NOT IN ('i', 'I', 't')
                    UNION ALL SELECT proname::text, pronamespace FROM pg_catalog.pg_proc
                     WHERE proname = ANY (%(words)s::text[])
                    UNION ALL SELECT typname::text, typnamespace FROM pg_catalog.pg_type
                     WHERE typname = ANY (%(words)s::text[])) n
 GROUP BY n.name HAVING NOT bool_or(n.schema = 'pg_catalog'::regnamespace) ORDER BY 1
"""

_CALLED = """
SELECT p.oid, p.oid::regprocedure::text AS name FROM pg_catalog.pg_proc p
 WHERE p.proname = ANY (%s::text[]) AND p.pronamespace <> 'pg_catalog'::regnamespace
"""


def leaning_functions(session: Session) -> List[str]:
    """In words, each function that names something without its schema; no more than a few. Raises psycopg2.Error."""
    found: List[str] = []
    seen: Set[int] = set()
    functions: Dict[int, Dict[str, Any]] = {row["oid"]: row for row in session.rows(_USED)}
    while functions:
        seen |= functions.keys()
        called: Dict[int, Dict[str, Any]] = {}
        for row in session.rows(_BODIES, (list(functions),)):
            function = functions[row["oid"]]
            words = [(bool(schema), _folded(name)) for schema, name in _WORD.findall(row["body"])]
            names = _names(session, [name for qualified, name in words if not qualified])
            if names:
                shown = ", ".join(names[:_SHOWN])
                found.append(f"{function['name']} of {function['used_by']} names {shown} without a schema")
            for other in session.rows(_CALLED, (sorted({name for _qualified, name in words}),)):
                called[other["oid"]] = {**other, "used_by": function["used_by"]}
        functions = {oid: row for oid, row in called.items() if oid not in seen}
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return [*found[:_SHOWN], *more]


def _folded(word: str) -> str:
    return word[1:-1] if word.startswith('"') else word.lower()


def _names(session: Session, words: Sequence[str]) -> List[str]:
    return [row["name"] for row in session.rows(_NAMES, {"words": sorted(set(words))})]
