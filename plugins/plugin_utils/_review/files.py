# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the files of a review into the artifacts folder of its host."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .._artifacts import host_folder, json_text, new_folder, write_privately
from .._junit import suites_xml
from .._pages import pages
from .cases import cases
from .document import document
from .gitlab import code_quality
from .remarks import Remark
from .review import Review, ReviewVerdict, accept_in_file, inventory_entry, standing
from .sarif import sarif

__all__ = ["write_review"]

_ROLES = Path(__file__).resolve().parents[3] / "roles"
# style.css is the report's.
_TEMPLATES = (_ROLES / "review" / "templates", _ROLES / "report" / "templates")
_LATEST = "latest-review"


def write_review(
    folder: Path, review: Review, remarks: list[Remark], host: str, version: str, formats: Collection[str]
) -> Path:
    """Write review.json, .sarif, .md, .html, junit.xml, and what formats asks for, into a new folder; that folder.

    folder: of the host. `latest-review` beside the new folder points to it. Raises OSError.
    """
    ids = {reading.id for reading in review.readings}
    target = new_folder(folder, f"{host_folder(ids.pop()) if len(ids) == 1 else 'migrations'}.review")
    content = document(review, host, version)
    write_privately(target / "review.json", _text(content))
    write_privately(target / "review.sarif", _text(sarif(remarks, version)))
    if "gitlab" in formats:
        write_privately(target / "gl-code-quality-report.json", _text(code_quality(remarks)))
    environment = pages(*_TEMPLATES)
    shown = {"review": content, "view": _view(review)}
    for name in ("review.html", "review.md"):
        write_privately(target / name, environment.get_template(f"{name}.j2").render(shown))
    title = f"review of {target.name.removesuffix('.review')}"
    write_privately(target / "junit.xml", suites_xml(title, host, cases(review)))
    pointer = folder / f".{_LATEST}-{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(target.name)
    pointer.replace(folder / _LATEST)
    return target


def _text(content: Any) -> str:
    """For programs: Python indents JSON slowly, and a folder of migrations has thousands of statements."""
    return json_text(content, indent=None)


def _view(review: Review) -> dict[str, Any]:
    """What the pages show beside the document: the statements by what they ask of people."""
    by_standing: dict[str, list[dict[str, Any]]] = {one.name: [] for one in ReviewVerdict}
    by_migration = []
    for reading in review.readings:
        rows = []
        for statement in reading.statements:
            stands = standing(statement)
            row = {
                "of": statement,
                "standing": stands.value,
                "class": _CLASSES[stands],
                "in_file": list(dict.fromkeys(accept_in_file(one.name) for one in statement.undecided)),
                "in_inventory": [inventory_entry(one.name, one.object) for one in statement.undecided],
            }
            rows.append(row)
            by_standing[stands.name].append(row)
        by_migration.append({"reading": reading, "rows": rows})
    return {
        "by_standing": by_standing,
        "by_migration": by_migration,
        "unreadable": [str(one) for one in review.unreadable],
        "unused": [str(one) for one in review.unused],
        "comments": list(dict.fromkeys(accept_in_file(h.name) for one in review.statements for h in one.undecided)),
        "decisions": [
            {"of": one, "hazard": hazard}
            for one in review.statements
            for hazard in one.hazards
            if hazard.accepted is not None
        ],
        "not_carried_out": review.not_carried_out,
        "files": len({statement.file for statement in review.statements}),
    }


#: As the report's style.css colours them.
_CLASSES = {
    ReviewVerdict.AS_WRITTEN: "ok",
    ReviewVerdict.ANOTHER_WAY: "ok",
    ReviewVerdict.DECIDED: "warning",
    ReviewVerdict.DECISION: "failed",
    ReviewVerdict.NOT_UNDERSTOOD: "failed",
}
