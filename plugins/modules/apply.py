#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.apply: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: apply
short_description: Apply a migration to a live database
version_added: 0.1.0
description:
  - Changes a database to the state that a migration describes, without blocking its traffic. Keeps a journal, from
    which M(steady.postgresql.rollback) undoes exactly what was done.
  - Reads and checks the migration file on the controller before it connects to the database, and shows all errors at
    once.
  - To resume an interrupted or failed run, run the same task again.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes
  - steady.postgresql.connection
  - steady.postgresql.change
  - steady.postgresql.progress
options:
  migration:
    description:
      - The migration as a name in a C(migrations) folder (beside the playbook, above it, or where the command runs),
        as the path of a YAML or SQL file on the controller, or as a mapping of the same form.
      - Or a folder of migrations in SQL. Those that are pending by the journal are deployed in their order,
        each as a deployment of its own.
    type: raw
    required: true
  baseline:
    description:
      - Of a folder of migrations, the last one that was deployed without the collection. It and those before are left
        out.
    type: str
    version_added: 0.5.0
  plan_hash:
    description:
      - The hash of a reviewed plan. If the plan differs from it by now, nothing is done.
    type: str
  journal:
    description:
      - Whether to keep the journal in schema C(steady) of the database.
    type: bool
    default: true
  verify:
    description:
      - If nothing has to be done, also verify as M(steady.postgresql.verify) does, in the same call.
    type: bool
    default: false
notes:
  - Needs jsonschema and jmespath on the controller, and pglast for a migration in SQL.
seealso:
  - module: steady.postgresql.rollback
  - module: steady.postgresql.verify
"""

EXAMPLES = r"""
- name: Apply the migration
  steady.postgresql.apply:
    database_url: "{{ steady_database_url }}"
    migration: schema_optimizations
    lock_budget: 100ms
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
verification:
  description: With O(verify=true) and nothing to do, the checks as M(steady.postgresql.verify) returns them.
  returned: when asked for
  type: list
  elements: dict
verified:
  description: With O(verify=true) and nothing to do, whether no check failed.
  returned: when asked for
  type: bool
deployments:
  description:
    - With a folder of migrations, one entry for each that was pending, with migration_id, deployment_id, status
      (V(planned), V(succeeded), V(failed) or V(not begun)) and the number of its steps.
  returned: for a folder of migrations
  type: list
  elements: dict
missing_privileges:
  description: In check mode, the privileges that the role lacks to apply the plan, with the GRANT for each.
  returned: success
  type: list
  elements: str
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._deploy.deployment import apply
from ..module_utils._deploy.folder import apply_folder, is_folder
from ..module_utils._module import CHANGE_ARGUMENTS, PROGRESS_ARGUMENTS, run
from ..module_utils._run.options import Options
from ..module_utils._support.errors import SteadyError


def _apply(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    if not isinstance(parameters["migration"], dict):
        raise SteadyError(
            "The migration is not a mapping.",
            "the action plugin reads files on the controller",
            "call the module as steady.postgresql.apply",
        )
    work = apply_folder if is_folder(parameters["migration"]) else apply
    return work(parameters["migration"], options)


def main() -> None:
    arguments = {
        **CHANGE_ARGUMENTS,
        **PROGRESS_ARGUMENTS,
        "migration": {"type": "raw", "required": True},
        "baseline": {"type": "str"},
        "plan_hash": {"type": "str", "no_log": False},
        "journal": {"type": "bool", "default": True},
        "verify": {"type": "bool", "default": False},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), _apply)


if __name__ == "__main__":
    main()
