# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that are run as they are written: their entries of `statements`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...module_utils._model.plan import SHARE_ROW_EXCLUSIVE
from .effect import Effect
from .parsing import Parsed
from .scene import NOWHERE, Place, SqlScene, dotted, strings
from .tree import kind_of_node, walk
from .values import Entry
from .way_back import Way, way_of

__all__ = ["as_written", "entry_of", "run_as_written", "table_of"]

#: What cannot run in a transaction, acts on sessions alone, or is nothing for a migration to do.
_NEVER = frozenset(
    f"{name}Stmt"
    for name in (
        *("Cluster", "AlterTableMoveAll", "Createdb", "Dropdb", "AlterDatabase", "AlterSystem"),
        *("CreateTableSpace", "DropTableSpace", "AlterTableSpaceOptions", "AlterDatabaseRefreshColl", "Copy", "Call"),
        *("CreateSubscription", "AlterSubscription", "DropSubscription", "DeclareCursor", "Prepare", "Execute"),
        *("Load", "Notify", "Explain"),
    )
)
#: Hazards that the lock policy takes away as long as nobody accepts them: the statement is rolled back instead.
_BOUNDED = ("blocks_writes",)

_UNCERTAIN = (
    "What has been added to it, or depends on it, may not come back: deploy.yml says so before anything is "
    "changed, and stops there."
)


#: Of rows that are kept.
_LOST = ("data_loss", "not_reversible")
_SAID = {"data_loss": "Rows are deleted. "}
_KEPT = (
    "The rows that it writes are kept for a rollback; where they cannot be, deploy.yml says so before anything is "
    "changed, and stops there."
)


def as_written(effect: Effect, node: Any, scene: SqlScene, parsed: Parsed) -> None:
    """Give the effect its entry, where the statement is one that is run as it is written."""
    new = _on_new_table(node, scene)
    if effect.entries is not None and not new:
        return
    if not effect.understood or kind_of_node(node) in _NEVER or effect.kind == "VACUUM" or _is_concurrent(node):
        return
    if effect.mend and not new:
        return
    text = parsed.text
    if kind_of_node(node) in ("IndexStmt", "DropStmt") and node.concurrent:
        text = _without(parsed, scene, "CONCURRENTLY")
    way = Way((), locks=_parents(node, scene), mode=SHARE_ROW_EXCLUSIVE) if new else way_of(node, scene)
    run_as_written(effect, text, way, scene, new)


def _is_concurrent(node: Any) -> bool:
    """REINDEX CONCURRENTLY, and of a whole schema or database: they cannot run in a transaction."""
    if kind_of_node(node) != "ReindexStmt":
        return False
    words = [option.defname for option in node.params or ()]
    return "concurrently" in words or node.kind.name not in ("REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE")


def run_as_written(effect: Effect, text: str, way: Way, scene: SqlScene, new: bool = False) -> None:
    """The effect of a statement, or of one subcommand, that is run as this text. new: it goes with its new table."""
    if way.uncertain:
        # The catalog says whether it can be brought back: the deployment asks before anything is changed.
        effect.hazard("not_reversible", effect.summary, _UNCERTAIN)
        effect.bound(("not_reversible",))
    elif not way.drops and _loses_nothing(effect, way):
        way = replace(way, undo=())
    if way.keep_rows is not None:
        _kept(effect, way.keep_rows)
    if way.rows:
        scene.rows_written = scene.position
        effect.bound(_BOUNDED)
    if way.undo is None and not any(one.name in ("data_loss", "not_reversible") for one in effect.hazards):
        effect.hazard("not_reversible", effect.summary, "Nothing is known that would take it back.")
    effect.instead, effect.mend = "" if new else effect.instead, ""
    effect.entries = (entry_of(effect, text, way, scene),)


def _kept(effect: Effect, keep: Mapping[str, Any]) -> None:
    """What would be lost is kept; the catalog says whether it can be, before anything is changed."""
    about = dotted(keep.get("schema"), keep["table"])
    for hazard in effect.hazards:
        if hazard.name in _LOST and hazard.object == about:
            break
    else:
        effect.hazard("not_reversible", about, _KEPT)
    effect.hazards = [
        replace(one, bounded=True, message=f"{_SAID.get(one.name, '')}{_KEPT}")
        if one.name in _LOST and one.object == about
        else one
        for one in effect.hazards
    ]


def _loses_nothing(effect: Effect, way: Way) -> bool:
    """Whether it loses nothing that was there before: it drops or empties what the file makes, or computes it anew."""
    if way.undo is not None or way.lost or effect.kind == "DROP STATISTICS":
        return False
    drops = effect.kind.startswith("DROP ") or effect.kind == "TRUNCATE"
    return (drops and not effect.hazards) or effect.kind in ("REFRESH MATERIALIZED VIEW", "REINDEX", "ANALYZE")


def entry_of(effect: Effect, text: str, way: Way, scene: SqlScene) -> Entry:
    """The entry; its name is made unique, and its reason is added, with the whole migration."""
    content: dict[str, Any] = {"name": f"{effect.kind}: {effect.summary}", "sql": text.strip()}
    if way.undo is not None:
        content["undo"] = list(way.undo)
    live = [place for place in dict.fromkeys(way.locks) if not scene.is_surely_new("table", place)]
    if live:
        content["locks"] = [_lock(place) for place in live]
        content["mode"] = way.mode
    if way.makes:
        content["makes"] = [dict(made) for made in way.makes]
        if way.if_there != "fail":
            content["if_there"] = way.if_there
        if way.undo_with_rows:
            content["undo_with_rows"] = True
    for key, objects in (("drops", way.drops), ("comments_on", way.comments_on), ("if_exists", way.if_exists)):
        if objects:
            content[key] = [dict(one) for one in objects]
    if way.keep_rows is not None:
        content["keep_rows"] = dict(way.keep_rows)
    if scene.schema is not None:
        content["search_path"] = [] if scene.schema == NOWHERE else list(dict.fromkeys((scene.schema, "public")))
    return Entry("statements", content)


def _lock(place: Place) -> Mapping[str, str]:
    schema, table = place
    return {"table": table} if schema is None else {"schema": schema, "table": table}


def table_of(node: Any, scene: SqlScene) -> Place | None:
    """The table that a statement is about."""
    if kind_of_node(node) in ("IndexStmt", "AlterTableStmt", "CreateTrigStmt", "RuleStmt"):
        return scene.place(node.relation)
    if kind_of_node(node) == "DropStmt" and node.removeType.name == "OBJECT_INDEX" and len(node.objects) == 1:
        return scene.table_of(scene.named(node.objects[0]))
    if kind_of_node(node) == "CommentStmt" and node.objtype.name == "OBJECT_COLUMN":
        parts = strings(node.object)
        return scene.above(parts) if len(parts) > 1 else None
    return None


def _on_new_table(node: Any, scene: SqlScene) -> bool:
    """Whether it is about a table that the file makes, and that nobody uses yet."""
    table = table_of(node, scene)
    return table is not None and scene.is_surely_new("table", table)


def _parents(node: Any, scene: SqlScene) -> tuple[Place, ...]:
    """The tables in use to which a statement about a new table adds keys."""
    keys = [one for one in walk(node) if kind_of_node(one) == "Constraint" and one.pktable is not None]
    return tuple(scene.place(one.pktable) for one in keys)


def _without(parsed: Parsed, scene: SqlScene, word: str) -> str:
    """The statement without a word of the grammar."""
    at: Iterable[Any] = (token for token in scene.tokens if token.name == word)
    code = parsed.code
    for token in at:
        code = code[: token.start] + " " * (token.end - token.start) + code[token.end :]
    return code
