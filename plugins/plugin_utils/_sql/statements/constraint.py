# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints of a table that is there: added, validated, dropped."""

from __future__ import annotations

from typing import Any

from .. import naming
from ..effect import Effect
from ..fragments import value_of
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
_BUILT = (
    "Its index is built CONCURRENTLY while rows are read and written, and becomes the constraint's in an instant (ADD "
    "CONSTRAINT … USING INDEX), under the lock policy."
)
_REPLACED = (
    "The new index is built CONCURRENTLY beside the old constraint, and takes its place in one statement: there always "
    "is one."
)
_NOT_NULL = "Its columns are made NOT NULL before, without a scan under a lock."
_LABELS = {"CONSTR_CHECK": "check", "CONSTR_UNIQUE": "key", "CONSTR_PRIMARY": "pkey", "CONSTR_EXCLUSION": "excl"}


def take_names(constraint: Any, table: Place, scene: SqlScene, column: str | None = None) -> str:
    """The name of a constraint, its own or the server's (indexcmds.c, heap.c); taken from now on."""
    kind = constraint.contype.name
    if constraint.conname or kind not in _LABELS:
        name = constraint.conname or ""
        if name:
            scene.take((table[0], name))
        return name
    columns = [*(strings(constraint.keys) or ([column] if column else [])), *strings(constraint.including)]
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
    if has_entry(constraint):
        return _with_index(effect, constraint, table, scene)
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


def has_entry(constraint: Any) -> bool:
    """Whether an entry of `constraints` says it: a UNIQUE or PRIMARY KEY whose index is still to be built."""
    kind = constraint.contype.name
    return kind in ("CONSTR_UNIQUE", "CONSTR_PRIMARY") and not constraint.indexname and not constraint.without_overlaps


def _with_index(effect: Effect, constraint: Any, table: Place, scene: SqlScene) -> Effect:
    name, primary = effect.named, constraint.contype.name == "CONSTR_PRIMARY"
    replaced = scene.came_before("dropped constraint", table[1], name)
    effect.instead = f"{_REPLACED if replaced else _BUILT} {_NOT_NULL if primary else ''}".strip()
    if not constraint.conname:
        effect.notes.append(f"it has no name: PostgreSQL calls it {name}, unless another one has that name")
    if not replaced:
        wrong = "duplicate keys and NULLs" if primary else "duplicate keys"
        effect.notes.append(
            f"{wrong} in {dotted(*table)} are found before anything is changed; "
            "afterwards they are refused, in code that runs now, too"
        )
    if primary and not replaced:
        effect.hazard(
            "breaks_running_application",
            dotted(*table, name),
            "Code that runs now and writes NULL into its columns, or leaves them out, fails from now on.",
        )
    content: dict[str, Any] = {"name": name, "table": table[1]}
    content["primary_key" if primary else "unique"] = strings(constraint.keys)
    if constraint.including:
        content["include"] = strings(constraint.including)
    for key, given in (
        ("nulls_not_distinct", constraint.nulls_not_distinct),
        ("deferrable", constraint.deferrable),
        ("initially_deferred", constraint.initdeferred),
    ):
        if given:
            content[key] = True
    if constraint.options:
        content["storage_parameters"] = {option.defname: value_of(option.arg) for option in constraint.options}
    if constraint.indexspace:
        content["tablespace"] = constraint.indexspace
    # psql leaves nothing of a former one, not even its comment.
    content.update({"comment": ""} if replaced else {"on_conflict": "refuse"})
    effect.entries = (Entry("constraints", content, table[0]),)
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
    if scene.comes_later("index constraint", table[1], name):
        effect.instead = _REPLACED
        effect.entries = (Entry("constraints", {"table": table[1], "name": name, "state": "absent"}, table[0]),)
        return effect
    if scene.comes_later("constraint", table[1], name) or scene.key_stays_as_written(table[1], name):
        return effect  # what comes in its place is added as it is written
    effect.entries = (Entry("foreign_keys", {"table": table[1], "name": name, "state": "absent"}, table[0]),)
    if scene.comes_later("foreign key", table[1], name):
        effect.instead = "It is dropped when the new key of this name is valid: there always is one."
    else:
        effect.notes.append(
            "deploy.yml asks the catalog what it is, and refuses before any change if something rests on it"
        )
    return effect
