# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of rows as JSON and JMESPath know them, and JSON as PostgreSQL takes it."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from typing import Any

from .values import encodable

__all__ = ["json_text", "kind_of", "plain"]

# JSON has no infinity and no NaN, and what reads it no number of thousands of digits: such a value is a text.
_LONGEST_NUMBER = 300


def plain(value: Any) -> Any:
    """A value that JSON and JMESPath know."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _infinite(value)
    if isinstance(value, decimal.Decimal):
        return _number(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {encodable(str(key)): plain(item) for key, item in value.items()}
    return encodable(str(value))


def kind_of(value: Any) -> str:
    """What may be said of a value that is the application's data."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (list, dict)):
        return f"a list of {len(value)}"
    return f"a text of {len(value)} characters"


def _infinite(value: float) -> str:
    """As PostgreSQL writes it (8.1.3)."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _number(value: decimal.Decimal) -> Any:
    if not value.is_finite():
        return _infinite(float(value))
    if abs(value.adjusted()) > _LONGEST_NUMBER:
        return str(value)
    return int(value) if value == value.to_integral_value() else float(value)


def json_text(value: Any) -> str:
    r"""JSON for a column of type jsonb: no NaN, and no \u escapes, which only a database in UTF-8 reads all of."""
    return json.dumps(_finite(value), ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return _infinite(value)
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value
