# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for one constraint: added, replaced and dropped, without a build or a scan under a lock that traffic feels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ..._model.catalog import Catalog, TableName
from ..._model.data_questions import Broken, Place
from ..._model.plan import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    DataCheck,
    Lock,
    Outcome,
    Step,
    Unit,
    autocommit,
    build,
    guarded,
)
from ..._model.tables import owner_problems, table_problems
from ..._support.sqltext import compose, copy_of, identifier, qualified
from .. import conflict
from ..column.nullability import plan_nullability
from ..column.target import DesiredColumn
from ..index.statements import build_problems, drops, duplicate_checks
from ..index.target import differences as index_differences
from .refusals import dropping_problems, fixed_problems, place_problems
from .target import KIND, DesiredConstraint, add_statement, alter, build_statement, comment_statement, index_of, same

__all__ = ["definition", "plan", "relation_names", "tables"]

Image = Mapping[str, Any]


def tables(target: DesiredConstraint) -> Set[TableName]:
    return {target.table_name}


def relation_names(target: DesiredConstraint) -> Set[TableName]:
    """The names that its index takes in the schema."""
    return {(target.schema, target.name), (target.schema, target.helper)} if target.has_index else set()


def definition(image: Image) -> str:
    """An image as people read it: what stands behind ADD CONSTRAINT."""
    return str(image["definition"])


def plan(target: DesiredConstraint, catalog: Catalog) -> Outcome:
    """The outcome for one constraint."""
    table = target.table_name
    if target.restores and not target.present and table not in catalog.tables:
        return Outcome(KIND, table, target.name, "not there")  # dropped with its table: nothing is left to undo
    problems = table_problems(catalog, table, partitioned=True, partition=True)
    if not problems:
        problems = place_problems(target, catalog)
    if problems:
        return Outcome(KIND, table, target.name, "cannot be planned", problems=tuple(problems))
    if target.specification is None:
        return _absent(target, catalog)
    outcome = _indexed(target, catalog) if target.has_index else _check(target, catalog)
    return _with_columns(target, catalog, conflict.refused(outcome, target.specification.on_conflict))


def _found(target: DesiredConstraint, catalog: Catalog) -> Tuple[Optional[Image], Optional[Image], str]:
    """The constraint that stands there, the helper index, and the former in words."""
    found = catalog.find(KIND, target.table_name, target.name)
    helper = catalog.find("index", target.table_name, target.helper)
    return found, helper, "not there" if found is None else definition(found)


def _locked(target: DesiredConstraint, catalog: Catalog, *statements: str, everywhere: bool = False) -> Unit:
    """Under ACCESS EXCLUSIVE. everywhere: the partitions have a part of it, too; an index is one table's alone."""
    table = target.table_name
    heirs = catalog.tables[table].kind == "r" and catalog.tables[table].has_children
    locked = [table, *catalog.below(table)] if everywhere else [table]
    return guarded(ACCESS_EXCLUSIVE, locked, *statements, only=heirs)


def _outcome(
    target: DesiredConstraint,
    catalog: Catalog,
    state: str,
    action: str,
    units: Sequence[Unit],
    summary: str,
    **more: Any,
) -> Outcome:
    """The outcome with one step. more: of the step; problems."""
    problems = [*more.pop("problems", ()), *owner_problems(catalog, target.table_name)]
    found = catalog.find(KIND, target.table_name, target.name)
    before: Optional[Dict[str, Any]] = dict(found) if found is not None else None
    step = Step(KIND, target.table_name, target.name, action, tuple(units), before, summary, **more)
    return Outcome(KIND, target.table_name, target.name, state, step, tuple(problems))


def _tidied(target: DesiredConstraint, catalog: Catalog, state: str) -> Outcome:
    """Nothing has to be done but to drop what an interrupted run left."""
    _found_one, helper, _state = _found(target, catalog)
    if helper is None:
        return Outcome(KIND, target.table_name, target.name, state)
    return _outcome(target, catalog, state, "clean up", drops([helper]), "leftover of an interrupted run")


def _absent(target: DesiredConstraint, catalog: Catalog) -> Outcome:
    found, helper, state = _found(target, catalog)
    if found is None:
        return _tidied(target, catalog, state)
    drop = alter(target, "DROP CONSTRAINT {name}", name=identifier(target.name))
    units = [_locked(target, catalog, drop, everywhere=found["type"] == "c")]
    units += drops([helper]) if helper is not None else []
    problems = [*fixed_problems(target, catalog, found), *dropping_problems(target, catalog, found, "dropped")]
    return _outcome(target, catalog, state, "drop", units, "", problems=problems)


# -- with an index -----------------------------------------------------------------------------------------------------


def _indexed(target: DesiredConstraint, catalog: Catalog) -> Outcome:
    """UNIQUE and PRIMARY KEY: the index is built beside what stands there, and becomes the constraint's in an instant.

    "ALTER TABLE", ADD table_constraint_using_index; it "will be renamed to match the constraint name".
    """
    found, helper, state = _found(target, catalog)
    problems = fixed_problems(target, catalog, found)
    if found is not None and same(target, found, catalog):
        return _marked(target, catalog, found) or _tidied(target, catalog, state)
    index = index_of(target)
    reuse = helper is not None and helper["valid"] and not index_differences(index, helper, catalog)
    units = drops([helper]) if helper is not None and not reuse else []
    units += [] if reuse else [build(target.table_name, build_statement(target))]
    units.append(_locked(target, catalog, add_statement(target, found is not None), *_beside(target, found)))
    if found is not None:
        problems += dropping_problems(target, catalog, found, "replaced")
    checks = duplicate_checks(index, catalog, f'the constraint "{target.name}" cannot be added')
    copy = copy_of(*target.table_name)
    return _outcome(
        target,
        catalog,
        state,
        "add" if found is None else "replace",
        units,
        _summary(target),
        problems=[*problems, *build_problems(index, catalog)],
        checks=checks,
        rehearsal=((target.table_name, add_statement(target, False, copy)),),
        copies=(target.table_name,),
        cleanup=(compose("DROP INDEX CONCURRENTLY IF EXISTS {name}", name=identifier(target.schema, target.helper)),),
    )


def _summary(target: DesiredConstraint) -> str:
    """The definition, as the trial on a copy has it."""
    return add_statement(target, False, "t").partition(f'"{target.helper}" ')[2]


def _beside(target: DesiredConstraint, found: Optional[Image]) -> List[str]:
    """What ADD CONSTRAINT cannot say: in the same transaction, so that the constraint never stands without it."""
    wanted, kept = target.wanted.comment, found["comment"] if found is not None else None
    comment = kept if wanted is None else wanted
    statements = [comment_statement(target, comment)] if comment else []
    if target.clustered:
        statements.append(alter(target, "CLUSTER ON {name}", name=identifier(target.name)))
    return statements


def _marked(target: DesiredConstraint, catalog: Catalog, found: Image) -> Optional[Outcome]:
    """The comment of a constraint that is there (SHARE UPDATE EXCLUSIVE, 13.3.1), and its mark; None: as wanted."""
    wanted = target.wanted.comment
    statements = (
        [comment_statement(target, wanted)] if wanted is not None and wanted != (found["comment"] or "") else []
    )
    if target.clustered and not found["clustered"]:
        statements.append(alter(target, "CLUSTER ON {name}", name=identifier(target.name)))
    if not statements:
        return None
    units = [autocommit(target.table_name, statement) for statement in statements]
    return _outcome(target, catalog, definition(found), "alter", units, "its comment")


def _with_columns(target: DesiredConstraint, catalog: Catalog, outcome: Outcome) -> Outcome:
    """Before a primary key its columns are made NOT NULL, each by a step of its own, which a rollback takes back.

    ADD PRIMARY KEY would scan the table for that under its lock ("ALTER TABLE", ADD table_constraint_using_index).
    """
    if target.wanted.type != "p" or outcome.step is None or outcome.step.action not in ("add", "replace"):
        return outcome
    steps: List[Step] = []
    problems = list(outcome.problems)
    for name in target.wanted.columns:
        column = DesiredColumn(target.schema, target.table, name, nullable=False)
        made = plan_nullability(column, catalog)
        steps += made.steps
        problems += [problem for problem in made.problems if problem not in problems]
    if not steps:
        return replace(outcome, problems=tuple(problems))
    return replace(outcome, step=steps[0], further=(*steps[1:], outcome.step), problems=tuple(problems))


# -- checks ------------------------------------------------------------------------------------------------------------


def _check(target: DesiredConstraint, catalog: Catalog) -> Outcome:
    """CHECK: NOT VALID first, from which moment new rows are checked; then the old rows, while everything goes on."""
    found, _helper, state = _found(target, catalog)
    problems = fixed_problems(target, catalog, found)
    validates = target.validated and target.enforced
    if found is not None and same(target, found, catalog):
        if not validates or found["validated"]:
            return _marked(target, catalog, found) or _tidied(target, catalog, state)
        units, action = [_validation(target, catalog)], "validate"
        if target.wanted.comment is not None and target.wanted.comment != (found["comment"] or ""):
            units.append(autocommit(target.table_name, comment_statement(target, target.wanted.comment)))
    else:
        added = _locked(
            target, catalog, add_statement(target, found is not None), *_beside(target, found), everywhere=True
        )
        units = [replace(added, evaluates=True), *([_validation(target, catalog)] if validates else [])]
        action = "add" if found is None else "replace"
        if found is not None:
            problems += dropping_problems(target, catalog, found, "replaced")
    copy = copy_of(*target.table_name)
    return _outcome(
        target,
        catalog,
        state,
        action,
        units,
        _summary(target),
        problems=problems,
        checks=(_broken(target, catalog),) if validates else (),
        rehearsal=((target.table_name, add_statement(target, False, copy)),) if action != "validate" else (),
        copies=(target.table_name,) if action != "validate" else (),
    )


def _validation(target: DesiredConstraint, catalog: Catalog) -> Unit:
    validate = alter(target, "VALIDATE CONSTRAINT {name}", name=identifier(target.name))
    also = tuple(Lock(SHARE_UPDATE_EXCLUSIVE, below) for below in catalog.below(target.table_name))
    return replace(autocommit(target.table_name, validate, also=also), evaluates=True)


def _broken(target: DesiredConstraint, catalog: Catalog) -> DataCheck:
    table = target.table_name
    keys = tuple(column.name for column in catalog.tables[table].columns.values() if column.primary_key)
    place = Place(table, catalog.tables[table].kind == "p")
    said = f'{qualified(*table)} against the check "{target.name}"'
    return DataCheck(
        table,
        Broken(place, str(target.wanted.check), keys),
        f"1 row of {said}",
        f"{{total}} rows of {said}",
        "correct these rows, or the condition, then run this again",
    )
