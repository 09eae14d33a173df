# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With whose rights a part of a plan runs: the same answer when it is planned and when it is carried out."""

from __future__ import annotations

from .._connection.owners import Rights, rights_for
from .._connection.session import Session
from .plan import Unit

__all__ = ["rights_of_unit"]


def rights_of_unit(session: Session, unit: Unit) -> Rights:
    """With whose rights a unit that evaluates what owners wrote is to run. Raises psycopg2.Error."""
    return rights_for(session, [lock.table for lock in unit.locks], altered=unit.altered, queries=unit.queries)
