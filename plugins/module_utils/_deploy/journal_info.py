# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal of a database says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Optional

from .._connection.translation import translate
from .._journal.journal import Journal
from .._run.options import Options, now
from .._run.results import result_of
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED

__all__ = ["journal_info"]


def journal_info(deployment_id: Optional[str], options: Options) -> Dict[str, Any]:
    """The deployments, newest first, and the steps of the one that is asked for. Raises SteadyError."""
    started_at = now()
    address = options.address()
    target = replace(options, check=True).target(address, "journal")
    session, server = target.first_session(None)
    try:
        journal = Journal(session, server)
        there = journal.exists()
        deployments = journal.deployments(deployment_id) if there else []
        steps = journal.steps(deployment_id) if there and deployment_id is not None else []
    except psycopg2.Error as error:
        raise translate(error, "The journal could not be read", NOTHING_CHANGED) from None
    finally:
        session.close()
    return result_of(server, address, "read", started_at, changed=False, deployments=deployments, steps=steps)
