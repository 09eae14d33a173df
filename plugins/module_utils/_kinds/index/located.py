# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of an index that is named without one, as in DROP INDEX."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Sequence

from ..._connection.session import Session
from .target import DesiredIndex

__all__ = ["located"]


def located(session: Session, targets: Sequence[DesiredIndex]) -> List[DesiredIndex]:
    """The targets, each with its table; that of an index that is not there stays empty. Raises psycopg2.Error.

    Indexes share one name space with tables in a schema (CREATE INDEX, "name"), so a name is one index or none.
    """
    asked = [target for target in targets if not target.table]
    if not asked:
        return list(targets)
    rows = session.rows(
        "SELECT n.nspname AS schema, c.relname AS name, t.relname AS table_name"
        " FROM unnest(%s::text[], %s::text[]) AS w(schema, name)"
        " JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema"
        " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name"
        " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid",
        ([target.schema for target in asked], [target.name for target in asked]),
    )
    found = {(row["schema"], row["name"]): row["table_name"] for row in rows}
    return [
        target if target.table else replace(target, table=found.get((target.schema, target.name), ""))
        for target in targets
    ]
