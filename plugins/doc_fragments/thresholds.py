# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From when on a session is worth a word."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  slow_query:
    description:
      - Statements that run for longer are told of.
    type: str
    default: 5s
  blocked:
    description:
      - Statements that wait for a lock for longer are told of.
    type: str
    default: 1s
  idle_in_transaction:
    description:
      - Sessions that do nothing in an open transaction for longer are told of.
    type: str
    default: 60s
  long_transaction:
    description:
      - Transactions that are open for longer are told of.
    type: str
    default: 5m
  show_literals:
    description:
      - Show queries with their constants. They are the application's data; by default they are masked.
    type: bool
    default: false
"""
