# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign keys, as the pipeline asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Hashable, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..._connection.session import Session
from ..._model.catalog import Catalog, Table, TableName
from ..._model.plan import Outcome, Step
from ..._support import entry as _entry
from ..._support.problem import Mistake, quoted
from .. import entries
from ..constraint.others import other_constraints
from ..helpers import named_helpers, not_valid
from ..kind import Image, Images, Kind
from . import planner, rules
from . import specification as written
from .catalog import read
from .image import differences, parse
from .null_refusals import read_null_refusals
from .specification import ForeignKeySpecification

__all__ = ["ForeignKeyKind"]


class ForeignKeyKind(Kind):
    """Foreign keys. Its images are those of all constraints of a table, since all of them share their names."""

    name = planner.KIND
    section = written.SECTION
    description = "Foreign keys that must exist, or must not exist."
    entry_schema = written.ENTRY_SCHEMA
    argument_spec = written.ARGUMENT_SPEC
    rank = (2, 2)

    def problems(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> List[Mistake]:
        return written.problems(entry, migration)

    def clashes(self, migration: Mapping[str, Any]) -> Iterator[Mistake]:
        name = written.entry_name
        yield from entries.twice(
            migration,
            self.section,
            _identity,
            lambda entry: f"the foreign key {quoted(name(entry) or '')} of table {quoted(entry['table'])}",
        )
        for position, entry, earlier in entries.repeated(migration, self.section, rules.likeness):
            if name(entry) != name(migration[self.section][earlier]):
                yield Mistake(
                    (self.section, position),
                    f"has the columns and the referenced columns of {self.section}[{earlier}] under another name, "
                    "and both would act: remove one, or make it absent",
                )

    def tables_named(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> Iterable[Optional[str]]:
        yield _entry.text(entry, "table")
        references = _entry.mapping(entry, "references")
        if not _entry.given(references, "schema") or references.get("schema") == migration.get("schema"):
            yield _entry.text(references, "table")

    def specification(self, entry: Mapping[str, Any], schema: str, migration_id: str = "") -> ForeignKeySpecification:
        return ForeignKeySpecification.from_entry(entry, schema)

    def target(self, specification: Any) -> planner.DesiredKey:
        return planner.from_specification(specification)

    def restored(
        self, table: TableName, name: str, image: Optional[Image], after: Optional[Image] = None
    ) -> planner.DesiredKey:
        return planner.from_image(table, name, image)

    def as_others(
        self, session: Session, targets: Sequence[Any], migration_id: str
    ) -> Sequence[Optional[Tuple[str, Any]]]:
        return other_constraints(session, targets, migration_id)

    def tables(self, target: planner.DesiredKey) -> Set[TableName]:
        return planner.tables(target)

    def read(self, session: Session, tables: Mapping[TableName, Table]) -> Images:
        return read(session, tables)

    def further_tables(self, images: Images) -> Set[TableName]:
        """Dropping a key locks the table that it refers to."""
        keys = [key for of_table in images.values() for key in of_table if key["type"] == "f"]
        return {(key["referenced_schema"], key["referenced_table"]) for key in keys}

    def facts(self, session: Session, catalog: Catalog, targets: Sequence[planner.DesiredKey]) -> Catalog:
        nulled = [
            (target.table_name, columns) for target in targets for columns in planner.nulled_columns(target).values()
        ]
        return replace(catalog, null_refusals=read_null_refusals(session, catalog.tables, nulled))

    def plan(self, target: planner.DesiredKey, catalog: Catalog) -> Outcome:
        return planner.plan(target, catalog)

    def parse(self, image: Any) -> Dict[str, Any]:
        return parse(image)

    def differs(self, left: Image, right: Image) -> bool:
        return planner.differs(left, right)

    def differences(self, before: Image, now: Image) -> Tuple[List[str], List[str]]:
        return differences(before, now)

    def definition(self, image: Image) -> str:
        return planner.definition(image)

    def unfinished(self, name: str, image: Image) -> str:
        return "" if image.get("validated", True) else not_valid(name)

    def helpers(self, step: Step, image: Optional[Image], others: Sequence[Image]) -> List[str]:
        return named_helpers(self, "key", step, others)


def _identity(entry: Mapping[str, Any]) -> Optional[Hashable]:
    return entries.of_table(entry, written.entry_name(entry))
