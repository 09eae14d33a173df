# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DROP CONSTRAINT, and constraints of partitioned tables, of a migration in SQL: what only the catalog tells apart."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from ..._connection.session import Session
from ..._support.sqltext import compose, identifier, raw
from ..statement.specification import Made, StatementSpecification
from .target import KIND, WORDS, DesiredConstraint, definition_of

__all__ = ["as_written", "other_constraints"]

_OTHERS = (
    "SELECT n.nspname::text AS schema, c.relname::text AS table_name, k.conname::text AS name,"
    " k.contype = 'x' OR c.relkind = 'p' AND k.contype <> 'c' AS as_written"
    " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS w(schema, table_name, name)"
    " ON (w.schema, w.table_name, w.name) = (n.nspname, c.relname, k.conname) WHERE k.contype IN ('c', 'p', 'u', 'x')"
)
_PARTITIONED = (
    "SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN unnest(%s::text[], %s::text[]) AS w(schema, name) ON (w.schema, w.name) = (n.nspname, c.relname)"
    " WHERE c.relkind = 'p'"
)
#: A target of another kind, with the name of that kind.
Other = Tuple[str, Any]


def other_constraints(session: Session, targets: Sequence[Any], migration_id: str) -> List[Optional[Other]]:
    """For each foreign key that is to be absent, and is a constraint of another kind, what drops that."""
    absent = [target for target in targets if not target.present]
    if not absent:
        return [None] * len(targets)
    rows = session.rows(_OTHERS, tuple([getattr(one, key) for one in absent] for key in ("schema", "table", "name")))
    others = {(row["schema"], row["table_name"], row["name"]): row["as_written"] for row in rows}
    return [
        None
        if key not in others
        else ("statement", _dropped(one, migration_id))
        if others[key]
        else (KIND, DesiredConstraint(*key))
        for one in targets
        for key in [(one.schema, one.table, one.name)]
    ]


def as_written(session: Session, targets: Sequence[DesiredConstraint], migration_id: str) -> List[Optional[Other]]:
    """For each constraint with an index on a partitioned table, the statement that adds it: PostgreSQL has no other
    way. It runs within the lock budget, or is rolled back.
    """
    asked = [target for target in targets if target.has_index]
    if not asked:
        return [None] * len(targets)
    rows = session.rows(_PARTITIONED, ([one.schema for one in asked], [one.table for one in asked]))
    partitioned = {(row["schema"], row["name"]) for row in rows}
    return [
        ("statement", _added(one, migration_id)) if one.has_index and one.table_name in partitioned else None
        for one in targets
    ]


def _dropped(target: Any, migration_id: str) -> StatementSpecification:
    table, name = identifier(target.schema, target.table), identifier(target.name)
    return StatementSpecification(
        target.schema,
        migration_id,
        f"ALTER TABLE DROP CONSTRAINT: constraint {target.name} of {target.schema}.{target.table}",
        compose("ALTER TABLE {table} DROP CONSTRAINT {name}", table=table, name=name),
        undo=(),
        locks=((target.schema, target.table),),
        drops=(Made("table constraint", (target.schema, target.table, target.name)),),
    )


def _added(target: DesiredConstraint, migration_id: str) -> StatementSpecification:
    table, name = identifier(target.schema, target.table), identifier(target.name)
    word = WORDS[target.wanted.type]
    return StatementSpecification(
        target.schema,
        migration_id,
        f"ALTER TABLE ADD {word}: {word} {target.name} of {target.schema}.{target.table}",
        compose(
            "ALTER TABLE {table} ADD CONSTRAINT {name} {word} {definition}",
            table=table,
            name=name,
            word=raw(word),
            definition=raw(definition_of(target)),
        ),
        undo=(compose("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}", table=table, name=name),),
        locks=(target.table_name,),
        makes=(Made("table constraint", (target.schema, target.table, target.name)),),
    )
