# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DROP CONSTRAINT of a migration in SQL, where the constraint turns out to be no foreign key."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

from ..._connection.session import Session
from ..._support.sqltext import compose, identifier
from ..statement.specification import Made, StatementSpecification

__all__ = ["other_constraints"]

_OTHERS = (
    "SELECT n.nspname::text AS schema, c.relname::text AS table_name, k.conname::text AS name"
    " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS w(schema, table_name, name)"
    " ON (w.schema, w.table_name, w.name) = (n.nspname, c.relname, k.conname) WHERE k.contype IN ('c', 'p', 'u', 'x')"
)


def other_constraints(
    session: Session, targets: Sequence[Any], migration_id: str
) -> List[Optional[StatementSpecification]]:
    """For each target that is to be absent, and is a constraint of another kind, the statement that drops it."""
    absent = [target for target in targets if not target.present]
    if not absent:
        return [None] * len(targets)
    rows = session.rows(_OTHERS, tuple([getattr(one, key) for one in absent] for key in ("schema", "table", "name")))
    others = {(row["schema"], row["table_name"], row["name"]) for row in rows}
    return [_statement(one, migration_id) if (one.schema, one.table, one.name) in others else None for one in targets]


def _statement(target: Any, migration_id: str) -> StatementSpecification:
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
