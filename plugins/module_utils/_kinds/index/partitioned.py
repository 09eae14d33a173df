# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for an index of a partitioned table, which PostgreSQL cannot build concurrently as a whole.

First the index of each partitioned table ON ONLY, invalid at first: from then on, a partition that is attached gets its
index from PostgreSQL. Then each partition's, concurrently, side by side. Then each is attached to the one above it, the
deepest first: the last one makes the whole valid (PostgreSQL documentation, 5.12.2.2 "Partition Maintenance").

What the statements lock was measured on 15, 16 and 18: CREATE INDEX ON ONLY takes SHARE on that table alone, ATTACH
PARTITION ACCESS EXCLUSIVE on the index that is attached, which every statement on its table meets. Where the index
above is attached itself, the last attachment takes ACCESS EXCLUSIVE on the tables further up, too: so each index is
attached when it is complete. DROP INDEX takes ACCESS EXCLUSIVE on all the tables.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from ..._model.catalog import Catalog, TableName
from ..._model.plan import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, Lock, Outcome, Problem, Step, Unit, guarded
from ..._model.tables import lock_problems, owner_problems
from ..._support.sqltext import compose, identifier, qualified
from .. import conflict
from .partition_growth import grow, name_taken
from .partition_scene import Scene, is_helper, relation_names
from .statements import KIND, build_problems, cluster, drops, helper_name, other_identity, refusals, rename
from .target import DesiredIndex, differences, keeping

__all__ = ["goes_with", "is_helper", "plan", "relation_names"]


def goes_with(catalog: Catalog, image: Mapping[str, Any]) -> bool:
    """Whether an attached index goes in this run with one above it: PostgreSQL drops them together."""
    above = image["parent"]
    while above is not None:
        place = (above["schema"], above["table"])
        found = catalog.find(KIND, place, above["name"])
        if found is None:
            return False
        target = catalog.targets.get((KIND, place, above["name"]))
        if target is not None and (not target.present or bool(differences(target, found, catalog))):
            return True
        above = found["parent"]
    return False


def plan(target: DesiredIndex, catalog: Catalog) -> Outcome:
    """The outcome for an index of a partitioned table."""
    scene = Scene.around(target, catalog)
    return _present(scene) if target.present else _absent(scene)


def _outcome(
    scene: Scene,
    state: str,
    steps: Iterable[Step] = (),
    problems: Iterable[Problem] = (),
    notes: Iterable[str] = (),
) -> Outcome:
    target, catalog = scene.target, scene.catalog
    done = tuple(steps)
    further: List[Problem] = []
    if done:
        further += owner_problems(catalog, target.table_name)
        locked = {lock.table for step in done for unit in step.units if unit.guarded for lock in unit.locks}
        further += lock_problems(catalog, locked)
    if any(step.action in ("create", "repair") for step in done):
        further += build_problems(target, catalog)
    return Outcome(
        KIND,
        target.table_name,
        target.name,
        state,
        done[0] if done else None,
        (*problems, *further),
        tuple(notes),
        done[1:],
    )


def _present(scene: Scene) -> Outcome:
    target, catalog, found = scene.target, scene.catalog, scene.found
    different = differences(target, found, catalog) if found is not None else []
    if found is not None and found["valid"] and not different:
        return _outcome(scene, "valid, exactly as wanted", _cleaning(scene))
    problems = _key_problems(scene)
    if found is not None and different:
        return _replaced(scene, found, different, problems)
    notes: List[str] = []
    if found is None:
        twin = _equivalent(scene)
        if twin is not None:
            notes = [f'{qualified(*target.table_name)}: the index "{twin}" already does the job of "{target.name}"']
            if target.accept_equivalent:
                return _outcome(scene, f'the index "{twin}" already does the job', _cleaning(scene), notes=notes)
    comment = target.image["comment"] if target.image is not None else None
    growth = grow(scene, found, scene.names, comment)
    state = "not there" if found is None else "invalid: not every partition has its index"
    problems += growth.problems
    if found is not None and found["is_partition"]:
        problems += refusals(target, found, "completed")
    steps = (*_cleaning(scene), *growth.proved(scene))
    return _outcome(scene, state, steps, problems, [*notes, *growth.notes])


def _absent(scene: Scene) -> Outcome:
    target, found = scene.target, scene.found
    if found is None:
        return _outcome(scene, "not there", _cleaning(scene))
    if goes_with(scene.catalog, found):
        return _outcome(scene, "goes with the index of the partitioned table")
    units = [*_leftover_drops(scene), *_drop_units(scene, found)]
    step = Step(KIND, target.table_name, target.name, "drop", tuple(units), dict(found))
    return _outcome(scene, "there", [step], _keeps(scene, found, "dropped"))


def _replaced(scene: Scene, found: Mapping[str, Any], different: List[str], problems: List[Problem]) -> Outcome:
    """The new one with all its partitions under other names, then the old one dropped and the name taken over."""
    parts = {(image["schema"], image["table"]): image for image in found.get("partitions", ())}
    scene = replace(scene, target=keeping(scene.target, found), former={**parts, scene.target.table_name: found})
    target, root = scene.target, scene.target.table_name
    problems = [*problems, *_keeps(scene, found, "replaced")]
    if not target.replace:
        what = f'the index "{target.name}" has another definition ({"; ".join(different)})'
        problems.append(conflict.another_definition(what))
    names, helpers = scene.names, scene.helpers
    begun = scene.catalog.find(KIND, root, helpers[root])
    cleaning: List[Step] = []
    if _stale(scene):
        cleaning, begun = _cleaning(scene), None
    comment = target.image["comment"] if target.image is not None else found["comment"]
    growth = grow(scene, begun, helpers, comment, fresh=bool(cleaning))
    taken = [problem for node in scene.nodes[1:] for problem in name_taken(scene, node, names[node], dropped=found)]
    renames = {
        (node[0], growth.placed[node]): names[node]
        for node in scene.nodes[1:]
        if growth.placed.get(node) == helpers[node] and helpers[node] != names[node]
    }
    marked = [
        cluster(scene.on(node, growth.placed[node]))
        for node, image in scene.former.items()
        if image["clustered"] and node in growth.placed and target.image is None
    ]
    swap = Step(
        KIND,
        root,
        target.name,
        "replace",
        tuple(_drop_units(scene, found, [rename(root[0], helpers[root], target.name), *marked], renames)),
        dict(found),
        "; ".join(different),
    )
    return _outcome(
        scene,
        "; ".join(different),
        (*cleaning, *growth.proved(scene, helpers[root]), swap),
        [*problems, *growth.problems, *taken],
        growth.notes,
    )


def _stale(scene: Scene) -> bool:
    """Whether helpers are there that are not the beginning of what is wanted now."""
    helpers = scene.helpers
    for node, name in helpers.items():
        image = scene.catalog.find(KIND, node, name)
        if image is None:
            continue
        parent, above = image["parent"], scene.catalog.tables[node].parent
        ours = parent is None or (above is not None and parent["name"] == helpers.get(above))
        if not ours or not scene.fits(node, image):
            return True
    return False


def _key_problems(scene: Scene) -> List[Problem]:
    """A unique index covers each partition by itself: it must contain what decides on the partition."""
    target, wanted = scene.target, scene.target.specification
    if wanted is None or not wanted.unique:
        return []
    columns = {column.name for column in wanted.columns if column.name is not None}
    problems = []
    for node in scene.nodes:
        key = scene.catalog.tables[node].partition_key
        if None in key:
            problems.append(
                Problem(
                    f'"{target.name}" cannot be unique: {qualified(*node)} is partitioned by an expression, and '
                    "PostgreSQL has unique indexes only on tables partitioned by columns; leave unique: true out, or "
                    "make each partition unique by an entry of its own"
                )
            )
            continue
        missing = [column for column in key if column is not None and column not in columns]
        if missing:
            problems.append(
                Problem(
                    f'"{target.name}" cannot be unique without {", ".join(missing)} among its key columns: '
                    f"{qualified(*node)} is partitioned by it, and each partition is unique only by itself; add "
                    "what is missing to columns, or leave unique: true out"
                )
            )
        problems += _collation_problems(scene, node)
    return problems


def _collation_problems(scene: Scene, node: TableName) -> List[Problem]:
    """Keys that two partitions may both have, since they are spread by another collation than they are compared by."""
    table, problems = scene.catalog.tables[node], []
    for name, collation in zip(table.partition_key, table.partition_collations):
        keys = [column for column in scene.target.wanted.columns if column.name is not None and column.name == name]
        found = [collation == (key.collation_schema, key.collation) for key in keys]
        if collation is not None and found and not any(found):
            problems.append(
                Problem(
                    f'"{scene.target.name}" cannot be unique: {qualified(*node)} is partitioned by {name} with the '
                    f"collation {collation[1]}, and the index compares it with another; give this key "
                    f"collation: {collation[1]}"
                )
            )
    return problems


def _equivalent(scene: Scene) -> Optional[str]:
    """Another valid index of the whole with the same definition, if there is one."""
    target = scene.target
    if target.specification is None:
        return None
    for image in scene.catalog.others(KIND, target.table_name):
        if image["valid"] and image["name"] != helper_name(target, "new") and scene.fits(target.table_name, image):
            return str(image["name"])
    return None


# -- what is taken away ------------------------------------------------------------------------------------------------


def _keeps(scene: Scene, found: Mapping[str, Any], verb: str) -> List[Problem]:
    """Why the index of the whole, or one that would go with it, is not ours to change."""
    target = scene.target
    problems = refusals(target, found, verb, scene.catalog)
    for image in found.get("partitions", ()):
        if image["replica_identity"]:
            problems.append(
                Problem(
                    f'the index "{target.name}" cannot be {verb}: its part "{image["name"]}" is the replica '
                    f"identity of {qualified(image['schema'], image['table'])}: logical replication would break; "
                    f"{other_identity(image)}"
                )
            )
    return problems


def _drop_units(
    scene: Scene,
    found: Mapping[str, Any],
    takes_over: Iterable[str] = (),
    renames: Optional[Mapping[Tuple[str, str], str]] = None,
) -> List[Unit]:
    """The index of the whole dropped with all that is attached, in a moment; what waits for a name gets it after.

    takes_over: statements of the same transaction. renames: (schema, name) → name.
    """
    statement = compose("DROP INDEX {name}", name=identifier(found["schema"], found["name"]))
    units = [guarded(ACCESS_EXCLUSIVE, scene.nodes, statement, *takes_over, only=True)]
    waiting = {**(renames or {}), **_beside(scene, found)}
    if waiting:
        units.append(_rename_unit(waiting))
    return units


def _rename_unit(names: Mapping[Tuple[str, str], str]) -> Unit:
    """Names alone: SHARE UPDATE EXCLUSIVE on each index."""
    return Unit(
        tuple(rename(schema, old, new) for (schema, old), new in sorted(names.items())),
        tuple(Lock(SHARE_UPDATE_EXCLUSIVE, place) for place in sorted(names)),
        transaction=True,
    )


def _beside(scene: Scene, found: Mapping[str, Any]) -> Dict[Tuple[str, str], str]:
    """Indexes that stood by themselves before they were attached: the ones built beside them take their names."""
    result = {}
    for image in found.get("partitions", ()):
        target = scene.catalog.targets.get((KIND, (image["schema"], image["table"]), image["name"]))
        if target is not None and target.present:
            result[(image["schema"], helper_name(target, "new"))] = image["name"]
    return result


def _leftover_drops(scene: Scene) -> List[Unit]:
    """Helpers of an interrupted replacement. What is attached to one goes with it.

    Where the whole shall be absent, wishes of this run for helpers go by those.
    """
    units: List[Unit] = []
    for node, name in scene.helpers.items():
        image = scene.catalog.find(KIND, node, name)
        wished = (KIND, node, name) in scene.catalog.targets and not scene.target.present
        if image is None or image["parent"] is not None or wished:
            continue
        if scene.partitioned(node):
            statement = compose("DROP INDEX {name}", name=identifier(node[0], name))
            units.append(guarded(ACCESS_EXCLUSIVE, scene.subtree(node), statement, only=True))
        else:
            units += drops([image])
    return units


def _cleaning(scene: Scene) -> List[Step]:
    """What an interrupted run left: helpers, and names that were not given yet when the whole was exchanged."""
    target, found = scene.target, scene.found
    units = _leftover_drops(scene)
    names, helpers = scene.names, scene.helpers
    attached = {(image["schema"], image["table"]): image["name"] for image in (found or {}).get("partitions", ())}
    renames = {(node[0], helpers[node]): names[node] for node in scene.nodes[1:] if attached.get(node) == helpers[node]}
    if renames:
        units.append(_rename_unit(renames))
    if not units:
        return []
    before = dict(found) if found is not None else None
    return [
        Step(
            KIND,
            target.table_name,
            target.name,
            "clean up",
            tuple(units),
            before,
            "leftover of an interrupted run",
        )
    ]
