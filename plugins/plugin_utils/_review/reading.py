# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the migrations of a review; what cannot be read keeps the others from nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ...module_utils._migration.migration import migration_problems
from .._migration_file import MigrationFileError
from .._sql.reader import SqlProblem, read_sql
from .._sql.values import Reading
from .problem import Unreadable, placed
from .sources import Source, shown_path
from .yaml_reading import yaml_reading

__all__ = ["read"]


def read(found: Sequence[Source]) -> tuple[list[Reading], list[Unreadable]]:
    """A Reading for each migration that can be read, and all mistakes of the others, each with its place."""
    readings: list[Reading] = []
    unreadable: list[Unreadable] = []
    for source in found:
        shown = shown_path(source.path) if source.content is None else "steady_migration"
        try:
            readings.append(_read(source, shown))
        except (SqlProblem, MigrationFileError) as error:
            unreadable += [placed(line, shown) for line in str(error).splitlines() if line.strip()]
    # What keeps all files from being read, such as a package that is missing, is said once.
    everywhere = {(one.line is None and one.message) or str(one): one for one in reversed(unreadable)}
    return readings, list(reversed(everywhere.values()))


def _read(source: Source, shown: str) -> Reading:
    if source.content is not None:
        wrong = migration_problems(source.content)
        if wrong:
            raise MigrationFileError("\n".join(f"{one.place}: {one.message}" for one in wrong))
        return yaml_reading(source.path, shown, source.content)
    if source.is_sql:
        return read_sql([source.path], source.id, shown_path)
    return yaml_reading(source.path, shown)
