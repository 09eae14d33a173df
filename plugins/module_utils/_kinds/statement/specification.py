# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A statement of a migration that is run as it is written: its text, what undoes it, and what it makes and locks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..._model.kept_rows import UPDATE, VERBS, Keeping
from ..._model.plan import ACCESS_EXCLUSIVE, ROW_EXCLUSIVE, SHARE, SHARE_ROW_EXCLUSIVE
from ..._support import entry as _entry
from ..._support.name_rules import sql_problems, text_problems
from ..._support.problem import Mistake, quoted
from ..._support.sqltext import is_one_statement

__all__ = [
    "ARGUMENT_SPEC",
    "ENTRY_SCHEMA",
    "KIND",
    "SECTION",
    "Made",
    "StatementSpecification",
    "from_image",
    "problems",
    "undo_problem",
]

KIND = "statement"
#: The key of a migration under which the entries of this kind stand.
SECTION = "statements"

MODES = (ROW_EXCLUSIVE, SHARE, SHARE_ROW_EXCLUSIVE, ACCESS_EXCLUSIVE)

_OBJECT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "names"],
    "properties": {
        "type": {"type": "string", "minLength": 1, "description": "Such as view, function or type."},
        "names": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Schema first.",
        },
        "arguments": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Of a function.",
        },
    },
}
#: What OR REPLACE could not take away again. An entry without it is made again only where nothing depends on it.
_NEW_OBJECT: dict[str, Any] = {
    **_OBJECT,
    "properties": {
        **_OBJECT["properties"],
        "columns": {"type": "integer", "description": "How many a view has."},
        "parameters": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The names of a function's input parameters; an empty text for one without a name.",
        },
        "defaults": {"type": "integer", "description": "How many of them have a default."},
    },
}
_DROPPED_OBJECT: dict[str, Any] = {
    **_OBJECT,
    "properties": {
        **_OBJECT["properties"],
        "renamed": {
            "type": "string",
            "minLength": 1,
            "description": "The name that the migration gave to a type before it drops it; names has that from before.",
        },
    },
}

#: JSON Schema (draft 2020-12) of one entry.
ENTRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": (
        "One SQL statement that is run as it is, once: the journal knows whether it was. It runs in a transaction "
        "under the lock policy."
    ),
    "additionalProperties": False,
    "required": ["name", "sql"],
    "if": {"required": ["undo"]},
    "else": {"required": ["not_reversible"]},
    "properties": {
        "name": {
            "type": "string",
            "minLength": 1,
            "description": "What reports and the journal call it. Once in a migration.",
        },
        "sql": {"type": "string", "minLength": 1, "description": "The statement, without a semicolon."},
        "undo": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "description": "The statements that take it back, in their order. An empty list: nothing has to be done.",
        },
        "not_reversible": {
            "type": "string",
            "minLength": 1,
            "description": "Why it is run although a rollback cannot take it back.",
        },
        "locks": {
            "type": "array",
            "description": "The tables whose traffic would feel it. Their locks are taken first, without queueing.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["table"],
                "properties": {
                    "schema": {"type": "string", "minLength": 1, "description": "By default the migration's."},
                    "table": {"type": "string", "minLength": 1, "description": "Literal name of the table."},
                },
            },
        },
        "mode": {
            "type": "string",
            "enum": list(MODES),
            "description": "The mode of these locks. By default ACCESS EXCLUSIVE.",
        },
        "makes": {
            "type": "array",
            "description": (
                "The objects that it makes, by pg_get_object_address; verify.yml asks whether they are there."
            ),
            "items": _NEW_OBJECT,
        },
        "drops": {
            "type": "array",
            "description": (
                "The views, functions, triggers, policies, rules and enums that it drops, and that a rollback makes "
                "again from the catalog."
            ),
            "items": _DROPPED_OBJECT,
        },
        "if_exists": {
            "type": "array",
            "description": "The objects without which it does nothing (IF EXISTS), so that nothing has to be undone.",
            "items": _OBJECT,
        },
        "comments_on": {
            "type": "array",
            "description": "The object whose comment it changes; the comment from before comes back in a rollback.",
            "items": _OBJECT,
        },
        "keep_rows": {
            "type": "object",
            "description": (
                "An INSERT, UPDATE or DELETE whose rows are kept in the schema steady_kept, in its own transaction; a "
                "rollback brings back those that were not changed since. undo is empty then."
            ),
            "additionalProperties": False,
            "required": ["command", "table"],
            "properties": {
                "command": {"type": "string", "enum": list(VERBS), "description": "What the statement does."},
                "schema": {"type": "string", "minLength": 1, "description": "By default the migration's."},
                "table": {"type": "string", "minLength": 1, "description": "The table whose rows it writes."},
                "alias": {
                    "type": "string",
                    "minLength": 1,
                    "description": "What the statement calls the table. By default its name.",
                },
                "columns": {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "description": "The columns that an UPDATE sets.",
                },
                "locking": {
                    "type": "string",
                    "minLength": 1,
                    "description": (
                        "Of an UPDATE: SELECT alias.* with the same FROM and WHERE, and FOR NO KEY UPDATE OF alias; it "
                        "locks the rows before they are kept."
                    ),
                },
            },
        },
        "if_there": {
            "type": "string",
            "enum": ["fail", "keep", "replace"],
            "description": (
                "What the statement does where the object that it makes is there: it fails (by default), keeps it "
                "(IF NOT EXISTS), or replaces it (OR REPLACE). A rollback brings back what was replaced."
            ),
        },
        "undo_with_rows": {
            "type": "boolean",
            "description": (
                "Whether a rollback drops the table that it makes with rows in it. By default it refuses, as long as "
                "there is one."
            ),
        },
        "search_path": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Where it looks for names without a schema. By default in the migration's schema.",
        },
        "limit_ms": {
            "type": "integer",
            "description": (
                "How long it may run, in milliseconds; 0: as long as it takes. By default the lock budget where its "
                "locks stop reads or writes, else one second."
            ),
        },
    },
}

_OBJECT_OPTIONS: dict[str, Any] = {
    "type": {"type": "str", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "arguments": {"type": "list", "elements": "str"},
}

#: The same for Ansible: the suboptions of one entry.
ARGUMENT_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "sql": {"type": "str", "required": True},
    "undo": {"type": "list", "elements": "str"},
    "not_reversible": {"type": "str"},
    "locks": {
        "type": "list",
        "elements": "dict",
        "options": {"schema": {"type": "str"}, "table": {"type": "str", "required": True}},
    },
    "mode": {"type": "str", "choices": list(MODES), "default": ACCESS_EXCLUSIVE},
    "makes": {
        "type": "list",
        "elements": "dict",
        "options": {
            **_OBJECT_OPTIONS,
            "columns": {"type": "int"},
            "parameters": {"type": "list", "elements": "str"},
            "defaults": {"type": "int"},
        },
    },
    "drops": {"type": "list", "elements": "dict", "options": {**_OBJECT_OPTIONS, "renamed": {"type": "str"}}},
    "if_exists": {"type": "list", "elements": "dict", "options": _OBJECT_OPTIONS},
    "comments_on": {"type": "list", "elements": "dict", "options": _OBJECT_OPTIONS},
    "keep_rows": {
        "type": "dict",
        "options": {
            "command": {"type": "str", "required": True, "choices": list(VERBS)},
            "schema": {"type": "str"},
            "table": {"type": "str", "required": True},
            "alias": {"type": "str"},
            "columns": {"type": "list", "elements": "str"},
            "locking": {"type": "str"},
        },
    },
    "if_there": {"type": "str", "choices": ["fail", "keep", "replace"], "default": "fail"},
    "undo_with_rows": {"type": "bool", "default": False},
    "search_path": {"type": "list", "elements": "str"},
    "limit_ms": {"type": "int"},
}


@dataclass(frozen=True)
class Made:
    """An object as pg_get_object_address names it (9.27.5 "Object Information and Addressing Functions").

    columns, parameters, defaults: of one that OR REPLACE makes; None where that is not known. renamed: the name that
    the migration gives it before it is dropped.
    """

    type: str
    names: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    columns: int | None = None
    parameters: tuple[str, ...] | None = None
    defaults: int = 0
    renamed: str = ""

    @property
    def text(self) -> str:
        return f"{self.type} {'.'.join(self.names)}"


@dataclass(frozen=True)
class StatementSpecification:
    """One statement, wanted or to be taken back (present: false). table: the id of its migration, whose it is.

    undo None: it cannot be taken back, and reason says why it is run all the same. keep_rows: its rows are kept, or
    were kept and come back, where it is to be taken back.
    """

    schema: str
    table: str
    name: str
    sql: str = ""
    undo: tuple[str, ...] | None = None
    reason: str = ""
    locks: tuple[tuple[str, str], ...] = ()
    mode: str = ACCESS_EXCLUSIVE
    makes: tuple[Made, ...] = ()
    drops: tuple[Made, ...] = ()
    comments_on: tuple[Made, ...] = ()
    if_exists: tuple[Made, ...] = ()
    keep_rows: Keeping | None = None
    if_there: str = "fail"
    undo_with_rows: bool = False
    search_path: tuple[str, ...] | None = None
    limit_ms: int | None = None
    present: bool = True

    @property
    def place(self) -> tuple[str, str]:
        """Where it is in the journal, which has it by schema and table."""
        return (self.schema, self.table)

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], schema: str, migration_id: str) -> StatementSpecification:
        """The statement of a valid entry of ``statements``."""
        undo, path = entry.get("undo"), entry.get("search_path")
        return cls(
            schema=schema,
            table=migration_id,
            name=entry["name"],
            sql=entry["sql"].strip(),
            undo=None if undo is None else tuple(undo),
            reason=entry.get("not_reversible") or "",
            locks=tuple((one.get("schema") or schema, one["table"]) for one in entry.get("locks") or ()),
            mode=entry.get("mode") or ACCESS_EXCLUSIVE,
            makes=_objects(entry.get("makes")),
            drops=_objects(entry.get("drops")),
            comments_on=_objects(entry.get("comments_on")),
            if_exists=_objects(entry.get("if_exists")),
            keep_rows=_keeping(entry, schema),
            if_there=entry.get("if_there") or "fail",
            undo_with_rows=bool(entry.get("undo_with_rows")),
            search_path=None if path is None else tuple(path),
            limit_ms=entry.get("limit_ms"),
        )


def _keeping(entry: Mapping[str, Any], schema: str) -> Keeping | None:
    wanted = entry.get("keep_rows")
    if not wanted:
        return None
    return Keeping(
        wanted["command"],
        (wanted.get("schema") or schema, wanted["table"]),
        wanted.get("alias") or wanted["table"],
        tuple(wanted.get("columns") or ()),
        wanted.get("locking") or "",
        reason=entry.get("not_reversible") or "",
    )


def _kept(after: Mapping[str, Any]) -> Keeping | None:
    """Of the rows that were kept, by an image."""
    kept = after["kept_rows"]
    if kept is None:
        return None
    return Keeping(
        kept["command"],
        (kept["schema"], kept["table"]),
        columns=tuple(kept["columns"]),
        path=tuple(after["path"]),
        kept=kept["name"],
        key=tuple(kept["key"]),
    )


def _objects(entries: Any) -> tuple[Made, ...]:
    return tuple(
        Made(
            one["type"],
            tuple(one["names"]),
            tuple(one.get("arguments") or ()),
            one.get("columns"),
            None if one.get("parameters") is None else tuple(one["parameters"]),
            one.get("defaults") or 0,
            one.get("renamed") or "",
        )
        for one in entries or ()
    )


def from_image(
    table: tuple[str, str], name: str, image: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> StatementSpecification:
    """What brings back the state before a statement was run. after: the image of its step, with what it made."""
    before = StatementSpecification(*table, name, present=image is not None)
    if after is None:
        return before
    return replace(
        before,
        makes=_objects(after["makes"]),
        keep_rows=_kept(after),
        search_path=tuple(after["path"]),
        locks=tuple((one["schema"], one["name"]) for one in after["locks"]),
        mode=ROW_EXCLUSIVE if after["rows"] else ACCESS_EXCLUSIVE,
        limit_ms=after["limit_ms"],
    )


def problems(entry: Mapping[str, Any]) -> list[Mistake]:
    """What no schema can say about ``entry``; paths are relative to it."""
    found = [*sql_problems(entry, "sql"), *text_problems(entry, "name", "not_reversible")]
    text = _entry.text(entry, "sql")
    if text is not None:
        found += [Mistake(("sql",), problem) for problem in _not_runnable(text)]
    for position, undo in _entry.texts(entry, "undo"):
        found += [Mistake(("undo", position), problem) for problem in _not_runnable(undo)]
    found += _keeping_problems(entry)
    limit = entry.get("limit_ms")
    if isinstance(limit, int) and limit < 0:
        found.append(Mistake(("limit_ms",), "is less than 0"))
    if not _entry.given(entry, "undo") and not _entry.given(entry, "not_reversible"):
        found.append(
            Mistake(("undo",), "is missing: say what takes the statement back, or why it may stay (not_reversible)")
        )
    return found


def _keeping_problems(entry: Mapping[str, Any]) -> Iterator[Mistake]:
    wanted = entry.get("keep_rows")
    if not isinstance(wanted, dict):
        return
    if entry.get("undo"):
        yield Mistake(("undo",), "is not empty: keep_rows says already what takes the statement back")
    missing = [one for one in ("columns", "locking") if not wanted.get(one)]
    if wanted.get("command") == UPDATE and missing:
        yield Mistake(("keep_rows", missing[0]), "is missing: an UPDATE needs it")
    if isinstance(wanted.get("locking"), str):
        for problem in _not_runnable(wanted["locking"]):
            yield Mistake(("keep_rows", "locking"), problem)


#: What ends or changes the transaction that it runs in, or cannot run in one.
_ENDS = re.compile(
    r"(?i)(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction|vacuum|"
    r"(create|drop)\s+(database|tablespace|subscription)|alter\s+system|discard|"
    r"set\s+(session\s+authorization|role)|reset\s+role)\b(?!\s+atomic)"
)
#: Its statements end with semicolons, too (CREATE FUNCTION, sql_body).
_BODY = re.compile(r"(?is)create\s.*\bbegin\s+atomic\b.*\bend\s*|create\s+(or\s+replace\s+)?rule\s.*\)\s*")
_CONCURRENTLY = re.compile(r"(?is)((create\s+(unique\s+)?|drop\s+)index|reindex\b.*\b)\s*concurrently\b")


def _not_runnable(text: str) -> Iterator[str]:
    if not is_one_statement(text) and not _BODY.fullmatch(text):
        yield "is more than one statement: write each as an entry of its own"
        return
    begins = _ENDS.match(text.lstrip())
    if begins:
        yield f"begins with {quoted(begins.group().upper())}, which cannot run in the transaction of a step"
    elif _CONCURRENTLY.match(text.lstrip()):
        yield 'builds or drops an index CONCURRENTLY, which an entry of "indexes" does'


def undo_problem(text: str) -> str:
    """Why a statement out of the journal is not run; empty where it may be."""
    return next(_not_runnable(text), "")
