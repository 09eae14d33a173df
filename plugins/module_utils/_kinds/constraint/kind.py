# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints that are no foreign keys, as the pipeline asks for them."""

from __future__ import annotations

from typing import Any, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..._connection.session import Session
from ..._model.catalog import Catalog, Table, TableName
from ..._model.plan import Outcome, Step
from ..._support.problem import Mistake, quoted
from .. import entries
from ..helpers import named_helpers, not_valid
from ..index.target import DesiredIndex
from ..kind import Image, Images, Kind
from . import planner
from . import specification as written
from .afterwards import after
from .catalog import read
from .image import differences, differs, parse
from .others import as_written
from .specification import ConstraintSpecification
from .target import DesiredConstraint, from_image, from_specification, index_of

__all__ = ["ConstraintKind"]


class ConstraintKind(Kind):
    """Unique, primary key and check constraints."""

    name = "constraint"
    section = written.SECTION
    description = "Unique, primary key and check constraints that must exist, or must not exist."
    entry_schema = written.ENTRY_SCHEMA
    argument_spec = written.ARGUMENT_SPEC
    # A key finds the unique constraint that it refers to, and is gone before that goes.
    rank = (1, 3)
    builds = True
    helper_kind = "index"

    def problems(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> List[Mistake]:
        return written.problems(entry)

    def clashes(self, migration: Mapping[str, Any]) -> Iterator[Mistake]:
        name = written.entry_name
        yield from entries.twice(
            migration,
            self.section,
            _identity,
            lambda entry: f"the constraint {quoted(name(entry) or '')} of table {quoted(entry['table'])}",
        )
        keys = entries.repeated(migration, self.section, _primary_key)
        for position, entry, earlier in keys:
            if name(entry) != name(migration[self.section][earlier]):
                yield Mistake(
                    (self.section, position, "primary_key"),
                    f"{self.section}[{earlier}] is a primary key of the same table, which has one at most: remove one",
                )

    def relation_named(self, entry: Mapping[str, Any]) -> Optional[str]:
        return None if entry.get("check") is not None else written.entry_name(entry)

    def specification(self, entry: Mapping[str, Any], schema: str, migration_id: str = "") -> ConstraintSpecification:
        return ConstraintSpecification.from_entry(entry, schema)

    def target(self, specification: Any) -> DesiredConstraint:
        return from_specification(specification)

    def restored(
        self, table: TableName, name: str, image: Optional[Image], after: Optional[Image] = None
    ) -> DesiredConstraint:
        return from_image(table, name, image)

    def as_others(
        self, session: Session, targets: Sequence[Any], migration_id: str
    ) -> Sequence[Optional[Tuple[str, Any]]]:
        return as_written(session, targets, migration_id)

    def tables(self, target: Any) -> Set[TableName]:
        return planner.tables(target)

    def relation_names(self, target: Any, tables: Mapping[TableName, Table]) -> Set[TableName]:
        return planner.relation_names(target)

    def expressions(self, target: Any) -> List[str]:
        return list(target.expressions)

    def built_index(self, target: Any) -> Optional[DesiredIndex]:
        return index_of(target) if target.has_index else None

    def read(self, session: Session, tables: Mapping[TableName, Table]) -> Images:
        return read(session, tables)

    def plan(self, target: Any, catalog: Catalog) -> Outcome:
        return planner.plan(target, catalog)

    def after(self, target: Any, outcome: Outcome, catalog: Catalog) -> Catalog:
        return after(target, catalog) if outcome.steps else catalog

    def parse(self, image: Any) -> Dict[str, Any]:
        return parse(image)

    def differs(self, left: Image, right: Image) -> bool:
        return differs(left, right)

    def differences(self, before: Image, now: Image) -> Tuple[List[str], List[str]]:
        return differences(before, now)

    def definition(self, image: Image) -> str:
        return planner.definition(image)

    def texts(self, image: Image) -> List[str]:
        return [image["check"]] if image["check"] is not None else []

    def unfinished(self, name: str, image: Image) -> str:
        """NOT VALID, of a check, or INVALID, of the index that is built for a constraint."""
        if not image.get("valid", True):
            return f"{name} is there and INVALID: the next run of the same command builds it anew"
        return "" if image.get("validated", True) or not image.get("enforced", True) else not_valid(name)

    def helpers(self, step: Step, image: Optional[Image], others: Sequence[Image]) -> List[str]:
        return named_helpers(self, "index", step, others)


def _identity(entry: Mapping[str, Any]) -> Optional[Hashable]:
    return entries.of_table(entry, written.entry_name(entry))


def _primary_key(entry: Mapping[str, Any]) -> Optional[Hashable]:
    return entry.get("table") if entry.get("primary_key") and not entries.absent(entry) else None
