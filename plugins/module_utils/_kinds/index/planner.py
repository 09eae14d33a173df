# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for one index: built, repaired, replaced and dropped, always concurrently."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from ..._model.catalog import Catalog, Table, TableName
from ..._model.plan import SHARE_UPDATE_EXCLUSIVE, Lock, Outcome, Problem, Step, Unit, autocommit, build
from ..._model.tables import column_problems, owner_problems, table_problems
from ..._support.sqltext import compose, identifier, qualified, raw
from .. import conflict
from . import partitioned
from .places import place_problems
from .statements import (
    KIND,
    after_build,
    build_problems,
    cluster,
    drops,
    duplicate_checks,
    helper_name,
    refusals,
    rehearsal,
    rename,
)
from .target import DesiredIndex, create_statement, differences, keeping, kept_statistics

__all__ = ["KIND", "definition", "differs", "plan", "relation_names", "tables"]


def tables(target: DesiredIndex) -> Set[TableName]:
    return {target.table_name} if target.table else set()


def relation_names(target: DesiredIndex, around: Mapping[TableName, Table]) -> Set[TableName]:
    """The names that the plan may need: the index's own, those of its helpers, and those on partitions."""
    if not target.table:
        return {(target.schema, target.name)}
    names = (target.name, helper_name(target, "new"), helper_name(target, "old"))
    return {(target.schema, name) for name in names} | partitioned.relation_names(target, around)


def differs(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two images are different indexes for a rollback's purposes; validity does not count."""
    return any(left[key] != right[key] for key in ("tail", "unique"))


def definition(image: Mapping[str, Any]) -> str:
    """An image as people read it: the statement that would make it."""
    unique = "UNIQUE " if image["unique"] else ""
    text = compose("CREATE {unique}INDEX {name} ON ", unique=raw(unique), name=identifier(image["name"]))
    return text + str(image["tail"]) + ("" if image["valid"] else " (invalid)")


@dataclass(frozen=True)
class _Scene:
    """What stands there around one target."""

    target: DesiredIndex
    catalog: Catalog
    found: Optional[Mapping[str, Any]]
    new: Optional[Mapping[str, Any]]
    old: Optional[Mapping[str, Any]]

    @property
    def leftovers(self) -> List[Mapping[str, Any]]:
        return [image for image in (self.new, self.old) if image is not None]


def plan(target: DesiredIndex, catalog: Catalog) -> Outcome:
    """The outcome for one index."""
    table = target.table_name
    if target.restores and not target.present and table not in catalog.tables:
        # Old partitions are dropped as time goes by, and their indexes with them: nothing is left to undo.
        return Outcome(KIND, table, target.name, "not there")
    if not target.table:  # no index has the name, or it would have been found with its table
        return Outcome(KIND, table, target.name, "not there", problems=tuple(_name_problems(target, catalog)))
    problems = table_problems(catalog, table, partitioned=True, partition=True, kinds="m")
    if not problems:
        problems = column_problems(catalog.tables[table], table, target.column_names)
        problems += _name_problems(target, catalog) + place_problems(target, catalog)
        problems += _virtual_problems(target, catalog.tables[table])
    if problems:
        return Outcome(KIND, table, target.name, "cannot be planned", problems=tuple(problems))
    there = catalog.find(KIND, table, target.name) is not None
    if there and not target.present and partitioned.is_helper(target, catalog):
        # A rollback that was cut off has built what stood there before under the names that the deployment used.
        return Outcome(KIND, table, target.name, "helps another index", elsewhere=True)
    if catalog.tables[table].kind == "p":
        return partitioned.plan(target, catalog)
    scene = _Scene(
        target,
        catalog,
        catalog.find(KIND, table, target.name),
        catalog.find(KIND, table, helper_name(target, "new")),
        catalog.find(KIND, table, helper_name(target, "old")),
    )
    return _present(scene) if target.present else _absent(scene)


def _virtual_problems(target: DesiredIndex, table: Table) -> List[Problem]:
    """Of virtual generated columns nothing is stored, and PostgreSQL has no index on them (CREATE TABLE of 18)."""
    return [
        Problem(
            f'"{target.name}": {qualified(*target.table_name)}.{name} is a virtual generated column, on which '
            "PostgreSQL has no index; name its expression instead"
        )
        for name in target.column_names
        if name in table.columns and table.columns[name].generated == "v"
    ]


def _name_problems(target: DesiredIndex, catalog: Catalog) -> List[Problem]:
    """Tables, views, sequences and indexes share one name space in a schema."""
    relation = catalog.relations.get((target.schema, target.name))
    if relation is None or relation.table == target.table_name:
        return []
    owner = f"an index of {qualified(*relation.table)}" if relation.table else "a table, view or sequence"
    if not target.present:
        wanted = f"an index of {qualified(*target.table_name)}" if target.table else "an index"
        text = f'"{target.name}" is {owner}, not {wanted}: it is not dropped'
        text += "; correct the name or the table of the entry" if target.table else "; correct the name of the entry"
        return [Problem(text, clash=True)]
    text = f'the name "{target.name}" is taken in schema "{target.schema}" by {owner}; choose another name'
    return [Problem(text, clash=True)]


def _present(scene: _Scene) -> Outcome:
    target, catalog, found = scene.target, scene.catalog, scene.found
    if found is None:
        if scene.new is not None and target.image is not None and _built(scene, scene.new, _marks(scene, None)):
            return _outcome(scene, "not there", _adopt(scene, scene.new))
        twin = _equivalent(target, catalog)
        note = (
            f'{qualified(*target.table_name)}: the index "{twin}" already does the job of "{target.name}"'
            if twin
            else ""
        )
        if twin and target.accept_equivalent:
            return _outcome(scene, f'the index "{twin}" already does the job', _cleaning(scene), notes=(note,))
        return _outcome(scene, "not there", _build(scene, "create"), notes=(note,) if note else ())
    if found["parent"] is not None and target.image is not None and target.image.get("parent") is None:
        return _detached(scene, found)
    if not found["valid"]:
        if found["builder"] is not None:
            problem = Problem(
                f'the index "{target.name}" is being built right now by server process {found["builder"]}: '
                "wait until it is done, then run this again"
            )
            return _outcome(scene, "being built by another session", None, problems=(problem,))
        if found["constraint"] is None and not found["is_partition"]:
            return _outcome(scene, "invalid: left behind by a build that failed", _build(_kept(scene, found), "repair"))
    different = differences(target, found, catalog)
    if not found["valid"]:
        return _outcome(scene, "invalid", None, problems=tuple(refusals(target, found, "repaired")))
    if not different:
        return _outcome(scene, "valid, exactly as wanted", _cleaning(scene))
    completed = _completed(scene, found)
    if completed is not None:
        return _outcome(scene, "; ".join(different), completed)
    problems = refusals(target, found, "replaced", catalog)
    if not target.replace:
        what = f'the index "{target.name}" has another definition ({"; ".join(different)})'
        problems.append(conflict.another_definition(what))
    return _outcome(
        scene, "; ".join(different), _replace(_kept(scene, found), found, different), problems=tuple(problems)
    )


def _kept(scene: _Scene, found: Mapping[str, Any]) -> _Scene:
    return replace(scene, target=keeping(scene.target, found))


def _absent(scene: _Scene) -> Outcome:
    found = scene.found
    if found is None:
        return _outcome(scene, "not there", _cleaning(scene))
    if partitioned.goes_with(scene.catalog, found):
        return _outcome(scene, "goes with the index of the partitioned table", None)
    units = [*drops(scene.leftovers), *drops([found])]
    step = _step(scene, "drop", units, "")
    return _outcome(scene, "there", step, problems=tuple(refusals(scene.target, found, "dropped", scene.catalog)))


def _adopt(scene: _Scene, new: Mapping[str, Any]) -> Step:
    """What an interrupted rollback built beside an index that is gone by now gets its name."""
    target = scene.target
    beside, marks = replace(target, name=new["name"]), _marks(scene, None)
    statements = after_build(beside, **{**_missing(marks, new), "clustered": False})
    name = rename(target.schema, new["name"], target.name)
    units = [
        *(autocommit(target.table_name, statement) for statement in statements),
        _swap(target, cluster(beside) if marks["clustered"] and not new["clustered"] else None, name),
        *drops([image for image in scene.leftovers if image is not new]),
    ]
    return _step(scene, "rename", units, "built by an interrupted run")


def _detached(scene: _Scene, found: Mapping[str, Any]) -> Outcome:
    """An index that stood by itself before it was attached. PostgreSQL cannot detach it: it goes with the index of
    the partitioned table. So another one is built beside it, which gets its name in the moment in which it goes.
    """
    target, catalog, new = scene.target, scene.catalog, scene.new
    if not partitioned.goes_with(catalog, found):
        return _outcome(scene, "attached", None, problems=tuple(refusals(target, found, "detached")))
    beside = replace(target, name=helper_name(target, "new"))
    if new is not None and new["valid"] and not differences(beside, new, catalog):
        return _outcome(scene, "attached; the one beside it is built", None)
    after = after_build(beside, **_marks(scene, None))
    units = [*drops(scene.leftovers), build(target.table_name, create_statement(beside, beside.name))]
    units.extend(autocommit(target.table_name, statement) for statement in after)
    step = _step(scene, "create", units, f'takes the place of "{target.name}" when that goes', cleanup=beside.name)
    step = replace(step, name=beside.name, before=dict(new) if new is not None else None)
    return _outcome(scene, "attached", step)


def _name_locks(target: DesiredIndex) -> Tuple[Lock, ...]:
    return (Lock(SHARE_UPDATE_EXCLUSIVE, (target.schema, target.name)),)


def _equivalent(target: DesiredIndex, catalog: Catalog) -> Optional[str]:
    """Another valid index with the same definition, if there is one."""
    if target.specification is None:
        return None
    helpers = {helper_name(target, "new"), helper_name(target, "old")}
    for image in catalog.others(KIND, target.table_name):
        if image["valid"] and image["name"] not in helpers and not differences(target, image, catalog):
            return str(image["name"])
    return None


def _marks(scene: _Scene, found: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """What the index shall have beside its definition: as the journal has it, else as the one has that stands there."""
    target, image = scene.target, scene.target.image
    if image is not None:
        return {"comment": image["comment"], "clustered": image["clustered"], "statistics": image["statistics"]}
    if found is None:
        return {"comment": None}
    statistics = kept_statistics(target, found, scene.catalog)
    return {"comment": found["comment"], "clustered": found["clustered"], "statistics": statistics}


def _build(scene: _Scene, action: str) -> Step:
    target, found = scene.target, scene.found
    marks = _marks(scene, found)
    if found is not None and any(marks.values()) and target.image is None:
        # Its comment stands at the old index alone, which goes once the new one has it.
        return _replace(scene, found, [], action)
    units = [*drops(scene.leftovers), *(drops([found]) if found is not None else [])]
    units.append(build(target.table_name, create_statement(target, target.name)))
    units.extend(autocommit(target.table_name, statement) for statement in after_build(target, **marks))
    return _step(scene, action, units, "", cleanup=target.name)


def _built(scene: _Scene, there: Mapping[str, Any], marks: Mapping[str, Any]) -> bool:
    """Whether it is the wanted one as CREATE INDEX makes it, and what it has beside is among these marks."""
    target, image = scene.target, scene.target.image
    if image is not None:
        target = replace(target, image={**image, **{key: there[key] for key in marks}})
    others = any(there[key] and there[key] != mark for key, mark in marks.items())
    return bool(there["valid"]) and not others and not differences(target, there, scene.catalog)


def _missing(marks: Mapping[str, Any], there: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    return {key: mark for key, mark in marks.items() if there is None or there[key] != mark}


def _replace(scene: _Scene, found: Mapping[str, Any], different: List[str], action: str = "replace") -> Step:
    """The new one under another name, a swap of names in one transaction, then the old one dropped.

    Whenever this is cut off, the one that has the name has the comment, the statistics and the CLUSTER mark, too.
    """
    target, new = scene.target, scene.new
    beside, marks = replace(target, name=helper_name(target, "new")), _marks(scene, found)
    reuse = new is not None and _built(scene, new, marks)
    units = drops([image for image in scene.leftovers if not (reuse and image is new)])
    if not reuse:
        units.append(build(target.table_name, create_statement(target, beside.name)))
    before_swap = after_build(beside, **{**_missing(marks, new if reuse else None), "clustered": False})
    units.extend(autocommit(target.table_name, statement) for statement in before_swap)
    names = (
        rename(target.schema, target.name, helper_name(target, "old")),
        rename(target.schema, beside.name, target.name),
    )
    units.append(_swap(target, cluster(beside) if marks["clustered"] else None, *names))
    units.extend(drops([{**found, "name": helper_name(target, "old")}]))
    return _step(scene, action, units, "; ".join(different), cleanup=beside.name)


def _swap(target: DesiredIndex, mark: Optional[str], *names: str) -> Unit:
    """Names in one transaction. mark: CLUSTER ON, which locks the table, and so comes first: against deadlocks with
    what locks a table and then its indexes.
    """
    table = (Lock(SHARE_UPDATE_EXCLUSIVE, target.table_name),) if mark is not None else ()
    statements = (*((mark,) if mark is not None else ()), *names)
    return Unit(statements, (*table, *_name_locks(target)), transaction=True)


def _completed(scene: _Scene, found: Mapping[str, Any]) -> Optional[Step]:
    """What an index of the journal was not given when the run that built it was cut off right after."""
    target = scene.target
    marks = _marks(scene, None)
    if target.image is None or not _built(scene, found, marks):
        return None
    statements = after_build(target, **_missing(marks, found))
    units = [autocommit(target.table_name, statement) for statement in statements]
    return _step(scene, "alter", [*units, *drops(scene.leftovers)], "built by an interrupted run")


def _cleaning(scene: _Scene) -> Optional[Step]:
    units = [*_taken_over(scene), *drops(scene.leftovers)]
    return _step(scene, "clean up", units, "leftover of an interrupted run") if units else None


def _taken_over(scene: _Scene) -> List[Unit]:
    """What an index that was replaced still has and the new one has not: earlier versions gave it after the swap."""
    target, old, found = scene.target, scene.old, scene.found
    if old is None or found is None or target.specification is None:
        return []
    kept = kept_statistics(target, old, scene.catalog)
    statements = after_build(
        target,
        old["comment"] if found["comment"] is None else None,
        bool(old["clustered"]),
        {number: goal for number, goal in kept.items() if number not in found["statistics"]},
        analyze=False,
    )
    return [autocommit(target.table_name, statement) for statement in statements]


def _step(scene: _Scene, action: str, units: List[Unit], summary: str, cleanup: Optional[str] = None) -> Step:
    target, catalog = scene.target, scene.catalog
    builds = cleanup is not None
    undo = (
        (compose("DROP INDEX CONCURRENTLY IF EXISTS {name}", name=identifier(target.schema, cleanup)),)
        if cleanup
        else ()
    )
    before: Optional[Dict[str, Any]] = dict(scene.found) if scene.found is not None else None
    return Step(
        KIND,
        target.table_name,
        target.name,
        action,
        tuple(units),
        before,
        summary,
        duplicate_checks(target, catalog) if builds else (),
        rehearsal(target) if builds else (),
        (target.table_name,) if builds else (),
        undo,
    )


def _rested_leftover(scene: _Scene, image: Mapping[str, Any]) -> List[Problem]:
    """A leftover on which a key was put meanwhile: no step could drop it."""
    return refusals(replace(scene.target, name=image["name"]), image, "dropped", scene.catalog)


def _outcome(
    scene: _Scene, state: str, step: Optional[Step], problems: Tuple[Problem, ...] = (), notes: Tuple[str, ...] = ()
) -> Outcome:
    target, catalog = scene.target, scene.catalog
    further: List[Problem] = []
    if step is not None:
        further += owner_problems(catalog, target.table_name)
        further += [problem for image in scene.leftovers for problem in _rested_leftover(scene, image)]
        if step.rehearsal or step.cleanup:
            further += build_problems(target, catalog)
    all_problems = (*problems, *further)
    return Outcome(KIND, target.table_name, target.name, state, step, all_problems, notes)
