# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that every result has."""

from __future__ import annotations

from typing import Any, Dict

from .._connection.address import Address
from .._connection.target import Server
from .options import now

__all__ = ["result_of"]


def result_of(server: Server, address: Address, status: str, started_at: str, **more: Any) -> Dict[str, Any]:
    """The keys that every result has."""
    return {
        "status": status,
        "database": server.database,
        "server_version": server.version_text,
        "system_identifier": server.system_identifier,
        "database_role": server.role,
        "started_at": started_at,
        "finished_at": now(),
        "removed_parameters": list(address.removed),
        **more,
    }
