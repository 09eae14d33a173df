# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured before, during and after a deployment, in the journal: table steady.evidence.

A measurement before belongs to no deployment yet; Journal.begin() gives it to the one that begins after it. So a rerun
after a crash finds it, and does not take a half-changed database for the state before.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from .._connection.session import Session
from .._support.deployment_id import checked_id
from .._support.plain import json_text

__all__ = [
    "EVIDENCE_TABLE",
    "LINK",
    "before_of",
    "keep_after",
    "keep_before",
    "keep_during",
    "newest_deployment",
    "waits_of",
]

EVIDENCE_TABLE = """
CREATE TABLE IF NOT EXISTS steady.evidence (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  migration_id text NOT NULL,
  deployment_id text REFERENCES steady.deployment,
  moment text NOT NULL CHECK (moment IN ('before', 'during', 'after')),
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  content jsonb NOT NULL
);
"""

#: Gives what was measured just before to the deployment that begins now.
LINK = (
    "UPDATE steady.evidence SET deployment_id = %(id)s WHERE migration_id = %(migration_id)s"
    " AND moment = 'before' AND deployment_id IS NULL AND taken_at > clock_timestamp() - interval '1 day'"
)


def keep_before(session: Session, migration_id: str, content: Mapping[str, Any]) -> None:
    """Keep what was measured, in place of what an attempt measured that never began. Raises psycopg2.Error."""
    session.execute(
        "WITH again AS (UPDATE steady.evidence SET content = %(content)s, taken_at = clock_timestamp()"
        "  WHERE migration_id = %(migration_id)s AND moment = 'before' AND deployment_id IS NULL RETURNING id)"
        " INSERT INTO steady.evidence (migration_id, moment, content)"
        " SELECT %(migration_id)s, 'before', %(content)s WHERE NOT EXISTS (SELECT FROM again)",
        {"migration_id": migration_id, "content": json_text(content)},
    )


def before_of(session: Session, migration_id: str, deployment_id: str) -> Optional[Dict[str, Any]]:
    """What was measured before a deployment; None where nothing was. Raises psycopg2.Error."""
    rows = session.rows(
        "SELECT content FROM steady.evidence WHERE moment = 'before' AND migration_id = %s AND deployment_id = %s"
        " ORDER BY taken_at LIMIT 1",
        (migration_id, deployment_id),
    )
    return dict(rows[0]["content"]) if rows else None


def keep_during(session: Session, migration_id: str, deployment_id: str, content: Mapping[str, Any]) -> None:
    """Keep what was seen while an attempt of a deployment ran. Raises psycopg2.Error."""
    session.execute(
        "INSERT INTO steady.evidence (migration_id, deployment_id, moment, content) VALUES (%s, %s, 'during', %s)",
        (migration_id, deployment_id, json_text(content)),
    )


def waits_of(session: Session, deployment_id: str) -> Optional[Dict[str, Any]]:
    """The longest that others waited in all attempts of a deployment; None unless each was watched to its end."""
    row = session.one(
        "SELECT max((content->'waits'->>'longest_ms')::float8) AS longest_ms,"
        " max((content->'waits'->>'looked_every_ms')::int) AS looked_every_ms, count(*) AS watched,"
        " (SELECT count(*) FROM steady.attempt WHERE deployment_id = %(id)s AND direction = 'deploy') AS attempts"
        " FROM steady.evidence WHERE deployment_id = %(id)s AND moment = 'during'",
        {"id": deployment_id},
    )
    if row["longest_ms"] is None or row["watched"] < row["attempts"]:
        return None
    return {"longest_ms": row["longest_ms"], "looked_every_ms": row["looked_every_ms"]}


def keep_after(session: Session, migration_id: str, deployment_id: str, content: Mapping[str, Any]) -> None:
    """Keep what was measured after a deployment; the values of its samples have done their work, and go."""
    session.execute(
        "WITH known AS (UPDATE steady.evidence SET content = content || jsonb_build_object('values', '{}'::jsonb)"
        "  WHERE deployment_id = %(deployment_id)s AND moment = 'before')"
        " INSERT INTO steady.evidence (migration_id, deployment_id, moment, content)"
        " VALUES (%(migration_id)s, %(deployment_id)s, 'after', %(content)s)",
        {"migration_id": migration_id, "deployment_id": deployment_id, "content": json_text(content)},
    )


def newest_deployment(session: Session, migration_id: str) -> Optional[str]:
    """The deployment of this migration that stands, or is on its way. Raises psycopg2.Error, SteadyError."""
    rows = session.rows(
        "SELECT id, status FROM steady.deployment WHERE migration_id = %s ORDER BY started_at DESC LIMIT 1",
        (migration_id,),
    )
    return checked_id(rows[0]["id"]) if rows and rows[0]["status"] != "rolled_back" else None
