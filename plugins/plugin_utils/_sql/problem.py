# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a migration in SQL, each mistake on one line with its place."""

from __future__ import annotations

__all__ = ["SqlProblem"]


class SqlProblem(Exception):
    """A SQL file that cannot be read, or not be carried out. One line for each mistake: file:line:column: what."""
