#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action steady.postgresql.fleet_report, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet_report
short_description: Write one page over the newest runs of all databases of a play
version_added: 0.2.0
description:
  - Writes C(index.html) into the folder of the artifacts, with a line and a link for each host of the play, those first
    that need somebody. It reads what M(steady.postgresql.report) left there. To be run once, after it.
  - In check mode nothing is written.
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
      - Folder of the Jinja2 template C(fleet.html.j2), on the controller.
    type: path
    required: true
seealso:
  - module: steady.postgresql.report
"""

EXAMPLES = r"""
- name: One page over all of them
  steady.postgresql.fleet_report:
    directory: artifacts
    templates: "{{ role_path }}/templates"
  run_once: true
"""

RETURN = r"""
path:
  description: The page.
  returned: outside check mode
  type: str
msg:
  description: The page, in a sentence.
  returned: always
  type: str
"""
