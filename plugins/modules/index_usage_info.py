#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.index_usage_info: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: index_usage_info
short_description: Show how much each index is used since the deployment that created it
version_added: 0.2.0
description:
  - Shows the scans, the tuples read and fetched, and the size of each index. For an index that a deployment created,
    they count from then on; a reset of the server's statistics since then is detected. Reads no user table.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reads
  - steady.postgresql.connection
options:
  schema:
    description:
      - Only indexes of this schema.
    type: str
  unused_after:
    description:
      - An index that no query has used for this long since a deployment created it counts as unused.
    type: str
    default: 24h
"""

EXAMPLES = r"""
- name: Show which of the new indexes are unused
  steady.postgresql.index_usage_info:
    database_url: "{{ steady_database_url }}"
    unused_after: 48h
  register: usage
"""

RETURN = r"""
usage:
  description:
    - C(stats_reset) and C(indexes), each with C(schema), C(table), C(index), C(bytes), C(valid), C(scans),
      C(tuples_read), C(tuples_fetched), C(deployment_id), C(made_at), C(since) (V(deployment), V(reset) or V(always)),
      C(use) (V(used), V(unused), V(not used yet) or V(kept by a constraint)) and C(note).
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import CONNECTION_ARGUMENTS, run
from ..module_utils._monitor.monitor import index_usage_info


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        "schema": {"type": "str"},
        "unused_after": {"type": "str", "default": "24h"},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), index_usage_info)


if __name__ == "__main__":
    main()
