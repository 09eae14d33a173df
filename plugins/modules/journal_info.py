#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.journal_info: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: journal_info
short_description: Read the journal of deployments
version_added: 0.1.0
description:
  - Lists the deployments in the journal (schema C(steady) of a database), newest first, and the steps of one of them.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reads
  - steady.postgresql.connection
options:
  deployment_id:
    description:
      - Only this deployment, with its steps.
    type: str
seealso:
  - module: steady.postgresql.rollback
"""

EXAMPLES = r"""
- name: List the deployments
  steady.postgresql.journal_info:
    database_url: "{{ steady_database_url }}"
  register: journal
"""

RETURN = r"""
deployments:
  description: Deployments with id, migration_id, status, started_at, finished_at and attempts.
  returned: success
  type: list
  elements: dict
steps:
  description: With O(deployment_id), its steps in all attempts, with the images before and after.
  returned: success
  type: list
  elements: dict
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._deploy.journal_info import journal_info
from ..module_utils._module import CONNECTION_ARGUMENTS, run
from ..module_utils._run.options import Options


def _read(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    return journal_info(parameters["deployment_id"], options)


def main() -> None:
    arguments = {**CONNECTION_ARGUMENTS, "deployment_id": {"type": "str"}}
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), _read)


if __name__ == "__main__":
    main()
