#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action steady.postgresql.variables, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: variables
short_description: Check the variables of a run before any connection
version_added: 0.4.0
description:
  - Checks the collection's variables that are set for the host, those that begin with C(steady_) and those of the
    roles, and fails with all errors at once. An error is an unknown name, a value of another type, a value that is not
    one of the choices, not a duration, not a size, or out of range.
  - A name that begins with C(steady_) and is no variable of the collection is an error, unless the template of another
    variable uses it. A misspelt variable of a role is found if it was given with C(-e).
  - Tries to write to the folder of the reports, C(steady_artifacts_dir), if the role C(report) is in the play, so that
    no database is changed without a report. Check mode writes nothing and skips this.
  - The modules that connect to the databases check the addresses.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reads
options:
  without_inventory:
    description:
      - Whether the run may have no inventory. An inventory that is named with C(-i) and has no host is an error anyway.
    type: bool
    default: false
    version_added: 0.5.0
notes:
  - It is the first task of every playbook of the collection, also in check mode.
"""

EXAMPLES = r"""
- name: Check the variables of this run
  steady.postgresql.variables:
"""

RETURN = r"""
msg:
  description: If it fails, every variable that is not valid, with the reason.
  returned: failure
  type: str
"""
