#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.preflight: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: preflight
short_description: Review a database before a migration is applied to it
version_added: 0.3.0
description:
  - Makes the plan of a migration as M(steady.postgresql.apply) does in check mode, and checks for everything that could
    delay or prevent it, in one call that changes nothing.
  - Every check has a finding, with evidence and what to do. If a finding is a blocker, the module fails and shows all
    findings in its message; nothing is changed in any case.
  - The collection's documentation describes each check, in C(docs/preflight.md).
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
      - Or a folder of migrations in SQL. The first that is pending by the journal is planned. Those after it can only
        be planned when it has been deployed.
    type: raw
    required: true
  baseline:
    description:
      - Of a folder of migrations, the last one that was deployed without the collection. It and those before are left
        out.
    type: str
    version_added: 0.5.0
  severity:
    description:
      - Severities of checks, by name, instead of their defaults. Each is V(ok), V(warning) or V(blocker).
      - A finding that the plan is refused stays a blocker.
    type: dict
    default: {}
  backup_directory:
    description:
      - Folder on the host that has the backups of M(steady.postgresql.backup).
    type: path
  backup:
    description:
      - How the backup before the deployment will be taken, by options of M(steady.postgresql.backup). What it needs on
        this host and does not find is a finding, C(backup_needs). Empty values count as not given.
    type: dict
    version_added: 0.4.0
    suboptions:
      method:
        description: Of M(steady.postgresql.backup).
        type: str
        default: pg_dump
      supabase_cli:
        description: Of M(steady.postgresql.backup).
        type: path
      programs_dir:
        description: Of M(steady.postgresql.backup).
        type: path
      compression:
        description: Of M(steady.postgresql.backup).
        type: str
      proof:
        description: Of M(steady.postgresql.backup).
        type: str
      copy_to:
        description: Of M(steady.postgresql.backup).
        type: list
        elements: path
        default: []
      encrypt_with:
        description: Of M(steady.postgresql.backup).
        type: str
      encrypt_to:
        description: Of M(steady.postgresql.backup).
        type: list
        elements: str
        default: []
      encrypt_read_back:
        description: Of M(steady.postgresql.backup).
        type: bool
        default: true
      decrypt_identity:
        description: Of M(steady.postgresql.backup).
        type: path
      elsewhere:
        description: Of M(steady.postgresql.backup).
        type: str
  parallel:
    description:
      - Number of parallel index builds, for the estimate of the disk space that they need. By default chosen from the
        server.
    type: int
  old_transaction:
    description:
      - Transactions older than this are treated as long-running, as for M(steady.postgresql.apply).
    type: str
    default: 1m
    version_added: 0.4.0
  max_replica_lag:
    description:
      - How far replicas may be behind when a step begins, as for M(steady.postgresql.apply). V(off) does
        not check them.
    type: str
    default: 30s
    version_added: 0.4.0
  disk_allowance:
    description:
      - How much disk space the new indexes may use while they are built, such as V(20GB). By default the free space,
        where it is known.
    type: str
  verify:
    description:
      - If nothing has to be done, also verify as M(steady.postgresql.verify) does, in the same call.
    type: bool
    default: false
  rehearse:
    description:
      - Also try every definition of the plan on the server, on empty temporary copies of the tables, in a transaction
        that is rolled back. So a statement that the server would refuse is known before a backup is taken.
      - Takes ACCESS SHARE on the tables for a moment, and waits for no lock longer than a second. Each definition is
        tried with the privileges of the table's owner. Needs TEMP on the database, else it is skipped.
      - Skipped in check mode, which writes nothing at all.
    type: bool
    default: false
    version_added: 0.4.0
notes:
  - Needs jsonschema and jmespath on the controller, and pglast for a migration in SQL.
  - In check mode the role does not need the privileges to execute the plan. A missing privilege is a warning there, and
    a blocker otherwise.
seealso:
  - module: steady.postgresql.apply
  - module: steady.postgresql.verify
"""

EXAMPLES = r"""
- name: Review the database
  steady.postgresql.preflight:
    database_url: "{{ steady_database_url }}"
    migration: schema_optimizations
    severity:
      unindexed_foreign_key: ok
      old_transaction: blocker
"""

RETURN = r"""
preflight:
  description:
    - One entry for each check, with name, status (ok, warning or blocker), title, evidence (sentences) and todo;
      severity_changed if the inventory gave it another severity.
  returned: always
  type: list
  elements: dict
said:
  description: How many checks there were, and which found something, in one line for the terminal.
  returned: always
  type: str
status:
  description: V(planned), or V(failed) if a finding is a blocker.
  returned: always
  type: str
plan_hash:
  description: SHA-256 of the steps and of the objects that they would change.
  returned: when the plan could be made
  type: str
plan_sql:
  description: The plan as text, each statement with the locks that it takes.
  returned: when the plan could be made
  type: str
steps:
  description: The planned steps, as M(steady.postgresql.apply) returns them.
  returned: when the plan could be made
  type: list
  elements: dict
deployments:
  description:
    - With a folder of migrations, one entry for each that was pending, with migration_id, deployment_id, status
      (V(planned), V(succeeded), V(failed) or V(not begun)) and the number of its steps.
  returned: for a folder of migrations
  type: list
  elements: dict
missing_privileges:
  description: The privileges that the role lacks to execute the plan, with the GRANT for each.
  returned: when the plan could be made
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
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._deploy.folder import is_folder, plan_folder
from ..module_utils._module import CONNECTION_ARGUMENTS, run
from ..module_utils._preflight.preflight import preflight
from ..module_utils._run.options import Options
from ..module_utils._support.errors import SteadyError


def _preflight(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    if not isinstance(parameters["migration"], dict):
        raise SteadyError(
            "The migration is not a mapping.",
            "the action plugin reads files on the controller",
            "call the module as steady.postgresql.preflight",
        )
    data = parameters["migration"]

    def plan(migration: Mapping[str, Any]) -> Dict[str, Any]:
        return preflight(
            migration,
            options,
            parameters["severity"],
            parameters["backup_directory"],
            parameters["rehearse"],
            parameters["backup"],
        )

    result = plan_folder(data, options, plan) if is_folder(data) else plan(data)
    # Looking changes nothing; what a deployment would change is in the steps.
    return {**result, "changed": False}


# Those of the module backup by which one can be taken, or cannot.
_BACKUP = {
    "method": {"type": "str", "default": "pg_dump"},
    "supabase_cli": {"type": "path"},
    "programs_dir": {"type": "path"},
    "compression": {"type": "str"},
    "proof": {"type": "str"},
    "copy_to": {"type": "list", "elements": "path", "default": []},
    "encrypt_with": {"type": "str"},
    "encrypt_to": {"type": "list", "elements": "str", "default": []},
    "encrypt_read_back": {"type": "bool", "default": True},
    "decrypt_identity": {"type": "path"},
    "elsewhere": {"type": "str"},
}


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        "migration": {"type": "raw", "required": True},
        "baseline": {"type": "str"},
        "severity": {"type": "dict", "default": {}},
        "backup_directory": {"type": "path"},
        "backup": {"type": "dict", "options": _BACKUP},
        "rehearse": {"type": "bool", "default": False},
        "verify": {"type": "bool", "default": False},
        "parallel": {"type": "int"},
        "old_transaction": {"type": "str", "default": "1m"},
        "max_replica_lag": {"type": "str", "default": "30s"},
        "disk_allowance": {"type": "str"},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), _preflight)


if __name__ == "__main__":
    main()
