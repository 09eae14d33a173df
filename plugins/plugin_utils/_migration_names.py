# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How files of migrations are called, and what the journal calls a migration in SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = [
    "ENDINGS",
    "OF_FOLDER",
    "SQL_ENDINGS",
    "YAML_ENDINGS",
    "expanded",
    "holds",
    "id_of",
    "is_sql",
    "without_way_back",
]

SQL_ENDINGS = (".sql", ".psql", ".pgsql")
YAML_ENDINGS = (".yml", ".yaml")
ENDINGS = (*YAML_ENDINGS, *SQL_ENDINGS)
#: The file of a migration that is a folder: Prisma's, and the one of Diesel and Hasura beside a down.sql.
OF_FOLDER = ("migration.sql", "up.sql")


#: Files for the way back: golang-migrate's, those of a name alone, Flyway's (U1__x.sql), and x_down.sql beside x.sql.
_BACK = re.compile(r"(?i).*\.(?:down|undo|rollback)\..*|(?:down|undo|rollback|revert)\.\w+|U[\d._]+__.*")
_BACK_OF = re.compile(r"(?i)(?P<name>.+)[-_](?:down|undo|rollback|revert)")


def without_way_back(paths: Sequence[Path]) -> list[Path]:
    """The files of a folder without those that undo another one: a rollback here undoes what was done.

    x_rollback.sql alone is a migration of that name; beside x.sql or x_up.sql it is the way back.
    """
    stems = {path.stem.lower() for path in paths}

    def is_back(path: Path) -> bool:
        if _BACK.fullmatch(path.name):
            return True
        found = _BACK_OF.fullmatch(path.stem)
        name = found.group("name").lower() if found else ""
        return found is not None and bool(stems & {name, f"{name}_up", f"{name}-up", f"{name}_do"})

    return [path for path in paths if not is_back(path)]


def expanded(name: str) -> Path:
    """The path of a name, with ~ for the home of a user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        # "~nobody/x": there is no such user, so there is no such file either.
        return Path(name)


def holds(path: Path, question: Callable[[Path], bool]) -> bool:
    """The answer to a question such as Path.is_file; no for a name that no file can have."""
    try:
        return question(path)
    except (OSError, ValueError):
        return False


def is_sql(path: Path) -> bool:
    """Whether a migration is written in SQL; else in YAML."""
    return path.suffix.lower() in SQL_ENDINGS


def id_of(path: Path) -> str:
    """What the journal calls a migration in SQL: the name of the file, or of the folder that it is alone in.

    An id has letters, digits, dots, dashes and underscores; any other character becomes a dash. golang-migrate, sqlx
    and others call the file that goes forward `.up.sql`.
    """
    name = path.absolute().parent.name if path.name in OF_FOLDER else path.stem.removesuffix(".up")
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("-._")[:100] or "migration"
