# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event triggers: functions of others that run at DDL, and may refuse it (PostgreSQL documentation, chapter 38)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

from .._support.driver import psycopg2
from .session import Session

__all__ = ["EventTrigger", "read_event_triggers", "set_event_triggers"]

_SWITCH = 170000  # the setting event_triggers, release notes of 17

_QUERY = """
SELECT e.evtname AS name, pg_catalog.format('%%I.%%I', n.nspname, p.proname) AS function,
  pg_catalog.pg_get_userbyid(e.evtowner)::text AS owner, e.evttags AS tags
FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE e.evtenabled IN ('O', 'A') AND e.evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop')
AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass
  AND d.objid = e.oid AND d.deptype = 'e')
ORDER BY e.evtname
"""


@dataclass(frozen=True)
class EventTrigger:
    """One that is enabled and belongs to no extension."""

    name: str
    function: str
    owner: str

    @property
    def text(self) -> str:
        return f'the event trigger "{self.name}" (function {self.function}, of role "{self.owner}")'


def read_event_triggers(session: Session) -> List[EventTrigger]:
    """The event triggers of the database. One round trip. Raises psycopg2.Error."""
    return [EventTrigger(row["name"], row["function"], row["owner"]) for row in session.rows(_QUERY, ())]


def set_event_triggers(session: Session, fire: bool) -> bool:
    """Whether they fire until the transaction ends; False where the role may not set that: superusers may, by default.

    Before 17, in the role of a replica, only those fire that were enabled for it (38.1, ALTER EVENT TRIGGER).
    """
    if session.connection.server_version >= _SWITCH:
        statement = f"SET LOCAL event_triggers TO {'on' if fire else 'off'}"
    else:
        statement = f"SET LOCAL session_replication_role TO {'origin' if fire else 'replica'}"
    try:
        with session.savepoint():
            session.execute(statement)
    except psycopg2.Error as error:
        if error.pgcode != "42501":
            raise
        return False
    return True
