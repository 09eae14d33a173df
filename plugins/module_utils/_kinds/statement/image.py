# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a statement: that it was run, its text, and what takes it back. It stands in the journal alone."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..._model.kept_rows import VERBS
from ..._model.plan import ROW_EXCLUSIVE
from ..._support.forms import Form, flag, form, list_of, name, number, or_none, shown, text, word
from ..._support.sqltext import qualified
from ..differing import differing
from .specification import StatementSpecification, undo_problem

__all__ = ["differences", "differs", "image_of", "parse", "undo_of", "undo_texts"]


def _undo(value: Any) -> str:
    problem = undo_problem(text(value))
    if problem:
        raise ValueError(f"{problem}: {shown(value)}")
    return str(value)


def _name(value: Any) -> str:
    if not text(value):
        raise ValueError("is empty")
    return str(value)


_MADE: Form = {"type": (text,), "names": (list_of(text),), "arguments": (list_of(text), [])}
_PLACE: Form = {"schema": (name,), "name": (name,)}
#: name: of the table in steady_kept; key: the columns by which a row is found again.
_KEPT: Form = {
    "name": (name,),
    "command": (word(*VERBS),),
    "schema": (name,),
    "table": (name,),
    "columns": (list_of(name),),
    "key": (list_of(name),),
}
_IMAGE: Form = {
    "name": (_name,),
    "text": (text,),
    "undo": (or_none(list_of(_undo)),),
    "reason": (text, ""),
    "path": (list_of(name), []),
    "kept": (flag, False),
    "with_rows": (flag, False),
    "makes": (list_of(form(_MADE)), []),
    "locks": (list_of(form(_PLACE)), []),
    "rows": (flag, False),
    "limit_ms": (or_none(number), None),
    "kept_rows": (or_none(form(_KEPT)), None),
}


def parse(image: Any) -> Dict[str, Any]:
    return dict(form(_IMAGE)(image))


def image_of(
    statement: StatementSpecification, undo: Optional[Tuple[str, ...]], path: List[str], kept: bool
) -> Dict[str, Any]:
    """What the journal keeps of a statement that was run. path: of the names in undo. kept: it found its object."""
    return {
        "name": statement.name,
        "text": statement.sql,
        "undo": None if undo is None else list(undo),
        "reason": statement.reason,
        "path": path,
        "kept": kept,
        "with_rows": statement.undo_with_rows,
        "makes": [
            {"type": made.type, "names": list(made.names), "arguments": list(made.arguments)}
            for made in statement.makes
        ],
        "locks": [{"schema": schema, "name": table} for schema, table in statement.locks],
        "rows": statement.mode == ROW_EXCLUSIVE,
        "limit_ms": statement.limit_ms,
        "kept_rows": None,  # once they are (_deploy/keeping)
    }


def undo_of(image: Mapping[str, Any]) -> List[str]:
    """The statements that take it back."""
    return list(image["undo"] or ())


def undo_texts(image: Mapping[str, Any]) -> List[str]:
    """The same, with what else its taking back writes."""
    kept = image["kept_rows"]
    if kept is None:
        return undo_of(image)
    return [*undo_of(image), f"the rows of {qualified(kept['schema'], kept['table'])} from before {kept['command']}"]


def differs(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return bool(left["text"] != right["text"])


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[List[str], List[str]]:
    return differing(("text",), before, now), []
