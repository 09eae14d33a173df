# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints of a table that is there: added, validated, dropped."""

from __future__ import annotations

from typing import Any

from .. import naming
from ..effect import Effect
from ..scene import Place, SqlScene, dotted, strings
from ..values import Entry
from .foreign_key import add_foreign_key

__all__ = ["add_constraint", "alter_constraint", "drop_constraint", "take_names", "validate_constraint"]

_WORDS = {
    "CONSTR_CHECK": "CHECK",
    "CONSTR_UNIQUE": "UNIQUE",
    "CONSTR_PRIMARY": "PRIMARY KEY",
    "CONSTR_EXCLUSION": "EXCLUDE",
    "CONSTR_NOTNULL": "NOT NULL",
}
_LABELS = {"CONSTR_CHECK": "check", "CONSTR_UNIQUE": "key", "CONSTR_PRIMARY": "pkey", "CONSTR_EXCLUSION": "excl"}


def take_names(constraint: Any, table: Place, scene: SqlScene, column: str | None = None) -> str:
    """The name of a constraint, its own or the server's (indexcmds.c, heap.c); taken from now on."""
    kind = constraint.contype.name
    if constraint.conname or kind not in _LABELS:
        name = constraint.conname or ""
        if name:
            scene.take((table[0], name))
        return name
    columns = strings(constraint.keys) or ([column] if column else [])
    parts = None if kind == "CONSTR_PRIMARY" else naming.joined(columns)
    return scene.chosen(table, parts or None, _LABELS[kind])


def add_constraint(command: Any, table: Place, scene: SqlScene) -> Effect:
    """ALTER TABLE … ADD CONSTRAINT, of any kind."""
    constraint = command.def_
    kind = constraint.contype.name
    if kind == "CONSTR_FOREIGN":
        return add_foreign_key(constraint, table, scene)
    word = _WORDS.get(kind, "CONSTRAINT")
    name = take_names(constraint, table, scene)
    about = dotted(*table, name) if name else dotted(*table)
    effect = Effect(f"ALTER TABLE ADD {word}", f"{word} {name or 'without a name'} of {dotted(*table)}", named=name)
    if scene.is_new("table", table):
        return effect
    if kind in ("CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_EXCLUSION") and not constraint.indexname:
        effect.hazard(
            "blocks_reads", about, f"Its index is built while reads and writes of {dotted(*table)} wait for it."
        )
    elif not constraint.skip_validation and not constraint.indexname:
        effect.hazard("blocks_reads", about, f"All rows of {dotted(*table)} are checked while reads and writes wait.")
    if not constraint.skip_validation and not constraint.indexname:
        effect.hazard("fails_on_data", about, f"It fails if one row of {dotted(*table)} violates it.")
    if kind == "CONSTR_UNIQUE" and constraint.indexname:
        return effect  # the index refuses duplicates already
    if not scene.came_before("dropped constraint", table[1], name):
        effect.hazard(
            "breaks_running_application",
            about,
            "Rows that violate it are refused from now on, in code that runs now, too.",
        )
    return effect


def validate_constraint(command: Any, table: Place, scene: SqlScene) -> Effect:
    """ALTER TABLE … VALIDATE CONSTRAINT."""
    effect = Effect("ALTER TABLE VALIDATE CONSTRAINT", f"constraint {command.name} of {dotted(*table)}")
    if scene.came_before("foreign key", table[1], command.name):
        effect.instead = "The key that this file adds is validated when it is added."
        effect.entries = ()
        return effect
    effect.hazard(
        "fails_on_data",
        dotted(*table, command.name),
        f"It fails if one row of {dotted(*table)} violates it; nothing else is changed by it.",
    )
    return effect


def alter_constraint(command: Any, table: Place, scene: SqlScene) -> Effect:
    """ALTER TABLE … ALTER CONSTRAINT: when a key is checked."""
    return Effect("ALTER TABLE ALTER CONSTRAINT", f"constraint {command.def_.conname} of {dotted(*table)}")


def drop_constraint(command: Any, table: Place, scene: SqlScene) -> Effect:
    """ALTER TABLE … DROP CONSTRAINT, of a kind that only the catalog knows: deploy.yml says if it is no foreign key."""
    name = command.name
    about = dotted(*table, name)
    effect = Effect("ALTER TABLE DROP CONSTRAINT", f"constraint {name} of {dotted(*table)}")
    scene.release((table[0], name))
    if command.behavior.name == "DROP_CASCADE":
        effect.mend = "remove CASCADE, and drop by name what depends on the constraint"
        effect.hazard(
            "breaks_running_application",
            about,
            "CASCADE drops what depends on the constraint, too: foreign keys to it.",
        )
        return effect
    if scene.replaced_at_once(table[1], name):
        effect.instead = (
            "It is dropped in the statement that adds the new one: new rows are checked by one of them always."
        )
        effect.entries = ()
        return effect
    if scene.comes_later("constraint", table[1], name) or scene.key_stays_as_written(table[1], name):
        return effect  # what comes in its place is added as it is written
    effect.entries = (Entry("foreign_keys", {"table": table[1], "name": name, "state": "absent"}, table[0]),)
    if scene.comes_later("foreign key", table[1], name):
        effect.instead = "It is dropped when the new key of this name is valid: there always is one."
    else:
        effect.notes.append(
            "deploy.yml drops it if it is a foreign key, and refuses before any change if it is another constraint"
        )
    return effect
