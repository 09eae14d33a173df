#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action steady.postgresql.fleet_report, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet_report
short_description: Write an overview of the newest runs of all databases of a play
version_added: 0.2.0
description:
  - Writes C(index.html) into the folder of the artifacts, with a line and a link for each host of the play; hosts that
    need action come first. Reads what M(steady.postgresql.report) wrote there. Run it once, after that module.
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
      - Folder of the Jinja2 template C(fleet.html.j2), on the controller.
    type: path
    required: true
seealso:
  - module: steady.postgresql.report
"""

EXAMPLES = r"""
- name: Write the overview
  steady.postgresql.fleet_report:
    directory: artifacts
    templates: "{{ role_path }}/templates"
  run_once: true
"""

RETURN = r"""
path:
  description: The path of the page.
  returned: outside check mode
  type: str
msg:
  description: A sentence with the path of the page.
  returned: always
  type: str
"""
