# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each table below a partitioned one gets its index, and how they become one: the steps, and what is in the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..._model.catalog import TableName
from ..._model.plan import ACCESS_EXCLUSIVE, SHARE, DataCheck, Problem, Step, autocommit, build, guarded
from ..._support.sqltext import compose, identifier, literal, qualified
from .partition_scene import Names, Scene
from .statements import KIND, after_build, drops, duplicate_checks, rehearsal
from .target import DesiredIndex, create_statement

__all__ = ["Growth", "grow", "name_taken"]


@dataclass
class Growth:
    """The steps by which each table gets its index. placed: the name of it, by table."""

    creates: List[Step] = field(default_factory=list)
    builds: List[Step] = field(default_factory=list)
    attachments: List[Step] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)
    placed: Dict[TableName, str] = field(default_factory=dict)

    def proved(self, scene: Scene, name: Optional[str] = None) -> List[Step]:
        """The steps in their order: what the data and the server say is asked first, what came of it last."""
        steps = [*self.creates, *self.builds, *self.attachments]
        if not steps:
            return []
        if self.creates or self.builds:
            # With the checks of the whole, once: a key may occur on two partitions.
            target = scene.target
            steps[0] = replace(
                steps[0],
                checks=duplicate_checks(target, scene.catalog),
                rehearsal=rehearsal(target),
                copies=(target.table_name,),
            )
        steps[-1] = replace(steps[-1], proof=_proof(scene.target, name or scene.target.name))
        return steps


def grow(
    scene: Scene,
    found: Optional[Mapping[str, Any]],
    names: Names,
    comment: Optional[str],
    fresh: bool = False,
) -> Growth:
    """Each table's index under the name for it, or what is there and fits; each attached to the one above.

    found: the index of the whole, as far as it is there. fresh: nothing that has these names will be there.
    """
    growth = Growth()
    root = scene.target.table_name
    there: Dict[TableName, Optional[Mapping[str, Any]]] = {}
    for node in scene.nodes:
        above = scene.catalog.tables[node].parent if node != root else None
        parent = there.get(above) if above is not None else None
        here = found if node == root else _attached(scene, node, parent)
        if here is None and node != root:
            here = _candidate(scene, node, names[node], growth, fresh)
        attached = here is not None and here["parent"] is not None and node != root
        rebuilt = here is not None and not here["valid"] and not scene.partitioned(node)
        growth.placed[node] = here["name"] if here is not None else names[node]
        if here is not None and rebuilt and attached:
            growth.problems.append(_attached_invalid(node, here))
        elif here is None or rebuilt:
            _make(scene, node, names[node], here, growth, comment if node == root else None)
        elif not attached:
            _complete(scene, node, here, growth)
        there[node] = here
        if above is not None and not attached:
            growth.attachments.append(_attachment(scene, node, here, growth.placed, there))
    growth.attachments.reverse()  # parents come first in the list of tables, and last when they are attached
    if found is not None and not found["valid"] and not (growth.creates or growth.builds or growth.attachments):
        _again(scene, there, growth)
    return growth


def _in_own_place(target: DesiredIndex, tablespace: str) -> DesiredIndex:
    """Without the database's own tablespace, which PostgreSQL takes for no partitioned relation (0A000)."""
    wanted = target.specification
    if wanted is None or wanted.tablespace != tablespace:
        return target
    return replace(target, specification=replace(wanted, tablespace=None))


def _attached(scene: Scene, node: TableName, parent: Optional[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    """The index of a partition that is attached to the one above already, whatever its name."""
    if parent is None:
        return None
    return next(
        (
            image
            for image in scene.catalog.objects(KIND, node)
            if image["parent"] is not None
            and (image["parent"]["schema"], image["parent"]["name"]) == (parent["schema"], parent["name"])
        ),
        None,
    )


def _candidate(scene: Scene, node: TableName, name: str, growth: Growth, fresh: bool) -> Optional[Mapping[str, Any]]:
    """An index of a partition that can be attached: ours of an earlier run, or one that stood there anyhow."""
    target = scene.target
    own = scene.catalog.find(KIND, node, name) if not fresh else None
    if own is not None:
        if own["parent"] is None and own["constraint"] is None and scene.fits(node, own):
            if own["builder"] is not None:
                growth.problems.append(
                    Problem(
                        f'the index "{name}" of {qualified(*node)} is being built right now by server process '
                        f"{own['builder']}: wait until it is done, then run this again"
                    )
                )
            return own
        growth.problems.append(
            Problem(
                f'the name "{name}" is taken on the partition {qualified(*node)} by another index; drop or rename '
                f'that, or give "{target.name}" another name'
            )
        )
        return None
    if not fresh:
        growth.problems += name_taken(scene, node, name)
    if not target.accept_equivalent or scene.partitioned(node):
        return None
    helpers = {scene.helpers[node], scene.names[node]}
    found = next(
        (
            image
            for image in scene.catalog.others(KIND, node)
            if image["valid"]
            and image["name"] not in helpers
            and image["parent"] is None
            and image["constraint"] is None
            and not image["replica_identity"]
            and scene.fits(node, image)
        ),
        None,
    )
    if found is not None:
        growth.notes.append(
            f'{qualified(*node)}: the index "{found["name"]}" exists already and becomes part of "{target.name}"'
        )
    return found


def name_taken(scene: Scene, node: TableName, name: str, dropped: Optional[Mapping[str, Any]] = None) -> List[Problem]:
    """Whether a name in the partition's schema belongs to something that stays. dropped: what goes before."""
    relation = scene.catalog.relations.get((node[0], name))
    if relation is None:
        return []
    going = {(image["schema"], image["name"]) for image in (dropped or {}).get("partitions", ())}
    if (node[0], name) in going:
        return []
    owner = f"an index of {qualified(*relation.table)}" if relation.table else "a table, view or sequence"
    return [
        Problem(
            f'the name "{name}", which the index "{scene.target.name}" needs on the partition {qualified(*node)}, is '
            f'taken in schema "{node[0]}" by {owner}; rename that, or give the index another name'
        )
    ]


def _attached_invalid(node: TableName, image: Mapping[str, Any]) -> Problem:
    index = compose("{index}", index=identifier(image["schema"], image["name"]))
    return Problem(
        f'the index "{image["name"]}" of the partition {qualified(*node)} is attached, but invalid, and cannot be '
        f"dropped alone; run REINDEX INDEX CONCURRENTLY {index}, then this again"
    )


def _make(
    scene: Scene,
    node: TableName,
    name: str,
    here: Optional[Mapping[str, Any]],
    growth: Growth,
    comment: Optional[str],
) -> None:
    target = scene.on(node, name)
    marks = scene.marks(node)
    if scene.partitioned(node):
        comment = marks["comment"] if comment is None else comment
        own = _in_own_place(target, scene.catalog.tablespace)
        create = create_statement(own, name, on=f"ONLY {qualified(*node)}")
        after = after_build(target, comment, statistics=marks["statistics"], analyze=False)
        unit = guarded(SHARE, [node], create, *after, only=True)
        growth.creates.append(
            Step(KIND, node, name, "create", (unit,), None, "on this table alone; invalid until its partitions follow")
        )
        return
    after = after_build(target, **marks)
    units = [*(drops([here]) if here is not None else []), build(node, create_statement(target, name))]
    units += [autocommit(node, statement) for statement in after]
    growth.builds.append(
        Step(
            KIND,
            node,
            name,
            "create" if here is None else "repair",
            tuple(units),
            dict(here) if here is not None else None,
            cleanup=(compose("DROP INDEX CONCURRENTLY IF EXISTS {name}", name=identifier(node[0], name)),),
        )
    )


def _complete(scene: Scene, node: TableName, here: Mapping[str, Any], growth: Growth) -> None:
    """What an index that is ours was not given when the run was cut off right after its build.

    That of a partitioned table has it from the transaction that made it.
    """
    target = scene.on(node, here["name"])
    ours = target.image is not None or here["name"] == scene.helpers[node]
    marks = scene.marks(node)
    if not ours or scene.partitioned(node) or all(marks[key] == here[key] for key in marks):
        return
    after = after_build(target, **marks)
    units = tuple(autocommit(node, statement) for statement in after)
    if units:
        summary = "built by an interrupted run"
        growth.builds.append(Step(KIND, node, here["name"], "alter", units, dict(here), summary))


def _attachment(
    scene: Scene,
    node: TableName,
    here: Optional[Mapping[str, Any]],
    placed: Names,
    there: Mapping[TableName, Optional[Mapping[str, Any]]],
) -> Step:
    above = scene.catalog.tables[node].parent or scene.target.table_name
    locked = [node]
    # Where the index above is attached already, PostgreSQL looks further up in the same statement.
    higher: Optional[TableName] = above
    while higher is not None and higher != scene.target.table_name:
        image = there.get(higher)
        if image is None or image["parent"] is None:
            break
        higher = scene.catalog.tables[higher].parent
        locked += [higher] if higher is not None else []
    statement = compose(
        "ALTER INDEX {whole} ATTACH PARTITION {part}",
        whole=identifier(above[0], placed[above]),
        part=identifier(node[0], placed[node]),
    )
    return Step(
        KIND,
        node,
        placed[node],
        "attach",
        (guarded(ACCESS_EXCLUSIVE, locked, statement, only=True),),
        dict(here) if here is not None else None,
        f'to "{placed[above]}"',
    )


def _again(scene: Scene, there: Mapping[TableName, Optional[Mapping[str, Any]]], growth: Growth) -> None:
    """All is attached, and the whole is invalid all the same: a partition without an index was detached meanwhile.

    Attaching one once more makes PostgreSQL look again, the deepest first.
    """
    seen = set()
    for node in reversed(scene.nodes[1:]):
        above = scene.catalog.tables[node].parent
        whole = there.get(above) if above is not None else None
        if whole is not None and not whole["valid"] and above not in seen:
            seen.add(above)
            growth.attachments.append(_attachment(scene, node, there[node], growth.placed, there))
    if not growth.attachments and not growth.problems:
        growth.problems.append(
            Problem(
                f'the index "{scene.target.name}" is invalid, and there is no partition whose index could make it '
                "valid; drop it, then run this again"
            )
        )


def _proof(target: DesiredIndex, name: str) -> Tuple[DataCheck, ...]:
    """Whether every partition has its index by now, those too that were attached meanwhile."""
    root, index = literal(qualified(*target.table_name)), literal(qualified(target.schema, name))
    newer = "if it stays so, update the server to its newest minor release"
    return (
        DataCheck(
            target.table_name,
            compose(
                "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS partition,"
                " pg_catalog.count(*) OVER () AS total FROM pg_catalog.pg_partition_tree({root}) t"
                " JOIN pg_catalog.pg_class c ON c.oid = t.relid"
                " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " WHERE t.isleaf AND c.relkind <> 'p' AND NOT EXISTS ("
                "SELECT FROM pg_catalog.pg_partition_tree({index}) x JOIN pg_catalog.pg_index i"
                " ON i.indexrelid = x.relid WHERE i.indrelid = c.oid AND i.indisvalid)"
                " ORDER BY 1 LIMIT 10",
                root=root,
                index=index,
            ),
            f'1 partition has no valid index of "{name}" yet',
            f'{{total}} partitions have no valid index of "{name}" yet',
            "",
        ),
        DataCheck(
            target.table_name,
            compose(
                "SELECT c.relname AS name, pg_catalog.count(*) OVER () AS total FROM pg_catalog.pg_index i"
                " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
                " WHERE i.indexrelid = {index}::pg_catalog.regclass AND NOT i.indisvalid",
                index=index,
            ),
            "all partitions have theirs, and the whole is not valid",
            "all partitions have theirs, and the whole is not valid",
            newer,
        ),
    )
