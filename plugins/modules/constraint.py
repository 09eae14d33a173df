#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.constraint: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: constraint
short_description: Add, replace and drop constraints without blocking reads and writes
version_added: 0.5.0
description:
  - Changes a list of unique, primary key and check constraints to their desired state. The index of a constraint is
    built CONCURRENTLY, and becomes the constraint's in one short transaction. A check is added NOT VALID, and validated
    while reads and writes continue.
  - Duplicates, NULLs and rows that break a check are found first, counted and shown by their keys. If there are any,
    nothing is changed.
  - A constraint with an index on a partitioned table is refused, and so is one on which a foreign key depends, if it
    were to be dropped or replaced.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes
  - steady.postgresql.connection
  - steady.postgresql.change
  - steady.postgresql.change.objects
options:
  constraints:
    description:
      - The constraints and their desired state.
    type: list
    elements: dict
    required: true
    suboptions:
      table:
        description: Literal name of the table, its case kept.
        type: str
        required: true
      name:
        description:
          - Literal name of the constraint. By default PostgreSQL's own, C(<table>_<columns joined with _>_key) or
            C(<table>_pkey). A check has no default.
        type: str
      unique:
        description: The columns that are unique together.
        type: list
        elements: str
      primary_key:
        description: The columns of the primary key. They become NOT NULL.
        type: list
        elements: str
      check:
        description: The condition of a check as an SQL expression.
        type: str
      include:
        description: Columns that the index has beside its key.
        type: list
        elements: str
      nulls_not_distinct:
        description: With O(constraints[].unique), two NULLs are equal, too (PostgreSQL 15 and later).
        type: bool
        default: false
      deferrable:
        description: Whether a transaction may defer the check of a unique or primary key constraint to its end.
        type: bool
        default: false
      initially_deferred:
        description: Whether the check is deferred by default.
        type: bool
        default: false
      no_inherit:
        description: With O(constraints[].check), it does not hold for tables that inherit.
        type: bool
        default: false
      storage_parameters:
        description: Storage parameters of the index by name, such as fillfactor.
        type: dict
      tablespace:
        description: Literal name of the tablespace of the index.
        type: str
      comment:
        description: The comment on the constraint. If it is empty, the constraint has none.
        type: str
      state:
        description: Whether the constraint must exist.
        type: str
        choices: [present, absent]
        default: present
      on_conflict:
        description: What to do with a constraint of this name that has another definition.
        type: str
        choices: [replace, refuse]
        default: replace
"""

EXAMPLES = r"""
- name: One email address for each tenant, and no negative totals
  steady.postgresql.constraint:
    database_url: "{{ steady_database_url }}"
    constraints:
      - table: User
        unique: [tenantId, email]
      - table: Order
        name: Order_total_check
        check: total >= 0
"""

RETURN = r"""
changed:
  description: Whether anything was changed, or in check mode would be.
  returned: always
  type: bool
status:
  description: One of V(planned), V(succeeded), V(failed), V(rolled_back).
  returned: always
  type: str
deployment_id:
  description: Id of the deployment, for a rollback. None in check mode.
  returned: always
  type: str
plan_hash:
  description: SHA-256 of the steps and of the objects that they change.
  returned: always
  type: str
plan_sql:
  description: The plan as text, each statement with the locks that it takes.
  returned: always
  type: str
steps:
  description:
    - The steps with kind, object, action, status, sql, locks, attempts, lock_wait_ms and duration_ms; and
      ended_sessions where O(on_blocker) ended any.
  returned: always
  type: list
  elements: dict
present:
  description: The objects that needed no change, each with its state.
  returned: success
  type: list
  elements: dict
notes:
  description: Notes that are worth knowing.
  returned: always
  type: list
  elements: str
missing_privileges:
  description: In check mode, the privileges that the role lacks to apply the plan, with the GRANT for each.
  returned: success
  type: list
  elements: str
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._deploy.deployment import apply_entries
from ..module_utils._kinds.constraint.specification import ARGUMENT_SPEC
from ..module_utils._module import change_arguments, run
from ..module_utils._run.options import Options


def _apply(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    return apply_entries("constraints", parameters["constraints"], parameters["schema"], options)


def main() -> None:
    entries = {"type": "list", "elements": "dict", "required": True, "options": ARGUMENT_SPEC, "no_log": False}
    run(AnsibleModule(argument_spec=change_arguments(constraints=entries), supports_check_mode=True), _apply)


if __name__ == "__main__":
    main()
