# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a run leaves on the controller."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..module_utils._support.values import OBEYED, printable
from ._junit import junit
from ._pages import pages
from ._report_view import view

__all__ = ["host_folder", "json_text", "new_folder", "refuse_unwritable", "write_artifacts", "write_privately"]


# A report names tables, sessions and roles, and may show keys of rows: it is for the user who ran the playbook.
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600


def host_folder(host: str) -> str:
    """The name of a host's folder: an inventory's name may hold a slash."""
    return re.sub(r"[^\w.@+-]", "_", host)


def refuse_unwritable(artifacts: Path, host: str, together: bool) -> None:
    """Try all that the end of a run writes for a host, and leave nothing but the folder. Raises OSError.

    together: whether the page over all hosts is written, too.
    """
    folder = artifacts / host_folder(host)
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    for place, name in ((folder, "latest"), (artifacts, "index.html")) if together else ((folder, "latest"),):
        target = place / name
        if target.is_dir() and not target.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        trial = Path(tempfile.mkdtemp(prefix=".trial-", dir=place))
        try:
            write_privately(trial / "result.json", "{}\n")
            (trial / "latest").symlink_to("result.json")
        finally:
            shutil.rmtree(trial, ignore_errors=True)


def write_artifacts(
    folder: Path,
    result: Mapping[str, Any],
    templates: Path,
    commands: Mapping[str, str] | None = None,
    operator: str = "",
) -> Path:
    """Write result.json, plan.sql, report.html, report.md and junit.xml of one run of one host; its folder.

    templates: the folder of report.html.j2 and report.md.j2. commands: what can be typed for this host, by playbook.
    operator: who runs it.
    A file is written beside its place and renamed, so that nobody ever reads half of one. Raises OSError.
    """
    kind = "" if result["action"] == "deploy" else f".{result['action']}"
    target = new_folder(folder, f"{result['deployment_id']}{kind}")
    environment = pages(templates)
    shown = {"result": result, "view": view(result, commands or {}, operator)}
    document = {key: value for key, value in result.items() if key != "plan_sql"}
    write_privately(target / "result.json", json_text(document))
    write_privately(target / "plan.sql", printable(result["plan_sql"]))
    write_privately(target / "report.html", environment.get_template("report.html.j2").render(shown))
    write_privately(target / "report.md", environment.get_template("report.md.j2").render(shown))
    write_privately(target / "junit.xml", junit(result))
    latest = folder / "latest"
    pointer = folder / f".latest-{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(target.name)
    pointer.replace(latest)
    return target


def json_text(document: Any, indent: int | None = 2) -> str:
    r"""Every value as it is; what a terminal would obey is written as \u009b, which JSON reads as the same."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return OBEYED.sub(lambda found: f"\\u{ord(found.group()):04x}", text) + "\n"


def new_folder(folder: Path, name: str) -> Path:
    """A folder of this run's own: what an earlier attempt left is evidence, too, and is never written over."""
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    number = 1
    while True:
        target = folder / (name if number == 1 else f"{name}.{number}")
        try:
            target.mkdir(mode=_PRIVATE_FOLDER)
            return target
        except FileExistsError:
            number += 1


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its user may read, beside its place, and rename it. Raises OSError."""
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    # A name in the database may hold what UTF-8 cannot encode; the report is written all the same.
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE), "wb") as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))
    beside.replace(path)
