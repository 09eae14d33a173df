# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions over a table that has not yet all columns which they name."""

from __future__ import annotations

from typing import Any, Mapping

from .._support.sqltext import closed_line, compose, identifier, raw
from .catalog import TableName

__all__ = ["selected"]


def selected(value: Any, table: TableName, new: Mapping[str, str]) -> str:
    """The query for a value of each row. new: columns that the table will have, each with the SQL text of its type.

    OFFSET keeps what is known of these, which is nothing, out of the value.
    """
    if not new:
        return compose("SELECT {value} FROM ONLY {table}", value=value, table=identifier(*table))
    columns = [
        compose("CAST(NULL AS {type}) AS {name}", type=raw(closed_line(text)), name=identifier(name))
        for name, text in sorted(new.items())
    ]
    return compose(
        "SELECT {value} FROM (SELECT t.*, {columns} FROM ONLY {table} AS t OFFSET 0) AS {alias}",
        value=value,
        columns=raw(", ".join(columns)),
        table=identifier(*table),
        alias=identifier(table[1]),
    )
