# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules that take their time say how far they are."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  progress:
    description:
      - Whether to show in Ansible's own output, every five seconds, how far it is. V(auto) does so when that output is
        a terminal.
    type: str
    choices: [auto, always, never]
    default: auto
  progress_file:
    description:
      - Where the module says how far it is. The action plugin sets it.
    type: path
"""
