# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML form of a migration in SQL, written as a file that deploy.yml reads."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ...module_utils._support.values import printable
from .._migration_file import MigrationFileError, load
from .._sql.values import Reading, Statement
from .review import ReviewVerdict, accept_in_file, standing

__all__ = ["Conversion", "convertible", "write_form", "yaml_form"]


class Conversion(Exception):
    """The YAML form cannot be written. The message says why, what to do and what was left as it was."""


def convertible(reading: Reading) -> Reading:
    """The statements that the YAML form can have: decided, and carried out. In YAML nobody would ask again."""
    ready = (one for one in reading.statements if one.entries is not None and not one.undecided)
    return replace(reading, statements=tuple(ready))


def yaml_form(reading: Reading, content: Mapping[str, Any], source: str) -> str:
    """The text of the file. content: the migration, as its mapping. source: the SQL file, for its first line."""
    said = [f"Written by review.yml from {_one(source)}."]
    for statement in reading.statements:
        said += _comments(statement)
    said += [_one(note) for note in reading.notes]
    lines = [line for text in said for line in _commented(text)]
    body = yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, indent=2)
    return "\n".join([*lines, "---", body])


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, and nothing is an alias of something else."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _comments(one: Statement) -> Iterator[str]:
    place = f"{_one(one.file)}:{one.line}"
    summary = _one(one.summary)
    stands = standing(one)
    if stands is ReviewVerdict.NOT_UNDERSTOOD:
        yield f"{place} is not in this file, because it is not understood: {summary}. {_one(one.mend)}"
    elif one.undecided:
        yield f"{place} is not in this file, because it needs a decision: {summary}"
        for hazard in one.undecided:
            yield f"  {hazard.name}, {_one(hazard.object)}: {_one(hazard.message)}"
            yield f"  to accept it, write before the statement in the SQL file: {accept_in_file(hazard.name)}"
    elif one.entries is None:
        yield f"{place} is not in this file, because deploy.yml does not carry it out yet: {summary}"
    else:
        for hazard in one.hazards:
            yield f"{place}: {hazard.name} of {_one(hazard.object)} is accepted, because {_one(hazard.accepted or '')}"


def _commented(text: str) -> list[str]:
    """A comment of one line or several, none too long for a linter."""
    indent = "#   " if text.startswith("  ") else "# "
    return textwrap.wrap(
        text.strip(), 120, initial_indent=indent, subsequent_indent="#   ", break_on_hyphens=False
    ) or ["#"]


def _one(text: str) -> str:
    """One line that stays a comment."""
    return printable(" ".join(text.split()))


def write_form(path: Path, text: str, really: bool) -> str:
    """Write the file and read it as deploy.yml does; what was done, as a line. Raises Conversion.

    really: not in check mode. An existing file stays as it is.
    """
    if path.suffix not in (".yml", ".yaml"):
        raise Conversion(
            f"steady_convert_to is {path}, and a migration in YAML has a name that ends in .yml.\n"
            "What to do: give it such a name\nLeft as it was: no file was written"
        )
    try:
        if path.exists():
            if path.is_file() and path.read_text(encoding="utf-8") == text:
                return f"{path} is up to date"
            raise Conversion(
                f"{path} exists already, with another content.\nWhat to do: remove it, or set steady_convert_to to "
                "another path\nLeft as it was: the file"
            )
        if not really:
            return f"{path} would be written"
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            beside.write_text(text, encoding="utf-8")
            load(beside)
            os.link(beside, path)  # fails where another run was faster
        finally:
            beside.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise Conversion(
            f"{path} cannot be written: {why}.\nWhat to do: set steady_convert_to to a path in a folder that you may "
            "write to\nLeft as it was: no file was written"
        ) from None
    except MigrationFileError as error:
        wrong = str(error).replace(str(beside), str(path)).replace(beside.name, path.name)
        raise Conversion(
            f"The YAML form of the migration is not one that deploy.yml reads:\n{wrong}\n"
            "Why: the SQL file names something that a migration in YAML cannot say\n"
            "What to do: write that part in another way in the SQL file\nLeft as it was: no file was written"
        ) from None
    return f"{path} is written"
