# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planner statistics of a restored database, which no dump has: gathered by several sessions, beside other work."""

from __future__ import annotations

import threading
from typing import List

from ..._connection.session import Session
from ..._connection.target import Target
from ..._support.progress import Progress
from ..._support.sqltext import compose, identifier

__all__ = ["Analysis"]

# Partitions come with their root. The largest first: then no session is left with it alone at the end.
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.relkind = 'p' DESC, pg_catalog.pg_relation_size(c.oid) DESC, 1, 2
"""


class Analysis:
    """ANALYZE of all tables, begun at once. Whoever wants it done calls wait."""

    def __init__(self, target: Target, session: Session, jobs: int) -> None:
        """session: to ask for the tables; it is free again afterwards. Raises SteadyError, psycopg2.Error."""
        tables = session.rows(_TABLES)
        self._total = len(tables)
        self._rest = [identifier(table["schema"], table["name"]) for table in reversed(tables)]
        self._errors: List[BaseException] = []
        sessions = [target.session() for _number in range(min(jobs, self._total))]
        self._threads = [threading.Thread(target=self._work, args=(one,), daemon=True) for one in sessions]
        for thread in self._threads:
            thread.start()

    def _work(self, session: Session) -> None:
        try:
            while self._rest and not self._errors:
                session.execute(compose("ANALYZE {table}", table=self._rest.pop()))
        except IndexError:
            pass  # another one took the last
        except BaseException as error:  # raised where somebody can tell it
            self._errors.append(error)
        finally:
            session.close()

    def wait(self, progress: Progress) -> None:
        """Until every table has statistics. Raises what went wrong."""
        for thread in self._threads:
            while True:
                begun = self._total - len(self._rest)
                progress.say("gathering planner statistics (ANALYZE)", begun, self._total, "tables")
                thread.join(0.5)
                if not thread.is_alive():
                    break
        if self._errors:
            raise self._errors[0]
