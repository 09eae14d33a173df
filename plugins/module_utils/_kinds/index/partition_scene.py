# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An index of a partitioned table and of all its partitions: under which names, and what it is on each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, Tuple

from ..._model.catalog import Catalog, Table, TableName, partitions_below
from ..._support.sqltext import derived_name, qualified, temporary_name
from .statements import KIND
from .target import DesiredIndex, differences, kept_statistics

__all__ = ["Names", "Scene", "is_helper", "relation_names"]

Names = Mapping[TableName, str]


def _names(target: DesiredIndex, nodes: Iterable[TableName]) -> Dict[TableName, str]:
    """The name of the index on each table: as the journal has it, or as PostgreSQL would form it."""
    start = f"{target.table}_"
    rest = target.name[len(start) :] if target.name.startswith(start) and target.name != start else target.name
    known = _attached_before(target)
    names: Dict[TableName, str] = {}
    for node in nodes:
        if node == target.table_name:
            names[node] = target.name
        elif node in known:
            names[node] = known[node]["name"]
        else:
            names[node] = derived_name(f"{node[1]}_{rest}", (*node, target.name))
    return names


def _helpers(names: Names) -> Dict[TableName, str]:
    """The names under which another index is built while the old one stands."""
    return {node: temporary_name(name, "new", node) for node, name in names.items()}


def _attached_before(target: DesiredIndex) -> Dict[TableName, Mapping[str, Any]]:
    """What was attached to an index of the journal, by table."""
    images = target.image.get("partitions", ()) if target.image is not None else ()
    return {(image["schema"], image["table"]): image for image in images}


def is_helper(helper: DesiredIndex, catalog: Catalog) -> bool:
    """Whether it is a helper of another target of this run, an index of a partitioned table that shall be present: that
    one's steps use it or take it away.
    """
    node = helper.table_name
    above: Optional[TableName] = node
    while above is not None and above in catalog.tables:
        for (kind, root, _name), target in catalog.targets.items():
            whole = kind == KIND and root == above and catalog.tables[root].kind == "p" and target.present
            if whole and _helpers(_names(target, (node,)))[node] == helper.name:
                return True
        above = catalog.tables[above].parent
    return False


def relation_names(target: DesiredIndex, tables: Mapping[TableName, Table]) -> Set[TableName]:
    """The names that the plan may need on partitions."""
    names = _names(target, partitions_below(tables, target.table_name))
    return {(node[0], name) for of in (names, _helpers(names)) for node, name in of.items()}


@dataclass(frozen=True)
class Scene:
    """What stands there around one target.

    nodes: the table and all partitions below it, parents first. names: of the index on each. helpers: the names under
    which another one is built while the old one stands. former: the indexes that this one takes the place of, by table.
    """

    target: DesiredIndex
    catalog: Catalog
    nodes: Tuple[TableName, ...]
    found: Optional[Mapping[str, Any]]
    names: Names
    helpers: Names
    former: Mapping[TableName, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def around(cls, target: DesiredIndex, catalog: Catalog) -> Scene:
        """The scene of a target."""
        root = target.table_name
        nodes = (root, *catalog.below(root))
        names = _names(target, nodes)
        return cls(target, catalog, nodes, catalog.find(KIND, root, target.name), names, _helpers(names))

    def partitioned(self, node: TableName) -> bool:
        return self.catalog.tables[node].kind == "p"

    def on(self, node: TableName, name: str) -> DesiredIndex:
        """What the index on one of the tables shall be."""
        target = self.target
        if target.image is None:
            return replace(target, schema=node[0], table=node[1], name=name)
        image = target.image if node == target.table_name else _attached_before(target).get(node)
        if image is None:  # a partition that came later: like the whole
            only = "ONLY " if self.partitioned(node) else ""
            image = {
                **target.image,
                "tail": f"{only}{qualified(*node)}{target.image['using']}",
                "comment": None,
                "clustered": False,
                "statistics": {},
            }
        return DesiredIndex(node[0], node[1], name, image=image)

    def marks(self, node: TableName) -> Dict[str, Any]:
        """What the index on one of the tables has beside its definition: as the journal has it; else comment and
        statistics targets as the former one has them, whose CLUSTER mark goes over when that one goes.
        """
        image, former = self.on(node, self.names[node]).image, self.former.get(node)
        if image is not None:
            return {key: image[key] for key in ("comment", "clustered", "statistics")}
        if former is None:
            return {"comment": None, "clustered": False, "statistics": {}}
        statistics = kept_statistics(self.target, former, self.catalog)
        return {"comment": former["comment"], "clustered": False, "statistics": statistics}

    def fits(self, node: TableName, image: Mapping[str, Any]) -> bool:
        """Whether an index on one of the tables is what this one would be there."""
        if self.target.image is None:
            # The expressions of the migration were put in the server's form for the whole table.
            return not differences(self.target, image, self.catalog)
        wanted: Mapping[str, Any] = self.on(node, image["name"]).image or {}
        return all(wanted[key] == image[key] for key in ("using", "unique", "tablespace"))

    def subtree(self, node: TableName) -> List[TableName]:
        return [node, *self.catalog.below(node)]
