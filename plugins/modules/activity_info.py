#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.activity_info: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: activity_info
short_description: Show active, blocked and blocking sessions
version_added: 0.2.0
description:
  - Shows slow, blocked and blocking sessions, long transactions, and sessions that are idle in a transaction. Reads
    pg_stat_activity once; ages are by the server's clock.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reads
  - steady.postgresql.connection
  - steady.postgresql.thresholds
"""

EXAMPLES = r"""
- name: Show blocking sessions
  steady.postgresql.activity_info:
    database_url: "{{ steady_database_url }}"
    slow_query: 10s
  register: activity
"""

RETURN = r"""
activity:
  description:
    - C(connections), C(active), C(hidden) (sessions whose queries this role may not see) and C(sessions), the
      reported ones, with C(reasons), ages in seconds, C(blocked_by), C(blocking) and the masked C(query).
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import CONNECTION_ARGUMENTS, run
from ..module_utils._monitor.activity import THRESHOLD_ARGUMENTS
from ..module_utils._monitor.monitor import activity_info


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        **THRESHOLD_ARGUMENTS,
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), activity_info)


if __name__ == "__main__":
    main()
