#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.evidence: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: evidence
short_description: Try and measure what a migration is for, before it and after it
version_added: 0.2.0
description:
  - Probes are tried on real rows, in a transaction that always rolls back. Queries are measured with EXPLAIN (ANALYZE,
    BUFFERS) in read-only transactions. Tables, indexes and columns are weighed.
  - What is measured before is kept in the journal (schema C(steady)), and set beside what is measured after; a rerun of
    an interrupted deployment finds it there. The counters of index use are kept with it.
  - The expectations are judged on the controller.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.acts
  - steady.postgresql.connection
options:
  migration:
    description:
      - The migration as a name in a C(migrations) folder (beside the playbook, above it, or where the command runs),
        as a path on the controller, or as a mapping of the same form.
    type: raw
    required: true
  when:
    description:
      - V(before) fails when a probe or a query is written so that it cannot be run. V(after) fails when a probe does
        not do what is expected of it, or a query is not as fast as the migration says.
    type: str
    choices: [before, after]
    required: true
  probes:
    description:
      - Whether to try the probes.
    type: bool
    default: true
  queries:
    description:
      - Whether to measure the queries.
    type: bool
    default: true
  lock_budget:
    description:
      - The longest that a probe may keep a writer of its rows waiting, unless it says otherwise itself.
    type: str
    default: 100ms
  lock_patience:
    description:
      - How long planning and the journal may wait for a lock, before giving up with the names of those who hold it.
    type: str
    default: 10m
notes:
  - Needs jsonschema and jmespath on the controller.
seealso:
  - module: steady.postgresql.apply
  - module: steady.postgresql.verify
"""

EXAMPLES = r"""
- name: See what works and how fast it is
  steady.postgresql.evidence:
    database_url: "{{ steady_database_url }}"
    migration: schema_optimizations
    when: before
"""

RETURN = r"""
probes:
  description: One entry for each probe, with name, status (ok, failed, inconclusive, refused or skipped), detail, and
    what came of it before and after.
  returned: always
  type: list
  elements: dict
queries:
  description: One entry for each query, with name, status (ok, failed, warning or inconclusive), promise, speedup, the
    index that is used, and its samples with the figures before and after.
  returned: always
  type: list
  elements: dict
storage:
  description: Bytes of tables, indexes and the database, and mean bytes of a value of a column, before and after.
  returned: always
  type: dict
promises:
  description: With O(when=after), each promise beside what was measured of it.
  returned: always
  type: list
  elements: dict
status:
  description: V(measured), V(planned) in check mode, or V(failed).
  returned: always
  type: str
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._evidence.evidence import Wanted, take_evidence
from ..module_utils._module import CONNECTION_ARGUMENTS, PATIENCE_ARGUMENTS, run
from ..module_utils._run.options import Options
from ..module_utils._support.errors import SteadyError


def _evidence(parameters: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    if not isinstance(parameters["migration"], dict):
        raise SteadyError(
            "The migration is not a mapping.",
            "the action plugin reads files on the controller",
            "call the module as steady.postgresql.evidence",
        )
    wanted = Wanted(parameters["when"], parameters["probes"], parameters["queries"])
    return take_evidence(parameters["migration"], wanted, options)


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        **PATIENCE_ARGUMENTS,
        "migration": {"type": "raw", "required": True},
        "when": {"type": "str", "choices": ["before", "after"], "required": True},
        "probes": {"type": "bool", "default": True},
        "queries": {"type": "bool", "default": True},
        "lock_budget": {"type": "str", "default": "100ms"},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), _evidence)


if __name__ == "__main__":
    main()
