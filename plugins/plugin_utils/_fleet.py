# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One page over the newest runs of many databases, with those first that need somebody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ._artifacts import write_privately
from ._pages import pages
from ._summary import headline

__all__ = ["write_fleet_page"]

_ORDER = ("failed", "unreadable", "none", "planned", "rolled_back", "succeeded")


def write_fleet_page(artifacts: Path, hosts: Mapping[str, str], templates: Path) -> Path:
    """Write index.html into the artifacts' folder; its path. hosts: name → folder below it. Raises OSError.

    Of each result only a line is kept, so that hundreds of them need little memory.
    """
    rows = sorted((_row(artifacts, host, folder) for host, folder in hosts.items()), key=_urgency)
    counts = [(status, sum(1 for row in rows if row["status"] == status)) for status in _ORDER]
    page = (
        pages(templates)
        .get_template("fleet.html.j2")
        .render(rows=rows, counts=[(status, count) for status, count in counts if count])
    )
    target = artifacts / "index.html"
    write_privately(target, page)
    return target


def _urgency(row: Mapping[str, Any]) -> tuple[int, str]:
    return (_ORDER.index(row["status"]) if row["status"] in _ORDER else 0, row["host"])


def _row(artifacts: Path, host: str, folder: str) -> dict[str, Any]:
    """One line of the page: {host, database, status, action, migration, headline, finished_at, link}."""
    row: dict[str, Any] = {"host": host, "database": "", "status": "none", "action": "", "migration": ""}
    row.update(headline="no run was reported", finished_at="", link="", warnings=0)
    try:
        with (artifacts / folder / "latest" / "result.json").open(encoding="utf-8") as file:
            result = json.load(file)
        row.update(
            database=result["database"] or "",
            status=result["status"],
            action=result["action"],
            migration=result["migration_id"] or "",
            headline=headline(result),
            finished_at=result["finished_at"] or "",
            link=f"{quote(folder)}/latest/report.html",
            warnings=_warnings(result.get("preflight") or []),
        )
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError, AttributeError):
        row.update(status="unreadable", headline="its result.json cannot be read")
    return row


def _warnings(findings: Sequence[Mapping[str, Any]]) -> int:
    return sum(1 for finding in findings if finding.get("status") != "ok")
