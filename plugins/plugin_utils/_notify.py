# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a webhook what a run came to, in the form that Slack and those who are like it take: {"text": …}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url

from ..module_utils._support.values import printable
from ._summary import headline

__all__ = ["message", "notify"]

_SECONDS = 10
_LONGEST = 1000


def message(result: Mapping[str, Any]) -> str:
    """The text: what, where, outcome; of a failure its first lines; how to undo it. Slack wants & < > escaped."""
    name = result["database"] or result["host"]
    what = f"{result['action']} {result['migration_id']}" if result["migration_id"] else result["action"]
    parts = [f"{what} on {name} ({result['host']}): {headline(result)}"]
    if result["error"]:
        parts.append(str(result["error"])[:_LONGEST])
    if result["undo"]:
        parts.append(f"to undo: {result['undo']}")
    return printable("\n".join(parts)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def notify(url: str, result: Mapping[str, Any]) -> list[str]:
    """Post it. A webhook that does not answer is a warning, not a failure: the run is what it is. Returns warnings.

    The URL is a secret, as Slack's are: of it, only the host is ever said.
    """
    try:
        host = urlsplit(url).hostname or "a URL without a host"
    except ValueError:
        host = "an invalid URL"
    try:
        body = json.dumps({"text": message(result)}).encode("utf-8")
        open_url(url, data=body, method="POST", headers={"Content-Type": "application/json"}, timeout=_SECONDS).close()
    except Exception as error:
        # Whatever it is: the words of an error may repeat the URL.
        name = type(error).__name__
        return [f"The webhook at {host} was not told ({name}); see steady_webhook_url. The run itself is done."]
    return []
