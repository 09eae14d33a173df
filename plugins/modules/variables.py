#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action steady.postgresql.variables, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: variables
short_description: Check the variables of a run before anything is connected to
version_added: 0.4.0
description:
  - Checks the collection's variables that are set for the host, those that begin with C(steady_) and those of the
    roles, and fails with all that is wrong with them. That is a name that is none, a value of another type, a value
    that is none of the choices, no duration, no size, or out of range.
  - What begins with C(steady_) and is no variable of the collection is a mistake, unless another variable's template
    names it. A role's variable that is misspelt is found where it was given with C(-e).
  - The addresses of databases are left to the modules that connect to them.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reads
options: {}
notes:
  - It is the first task of every playbook of the collection, also in check mode.
"""

EXAMPLES = r"""
- name: Check the variables of this run
  steady.postgresql.variables:
"""

RETURN = r"""
msg:
  description: When it fails, every variable that is not valid, with what is wrong with it.
  returned: failure
  type: str
"""
