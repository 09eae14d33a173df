# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects that migrations change. A new kind is a folder beside this file and a line in it."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from .column.kind import ColumnKind
from .constraint.kind import ConstraintKind
from .foreign_key.kind import ForeignKeyKind
from .index.kind import IndexKind
from .kind import Kind
from .statement.kind import StatementKind

__all__ = ["KINDS", "differ", "kind_named"]

#: By the name that journal and results give them, in the order in which a migration's mistakes are reported.
KINDS: Dict[str, Kind] = {
    kind.name: kind for kind in (ColumnKind(), IndexKind(), ConstraintKind(), ForeignKeyKind(), StatementKind())
}


def kind_named(name: str) -> Kind:
    """The kind that journal and results call by this name. Raises KeyError."""
    return KINDS[name]


def differ(kind: str, left: Optional[Mapping[str, Any]], right: Optional[Mapping[str, Any]]) -> bool:
    """Whether two images of an object have not the same definition; None: it is not there."""
    if left is None or right is None:
        return (left is None) != (right is None)
    return KINDS[kind].differs(left, right)
