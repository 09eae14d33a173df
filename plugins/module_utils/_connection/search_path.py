# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemas that a search_path names, where the address, the role or the database has one (5.10.3, 19.11.1)."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

__all__ = ["own_schemas", "path_in_options", "path_names", "searched_schemas"]

_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"]*?))\s*(?:,|$)')
# Searched in every session, and no place for tables of an application.
_ALWAYS = ("pg_catalog", "pg_temp")


def path_names(path: str) -> Tuple[str, ...]:
    """The names as the server reads them (4.1.1): those without quotes in lower case."""
    found: List[str] = []
    for quoted, plain in _NAME.findall(path):
        name = quoted.replace('""', '"') if quoted else re.sub("[A-Z]", lambda letter: letter.group().lower(), plain)
        if name and name not in found:
            found.append(name)
    return tuple(found)


def own_schemas(names: Tuple[str, ...]) -> Tuple[str, ...]:
    """Without those that are searched anyhow."""
    return tuple(name for name in names if name not in _ALWAYS)


def searched_schemas(schema: Optional[str]) -> List[str]:
    """Where what a migration names without a schema is looked for, in this order. schema: the migration's own."""
    return ["pg_catalog", schema or "public", "public"]


def path_in_options(options: str) -> str:
    """What the options of a connection (34.1.2) say of search_path: the last one counts; empty when they do not."""
    # A space ends an argument unless a backslash is before it (34.1.2, options).
    arguments = [re.sub(r"\\(.)", r"\1", text) for text in re.findall(r"(?:\\.|[^\s\\])+", options)]
    path = ""
    for before, argument in zip(["", *arguments], arguments):
        if before == "-c":
            setting = argument
        elif argument.startswith(("-c", "--")):
            setting = argument[2:]
        else:
            continue
        name, _equals, value = setting.partition("=")
        if name.replace("-", "_").lower() == "search_path":
            path = value
    return path
