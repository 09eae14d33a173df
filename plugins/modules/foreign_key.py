#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.foreign_key: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: foreign_key
short_description: Add, replace and drop foreign keys without blocking reads and writes
version_added: 0.1.0
description:
  - Changes a list of foreign keys to their desired state. To replace a key, the module adds the new one NOT VALID,
    validates it while reads and writes continue, and swaps the names in one short transaction, so that a key is
    enforced at every moment.
  - Rows without a parent are found first, counted and shown by their keys. If there are any, nothing is changed.
  - Keys to partitioned tables are changed in the same way, keys of partitioned tables on PostgreSQL 18 and later.
  - If an entry omits an option, an existing key keeps its value, and a new key gets PostgreSQL's default.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes
  - steady.postgresql.connection
  - steady.postgresql.change
  - steady.postgresql.change.objects
options:
  foreign_keys:
    description:
      - The foreign keys and their desired state.
    type: list
    elements: dict
    required: true
    suboptions:
      table:
        description: Literal name of the referencing table, its case kept.
        type: str
        required: true
      name:
        description: Literal name of the constraint. By default C(<table>_<columns joined with _>_fkey).
        type: str
      columns:
        description: The referencing columns. May be left out for O(foreign_keys[].state=absent) with a name.
        type: list
        elements: str
      references:
        description: The referenced table and columns.
        type: dict
        suboptions:
          table:
            description: Literal name of the referenced table.
            type: str
            required: true
          columns:
            description: The referenced columns, in the order of the referencing ones.
            type: list
            elements: str
            required: true
          schema:
            description: Schema of the referenced table, if it is another one.
            type: str
      on_delete:
        description: What happens when the referenced row is deleted.
        type: str
        choices: [no_action, restrict, cascade, set_null, set_default]
      on_delete_columns:
        description: With V(set_null) or V(set_default), only these columns are set (PostgreSQL 15 and later).
        type: list
        elements: str
      on_update:
        description: What happens when the referenced columns change.
        type: str
        choices: [no_action, restrict, cascade, set_null, set_default]
      match:
        description: Whether a key that is partly NULL is not checked (V(simple)) or is refused (V(full)).
        type: str
        choices: [simple, full]
      deferrable:
        description: Whether a transaction may defer the check to its end.
        type: bool
      initially_deferred:
        description: Whether the check is deferred by default.
        type: bool
      state:
        description: Whether the foreign key must exist.
        type: str
        choices: [present, absent]
        default: present
      on_conflict:
        description: What to do with a foreign key of this name that has another definition.
        type: str
        choices: [replace, refuse]
        default: replace
      set_null_fails:
        description:
          - If V(set_null) fails, since a column of the key does not take NULL, V(refuse) changes nothing. V(accept)
            adds the key; each such delete or update of a referenced row then fails.
        type: str
        choices: [refuse, accept]
        default: refuse
        version_added: 0.5.0
"""

EXAMPLES = r"""
- name: Allow deleting users who opened a cash drawer
  steady.postgresql.foreign_key:
    database_url: "{{ steady_database_url }}"
    foreign_keys:
      - name: CashDrawer_openedById_fkey
        table: CashDrawer
        columns: [openedById]
        references: {table: User, columns: [id]}
        on_delete: set_null
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
  description: Notes, such as an index of another name that already has the same definition.
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
from ..module_utils._kinds.foreign_key.specification import ARGUMENT_SPEC
from ..module_utils._module import change_arguments, run
from ..module_utils._run.options import Options


def _apply(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    return apply_entries("foreign_keys", parameters["foreign_keys"], parameters["schema"], options)


def main() -> None:
    entries = {"type": "list", "elements": "dict", "required": True, "options": ARGUMENT_SPEC, "no_log": False}
    run(AnsibleModule(argument_spec=change_arguments(foreign_keys=entries), supports_check_mode=True), _apply)


if __name__ == "__main__":
    main()
