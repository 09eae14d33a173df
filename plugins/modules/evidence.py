#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.evidence: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: evidence
short_description: Try the probes and measure the queries of a migration, before and after it
version_added: 0.2.0
description:
  - Tries the probes on real rows, in a transaction that always rolls back. Measures the queries with EXPLAIN (ANALYZE,
    BUFFERS) in read-only transactions, and the sizes of tables, indexes and columns.
  - Keeps the values from before in the journal (schema C(steady)) and compares them with the values after; a rerun of
    an interrupted deployment finds them there. Keeps the counters of index use with them.
  - Evaluates the expectations on the controller.
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
      - V(before) fails if a probe or a query is not valid and cannot be run. V(after) fails if a probe does not meet
        its expectation, or a query is slower than the migration says.
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
      - The longest that a probe may block a writer of its rows, unless the probe has its own timeout.
    type: str
    default: 100ms
  lock_patience:
    description:
      - How long planning and the journal may wait for a lock. Then the module fails and names the sessions that hold
        it.
    type: str
    default: 10m
notes:
  - Needs jsonschema and jmespath on the controller, and pglast for a migration in SQL.
seealso:
  - module: steady.postgresql.apply
  - module: steady.postgresql.verify
"""

EXAMPLES = r"""
- name: Measure before the change
  steady.postgresql.evidence:
    database_url: "{{ steady_database_url }}"
    migration: schema_optimizations
    when: before
"""

RETURN = r"""
probes:
  description: One entry for each probe, with name, status (ok, failed, inconclusive, refused or skipped), detail, and
    the results before and after.
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
  description: With O(when=after), each promise beside the measured value.
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
