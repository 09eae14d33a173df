# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that show their progress."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  progress:
    description:
      - Whether to show the progress in Ansible's own output, every five seconds. V(auto) does so if that output is a
        terminal.
    type: str
    choices: [auto, always, never]
    default: auto
  progress_file:
    description:
      - The file for the module's progress. The action plugin sets it.
    type: path
"""
