# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules promise."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check_mode and return changed status without modifying the database.
    support: full
    details:
      - Writes nothing, takes no lock that blocks reads or writes, and works with a role that may only read.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
    details:
      - The difference is the plan, with every statement and the locks that it takes.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
      change.
    support: full
"""

    ACTS = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check_mode and return changed status without modifying the database.
    support: full
    details:
      - Shows what would be done, and checks for what would prevent it.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
      change.
    support: none
    details:
      - Each run does it again.
"""

    REPORTS = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check_mode and return changed status without modifying the database.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
      change.
    support: full
    details:
      - The files are evidence of a run, and count as no change of the host.
"""

    READS = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check_mode and return changed status without modifying the database.
    support: full
    details:
      - Only reads.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
      change.
    support: full
"""
