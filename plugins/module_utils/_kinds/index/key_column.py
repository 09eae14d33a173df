# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One key column of an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["IndexColumn", "parameter_text"]


def parameter_text(value: Any) -> str:
    """The value of a parameter as PostgreSQL keeps it (pg_class.reloptions, pg_attribute.attoptions)."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


@dataclass(frozen=True)
class IndexColumn:
    """One key column: exactly one of ``name`` (literal) and ``expression`` (SQL text) is there.

    order: 'asc' or 'desc'. nulls: 'first' or 'last', the default of the order resolved. opclass, collation: literal
    names, None for the type's and the column's own. opclass_parameters: (name, value) sorted by name, values as
    PostgreSQL keeps them. opclass_schema, collation_schema: where these were found in the database; None before.
    """

    name: str | None
    expression: str | None = None
    order: str = "asc"
    nulls: str = "last"
    opclass: str | None = None
    collation: str | None = None
    opclass_parameters: tuple[tuple[str, str], ...] = ()
    opclass_schema: str | None = None
    collation_schema: str | None = None

    @classmethod
    def from_item(cls, item: Any) -> IndexColumn:
        """The column of a valid item of ``columns``: a name, or a mapping."""
        if isinstance(item, str):
            return cls(name=item)
        order = item.get("order") or "asc"
        return cls(
            name=item.get("name"),
            expression=item.get("expression"),
            order=order,
            nulls=item.get("nulls") or ("first" if order == "desc" else "last"),
            opclass=item.get("opclass"),
            collation=item.get("collation"),
            opclass_parameters=tuple(
                sorted((name, parameter_text(value)) for name, value in (item.get("opclass_parameters") or {}).items())
            ),
        )
