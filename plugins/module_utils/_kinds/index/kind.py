# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes, as the pipeline asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..._connection.session import Session
from ..._model.catalog import Catalog, Table, TableName
from ..._model.plan import Outcome, Step
from ..._support.problem import Mistake, quoted
from .. import entries
from ..helpers import named_helpers
from ..kind import Image, Images, Kind
from . import planner, rules
from . import specification as written
from .catalog import read
from .dependents import read_dependents
from .image import differences, parse, texts
from .located import located
from .places import placed, read_places
from .specification import IndexSpecification
from .target import DesiredIndex, from_image, from_specification

__all__ = ["IndexKind"]


class IndexKind(Kind):
    """Indexes that are no constraint's."""

    name = planner.KIND
    section = written.SECTION
    description = "Indexes that must exist, or must not exist."
    entry_schema = written.ENTRY_SCHEMA
    argument_spec = written.ARGUMENT_SPEC
    rank = (1, 3)
    of_schema = True
    builds = True

    def problems(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> List[Mistake]:
        return written.problems(entry, migration)

    def clashes(self, migration: Mapping[str, Any]) -> Iterator[Mistake]:
        # Index names are unique in a schema, not only on a table.
        name = written.entry_name
        yield from entries.twice(migration, self.section, name, lambda entry: f"the index {quoted(name(entry) or '')}")
        for position, entry, earlier in entries.repeated(migration, self.section, rules.likeness):
            same_name = name(entry) == name(migration[self.section][earlier])
            if not same_name and entry.get("on_equivalent") != "create":
                yield Mistake(
                    (self.section, position),
                    f"has the definition of {self.section}[{earlier}] under another name: remove one, "
                    'or add "on_equivalent: create" if both are wanted',
                )

    def relation_named(self, entry: Mapping[str, Any]) -> Optional[str]:
        return written.entry_name(entry)

    def specification(self, entry: Mapping[str, Any], schema: str, migration_id: str = "") -> IndexSpecification:
        return IndexSpecification.from_entry(entry, schema)

    def target(self, specification: Any) -> DesiredIndex:
        return from_specification(specification)

    def restored(
        self, table: TableName, name: str, image: Optional[Image], after: Optional[Image] = None
    ) -> DesiredIndex:
        return from_image(table, name, image)

    def located(self, session: Session, targets: Sequence[Any]) -> Sequence[Any]:
        return located(session, targets)

    def tables(self, target: Any) -> Set[TableName]:
        return planner.tables(target)

    def relation_names(self, target: Any, tables: Mapping[TableName, Table]) -> Set[TableName]:
        return planner.relation_names(target, tables)

    def expressions(self, target: Any) -> List[str]:
        return list(target.expressions)

    def built_index(self, target: Any) -> Optional[DesiredIndex]:
        return target if target.present else None

    def read(self, session: Session, tables: Mapping[TableName, Table]) -> Images:
        return read(session, tables)

    def facts(self, session: Session, catalog: Catalog, targets: Sequence[Any]) -> Catalog:
        places = read_places(session, targets)
        return replace(catalog, unique_indexes=read_dependents(session, catalog.tables), places=places)

    def placed(self, target: Any, catalog: Catalog) -> DesiredIndex:
        return placed(target, catalog.places)

    def plan(self, target: Any, catalog: Catalog) -> Outcome:
        return planner.plan(target, catalog)

    def parse(self, image: Any) -> Dict[str, Any]:
        return parse(image)

    def differs(self, left: Image, right: Image) -> bool:
        return planner.differs(left, right)

    def differences(self, before: Image, now: Image) -> Tuple[List[str], List[str]]:
        return differences(before, now)

    def definition(self, image: Image) -> str:
        return planner.definition(image)

    def texts(self, image: Image) -> List[str]:
        return texts(image)

    def unfinished(self, name: str, image: Image) -> str:
        """INVALID: "CREATE INDEX", Building Indexes Concurrently."""
        if image.get("valid", True):
            return ""
        return (
            f"{name} is there and INVALID: no query uses it, and writes may still have to maintain it; the next run of "
            "the same command builds or drops it"
        )

    def helpers(self, step: Step, image: Optional[Image], others: Sequence[Image]) -> List[str]:
        return named_helpers(self, "index", step, others)
