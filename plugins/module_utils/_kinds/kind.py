# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pipeline asks of a kind of objects. Whoever adds a kind answers these questions, in one folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .._connection.session import Session
from .._model.catalog import Catalog, Table, TableName
from .._model.plan import Outcome, Step
from .._support import entry as _entry
from .._support.problem import Mistake

__all__ = ["Image", "Images", "Kind"]

#: One object as the catalog has it: a mapping that the journal keeps as JSON, with at least a `name`.
Image = Mapping[str, Any]
Images = Mapping[TableName, Sequence[Image]]


class Kind(ABC):
    """How one kind of objects is written in a migration, read, planned, inverted and compared.

    name: in journal, plan and results. section: the key of a migration under which its entries stand, with its
    description. entry_schema: JSON Schema (draft 2020-12) of one entry; argument_spec: the same for Ansible. rank: the
    place in a deployment, (present, absent): what is added comes before what is taken away. of_schema: its names are
    those of a schema (an index), and not of a table (a constraint).
    """

    name: ClassVar[str]
    section: ClassVar[str]
    description: ClassVar[str]
    entry_schema: ClassVar[Mapping[str, Any]]
    argument_spec: ClassVar[Mapping[str, Any]]
    rank: ClassVar[Tuple[int, int]]
    of_schema: ClassVar[bool] = False
    #: Whether an object of this kind may have to be built: then old transactions are waited for.
    builds: ClassVar[bool] = False
    #: The kind of the objects that its steps make on the way; empty: its own.
    helper_kind: ClassVar[str] = ""
    #: Whether its objects stand in the journal, and nowhere else: then they are read there, and `read` is not asked.
    of_journal: ClassVar[bool] = False

    # -- the entries of a migration ------------------------------------------------------------------------------------

    def problems(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> List[Mistake]:
        """What no schema can say about an entry; paths are relative to it. migration: the raw whole around it.

        Values of a wrong type are passed over: the schema, or Ansible, reports them.
        """
        return []

    def clashes(self, migration: Mapping[str, Any]) -> Iterator[Mistake]:
        """What is wrong between entries of this kind; paths from the migration's root."""
        return iter(())

    def tables_named(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> Iterable[Optional[str]]:
        """The tables of the migration's own schema that an entry names, as far as it can be read."""
        return [_entry.text(entry, "table")]

    def relation_named(self, entry: Mapping[str, Any]) -> Optional[str]:
        """The name that an entry takes among the schema's tables and indexes (pg_class); None: it takes none."""
        return None

    @abstractmethod
    def specification(self, entry: Mapping[str, Any], schema: str, migration_id: str = "") -> Any:
        """The specification of a valid entry, its table in the schema. It has schema, table and name."""

    # -- targets: what an object is to be ------------------------------------------------------------------------------

    @abstractmethod
    def target(self, specification: Any) -> Any:
        """The target of a specification. It has schema, table, name and present."""

    @abstractmethod
    def restored(self, table: TableName, name: str, image: Optional[Image], after: Optional[Image] = None) -> Any:
        """The target that brings back what an image has (None: nothing was there): the inverse of a step.

        after: the image of what the step made.
        """

    def located(self, session: Session, targets: Sequence[Any]) -> Sequence[Any]:
        """The targets, each with its table: of one that names none it is read. Raises psycopg2.Error."""
        return targets

    def as_others(
        self, session: Session, targets: Sequence[Any], migration_id: str
    ) -> Sequence[Optional[Tuple[str, Any]]]:
        """For each target of a migration in SQL what stands in its place, with the name of that kind, or None: what
        only the catalog knows to be of another kind. Raises psycopg2.Error.
        """
        return [None] * len(targets)

    @abstractmethod
    def tables(self, target: Any) -> Set[TableName]:
        """The tables that the plan has to know."""

    def relation_names(self, target: Any, tables: Mapping[TableName, Table]) -> Set[TableName]:
        """The names that the plan may need in a schema. tables: with their partitions."""
        return set()

    def expressions(self, target: Any) -> List[str]:
        """The SQL texts of the migration in a target, to be compared in the form that the server gives them."""
        return []

    def built_index(self, target: Any) -> Any:
        """The target of the index that may have to be built for a target; None for what has none."""
        return None

    def new_columns(self, target: Any) -> Dict[str, str]:
        """Columns that a target may add to its table, each with the SQL text of its type."""
        return {}

    # -- the catalog ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, session: Session, tables: Mapping[TableName, Table]) -> Images:
        """The objects of these tables as they are. Raises psycopg2.Error."""

    def further_tables(self, images: Images) -> Set[TableName]:
        """Tables that a plan may have to lock because of what is there, whether the migration names them or not."""
        return set()

    def preparation(self, target: Any) -> Tuple[str, ...]:
        """Statements that make what later targets of the run may name, and that nobody feels: they are carried out for
        the plan, in a transaction that is rolled back.
        """
        return ()

    def replaces_used(self, session: Session, target: Any) -> bool:
        """Whether the preparation would lock what sessions use: then it is left out. Raises psycopg2.Error."""
        return False

    def writes_rows(self, target: Any) -> bool:
        """Whether a target changes the rows of its tables, or may."""
        return False

    def facts(self, session: Session, catalog: Catalog, targets: Sequence[Any]) -> Catalog:
        """The catalog with what only this kind's planner asks for. Raises psycopg2.Error."""
        return catalog

    def placed(self, target: Any, catalog: Catalog) -> Any:
        """The target, with what its names mean in this database: pure."""
        return target

    # -- the plan ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def plan(self, target: Any, catalog: Catalog) -> Outcome:
        """What has to be done for a target: pure. The catalog is as it will be at this target's turn, as far as the
        kinds of the targets before it say so (after), and has all targets of the run, in its order.
        """

    def after(self, target: Any, outcome: Outcome, catalog: Catalog) -> Catalog:
        """The catalog as it will be once an outcome is carried out, for the planners of what comes later: pure."""
        return catalog

    # -- images --------------------------------------------------------------------------------------------------------

    @abstractmethod
    def parse(self, image: Any) -> Dict[str, Any]:
        """An image out of the journal, each value of the type that it must have. Raises ValueError with what is wrong.

        Who may write steady.step could write anything into an image, and a rollback makes statements of it.
        """

    @abstractmethod
    def differs(self, left: Image, right: Image) -> bool:
        """Whether two images are different objects for a rollback's purposes."""

    @abstractmethod
    def differences(self, before: Image, now: Image) -> Tuple[List[str], List[str]]:
        """In what an object is not as its image has it: its definition, and what hangs on it."""

    @abstractmethod
    def definition(self, image: Image) -> str:
        """An image as people read it."""

    def texts(self, image: Image) -> List[str]:
        """The SQL texts of an image that the server evaluates when it is brought back."""
        return []

    def undo_texts(self, after: Image) -> List[str]:
        """The SQL texts of the image of what a step made, by which it is taken back."""
        return []

    def compared(self, image: Image) -> List[str]:
        """Those of them that stand beside expressions of the migration, to be compared with them."""
        return self.texts(image)

    def alike(self, image: Image, other: Optional[Image]) -> Image:
        """As much of an image as another one of the same object has, where a kind has more than one form of it."""
        return image

    def unfinished(self, name: str, image: Image) -> str:
        """What is unfinished about an image, and what it means; empty for nothing. name: the object, in words."""
        return ""

    def helpers(self, step: Step, image: Optional[Image], others: Sequence[Image]) -> List[str]:
        """The helpers of a step that are there, in words. others: all objects of the helpers' kind on its
        table.
        """
        return []
