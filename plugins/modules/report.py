#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action steady.postgresql.report, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: report
short_description: Write the report of a run, and print its result
version_added: 0.1.0
description:
  - Writes C(result.json), C(plan.sql), C(report.html), C(report.md) for chats and tickets, and C(junit.xml) for
    pipelines into C(<directory>/<host>/<deployment id>) on the controller, with C(latest) beside it pointing to the
    newest, and returns the result in a few lines. The page has charts if pygal is installed.
  - In check mode it writes nothing.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reports
options:
  directory:
    description:
      - Folder for the artifacts of all hosts.
    type: path
    required: true
  templates:
    description:
      - Folder of the Jinja2 templates C(report.html.j2) and C(report.md.j2), on the controller. The pages escape
        all values.
    type: path
    required: true
  results:
    description:
      - What the other modules returned, under C(plan), C(apply) or C(rollback), C(verify), C(evidence), C(backup) and
        C(restore).
    type: dict
    required: true
  webhook_url:
    description:
      - The address to which the result is posted, as JSON with a C(text), the format of Slack and others. If it cannot
        be reached, that is a warning.
    type: str
  webhook_when:
    description:
      - V(failed) is for failures only.
    type: str
    choices: [always, failed]
    default: always
"""

EXAMPLES = r"""
- name: Report
  steady.postgresql.report:
    directory: artifacts
    templates: "{{ role_path }}/templates"
    results:
      plan: "{{ plan }}"
      apply: "{{ applied }}"
      verify: "{{ verified }}"
"""

RETURN = r"""
msg:
  description: The result in a few lines, with the folder of the files.
  returned: always
  type: str
directory:
  description: The folder of the files; empty in check mode, and where they could not be written.
  returned: always
  type: str
unwritten:
  description:
    - Whether the files could not be written. Then RV(msg) also says so, after the result. The role fails because of it,
      once the result of every host is shown.
  returned: always
  type: bool
  version_added: 0.4.0
"""
