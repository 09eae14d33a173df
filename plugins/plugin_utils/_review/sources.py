# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which migrations a review is about: one file, a folder of them, a pattern, a name, or a list of these."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._migration_folder import by_number, sql_of_folder
from .._migration_names import ENDINGS, OF_FOLDER, YAML_ENDINGS, expanded, holds, id_of, is_sql
from .problem import Unreadable

__all__ = ["Source", "shown_path", "sources"]

_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Source:
    """One migration. id: as the journal calls it. path: its file. content: of one that is written in the inventory."""

    id: str
    path: Path
    content: Mapping[str, Any] | None = None

    @property
    def is_sql(self) -> bool:
        """Whether it is written in SQL; else in YAML."""
        return is_sql(self.path)


def sources(value: Any, search: Sequence[Path]) -> tuple[list[Source], list[Unreadable]]:
    """The migrations of steady_migration, each once, in their order, and what cannot be found.

    value: a mapping, a text (a name or a path each line), or a list of both. search: the folders of names.
    """
    found: list[Source] = []
    missing: list[Unreadable] = []
    for one in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(one, Mapping):
            found.append(Source(str(one.get("id", "steady_migration")), Path("steady_migration"), one))
            continue
        for text in filter(None, (line.strip() for line in str(one).splitlines())):
            try:
                found += _of_text(text, search)
            except _MissingMigration as error:
                missing.append(Unreadable(text, None, None, str(error)))
    return list({(str(one.path), one.content is None or one.id): one for one in found}.values()), missing


class _MissingMigration(Exception):
    """There is no migration. The message is a clause about what was named."""


def _of_text(text: str, search: Sequence[Path]) -> list[Source]:
    given = expanded(text)
    if holds(given, Path.is_file):
        return [_of_file(given)]
    if holds(given, Path.is_dir):
        return [_of_file(path) for path in _of_folder(given)]
    if _PATTERN.search(text):
        paths = sorted((Path(path) for path in glob.glob(str(given), recursive=True)), key=by_number)
        matched = [_of_file(path) for path in paths if path.is_file() and path.suffix.lower() in ENDINGS]
        matched += [_of_file(file) for path in paths if path.is_dir() for file in _of_folder(path, must=False)]
        if not matched:
            raise _MissingMigration("no file and no folder of migrations has such a name")
        return matched
    if "/" not in text:
        for directory in search:
            for path in (
                directory / text,
                *(directory / f"{text}{ending}" for ending in ENDINGS),
            ):
                if holds(path, Path.is_file):
                    return [_of_file(path)]
            if holds(directory / text, Path.is_dir):
                return [_of_file(path) for path in _of_folder(directory / text)]
    looked = "" if "/" in text else f"; looked here and in {', '.join(str(path) for path in search)}"
    raise _MissingMigration(f"there is no such file, folder or migration{looked}")


def _of_file(path: Path) -> Source:
    if path.suffix.lower() not in ENDINGS:
        raise _MissingMigration("is neither a .sql file nor a migration in YAML")
    return Source(id_of(path), path)


def _of_folder(folder: Path, must: bool = True) -> list[Path]:
    """A folder that is a migration, or the migrations in it: SQL, and YAML where it has no SQL."""
    for name in OF_FOLDER:
        if (folder / name).is_file():
            return [folder / name]
    try:
        files = sql_of_folder(folder) or sorted(
            (one for one in folder.iterdir() if one.suffix.lower() in YAML_ENDINGS and one.is_file()), key=by_number
        )
    except OSError as error:
        raise _MissingMigration(f"cannot be read: {error.strerror}") from None
    if not files and must:
        raise _MissingMigration(
            "the folder has no migration: no migration.sql, no *.sql, and no folder with a migration.sql"
        )
    return files


def shown_path(path: Path) -> str:
    """The path from here, with slashes, as a pipeline's reports need it."""
    try:
        return Path(os.path.abspath(path)).relative_to(Path.cwd()).as_posix()
    except (OSError, ValueError):
        return path.as_posix()
