# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that imports psycopg2, so that a host without it gets a sentence and not a traceback."""

from __future__ import annotations

import traceback

__all__ = ["PSYCOPG2_IMPORT_ERROR", "extensions", "psycopg2", "sql"]

PSYCOPG2_IMPORT_ERROR = None
try:
    import psycopg2
    from psycopg2 import extensions, sql
except ImportError:
    psycopg2 = None
    extensions = None
    sql = None
    PSYCOPG2_IMPORT_ERROR = traceback.format_exc()
