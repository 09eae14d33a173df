# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that is not ours (the migration's, or what stands in the catalog) is read with its own path.

Between such texts a session searches pg_catalog alone (_settings.CATALOG_PATH). What a text of the migration means
hangs on TimeZone, DateStyle and others, too: '2020-01-01 00:00' is another instant in Berlin than in UTC (8.5.1). It is
read with those that the connection has by itself, as psql would. Texts of the catalog are written and read with ours.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List

from .._support.driver import extensions, psycopg2
from .session import Session
from .settings import CATALOG_PATH, own_meaning, path_statement, pinned_meaning

__all__ = ["explained", "their_names", "theirs"]

_EXPLAIN = "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) "


@contextmanager
def theirs(session: Session) -> Iterator[None]:
    """Within, statements of the session's migration mean what they mean in psql.

    Without a migration (a rollback) they are texts of the catalog, which mean what we wrote.
    """
    own = session.schema is not None
    with _set(session, own_meaning() if own else "", pinned_meaning() if own else ""):
        yield


@contextmanager
def their_names(session: Session) -> Iterator[None]:
    """Within, names are looked up with the path of the session's migration; values are written and read with ours."""
    with _set(session, "", ""):
        yield


def explained(session: Session, query: str, stored: bool = False) -> List[Dict[str, Any]]:
    """The rows of EXPLAIN, within their_names: a query with texts of the migration, in the form of the catalog.

    stored: the texts are the catalog's. PREPARE reads a text, and its constants have their values then; EXPLAIN EXECUTE
    writes them. Raises psycopg2.Error.
    """
    if stored or session.schema is None:
        return session.rows(_EXPLAIN + query)
    # What was prepared before an error is still there.
    session.execute("; ".join(["DEALLOCATE ALL", own_meaning(), "PREPARE steady_form AS " + query, pinned_meaning()]))
    return session.rows(_EXPLAIN + "EXECUTE steady_form")


@contextmanager
def _set(session: Session, begin: str, end: str) -> Iterator[None]:
    inside = session.connection.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE
    session.execute("; ".join(text for text in (path_statement(session.schema), begin) if text))
    try:
        yield
    finally:
        if not session.connection.closed:
            failed = session.connection.info.transaction_status == extensions.TRANSACTION_STATUS_INERROR
            if failed and not inside:
                session.execute("ROLLBACK")
            # A transaction that failed takes the settings back itself when it is rolled back.
            if not failed or not inside:
                _restore(session, end)


def _restore(session: Session, end: str) -> None:
    try:
        session.execute("; ".join(text for text in (CATALOG_PATH, end) if text))
    except psycopg2.Error:
        if not session.connection.closed:  # else whatever ended it is on its way already
            raise
