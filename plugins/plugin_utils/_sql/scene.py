# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file has done so far, and what it does later: whether an object is new, and in which schema a name is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from . import naming
from .parsing import Token, tokens_of

__all__ = ["NOWHERE", "OutOfPlace", "Place", "SqlScene", "dotted", "strings"]

#: A schema (None: the connection's) and a name in it.
Place = tuple["str | None", str]

#: What a name without a schema means where nothing else is said: PostgreSQL documentation, 5.10.2.
_USUAL = "public"
#: The schema of names without one where search_path is empty: no schema has such a name.
NOWHERE = ""


class OutOfPlace(Exception):
    """A name that means nothing here. The message is what to do about it."""


def dotted(schema: str | None, *names: str) -> str:
    """How results call an object: public.Sale.notes; without the schema where the file has none."""
    return ".".join((schema, *names) if schema else names)


def strings(nodes: Iterable[Any] | None) -> list[str]:
    """The literal names of a list of pglast's String nodes."""
    return [node.sval for node in nodes or () if hasattr(node, "sval")]


#: psql runs such a statement only in the database of this name, and this file has no word about its own.
_OTHER_DATABASE = (
    "it names the database {database}, and one migration changes the database of its connection: write the name "
    "without the database"
)


class SqlScene:
    """The state of one reading, in which each statement is read.

    schema: where names without one are: that of search_path, None for the connection's. position: the number of the
    statement that is being read.
    """

    def __init__(self, later: Iterable[tuple[int, Hashable]] = ()) -> None:
        self.schema: str | None = None
        self.position = 0
        self.code = ""
        self._tokens: list[Token] | None = None
        self.open_transaction: int | None = None
        #: The last statement so far that writes rows, or may.
        self.rows_written = -1
        self._made_at: dict[Hashable, int] = {}
        self._schema_before: tuple[str | None] | None = None
        self._new: set[Hashable] = set()
        self._perhaps: set[Hashable] = set()
        self._renamed: dict[Hashable, Place] = {}
        self._taken: set[tuple[str, str]] = set()
        self._tables: dict[Place, Place] = {}
        self._later: dict[Hashable, list[int]] = defaultdict(list)
        for position, fact in later:
            self._later[fact].append(position)

    def search(self, schema: str | None, local: bool) -> None:
        """The search_path is set; local: until the end of the transaction (SET LOCAL)."""
        if local and self._schema_before is None:
            self._schema_before = (self.schema,)
        elif not local:
            self._schema_before = None
        self.schema = schema

    def end_transaction(self) -> None:
        """What SET LOCAL has set is as it was before."""
        self.open_transaction = None
        if self._schema_before is not None:
            self.schema = self._schema_before[0]
            self._schema_before = None

    def begin(self, code: str) -> None:
        """The next statement is read; code: as in Parsed."""
        self.code, self._tokens = code, None

    @property
    def tokens(self) -> list[Token]:
        """The words and signs of the statement that is being read."""
        if self._tokens is None:
            self._tokens = tokens_of(self.code)
        return self._tokens

    def place(self, relation: Any) -> Place:
        """The schema and name of a RangeVar."""
        if relation.catalogname:
            raise OutOfPlace(_OTHER_DATABASE.format(database=relation.catalogname))
        return relation.schemaname or self._searched(relation.relname), relation.relname

    def named(self, parts: Iterable[Any]) -> Place:
        """The schema and name of a list of strings, as DROP has them."""
        names = strings(parts)
        if len(names) > 2:
            raise OutOfPlace(_OTHER_DATABASE.format(database=names[0]))
        return (names[-2] if len(names) > 1 else self._searched(names[-1])), names[-1]

    def above(self, parts: Sequence[str]) -> Place:
        """The table of an object that is named by its table's names and its own."""
        return (parts[-3] if len(parts) > 2 else self.schema), parts[-2]

    def _searched(self, name: str) -> str | None:
        if self.schema == NOWHERE:
            raise OutOfPlace(f"{name} has no schema, and search_path is empty: write the schema before the name")
        return self.schema

    def make(self, what: str, place: Place, *names: str, surely: bool = True) -> None:
        """An object is made in this file: "table", place; or "column", its table's place, its name.

        surely: not by IF NOT EXISTS, which may find one with rows.
        """
        self._new.add((what, _known(place), *names))
        key = (what, _known(place), *names)
        self._made_at[key] = self.position
        if not surely:
            self._perhaps.add((what, _known(place), *names))

    def rename(self, what: str, old: Place, new: Place) -> None:
        """An object gets another name; it is as new as it was."""
        if not self.is_new(what, old) or self.is_renamed(what, old):
            self._renamed[(what, _known(new))] = self._renamed.get((what, _known(old)), old)
        self.make(what, new, surely=self.is_surely_new(what, old) or not self.is_new(what, old))

    def is_renamed(self, what: str, place: Place) -> bool:
        """Whether it was there before this file, which has given it this name."""
        return (what, _known(place)) in self._renamed

    def former_name(self, what: str, place: Place) -> Place:
        """The name that an object had before this file."""
        return self._renamed.get((what, _known(place)), place)

    def forget(self, what: str, place: Place, *names: str) -> None:
        self._new.discard((what, _known(place), *names))
        self._perhaps.discard((what, _known(place), *names))

    def is_new(self, what: str, place: Place, *names: str) -> bool:
        """Whether the file itself made the object: nobody uses it yet, and it has no rows but the file's."""
        return (what, _known(place), *names) in self._new

    def rows_since(self, what: str, place: Place, *names: str) -> bool:
        """Whether the file writes rows between the statement that makes the object and this one."""
        made = self._made_at.get((what, _known(place), *names))
        return made is not None and made < self.rows_written

    def is_surely_new(self, what: str, place: Place, *names: str) -> bool:
        """The same for what deletes rows or values."""
        key = (what, _known(place), *names)
        return key in self._new and key not in self._perhaps and key not in self._renamed

    def comes_later(self, *fact: Hashable) -> bool:
        """Whether a statement from this one on does that: what `facts_of` says of it."""
        return any(position >= self.position for position in self._later.get(fact, ()))

    def rows_before(self, *fact: Hashable) -> bool:
        """Whether a later statement does that, and rows are written between this one and it."""
        last = max(self._later.get(fact, ()), default=-1)
        return any(self.position < position < last for position in self._later.get(("writes",), ()))

    def replaced_at_once(self, table: str, name: str) -> bool:
        """Whether a CHECK of this name is dropped and added again, with no rows written in between."""
        dropped = self._later.get(("dropped constraint", table, name), ())
        added = self._later.get(("check", table, name), ())
        if len(dropped) != 1 or len(added) != 1 or dropped[0] >= added[0]:
            return False
        return not any(dropped[0] < position < added[0] for position in self._later.get(("writes",), ()))

    def key_stays_as_written(self, table: str, name: str) -> bool:
        """Whether a later key of this name is one that no entry can say, or is never validated."""
        if self.comes_later("key as written", table, name):
            return True
        return self.comes_later("key not valid", table, name) and not self.comes_later("validated", table, name)

    def came_before(self, *fact: Hashable) -> bool:
        """Whether a statement up to this one did that."""
        return any(position <= self.position for position in self._later.get(fact, ()))

    def note(self, *fact: Hashable) -> None:
        """The statement that is being read does what `facts_of` could not know, such as a key of a chosen name."""
        self._later[fact].append(self.position)

    def take(self, place: Place) -> None:
        """A name of a relation or constraint is taken, for names that the server chooses."""
        self._taken.add(_known(place))

    def release(self, place: Place) -> None:
        self._taken.discard(_known(place))

    def chosen(self, table: Place, columns: str | None, label: str) -> str:
        """The name that the server gives to an index or constraint that has none."""
        name = naming.chosen(table[1], columns, label, lambda name: _known((table[0], name)) in self._taken)
        self.take((table[0], name))
        return name

    def index_on(self, index: Place, table: Place) -> None:
        """This file makes the index on the table."""
        self._tables[_known(index)] = table

    def table_of(self, index: Place) -> Place | None:
        """The table of an index that this file made."""
        return self._tables.get(_known(index))


def _known(place: Place) -> tuple[str, str]:
    return place[0] or _USUAL, place[1]
