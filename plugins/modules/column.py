#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.column: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: column
short_description: Add columns, set their defaults, make them nullable or NOT NULL
version_added: 0.1.0
description:
  - Adds a column with a O(columns[].type) where it is missing, in a moment and without writing rows anew. Where
    PostgreSQL would have to write all rows anew (a volatile default, identity, a stored generated column, a domain with
    constraints), the column is added only to a table without rows.
  - Sets and drops defaults. The type of a column that is there is compared, and never changed.
  - Makes columns nullable or NOT NULL. NOT NULL is validated while reads and writes continue (with a NOT VALID
    constraint on PostgreSQL 18, with a CHECK on older versions). Rows without a value are found first and stop the
    change.
  - For a partitioned table, all partitions are changed with it. This is refused if a partition has its own NOT NULL.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes
  - steady.postgresql.connection
  - steady.postgresql.change
  - steady.postgresql.change.objects
options:
  columns:
    description:
      - The columns and their desired state.
    type: list
    elements: dict
    required: true
    suboptions:
      table:
        description: Literal name of the table, its case kept.
        type: str
        required: true
      name:
        description: Literal name of the column, its case kept.
        type: str
        required: true
      nullable:
        description: Whether the column permits NULL. By default a new column does, and another one stays as it is.
        type: bool
      type:
        description: The type as SQL writes it, such as V(numeric(10,2\)). A missing column is added.
        type: str
      default:
        description:
          - The default as an SQL expression, such as V(0), V('new') with its quotes, or V(CURRENT_TIMESTAMP).
          - V(NULL) means no default, and drops the one that is there.
        type: str
      generated:
        description: The expression of a stored generated column, without the parentheses around it.
        type: str
      identity:
        description: Whether the column is an identity column, and of which sort.
        type: str
        choices: [always, by_default]
      collation:
        description: Literal name of the collation, such as V(C) or V(other_schema.name); by default that of the type.
        type: str
      comment:
        description: The comment on the column. An empty one means none.
        type: str
      on_conflict:
        description: What to do with a column of this name that has another default, comment or nullability.
        type: str
        choices: [replace, refuse]
        default: replace
"""

EXAMPLES = r"""
- name: Allow cash drawers without an opener
  steady.postgresql.column:
    database_url: "{{ steady_database_url }}"
    columns:
      - {table: CashDrawer, name: openedById, nullable: true}

- name: Add a column
  steady.postgresql.column:
    database_url: "{{ steady_database_url }}"
    columns:
      - {table: Sale, name: discount, type: "numeric(10,2)", default: 0, nullable: false}
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
from ..module_utils._kinds.column.specification import ARGUMENT_SPEC
from ..module_utils._module import change_arguments, run
from ..module_utils._run.options import Options


def _apply(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    return apply_entries("columns", parameters["columns"], parameters["schema"], options)


def main() -> None:
    entries = {"type": "list", "elements": "dict", "required": True, "options": ARGUMENT_SPEC}
    run(AnsibleModule(argument_spec=change_arguments(columns=entries), supports_check_mode=True), _apply)


if __name__ == "__main__":
    main()
