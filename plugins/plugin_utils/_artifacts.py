# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a run leaves on the controller."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

__all__ = ["write_artifacts"]

_SUFFIX = {
    "deploy": "",
    "rollback": ".rollback",
    "verify": ".verify",
    "backup": ".backup",
    "backup_verify": ".backup_verify",
    "restore": ".restore",
}


def write_artifacts(folder: Path, result: Mapping[str, Any], template: Path) -> Path:
    """Write result.json, plan.sql and report.html for one run of one host; its folder. Raises OSError.

    A file is written beside its place and renamed, so that nobody ever reads half of one.
    """
    target = _new_folder(folder, str(result["deployment_id"]) + _SUFFIX[result["action"]])
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        template.read_text(encoding="utf-8")
    )
    document = {key: value for key, value in result.items() if key != "plan_sql"}
    _replace(target / "result.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    _replace(target / "plan.sql", result["plan_sql"])
    _replace(target / "report.html", page.render(result=result))
    latest = folder / "latest"
    pointer = folder / f".latest-{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(target.name)
    pointer.replace(latest)
    return target


def _new_folder(folder: Path, name: str) -> Path:
    """A folder of this run's own: what an earlier attempt left is evidence, too, and is never written over."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        target = folder / (name if number == 1 else f"{name}.{number}")
        try:
            target.mkdir()
            return target
        except FileExistsError:
            number += 1


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    # A name in the database may hold what UTF-8 cannot encode; the report is written all the same.
    beside.write_text(text, encoding="utf-8", errors="backslashreplace")
    beside.replace(path)
