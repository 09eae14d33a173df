# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules that change something take their locks."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lock_budget:
    description:
      - The longest that any statement of the application may be made to wait by one attempt to take a lock.
    type: str
    default: 100ms
  lock_patience:
    description:
      - How long to go on trying for one lock before giving up with the names of the sessions in the way.
    type: str
    default: 10m
  parallel:
    description:
      - How many indexes to build side by side, on different tables. By default up to three.
    type: int
  operator:
    description:
      - Who does this, for the journal, such as C(alice@deploy-host).
    type: str
"""

    OBJECTS = r"""
options:
  schema:
    description:
      - Schema of the tables. By default what the URL says with C(schema=), else V(public).
    type: str
  journal:
    description:
      - Whether to keep in schema C(steady) of the database what was done and what stood there before, so that
        M(steady.postgresql.rollback) can undo it.
    type: bool
    default: true
"""
