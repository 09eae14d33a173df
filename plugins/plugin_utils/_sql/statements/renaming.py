# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RENAME, SET SCHEMA, OWNER TO, DEPENDS ON."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import SqlScene, dotted, strings
from ..tree import kind_of_node

__all__ = ["HANDLERS"]

#: What code does not call by its name.
_UNSEEN = {"INDEX", "TABCONSTRAINT", "DOMCONSTRAINT", "TRIGGER", "RULE", "POLICY", "STATISTIC_EXT", "EVENT_TRIGGER"}
_WORDS = {
    "TABCONSTRAINT": "TABLE",
    "DOMCONSTRAINT": "DOMAIN",
    "COLUMN": "TABLE",
    "MATVIEW": "MATERIALIZED VIEW",
    "ATTRIBUTE": "TYPE",
}

#: Under which name the scene has it.
_MADE = {"DOMAIN": "type"}


def _about(node: Any, scene: SqlScene) -> tuple[Any, ...]:
    """The names of what is renamed or moved: its schema first, None where the file has none."""
    relation = getattr(node, "relation", None)
    own = getattr(node, "subname", None)
    if relation is not None:
        return (*scene.place(relation), *((own,) if own else ()))
    named: Any = getattr(node, "object", None)
    kind = kind_of_node(named)
    if kind == "ObjectWithArgs":
        return scene.named(named.objname)
    if kind == "TypeName":
        return scene.named(named.names)
    if kind == "String":
        return None, named.sval
    if isinstance(named, tuple) and strings(named):
        return scene.named(named)
    return None, own or "?"


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind.replace("_", " "))


def _rename(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    what = node.renameType.name.removeprefix("OBJECT_")
    name = _about(node, scene)
    about = dotted(*name)
    shown = "constraint" if what.endswith("CONSTRAINT") else what.lower().replace("_", " ")
    effect = Effect(f"ALTER {_word(what)} RENAME", f"{shown} {about} becomes {node.newname}")
    table = (name[0], name[1])
    is_new = scene.is_new("table", table) or (len(name) > 2 and scene.is_new("column", table, name[2]))
    if what == "TABLE":
        if scene.is_new("table", table):
            scene.forget("table", table)
            scene.make("table", (table[0], node.newname))
    elif what == "COLUMN" and is_new:
        scene.make("column", table, node.newname)
    elif what in ("INDEX", "TABCONSTRAINT"):
        scene.take((table[0], node.newname))
    elif what in ("TYPE", "DOMAIN", "FUNCTION", "VIEW", "SEQUENCE"):
        # No code knows it by its new name, so that a DROP of that name below breaks none.
        scene.rename(_MADE.get(what, what.lower()), table, (table[0], node.newname))
    if what in _UNSEEN or is_new or scene.is_new(what.lower(), table):
        return effect
    if what in ("TYPE", "TABLE", "VIEW", "FUNCTION") and scene.comes_later("made", what.lower(), name[-1]):
        effect.notes.append(f"another {what.lower()} gets the name {name[-1]} below")
        return effect
    effect.hazard("breaks_running_application", about, f"Code that uses the name {name[-1]} fails.")
    return effect


def _set_schema(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    what = node.objectType.name.removeprefix("OBJECT_")
    about = dotted(*_about(node, scene))
    effect = Effect(f"ALTER {_word(what)} SET SCHEMA", f"{what.lower()} {about} moves to {node.newschema}")
    effect.hazard("breaks_running_application", about, "Code that uses it by its schema, or by a search_path, fails.")
    return effect


def _owner(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    what = node.objectType.name.removeprefix("OBJECT_")
    about = dotted(*_about(node, scene))
    effect = Effect(f"ALTER {_word(what)} OWNER TO", f"{what.lower()} {about}")
    effect.hazard("privileges", about, "Another role owns it.")
    return effect


def _depends(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    return Effect("ALTER … DEPENDS ON EXTENSION", f"{dotted(*_about(node, scene))} depends on an extension")


HANDLERS = {
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _set_schema,
    "AlterOwnerStmt": _owner,
    "AlterObjectDependsStmt": _depends,
}
