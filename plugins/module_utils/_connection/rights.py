# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that is not ours (the migration's, or what stands in the catalog) is read with its own path.

Between such texts a session searches pg_catalog alone (_settings.CATALOG_PATH).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from .._support.driver import extensions, psycopg2
from .session import Session
from .settings import CATALOG_PATH, path_statement

__all__ = ["theirs"]


@contextmanager
def theirs(session: Session) -> Iterator[None]:
    """Within, names are looked up with the path of the session's migration."""
    inside = session.connection.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE
    session.execute(path_statement(session.schema))
    try:
        yield
    finally:
        if not session.connection.closed:
            failed = session.connection.info.transaction_status == extensions.TRANSACTION_STATUS_INERROR
            if failed and not inside:
                session.execute("ROLLBACK")
            # A transaction that failed takes the path back itself when it is rolled back.
            if not failed or not inside:
                _restore(session)


def _restore(session: Session) -> None:
    try:
        session.execute(CATALOG_PATH)
    except psycopg2.Error:
        if not session.connection.closed:  # else whatever ended it is on its way already
            raise
