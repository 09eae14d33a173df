# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a statement reaches: through foreign keys, triggers, rules and functions, and whether any of it leaves.

A rollback takes back what is in the database. It does not take back a message to another server, a file, a request.
So before a probe is tried, everything that could run with it is searched. The search is conservative: a function counts
with all the tables and functions whose names stand in its text. What it cannot see are statements that are put together
at run time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple

__all__ = ["ForeignKey", "Function", "Reach", "Rule", "Surroundings", "Trigger", "leaving_words", "reach"]

#: Words of a text that does something outside of the transaction, with what they do.
_LEAVING = (
    (r"\bnotify\b|\bpg_notify\b", "notifies other sessions"),
    (r"\bdblink\w*", "works on another database through dblink"),
    (r"\bnet\s*\.\s*http\w*|\bhttp(?:_\w+)?\s*\(|\baws_lambda\s*\.", "sends a request over the network"),
    (r"\bcopy\b[^;]*?\b(?:to|from)\s+(?:program|e?'|%)", "reads or writes a file or a program with COPY"),
    (r"\blo_(?:import|export)\b|\bpg_(?:read|write)\w*_file\b|\bpg_file_\w+", "reads or writes a file"),
    (r"\bpg_background_\w+|\bpg_logical_emit_message\b", "does work that a rollback does not take back"),
    (r"\bpg_(?:terminate|cancel)_backend\b", "ends the work of other sessions"),
)
#: Extensions whose C functions stay in the database. Of any other's nobody here can say what they do.
_HARMLESS = frozenset(
    (
        *("autoinc", "btree_gin", "btree_gist", "citext", "cube", "earthdistance", "fuzzystrmatch", "hstore"),
        *("insert_username", "intarray", "lo", "ltree", "moddatetime", "pg_trgm", "pgcrypto", "postgis", "refint"),
        *("tablefunc", "tsm_system_rows", "unaccent", "uuid-ossp", "vector"),
    )
)
_WORD = re.compile(r"[^\W\d][\w$]*")


@dataclass(frozen=True)
class ForeignKey:
    """table refers to referenced. on_delete, on_update: the catalog's letter (a, r, c, n, d)."""

    table: int
    referenced: int
    on_delete: str
    on_update: str


@dataclass(frozen=True)
class Trigger:
    """events: of insert, delete, update."""

    name: str
    table: int
    function: int
    events: Tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A rewrite rule that is no view's: its text names what it does instead or as well."""

    name: str
    table: int
    text: str


@dataclass(frozen=True)
class Function:
    """body: its source; empty for C. trusted: whether its language keeps to the database by design."""

    name: str
    body: str
    language: str
    trusted: bool
    extension: str


@dataclass(frozen=True)
class Surroundings:
    """The catalog, as far as a statement can reach. tables: oid to (schema, name, kind). parts: parent to children."""

    tables: Mapping[int, Tuple[str, str, str]]
    parts: Mapping[int, Sequence[int]]
    keys: Sequence[ForeignKey]
    triggers: Sequence[Trigger]
    rules: Sequence[Rule]
    functions: Mapping[int, Function]


@dataclass(frozen=True)
class Reach:
    """tables: oids of those that can be written to. leaving: sentences, one for each way out of the database."""

    tables: Tuple[int, ...]
    leaving: Tuple[str, ...]


def leaving_words(text: str) -> List[str]:
    """What in an SQL or PL/pgSQL text leaves the database, in words."""
    return [what for pattern, what in _LEAVING if re.search(pattern, text, re.IGNORECASE)]


def reach(around: Surroundings, targets: Iterable[Tuple[int, str]], text: str) -> Reach:
    """All that a statement can set off. targets: the tables that it writes to, each with the event; text: its SQL."""
    return _Search(around).run(targets, text)


class _Search:
    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.leaving: Dict[str, None] = {}
        self.written: Dict[Tuple[int, str], None] = {}
        self.called: Set[int] = set()
        self.functions_named: Dict[str, List[int]] = {}
        for oid, function in around.functions.items():
            self.functions_named.setdefault(function.name.lower(), []).append(oid)
        self.tables_named: Dict[str, List[int]] = {}
        for oid, (_schema, name, _kind) in around.tables.items():
            self.tables_named.setdefault(name.lower(), []).append(oid)

    def run(self, targets: Iterable[Tuple[int, str]], text: str) -> Reach:
        self._text(text, "the probe's own SQL", tables=False)
        for table, event in targets:
            self._write(table, event)
        return Reach(tuple(dict.fromkeys(table for table, _event in self.written)), tuple(self.leaving))

    def _write(self, start: int, event: str) -> None:
        """A table is written to, and with it those that its keys, triggers and rules lead to."""
        waiting = [(start, event)]
        while waiting:
            table, event = waiting.pop()
            if (table, event) in self.written or table not in self.around.tables:
                continue
            self.written[(table, event)] = None
            schema, name, kind = self.around.tables[table]
            if kind == "f":
                self.leaving[f'"{schema}"."{name}" is a foreign table'] = None
            waiting += [(child, event) for child in self.around.parts.get(table, ())]
            waiting += self._followers(table, event)
            for trigger in self.around.triggers:
                if trigger.table == table and event in trigger.events:
                    waiting += self._call(trigger.function, f'trigger "{trigger.name}" on "{name}"')
            for rule in self.around.rules:
                if rule.table == table:
                    waiting += self._text(rule.text, f'rule "{rule.name}" on "{name}"')

    def _followers(self, table: int, event: str) -> List[Tuple[int, str]]:
        """What the foreign keys that refer to the table do to theirs."""
        found = []
        for key in self.around.keys:
            action = {"delete": key.on_delete, "update": key.on_update}.get(event, "a")
            if key.referenced == table and action in "cnd":
                found.append((key.table, "delete" if event == "delete" and action == "c" else "update"))
        return found

    def _call(self, oid: int, caller: str) -> List[Tuple[int, str]]:
        """A function is called: what it can write to."""
        if oid in self.called or oid not in self.around.functions:
            return []
        self.called.add(oid)
        function = self.around.functions[oid]
        who = f"{caller}: function {function.name}"
        if function.language == "c":
            if function.extension not in _HARMLESS:
                of = f"the extension {function.extension}" if function.extension else "a library"
                self.leaving[f"{who} is C code of {of}, which cannot be looked into"] = None
            return []
        if not function.trusted:
            self.leaving[f"{who} is written in {function.language}, which may do anything on the server"] = None
        return self._text(function.body, who)

    def _text(self, text: str, who: str, tables: bool = True) -> List[Tuple[int, str]]:
        """A text runs: what its words lead to."""
        for what in leaving_words(text):
            self.leaving[f"{who} {what}"] = None
        words = {word.lower() for word in _WORD.findall(text)}
        # Names that are no plain words stand in quotes, and are searched for as they are.
        lowered = text.lower()
        found: List[Tuple[int, str]] = []
        for name, oids in self.functions_named.items():
            if name in words:
                for oid in oids:
                    found += self._call(oid, who)
        for name, oids in self.tables_named.items():
            if name in words or (not _WORD.fullmatch(name) and name in lowered):
                foreign = [oid for oid in oids if self.around.tables[oid][2] == "f"]
                found += [
                    (oid, event) for oid in (oids if tables else foreign) for event in ("insert", "update", "delete")
                ]
        if not tables:
            for table, event in found:
                self._write(table, event)
            return []
        return found
