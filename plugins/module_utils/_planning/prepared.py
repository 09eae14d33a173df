# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan for what is not there yet: what the run itself makes is made for the time of the planning, and rolled back.

So the server says of a column what its new type means, and of a key what its new table has. Only statements that make
something new and lock nothing that is in use (Kind.preparation). Nobody else sees them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, List, Sequence

from .._connection.event_triggers import read_event_triggers, set_event_triggers
from .._connection.owners import event_trigger_problems
from .._connection.rights import theirs
from .._connection.session import Session
from .._connection.translation import translate
from .._model.catalog import Catalog
from .._support.driver import psycopg2
from .wishes import Wish

__all__ = ["carry_out", "prepared"]

# No other session holds us up, and none is held up for long by a name that we have taken (42P07).
_BOUNDS = "SET LOCAL lock_timeout TO '1s'; SET LOCAL statement_timeout TO '5s'"
# read_only_sql_transaction, insufficient_privilege, lock_not_available, query_canceled: they say nothing of a text.
_NO_ANSWER = ("25006", "42501", "55P03", "57014")


@contextmanager
def prepared(session: Session, wishes: Sequence[Wish], there: Catalog) -> Iterator[List[str]]:
    """Within, what the wishes make is there. there: with what was made by earlier runs. Raises psycopg2.Error.

    What the server does not accept is given, as far as nothing that comes before it could mend that.
    """
    found: List[str] = []
    pending = [
        wish
        for wish in wishes
        if wish.kind.preparation(wish.target)
        and not _is_done(wish, there)
        and not wish.kind.replaces_used(session, wish.target)
    ]
    if not pending or not _may_begin(session):
        yield found
        return
    try:
        whole = True
        for wish in wishes:
            if wish not in pending:
                whole = whole and _is_done(wish, there)
                continue
            problem = carry_out(session, wish.kind.preparation(wish.target))
            if problem and whole:
                source = f"{wish.source}: " if wish.source else ""
                found.append(f"{source}{wish.target.name}: {problem}")
            whole = whole and not problem
        yield found
    finally:
        if not session.connection.closed:
            session.execute("ROLLBACK")


def carry_out(session: Session, statements: Sequence[str]) -> str:
    """Run them in the transaction that is open; what the server has against them, empty for nothing that counts."""
    try:
        with session.savepoint(), theirs(session):
            session.execute("; ".join(statements))
    except psycopg2.Error as error:
        if session.connection.closed:
            raise
        if error.pgcode in _NO_ANSWER:
            return ""
        said = translate(error, of_no_rows=True)
        return said.what + (f" ({said.why})" if said.why else "")
    return ""


def _is_done(wish: Wish, there: Catalog) -> bool:
    kind, schema, table, name = wish.key
    return there.find(kind, (schema, table), name) is not None


def _may_begin(session: Session) -> bool:
    """Whether a transaction is open in which nothing of others is run: no event trigger hears of it."""
    try:
        session.execute(f"BEGIN READ WRITE; {_BOUNDS}")
    except psycopg2.Error:
        if session.connection.closed:
            raise
        session.execute("ROLLBACK")
        return False
    triggers = read_event_triggers(session)
    if triggers and (event_trigger_problems(session) or not set_event_triggers(session, False)):
        session.execute("ROLLBACK")
        return False
    return True
