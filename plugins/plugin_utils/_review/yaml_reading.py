# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration in YAML as a Reading: each entry is carried out online as it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ...module_utils._kinds.registry import KINDS
from .._migration_file import load
from .._sql.values import Entry, Reading, Statement, Verdict
from .._yaml_document import Document, parse

__all__ = ["yaml_reading"]


def yaml_reading(path: Path, shown: str, content: Mapping[str, Any] | None = None) -> Reading:
    """The entries of a file, or of a mapping in the inventory. Raises MigrationFileError with all its mistakes."""
    data = load(path) if content is None else content
    document = parse(path.read_text(encoding="utf-8-sig")) if content is None else None
    statements = []
    for kind in KINDS.values():
        for position, entry in enumerate(data.get(kind.section) or []):
            line = 1 if document is None else _line(document, kind.section, position)
            specification = kind.specification(entry, str(data.get("schema") or "public"))
            name = kind.name.replace("_", " ")
            verb = "drop " if entry.get("state") == "absent" else ""
            table = f" of {specification.schema}.{specification.table}" if specification.table else ""
            statements.append(
                Statement(
                    file=shown,
                    line=line,
                    column=1,
                    text=yaml.safe_dump(entry, default_flow_style=True, allow_unicode=True, width=1000).strip(),
                    kind=name,
                    summary=f"{verb}{name} {specification.name}{table}",
                    verdict=Verdict.AS_WRITTEN,
                    entries=(Entry(kind.section, entry),),
                )
            )
    return Reading(str(data["id"]), tuple(sorted(statements, key=lambda one: one.line)))


def _line(document: Document, section: str, position: int) -> int:
    return document.line((section, position))
