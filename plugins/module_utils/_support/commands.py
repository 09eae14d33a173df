# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that are printed to be pasted: what a shell, Ansible and Jinja make of them is the value that was meant."""

from __future__ import annotations

import json
import re
import shlex
from typing import Sequence, Union

__all__ = ["variable"]

_PLAIN = re.compile(r"[\w@%+:,./~-]+")
_TEMPLATE = re.compile(r"\{[{%#]")


def variable(name: str, value: Union[str, Sequence[str]]) -> str:
    """The option -e that gives a variable of a playbook this text, or this list of texts.

    name=value is split at spaces by Ansible, and every value of -e is a template; only a mapping in YAML has quotes
    that Ansible heeds, and the tag !unsafe (Ansible documentation, "Advanced playbook syntax").
    """
    if not isinstance(value, str):
        return "-e " + shlex.quote(f'{{"{name}": [{", ".join(_quoted(one) for one in value)}]}}')
    if _PLAIN.fullmatch(value):
        return "-e " + shlex.quote(f"{name}={value}")
    return "-e " + shlex.quote(f'{{"{name}": {_quoted(value)}}}')


def _quoted(text: str) -> str:
    tag = "!unsafe " if _TEMPLATE.search(text) else ""
    return tag + json.dumps(text, ensure_ascii=False)
