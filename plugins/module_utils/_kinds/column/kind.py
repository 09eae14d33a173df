# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns, as the pipeline asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..._connection.session import Session
from ..._model.catalog import Catalog, Table, TableName
from ..._model.plan import Outcome, Step
from ..._support import entry as _entry
from ..._support.problem import Mistake, quoted
from ..._support.sqltext import temporary_name
from .. import entries
from ..kind import Image, Images, Kind
from . import image as _image
from . import planner
from . import specification as written
from .around import read_around, read_uses
from .catalog import read
from .judgement import judge_columns
from .specification import ColumnSpecification
from .target import KIND, DesiredColumn, from_image, from_specification

__all__ = ["ColumnKind"]


class ColumnKind(Kind):
    """Columns: added, their default, and whether they take NULL."""

    name = KIND
    section = written.SECTION
    description = "Columns and their desired state."
    entry_schema = written.ENTRY_SCHEMA
    argument_spec = written.ARGUMENT_SPEC
    rank = (0, 0)

    def problems(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> List[Mistake]:
        return written.problems(entry, migration)

    def clashes(self, migration: Mapping[str, Any]) -> Iterator[Mistake]:
        for position, entry, earlier in entries.repeated(migration, self.section, _identity):
            what = f"the column {quoted(entry['name'])} of table {quoted(entry['table'])}"
            contrary = {**entry} != {**migration[self.section][earlier]}
            yield entries.second(self.section, position, earlier, what, contrary)

    def specification(self, entry: Mapping[str, Any], schema: str, migration_id: str = "") -> ColumnSpecification:
        return ColumnSpecification.from_entry(entry, schema)

    def target(self, specification: Any) -> DesiredColumn:
        return from_specification(specification)

    def restored(
        self, table: TableName, name: str, image: Optional[Image], after: Optional[Image] = None
    ) -> DesiredColumn:
        return from_image(table, name, image)

    def tables(self, target: DesiredColumn) -> Set[TableName]:
        return planner.tables(target)

    def read(self, session: Session, tables: Mapping[TableName, Table]) -> Images:
        return read(session, tables)

    def new_columns(self, target: DesiredColumn) -> Dict[str, str]:
        wanted = target.definition.type
        return {} if wanted is None else {target.name: wanted}

    def facts(self, session: Session, catalog: Catalog, targets: Sequence[DesiredColumn]) -> Catalog:
        return replace(
            catalog,
            judgements=judge_columns(session, catalog, targets),
            around_columns=read_around(session, catalog, targets),
            column_uses=read_uses(session, catalog, targets),
        )

    def plan(self, target: DesiredColumn, catalog: Catalog) -> Outcome:
        return planner.plan(target, catalog)

    def after(self, target: DesiredColumn, outcome: Outcome, catalog: Catalog) -> Catalog:
        return planner.after(target, outcome, catalog)

    def parse(self, image: Any) -> Dict[str, Any]:
        return _image.parse(image)

    def differs(self, left: Image, right: Image) -> bool:
        return _image.differs(left, right)

    def differences(self, before: Image, now: Image) -> Tuple[List[str], List[str]]:
        return _image.differences(before, now)

    def definition(self, image: Image) -> str:
        return _image.definition(image)

    def alike(self, image: Image, other: Optional[Image]) -> Image:
        return _image.alike(image, other)

    def texts(self, image: Image) -> List[str]:
        return _image.texts(image)

    def compared(self, image: Image) -> List[str]:
        return []  # defaults are compared by their judgement

    def unfinished(self, name: str, image: Image) -> str:
        """A NOT NULL that is NOT VALID ("ALTER TABLE", ADD table_constraint), since 18."""
        constraint = image.get("constraint")
        if not isinstance(constraint, Mapping) or constraint.get("validated", True):
            return ""
        return (
            f"{name} is NOT NULL, NOT VALID ({constraint['name']}): new rows without it are rejected, those that were "
            "there are not checked yet; the next run of the same command goes on from there"
        )

    def helpers(self, step: Step, image: Optional[Image], others: Sequence[Image]) -> List[str]:
        own = temporary_name(step.name, "check", step.table)
        return [
            f"the helper constraint {one['name']} stands{'' if one['validated'] else ' NOT VALID'}: new rows without a "
            f"{step.name} are rejected; the next run of the same command goes on from there"
            for one in (image["checks"] if image is not None else ())
            if one["name"] == own
        ]


def _identity(entry: Mapping[str, Any]) -> Optional[Hashable]:
    return entries.of_table(entry, _entry.text(entry, "name"))
