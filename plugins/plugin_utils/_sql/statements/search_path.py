# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""search_path: where the statements behind it find names without a schema (PostgreSQL documentation, 5.10.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..effect import Effect, session_only
from ..scene import NOWHERE, SqlScene

__all__ = ["path_of_names", "path_of_text"]

#: One name in a list, in quotes or not, as SplitIdentifierString (varlena.c) reads it.
_NAME = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^\s",]+))\s*(?P<comma>,|\Z)')
#: Schemas in which no migration means its tables to be.
_NOT_OF_TABLES = {"$user", "pg_catalog", "pg_temp", ""}
_NO_TRANSACTION = (
    "It is outside of a transaction, where it ends with the statement itself: names without a schema are looked for "
    "where they were before."
)


def path_of_names(scene: SqlScene, names: Sequence[str], local: bool) -> Effect:
    """SET search_path TO a, 'b': each value is one name, whatever signs it has. No name: SET … TO DEFAULT, RESET."""
    if local and scene.open_transaction is None:
        return session_only("SET", "search_path: as before", _NO_TRANSACTION)
    schemas = [name for name in names if name not in _NOT_OF_TABLES]
    if schemas:
        scene.search(schemas[0], local)
    else:
        scene.search(NOWHERE if names else None, local)
    summary = f"search_path: {', '.join(names) or 'that of the connection'}"
    if len(schemas) > 1:
        instead = f"Names without a schema are looked for in {schemas[0]} only: write the schema with all others."
    elif schemas:
        instead = f"Names without a schema are looked for in {schemas[0]}."
    elif names:
        instead = "Each name has its schema."
    else:
        instead = "Names without a schema are looked for in the connection's."
    return session_only("SET", summary, instead)


def path_of_text(scene: SqlScene, text: str, local: bool) -> Effect:
    """set_config('search_path', …), as pg_dump writes it: a list in one text; names without quotes are folded."""
    names: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        found = _NAME.match(text, at)
        if found is None or (found.group("comma") and not text[found.end() :].strip()):
            return Effect(
                "SET",
                "setting search_path",
                understood=False,
                mend=f"{text} is no list of schemas, so that psql would fail here: write one, such as 'app, public'",
            )
        quoted = found.group("quoted")
        names.append(found.group("plain").lower() if quoted is None else quoted.replace('""', '"'))
        at = found.end()
    return path_of_names(scene, names or [""], local)
