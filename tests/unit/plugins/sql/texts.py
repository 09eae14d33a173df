# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL texts as files, for the tests of their reader."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.steady.postgresql.plugins.module_utils._migration.rules import migration_problems
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_shape import shape_problems
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.migration import migration_of
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.reader import SqlProblem, read_sql
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import HAZARDS, Reading, Statement


def reading(*texts: str | bytes) -> Reading:
    """Of one or several files, m.sql, m2.sql …"""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"m{number or ''}.sql" for number in (0, *range(2, len(texts) + 1))]
        for path, text in zip(paths, texts):
            path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return read_sql(paths, "m", lambda path: path.name)


def one(text: str) -> Statement:
    """The last statement of a text."""
    return reading(text).statements[-1]


def problems(*texts: str | bytes) -> list[str]:
    """What is wrong with files that cannot be read."""
    try:
        reading(*texts)
    except SqlProblem as error:
        return str(error).splitlines()
    raise AssertionError("it was read")


def migration(text: str, schema: str | None = None) -> dict[str, Any]:
    """The migration that a text means; it is one that a YAML file could be, but for indexes without a table."""
    data = migration_of(reading(text), schema)
    assert migration_problems(data) == []
    shape = shape_problems(data, lambda path: None)
    assert [*shape.problems, *shape.soft] == []
    return data


def refusals(text: str, schema: str | None = None) -> list[str]:
    """Why a text that can be read cannot be carried out."""
    try:
        migration_of(reading(text), schema)
    except SqlProblem as error:
        return str(error).splitlines()
    raise AssertionError("it can be carried out")


def hazards(text: str) -> list[tuple[str, str]]:
    """Names and objects of the last statement's hazards."""
    found = [(hazard.name, hazard.object) for hazard in one(text).hazards]
    assert {name for name, _object in found} <= set(HAZARDS)
    return found
