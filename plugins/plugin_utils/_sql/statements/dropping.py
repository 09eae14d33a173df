# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DROP of everything, and DROP … IF EXISTS before a CREATE of the same name, which is a replacement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import SqlScene, dotted, strings
from ..tree import kind_of_node
from .index import drop_index
from .table import drop_table

__all__ = ["HANDLERS"]

#: The words of objects whose names in the grammar are others.
_WORDS = {
    "MATVIEW": "MATERIALIZED VIEW",
    "FOREIGN_TABLE": "FOREIGN TABLE",
    "STATISTIC_EXT": "STATISTICS",
    "EVENT_TRIGGER": "EVENT TRIGGER",
    "TSCONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "TSDICTIONARY": "TEXT SEARCH DICTIONARY",
    "TSPARSER": "TEXT SEARCH PARSER",
    "TSTEMPLATE": "TEXT SEARCH TEMPLATE",
    "FDW": "FOREIGN DATA WRAPPER",
    "FOREIGN_SERVER": "SERVER",
    "ACCESS_METHOD": "ACCESS METHOD",
    "OPCLASS": "OPERATOR CLASS",
    "OPFAMILY": "OPERATOR FAMILY",
}
#: Objects of a table: the last of their names is their own, those before are the table's.
_OF_TABLE = {"TRIGGER", "POLICY", "RULE"}
#: Where the name under which `facts_of` has what makes an object differs.
_MADE = {"DOMAIN": "type", "PROCEDURE": "function", "ROUTINE": "function", "AGGREGATE": "function"}


def _drop(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    what = node.removeType.name.removeprefix("OBJECT_")
    if what == "INDEX":
        return drop_index(node, scene, parsed)
    if what == "TABLE":
        return drop_table(node, scene, parsed)
    word = _WORDS.get(what, what.replace("_", " "))
    names = [_name(one, what, scene) for one in node.objects]
    effect = Effect(f"DROP {word}", f"{word.lower()} {', '.join(dotted(*name) for name in names)}")
    for name in names:
        _hazards(effect, what, name, scene, node)
    return effect


def _name(one: Any, what: str, scene: SqlScene) -> Sequence[Any]:
    """The parts of an object's name, the schema first, None where there is none."""
    kind = kind_of_node(one)
    if kind == "String":
        return None, one.sval
    if kind == "ObjectWithArgs":
        return scene.named(one.objname)
    if kind == "TypeName":
        return scene.named(one.names)
    parts = strings(one if isinstance(one, tuple) else ())
    if what in _OF_TABLE and len(parts) > 1:
        return (*scene.above(parts), parts[-1])
    if not parts:
        return None, "?"
    return (parts[-2] if len(parts) > 1 else scene.schema), parts[-1]


def _hazards(effect: Effect, what: str, name: Sequence[Any], scene: SqlScene, node: Any) -> None:
    about, made = dotted(name[0], *name[1:]), _MADE.get(what, what.lower())
    cascade = node.behavior.name == "DROP_CASCADE"
    if what == "POLICY":
        effect.hazard("privileges", about, "Which rows a role reads and writes changes.")
        return
    if what == "SCHEMA" and cascade:
        effect.hazard("data_loss", about, "CASCADE drops all that is in the schema.")
    if what in ("EXTENSION", "TYPE", "DOMAIN") and cascade:
        effect.hazard("data_loss", about, "CASCADE drops the columns that use it.")
    if what in ("SUBSCRIPTION", "PUBLICATION"):
        effect.hazard("leaves_database", about, "Subscribers in other databases get no more changes.")
    if scene.is_new(made, (name[0], name[-1])) or what == "STATISTIC_EXT":
        return
    if scene.comes_later("made", made, name[-1]):
        effect.notes.append(f"{about} is made again below: between the two, code that uses it fails")
        effect.hazard("not_reversible", about, "The one from before is not kept.")
        if not cascade:
            return
    also = ", and CASCADE drops what depends on it" if cascade else ""
    effect.hazard("breaks_running_application", about, f"Code that uses it fails{also}.")


HANDLERS = {"DropStmt": _drop}
