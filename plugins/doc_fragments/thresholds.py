# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thresholds for reporting a session."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  slow_query:
    description:
      - Report statements that run for longer than this.
    type: str
    default: 5s
  blocked:
    description:
      - Report statements that wait for a lock for longer than this.
    type: str
    default: 1s
  idle_in_transaction:
    description:
      - Report sessions that are idle in a transaction for longer than this.
    type: str
    default: 60s
  long_transaction:
    description:
      - Report transactions that are open for longer than this.
    type: str
    default: 5m
  show_literals:
    description:
      - Show queries with their constants. They are the application's data; by default they are masked.
    type: bool
    default: false
"""
