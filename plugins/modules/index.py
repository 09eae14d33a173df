#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.index: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: index
short_description: Build, replace, repair and drop indexes without blocking reads and writes
version_added: 0.1.0
description:
  - Changes a list of indexes to their desired state, always concurrently, on several tables in parallel.
  - Compares indexes by their definition, in the form in which the server stores it, and never by name alone. Repairs an
    invalid index that a failed build left. Replaces an index with another definition so that one of the two always
    exists.
  - Builds an index of a partitioned table partition by partition and attaches the parts. To resume an interrupted run,
    run the same task again.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes
  - steady.postgresql.connection
  - steady.postgresql.change
  - steady.postgresql.change.objects
options:
  indexes:
    description:
      - The indexes and their desired state.
    type: list
    elements: dict
    required: true
    suboptions:
      table:
        description:
          - Literal name of the table, its case kept. May be left out for O(indexes[].state=absent) with a name, since
            an index has its name in its schema.
        type: str
      name:
        description:
          - Literal name of the index. By default C(<table>_<columns joined with _>_idx); an index with an expression
            needs a name.
        type: str
      columns:
        description:
          - The key columns in their order, each a literal name or a mapping of C(name) or C(expression) with C(order)
            (V(asc) or V(desc)), C(nulls) (V(first) or V(last)), C(opclass), C(opclass_parameters)
            and C(collation).
          - May be left out for O(indexes[].state=absent) with a name.
        type: list
        elements: raw
      unique:
        description: Whether the key must be unique. Duplicates are found first and shown.
        type: bool
        default: false
      nulls_not_distinct:
        description: Whether NULLs count as equal in a unique index (PostgreSQL 15 and later).
        type: bool
        default: false
      include:
        description: Literal names of columns that the index stores without being sorted by them.
        type: list
        elements: str
      where:
        description: SQL condition of a partial index, without the word WHERE.
        type: str
      method:
        description: 'Access method: V(btree), V(hash), V(gist), V(spgist), V(gin), V(brin) or one of an extension.'
        type: str
        default: btree
      storage_parameters:
        description: Storage parameters by name, such as C(fillfactor).
        type: dict
      tablespace:
        description: Literal name of the tablespace.
        type: str
      state:
        description: Whether the index must exist.
        type: str
        choices: [present, absent]
        default: present
      on_conflict:
        description: What to do with an index of this name that has another definition.
        type: str
        choices: [replace, refuse]
        default: replace
      on_equivalent:
        description:
          - What to do if a valid index of another name has the same definition. V(accept) counts it as this one and
            reports it, V(create) builds this one beside it.
        type: str
        choices: [accept, create]
        default: accept
"""

EXAMPLES = r"""
- name: Build two indexes in parallel
  steady.postgresql.index:
    database_url: "{{ steady_database_url }}"
    indexes:
      - {table: Appointment, columns: [tenantId, status, dateTime]}
      - table: Customer
        columns: [tenantId, {name: createdAt, order: desc}]
        include: [email]
        where: '"isActive"'
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
from ..module_utils._kinds.index.specification import ARGUMENT_SPEC
from ..module_utils._module import change_arguments, run
from ..module_utils._run.options import Options


def _apply(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    return apply_entries("indexes", parameters["indexes"], parameters["schema"], options)


def main() -> None:
    entries = {"type": "list", "elements": "dict", "required": True, "options": ARGUMENT_SPEC}
    run(AnsibleModule(argument_spec=change_arguments(indexes=entries), supports_check_mode=True), _apply)


if __name__ == "__main__":
    main()
