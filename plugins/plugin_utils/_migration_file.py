# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds and reads a migration file, YAML or SQL; all that is wrong with it comes out at once, a mistake a line."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..module_utils._migration.migration import migration_problems
from ..module_utils._support.problem import Mistake, kind_of, nearest, quoted
from ._expectation import expectation_problems
from ._migration_folder import sql_of_folder, twice
from ._migration_names import OF_FOLDER, YAML_ENDINGS, expanded, holds, id_of, is_sql
from ._migration_shape import JSONSCHEMA_MISSING, shape_problems
from ._sql.acceptance import accept
from ._sql.migration import migration_with_sources
from ._sql.problem import SqlProblem
from ._sql.reader import read_sql
from ._sql.values import Decision
from ._yaml_document import Document, YamlError, parse

__all__ = ["MigrationFileError", "find", "find_folder", "load", "load_folder", "without_extensions"]

#: What a name in `migrations/` may be short for.
_ENDINGS = (*YAML_ENDINGS, ".sql")
#: Bytes. A thousand entries are a tenth of it; more is another file, such as a dump.
_LARGEST_FILE = 1024 * 1024


class MigrationFileError(Exception):
    """No migration can be had from there. The message says all that is wrong, one line for each mistake."""


def find(name_or_path: str, search: Sequence[Path]) -> Path:
    """The file of a migration that is called by its name in one of the directories ``search``, or by its path.

    A path is what has a slash or is a file from here; a bare ``x.yml`` or ``x.sql`` is looked for here and in
    ``search``. A folder with a ``migration.sql`` is a migration, too. The first directory that has the name wins.
    Raises MigrationFileError, which says where it looked and what is there instead.
    """
    if not isinstance(name_or_path, str) or not name_or_path.strip():
        raise MigrationFileError("no migration is named: say which one, by its name in migrations/ or by a path")
    given = expanded(name_or_path)
    if holds(given, Path.is_file):
        return given
    for name in OF_FOLDER:
        if holds(given / name, Path.is_file):
            return given / name
    if "/" in name_or_path:
        inside = _migrations(given)
        if inside:
            raise MigrationFileError(_several(given, inside))
        raise MigrationFileError(_not_found(name_or_path, name_or_path, [given.parent]))
    names = [name_or_path] if given.suffix in _ENDINGS else [name_or_path + ending for ending in _ENDINGS]
    names += [f"{name_or_path}/{file}" for file in OF_FOLDER]
    for directory in search:
        found = [file for file in (Path(directory) / name for name in names) if holds(file, Path.is_file)]
        if len(found) > 1:
            raise MigrationFileError(
                f"the migration {quoted(name_or_path)} could be {found[0]} or {found[1]}: remove one, or give the path"
            )
        if found:
            return found[0]
    places = " and in ".join(map(str, (["."] if given.suffix in _ENDINGS else []) + [*map(Path, search)]))
    looked = f"{', '.join(names[:-1])} or {names[-1]} in {places}" if places else "nothing"
    raise MigrationFileError(_not_found(name_or_path, looked, [Path(directory) for directory in search]))


def find_folder(name_or_path: str, search: Sequence[Path]) -> Path | None:
    """The folder of several migrations in SQL that is called so, by its path or by its name in ``search``; or None."""
    given = expanded(name_or_path)
    if "/" not in name_or_path and any(
        holds(Path(directory) / f"{name_or_path}{ending}", Path.is_file) for directory in search for ending in _ENDINGS
    ):
        return None
    places = [given] if "/" in name_or_path else [given, *(Path(directory) / given for directory in search)]
    for place in places:
        if holds(place, Path.is_file):
            return None
        if holds(place, Path.is_dir):
            alone = any(holds(place / name, Path.is_file) for name in OF_FOLDER)
            try:
                return place if not alone and sql_of_folder(place) else None
            except OSError:
                return None
    return None


def load_folder(folder: Path, made: Sequence[Decision] = (), baseline: str = "") -> dict[str, Any]:
    """The migrations of a folder: {id, migrations: [what load() gives, or {id, unreadable}]}.

    What is wrong with a migration that was deployed already does not matter, so its message goes with it. baseline: the
    id of the last one that was deployed without the collection: it and those before are left out.
    Raises MigrationFileError.
    """
    paths = sql_of_folder(folder)
    again = twice(paths)
    if again:
        raise MigrationFileError(f"{_shown(folder)}: two migrations are called {again[0]}: rename one of them")
    names = [id_of(path) for path in paths]
    if baseline and baseline not in names:
        meant = nearest(baseline, names) or names[-1]
        raise MigrationFileError(
            f"{_shown(folder)}: the baseline {quoted(baseline)} is none of its {len(names)} migrations, such as {meant}"
        )
    after = names.index(baseline) + 1 if baseline else 0
    migrations = [_load_or_problem(path, made) for path in paths[after:]]
    return {"id": id_of(folder / OF_FOLDER[0]), "migrations": migrations}


def _load_or_problem(path: Path, made: Sequence[Decision]) -> dict[str, Any]:
    try:
        return load(path, made)
    except MigrationFileError as error:
        return {"id": id_of(path), "unreadable": str(error)}


def load(path: Path, made: Sequence[Decision] = ()) -> dict[str, Any]:
    """The content of a valid migration file, for Migration.from_mapping and its readers.

    made: decisions about hazards that the inventory has, beside those in the file.
    Raises MigrationFileError with all problems of the file, in the order of its lines:
    ``migrations/x.yml:12: indexes[2].colums: unknown key "colums"; did you mean "columns"?``
    """
    if is_sql(path):
        return _load_sql(path, made)
    if JSONSCHEMA_MISSING:
        raise MigrationFileError(JSONSCHEMA_MISSING)
    shown = _shown(path)
    try:
        document = parse(_read(path))
    except YamlError as error:
        raise MigrationFileError(f"{shown}{f':{error.line}' if error.line else ''}: {error.message}") from None
    if not isinstance(document.data, dict):
        raise MigrationFileError(
            f'{shown}:{document.line(())}: must be a mapping with the key "id" and others, is {kind_of(document.data)}'
        )
    problems = _problems(document)
    if problems:
        raise MigrationFileError("\n".join(_line(shown, document, problem) for problem in problems))
    return without_extensions(document.data)


def _load_sql(path: Path, made: Sequence[Decision]) -> dict[str, Any]:
    """What a file in SQL asks for. Its entries have the right shape, and migration_with_sources applies their rules."""
    try:
        (reading,), _needless = accept([read_sql([path], id_of(path), _shown)], made)
        if reading.unused:
            raise MigrationFileError("\n".join(reading.unused))
        return migration_with_sources(reading)
    except SqlProblem as error:
        raise MigrationFileError(str(error)) from None


def without_extensions(data: Mapping[str, Any]) -> dict[str, Any]:
    """The migration without the keys x-…, which only hold what YAML's aliases refer to."""
    return {key: value for key, value in data.items() if not str(key).startswith("x-")}


def _problems(document: Document) -> list[Mistake]:
    """All problems of the document, each place's best message, in the order of the lines."""
    shape = shape_problems(without_extensions(document.data), document.written)
    settled = {problem.path for problem in (*document.problems, *shape.problems)} | shape.excused
    rules = [
        problem
        for problem in (*migration_problems(document.data), *expectation_problems(document.data))
        if problem.path not in settled
    ]
    spoken = settled | {problem.path for problem in rules}
    soft = [problem for problem in shape.soft if problem.path not in spoken]
    problems = dict.fromkeys((*document.problems, *shape.problems, *rules, *soft))
    return sorted(problems, key=lambda problem: document.line(problem.path))


def _line(shown: str, document: Document, problem: Mistake) -> str:
    place = f"{problem.place}: " if problem.path else ""
    return f"{shown}:{document.line(problem.path)}: {place}{problem.message}"


def _read(path: Path) -> str:
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise YamlError(None, "is a directory: name a file in it")
        # A pipe or a device might never end, or never begin.
        if not stat.S_ISREG(kind):
            raise YamlError(None, "is not a regular file")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise YamlError(None, f"cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise YamlError(None, "cannot be read: a path has no NUL character") from None
    if len(content) > _LARGEST_FILE:
        raise YamlError(None, f"is larger than {_LARGEST_FILE // 1024} KiB: is it a migration at all?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind a byte order mark, which is on the first line anyway.
        line = content.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise YamlError(line, f"is not UTF-8 (byte 0x{byte:02x}): save it as UTF-8") from None


def _not_found(name: str, looked: str, directories: list[Path]) -> str:
    message = f"there is no migration {quoted(name)}; looked for {looked}"
    paths = [file for directory in directories for file in _migrations(directory)]
    # In the form that the caller used: a path for a path, else the bare name.
    there = [str(path) if "/" in name else path.stem if path.suffix in _ENDINGS else path.name for path in paths]
    word = name if "/" in name else Path(name).stem
    meant = nearest(word, there)
    if meant:
        return f"{message}; did you mean {quoted(meant)}?"
    return f"{message}; there are: {', '.join(dict.fromkeys(there)) or 'none'}"


def _several(directory: Path, inside: list[Path]) -> str:
    return (
        f"{directory} is a folder of {len(inside)} migrations, and a deployment has one: name it, such as {inside[-1]}"
    )


def _migrations(directory: Path) -> list[Path]:
    """The migrations in a directory: files, and folders with a migration.sql."""
    try:
        entries = sorted(directory.iterdir())
        return [
            one
            for one in entries
            if one.suffix in _ENDINGS or any(holds(one / name, Path.is_file) for name in OF_FOLDER)
        ]
    except (OSError, ValueError):
        return []


def _shown(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)
