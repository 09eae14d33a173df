# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of migrations in SQL: which files they are, and in which order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ._migration_names import OF_FOLDER, SQL_ENDINGS, holds, id_of, without_way_back

__all__ = ["by_number", "sql_of_folder", "twice"]


def sql_of_folder(folder: Path) -> list[Path]:
    """The migrations in a folder, in their order: files, and folders with a migration.sql. Raises OSError."""
    entries = sorted(folder.iterdir(), key=by_number)
    files = without_way_back([one for one in entries if one.suffix.lower() in SQL_ENDINGS and one.is_file()])
    files += [one / name for one in entries if one.is_dir() for name in OF_FOLDER if holds(one / name, Path.is_file)]
    return sorted(files, key=by_number)


def by_number(path: Path) -> list[tuple[int, str]]:
    """The place of a file among others. Numbers by their value: 2_b.sql comes before 10_a.sql."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def twice(paths: Sequence[Path]) -> list[str]:
    """Names that the journal could not tell apart."""
    return [name for name, count in Counter(map(id_of, paths)).items() if count > 1]
