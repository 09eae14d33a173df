# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that are run as they are, as the pipeline asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..._connection.session import Session
from ..._model.catalog import Catalog, Table, TableName
from ..._model.plan import ROW_EXCLUSIVE, Outcome
from ..._support import entry as _entry
from ..._support.problem import Mistake, quoted
from .. import entries
from ..kind import Image, Images, Kind
from . import image as _image
from . import planner
from . import specification as written
from .keeping import read_keeping
from .objects import read_around, read_leaving, read_lockable, replaces_view
from .specification import StatementSpecification, from_image

__all__ = ["StatementKind"]


class StatementKind(Kind):
    """SQL as it is: run once, and taken back by what the migration or the catalog says."""

    name = written.KIND
    section = written.SECTION
    description = "SQL statements that are run as they are, once, in their order."
    entry_schema = written.ENTRY_SCHEMA
    argument_spec = written.ARGUMENT_SPEC
    rank = (-1, -1)
    of_journal = True

    def problems(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> List[Mistake]:
        return written.problems(entry)

    def clashes(self, migration: Mapping[str, Any]) -> Iterator[Mistake]:
        for position, entry, earlier in entries.repeated(migration, self.section, _name):
            yield entries.second(self.section, position, earlier, f"the statement {quoted(entry['name'])}", True)

    def tables_named(self, entry: Mapping[str, Any], migration: Mapping[str, Any]) -> List[Optional[str]]:
        return []

    def specification(self, entry: Mapping[str, Any], schema: str, migration_id: str = "") -> StatementSpecification:
        return StatementSpecification.from_entry(entry, schema, migration_id)

    def target(self, specification: StatementSpecification) -> StatementSpecification:
        return specification

    def restored(
        self, table: TableName, name: str, image: Optional[Image], after: Optional[Image] = None
    ) -> StatementSpecification:
        return from_image(table, name, image, after)

    def tables(self, target: StatementSpecification) -> Set[TableName]:
        return set(target.locks)

    def read(self, session: Session, tables: Mapping[TableName, Table]) -> Images:
        return {}

    def preparation(self, target: StatementSpecification) -> Tuple[str, ...]:
        return planner.preparation(target) if target.present else ()

    def replaces_used(self, session: Session, target: StatementSpecification) -> bool:
        return target.present and replaces_view(session, target)

    def writes_rows(self, target: StatementSpecification) -> bool:
        return target.mode == ROW_EXCLUSIVE or target.limit_ms == 0

    def facts(self, session: Session, catalog: Catalog, targets: Sequence[StatementSpecification]) -> Catalog:
        return replace(
            catalog,
            statements=read_around(session, [target for target in targets if target.present]),
            lockable=read_lockable(session, targets),
            leaving=read_leaving(session, [target for target in targets if not target.present]),
            keeping=read_keeping(session, targets),
        )

    def plan(self, target: StatementSpecification, catalog: Catalog) -> Outcome:
        return planner.plan(target, catalog)

    def parse(self, image: Any) -> Dict[str, Any]:
        return _image.parse(image)

    def differs(self, left: Image, right: Image) -> bool:
        return _image.differs(left, right)

    def differences(self, before: Image, now: Image) -> Tuple[List[str], List[str]]:
        return _image.differences(before, now)

    def definition(self, image: Image) -> str:
        return str(image["text"])

    def undo_texts(self, after: Image) -> List[str]:
        return _image.undo_texts(after)


def _name(entry: Mapping[str, Any]) -> Optional[Hashable]:
    return _entry.text(entry, "name")
