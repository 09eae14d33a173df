# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""Ids of deployments."""

from __future__ import annotations

import secrets
import time

__all__ = ["new_deployment_id"]


def new_deployment_id() -> str:
    """Sorts by time, fits a directory's name: 20261122T215339Z-4f1c."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(2)
