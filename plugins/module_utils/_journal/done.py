# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that stand in the journal alone: what was run once, by the last step of each that was done."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from .._connection.session import Session
from .._support.sqltext import compose, literal, raw
from .images import read_image_of
from .trust import read_journal_state

__all__ = ["mark", "read_done"]

_DONE = (
    "SELECT DISTINCT ON (s.table_schema, s.table_name, s.name) s.kind, s.table_schema, s.table_name, s.name, s.after"
    " FROM steady.step s JOIN unnest(%s::text[], %s::text[]) AS w(schema, name)"
    " ON (w.schema, w.name) = (s.table_schema, s.table_name) WHERE s.kind = %s AND s.status = 'done'"
    " ORDER BY s.table_schema, s.table_name, s.name, s.started_at DESC, s.attempt DESC, s.number DESC"
)

#: What runs before it in the same transaction may have another role and another path: both end here.
_OURS = ("RESET ROLE", "SET LOCAL search_path TO pg_catalog, pg_temp")


def read_done(
    session: Session, kind: str, places: Iterable[Tuple[str, str]]
) -> Mapping[Tuple[str, str], Sequence[Dict[str, Any]]]:
    """The images by place. Nothing where there is no journal, or none that may be used. Raises psycopg2.Error.

    An image that the collection did not write counts as none: the preflight and the rollback say so.
    """
    wanted = sorted(set(places))
    if not wanted or not read_journal_state(session).usable:
        return {}
    rows = session.rows(_DONE, ([schema for schema, _name in wanted], [name for _schema, name in wanted], kind))
    found: Dict[Tuple[str, str], List[Dict[str, Any]]] = {}
    for row in rows:
        try:
            image = read_image_of(row, row["after"])
        except ValueError:
            continue
        if image is not None:
            found.setdefault((row["table_schema"], row["table_name"]), []).append(image)
    return found


def mark(deployment_id: str, attempt: int, number: int, after: str | None) -> List[str]:
    """Statements that say in a step's own transaction that it is done. after: its image as JSON."""
    return [
        *_OURS,
        compose(
            "UPDATE steady.step SET status = 'done', after = {after} WHERE deployment_id = {id}"
            " AND attempt = {attempt} AND number = {number}",
            after=literal(after) if after is not None else raw("NULL"),
            id=literal(deployment_id),
            attempt=raw(str(int(attempt))),
            number=raw(str(int(number))),
        ),
    ]
