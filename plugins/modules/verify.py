#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.verify: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: verify
short_description: Check that a database has the state that its migration describes
version_added: 0.1.0
description:
  - Compares every object of a migration with the catalog, by definition; compares row counts with those before the
    deployment; and runs the queries of the migration, whose results are evaluated with JMESPath on the controller.
  - Compares the objects that all deployments left, by the journal, with the catalog.
  - Reads everything in one read-only REPEATABLE READ snapshot with row level security off, so that a hidden row is an
    error and not a smaller number.
  - Row counts of a live database change. A difference counts as a loss only if the rows that the application inserted
    and deleted since then do not explain it.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reads
  - steady.postgresql.connection
options:
  migration:
    description:
      - The migration as a name in a C(migrations) folder (beside the playbook, above it, or where the command runs),
        as the path of a YAML or SQL file on the controller, or as a mapping of the same form.
      - Or a folder of migrations in SQL. Each that is pending by the journal is a failed check; what the deployed ones
        left is compared with the journal.
    type: raw
    required: true
  baseline:
    description:
      - Of a folder of migrations, the last one that was deployed without the collection. It and those before are left
        out.
    type: str
    version_added: 0.5.0
  drift:
    description:
      - Whether to check also every object that the deployments and rollbacks in the journal left, of this migration and
        of others. An object that was changed since is a failed check, with its definition then and now.
    type: bool
    default: true
  lock_patience:
    description:
      - How long a query may wait for a lock. Then the module fails and names the sessions that hold it.
    type: str
    default: 10m
notes:
  - Needs jsonschema and jmespath on the controller, and pglast for a migration in SQL.
seealso:
  - module: steady.postgresql.apply
"""

EXAMPLES = r"""
- name: Verify the migration
  steady.postgresql.verify:
    database_url: "{{ steady_database_url }}"
    migration: schema_optimizations
"""

RETURN = r"""
verification:
  description: One entry for each check, with name, kind (structure, count, query or drift), status (ok, failed or
    skipped) and detail; if an object was changed, also before and after, its definition as it was left and as
    it is now.
  returned: always
  type: list
  elements: dict
status:
  description: V(succeeded) when no check failed, else V(failed).
  returned: always
  type: str
"""

from dataclasses import replace
from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._deploy.folder import is_folder, verify_folder
from ..module_utils._deploy.verification import verify
from ..module_utils._module import CONNECTION_ARGUMENTS, PATIENCE_ARGUMENTS, run
from ..module_utils._run.options import Options
from ..module_utils._support.errors import SteadyError


def _verify(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    if not isinstance(parameters["migration"], dict):
        raise SteadyError(
            "The migration is not a mapping.",
            "the action plugin reads files on the controller",
            "call the module as steady.postgresql.verify",
        )
    # Verifying never writes, in check mode or out of it.
    work = verify_folder if is_folder(parameters["migration"]) else verify
    return work(parameters["migration"], replace(options, check=True), parameters["drift"])


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        **PATIENCE_ARGUMENTS,
        "migration": {"type": "raw", "required": True},
        "baseline": {"type": "str"},
        "drift": {"type": "bool", "default": True},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), _verify)


if __name__ == "__main__":
    main()
