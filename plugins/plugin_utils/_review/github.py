# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A review as workflow commands of GitHub Actions, which show remarks beside the lines of a pull request.

The escapes are those of the runner (actions/runner, ActionCommand.cs; GitHub documentation, "Workflow commands").
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from ...module_utils._support.values import printable
from .remarks import Remark

__all__ = ["quiet", "workflow_commands"]


def workflow_commands(found: Sequence[Remark]) -> list[str]:
    """One command for each remark. GitHub shows ten errors and ten warnings of a step."""
    return [
        f"::{one.level} file={_property(one.file)},line={one.line},col={one.column},"
        f"title={_property(_title(one))}::{_data(one.message)}"
        for one in found
    ]


def quiet(lines: Sequence[str]) -> list[str]:
    """Lines in which the runner obeys nothing: names in them come from files, and may look like commands."""
    token = secrets.token_hex(16)
    return [f"::stop-commands::{token}", *lines, f"::{token}::"]


def _title(one: Remark) -> str:
    return f"{one.rule}: {one.about}" if one.about else one.rule


def _data(text: str) -> str:
    escaped = printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace("##[", "##%5B")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
