# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ADD CONSTRAINT … FOREIGN KEY, as entries of `foreign_keys`, with every property: psql keeps none of a former key."""

from __future__ import annotations

from typing import Any

from .. import naming
from ..effect import Effect
from ..scene import Place, SqlScene, dotted, strings
from ..values import Entry

__all__ = ["add_foreign_key"]

_ACTIONS = {"a": "no_action", "r": "restrict", "c": "cascade", "n": "set_null", "d": "set_default"}
_BREAKS = "breaks_running_application"
_MATCHES = {"s": "simple", "f": "full"}
_ADDED = (
    "The key is added NOT VALID under the lock policy and validated in another transaction, while rows are written; "
    "orphans are found before anything is changed."
)
_IN_STEPS = (
    "It is added NOT VALID under the lock policy, and validated in a statement of its own while rows are written."
)
_STAYS = "It is added NOT VALID under the lock policy, and stays so: rows that are there are not checked."
_REPLACED = "The new key is valid before the old one is dropped, in one short transaction: there always is one."


def add_foreign_key(
    constraint: Any,
    table: Place,
    scene: SqlScene,
    inline: list[str] | None = None,
    deferrable: bool = False,
    deferred: bool = False,
) -> Effect:
    """constraint: pglast's Constraint, in an ALTER TABLE of the table.

    inline: the column in whose definition the key is; what is said of its deferral there stands beside it.
    """
    columns = strings(constraint.fk_attrs) or inline or []
    name = constraint.conname or scene.chosen(table, naming.joined(columns), "fkey")
    effect = Effect("ALTER TABLE ADD FOREIGN KEY", f"foreign key {name} of {dotted(*table)}")
    if not constraint.conname:
        effect.notes.append(f"the key has no name: PostgreSQL calls it {name}, unless another constraint has that name")
    scene.take((table[0], name))
    scene.note("foreign key", table[1], name)
    new_table = scene.is_new("table", table)
    new_columns = any(scene.is_new("column", table, column) for column in columns)
    replaced = scene.came_before("dropped constraint", table[1], name)
    effect.instead = _REPLACED if replaced else _ADDED
    if not (new_table or new_columns or replaced):
        effect.notes.append(
            f"rows of {dotted(*table)} without a parent are found before anything is changed; afterwards they are "
            "refused, in code that runs now, too"
        )
    if replaced and constraint.fk_upd_action == "a":
        effect.notes.append("it has no ON UPDATE, so it is NO ACTION, whatever the key in its place has")
    effect.named = name
    mend = _not_expressible(constraint, table, scene, name)
    if mend:
        # In two steps, as it is written; unless NOT VALID is meant to stay.
        effect.instead = _STAYS if constraint.skip_validation else _IN_STEPS
    else:
        content = _content(constraint, table, scene, name, columns, replaced)
        content["deferrable"] = content["deferrable"] or deferrable
        content["initially_deferred"] = content["initially_deferred"] or deferred
        loose = constraint.pktable.schemaname is None and scene.schema is None
        effect.entries = (
            Entry(
                "foreign_keys",
                content,
                table[0],
                loose and table[0] is not None,
            ),
        )
        if not new_table:
            _set_null(effect, constraint, columns, table, scene)
    return effect


def _set_null(effect: Effect, constraint: Any, columns: list[str], table: Place, scene: SqlScene) -> None:
    """ON DELETE and ON UPDATE SET NULL fail where a column refuses NULL, which the catalog knows."""
    nulled = {"DELETE": constraint.fk_del_action, "UPDATE": constraint.fk_upd_action}
    events = [event for event, action in nulled.items() if action == "n"]
    named = columns if nulled["UPDATE"] == "n" else strings(constraint.fk_del_set_cols) or columns
    known = [column for column in named if scene.is_new("column", table, column)]
    if not events or (known == named and not any(scene.came_before("made not null", table[1], one) for one in named)):
        return
    effect.hazard(
        _BREAKS,
        dotted(*table, effect.named),
        f"ON {' and ON '.join(events)} SET NULL: where {' or '.join(named)} of {dotted(*table)} is NOT NULL, each such "
        f"{' and '.join(events)} fails. deploy.yml asks the catalog before anything is changed, and stops there unless "
        "this is accepted.",
    )
    effect.bound((_BREAKS,))


def _not_expressible(constraint: Any, table: Place, scene: SqlScene, name: str) -> str:
    """What to do about a key that no entry says; empty for one that an entry does."""
    if not constraint.pk_attrs:
        return "name the columns that the key refers to: REFERENCES parent (column)"
    if constraint.fk_matchtype not in _MATCHES:
        return "PostgreSQL has no MATCH PARTIAL: remove it"
    if constraint.fk_with_period or constraint.pk_with_period:
        return "deploy.yml of this version has no key with PERIOD: run it by your own tool"
    if not constraint.is_enforced:
        return "deploy.yml of this version has no key that is NOT ENFORCED: run it by your own tool"
    if constraint.skip_validation and not scene.comes_later("validated", table[1], name):
        return (
            "the key stays NOT VALID, which deploy.yml of this version does not leave behind: add ALTER TABLE … "
            f'VALIDATE CONSTRAINT "{name}" to the file, or remove NOT VALID; rows are checked without blocking writes'
        )
    return ""


def _content(
    constraint: Any, table: Place, scene: SqlScene, name: str, columns: list[str], replaced: bool
) -> dict[str, Any]:
    parent = scene.place(constraint.pktable)
    references: dict[str, Any] = {"table": parent[1], "columns": strings(constraint.pk_attrs)}
    if parent[0] is not None and parent[0] != table[0]:
        references["schema"] = parent[0]
    content: dict[str, Any] = {
        "name": name,
        "table": table[1],
        "columns": columns,
        "references": references,
        "on_delete": _ACTIONS[constraint.fk_del_action],
        "on_update": _ACTIONS[constraint.fk_upd_action],
        "match": _MATCHES[constraint.fk_matchtype],
        "deferrable": bool(constraint.deferrable),
        "initially_deferred": bool(constraint.initdeferred),
    }
    if not replaced:
        content["on_conflict"] = "refuse"
    if constraint.fk_del_set_cols:
        content["on_delete_columns"] = strings(constraint.fk_del_set_cols)
    return content
