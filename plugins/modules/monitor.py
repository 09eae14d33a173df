#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.monitor: one round; the action plugin repeats it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: monitor
short_description: Monitor a database, once or for some time
version_added: 0.2.0
description:
  - One round reads sessions, locks, index use since the deployments, statements, invalid indexes, dead rows, replicas
    and cache, and reports findings. With O(watch_for) the controller repeats it. A database that restarts is
    reported, and checked again when it is back.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reads
  - steady.postgresql.connection
  - steady.postgresql.thresholds
options:
  unused_after:
    description:
      - An index that no query has used for this long since a deployment created it counts as unused.
    type: str
    default: 24h
  max_replica_lag:
    description:
      - Replicas that are further behind are a finding. V(off) does not check them.
    type: str
    default: 30s
  watch_for:
    description:
      - Monitor for this long, such as V(24h). By default there is one round.
    type: str
  interval:
    description:
      - The time from one round to the next.
    type: str
    default: 60s
  fail_on:
    description:
      - The task fails on findings of this severity and above.
    type: str
    choices: [critical, warning, never]
    default: critical
  prometheus:
    description:
      - A file on the controller for node_exporter's textfile collector, rewritten after each round.
    type: path
"""

EXAMPLES = r"""
- name: Monitor the database for a day
  steady.postgresql.monitor:
    database_url: "{{ steady_database_url }}"
    watch_for: 24h
    interval: 5m
"""

RETURN = r"""
monitoring:
  description:
    - C(rounds), C(unreachable) (moments at which the database did not answer), C(findings) of all rounds with
      C(first_at), C(last_at) and C(times), and C(last), the last round with C(activity), C(usage), C(statements) and
      C(health).
  returned: always
  type: dict
status:
  description: V(succeeded), or V(failed) by O(fail_on).
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import CONNECTION_ARGUMENTS, run
from ..module_utils._monitor.activity import THRESHOLD_ARGUMENTS
from ..module_utils._monitor.monitor import monitor


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        **THRESHOLD_ARGUMENTS,
        "unused_after": {"type": "str", "default": "24h"},
        "max_replica_lag": {"type": "str", "default": "30s"},
        "watch_for": {"type": "str"},
        "interval": {"type": "str", "default": "60s"},
        "fail_on": {"type": "str", "choices": ["critical", "warning", "never"], "default": "critical"},
        "prometheus": {"type": "path"},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), monitor)


if __name__ == "__main__":
    main()
