# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for one column: added, taken away, or changed where it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Set, Tuple

from ..._model.catalog import Catalog, Column, TableName
from ..._model.plan import ACCESS_EXCLUSIVE, DataCheck, Outcome, Problem, Step, Unit, autocommit, guarded
from ..._model.tables import column_problems, owner_problems, table_problems
from ..._support.sqltext import compose, identifier, literal, qualified, raw
from .. import conflict
from .addition import plan_addition, plan_removal
from .image import before_of, definition
from .judgement import ColumnJudgement
from .nullability import plan_nullability
from .target import KIND, NO_DEFAULT, Definition, DesiredColumn, alter, default_sql

__all__ = ["after", "plan", "tables"]


def tables(target: DesiredColumn) -> Set[TableName]:
    return {target.table_name}


def plan(target: DesiredColumn, catalog: Catalog) -> Outcome:
    """The outcome for one column."""
    return conflict.refused(_plan(target, catalog), target.on_conflict)


def _plan(target: DesiredColumn, catalog: Catalog) -> Outcome:
    name = target.table_name
    if not target.present and name not in catalog.tables:
        return Outcome(KIND, name, target.name, "not there")  # dropped with its table: nothing is left to undo
    problems = table_problems(catalog, name, partitioned=True, kinds=_COMMENTED if _is_comment(target) else "")
    missing = not problems and target.name not in catalog.tables[name].columns
    if missing and target.present and target.definition.type is None:
        problems = column_problems(catalog.tables[name], name, [target.name])
    if problems:
        return Outcome(KIND, name, target.name, "cannot be planned", problems=tuple(problems))
    if not target.present:
        return plan_removal(target, catalog)
    if missing:
        return plan_addition(target, catalog)
    outcome = plan_nullability(target, catalog) if target.nullable is not None else None
    return _changed(target, catalog, outcome) if target.definition or outcome is None else outcome


#: Views, materialized views and foreign tables: of their columns only the comment is changed here.
_COMMENTED = "vmf"


def _is_comment(target: DesiredColumn) -> bool:
    """Whether the entry has only a comment; a rollback of that has all that was there."""
    return target.restores or (
        target.nullable is None and target.definition == Definition(comment=target.definition.comment)
    )


def after(target: DesiredColumn, outcome: Outcome, catalog: Catalog) -> Catalog:
    """The catalog once the column, and that of each partition, is there, and takes NULL or does not."""
    if not outcome.steps or not target.present:
        return catalog
    for name in (target.table_name, *catalog.below(target.table_name)):
        found = catalog.tables[name].columns.get(target.name)
        image = catalog.find(KIND, name, target.name) or {"name": target.name, "checks": [], "constraint": None}
        if found is None:
            judged: ColumnJudgement = catalog.judgements.get(target.key, ColumnJudgement())
            generated = "s" if target.definition.generated is not None else ""
            found = Column(target.name, judged.type or str(target.definition.type), False, generated=generated)
        refuses = found.not_null if target.nullable is None else not target.nullable
        not_null = refuses or target.definition.identity is not None
        catalog = catalog.with_column(name, replace(found, not_null=not_null), {**image, "nullable": not not_null})
    return catalog


def _changed(target: DesiredColumn, catalog: Catalog, nullability: Optional[Outcome]) -> Outcome:
    """What the entry says beside NOT NULL of a column that is there: compared, and its default and comment changed."""
    name = target.table_name
    image = catalog.image(KIND, name, target.name)
    judged: ColumnJudgement = catalog.judgements.get(target.key, ColumnJudgement())
    before, state = before_of(image), definition(image)
    place = f"{qualified(*name)}.{target.name}"
    if judged.problem:
        problem = Problem(f"{place}: {judged.problem}", permission=judged.permission, missing=True)
        return Outcome(KIND, name, target.name, state, problems=(problem,))
    problems = _fixed(target, catalog, judged)
    units: List[Unit] = []
    words: List[str] = []
    checks: Tuple[DataCheck, ...] = ()
    action = "alter"
    if nullability is not None and nullability.step is not None:
        step = nullability.step
        units, checks, words = [*step.units], step.checks, [step.summary]
        problems += [problem for problem in nullability.problems if not problem.permission]
        action = step.action
    default = _default(target, catalog, judged)
    if default is not None:
        problems += _default_problems(target, catalog)
        locked = [name, *catalog.below(name)]
        units.insert(0, replace(guarded(ACCESS_EXCLUSIVE, locked, default), evaluates=True))
        words.append("its default" if "DROP DEFAULT" not in default else "no default any more")
        action = "alter"
    comment = target.definition.comment
    if comment is not None and comment != (image["comment"] or ""):
        units.append(_comment(target, comment))
        words.append("its comment")
        action = "alter"
    if not units or problems:
        return Outcome(KIND, name, target.name, state, problems=tuple(problems))
    problems += owner_problems(catalog, name)
    done = Step(KIND, name, target.name, action, tuple(units), before, "; ".join(words), checks)
    return Outcome(KIND, name, target.name, state, done, tuple(problems))


def _fixed(target: DesiredColumn, catalog: Catalog, judged: ColumnJudgement) -> List[Problem]:
    """What the entry says otherwise than it is, and this version does not change."""
    image, wanted = catalog.image(KIND, target.table_name, target.name), target.definition
    place = f"{qualified(*target.table_name)}.{target.name}"
    if target.restores:
        return []
    found = []
    if wanted.type is not None and judged.there_type != judged.type:
        found.append(f"is {judged.there_type}, and not {judged.type} (table_rewrite)")
    if wanted.generated is None and wanted.type is not None and image["generated"] is not None:
        found.append(f"is generated: {image['generated']}")
    if wanted.generated is not None and (image["generated"] is None or image["virtual"]):
        found.append("is virtual, and not stored" if image["virtual"] else "is no generated column")
    elif judged.type == judged.there_type and judged.generated != judged.there_generated:
        found.append(f"is generated otherwise: {image['generated']}")
    if wanted.identity is not None and image["identity"] != wanted.identity:
        there = image["identity"]
        found.append(f"is {'an identity column, ' + there.replace('_', ' ') if there else 'no identity column'}")
    if wanted.collation is not None and judged.there_collation != judged.collation:
        found.append(f"has the collation {'.'.join(judged.there_collation or ('none',))}")
    if wanted.default is not None and (image["generated"] is not None or image["identity"] is not None):
        found.append("is generated or an identity column, which has no default of its own")
    return [
        Problem(
            f"{place} {text}, which this version does not change; correct the entry, or change the column by hand first"
        )
        for text in found
    ]


def _default(target: DesiredColumn, catalog: Catalog, judged: ColumnJudgement) -> Optional[str]:
    """The statement that gives the column the wanted default; None where it has it."""
    wanted = target.definition.default
    if wanted is None:
        return None
    image = catalog.image(KIND, target.table_name, target.name)
    none = wanted.strip().upper() == NO_DEFAULT
    if target.restores:
        same = image["default"] == (None if none else wanted)
    else:
        same = image["default"] is None if none else judged.default == judged.there_default
        same = same and (none or image["default"] is not None or not judged.default)
    if same:
        return None
    column = identifier(target.name)
    if none:
        return alter(target, "ALTER COLUMN {column} DROP DEFAULT", column=column)
    return alter(target, "ALTER COLUMN {column} SET DEFAULT {value}", column=column, value=raw(default_sql(wanted)))


def _default_problems(target: DesiredColumn, catalog: Catalog) -> List[Problem]:
    """ALTER TABLE gives all partitions, and all that inherits, the same; what they had of their own would be gone."""
    name = target.table_name
    image = catalog.image(KIND, name, target.name)
    place = f"{qualified(*name)}.{target.name}"
    if catalog.tables[name].kind == "r" and catalog.tables[name].has_children:
        text = f"{place}: tables inherit from {qualified(*name)}, whose default would change too"
        return [Problem(f"{text}, which this version does not change; take it out of the migration")]
    others = [
        qualified(*below)
        for below in catalog.below(name)
        if (catalog.find(KIND, below, target.name) or image).get("default") != image["default"]
    ]
    if not others:
        return []
    return [
        Problem(
            f"{place}: the partitions {', '.join(others[:3])}{', …' if len(others) > 3 else ''} have a default of "
            "their own, which a change of the whole would take away; change them by hand first"
        )
    ]


def _comment(target: DesiredColumn, text: str) -> Unit:
    """SHARE UPDATE EXCLUSIVE on the table (13.3.1)."""
    column = identifier(target.schema, target.table, target.name)
    value = literal(text) if text else raw("NULL")
    statement = compose("COMMENT ON COLUMN {column} IS {text}", column=column, text=value)
    return autocommit(target.table_name, statement)
