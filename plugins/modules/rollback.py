#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.rollback: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rollback
short_description: Undo a deployment exactly
version_added: 0.1.0
description:
  - Restores every object that a deployment changed to its before image in the journal, with the same safe steps. Drops
    only what that deployment created.
  - Refuses what can no longer be undone, such as NOT NULL on a column that now contains NULLs, and names the rows or
    objects.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes
  - steady.postgresql.connection
  - steady.postgresql.change
  - steady.postgresql.progress
options:
  deployment_id:
    description:
      - The deployment to undo. By default the last one that is not completely undone.
    type: str
  partial:
    description:
      - Undo everything that can be undone, and skip the rest.
    type: bool
    default: false
  only:
    description:
      - Undo only these objects of the deployment, as reports name them, such as V(public.Sale_status_idx).
    type: list
    elements: str
    default: []
    version_added: 0.2.0
seealso:
  - module: steady.postgresql.apply
  - module: steady.postgresql.journal_info
"""

EXAMPLES = r"""
- name: Undo the last deployment
  steady.postgresql.rollback:
    database_url: "{{ steady_database_url }}"

- name: Undo a certain deployment, except what can no longer be undone
  steady.postgresql.rollback:
    database_url: "{{ steady_database_url }}"
    deployment_id: 20261122T215339Z-4f1c
    partial: true
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

left_out:
  description: With O(partial=true) or O(only), what was skipped and why.
  returned: success
  type: list
  elements: dict
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._deploy.rollback import rollback
from ..module_utils._module import CHANGE_ARGUMENTS, PROGRESS_ARGUMENTS, run
from ..module_utils._run.options import Options


def _rollback(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    return rollback(parameters["deployment_id"], parameters["partial"], options, parameters["only"])


def main() -> None:
    arguments = {
        **CHANGE_ARGUMENTS,
        **PROGRESS_ARGUMENTS,
        "deployment_id": {"type": "str"},
        "partial": {"type": "bool", "default": False},
        "only": {"type": "list", "elements": "str", "default": []},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), _rollback)


if __name__ == "__main__":
    main()
