# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes a statement back, what it makes, and what it locks: of statements that are run as they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...module_utils._model.plan import ACCESS_EXCLUSIVE, ROW_EXCLUSIVE, SHARE_ROW_EXCLUSIVE
from ...module_utils._support.sqltext import compose, identifier, literal, raw
from .keeping import keep_rows
from .parsing import written
from .scene import Place, SqlScene, strings
from .statements.query import only_new_columns
from .tree import kind_of_node, walk

__all__ = ["Way", "constraint_dropped", "constraint_of", "name_in_sql", "one_name", "way_of"]


@dataclass(frozen=True)
class Way:
    """undo: the statements that take it back, None where nothing does. makes: as in an entry of `statements`.

    if_there: what it does where the object that it makes is there. locks: the tables of which traffic would feel the
    lock, in this mode (13.3.1). rows: whether it writes rows. undo_with_rows: whether the rows of the table that it
    makes are the migration's own. drops, comments_on: objects whose definition or comment the catalog has, and a
    rollback brings back. if_exists: objects without which it does nothing. lost: it drops what the file only renamed.
    keep_rows: as in an entry, of a statement whose rows can be kept where the catalog allows it.
    """

    undo: tuple[str, ...] | None = None
    makes: tuple[Mapping[str, Any], ...] = ()
    if_there: str = "fail"
    locks: tuple[Place, ...] = ()
    mode: str = ACCESS_EXCLUSIVE
    rows: bool = False
    undo_with_rows: bool = False
    drops: tuple[Mapping[str, Any], ...] = ()
    comments_on: tuple[Mapping[str, Any], ...] = ()
    if_exists: tuple[Mapping[str, Any], ...] = ()
    lost: bool = False
    keep_rows: Mapping[str, Any] | None = None

    @property
    def uncertain(self) -> bool:
        """Whether the catalog says at the deployment if it can be taken back."""
        if self.if_there == "replace":
            return any(made.get("parameters") != [] for made in self.makes if made["type"] not in ("trigger", "rule"))
        return any("renamed" not in one for one in self.drops)


def way_of(node: Any, scene: SqlScene) -> Way:
    """Of a statement's tree. What is not known here cannot be taken back, and takes the locks that it takes."""
    find = _WAYS.get(kind_of_node(node))
    return find(node, scene) if find is not None else Way()


def name_in_sql(place: Place) -> str:
    """A name with its schema, where it has one."""
    return compose("{name}", name=identifier(*(part for part in place if part)))


def one_name(name: str) -> str:
    """A name without a schema."""
    return name_in_sql((None, name))


def constraint_of(table: Place, name: str) -> Mapping[str, Any]:
    """A constraint of a table, as an entry of `statements` names what it makes."""
    return {"type": "table constraint", "names": _parts(table, name)}


def constraint_dropped(table: Place, name: str) -> str:
    """The statement that undoes ADD CONSTRAINT."""
    return f"ALTER TABLE {name_in_sql(table)} DROP CONSTRAINT IF EXISTS {one_name(name)}"


def _parts(place: Place, *names: str) -> list[str]:
    return [*(part for part in place if part), *names]


def _made(kind: str, word: str, place: Place, exists: str = "fail", **of: Any) -> Way:
    """Something that is made and can be dropped. kind: for pg_get_object_address; word: for DROP."""
    made = {"type": kind, "names": _parts(place)}
    return Way((f"DROP {word} IF EXISTS {name_in_sql(place)}",), (made,), exists, **of)


def _exists(node: Any) -> str:
    return "keep" if getattr(node, "if_not_exists", False) else "fail"


def _table(node: Any, scene: SqlScene) -> Way:
    foreign = kind_of_node(node) == "CreateForeignTableStmt"
    base = node.base if foreign else node
    place = scene.place(base.relation)
    word = "FOREIGN TABLE" if foreign else "TABLE"
    locks = [scene.place(one.pktable) for one in walk(base) if kind_of_node(one) == "Constraint" and one.pktable]
    filled = scene.comes_later("rows", place[1])
    if base.partbound is not None or base.inhRelations:
        parents = [scene.place(parent) for parent in base.inhRelations or ()]
        return _made(word.lower(), word, place, _exists(base), locks=tuple(parents), undo_with_rows=filled)
    live = tuple(parent for parent in dict.fromkeys(locks) if parent != place and not scene.is_new("table", parent))
    return _made(word.lower(), word, place, _exists(base), locks=live, mode=SHARE_ROW_EXCLUSIVE, undo_with_rows=filled)


def _table_as(node: Any, scene: SqlScene) -> Way:
    word = "MATERIALIZED VIEW" if node.objtype.name == "OBJECT_MATVIEW" else "TABLE"
    return _made(word.lower(), word, scene.place(node.into.rel), _exists(node), undo_with_rows=True)


def _view(node: Any, scene: SqlScene) -> Way:
    way = _made("view", "VIEW", scene.place(node.view), "replace" if node.replace else "fail")
    columns = _columns(node.query)
    if not node.replace or columns is None:
        return way
    return replace(way, makes=({**way.makes[0], "columns": columns},))


def _columns(query: Any) -> int | None:
    """How many a query has; None where only the server knows."""
    while kind_of_node(query) == "SelectStmt" and query.larg is not None:
        query = query.larg
    targets = getattr(query, "targetList", None)
    if not targets or any(kind_of_node(one) == "A_Star" for target in targets for one in walk(target.val)):
        return None
    return len(targets)


def _function(node: Any, scene: SqlScene) -> Way:
    place = scene.named(node.funcname)
    word = "procedure" if node.is_procedure else "function"
    kinds = [(one.mode.name.removeprefix("FUNC_PARAM_"), one) for one in node.parameters or ()]
    inputs = [one for mode, one in kinds if mode in ("IN", "INOUT", "VARIADIC", "DEFAULT")]
    arguments = [written(one.argType) for one in inputs]
    undo = f"DROP {word.upper()} IF EXISTS {name_in_sql(place)}({', '.join(arguments)})"
    made: dict[str, Any] = {"type": word, "names": _parts(place), "arguments": arguments}
    if node.replace:
        made["parameters"] = [one.name or "" for one in inputs]
        made["defaults"] = sum(1 for one in inputs if one.defexpr is not None)
    return Way((undo,), (made,), "replace" if node.replace else "fail")


def _of_table(kind: str, name: str, mode: str = ACCESS_EXCLUSIVE, relation: str = "relation") -> Callable[..., Way]:
    """A trigger, policy or rule. name, relation: the fields of the tree."""

    def find(node: Any, scene: SqlScene) -> Way:
        table, own = scene.place(getattr(node, relation)), getattr(node, name)
        undo = f"DROP {kind.upper()} IF EXISTS {one_name(own)} ON {name_in_sql(table)}"
        made = {"type": kind, "names": _parts(table, own)}
        exists = "replace" if getattr(node, "replace", False) else "fail"
        return Way((undo,), (made,), exists, (table,), mode)

    return find


def _type(field_name: str, word: str = "TYPE") -> Callable[..., Way]:
    """For pg_get_object_address the name of a type is one text in SQL."""

    def find(node: Any, scene: SqlScene) -> Way:
        named = getattr(node, field_name)
        place = scene.place(named) if kind_of_node(named) == "RangeVar" else scene.named(named)
        made = {"type": "type", "names": [name_in_sql(place)]}
        return Way((f"DROP {word} IF EXISTS {name_in_sql(place)}",), (made,))

    return find


def _named(kind: str, field_name: str) -> Callable[..., Way]:
    """What has a name without a schema."""

    def find(node: Any, scene: SqlScene) -> Way:
        name = getattr(node, field_name)
        return _made(kind, kind.upper(), (None, name), _exists(node)) if name else Way()

    return find


def _sequence(node: Any, scene: SqlScene) -> Way:
    return _made("sequence", "SEQUENCE", scene.place(node.sequence), _exists(node))


def _statistics(node: Any, scene: SqlScene) -> Way:
    if not node.defnames:
        return Way()
    return _made("statistics object", "STATISTICS", scene.named(node.defnames), _exists(node))


def _enum(node: Any, scene: SqlScene) -> Way:
    place = scene.named(node.typeName)
    if node.oldVal:
        undo = compose(
            "ALTER TYPE {name} RENAME VALUE {new} TO {old}",
            name=raw(name_in_sql(place)),
            new=literal(node.newVal),
            old=literal(node.oldVal),
        )
        return Way((undo,))
    return Way(() if scene.is_surely_new("type", place) else None)


def _rename(node: Any, scene: SqlScene) -> Way:
    """The same with the names exchanged."""
    way = _renamed(node, scene)
    if not node.missing_ok or node.relation is None or way.undo is None:
        return way
    # IF EXISTS of what is not there renames nothing, and another one may have the new name.
    (text,) = way.undo
    words = [one.name.removeprefix("OBJECT_") for one in (node.renameType, node.relationType)]
    word, place = next((one for one in words if one in _ADDRESSED), "TABLE"), scene.place(node.relation)
    known = not scene.came_before("made", word.lower(), place[1])
    made = {"type": _ADDRESSED[word], "names": _parts(place)}
    return replace(way, undo=(_if_exists(text),), if_exists=(made,) if known else ())


#: How pg_get_object_address calls what RENAME names after ALTER.
_ADDRESSED = {
    "TABLE": "table",
    "INDEX": "index",
    "VIEW": "view",
    "MATVIEW": "materialized view",
    "SEQUENCE": "sequence",
    "FOREIGN_TABLE": "foreign table",
}


def _if_exists(text: str) -> str:
    """ALTER of a relation, with IF EXISTS."""
    for word in ("MATERIALIZED VIEW", "FOREIGN TABLE", "TABLE", "INDEX", "VIEW", "SEQUENCE"):
        if text.startswith(f"ALTER {word} "):
            return f"ALTER {word} IF EXISTS {text.removeprefix(f'ALTER {word} ')}"
    return text


def _renamed(node: Any, scene: SqlScene) -> Way:
    what = node.renameType.name.removeprefix("OBJECT_")
    if what in ("TYPE", "DOMAIN", "SCHEMA") and node.relation is None:
        place = (None, node.subname) if what == "SCHEMA" else scene.named(node.object)
        back = f"ALTER {what} {name_in_sql((place[0], node.newname))} RENAME TO {one_name(str(place[1]))}"
        return Way((back,))
    if node.relation is None or what not in _RENAMED:
        return Way()
    place = scene.place(node.relation)
    word, inner = _RENAMED[what]
    if node.subname and what != "TABLE":
        text = f"{name_in_sql(place)} RENAME {inner} {one_name(node.newname)} TO {one_name(node.subname)}"
        if what in ("TRIGGER", "POLICY", "RULE"):
            text = f"{one_name(node.newname)} ON {name_in_sql(place)} RENAME TO {one_name(node.subname)}"
        return Way((f"ALTER {word} {text}",), locks=(place,) if word in ("TABLE", "TRIGGER", "POLICY", "RULE") else ())
    back = f"ALTER {word} {name_in_sql((place[0], node.newname))} RENAME TO {one_name(place[1])}"
    return Way((back,), locks=(place,) if what == "TABLE" else ())


#: By what is renamed: the word behind ALTER, and the word behind RENAME.
_RENAMED = {
    "TABLE": ("TABLE", ""),
    "COLUMN": ("TABLE", "COLUMN"),
    "TABCONSTRAINT": ("TABLE", "CONSTRAINT"),
    "INDEX": ("INDEX", ""),
    "VIEW": ("VIEW", ""),
    "MATVIEW": ("MATERIALIZED VIEW", ""),
    "SEQUENCE": ("SEQUENCE", ""),
    "TRIGGER": ("TRIGGER", ""),
    "POLICY": ("POLICY", ""),
    "RULE": ("RULE", ""),
}


def _comment(node: Any, scene: SqlScene) -> Way:
    """The comment from before comes back where the object was there; else it goes with its object."""
    kind = node.objtype.name.removeprefix("OBJECT_")
    named = node.object
    if kind in ("TABLE", "VIEW", "SEQUENCE", "INDEX", "MATVIEW", "FOREIGN_TABLE"):
        word = {"MATVIEW": "materialized view"}.get(kind, kind.lower().replace("_", " "))
        made: Any = {"type": word, "names": _parts(scene.named(named))}
    elif kind in ("COLUMN", "TABCONSTRAINT", "TRIGGER", "POLICY"):
        parts = strings(named)
        word = {"COLUMN": "table column", "TABCONSTRAINT": "table constraint"}.get(kind, kind.lower())
        made = {"type": word, "names": _parts(scene.above(parts), parts[-1])}
    elif kind in ("TYPE", "DOMAIN"):
        made = {"type": "type", "names": [name_in_sql(scene.named(named.names))]}
    elif kind in ("SCHEMA", "EXTENSION"):
        made = {"type": kind.lower(), "names": [named.sval]}
    elif kind in ("FUNCTION", "PROCEDURE") and not named.args_unspecified:
        arguments = [written(one) for one in named.objargs or ()]
        made = {"type": kind.lower(), "names": _parts(scene.named(named.objname)), "arguments": arguments}
    else:
        return Way()
    return Way((), comments_on=(made,))


def _index(node: Any, scene: SqlScene) -> Way:
    """Of a table that the file makes: the index goes with it."""
    return Way(())


def _drop(node: Any, scene: SqlScene) -> Way:
    what = node.removeType.name.removeprefix("OBJECT_")
    if what == "TABLE":
        places = [scene.named(one) for one in node.objects]
        return Way(locks=tuple(places))
    if node.behavior.name == "DROP_CASCADE":
        return Way(locks=_tables_of(node, what, scene))
    kind = _MADE.get(what, what.lower())
    if what not in ("TYPE", *_OF_TABLE) and any(scene.is_renamed(kind, _place(one, scene)) for one in node.objects):
        return Way(lost=True)
    drops = [_dropped(one, what, scene) for one in node.objects]
    known = tuple(one for one in drops if one is not None)
    if len(known) < len(drops):
        return Way()
    if what == "TYPE" and all(scene.is_surely_new("type", scene.named(one.names)) for one in node.objects):
        return Way(())
    return Way((), drops=known, locks=_tables_of(node, what, scene))


_OF_TABLE = ("TRIGGER", "POLICY", "RULE")
#: Where the name under which the scene has it differs.
_MADE = {"PROCEDURE": "function", "ROUTINE": "function", "AGGREGATE": "function", "DOMAIN": "type", "MATVIEW": "table"}


def _tables_of(node: Any, what: str, scene: SqlScene) -> tuple[Place, ...]:
    """The tables of triggers, policies and rules."""
    parts = [strings(one) for one in node.objects] if what in _OF_TABLE else []
    return tuple(scene.above(one) for one in parts if len(one) > 1)


def _place(one: Any, scene: SqlScene) -> Place:
    """The name of an object in DROP, whose tree depends on its kind."""
    kind = kind_of_node(one)
    if kind == "String":
        return None, one.sval
    parts = one.objname if kind == "ObjectWithArgs" else one.names if kind == "TypeName" else one
    return scene.named(parts)


def _dropped(one: Any, what: str, scene: SqlScene) -> Mapping[str, Any] | None:
    """As an entry names what it drops; None where the catalog has no definition of its kind."""
    if what == "VIEW":
        return {"type": "view", "names": _parts(scene.named(one))}
    if what in _OF_TABLE:
        parts = strings(one)
        return {"type": what.lower(), "names": _parts(scene.above(parts), parts[-1])} if len(parts) > 1 else None
    if what in ("FUNCTION", "PROCEDURE") and not one.args_unspecified:
        arguments = [written(argument) for argument in one.objargs or ()]
        return {"type": what.lower(), "names": _parts(scene.named(one.objname)), "arguments": arguments}
    if what == "TYPE":
        place = scene.named(one.names)
        former = scene.former_name("type", place)
        made: dict[str, Any] = {"type": "type", "names": [name_in_sql(former)]}
        return {**made, "renamed": place[1]} if former != place else made
    return None


def _rows(node: Any, scene: SqlScene) -> Way:
    place = scene.place(node.relation)
    undone = scene.is_surely_new("table", place) or only_new_columns(node, scene, place)
    kept = None if undone else keep_rows(node, place)
    undo = () if undone or kept is not None else None
    return Way(undo, locks=(place,), mode=ROW_EXCLUSIVE, rows=True, keep_rows=kept)


def _truncate(node: Any, scene: SqlScene) -> Way:
    return Way(locks=tuple(scene.place(relation) for relation in node.relations))


_WAYS: Mapping[str, Callable[[Any, SqlScene], Way]] = {
    "CreateStmt": _table,
    "CreateForeignTableStmt": _table,
    "CreateTableAsStmt": _table_as,
    "ViewStmt": _view,
    "CreateFunctionStmt": _function,
    "CreateTrigStmt": _of_table("trigger", "trigname", SHARE_ROW_EXCLUSIVE),
    "CreatePolicyStmt": _of_table("policy", "policy_name", relation="table"),
    "RuleStmt": _of_table("rule", "rulename"),
    "CreateSeqStmt": _sequence,
    "CreateEnumStmt": _type("typeName"),
    "CreateRangeStmt": _type("typeName"),
    "CompositeTypeStmt": _type("typevar"),
    "CreateDomainStmt": _type("domainname", "DOMAIN"),
    "CreateExtensionStmt": _named("extension", "extname"),
    "CreateSchemaStmt": _named("schema", "schemaname"),
    "CreatePublicationStmt": _named("publication", "pubname"),
    "CreateStatsStmt": _statistics,
    "AlterEnumStmt": _enum,
    "RenameStmt": _rename,
    "CommentStmt": _comment,
    "IndexStmt": _index,
    "DropStmt": _drop,
    "InsertStmt": _rows,
    "UpdateStmt": _rows,
    "DeleteStmt": _rows,
    "MergeStmt": _rows,
    "TruncateStmt": _truncate,
}
